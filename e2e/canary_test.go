package e2e

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/oauthtest"
)

// canaries are secrets that nothing else looks like, by the place that each was put into.
type canaries map[string]string

// put makes a canary.
func (c canaries) put(place string) string {
	c[place] = "c4n/" + rand.Text() + "+\"<&>\\" + strings.ReplaceAll(place, " ", "_")
	return c[place]
}

// plain is put for places that take letters and digits only.
func (c canaries) plain(place string) string {
	c[place] = "canary" + rand.Text()
	return c[place]
}

// forms is how a secret may be written: raw, in JSON, in a URL, in hexadecimal and in base64, wherever it stands in
// what was encoded.
func forms(secret string) [][]byte {
	quoted, _ := json.Marshal(secret) // texts always marshal
	var plain strings.Builder
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	_ = e.Encode(secret)
	all := []string{
		secret, string(quoted[1 : len(quoted)-1]), strings.Trim(plain.String(), "\"\n"), strings.Trim(strconv.Quote(secret), `"`), url.QueryEscape(secret), url.PathEscape(secret),
		hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
	}
	for before := range 3 {
		// Characters at both ends may hold bits of what stands beside.
		text := base64.StdEncoding.EncodeToString(append(make([]byte, before), secret...))
		core := text[4 : len(text)-4]
		all = append(all, core, strings.NewReplacer("+", "-", "/", "_").Replace(core))
	}
	var out [][]byte
	for _, form := range all {
		out = append(out, []byte(form))
	}
	return out
}

// search fails for each canary in text.
func (c canaries) search(t *testing.T, where string, text []byte, but ...string) {
	t.Helper()
	for place, secret := range c {
		if slices.Contains(but, place) {
			continue
		}
		for i, form := range forms(secret) {
			if at := bytes.Index(text, form); at >= 0 {
				t.Errorf("the secret of %s is in %s, in form %d: …%q…", place, where, i, text[max(at-80, 0):min(at+len(form)+20, len(text))])
				break
			}
		}
	}
}

func TestCanaries_TheSearchFindsEveryForm(t *testing.T) {
	c := canaries{}
	secret := c.put("somewhere")
	for _, text := range []string{
		"x" + secret, hex.EncodeToString([]byte("ab" + secret)), base64.StdEncoding.EncodeToString([]byte("Bearer " + secret + " and more")),
		base64.RawURLEncoding.EncodeToString([]byte("12" + secret + "x")), "?k=" + url.QueryEscape(secret),
	} {
		found := false
		for _, form := range forms(secret) {
			found = found || bytes.Contains([]byte(text), form)
		}
		if !found {
			t.Errorf("not found in %s", text)
		}
	}
}

