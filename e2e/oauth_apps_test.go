package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// appTime bounds one command of an application.
const appTime = 90 * time.Second

// application is a program by others, as its user runs it: it was told the gateway's address and nothing else.
type application struct {
	t   *testing.T
	p   *person
	env []string
	url string
	// opened is how often it has sent its user to the browser so far.
	opened int
}

// TestOAuth_ApplicationsLogInUnmodified lets applications that people use log in, each with a home and a browser of its
// own: at first use they ask, then they remember, and when the user logs them out they ask again. They reach nothing but
// this machine.
func TestOAuth_ApplicationsLogInUnmodified(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddServer("everything", "--", node(t), fixture(t, "@modelcontextprotocol/server-everything/dist/index.js"))
	for _, c := range []struct {
		name string // as it calls itself
		run  func(a *application, logout func())
	}{
		{"MCP CLI Proxy", (*application).mcpRemote},
		{"MCP Inspector", (*application).inspector},
		{"Claude Code", (*application).claudeCode},
		{"Codex", (*application).codex},
		{"Gemini CLI MCP Client", (*application).geminiCLI},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := d.Person()
			a := &application{t: t, p: p, env: p.env(t), url: "http://" + d.Gateway + "/mcp"}
			c.run(a, func() {
				if now := d.client(c.name); !now.Approved {
					t.Errorf("before the logout: %+v", now)
				}
				d.CLI("client", "logout", c.name)
			})
			var all []struct{ Name string }
			d.JSON(&all, "client", "list")
			for _, other := range all {
				if strings.HasPrefix(other.Name, c.name+" ") {
					t.Errorf("it is another client after the logout, %q", other.Name)
				}
			}
		})
	}
}

// TestOAuth_ApplicationsRegisterWhereDocumentsAreOff is of applications whose client_id is the address of a document
// elsewhere: where the setting says that those are not read, they register.
func TestOAuth_ApplicationsRegisterWhereDocumentsAreOff(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.CLI("settings", "set", "client.documents", "false")
	for name, run := range map[string]func(a *application){
		"Claude Code": func(a *application) {
			a.ok(claude(a.t), "mcp", "add", "--transport", "http", "mux", a.url)
			a.ok(a.terminal(nil, claude(a.t), "mcp", "login", "mux")...)
		},
		"Codex": func(a *application) { a.ok(codex(a.t, "mcp", "add", "mux", "--url", a.url)...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := d.Person()
			a := &application{t: t, p: p, env: p.env(t), url: "http://" + d.Gateway + "/mcp"}
			run(a)
			a.asked()
			if id := p.visits()[0].authorize.Get("client_id"); !strings.HasPrefix(id, "mm_cl_") {
				t.Errorf("its client_id is %q", id)
			}
		})
	}
}

// client is a Client as `client show` has it.
func (d *Daemon) client(name string) (c struct{ Approved bool }) {
	d.t.Helper()
	d.JSON(&c, "client", "show", name)
	return c
}

// mcpRemote is the bridge for applications that know processes alone: an MCP server over stdio that is logged in to
// another one.
func (a *application) mcpRemote(logout func()) {
	use := func() {
		a.t.Helper()
		ctx, cancel := context.WithTimeout(a.t.Context(), appTime)
		defer cancel()
		cmd := exec.CommandContext(ctx, node(a.t), fixture(a.t, "mcp-remote/dist/proxy.js"), a.url, "--auth-timeout", "300")
		log := new(logBuffer)
		cmd.Env, cmd.Stderr = a.env, log
		session, err := mcp.NewClient(&mcp.Implementation{Name: "e2e", Version: "1"}, nil).Connect(ctx, &mcp.CommandTransport{Command: cmd}, nil)
		if err != nil {
			a.t.Fatalf("%v\n%s", err, log)
		}
		got, err := goEcho(ctx, session)
		if err != nil || got != "Echo: loud and clear" {
			a.t.Errorf("got %q, %v\n%s", got, err, log)
		}
		_ = session.Close() // it is ended by a signal where it does not end by itself
	}
	use()
	a.asked()
	use()
	a.notAsked()
	logout()
	use()
	a.asked()
}

// inspector is the MCP Inspector without its web page.
func (a *application) inspector(logout func()) {
	a.env = append(a.env, "MCP_INSPECTOR_SECRET_STORE=file", "MCP_AUTO_OPEN_ENABLED=true")
	method := func(args ...string) string {
		a.t.Helper()
		// By default the browser comes back to a port that another Inspector may have.
		line := []string{node(a.t), fixture(a.t, "@modelcontextprotocol/inspector/clients/launcher/build/index.js"), "--cli", a.url, "--callback-url", "http://127.0.0.1:0/oauth/callback"}
		return a.ok(append(line, args...)...)
	}
	call := []string{"--method", "tools/call", "--tool-name", "everything_echo", "--tool-arg", "message=loud and clear"}
	a.has(method("--method", "tools/list"), `"everything_echo"`)
	a.asked()
	a.has(method(call...), "Echo: loud and clear")
	a.notAsked()
	logout()
	a.has(method(append(call, "--protocol-era", "modern")...), "Echo: loud and clear")
	a.asked()
}

// claudeCode wants a terminal to log in.
func (a *application) claudeCode(logout func()) {
	list := []string{claude(a.t), "mcp", "list"}
	login := a.terminal(nil, claude(a.t), "mcp", "login", "mux")
	a.ok(claude(a.t), "mcp", "add", "--transport", "http", "mux", a.url)
	a.has(a.ok(list...), "Needs authentication")
	a.notAsked()
	a.has(a.ok(login...), "Authenticated")
	a.asked()
	a.has(a.ok(list...), "Connected")
	logout()
	a.has(a.ok(list...), "Needs authentication")
	a.ok(login...)
	a.has(a.ok(list...), "Connected")
	a.asked()
}

