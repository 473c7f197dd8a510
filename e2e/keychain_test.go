//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/keyringtest"
	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// keychainService is what the master key is stored for in a keyring (docs/architecture.md).
const keychainService = "mcpmux"

// inSession are the options of a daemon in a session with a keyring, without a key file.
func inSession(dir string, s *keyringtest.Session) Options {
	return Options{Dir: dir, Env: append(slices.Clip(s.Env), "MCPMUX_MASTER_KEY_FILE=")}
}

// leave stops the daemon and ends the session that it was in.
func (d *Daemon) leave(s *keyringtest.Session) {
	d.t.Helper()
	if err := d.Stop(); err != nil {
		d.t.Errorf("the daemon did not end well: %v", err)
	}
	s.End()
}

// keychainWorld is what the sessions of one test share: a data folder, its client, and a server without a secret.
type keychainWorld struct {
	t        *testing.T
	dir, key string
}

// unlocked starts a daemon whose keyring is the right one, and checks that the secret is there.
func (w *keychainWorld) unlocked(home string) {
	w.t.Helper()
	s := keyringtest.Start(w.t, keyringtest.Options{Home: home, Password: "right"})
	d := Start(w.t, inSession(w.dir, s))
	var status struct{ Secrets secretsStatus }
	d.JSON(&status, "status")
	if got := status.Secrets; got.Source != "keychain" || got.State != "unlocked" || got.Warning != "" {
		w.t.Errorf("secrets: %+v", got)
	}
	d.AwaitServer("sealed", "connected")
	if got := d.Session(w.key).CallText("sealed_env", `{"name":"WHO"}`); got != "one" {
		w.t.Errorf("the sealed value is %q", got)
	}
	d.leave(s)
}

// locked starts a daemon whose keyring does not give the key, and checks what goes on without it.
func (w *keychainWorld) locked(o keyringtest.Options, items int, why string) {
	w.t.Helper()
	s := keyringtest.Start(w.t, o)
	d := Start(w.t, inSession(w.dir, s))
	if got := d.secrets(); got.State != "locked" || !strings.Contains(got.Reason, why) {
		w.t.Errorf("secrets: %+v; want to hear of %q", got, why)
	}
	d.AwaitServer("plain", "connected")
	m := d.Session(w.key)
	m.Call("plain_echo", `{}`).Result(w.t)
	if r := m.Call("sealed_env", `{"name":"WHO"}`); r.Last(w.t).Error == nil && !strings.Contains(string(r.Body), `"isError":true`) {
		w.t.Errorf("a server whose secret is locked answered: %s", r.Body)
	}
	if st := d.serverStatus("sealed"); st.State == "connected" || !strings.Contains(st.Reason, "locked") {
		w.t.Errorf("the server that needs a secret: state %s, reason %q", st.State, st.Reason)
	}
	if status, body := d.Admin("PATCH", "/servers/sealed", `{"put":[{"kind":"env","name":"WHO","secret":true,"value":"two"}]}`); status != 503 || !strings.Contains(body, "locked") {
		w.t.Errorf("a secret was stored without a key: status %d, %s", status, body)
	}
	if n := s.Items(keychainService); n != items {
		w.t.Errorf("the keyring has %d keys, want %d", n, items)
	}
	if _, err := os.Stat(filepath.Join(w.dir, "master.key")); err == nil {
		w.t.Error("a key file was made")
	}
	d.leave(s)
}

// TestKeychain_KeepsTheKeyFromSessionToSession walks one installation through sessions with the right keyring
// and with wrong ones.
func TestKeychain_KeepsTheKeyFromSessionToSession(t *testing.T) {
	t.Parallel()
	s := keyringtest.Start(t, keyringtest.Options{Password: "right"})
	w := &keychainWorld{t: t, dir: filepath.Join(shortTempDir(t), "data")}
	d := Start(t, inSession(w.dir, s))
	d.AddScripted("plain", mcptest.Script{})
	d.AddServer("sealed", process(t, mcptest.Script{}, "--secret", "WHO=one")...)
	w.key = d.NewClient("e2e")
	if n := s.Items(keychainService); n != 1 {
		t.Errorf("the keyring has %d keys", n)
	}
	d.leave(s)

	w.unlocked(s.Home)
	w.locked(keyringtest.Options{Home: s.Home, Password: "wrong"}, 1, "locked")
	w.locked(keyringtest.Options{Password: "right"}, 0, "not found") // The keyring of another person.
	w.unlocked(s.Home)
}

