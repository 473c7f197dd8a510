package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/oauthtest"
)

type secretsStatus struct {
	Source, State, Reason, Warning string
	KeyVersion                     int `json:"key_version"`
	Sealed                         int
}

func (d *Daemon) secrets() (s secretsStatus) {
	d.t.Helper()
	d.JSON(&s, "secrets", "status")
	return s
}

// keyed is a daemon with a server that needs a stored value, one that is logged in to, and one that needs neither,
// and a client of all.
func keyed(t *testing.T) (d *Daemon, s *oauthtest.Server, key string) {
	t.Helper()
	d = Start(t, Options{})
	d.AddServer("sealed", process(t, mcptest.Script{}, "--secret", "TOKEN=not-for-everybody")...)
	d.AddScripted("plain", mcptest.Script{})
	s = d.protected("gh", oauthtest.Script{})
	d.LogIn("gh")
	d.AwaitServer("gh", "connected")
	return d, s, d.NewClient("app")
}

func TestSecrets_LockedTheServersThatNeedNoneRunOn(t *testing.T) {
	d, s, key := keyed(t)
	m := d.Session(key)
	m.Call("plain_echo", `{"text":"x"}`).Result(t)
	var before, after struct {
		Status struct {
			State, Since string
		}
	}
	d.JSON(&before, "server", "show", "plain")
	d.CLI("secrets", "lock")
	for _, alias := range []string{"sealed", "gh"} {
		if reason := d.awaitState("error", alias); !strings.Contains(reason, "locked") {
			t.Errorf("%s: %s", alias, reason)
		}
		if r := m.Call(alias+"_echo", `{}`).Last(t); r.Error == nil || !strings.Contains(r.Error.Message, "locked") {
			t.Errorf("a call of %s: %+v", alias, r.Error)
		}
	}
	m.Call("plain_echo", `{"text":"y"}`).Result(t)
	if d.JSON(&after, "server", "show", "plain"); before != after {
		t.Errorf("the server without secrets was touched: %v, %v", before, after)
	}
	if st := d.secrets(); st.State != "locked" || st.Sealed == 0 || st.Reason == "" {
		t.Errorf("status: %+v", st)
	}
	if _, errText, code := d.TryCLI("server", "add", "more", "--secret", "A=b", "--", "true"); code != 1 || !strings.Contains(errText, "secrets unlock") {
		t.Errorf("a secret was taken: %d %s", code, errText)
	}
	if status, body := d.Get(d.Gateway, "/readyz"); status != 503 || !strings.Contains(body, "locked") {
		t.Errorf("readyz: %d %s", status, body)
	}
	d.CLI("secrets", "unlock")
	for _, alias := range []string{"sealed", "gh"} {
		d.AwaitServer(alias, "connected")
	}
	m.Call("sealed_echo", `{"text":"z"}`).Result(t)
	if n := s.Count(oauthtest.Authorize); n != 1 {
		t.Errorf("%d logins", n)
	}
}

func TestSecrets_TheKeyMovesAndEverythingStillOpens(t *testing.T) {
	d, _, key := keyed(t)
	works := func(d *Daemon) {
		t.Helper()
		d.AwaitServer("sealed", "connected")
		d.AwaitServer("gh", "connected")
		m := d.Session(key)
		m.Call("sealed_echo", `{"text":"x"}`).Result(t)
		if got := m.CallText("gh_whoami", `{}`); got != "alice" {
			t.Errorf("whoami: %q", got)
		}
	}
	sealed := d.secrets().Sealed
	// To a passphrase.
	if _, errText, code := d.RunCLI("short\n", "secrets", "rekey", "--to", "passphrase"); code != 1 || !strings.Contains(errText, "at least 8") {
		t.Errorf("a short passphrase: %d %s", code, errText)
	}
	if _, errText, code := d.RunCLI("correct horse\n", "secrets", "rekey", "--to", "passphrase"); code != 0 {
		t.Fatalf("rekey: %s", errText)
	}
	if s := d.secrets(); s.Source != "passphrase" || s.KeyVersion != 2 || s.Sealed != sealed || s.State != "unlocked" {
		t.Errorf("status: %+v", s)
	}
	works(d)
	d.CLI("server", "restart", "sealed")
	works(d)
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	d = Start(t, Options{Dir: d.Dir})
	if s := d.secrets(); s.State != "locked" || !strings.Contains(s.Reason, "passphrase") {
		t.Errorf("after a restart: %+v", s)
	}
	if _, errText, code := d.RunCLI("wrong horse\n", "secrets", "unlock"); code != 1 || !strings.Contains(errText, "not the right one") {
		t.Errorf("a wrong passphrase: %d %s", code, errText)
	}
	if _, errText, code := d.RunCLI("correct horse\n", "secrets", "unlock"); code != 0 {
		t.Fatalf("unlock: %s", errText)
	}
	works(d)
	// To a file of the user's, to one in the data folder, and there once more.
	own := filepath.Join(shortTempDir(t), "own.key")
	for i, to := range []string{"file:" + own, "keyfile", ""} {
		d.CLI(append([]string{"secrets", "rekey"}, map[bool][]string{true: {"--to", to}}[to != ""]...)...)
		if s := d.secrets(); s.KeyVersion != 3+i || s.Sealed != sealed || (s.Warning != "") != (i > 0) {
			t.Errorf("%s: %+v", to, s)
		}
		if err := d.Stop(); err != nil {
			t.Fatal(err)
		}
		d = Start(t, Options{Dir: d.Dir})
		works(d)
	}
	files, _ := filepath.Glob(filepath.Join(d.Dir, "*.key"))
	if len(files) != 1 {
		t.Errorf("key files: %q", files)
	}
	for _, f := range append(files, own) {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f, info, err)
		}
	}
	// A passphrase in a file serves a start without a person.
	file := filepath.Join(shortTempDir(t), "passphrase")
	if err := os.WriteFile(file, []byte("battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errText, code := d.RunCLI("battery staple\n", "secrets", "rekey", "--to", "passphrase"); code != 0 {
		t.Fatal(errText)
	}
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	works(Start(t, Options{Dir: d.Dir, Env: []string{"MCPMUX_PASSPHRASE_FILE=" + file}}))
}

