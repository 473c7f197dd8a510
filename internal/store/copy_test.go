package store

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
)

// furnished is a store with something of everything.
func furnished(t *testing.T) *fixture {
	t.Helper()
	f := newStore(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	work, _, err := f.CreateSpace(bg, "Work", "🏢")
	must(err)
	values := []Value{
		{mcpmux.ValueName{Kind: mcpmux.ValueEnv, Name: "TOKEN", Secret: true}, secret.NewValue("hush-1")},
		{mcpmux.ValueName{Kind: mcpmux.ValueEnv, Name: "MODE"}, secret.NewValue("fast")},
	}
	def := mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: "serve", Args: []string{"--all"}}
	_, _, err = f.CreateServer(bg, NewServer{Space: work.ID, Alias: "every", Definition: def, Values: values, Enabled: true, EverySpace: true})
	must(err)
	web, _, err := f.CreateServer(bg, NewServer{Space: work.ID, Alias: "web", Definition: mcpmux.Definition{Transport: mcpmux.TransportHTTP, URL: "https://mcp.example/"}, Enabled: true})
	must(err)
	_, err = f.SaveCredential(bg, web.ID, Credential{Kind: CredentialTokens, LoggedIn: mcpmux.LoggedIn{Issuer: "https://as.example", Scopes: []string{"a", "b"}, ObtainedAt: now(), Renewable: true}, Body: secret.NewValue("hush-2")})
	must(err)
	inner, _, err := f.CreateFeatureSet(bg, work.ID, "inner")
	must(err)
	outer, _, err := f.CreateFeatureSet(bg, work.ID, "outer")
	must(err)
	_, err = f.AddMembers(bg, outer.ID, []mcpmux.Member{{Kind: mcpmux.MemberSet, Set: inner.ID}, {Kind: "tool", Server: "web", Name: "del_*", Exclude: true}})
	must(err)
	cl, _, err := f.CreateClient(bg, NewClient{Name: "Cursor", Mode: mcpmux.ModeLocked, Space: work.ID, Approved: true, Grants: []mcpmux.Grant{{Space: work.ID, Set: outer.ID}}})
	must(err)
	end := time.Now().Add(time.Hour)
	_, _, err = f.CreateKey(bg, cl.ID, NewKey{Hash: [32]byte{7}, Hint: "mm_key_abc", Label: "laptop", ExpiresAt: &end})
	must(err)
	_, err = f.SetSetting(bg, mcpmux.SettingLogLevel, "warn")
	must(err)
	_, err = f.ActivateSpace(bg, work.ID)
	must(err)
	return f
}

