package daemon

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
	"github.com/mcpmux/mcpmux/internal/store"
)

// memoryChain is a keychain in memory, which fails as long as fail is set.
type memoryChain struct {
	// mu guards the following.
	mu    sync.Mutex
	items map[string]string
	fail  error
}

func (c *memoryChain) locked(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = err
}

func (c *memoryChain) Get(_, account string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if text, ok := c.items[account]; ok || c.fail != nil {
		return text, c.fail
	}
	return "", secret.ErrNoItem
}

func (c *memoryChain) Set(_, account, text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail == nil {
		c.items[account] = text
	}
	return c.fail
}

func (c *memoryChain) Delete(_, account string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.items, account)
	return c.fail
}

// keyed are the keys of a store with one sealed value, a keychain in memory and a log.
type keyed struct {
	*keys
	t       *testing.T
	chain   *memoryChain
	server  mcpmux.ServerID
	lines   strings.Builder
	reloads int
}

const sealedText = "the sealed value"

func newKeyed(t *testing.T) *keyed {
	t.Helper()
	for _, name := range []string{"MCPMUX_MASTER_KEY_FILE", "MCPMUX_PASSPHRASE_FILE", "CREDENTIALS_DIRECTORY"} {
		t.Setenv(name, "")
	}
	k := &keyed{t: t, chain: &memoryChain{items: make(map[string]string)}}
	log := slog.New(slog.NewTextHandler(&k.lines, nil))
	dir := t.TempDir()
	st, err := store.Open(t.Context(), filepath.Join(dir, "mcpmux.db"), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	k.keys = newKeys(st, Options{DataDir: dir}, log)
	k.keychain, k.reload = k.chain, func() { k.reloads++ }
	if err := k.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	state, err := st.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	srv, _, err := st.CreateServer(t.Context(), store.NewServer{
		Space: state.Spaces[0].ID, Alias: "s", Definition: mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: "x"},
		Values: []store.Value{{ValueName: mcpmux.ValueName{Kind: mcpmux.ValueEnv, Name: "T", Secret: true}, Value: secret.NewValue(sealedText)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	k.server = srv.ID
	return k
}

// opens says whether the value can be opened.
func (k *keyed) opens() bool {
	k.t.Helper()
	values, err := k.store.Values(context.Background(), k.server)
	if err != nil && mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
		k.t.Error(err)
	}
	return err == nil && values[0].Reveal() == sealedText
}

func (k *keyed) key() secret.Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.source.Key
}

func TestKeys_LockForgetsTheKeyAndUnlockFindsItAgain(t *testing.T) {
	k := newKeyed(t)
	first := k.key()
	if err := k.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !first.None() || k.opens() || k.derive("x") != nil || k.reloads != 1 {
		t.Errorf("locked: the key is zeroed: %v, the value opens: %v, %d reloads", first.None(), k.opens(), k.reloads)
	}
	if s := k.Status(t.Context()); s.State != "locked" || s.Source != "keychain" || s.Sealed != 1 || !strings.Contains(s.Reason, "mcpmux secrets lock") {
		t.Errorf("status %+v", s)
	}
	if err := k.Rekey(t.Context(), "keyfile", secret.Value{}); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable || !strings.Contains(err.Error(), "unlock") {
		t.Errorf("a change while locked: %v", err)
	}
	if err := k.Unlock(t.Context(), secret.Value{}); err != nil || !k.opens() || k.reloads != 2 {
		t.Errorf("unlocked: %v, %d reloads", err, k.reloads)
	}
	if err := k.Unlock(t.Context(), secret.Value{}); err != nil || k.reloads != 2 {
		t.Errorf("unlocked twice: %v, %d reloads", err, k.reloads)
	}
	k.chain.locked(errors.New("the collection is locked"))
	if err := k.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := k.Unlock(t.Context(), secret.Value{}); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable || k.opens() {
		t.Errorf("with a locked keychain: %v", err)
	}
	if s := k.Status(t.Context()); s.State != "locked" || !strings.Contains(s.Reason, "keychain is locked") {
		t.Errorf("status %+v", s)
	}
}

// What a person locked stays locked; what only the keychain kept away is found once it is unlocked.
func TestKeys_LooksAgainForAKeychainThatWasUnlockedUnlessAPersonLocked(t *testing.T) {
	k := newKeyed(t)
	lose := func() {
		t.Helper()
		k.chain.locked(errors.New("the collection is locked"))
		if err := k.Lock(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := k.Unlock(t.Context(), secret.Value{}); err == nil {
			t.Fatal("a locked keychain gave a key")
		}
	}
	lose()
	if k.lookAgain(t.Context()); k.opens() {
		t.Error("a locked keychain gave a key")
	}
	k.chain.locked(nil)
	before := k.reloads
	if k.lookAgain(t.Context()); !k.opens() || k.reloads != before+1 {
		t.Errorf("the key was not found; %d reloads", k.reloads-before)
	}
	lose()
	if err := k.Lock(t.Context()); err != nil { // though it is locked already
		t.Fatal(err)
	}
	k.chain.locked(nil)
	if k.lookAgain(t.Context()); k.opens() {
		t.Error("what a person locked was unlocked")
	}
}

func TestKeys_LooksAgainEveryHalfMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		looked := 0
		go func() { defer close(ended); every(ctx, lookAfter, func(context.Context) { looked++ }) }()
		time.Sleep(3*lookAfter + time.Second) //nolint:forbidigo // the clock of the bubble
		synctest.Wait()
		if looked != 3 || lookAfter != 30*time.Second {
			t.Errorf("looked %d times", looked)
		}
		cancel()
		<-ended
	})
}