// TestCanaries_NoSecretIsAnywhereItShouldNotBe puts a secret of its own into every place that takes one, uses
// everything, well and badly, and looks for them wherever the product writes.
func TestCanaries_NoSecretIsAnywhereItShouldNotBe(t *testing.T) {
	c := canaries{}
	d := Start(t, Options{Slack: true, Env: []string{"CANARY_REFERENCE=" + c.put("a reference to the environment")}})
	events := d.followEvents()

	// A process, with a variable, a secret, and one that is kept elsewhere.
	d.AddServer("proc", process(t, mcptest.Script{}, "--env", "PLAIN="+c.put("an environment variable"), "--secret", "TOKEN="+c.put("a secret input"),
		"--secret", "REF=env:CANARY_REFERENCE")...)
	// An address with a header, and with a secret in it.
	scripted, address := scripted(t, mcptest.Script{})
	_ = scripted
	d.AddServer("web", "--header", "X-Api-Key: "+c.plain("a header"), "--header", "Authorization: Bearer "+c.plain("an authorization header"),
		"--secret", "K="+c.plain("an input of an address"), address+"?key=${input:K}")
	// Servers that fail with what they were given: they cannot be reached, refuse, end at once and say why.
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":%q}}`, r.URL.String()+" "+r.Header.Get("X-Api-Key"))
	}))
	t.Cleanup(echo.Close)
	d.CLI("server", "add", "refuses", "--header", "X-Api-Key: "+c.plain("a header of a server that repeats it"),
		"--secret", "K="+c.plain("an input of an address that is repeated"), echo.URL+"/?key=${input:K}")
	d.CLI("server", "add", "nowhere", "--secret", "K="+c.plain("an input of an address that leads nowhere"), "http://127.0.0.1:"+freePort(t)+"/${input:K}")
	if runtime.GOOS != "windows" {
		d.CLI("server", "add", "talks", "--secret", "TOKEN="+c.put("a secret of a process that prints it"), "--",
			"sh", "-c", `echo "my token is $TOKEN" >&2; printf %s "$TOKEN" | base64 -w0 >&2; echo "$TOKEN"; exit 3`)
	}
	// Logins: by browser, by client credentials, and one that goes wrong with the secrets in the answer.
	logins := oauthtest.New(t, oauthtest.Script{AuthMethods: []string{oauthtest.AuthBasic}, Clients: []oauthtest.Client{
		{ID: "me", Secret: c.plain("a client secret")},
	}})
	d.addProtected("gh", logins.MCP())
	d.LogIn("gh")
	d.CLI("server", "add", "robot", "--client-id", "me", "--client-secret", c["a client secret"], "--login-grant", "client_credentials", logins.MCP())
	d.AwaitServer("gh", "connected")
	d.AwaitServer("robot", "connected")
	bad := oauthtest.New(t, oauthtest.Script{Answers: map[string][]oauthtest.Answer{
		oauthtest.Token: {{
			Status: http.StatusBadRequest, Header: map[string]string{"Content-Type": "application/json"},
			Body: `{"error":"invalid_grant","error_description":"` + c.plain("the answer of an authorization server") + `"}`,
		}},
	}})
	d.addProtected("bad", bad.MCP())
	d.tryLogIn("bad")

	key := d.NewClient("app")
	c["an access key"] = key
	m := d.Session(key)
	m.CallText("proc_env", `{"name":"PLAIN"}`)
	for _, secret := range []string{c["a secret input"], c["a reference to the environment"]} {
		text, _ := json.Marshal(secret) // texts always marshal
		m.Call("proc_stderr", `{"text":`+string(text)+`}`).Result(t)
		m.Call("proc_log", `{"level":"error","text":`+string(text)+`}`).Last(t)
		m.Call("web_echo", `{"text":`+string(text)+`}`).Last(t)
		m.Call("proc_no_such_tool", `{"text":`+string(text)+`}`).Last(t)
		m.Legacy("resources/read", `{"uri":`+string(text)+`}`).Last(t)
	}
	logins.ExpireAll()
	m.CallText("gh_whoami", `{}`)
	m.CallText("robot_whoami", `{}`)
	// What people send to the API by mistake.
	for _, body := range []string{
		`{"alias":"x","definition":{"transport":"http","url":"https://u:` + c.plain("a password in a URL") + `@example.com/"}}`,
		`{"alias":"x","token":"` + c.plain("an unknown member") + `"}`,
		`{"alias":"` + c.plain("a broken body"),
		`{"alias":"x","definition":{"transport":"stdio","command":"true"},"values":[{"kind":"header","name":"A","value":"` + c.plain("a header with a line end") + `\r\n"}]}`,
	} {
		if status, answer := d.Admin(http.MethodPost, "/servers", body); status < 400 {
			t.Errorf("it was taken: %s", answer)
		} else {
			c.search(t, "the answer to a bad request", []byte(answer))
		}
	}
	d.CLI("server", "restart", "proc")
	d.AwaitServer("proc", "connected")
	d.CLI("secrets", "lock")
	d.CLI("secrets", "unlock")
	d.CLI("secrets", "rekey", "--to", "keyfile")
	d.AwaitServer("proc", "connected")
	d.AwaitServer("gh", "connected")
	for i, token := range logins.Tokens() {
		c["what the authorization server gave, "+strconv.Itoa(i)] = token
	}
	if len(logins.Tokens()) < 6 {
		t.Errorf("the authorization server gave little: %d", len(logins.Tokens()))
	}

	d.searchAPI(c)
	d.searchBackups(c)
	d.searchProcesses(c)
	d.searchFolder(c)
	first := d.Log()
	d.Kill()
	again := Start(t, Options{Dir: d.Dir, Env: []string{"CANARY_REFERENCE=" + c["a reference to the environment"]}})
	again.AwaitServer("gh", "connected")
	again.AwaitServer("proc", "connected")
	again.searchAPI(c)
	again.CLI("server", "remove", "gh")
	again.CLI("server", "logout", "robot")
	if err := again.Stop(); err != nil {
		t.Error(err)
	}
	again.searchFolder(c)
	c.search(t, "the log of the daemon", []byte(first+again.Log()))
	c.search(t, "the event stream", events())
}

// tryLogIn is LogIn for a login that goes wrong.
func (d *Daemon) tryLogIn(alias string) {
	d.t.Helper()
	var login struct{ URL string }
	d.JSON(&login, "server", "login", alias)
	b := newBrowser(d.t)
	_, next, _ := visit(d.t, b, login.URL)
	if status, _, page := visit(d.t, b, oauthtest.Approve(d.t, b, next)); status < 400 {
		d.t.Errorf("the login of %s succeeded: %s", alias, page)
	}
}

