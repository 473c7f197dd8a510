package secret

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestParseReference_TellsReferencesFromSecrets(t *testing.T) {
	for _, c := range []struct {
		text, reference, literal, bad string
	}{
		{text: "hunter2", literal: "hunter2"},
		{text: "", literal: ""},
		{text: "environment", literal: "environment"},
		{text: "ENV:X", literal: "ENV:X"},
		{text: "literal:env:X", literal: "env:X"},
		{text: "literal:literal:x", literal: "literal:x"},
		{text: "env:GITHUB_TOKEN", reference: "env:GITHUB_TOKEN"},
		{text: "file:/run/secrets/token", reference: "file:/run/secrets/token"},
		{text: "keychain:github/me@example.com", reference: "keychain:github/me@example.com"},
		{text: "op://Private/GitHub/token", reference: "op://Private/GitHub/token"},
		{text: "op://Private/GitHub/section/token", reference: "op://Private/GitHub/section/token"},
		{text: "env:", bad: "env:NAME"},
		{text: "env:A B", bad: "env:NAME"},
		{text: "env:A=B", bad: "env:NAME"},
		{text: "file:token", bad: "file:/whole/path"},
		{text: "file:", bad: "file:/whole/path"},
		{text: "file:/a\x00b", bad: "file:/whole/path"},
		{text: "keychain:github", bad: "keychain:SERVICE/ACCOUNT"},
		{text: "op://Private/GitHub", bad: "op://vault/item/field"},
		{text: "op://a/b/c\n", bad: "op://vault/item/field"},
	} {
		r, literal, is, err := ParseReference(c.text)
		if c.bad != "" {
			if err == nil || !strings.Contains(err.Error(), c.bad) || !strings.Contains(err.Error(), "literal:") {
				t.Errorf("%q: %v, want %q", c.text, err, c.bad)
			}
			continue
		}
		if err != nil || is != (c.reference != "") || literal != c.literal || is && r.String() != c.reference {
			t.Errorf("%q: %v %q %v %v", c.text, r, literal, is, err)
		}
	}
}

func FuzzParseReference(f *testing.F) {
	for _, s := range []string{"env:A", "file:/x", "op://a/b/c", "keychain:a/b", "literal:x", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, literal, is, err := ParseReference(text)
		if is && (err != nil || r.String() != text || literal != "") {
			t.Errorf("%q: %v %q %v", text, r, literal, err)
		}
	})
}

func resolve(t *testing.T, v Resolver, text string) (string, error) {
	t.Helper()
	r, _, is, err := ParseReference(text)
	if err != nil || !is {
		t.Fatalf("%q is no reference: %v", text, err)
	}
	got, err := v.Resolve(context.Background(), r)
	return got.Reveal(), err
}

func TestResolver_FindsWhatIsNamed(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	write(t, file, "from a file\r\n", 0o600)
	v := Resolver{
		Getenv:   func(n string) (string, bool) { return "from the environment", n == "TOKEN" },
		Keychain: &chain{items: map[string]string{"github\x00me/x": "from the keychain"}},
		Run: func(_ context.Context, program string, args ...string) ([]byte, error) {
			if got := fmt.Sprint(program, args); got != "op[read --no-newline op://v/i/f]" {
				return nil, errors.New(got)
			}
			return []byte("from op"), nil
		},
	}
	for text, want := range map[string]string{
		"env:TOKEN": "from the environment", "file:" + file: "from a file", "keychain:github/me/x": "from the keychain", "op://v/i/f": "from op",
	} {
		if got, err := resolve(t, v, text); got != want || err != nil {
			t.Errorf("%s: %q %v", text, got, err)
		}
	}
}

func TestResolver_SaysWhatIsMissingAndNothingMore(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	write(t, open, "for everybody", 0o644)
	empty := filepath.Join(dir, "empty")
	write(t, empty, "\n", 0o600)
	v := Resolver{
		Getenv:   func(string) (string, bool) { return "", false },
		Keychain: &chain{},
		Run: func(_ context.Context, _ string, args ...string) ([]byte, error) {
			if strings.Contains(args[2], "absent") {
				return nil, &exec.Error{Name: "op", Err: exec.ErrNotFound}
			}
			return []byte("half a secret"), errors.New("op says: half a secret")
		},
	}
	rows := map[string]string{
		"env:TOKEN":           "without this environment variable",
		"file:" + dir:         "not a file",
		"file:" + empty:       "empty",
		"file:" + dir + "/no": "no such file",
		"keychain:a/b":        "no such item",
		"op://absent/i/f":     "not installed",
		"op://v/i/f":          "could not read it",
	}
	if runtime.GOOS != "windows" {
		rows["file:"+open] = "chmod 600"
		pipe := filepath.Join(dir, "pipe")
		if exec.Command("mkfifo", pipe).Run() == nil {
			rows["file:"+pipe] = "not a file"
		}
	}
	for text, want := range rows {
		got, err := resolve(t, v, text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), strings.SplitN(text, ":", 2)[0]) {
			t.Errorf("%s: %q %v, want %q", text, got, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "half a secret") || strings.Contains(err.Error(), "for everybody")) {
			t.Errorf("%s: the error tells the secret: %v", text, err)
		}
	}
}

// The op command is a program of its own; this one plays it.
func TestResolver_RunsOPWithoutAShell(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the played op is a shell script")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "op"), []byte("#!/bin/sh\nprintf '%s' \"$1 $2 $3\"\necho complaint >&2\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if got, err := resolve(t, Resolver{}, "op://v/$(touch x)/`f`"); got != "read --no-newline op://v/$(touch x)/`f`" || err != nil {
		t.Errorf("%q %v", got, err)
	}
}
