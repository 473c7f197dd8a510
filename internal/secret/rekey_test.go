package secret

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// placed is a daemon's memory of its key, as the store keeps it.
type placed struct {
	t   *testing.T
	opt KeyOptions
}

// rekey changes the key as package daemon does, without anything that is sealed.
func (p *placed) rekey(to string) Source {
	p.t.Helper()
	next, err := NextPlace(p.opt, to)
	if err != nil {
		p.t.Fatal(err)
	}
	p.opt.Place = Making(p.opt.Place, next)
	s, err := NewKey(context.Background(), p.opt, next)
	if err != nil {
		p.t.Fatal(err)
	}
	p.opt.Place = next
	p.forget()
	return s
}

func (p *placed) forget() {
	p.t.Helper()
	left, err := Forget(context.Background(), p.opt)
	if err != nil {
		p.t.Fatal(err)
	}
	p.opt.Place.Old = left
}

// files are the names in the data folder.
func (p *placed) files() (names []string) {
	p.t.Helper()
	entries, err := os.ReadDir(p.opt.DataDir)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestNewKey_IsFoundAgainInEveryPlaceAndTheOneBeforeIsGone(t *testing.T) {
	c := &chain{}
	p := &placed{t, options(t, c)}
	mustOpen(t, p.opt) // the first key, in the keychain
	p.opt.Place = Place{Source: SourceKeychain, Version: 1}
	p.opt.SealedExists = true
	own := filepath.Join(t.TempDir(), "master-key") // a name like ours, but the user's
	p.opt.Passphrase = NewValue("correct horse")
	for i, to := range []string{"keychain", "keyfile", "", "passphrase", "file:" + own, "keyfile", "keychain", ""} {
		made := p.rekey(to)
		if p.opt.Place.Version != i+2 || len(p.opt.Place.Old) != 0 {
			t.Errorf("%d: place %+v", i, p.opt.Place)
		}
		p.opt.Fits = made.Key.Is
		if found := mustOpen(t, p.opt); !found.Key.Is(made.Key) || found.Kind != p.opt.Place.Source {
			t.Errorf("%d to %q: found another in %s", i, to, found.Kind)
		}
		wantItems, wantFiles := 0, 0
		switch p.opt.Place.Source {
		case SourceKeychain:
			wantItems = 1
		case SourceKeyFile:
			wantFiles = 1
		}
		if len(c.items) != wantItems || len(p.files()) != wantFiles {
			t.Errorf("%d to %q: keychain %d, files %q", i, to, len(c.items), p.files())
		}
	}
	if _, err := os.Stat(own); err != nil {
		t.Errorf("a file of the user's was removed: %v", err)
	}
}

func TestForget_FindsWhatAnInterruptedChangeLeft(t *testing.T) {
	for _, to := range []string{"keychain", "keyfile"} {
		c := &chain{}
		p := &placed{t, options(t, c)}
		first := mustOpen(t, p.opt)
		p.opt.Place = Place{Source: SourceKeychain, Version: 1}
		next, err := NextPlace(p.opt, to)
		if err != nil {
			t.Fatal(err)
		}
		p.opt.Place = Making(p.opt.Place, next)
		if _, err := NewKey(t.Context(), p.opt, next); err != nil {
			t.Fatal(err)
		}
		// Here it stops. The next start finds the first key, and removes the other.
		p.opt.SealedExists, p.opt.Fits = true, first.Key.Is
		if s := mustOpen(t, p.opt); !s.Key.Is(first.Key) {
			t.Errorf("%s: found %s", to, s.Kind)
		}
		p.forget()
		if len(c.items) != 1 || len(p.files()) != 0 {
			t.Errorf("%s: left %d items, files %q", to, len(c.items), p.files())
		}
		if s := p.rekey(to); s.Key.Is(first.Key) || p.opt.Place.Version != 2 {
			t.Errorf("%s: the change after that: %+v", to, p.opt.Place)
		}
	}
}

func TestForget_WhatCannotBeRemovedIsTriedAgainAndTheKeyInUseNeverIs(t *testing.T) {
	c := &chain{}
	opt := options(t, c)
	inUse := OldKey{Source: SourceKeychain, Version: 3}
	old := OldKey{Source: SourceKeychain, Version: 1}
	for _, k := range []OldKey{inUse, old} {
		if err := c.Set(keychainService, account(opt.Install, k.Version), "x"); err != nil {
			t.Fatal(err)
		}
	}
	opt.Place = Place{Source: SourceKeychain, Version: 3, Path: "/was/here", Old: []OldKey{old, inUse}}
	c.fail = errors.New("locked")
	left, err := Forget(t.Context(), opt)
	if err == nil || !slices.Equal(left, []OldKey{old}) {
		t.Errorf("locked: %v, %v", left, err)
	}
	c.fail, opt.Place.Old = nil, append(left, inUse)
	left, err = Forget(t.Context(), opt)
	if err != nil || len(left) != 0 || len(c.items) != 1 {
		t.Errorf("open: %v, %v, %d items", left, err, len(c.items))
	}
	if _, err := c.Get(keychainService, account(opt.Install, 3)); err != nil {
		t.Error("the key in use was removed")
	}
}

func TestNextPlace_UnfitPlacesAreRefusedBeforeAnythingIsMade(t *testing.T) {
	c := &chain{}
	opt := options(t, c)
	opt.Place = Place{Source: SourceKeychain, Version: 1}
	there := filepath.Join(t.TempDir(), "master-1.key")
	write(t, there, "mine", 0o600)
	for _, bad := range []struct{ to, passphrase, want string }{
		{"file:relative", "", "whole path"},
		{"file:", "", "whole path"},
		{"file:" + there, "", "there already"},
		{"file:" + filepath.Join(t.TempDir(), "no", "key"), "", "no such file"},
		{"file:" + filepath.Join(opt.DataDir, "key"), "", "--to keyfile"},
		{"passphrase", "", "at least 8"},
		{"passphrase", "seven77", "at least 8"},
		{"passphrase", strings.Repeat("x", maxPassphrase+1), "more than"},
		{"credential", "", "choose keychain"},
		{"elsewhere", "", "choose keychain"},
	} {
		opt.Passphrase = NewValue(bad.passphrase)
		if _, err := NextPlace(opt, bad.to); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: %v, want %q", bad.to, err, bad.want)
		}
	}
	if text, err := os.ReadFile(there); string(text) != "mine" || err != nil || c.sets != 0 {
		t.Error("something was made or replaced")
	}
}