func TestSecrets_AKeyThatIsGoneIsSaidAndNoneIsMade(t *testing.T) {
	d, _, key := keyed(t)
	d.CLI("secrets", "rekey", "--to", "keyfile")
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(d.Dir, "master-2.key")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for what, spoil := range map[string]func() error{
		"gone":    func() error { return os.Remove(file) },
		"another": func() error { return os.WriteFile(file, []byte(strings.Repeat("A", 43)+"="), 0o600) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		d := Start(t, Options{Dir: d.Dir})
		if s := d.secrets(); s.State != "locked" || s.Reason == "" {
			t.Errorf("%s: %+v", what, s)
		}
		d.AwaitServer("plain", "connected")
		d.Session(key).Call("plain_echo", `{"text":"x"}`).Result(t)
		d.awaitState("error", "sealed")
		if err := d.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	d = Start(t, Options{Dir: d.Dir})
	d.AwaitServer("sealed", "connected")
	var doctor struct{ OK bool }
	out, _, _ := d.TryCLI("doctor", "--json")
	if err := json.Unmarshal([]byte(out), &doctor); err != nil {
		t.Error(err)
	}
}

// A secret that is kept elsewhere is looked up when its server is connected, and is not stored.
func TestSecrets_ReferencesAreLookedUpWhenConnecting(t *testing.T) {
	file := filepath.Join(shortTempDir(t), "token")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("first-in-the-file")
	d := Start(t, Options{Env: []string{"UPSTREAM_TOKEN=in-the-environment"}})
	d.CLI(append([]string{"server", "add", "s", "--secret", "A=env:UPSTREAM_TOKEN", "--secret", "B=file:" + file, "--secret", "C=literal:env:X"}, process(t, mcptest.Script{})...)...)
	d.AwaitServer("s", "connected")
	m := d.Session(d.NewClient("c"))
	env := func() string {
		t.Helper()
		var all []string
		for _, name := range []string{"A", "B", "C"} {
			all = append(all, m.CallText("s_env", `{"name":"`+name+`"}`))
		}
		return strings.Join(all, " ")
	}
	for _, want := range []string{"in-the-environment", "first-in-the-file", "env:X"} {
		if got := env(); !strings.Contains(got, want) {
			t.Errorf("the server's environment lacks %q: %s", want, got)
		}
	}
	put("second-in-the-file")
	d.CLI("server", "restart", "s")
	d.AwaitServer("s", "connected")
	if got := env(); !strings.Contains(got, "second-in-the-file") {
		t.Errorf("the file was not read anew: %s", got)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	d.CLI("server", "restart", "s")
	if reason := d.awaitState("error", "s"); !strings.Contains(reason, `"B"`) || !strings.Contains(reason, file) {
		t.Errorf("reason: %s", reason)
	}
	if _, errText, code := d.TryCLI("server", "add", "t", "--secret", "A=op://v", "--", "true"); code != 1 || !strings.Contains(errText, "literal:") {
		t.Errorf("a reference of no use was taken: %d %s", code, errText)
	}
}