func TestKeys_RekeyZeroesTheKeyBeforeAndRemovesIt(t *testing.T) {
	k := newKeyed(t)
	first := k.key()
	if err := k.Rekey(t.Context(), "", secret.Value{}); err != nil {
		t.Fatal(err)
	}
	if !first.None() || k.key().None() || !k.opens() || len(k.chain.items) != 1 {
		t.Errorf("zeroed: %v, there is one: %v, the value opens: %v, %d in the keychain", first.None(), !k.key().None(), k.opens(), len(k.chain.items))
	}
	// A keychain that takes nothing changes nothing.
	k.chain.locked(errors.New("read-only"))
	if err := k.Rekey(t.Context(), "keychain", secret.Value{}); err == nil || !k.opens() {
		t.Errorf("a keychain that takes nothing: %v", err)
	}
	if s := k.Status(t.Context()); s.KeyVersion != 2 || s.State != "unlocked" {
		t.Errorf("status %+v", s)
	}
	// One that does not let go is asked again when the key is opened next.
	k.chain.locked(nil)
	k.keychain = unforgetting{k.chain}
	if err := k.Rekey(t.Context(), "keyfile", secret.Value{}); err != nil || len(k.chain.items) != 1 {
		t.Errorf("%v, %d in the keychain", err, len(k.chain.items))
	}
	k.keychain = k.chain
	if err := k.open(t.Context()); err != nil || len(k.chain.items) != 0 || !k.opens() {
		t.Errorf("the next start: %v, %d in the keychain", err, len(k.chain.items))
	}
}

// unforgetting is a keychain from which nothing can be removed.
type unforgetting struct{ *memoryChain }

func (unforgetting) Delete(string, string) error { return errors.New("denied") }

func TestKeys_LockUnlockAndRekeyAreLoggedWithoutValues(t *testing.T) {
	k := newKeyed(t)
	secrets := []string{sealedText, "correct horse"}
	note := func() {
		for _, text := range k.chain.items {
			raw, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			secrets = append(secrets, text, string(raw), hex.EncodeToString(raw))
		}
	}
	note()
	for _, do := range []func() error{
		func() error { return k.Lock(t.Context()) },
		func() error { return k.Unlock(t.Context(), secret.Value{}) },
		func() error { return k.Rekey(t.Context(), "keychain", secret.Value{}) },
		func() error { note(); return k.Rekey(t.Context(), "passphrase", secret.NewValue("correct horse")) },
		func() error { return k.Lock(t.Context()) },
		func() error { return k.Unlock(t.Context(), secret.NewValue("correct horse")) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	log := k.lines.String()
	for text, n := range map[string]int{
		`level=INFO msg="stored values are locked"`: 2, `level=INFO msg="stored values are unlocked"`: 2,
		`level=INFO msg="the master key was changed" source=keychain version=2`:   1,
		`level=INFO msg="the master key was changed" source=passphrase version=3`: 1,
	} {
		if got := strings.Count(log, text); got != n {
			t.Errorf("%q is there %d times, want %d", text, got, n)
		}
	}
	for _, s := range secrets {
		if strings.Contains(log, s) {
			t.Errorf("%q is in the log", s)
		}
	}
}