// followEvents listens to the event stream; what it answers is what came until then.
func (d *Daemon) followEvents() (events func() []byte) {
	d.t.Helper()
	resp, err := d.control().Get("http://mcpmux/api/v1/events") //nolint:bodyclose // below, in a goroutine
	if err != nil {
		d.t.Fatal(err)
	}
	var all logBuffer
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer resp.Body.Close()
		_, _ = io.Copy(&all, resp.Body) // It ends with the daemon.
	}()
	return func() []byte {
		<-ended
		return []byte(all.String())
	}
}

// searchAPI reads everything that the admin API tells.
func (d *Daemon) searchAPI(c canaries) {
	d.t.Helper()
	_, document := d.Admin(http.MethodGet, "/openapi.json", "")
	var api struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(document), &api); err != nil {
		d.t.Fatal(err)
	}
	var servers []struct{ Alias string }
	d.JSON(&servers, "server", "list")
	names := map[string][]string{"{alias}": nil, "{name}": {"app", "All", "My%20Space"}, "{key}": {"log.level"}, "{id}": {"x"}}
	for _, s := range servers {
		names["{alias}"] = append(names["{alias}"], s.Alias)
	}
	read := 0
	for path, methods := range api.Paths {
		path = strings.TrimPrefix(path, "/api/v1")
		if methods["get"] == nil || path == "/events" {
			continue
		}
		paths := []string{path}
		for param, values := range names {
			if strings.Contains(path, param) {
				paths = nil
				for _, v := range values {
					paths = append(paths, strings.ReplaceAll(path, param, v))
				}
			}
		}
		for _, p := range paths {
			_, body := d.Admin(http.MethodGet, p, "")
			c.search(d.t, "GET "+p, []byte(body))
			read++
		}
	}
	if read < 30 {
		d.t.Errorf("only %d answers were read", read)
	}
	out, _, _ := d.TryCLI("doctor")
	c.search(d.t, "mcpmux doctor", []byte(out))
}

// searchBackups reads a backup with a passphrase as who does not know it, and one without, unpacked.
func (d *Daemon) searchBackups(c canaries) {
	d.t.Helper()
	_, sealed := d.Admin(http.MethodPost, "/backup", `{"passphrase":"seven quiet herons wade"}`)
	c.search(d.t, "a sealed backup", []byte(sealed))
	_, plain := d.Admin(http.MethodPost, "/backup", `{}`)
	parts := strings.SplitN(plain, "\n", 3)
	z, err := gzip.NewReader(strings.NewReader(parts[len(parts)-1]))
	if err != nil {
		d.t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || !strings.Contains(string(text), `"alias":"proc"`) {
		d.t.Errorf("the backup: %.200s %v", text, err)
	}
	c.search(d.t, "a backup without secrets", text)
}

// searchFolder reads every file of the data folder, the database and its journals among them.
func (d *Daemon) searchFolder(c canaries) {
	d.t.Helper()
	read := 0
	err := filepath.WalkDir(d.Dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && runtime.GOOS != "windows" {
			if info, err := e.Info(); err == nil && info.Mode().Perm()&0o077 != 0 {
				d.t.Errorf("the folder %s has mode %o", path, info.Mode().Perm())
			}
		}
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		c.search(d.t, strings.TrimPrefix(path, d.Dir), text)
		if info, err := e.Info(); runtime.GOOS != "windows" && err == nil && info.Mode().Perm()&0o077 != 0 {
			d.t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		read++
		return err
	})
	if err != nil || read < 4 {
		d.t.Errorf("%d files: %v", read, err)
	}
}

// coreLimit is the line of /proc/PID/limits that says that there will be no core file.
var coreLimit = regexp.MustCompile(`(?m)^Max core file size +0 +0 `)

// searchProcesses reads the command lines of all processes of this machine, and the environment of each child of the
// daemon, in which only its own secrets may be.
func (d *Daemon) searchProcesses(c canaries) {
	d.t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	limits, err := os.ReadFile("/proc/" + strconv.Itoa(d.PID()) + "/limits")
	if err != nil || !coreLimit.Match(limits) {
		d.t.Errorf("the daemon could leave a core file: %v\n%s", err, limits)
	}
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		text, err := os.ReadFile(path)
		if err != nil || bytes.Contains(text, []byte("-test.")) {
			continue // it has ended, or is this test
		}
		c.search(d.t, path+" "+string(bytes.ReplaceAll(text, []byte{0}, []byte{' '})), text)
	}
	own := []string{"an environment variable", "a secret input", "a reference to the environment", "a secret of a process that prints it"}
	children := 0
	for _, pid := range descendants(d.t, d.PID()) {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		if err != nil {
			continue
		}
		children++
		c.search(d.t, "the environment of a child", text, own...)
		if bytes.Contains(text, []byte("CANARY_REFERENCE")) || bytes.Contains(text, []byte("MCPMUX_MASTER_KEY_FILE")) {
			d.t.Errorf("a child has the daemon's environment: %q", text)
		}
	}
	if children == 0 {
		d.t.Error("the daemon has no child")
	}
}
