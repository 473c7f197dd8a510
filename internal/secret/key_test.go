package secret

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// chain is a keychain in memory. With fail set it answers that; with stuck set it answers nothing until
// stuck is closed.
type chain struct {
	items map[string]string
	fail  error
	stuck chan struct{}
	panic bool
	sets  int
}

func (c *chain) Get(service, account string) (string, error) {
	if c.panic {
		panic("runtime error: invalid memory address")
	}
	if c.stuck != nil {
		<-c.stuck
	}
	if c.fail != nil {
		return "", c.fail
	}
	text, ok := c.items[service+"\x00"+account]
	if !ok {
		return "", ErrNoItem
	}
	return text, nil
}

func (c *chain) Set(service, account, text string) error {
	c.sets++
	if c.items == nil {
		c.items = make(map[string]string)
	}
	c.items[service+"\x00"+account] = text
	return nil
}

func (c *chain) Delete(service, account string) error {
	if c.fail != nil {
		return c.fail
	}
	if _, ok := c.items[service+"\x00"+account]; !ok {
		return ErrNoItem
	}
	delete(c.items, service+"\x00"+account)
	return nil
}

func options(t *testing.T, k Keychain) KeyOptions {
	t.Helper()
	return KeyOptions{DataDir: t.TempDir(), Install: "install", Keychain: k}
}

func mustOpen(t *testing.T, opt KeyOptions) Source {
	t.Helper()
	s, err := OpenKey(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keyFileExists(opt KeyOptions) bool {
	_, err := os.Stat(filepath.Join(opt.DataDir, keyFileName))
	return err == nil
}

func TestOpenKey_KeychainGetsTheFirstKeyAndKeepsIt(t *testing.T) {
	c := &chain{}
	opt := options(t, c)
	first := mustOpen(t, opt)
	if first.Kind != SourceKeychain || first.Warning != "" || first.Key.None() {
		t.Errorf("first start: %+v", first)
	}
	opt.SealedExists = true
	if again := mustOpen(t, opt); !again.Key.Is(first.Key) || c.sets != 1 {
		t.Errorf("second start: another key, or %d writes", c.sets)
	}
	if keyFileExists(opt) {
		t.Error("a key file was made beside a keychain")
	}
}

func TestOpenKey_OnlyNotFoundAndNothingSealedMakesAKey(t *testing.T) {
	for _, c := range []struct {
		name   string
		chain  chain
		sealed bool
		want   error
	}{
		{"not found, values sealed", chain{}, true, ErrNoKey},
		{"locked, nothing sealed", chain{fail: errors.New("failed to unlock correct collection")}, false, ErrLocked},
		{"locked, values sealed", chain{fail: errors.New("failed to unlock correct collection")}, true, ErrLocked},
		{"library panics", chain{panic: true}, false, ErrLocked},
		{"no keychain, values sealed", chain{fail: ErrNoKeychain}, true, ErrNoKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			opt := options(t, &c.chain)
			opt.SealedExists = c.sealed
			_, err := OpenKey(context.Background(), opt)
			if !errors.Is(err, c.want) {
				t.Errorf("err = %v, want %v", err, c.want)
			}
			if c.chain.sets != 0 || keyFileExists(opt) {
				t.Error("a key was made")
			}
		})
	}
}

func TestOpenKey_UnansweredPromptIsLockedAfterTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &chain{stuck: make(chan struct{})}
		start := time.Now()
		_, err := OpenKey(context.Background(), options(t, c))
		if !errors.Is(err, ErrLocked) || time.Since(start) != keychainLimit {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		close(c.stuck)
	})
}

func TestOpenKey_KeyFileOnlyWhereNoKeychainExists(t *testing.T) {
	opt := options(t, None{})
	s := mustOpen(t, opt)
	if s.Kind != SourceKeyFile || s.Warning == "" {
		t.Errorf("source: %s, warning %q", s.Kind, s.Warning)
	}
	info, err := os.Stat(filepath.Join(opt.DataDir, keyFileName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info, err)
	}
	opt.SealedExists = true
	if again := mustOpen(t, opt); !again.Key.Is(s.Key) {
		t.Error("the second start found another key")
	}
}

func TestOpenKey_RequireKeychainRefusesTheKeyFile(t *testing.T) {
	opt := options(t, None{})
	opt.RequireKeychain = true
	if _, err := OpenKey(context.Background(), opt); !errors.Is(err, ErrKeychainRequired) || keyFileExists(opt) {
		t.Errorf("new: %v", err)
	}
	opt.RequireKeychain = false
	mustOpen(t, opt)
	opt.RequireKeychain, opt.SealedExists = true, true
	if _, err := OpenKey(context.Background(), opt); !errors.Is(err, ErrKeychainRequired) {
		t.Errorf("existing key file: %v", err)
	}
}