func TestPassphrase_OnlyTheRightOneFitsEvenWhileNothingIsSealed(t *testing.T) {
	p := &placed{t, options(t, &chain{})}
	p.opt.Place = Place{Source: SourceKeychain, Version: 1}
	p.opt.Passphrase = NewValue("correct horse")
	made := p.rekey("passphrase")
	if c := p.opt.Place.Cost; c != (Cost{Time: 3, Memory: 64 << 10, Threads: 4}) || len(p.opt.Place.Salt) != 16 {
		t.Errorf("cost %+v, %d bytes of salt", c, len(p.opt.Place.Salt))
	}
	p.opt.Fits = made.Key.Is
	file := filepath.Join(t.TempDir(), "passphrase")
	for _, c := range []struct{ name, given, inFile, want string }{
		{"right", "correct horse", "", ""},
		{"none", "", "", "mcpmux secrets unlock"},
		{"wrong", "correct horse ", "", "not the right one"},
		{"right, in a file", "", "correct horse\r\nsecond line\n", ""},
		{"wrong, in a file", "", "incorrect", "not the right one"},
		{"wrong, though that of the file is right", "incorrect", "correct horse", "not the right one"},
	} {
		opt := p.opt
		opt.Passphrase = NewValue(c.given)
		if c.inFile != "" {
			write(t, file, c.inFile, 0o600)
			opt.Getenv = env(passphraseVariable, file)
		}
		s, err := OpenKey(t.Context(), opt)
		switch {
		case c.want == "" && (err != nil || !s.Key.Is(made.Key) || s.Kind != SourcePassphrase):
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (!errors.Is(err, ErrPassphrase) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "correct") {
			t.Errorf("%s: the error quotes the passphrase: %v", c.name, err)
		}
	}
	opt := p.opt
	opt.Passphrase, opt.Getenv = Value{}, env(passphraseVariable, file)
	write(t, file, "correct horse", 0o644)
	if _, err := OpenKey(t.Context(), opt); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others read: %v", err)
	}
}