func copyOf(t *testing.T, s *Store) *Copy {
	t.Helper()
	c, err := s.Copy(bg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// revealed shows the secrets of a Copy to a comparison, which they hide from everybody else.
var revealed = cmp.Options{
	cmp.Transformer("reveal", func(v secret.Value) string { return v.Reveal() }), cmpopts.EquateEmpty(),
}

// What is set up in one installation is the same in another, with another master key, whatever was there.
func TestRestore_PutsACopyInPlaceOfEverything(t *testing.T) {
	t.Parallel()
	c := copyOf(t, furnished(t).Store)
	other := &fixture{t: t, path: t.TempDir() + "/data/mcpmux.db"}
	other.open()
	if err := other.Unlock(newBox(t, 9)); err != nil {
		t.Fatal(err)
	}
	gone, _, err := other.CreateSpace(bg, "Gone", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.SetSetting(bg, mcpmux.SettingPoolIdleTimeout, "1m"); err != nil {
		t.Fatal(err)
	}
	before := other.state()
	rev, err := other.Restore(bg, c)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, copyOf(t, other.Store), revealed); diff != "" {
		t.Errorf("another thing came out (-went in +came out):\n%s", diff)
	}
	// A copy of a Server of every Space is one still.
	if _, _, err := other.CreateSpace(bg, "Third", ""); err != nil {
		t.Fatal(err)
	}
	st := other.state()
	n := 0
	for _, srv := range st.Servers {
		if srv.Alias == "every" && srv.EverySpace {
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d Spaces have the Server of every Space", n)
	}
	changes, err := other.Changes(bg, before.Revision, 1000)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, ch := range changes {
		if ch.Revision <= rev {
			said[ch.Kind+" "+ch.Subject] = true
		}
	}
	for _, want := range []string{spaceDeleted + " " + string(gone.ID), settingChanged + " " + mcpmux.SettingPoolIdleTimeout, serverCreated + " " + string(c.Servers[0].ID), clientCreated + " " + string(c.Clients[0].ID)} {
		if !said[want] {
			t.Errorf("no Change says %s", want)
		}
	}
}

// Restored in the same installation, a Server has another stamp: whoever holds a connection to it makes another.
func TestRestore_GivesEachServerAnotherStamp(t *testing.T) {
	t.Parallel()
	f := furnished(t)
	before := f.state()
	if _, err := f.Restore(bg, copyOf(t, f.Store)); err != nil {
		t.Fatal(err)
	}
	after := f.state()
	for i := range before.Servers {
		if after.Servers[i].ID != before.Servers[i].ID || after.Servers[i].Stamp <= before.Servers[i].Stamp {
			t.Errorf("%s has the stamp %d after %d", after.Servers[i].Alias, after.Servers[i].Stamp, before.Servers[i].Stamp)
		}
	}
}

// What no installation could have made changes nothing.
func TestRestore_RefusesWhatDoesNotGoTogether(t *testing.T) {
	t.Parallel()
	f := furnished(t)
	before := copyOf(t, f.Store)
	for name, spoil := range map[string]func(*Copy){
		"no Space":                  func(c *Copy) { c.Spaces = nil },
		"two active Spaces":         func(c *Copy) { c.Spaces[0].Active, c.Spaces[1].Active = true, true },
		"two Spaces of one name":    func(c *Copy) { c.Spaces[0].Name = "wORK" },
		"an id twice":               func(c *Copy) { c.Clients[0].ID = mcpmux.ClientID(c.Servers[0].ID) },
		"an id with a path":         func(c *Copy) { c.Servers[0].ID = "../../etc" },
		"a Server in no Space":      func(c *Copy) { c.Servers[0].Space = "x" },
		"a Server without a recipe": func(c *Copy) { c.Servers[0].Definition = mcpmux.Definition{} },
		"a bad alias":               func(c *Copy) { c.Servers[0].Alias = "A b" },
		"a value twice":             func(c *Copy) { c.Servers[0].Values = append(c.Servers[0].Values, c.Servers[0].Values[0]) },
		"a set of no Space":         func(c *Copy) { c.Sets[0].Space = "x" },
		"no set All":                func(c *Copy) { c.Sets = c.Sets[1:] },
		"a cycle": func(c *Copy) {
			last := &c.Sets[len(c.Sets)-1]
			last.Members = append(last.Members[:0:0], mcpmux.Member{Kind: mcpmux.MemberSet, Set: last.ID})
		},
		"a grant of nobody":    func(c *Copy) { c.Grants[0].Client = "x" },
		"a key without a hash": func(c *Copy) { c.Keys[0].Hash = [32]byte{} },
		"a key that is given":  func(c *Copy) { c.Keys[0].Hint = strings.Repeat("k", 40) },
		"an unknown mode":      func(c *Copy) { c.Clients[0].Mode = "free" },
		"an unknown setting":   func(c *Copy) { c.Settings["x"] = "1" },
		"a bad setting":        func(c *Copy) { c.Settings[mcpmux.SettingGatewayAddr] = "0.0.0.0:80" },
		"two logins of a Server": func(c *Copy) {
			l := &c.Servers[len(c.Servers)-1].Logins
			*l = append(*l, *l...)
			*l = append(*l, Credential{Kind: "x"})
		},
	} {
		c := copyOf(t, f.Store)
		spoil(c)
		if _, err := f.Restore(bg, c); mcpmux.CodeOf(err) != mcpmux.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(before, copyOf(t, f.Store), revealed); diff != "" {
			t.Fatalf("%s changed something:\n%s", name, diff)
		}
	}
}

// Without the master key nothing can be sealed, and so nothing is restored.
func TestRestore_LockedNothingChanges(t *testing.T) {
	t.Parallel()
	f := furnished(t)
	c := copyOf(t, f.Store)
	f.Lock()
	if _, err := f.Copy(bg); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
		t.Errorf("copied: %v", err)
	}
	revision := f.state().Revision
	if _, err := f.Restore(bg, c); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
		t.Errorf("restored: %v", err)
	}
	if f.state().Revision != revision {
		t.Error("something changed")
	}
}

// A restored secret is nowhere in the file of the database.
func TestRestore_SecretsAreSealedAgain(t *testing.T) {
	t.Parallel()
	f := furnished(t)
	if _, err := f.Restore(bg, copyOf(t, f.Store)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "-wal"} {
		text, err := os.ReadFile(f.path + name)
		if err == nil && strings.Contains(string(text), "hush-") {
			t.Errorf("a secret is in %s", f.path+name)
		}
	}
}