// A key file made over SSH stays in use when a keychain shows up later.
func TestOpenKey_KeyFileStaysTheKeyWhenAKeychainShowsUp(t *testing.T) {
	opt := options(t, None{})
	made := mustOpen(t, opt)
	opt.SealedExists = true
	opt.Fits = made.Key.Is
	for name, c := range map[string]*chain{
		"empty":           {},
		"locked":          {fail: errors.New("locked")},
		"another install": {items: map[string]string{"mcpmux\x00install/kek/1": base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{3}, 32))}},
	} {
		opt.Keychain = c
		if s := mustOpen(t, opt); !s.Key.Is(made.Key) || s.Kind != SourceKeyFile {
			t.Errorf("keychain %s: %s", name, s.Kind)
		}
		if c.sets != 0 {
			t.Errorf("keychain %s: a second key was made", name)
		}
	}
}

func TestOpenKey_WrongKeyIsSaid(t *testing.T) {
	c := &chain{}
	opt := options(t, c)
	mustOpen(t, opt)
	opt.SealedExists = true
	opt.Fits = func(Key) bool { return false }
	if _, err := OpenKey(context.Background(), opt); !errors.Is(err, ErrWrongKey) {
		t.Error(err)
	}
}

func TestOpenKey_GivenKeyComesFirst(t *testing.T) {
	dir := t.TempDir()
	key := [32]byte{9}
	text := base64.StdEncoding.EncodeToString(key[:])
	file := filepath.Join(dir, credentialName)
	write(t, file, text+"\n", 0o400)
	c := &chain{}
	opt := options(t, c)

	opt.Getenv = env("MCPMUX_MASTER_KEY_FILE", file)
	if s := mustOpen(t, opt); s.Kind != SourceFile || !s.Key.Is(KeyOf(key)) || s.Warning != "" {
		t.Errorf("file: %s", s.Kind)
	}
	opt.Getenv = env("CREDENTIALS_DIRECTORY", dir)
	if s := mustOpen(t, opt); s.Kind != SourceCredential || !s.Key.Is(KeyOf(key)) {
		t.Errorf("credential: %s", s.Kind)
	}
	// A credential directory that holds other things only.
	opt.Getenv = env("CREDENTIALS_DIRECTORY", t.TempDir())
	if s := mustOpen(t, opt); s.Kind != SourceKeychain {
		t.Errorf("empty credential directory: %s", s.Kind)
	}
}

func TestOpenKey_UnfitKeyFileIsRefused(t *testing.T) {
	good := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("K", 32)))
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"read by the group", good, 0o640, "chmod 600"},
		{"read by all", good, 0o604, "chmod 600"},
		{"too short", good[:40], 0o600, "32 bytes"},
		{"too long", good + good, 0o600, "32 bytes"},
		{"not base64", strings.Repeat("~", 44), 0o600, "32 bytes"},
		{"empty", "\n", 0o600, "empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "k")
			write(t, file, c.text, c.mode)
			opt := options(t, &chain{})
			opt.Getenv = env("MCPMUX_MASTER_KEY_FILE", file)
			_, err := OpenKey(context.Background(), opt)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), file) {
				t.Errorf("err = %v, want %q and the path", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), strings.TrimSpace(c.text)) && c.text != "\n" {
				t.Error("the error quotes the key")
			}
		})
	}
	opt := options(t, &chain{})
	opt.Getenv = env("MCPMUX_MASTER_KEY_FILE", filepath.Join(t.TempDir(), "none"))
	if _, err := OpenKey(context.Background(), opt); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestOpenKey_InterruptedKeyFileIsMadeAgain(t *testing.T) {
	opt := options(t, None{})
	write(t, filepath.Join(opt.DataDir, keyFileName), "", 0o600)
	if s := mustOpen(t, opt); s.Kind != SourceKeyFile {
		t.Errorf("source %s", s.Kind)
	}
	write(t, filepath.Join(opt.DataDir, keyFileName), "", 0o600)
	opt.SealedExists = true
	if _, err := OpenKey(context.Background(), opt); err == nil {
		t.Error("an empty key file was replaced although values are sealed")
	}
}

func TestOpenKey_KeychainThatKeepsNothingIsFoundOut(t *testing.T) {
	opt := options(t, forgetful{})
	if _, err := OpenKey(context.Background(), opt); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
}

// forgetful accepts everything and keeps nothing.
type forgetful struct{}

func (forgetful) Get(string, string) (string, error) { return "", ErrNoItem }
func (forgetful) Set(string, string, string) error   { return nil }
func (forgetful) Delete(string, string) error        { return nil }

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	_ = os.Remove(path) // it may be read-only, or not there
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // the umask may have narrowed it
		t.Fatal(err)
	}
}

func env(name, value string) func(string) string {
	return func(n string) string {
		if n == name {
			return value
		}
		return ""
	}
}
