//go:build linux

package secret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/keyringtest"
)

// openVariable tells the test program to open a key and say what came of it: the D-Bus library keeps its
// connection to the session bus for the life of a process, so that each start of McpMux is a process here
// too.
const openVariable = "MCPMUX_TEST_OPEN_KEY"

// start is what one start of McpMux has, beside the session.
type start struct {
	DataDir string
	Sealed  bool
	Limit   time.Duration
	// Look asks nobody, and only whether somebody would be asked.
	Look bool
}

// opened is what came of it.
type opened struct {
	Kind, Warning string
	Key           string // as files keep it; "" is none
	Err           string
	Asks          bool
	// Is names the errors that Err is.
	Is []string
}

var errorNames = map[string]error{"locked": ErrLocked, "no key": ErrNoKey, "wrong key": ErrWrongKey, "keychain required": ErrKeychainRequired}

// TestOpenRealKey is the program that openIn runs.
func TestOpenRealKey(t *testing.T) {
	text := os.Getenv(openVariable)
	if text == "" {
		t.Skip("for the tests that run it as a process of its own")
	}
	var o start
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	if o.Look {
		if err := json.NewEncoder(os.Stdout).Encode(opened{Asks: WouldAsk(context.Background())}); err != nil {
			t.Fatal(err)
		}
		os.Exit(0)
	}
	s, err := OpenKey(context.Background(), KeyOptions{
		DataDir: o.DataDir, Install: "install", SealedExists: o.Sealed, Limit: o.Limit, Getenv: os.Getenv,
	})
	out := opened{Kind: s.Kind, Warning: s.Warning}
	if !s.Key.None() {
		out.Key = s.Key.text()
	}
	if err != nil {
		out.Err = err.Error()
	}
	for name, sentinel := range errorNames {
		if errors.Is(err, sentinel) {
			out.Is = append(out.Is, name)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		t.Fatal(err)
	}
	os.Exit(0) // Nothing may follow what was written.
}

// openIn opens a key in a process with the environment env.
func openIn(t *testing.T, env []string, o start) opened {
	t.Helper()
	if o.Limit == 0 {
		o.Limit = time.Minute // Where it matters, the test says how long; machines under test are slow.
	}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestOpenRealKey$")
	cmd.Env = append(slices.Clip(env), openVariable+"="+string(text), "GORACE=atexit_sleep_ms=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	answer, err := cmd.Output()
	var got opened
	if err == nil {
		err = json.Unmarshal(answer, &got)
	}
	if err != nil {
		t.Fatalf("open a key: %v\n%s\n%s", err, answer, &stderr)
	}
	return got
}

// wantKept fails unless the key is the keychain's.
func (o opened) wantKept(t *testing.T) {
	t.Helper()
	if o.Err != "" || o.Kind != SourceKeychain || o.Key == "" || o.Warning != "" {
		t.Fatalf("want a key of the keychain, got %q with warning %q: %s", o.Kind, o.Warning, o.Err)
	}
}

// wantRefused fails unless no key was found, for that reason, and none was made in the data folder.
func (o opened) wantRefused(t *testing.T, why, dataDir string) {
	t.Helper()
	if !slices.Equal(o.Is, []string{why}) || o.Key != "" {
		t.Errorf("want no key, since %s; got %q, which is %q: %s", why, o.Kind, o.Is, o.Err)
	}
	if _, err := os.Stat(filepath.Join(dataDir, keyFileName)); err == nil {
		t.Error("a key file was made")
	}
}

// eachSealed runs f for an installation without sealed values and for one with.
func eachSealed(t *testing.T, f func(t *testing.T, sealed bool)) {
	t.Helper()
	for _, sealed := range []bool{false, true} {
		t.Run(fmt.Sprintf("sealed %t", sealed), func(t *testing.T) { f(t, sealed) })
	}
}

func TestRealKeyring_FirstKeyIsMadeAndReadBack(t *testing.T) {
	s, dir := keyringtest.Start(t, keyringtest.Options{}), t.TempDir()
	first := openIn(t, s.Env, start{DataDir: dir})
	first.wantKept(t)
	for _, sealed := range []bool{false, true} {
		again := openIn(t, s.Env, start{DataDir: dir, Sealed: sealed})
		again.wantKept(t)
		if again.Key != first.Key {
			t.Errorf("sealed %t: the second start has another key", sealed)
		}
	}
	if n := s.Items(keychainService); n != 1 {
		t.Errorf("the keyring has %d items", n)
	}
	if _, err := os.Stat(filepath.Join(dir, keyFileName)); err == nil {
		t.Error("a key file was made beside the keychain")
	}
}

func TestRealKeyring_KeyOfAnEarlierSessionIsUsed(t *testing.T) {
	for _, password := range []string{"", "correct horse"} {
		t.Run("password "+password, func(t *testing.T) {
			dir := t.TempDir()
			s := keyringtest.Start(t, keyringtest.Options{Password: password})
			first := openIn(t, s.Env, start{DataDir: dir})
			first.wantKept(t)
			s.End()
			s = keyringtest.Start(t, keyringtest.Options{Home: s.Home, Password: password})
			again := openIn(t, s.Env, start{DataDir: dir, Sealed: true})
			again.wantKept(t)
			if again.Key != first.Key {
				t.Error("the second session has another key")
			}
		})
	}
}

func TestRealKeyring_LockedKeyringNeverLeadsToANewKey(t *testing.T) {
	eachSealed(t, func(t *testing.T, sealed bool) {
		s, dir := keyringtest.Start(t, keyringtest.Options{Password: "right"}), t.TempDir()
		first := openIn(t, s.Env, start{DataDir: dir})
		first.wantKept(t)
		s.Lock()
		openIn(t, s.Env, start{DataDir: dir, Sealed: sealed}).wantRefused(t, "locked", dir)
		s.End()

		s = keyringtest.Start(t, keyringtest.Options{Home: s.Home, Password: "wrong"})
		openIn(t, s.Env, start{DataDir: dir, Sealed: sealed}).wantRefused(t, "locked", dir)
		if n := s.Items(keychainService); n != 1 {
			t.Errorf("the locked keyring has %d items", n)
		}
		s.End()

		s = keyringtest.Start(t, keyringtest.Options{Home: s.Home, Password: "right"})
		again := openIn(t, s.Env, start{DataDir: dir, Sealed: true})
		again.wantKept(t)
		if again.Key != first.Key {
			t.Error("the key changed while the keyring was locked")
		}
	})
}

// A keyring that was locked from the start, with nothing in it: what McpMux finds at its first start.
func TestRealKeyring_LockedKeyringWithoutAnItemIsLockedToo(t *testing.T) {
	s, dir := keyringtest.Start(t, keyringtest.Options{}), t.TempDir()
	s.Lock()
	openIn(t, s.Env, start{DataDir: dir}).wantRefused(t, "locked", dir)
	if n := s.Items(keychainService); n != 0 {
		t.Errorf("the locked keyring has %d items", n)
	}
}

func TestRealKeyring_AnotherPersonsKeyringHasNoKey(t *testing.T) {
	s, dir := keyringtest.Start(t, keyringtest.Options{}), t.TempDir()
	openIn(t, s.Env, start{DataDir: dir, Sealed: true}).wantRefused(t, "no key", dir)
	if n := s.Items(keychainService); n != 0 {
		t.Errorf("%d items were made", n)
	}
}

func TestRealKeyring_WithoutABusThereIsNoKeychain(t *testing.T) {
	keyringtest.Require(t)
	for _, name := range []string{"bus", "dbus-session"} {
		path := fmt.Sprintf("/run/user/%d/%s", os.Getuid(), name)
		if _, err := os.Stat(path); err == nil {
			t.Skipf("the session of whoever runs the test has a bus, at %s, and programs find it there", path)
		}
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "XDG_RUNTIME_DIR=" + t.TempDir()}
	eachSealed(t, func(t *testing.T, sealed bool) { absentKeychain(t, env, sealed) })
}

func TestRealKeyring_BusWithoutASecretServiceIsNoKeychain(t *testing.T) {
	s := keyringtest.Start(t, keyringtest.Options{Bare: true})
	eachSealed(t, func(t *testing.T, sealed bool) { absentKeychain(t, s.Env, sealed) })
}

func TestRealKeyring_BusThatEndedIsNoKeychain(t *testing.T) {
	s := keyringtest.Start(t, keyringtest.Options{})
	s.End()
	eachSealed(t, func(t *testing.T, sealed bool) { absentKeychain(t, s.Env, sealed) })
}

// absentKeychain opens a key where there is no keychain: a key file takes its place, unless values are sealed
// with a key that is gone.
func absentKeychain(t *testing.T, env []string, sealed bool) {
	t.Helper()
	dir := t.TempDir()
	got := openIn(t, env, start{DataDir: dir, Sealed: sealed})
	if sealed {
		got.wantRefused(t, "no key", dir)
		return
	}
	if got.Err != "" || got.Kind != SourceKeyFile || got.Warning == "" {
		t.Errorf("want a key file and a warning, got %q, %q: %s", got.Kind, got.Warning, got.Err)
	}
	again := openIn(t, env, start{DataDir: dir, Sealed: true})
	if again.Err != "" || again.Key != got.Key {
		t.Errorf("the second start has another key: %s", again.Err)
	}
}

func TestRealKeyring_PromptThatNobodyAnswersIsLockedAfterTheLimit(t *testing.T) {
	eachSealed(t, func(t *testing.T, sealed bool) {
		s, dir := keyringtest.Start(t, keyringtest.Options{Bare: true}), t.TempDir()
		deaf := keyringtest.Deafen(s)
		got := openIn(t, s.Env, start{DataDir: dir, Sealed: sealed, Limit: time.Second})
		got.wantRefused(t, "locked", dir)
		if !strings.Contains(got.Err, "no answer") {
			t.Errorf("want to hear that nobody answered, got %s", got.Err)
		}
		select {
		case <-deaf.Asked:
		default:
			t.Error("nobody was asked: the limit was passed before")
		}
	})
}

func TestRealKeyring_BusThatEndsUnderAPromptIsLocked(t *testing.T) {
	eachSealed(t, func(t *testing.T, sealed bool) {
		s, dir := keyringtest.Start(t, keyringtest.Options{Bare: true}), t.TempDir()
		deaf := keyringtest.Deafen(s)
		over, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			select {
			case <-deaf.Asked:
				s.End()
			case <-over: // It was never asked; the error tells.
			}
		}()
		got := openIn(t, s.Env, start{DataDir: dir, Sealed: sealed})
		close(over)
		<-ended
		got.wantRefused(t, "locked", dir)
		if !strings.Contains(got.Err, "panicked") {
			t.Errorf("want to hear that the library panicked, got %s", got.Err)
		}
	})
}

func TestRealKeyring_WhetherItWouldAskIsSeenWithoutAsking(t *testing.T) {
	s := keyringtest.Start(t, keyringtest.Options{})
	if got := openIn(t, s.Env, start{Look: true}); got.Asks {
		t.Error("an open keyring would ask")
	}
	s.Lock()
	if got := openIn(t, s.Env, start{Look: true}); !got.Asks {
		t.Error("a locked keyring would not ask")
	}
	bare := keyringtest.Start(t, keyringtest.Options{Bare: true})
	if got := openIn(t, bare.Env, start{Look: true}); got.Asks {
		t.Error("a session without a keyring would ask")
	}
	deaf := keyringtest.Deafen(bare)
	if got := openIn(t, bare.Env, start{Look: true}); !got.Asks {
		t.Error("a keyring that prompts would not ask")
	}
	select {
	case <-deaf.Asked:
		t.Error("it was asked")
	default:
	}
}