func claude(t *testing.T) string {
	t.Helper()
	all, err := filepath.Glob("fixtures/node_modules/@anthropic-ai/claude-code-*/claude" + exeSuffix())
	if err != nil || len(all) != 1 {
		t.Fatalf("there is not one Claude Code for this system, but %v (%v): run `make setup`", all, err)
	}
	abs, err := filepath.Abs(all[0])
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// codex logs in as soon as it is told of a server that wants it.
func (a *application) codex(logout func()) {
	a.has(a.ok(codex(a.t, "mcp", "add", "mux", "--url", a.url)...), "Successfully logged in")
	a.asked()
	a.has(a.ok(codex(a.t, "mcp", "list")...), "OAuth")
	a.has(a.codexStatus(), `"everything_echo"`)
	a.notAsked()
	logout()
	if got := a.codexStatus(); strings.Contains(got, `"everything_echo"`) {
		a.t.Errorf("after the logout it has tools: %.500s", got)
	}
	a.has(a.ok(codex(a.t, "mcp", "login", "mux")...), "Successfully logged in")
	a.asked()
	a.has(a.codexStatus(), `"everything_echo"`)
}

func codex(t *testing.T, args ...string) []string {
	t.Helper()
	return append([]string{node(t), fixture(t, "@openai/codex/bin/codex.js")}, args...)
}

// codexStatus asks Codex, as an editor does that runs it, for its servers and their tools.
func (a *application) codexStatus() string {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), appTime)
	defer cancel()
	line := codex(a.t, "app-server")
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	log := new(logBuffer)
	cmd.Env, cmd.Stderr, cmd.WaitDelay = a.env, log, time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		a.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		a.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }() // it is ended by the end of its input
	defer stdin.Close()
	_, err = io.WriteString(stdin, `{"id":1,"method":"initialize","params":{"clientInfo":{"name":"e2e","version":"1"}}}
{"method":"initialized"}
{"id":2,"method":"mcpServerStatus/list","params":{}}
`)
	if err != nil {
		a.t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var answer struct{ ID int }
		if err := json.Unmarshal(lines.Bytes(), &answer); err == nil && answer.ID == 2 {
			return lines.Text()
		}
	}
	a.t.Fatalf("no answer (%v)\n%s", lines.Err(), log)
	return ""
}

// geminiCLI logs in from within a conversation; it never gets to ask its model anything.
func (a *application) geminiCLI(logout func()) {
	home := a.env[0][len("HOME="):]
	settings := `{"mcpServers":{"mux":{"httpUrl":"` + a.url + `"}},"security":{"folderTrust":{"enabled":false},"auth":{"selectedType":"gemini-api-key"}}}`
	if err := os.MkdirAll(filepath.Join(home, ".gemini"), 0o700); err != nil {
		a.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".gemini", "settings.json"), []byte(settings), 0o600); err != nil {
		a.t.Fatal(err)
	}
	a.env = append(a.env, "GEMINI_API_KEY=none")
	gemini := []string{node(a.t), fixture(a.t, "@google/gemini-cli/bundle/gemini.js")}
	list := append(slices.Clone(gemini), "mcp", "list")
	a.has(a.ok(list...), "Disconnected")
	a.notAsked()
	// What it is told before it knows its commands it takes for a question to its model.
	typed := []string{
		"Authenticated with", `"/mcp"`, "Manage configured", `" auth mux"`, "/mcp auth mux", `"\r"`, "Do you want to continue", `"\r"`,
		"Successfully authenticated and reloaded", `"/quit"`, "Exit the cli", `"\r"`,
	}
	a.ok(a.terminal(typed, gemini...)...)
	a.asked()
	a.has(a.ok(list...), "- Connected")
	a.notAsked()
	logout()
	a.has(a.ok(list...), "Disconnected")
}

// terminal is the command line that runs a program in a terminal; typed are pairs of a text of the program and what is
// typed then, in JSON.
func (a *application) terminal(typed []string, line ...string) []string {
	a.t.Helper()
	if runtime.GOOS == "windows" {
		a.t.Skip("this program logs in in a terminal alone, and there is none to give it on Windows")
	}
	abs, err := filepath.Abs(python(a.t))
	if err != nil {
		a.t.Fatal(err)
	}
	script, err := filepath.Abs("fixtures/clients/terminal.py")
	if err != nil {
		a.t.Fatal(err)
	}
	return slices.Concat([]string{abs, script}, typed, []string{"--"}, line)
}

// ok runs a command of the application, at home, and answers what it wrote.
func (a *application) ok(line ...string) string {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), appTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = a.env, a.env[0][len("HOME="):], time.Second
	cmd.Cancel = func() error { return interrupt(cmd.Process) } // terminal.py ends what it runs
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		a.t.Fatalf("%v: %v\n%s", line, err, &out)
	}
	return out.String()
}

func (a *application) has(got, part string) {
	a.t.Helper()
	if !strings.Contains(got, part) {
		a.t.Errorf("got %.3000s, want %q in it", got, part)
	}
}

// asked wants the user to have been sent to the browser once since this was last asked.
func (a *application) asked() {
	a.t.Helper()
	a.p.all.Wait() // the browser shows the application's last page when that has gone on already
	n := len(a.p.visits())
	if n != a.opened+1 {
		a.t.Errorf("the browser was opened %d times, want once", n-a.opened)
	}
	a.opened = n
}

func (a *application) notAsked() {
	a.t.Helper()
	if n := len(a.p.visits()); n != a.opened {
		a.t.Errorf("the browser was opened %d times, want never", n-a.opened)
		a.opened = n
	}
}
