package e2e

import (
	"bytes"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// The checks of secrets and files, by the numbers that docs/security.md has them under.

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// onUnix leaves out what is about modes and owners elsewhere.
func onUnix(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes here")
	}
}

func TestCheck_H1_FilesAreTheirOwnersAloneWhateverTheUmask(t *testing.T) {
	onUnix(t)
	t.Parallel()
	dir := filepath.Join(shortTempDir(t), "data")
	d := &Daemon{Dir: dir, t: t, env: environment(t, Options{Dir: dir}), log: new(logBuffer), done: make(chan struct{})}
	d.cmd = exec.Command("sh", "-c", `umask 000; exec "$0" "$@"`, program, "serve", "--data-dir", dir, "--gateway-addr", "localhost:0", "--dashboard-addr", "localhost:0", "--no-browser")
	d.cmd.Env, d.cmd.Stdout, d.cmd.Stderr = append(slices.Clip(d.env), "MCPMUX_DATA_DIR="+dir), d.log, d.log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		d.err = d.cmd.Wait()
		close(d.done)
	}()
	t.Cleanup(func() { _ = d.Stop() })
	d.awaitStart()
	d.CLI("server", "add", "says", "--", "sh", "-c", "echo something >&2; exit 1")
	d.AwaitServer("says", "error")
	d.newApp("Editor").logIn()
	seen := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		seen++
		return err
	})
	if err != nil || seen < 5 {
		t.Errorf("%d files: %v", seen, err)
	}
}

func TestCheck_H2_AFolderThatOthersCanWriteToIsRefused(t *testing.T) {
	onUnix(t)
	t.Parallel()
	for what, spoil := range map[string]func(dir string) error{
		"everybody writes": func(dir string) error { return os.Chmod(dir, 0o777) },
		"the group writes": func(dir string) error { return os.Chmod(dir, 0o770) },
		"it is a file": func(dir string) error {
			if err := os.Remove(dir); err != nil {
				return err
			}
			return os.WriteFile(dir, nil, 0o600)
		},
		"it is another user's": func(dir string) error {
			if os.Geteuid() != 0 {
				return os.Chmod(dir, 0o707) // nobody but root can give one away
			}
			return os.Chown(dir, 65534, 65534)
		},
	} {
		dir := filepath.Join(shortTempDir(t), "data")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		d := &Daemon{Dir: dir, t: t, env: environment(t, Options{Dir: dir})}
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
		if _, text, code := d.TryCLI("serve", "--no-browser", "--gateway-addr", "localhost:0", "--dashboard-addr", "localhost:0"); code != 1 || !strings.Contains(text, dir) {
			t.Errorf("%s: exit code %d: %s", what, code, text)
		}
	}
}

// What applications and browsers are given is nowhere but with them: not in the folder, the API, the log, the record.
// What servers are given is TestCanaries_NoSecretIsAnywhereItShouldNotBe's.
func TestCheck_H3_WhatIsGivenOutIsKeptByNobody(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{Slack: true})
	events := d.followEvents()
	c := canaries{}
	a := d.newApp("app")
	d.AddServer("talks", process(t, mcptest.Script{})...)
	code := a.code()
	c["a code"] = code
	c["a verifier"] = a.verifier
	first := a.given(a.exchange(code))
	c["an access token"], c["a refresh token"] = first.Access, first.Refresh
	a.refused("again", a.renewal("mm_rt_"+strings.Repeat("A", 43)), "invalid_grant")
	next := a.given(a.renewal(first.Refresh))
	a.form("/oauth/token", a.renewal(first.Refresh)) // the answer that is kept for a while
	c["the next access token"], c["the next refresh token"] = next.Access, next.Refresh
	d.Session(next.Access).Call("talks_echo", `{"text":"x"}`).Result(t)
	key := d.NewClient("other")
	c["an access key"] = key
	d.Session(key).Tools()
	ticket := d.ticket()
	c["a ticket"] = ticket
	browser := newBrowser(t)
	k := d.newDesk(browser)
	c["the secret of a session"] = k.secret
	for _, cookie := range browser.Jar.Cookies(mustURL(t, "http://"+d.Dashboard+"/")) {
		c["the cookie "+cookie.Name] = cookie.Value
	}
	for _, cookie := range a.browser.Jar.Cookies(mustURL(t, "http://"+d.Dashboard+"/")) {
		c["the application's cookie "+cookie.Name] = cookie.Value
	}
	// Sent where they do not belong, they are not repeated.
	for place, secret := range map[string]string{"a": next.Access, "b": key, "c": next.Refresh, "d": k.secret} {
		for _, address := range []string{a.at("/oauth/authorize?client_id=" + secret), a.at("/mcp/" + secret), "http://" + d.Dashboard + "/api/v1/clients/" + secret} {
			_, _, text := send(t, clientFrom(t, ""), "GET", address, "")
			c.search(t, "the answer to a misplaced secret "+place, text)
		}
	}
	d.TryCLI("client", "show", key)
	if len(c) < 12 {
		t.Errorf("only %d canaries", len(c))
	}
	d.searchAPI(c)
	d.searchFolder(c)
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		if text, err := os.ReadFile(path); err == nil && !bytes.Contains(text, []byte("-test.")) {
			c.search(t, path, text, "an access key") // the command above had it
		}
	}
	// H8: a crash tells nobody, and leaves no core.
	if runtime.GOOS != "windows" {
		_ = d.cmd.Process.Signal(syscall.SIGABRT)
		<-d.done
		if !strings.Contains(d.Log(), "goroutine") {
			t.Error("the daemon did not crash")
		}
		cores, _ := filepath.Glob(filepath.Join(d.Dir, "*core*"))
		if len(cores) > 0 {
			t.Errorf("it left %v", cores)
		}
	} else {
		d.Kill()
	}
	d.searchFolder(c)
	c.search(t, "the log of the daemon", []byte(d.Log()))
	c.search(t, "the event stream", events())
}

// A database that is not what it was is neither used nor replaced.
func TestCheck_H12_ADamagedDatabaseIsNeverSilentlyReplaced(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.NewClient("kept")
	d.CLI("server", "add", "nowhere", "http://127.0.0.1:9/mcp")
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(d.Dir, "mcpmux.db")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`mcpmux\.db`)
	junk := bytes.Repeat([]byte("this is no database "), len(good)/20)
	for what, text := range map[string][]byte{"cut in half": good[:len(good)/2], "overwritten": junk, "its first page gone": append(make([]byte, 4096), good[4096:]...)} {
		for _, suffix := range []string{"-wal", "-shm"} {
			_ = os.Remove(path + suffix) // a clean stop leaves none
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, errText, code := d.TryCLI("serve", "--no-browser", "--gateway-addr", "localhost:0", "--dashboard-addr", "localhost:0")
		if code != 1 || !said.MatchString(errText) {
			t.Errorf("%s: exit code %d: %s", what, code, errText)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, text) {
			t.Errorf("%s: the file was changed: %v", what, err)
		}
	}
	// An empty one is what an interrupted first start leaves. It is used, and that is said.
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	empty := Start(t, Options{Dir: d.Dir})
	if !strings.Contains(empty.Log(), "the database file was empty") {
		t.Error("an empty database is replaced without a word")
	}
	if err := empty.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(path + suffix) // as above
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	again := Start(t, Options{Dir: d.Dir})
	again.CLI("client", "show", "kept")
}