// The database is no place to take an amount of memory from, and argon2 panics at a zero.
func TestPassphrase_DamagedParametersAreAnError(t *testing.T) {
	good := Place{Source: SourcePassphrase, Version: 2, Salt: make([]byte, saltSize), Cost: Cost{Time: 1, Memory: 8, Threads: 1}}
	if _, err := good.derive(NewValue("x")); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Place){
		"no salt": func(p *Place) { p.Salt = nil }, "no time": func(p *Place) { p.Cost.Time = 0 },
		"no thread": func(p *Place) { p.Cost.Threads = 0 }, "endless": func(p *Place) { p.Cost.Time = 1 << 31 },
		"all memory": func(p *Place) { p.Cost.Memory = 1 << 31 },
	} {
		bad := good
		spoil(&bad)
		opt := options(t, &chain{})
		opt.Place, opt.Passphrase = bad, NewValue("correct horse")
		if _, err := OpenKey(t.Context(), opt); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The key of a passphrase must be the same for ever.
func TestPassphrase_KnownAnswer(t *testing.T) {
	p := Place{Source: SourcePassphrase, Salt: []byte("0123456789abcdef"), Cost: defaultCost}
	k, err := p.derive(NewValue("correct horse battery staple"))
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(k.slice()); got != knownPassphraseKey {
		t.Errorf("got %s", got)
	}
}

// knownPassphraseKey was checked with another implementation of RFC 9106.
const knownPassphraseKey = "efb51f9a76584f6dd6a4f7942a1a2f6ae5a6e4ec5142ff674dfd5d27eb45e446"

// A key file that was chosen stays the place while nothing is sealed, though a keychain is there.
func TestOpenKey_AChosenKeyFileStaysThePlace(t *testing.T) {
	c := &chain{}
	p := &placed{t, options(t, c)}
	mustOpen(t, p.opt)
	p.opt.Place = Place{Source: SourceKeychain, Version: 1}
	made := p.rekey("keyfile")
	if s := mustOpen(t, p.opt); s.Kind != SourceKeyFile || !s.Key.Is(made.Key) || s.Warning == "" || len(c.items) != 0 {
		t.Errorf("found in %s, %d in the keychain", s.Kind, len(c.items))
	}
}

func TestBox_RewrapsTheKeyAndLeavesTheText(t *testing.T) {
	first, second := newBox(t, 1), mustBox(t, 2, 2)
	blob := seal(t, first, place, "secret")
	if _, err := second.Open(place, blob); !errors.Is(err, ErrRefused) {
		t.Errorf("without the key before: %v", err)
	}
	both := second.After(first)
	wrapped, err := both.Rewrap(place, blob)
	if err != nil {
		t.Fatal(err)
	}
	if len(wrapped) != len(blob) || wrapped[headerSize-1] != 2 || !bytes.Equal(wrapped[headerSize+wrappedSize:], blob[headerSize+wrappedSize:]) {
		t.Error("more than the wrapped key was changed")
	}
	for name, b := range map[string]*Box{"second": second, "both": both} {
		if got, err := b.Open(place, wrapped); string(got) != "secret" || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := first.Open(place, wrapped); !errors.Is(err, ErrRefused) {
		t.Errorf("the key before opens it: %v", err)
	}
	if got, err := both.Open(place, blob); string(got) != "secret" || err != nil {
		t.Errorf("a blob of the key before: %q, %v", got, err)
	}
	again, err := both.Rewrap(place, wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := second.Open(place, again); string(got) != "secret" || err != nil {
		t.Errorf("wrapped twice: %q, %v", got, err)
	}
	other := place
	other.Row = "r2"
	if _, err := both.Rewrap(other, blob); !errors.Is(err, ErrRefused) {
		t.Errorf("moved to another row: %v", err)
	}
}

func mustBox(t *testing.T, first byte, version int) *Box {
	t.Helper()
	b, err := NewBoxVersion(KeyOf([32]byte{first}), version)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestKey_IsZeroedInAllItsCopies(t *testing.T) {
	k := KeyOf([32]byte{1})
	s := Source{Key: k}
	if k.None() || !s.Key.Is(k) || s.Derive("x") == nil {
		t.Fatal("there is no key")
	}
	k.Clear()
	if !s.Key.None() || !bytes.Equal(s.Key.slice(), make([]byte, 32)) || s.Derive("x") != nil {
		t.Error("a copy still has the key")
	}
	if _, err := NewBoxVersion(k, 1); err == nil {
		t.Error("a key of zeros seals")
	}
	Key{}.Clear()
}

func TestKeyAndBox_AreNeverPrinted(t *testing.T) {
	const canary = "CANARY-canary-CANARY-canary-1234"
	k := KeyOf([32]byte([]byte(canary)))
	b, err := NewBoxVersion(k, 1)
	if err != nil {
		t.Fatal(err)
	}
	type holder struct {
		Key    Key
		hidden Key
		p      *Key
		Box    *Box
		box    *Box
		Source Source
		source Source
	}
	s := Source{Kind: SourceKeychain, Key: k}
	h := holder{k, k, &k, b, b, s, s}
	var log strings.Builder
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("m", "k", k, "b", b, "s", s, "h", h)
	}
	asJSON, err := json.Marshal([]any{k, b, s, map[string]Key{"k": k}, h.Source})
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	fmt.Fprint(&all, log.String(), string(asJSON), k.String(), fmt.Errorf("wrap %v %v", k, b), []Key{k})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{k, &k, b, *b, s, &s, h, &h} {
			fmt.Fprintf(&all, verb, v)
		}
	}
	wrapping := hidden(t, k)
	out := strings.ToLower(all.String())
	for _, bytes := range [][]byte{[]byte(canary), wrapping} {
		decimal := strings.Trim(fmt.Sprintf("%d", bytes[:8]), "[]")
		goText := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", bytes[:8]), "[]byte{"), "}")
		for _, form := range []string{string(bytes), hex.EncodeToString(bytes[:8]), decimal, goText, KeyOf([32]byte(bytes)).text()[:16]} {
			if strings.Contains(out, strings.ToLower(form)) {
				t.Errorf("%q is in: %s", form, out)
			}
		}
	}
	if strings.Count(out, redacted) < 20 {
		t.Error("too little was redacted")
	}
}

// hidden is the key that a Box of k wraps with.
func hidden(t *testing.T, k Key) []byte {
	t.Helper()
	b := Source{Key: k}.Derive(strings.TrimPrefix(wrapLabel, "mcpmux "))
	if len(b) != keySize {
		t.Fatal("no wrapping key")
	}
	return b
}

func TestPlace_HoldsNoSecret(t *testing.T) {
	p := &placed{t, options(t, &chain{})}
	p.opt.Place = Place{Source: SourceKeychain, Version: 1}
	p.opt.Passphrase = NewValue("correct horse")
	made := p.rekey("passphrase")
	text, err := json.Marshal(p.opt.Place)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "correct") || strings.Contains(string(text), made.Key.text()) {
		t.Errorf("%s", text)
	}
	var back Place
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.opt.Place, back); diff != "" {
		t.Error(diff)
	}
}
