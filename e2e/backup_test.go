package e2e

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/oauthtest"
)

const backupWords = "seven quiet herons wade"

// restored is what `restore` answers.
type restored struct {
	Sealed, Opened, Restored, Own bool
	Undo                          string
	Clients                       []string
	Spaces                        []struct {
		Name    string
		Servers []string
	}
	Missing []missing
}

type missing struct{ Server, Name string }

// words is a file with a passphrase, as people who script have it.
func words(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What is set up on one machine works on another, which has another master key: servers with their secrets and logins,
// clients with their keys. By any other passphrase nothing changes there, and neither does it by a file that is damaged.
func TestCheck_H9_ABackupWorksOnAnotherMachineByItsPassphraseAlone(t *testing.T) {
	t.Parallel()
	d, s, key := keyed(t)
	d.CLI("space", "create", "Work")
	d.CLI("featureset", "create", "few")
	file := filepath.Join(t.TempDir(), "mine.mcpmux")
	d.CLI("export", file, "--passphrase-file", words(t, backupWords))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if bytes.Contains(text, []byte("not-for-everybody")) || bytes.Contains(text, []byte("sealed")) {
		t.Error("everybody can read what is in it")
	}
	if err := d.Stop(); err != nil { // Who has the tokens of both could renew them once only.
		t.Fatal(err)
	}

	other := Start(t, Options{})
	other.NewClient("stays")
	before := other.CLI("client", "list", "--json")
	revision := other.revision()
	for what, c := range map[string]struct{ file, words string }{
		"a wrong passphrase": {file, backupWords + "!"},
		"a damaged file":     {spoiled(t, text, func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), backupWords},
		"half a file":        {spoiled(t, text, func(b []byte) []byte { return b[:len(b)/2] }), backupWords},
		"another file":       {spoiled(t, text, func([]byte) []byte { return []byte("hello") }), backupWords},
		"a huge file":        {spoiled(t, text, func(b []byte) []byte { return append(b, make([]byte, 4<<20)...) }), backupWords},
	} {
		_, errText, code := other.TryCLI("restore", c.file, "--passphrase-file", words(t, c.words))
		if code != 1 || !strings.Contains(errText, "passphrase") && !strings.Contains(errText, "backup") || strings.Contains(errText, "internal") {
			t.Errorf("%s: %d %s", what, code, errText)
		}
	}
	if other.revision() != revision || other.CLI("client", "list", "--json") != before {
		t.Error("something changed")
	}

	var r restored
	other.JSON(&r, "restore", file, "--dry-run", "--passphrase-file", words(t, backupWords))
	if !r.Sealed || !r.Opened || r.Restored || len(r.Spaces) != 2 || len(r.Spaces[0].Servers) != 3 || other.revision() != revision {
		t.Errorf("the dry run: %+v", r)
	}
	other.JSON(&r, "restore", file, "--passphrase-file", words(t, backupWords))
	if !r.Restored || len(r.Missing) > 0 {
		t.Fatalf("%+v", r)
	}
	for _, alias := range []string{"sealed", "plain", "gh"} {
		other.AwaitServer(alias, "connected")
	}
	m := other.Session(key)
	m.Call("sealed_echo", `{"text":"x"}`).Result(t)
	m.Call("gh_echo", `{"text":"y"}`).Result(t)
	if n := s.Count(oauthtest.Authorize); n != 1 {
		t.Errorf("%d logins", n)
	}
	if out := other.CLI("featureset", "list"); !strings.Contains(out, "few") {
		t.Error(out)
	}
	if _, _, code := other.TryCLI("client", "show", "stays"); code != 1 {
		t.Error("what was there before is still there")
	}
	if text, err := os.ReadFile(filepath.Join(other.Dir, "mcpmux.db")); err != nil || bytes.Contains(text, []byte("not-for-everybody")) {
		t.Errorf("the secret is in the database: %v", err)
	}

	// What was there before can be had back, on this machine alone.
	if info, err := os.Stat(r.Undo); err != nil || info.Mode().Perm() != 0o600 || !strings.HasPrefix(r.Undo, other.Dir) {
		t.Fatalf("%s: %v", r.Undo, err)
	}
	var back restored
	other.JSON(&back, "restore", r.Undo)
	if !back.Restored || !back.Own || len(back.Clients) != 1 || back.Clients[0] != "stays" {
		t.Errorf("back: %+v", back)
	}
	third := Start(t, Options{})
	if _, errText, code := third.TryCLI("restore", r.Undo); code != 1 || !strings.Contains(errText, "another machine") {
		t.Errorf("%d %s", code, errText)
	}
}

func spoiled(t *testing.T, text []byte, spoil func([]byte) []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "spoiled")
	if err := os.WriteFile(path, spoil(bytes.Clone(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A backup without a passphrase has no secret, and what is restored of it asks for each: its servers do not run without.
func TestBackup_WithoutSecretsTheServersAskForThem(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	args := process(t, mcptest.Script{}, "--secret", "TOKEN=not-for-everybody")
	d.AddServer("files", args...)
	d.AwaitServer("files", "connected")
	file := filepath.Join(t.TempDir(), "plain.mcpmux")
	if out := d.CLI("export", file, "--no-secrets"); !strings.Contains(out, "no secret is in it") {
		t.Error(out)
	}
	other := Start(t, Options{})
	var r restored
	other.JSON(&r, "restore", file)
	if r.Sealed || !slices.ContainsFunc(r.Missing, func(m missing) bool { return m.Name == "TOKEN" }) {
		t.Errorf("%+v", r)
	}
	if reason := other.awaitState("error", "files"); !strings.Contains(reason, "has no value") {
		t.Error(reason)
	}
	for i, arg := range args {
		if arg == "--env" || arg == "--secret" { // what was in the environment is an input now
			other.CLI("server", "set", "files", "--input", args[i+1])
		}
	}
	other.AwaitServer("files", "connected")
}

// Restored on the machine itself, what runs follows: a session of a client goes on, and sees what was restored.
func TestBackup_WhatRunsFollowsWithoutARestart(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("one", mcptest.Script{})
	key := d.NewClient("app")
	file := filepath.Join(t.TempDir(), "then.mcpmux")
	d.CLI("export", file, "--passphrase-file", words(t, backupWords))
	m := d.Session(key)
	d.CLI("server", "remove", "one")
	d.AddScripted("two", mcptest.Script{})
	m.Call("two_echo", `{"text":"x"}`).Result(t)
	d.CLI("restore", file, "--passphrase-file", words(t, backupWords))
	d.AwaitServer("one", "connected")
	d.Session(key).Call("one_echo", `{"text":"y"}`).Result(t)
	if r := d.Session(key).Call("two_echo", `{}`).Last(t); r.Error == nil {
		t.Error("what is not in the backup is still there")
	}
}

// What an application was given by a login ends with a restoring, and what was agreed to with it. Logged in and agreed to
// again, it is the client that it was, with its grants.
func TestBackup_ApplicationsLogInAgainAndAreWhoTheyWere(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	a := d.newApp("Editor")
	before := a.logIn()
	d.wantBearer("before", before.Access, http.StatusOK)
	file := filepath.Join(t.TempDir(), "mine.mcpmux")
	d.CLI("export", file, "--no-secrets")
	d.CLI("restore", file)
	d.wantBearer("after", before.Access, http.StatusUnauthorized)
	a.refused("the refresh token", a.renewal(before.Refresh), "invalid_grant")
	d.wantBearer("logged in again", a.logIn().Access, http.StatusOK)
	var clients []struct{ Name string }
	if d.JSON(&clients, "client", "list"); len(clients) != 1 || clients[0].Name != "Editor" {
		t.Errorf("the clients: %v", clients)
	}
}