// TestKeychain_UnlockedLaterTheServersThatNeedItComeBack unlocks the keyring under a daemon that found it
// locked.
func TestKeychain_UnlockedLaterTheServersThatNeedItComeBack(t *testing.T) {
	t.Parallel()
	s := keyringtest.Start(t, keyringtest.Options{Password: "right"})
	dir := filepath.Join(shortTempDir(t), "data")
	d := Start(t, inSession(dir, s))
	d.AddServer("sealed", process(t, mcptest.Script{}, "--secret", "WHO=one")...)
	key := d.NewClient("e2e")
	d.leave(s)

	s = keyringtest.Start(t, keyringtest.Options{Home: s.Home, Password: "wrong"})
	d = Start(t, inSession(dir, s))
	if _, text, code := d.TryCLI("secrets", "unlock"); code == 0 || !strings.Contains(text, "locked") {
		t.Errorf("unlocked beside a locked keyring: exit code %d, %s", code, text)
	}
	s.Unlock("right")
	d.CLI("secrets", "unlock")
	d.AwaitServer("sealed", "connected")
	if got := d.Session(key).CallText("sealed_env", `{"name":"WHO"}`); got != "one" {
		t.Errorf("the sealed value is %q", got)
	}
	d.leave(s)
}

// TestKeychain_ANewKeyTakesThePlaceOfTheOldOne changes the master key within the keyring, then moves it out.
func TestKeychain_ANewKeyTakesThePlaceOfTheOldOne(t *testing.T) {
	t.Parallel()
	s := keyringtest.Start(t, keyringtest.Options{})
	dir := filepath.Join(shortTempDir(t), "data")
	d := Start(t, inSession(dir, s))
	d.AddServer("sealed", process(t, mcptest.Script{}, "--secret", "WHO=one")...)
	key := d.NewClient("e2e")
	for i, to := range []struct {
		place string
		items int
	}{{"keychain", 1}, {"keyfile", 0}, {"keychain", 1}} {
		d.CLI("secrets", "rekey", "--to", to.place)
		if got := d.secrets(); got.Source != to.place || got.State != "unlocked" || got.KeyVersion != i+2 {
			t.Errorf("change %d, to %s: %+v", i+1, to.place, got)
		}
		if n := s.Items(keychainService); n != to.items {
			t.Errorf("change %d, to %s: the keyring has %d keys", i+1, to.place, n)
		}
	}
	d.leave(s)

	s = keyringtest.Start(t, keyringtest.Options{Home: s.Home})
	d = Start(t, inSession(dir, s))
	d.AwaitServer("sealed", "connected")
	if got := d.Session(key).CallText("sealed_env", `{"name":"WHO"}`); got != "one" {
		t.Errorf("the sealed value is %q", got)
	}
	d.leave(s)
}

// TestKeychain_PromptThatNobodyAnswersHoldsNothingUp starts a daemon in a session whose keyring asks somebody who
// is not there, then ends the bus under the open prompt: the daemon does without, and ends well.
func TestKeychain_PromptThatNobodyAnswersHoldsNothingUp(t *testing.T) {
	t.Parallel()
	s := keyringtest.Start(t, keyringtest.Options{Bare: true})
	deaf := keyringtest.Deafen(s)
	d := Start(t, inSession(filepath.Join(shortTempDir(t), "data"), s))
	select {
	case <-deaf.Asked:
	default:
		t.Error("nobody was asked")
	}
	if got := d.secrets(); got.State != "locked" || !strings.Contains(got.Reason, "no answer") {
		t.Errorf("secrets: %+v", got)
	}
	d.AddScripted("plain", mcptest.Script{})
	m := d.Session(d.NewClient("e2e"))
	m.Call("plain_echo", `{}`).Result(t)
	s.End()
	m.Call("plain_echo", `{}`).Result(t)
	if got := d.secrets(); got.State != "locked" {
		t.Errorf("secrets without the bus: %+v", got)
	}
	if _, err := os.Stat(filepath.Join(d.Dir, "master.key")); err == nil {
		t.Error("a key file was made")
	}
}

// An installation that never had a keyring to ask does not take a locked one for none.
func TestKeychain_LockedAtTheFirstStartMakesNoKey(t *testing.T) {
	t.Parallel()
	s := keyringtest.Start(t, keyringtest.Options{})
	s.Lock()
	d := Start(t, inSession(filepath.Join(shortTempDir(t), "data"), s))
	if got := d.secrets(); got.State != "locked" {
		t.Errorf("secrets: %+v", got)
	}
	d.AddScripted("plain", mcptest.Script{})
	m := d.Session(d.NewClient("e2e"))
	m.Call("plain_echo", `{}`).Result(t)
	if _, text, code := d.TryCLI(append([]string{"server", "add", "sealed"}, process(t, mcptest.Script{}, "--secret", "WHO=one")...)...); code == 0 || !strings.Contains(text, "locked") {
		t.Errorf("a secret was stored without a key: exit code %d, %s", code, text)
	}
	if n := s.Items(keychainService); n != 0 {
		t.Errorf("the keyring has %d keys", n)
	}
	if _, err := os.Stat(filepath.Join(d.Dir, "master.key")); err == nil {
		t.Error("a key file was made")
	}
}
