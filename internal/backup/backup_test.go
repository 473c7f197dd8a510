package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
	"github.com/mcpmux/mcpmux/internal/store"
)

const passphrase = "correct horse battery"

// furnished is what is set up in a store with a Server and a client.
func furnished(tb testing.TB) *store.Copy {
	tb.Helper()
	bg := context.Background()
	st, err := store.Open(bg, filepath.Join(tb.TempDir(), "data", "mcpmux.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = st.Close() }() // everything was read
	box, err := secret.NewBox([32]byte{1})
	if err == nil {
		err = st.Unlock(box)
	}
	if err != nil {
		tb.Fatal(err)
	}
	state, err := st.Load(bg)
	if err != nil {
		tb.Fatal(err)
	}
	space := state.Spaces[0].ID
	value := func(kind mcpmux.ValueKind, name, text string, hidden bool) store.Value {
		return store.Value{ValueName: mcpmux.ValueName{Kind: kind, Name: name, Secret: hidden}, Value: secret.NewValue(text)}
	}
	_, _, err = st.CreateServer(bg, store.NewServer{
		Space: space, Alias: "files", Enabled: true,
		Definition: mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: "serve", Args: []string{"${input:ROOT}"}},
		Values:     []store.Value{value("env", "TOKEN", "hush-1", true), value("env", "MODE", "fast", false), value("input", "ROOT", "/tmp", false)},
	})
	if err != nil {
		tb.Fatal(err)
	}
	web, _, err := st.CreateServer(bg, store.NewServer{
		Space: space, Alias: "web", Enabled: true, Definition: mcpmux.Definition{Transport: mcpmux.TransportHTTP, URL: "https://mcp.example/"},
		Values: []store.Value{value("header", "X-Key", "hush-2", false)},
	})
	if err != nil {
		tb.Fatal(err)
	}
	_, err = st.SaveCredential(bg, web.ID, store.Credential{Kind: store.CredentialTokens, LoggedIn: mcpmux.LoggedIn{Issuer: "https://as.example"}, Body: secret.NewValue("hush-3")})
	if err != nil {
		tb.Fatal(err)
	}
	cl, _, err := st.CreateClient(bg, store.NewClient{Name: "Cursor", Mode: mcpmux.ModeFollow, Approved: true})
	if err != nil {
		tb.Fatal(err)
	}
	if _, _, err = st.CreateKey(bg, cl.ID, store.NewKey{Hash: [32]byte{7}, Hint: "mm_key_a"}); err != nil {
		tb.Fatal(err)
	}
	c, err := st.Copy(bg)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func write(tb testing.TB, c *store.Copy, o Options) []byte {
	tb.Helper()
	o.MadeAt, o.Version = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "1.2.3"
	text, err := Write(c, o)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func sealed() Options { return Options{Keys: Keys{Passphrase: secret.NewValue(passphrase)}} }

func read(text []byte, k Keys) (*Content, error) {
	f, err := Open(text)
	if err != nil {
		return nil, err
	}
	return f.Read(k)
}

var revealed = cmp.Options{
	cmp.Transformer("reveal", func(v secret.Value) string { return v.Reveal() }), cmpopts.EquateEmpty(),
}

// By the right key everything comes out, and by no other anything; what everybody can read says when and by whom.
func TestBackup_OpensByItsKeyAlone(t *testing.T) {
	t.Parallel()
	c := furnished(t)
	machine := bytes.Repeat([]byte{5}, 32)
	for name, k := range map[string]struct{ good, bad Keys }{
		"passphrase": {Keys{Passphrase: secret.NewValue(passphrase)}, Keys{Passphrase: secret.NewValue(passphrase + "!"), Machine: machine}},
		"machine":    {Keys{Machine: machine}, Keys{Machine: bytes.Repeat([]byte{6}, 32)}},
	} {
		text := write(t, c, Options{Keys: k.good})
		if bytes.Contains(text, []byte("hush-")) || bytes.Contains(text, []byte("Cursor")) {
			t.Errorf("%s: it can be read by everybody", name)
		}
		f, err := Open(text)
		if err != nil || f.Version != "1.2.3" || f.MadeAt.Year() != 2026 || f.Key != name {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
		got, err := read(text, k.good)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c, &got.Copy, revealed); diff != "" || len(got.Missing) > 0 {
			t.Errorf("%s: another thing came out, without %v:\n%s", name, got.Missing, diff)
		}
		for _, bad := range []Keys{k.bad, {}} {
			if _, err := read(text, bad); err == nil {
				t.Errorf("%s: it opens by %v", name, bad)
			}
		}
	}
}

// Without a passphrase no secret is in the file, and what is restored asks for each: no Server runs without.
func TestBackup_WithoutAPassphraseSecretsAreWanted(t *testing.T) {
	t.Parallel()
	text := write(t, furnished(t), Options{})
	got, err := read(text, Keys{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Missing) != 3 || got.Missing[0].Name != "TOKEN" || got.Missing[1].Name != "MODE" || got.Missing[2].Name != "X-Key" {
		t.Errorf("missing is %v", got.Missing)
	}
	for i, want := range []struct {
		input, text string
		kind        mcpmux.ValueKind
	}{{"TOKEN", "${input:TOKEN}", "env"}, {"X-Key", "${input:X-Key}", "header"}} {
		srv := &got.Servers[i]
		in, found := srv.Definition.Input(want.input)
		if !found || !in.Required || !in.Hidden() {
			t.Errorf("%s does not ask for %s: %+v", srv.Alias, want.input, srv.Definition.Inputs)
		}
		said := false
		for _, v := range srv.Values {
			if strings.Contains(v.Reveal(), "hush-") || v.Reveal() == "fast" {
				t.Errorf("the secret %s is in it", v.Name)
			}
			said = said || v.Kind == want.kind && v.Name == want.input && v.Reveal() == want.text
		}
		if !said || len(srv.Logins) > 0 {
			t.Errorf("%s has %v and %d logins", srv.Alias, srv.Values, len(srv.Logins))
		}
	}
	if len(got.Keys) != 1 {
		t.Error("the hash of an access key is no secret, and not there")
	}
}

// What is not to be in it is not.
func TestBackup_LeavesOutWhatItIsTold(t *testing.T) {
	t.Parallel()
	o := sealed()
	o.NoLogins, o.NoKeys = true, true
	got, err := read(write(t, furnished(t), o), o.Keys)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Keys) > 0 || len(got.Servers[1].Logins) > 0 || len(got.Missing) > 0 {
		t.Errorf("%d keys, %d logins, missing %v", len(got.Keys), len(got.Servers[1].Logins), got.Missing)
	}
}

func TestBackup_AWeakPassphraseIsRefused(t *testing.T) {
	t.Parallel()
	_, err := Write(furnished(t), Options{Keys: Keys{Passphrase: secret.NewValue("short")}})
	if mcpmux.CodeOf(err) != mcpmux.CodeInvalid {
		t.Error(err)
	}
}

// forged is a file whose checksum fits.
func forged(format int, rest string) []byte {
	sum := sha256.Sum256([]byte(rest))
	return fmt.Appendf(nil, "%s%d %s\n%s", magic, format, hex.EncodeToString(sum[:]), rest)
}

// Each thing that a file may be instead of a backup is told by its own words, without a passphrase.
func TestBackup_WhatAFileIsInsteadIsSaid(t *testing.T) {
	t.Parallel()
	good := write(t, furnished(t), sealed())
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	lock := `{"made_at":"2026-01-02T03:04:05Z","version":"1","key":"passphrase","lock":{"salt":"AAAAAAAAAAAAAAAAAAAAAA==","cost":{"t":3,"m":4000000,"p":4}}}`
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"nothing":          {nil, "no backup of McpMux"},
		"foreign":          {[]byte("%PDF-1.7 …"), "no backup of McpMux"},
		"another database": {[]byte("SQLite format 3\x00"), "no backup of McpMux"},
		"cut":              {good[:len(good)-1], "is not whole"},
		"cut early":        {good[:30], "is not whole"},
		"longer":           {append(bytes.Clone(good), 0), "is not whole"},
		"changed":          {flipped, "damaged"},
		"newer":            {forged(2, "whatever"), "update McpMux"},
		"newer inside":     {forged(1, `{"made_at":"2026-01-02T03:04:05Z","version":"9","moon":1}`+"\n"), "update McpMux"},
		"huge":             {bytes.Repeat([]byte("mcpmux-backup 1 "), MaxFile/16+1), "longer than"},
		"a costly key":     {forged(1, lock+"\n"), "more than McpMux does"},
		"not packed":       {forged(1, `{"made_at":"2026-01-02T03:04:05Z","version":"1"}`+"\nplain"), "update McpMux"},
	} {
		_, err := read(c.file, sealed().Keys)
		if mcpmux.CodeOf(err) != mcpmux.CodeInvalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The Header is sealed too: who changes it, and the checksum with it, has a file that does not open.
func TestBackup_TheHeaderBelongsToTheContent(t *testing.T) {
	t.Parallel()
	text := string(write(t, furnished(t), sealed()))
	_, rest, _ := strings.Cut(text, "\n")
	other := strings.Replace(rest, "2026-01-02", "2027-01-02", 1)
	if other == rest {
		t.Fatal("nothing was changed")
	}
	_, err := read(forged(1, other), sealed().Keys)
	if err == nil || !strings.Contains(err.Error(), "passphrase") {
		t.Error(err)
	}
}

// Whatever a file holds, it is read in little time and memory, and is refused or goes together.
func FuzzOpen(f *testing.F) {
	good := write(f, furnished(f), Options{})
	f.Add(good)
	_, rest, _ := bytes.Cut(good, []byte("\n"))
	f.Add(rest)
	f.Add([]byte(`{"made_at":"2026-01-02T03:04:05Z","version":"1"}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, file := range [][]byte{text, forged(1, string(text))} {
			c, err := read(file, Keys{Machine: bytes.Repeat([]byte{4}, 32)})
			if err != nil {
				if code := mcpmux.CodeOf(err); code != mcpmux.CodeInvalid {
					t.Errorf("%s: %v", code, err)
				}
				continue
			}
			if err := c.Check(); err != nil {
				t.Error(err)
			}
		}
	})
}

// The content is what an attacker without a key can write, so it is tried by itself.
func FuzzContent(f *testing.F) {
	c := furnished(f)
	got := contentOf(c, Options{NoSecrets: true})
	text, err := pack(got)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, packed []byte) {
		c, err := read(forged(1, `{"made_at":"2026-01-02T03:04:05Z","version":"1"}`+"\n"+string(packed)), Keys{})
		if err != nil && mcpmux.CodeOf(err) != mcpmux.CodeInvalid {
			t.Error(err)
		}
		if err == nil && c.Check() != nil {
			t.Error("it does not go together")
		}
	})
}
