package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// only takes the error of a method that makes something.
func only[T any](_ T, rev int64, err error) (int64, error) { return rev, err }

func (f *fixture) spaceByID(id mcpmux.SpaceID) *mcpmux.Space {
	f.t.Helper()
	for _, sp := range f.state().Spaces {
		if sp.ID == id {
			return &sp
		}
	}
	return nil
}

func (f *fixture) setByName(space mcpmux.SpaceID, name string) mcpmux.FeatureSet {
	f.t.Helper()
	for _, set := range f.state().FeatureSets {
		if set.Space == space && set.Name == name {
			return set
		}
	}
	f.t.Fatalf("no FeatureSet %q", name)
	return mcpmux.FeatureSet{}
}

func TestStore_NamesAreUniqueWhateverTheirCase(t *testing.T) {
	f := newStore(t)
	home := f.home()
	f.space("Straße É")
	f.set(home, "Mine")
	f.client("Cursor", mcpmux.ModeFollow, "")
	f.server(home, "gh")
	f.refused(mcpmux.CodeConflict, "already")(only(f.CreateSpace(bg, "straße é", "")))
	f.refused(mcpmux.CodeConflict, "already")(f.RenameSpace(bg, home, "STRAßE É"))
	f.refused(mcpmux.CodeConflict, "already")(only(f.CreateFeatureSet(bg, home, "mINE")))
	f.refused(mcpmux.CodeConflict, "already")(only(f.CreateFeatureSet(bg, home, "all")))
	f.refused(mcpmux.CodeConflict, "already")(only(f.CreateClient(bg, NewClient{Name: "CURSOR", Mode: mcpmux.ModeFollow})))
	f.refused(mcpmux.CodeConflict, "already")(only(f.CreateServer(bg, NewServer{
		Space: home, Alias: "gh", Definition: mcpmux.Definition{Transport: "stdio", Command: "x"},
	})))
	// Each Space has names of its own; a Space may change the case of its own name.
	work := f.space("Work")
	f.set(work, "Mine")
	f.server(work, "gh")
	f.wrote(f.RenameSpace(bg, work, "WORK"))
}

func TestStore_UnfitNamesAreRefused(t *testing.T) {
	f := newStore(t)
	home := f.home()
	for _, name := range []string{"", " a", "a ", "a\nb", "a\x00", "a\u200bb", "a\u202eb", "\xff", strings.Repeat("x", 101)} {
		f.refused(mcpmux.CodeInvalid, "name")(only(f.CreateSpace(bg, name, "")))
		f.refused(mcpmux.CodeInvalid, "name")(only(f.CreateFeatureSet(bg, home, name)))
		f.refused(mcpmux.CodeInvalid, "name")(only(f.CreateClient(bg, NewClient{Name: name, Mode: mcpmux.ModeFollow})))
	}
	f.refused(mcpmux.CodeInvalid, "server:")(only(f.CreateFeatureSet(bg, home, "SERVER:mine")))
	for _, alias := range []string{"", "-a", "_a", "A", "a b", "a/b", "é", strings.Repeat("a", 33), "a\n"} {
		f.refused(mcpmux.CodeInvalid, "alias")(only(f.CreateServer(bg, NewServer{
			Space: home, Alias: alias, Definition: mcpmux.Definition{Transport: "stdio", Command: "x"},
		})))
	}
	f.server(home, strings.Repeat("a", 32))
	f.server(home, "0_-")
	if nameKey("\u212a") != nameKey("k") || nameKey("ſ") != nameKey("S") || nameKey("a") == nameKey("b") {
		t.Error("names that differ by case only have two keys")
	}
}

func TestStore_UnfitDefinitionsAreRefused(t *testing.T) {
	f := newStore(t)
	home := f.home()
	bad, minus := "a b", mcpmux.Duration(-1)
	for _, n := range []NewServer{
		{Definition: mcpmux.Definition{}},
		{Definition: mcpmux.Definition{Transport: "stdio"}},
		{Definition: mcpmux.Definition{Transport: "stdio", Command: "x", URL: "http://x"}},
		{Definition: mcpmux.Definition{Transport: "stdio", Command: "x", Args: []string{"a\x00"}}},
		{Definition: mcpmux.Definition{Transport: "http", Command: "x", URL: "http://x"}},
		{Definition: mcpmux.Definition{Transport: "http", URL: "ftp://x"}},
		{Definition: mcpmux.Definition{Transport: "http", URL: "http://"}},
		{Definition: mcpmux.Definition{Transport: "sse", URL: "https://me:canary@x"}},
		{Definition: mcpmux.Definition{Transport: "tcp", URL: "http://x"}},
		{Definition: mcpmux.Definition{Transport: "stdio", Command: "x"}, Prefix: &bad},
		{Definition: mcpmux.Definition{Transport: "stdio", Command: "x"}, IdleTimeout: &minus},
		{Definition: mcpmux.Definition{Transport: "stdio", Command: "x"}, CallTimeout: &minus},
	} {
		n.Space, n.Alias = home, "x"
		_, rev, err := f.CreateServer(bg, n)
		f.refused(mcpmux.CodeInvalid, "")(rev, err)
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("the error quotes a password: %v", err)
		}
	}
	f.wrote(only(f.CreateServer(bg, NewServer{Space: home, Alias: "x", Definition: mcpmux.Definition{Transport: "http", URL: "https://${input:host}/mcp"}})))
}

func TestStore_WhatIsNotThereIsNotFound(t *testing.T) {
	f := newStore(t)
	home := f.home()
	gone := f.refused(mcpmux.CodeNotFound, "")
	gone(f.RenameSpace(bg, "x", "y"))
	gone(f.ActivateSpace(bg, "x"))
	gone(f.DeleteSpace(bg, "x"))
	gone(only(f.CreateServer(bg, NewServer{Space: "x", Alias: "a", Definition: mcpmux.Definition{Transport: "stdio", Command: "x"}})))
	gone(f.SetServerEnabled(bg, "x", true))
	gone(f.UpdateServer(bg, "x", ServerPatch{}))
	gone(f.DeleteServer(bg, "x"))
	gone(f.SaveAbout(bg, "x", mcpmux.About{}, nil))
	gone(f.MarkInteractive(bg, "x"))
	gone(only(f.CreateFeatureSet(bg, "x", "y")))
	gone(f.DeleteFeatureSet(bg, "x"))
	gone(f.AddMembers(bg, "x", nil))
	gone(f.RemoveMembers(bg, "x", nil))
	gone(f.DeleteClient(bg, "x"))
	gone(f.SetClientMode(bg, "x", mcpmux.ModeFollow, ""))
	gone(f.SetClientApproved(bg, "x", true))
	gone(f.AnswerSwitch(bg, "x", true))
	gone(f.AddGrant(bg, mcpmux.Grant{Client: "x", Space: home}))
	gone(f.RemoveGrant(bg, mcpmux.Grant{Client: "x"}))
	gone(only(f.CreateKey(bg, "x", NewKey{Hash: [32]byte{}})))
	gone(f.RevokeKey(bg, "x"))
	gone(f.SetSetting(bg, "gateway.color", "blue"))
	if _, err := f.Values(bg, "x"); mcpmux.CodeOf(err) != mcpmux.CodeNotFound {
		t.Errorf("Values: %v", err)
	}
	if err := f.SaveUses(bg, Uses{map[mcpmux.ClientID]time.Time{"x": time.Now()}, map[mcpmux.KeyID]time.Time{"x": time.Now()}}); err != nil {
		t.Errorf("SaveUses of what is gone: %v", err)
	}
}

func TestStore_DefaultSpaceStays(t *testing.T) {
	f := newStore(t)
	f.refused(mcpmux.CodeConflict, "default")(f.DeleteSpace(bg, f.home()))
}

func TestStore_DeletingTheActiveSpaceActivatesTheDefault(t *testing.T) {
	f := newStore(t)
	work := f.space("Work")
	f.wrote(f.ActivateSpace(bg, work))
	if f.spaceByID(f.home()).Active || !f.spaceByID(work).Active {
		t.Fatal("not exactly the activated Space is active")
	}
	f.wrote(f.DeleteSpace(bg, work))
	if !f.spaceByID(f.home()).Active {
		t.Error("the default Space is not active")
	}
}

func TestStore_DeletedSpaceTakesEverythingInIt(t *testing.T) {
	f := newStore(t)
	home, work := f.home(), f.space("Work")
	srv := f.server(work, "gh", value("env", "TOKEN", "one"))
	f.wrote(f.SaveAbout(bg, srv.ID, mcpmux.About{ProtocolVersion: "1"}, []mcpmux.Feature{{Kind: "tool", Name: "a", Raw: []byte(`{}`)}}))
	set := f.set(work, "Mine")
	f.wrote(f.AddMembers(bg, set, []mcpmux.Member{{Kind: "server", Server: "gh"}, {Kind: "set", Set: f.setByName(work, "All").ID}}))
	locked := f.client("Locked", mcpmux.ModeLocked, work)
	f.client("Asked", mcpmux.ModeAsk, work)
	f.wrote(f.AddGrant(bg, mcpmux.Grant{Client: locked.ID, Space: work, Set: set}))
	f.wrote(f.AddGrant(bg, mcpmux.Grant{Client: locked.ID, Space: home, Set: f.setByName(home, "All").ID}))
	f.wrote(f.DeleteSpace(bg, work))

	st := f.state()
	if len(st.Spaces) != 1 || len(st.Servers) != 0 || len(st.Features) != 0 || len(st.FeatureSets) != 2 || len(st.Grants) != 1 {
		t.Errorf("left: %+v", st)
	}
	for _, c := range st.Clients {
		if c.Space != work {
			t.Errorf("%s was moved to %q; it must keep the Space that is gone", c.Name, c.Space)
		}
	}
	if sealed, err := f.SealedExists(bg); sealed || err != nil {
		t.Errorf("values are left: %v, %v", sealed, err)
	}
}

func TestStore_ServerBringsItsSetAndTakesItAway(t *testing.T) {
	f := newStore(t)
	home := f.home()
	srv := f.server(home, "gh")
	set := f.setByName(home, "server:gh")
	if set.Kind != mcpmux.SetServerAll || set.Server != "gh" {
		t.Errorf("set: %+v", set)
	}
	f.wrote(f.DeleteServer(bg, srv.ID))
	for _, set := range f.state().FeatureSets {
		if set.Kind == mcpmux.SetServerAll {
			t.Errorf("left: %+v", set)
		}
	}
}

func TestStore_ReinstalledServerKeepsCustomMembers(t *testing.T) {
	f := newStore(t)
	home := f.home()
	srv := f.server(home, "gh")
	set := f.set(home, "Mine")
	want := []mcpmux.Member{
		{Kind: "tool", Server: "gh", Name: "create_issue"},
		{Exclude: true, Kind: "resource", Server: "gh", Name: "file:///*"},
		{Kind: "server", Server: "gh"}, // what the set of the Server becomes
	}
	f.wrote(f.AddMembers(bg, set, append(want[:2:2], mcpmux.Member{Kind: "set", Set: f.setByName(home, "server:gh").ID})))
	f.wrote(f.DeleteServer(bg, srv.ID))
	again := f.server(home, "gh")
	if again.ID == srv.ID {
		t.Error("the id was used again")
	}
	if diff := cmp.Diff(want, f.setByName(home, "Mine").Members); diff != "" {
		t.Error(diff)
	}
}

func TestStore_BuiltInSetsAreFixed(t *testing.T) {
	f := newStore(t)
	home := f.home()
	f.server(home, "gh")
	member := []mcpmux.Member{{Kind: "server", Server: "gh"}}
	for _, name := range []string{"All", "Default", "server:gh"} {
		f.refused(mcpmux.CodeConflict, "built-in")(f.DeleteFeatureSet(bg, f.setByName(home, name).ID))
	}
	for _, name := range []string{"All", "server:gh"} {
		f.refused(mcpmux.CodeConflict, "no members")(f.AddMembers(bg, f.setByName(home, name).ID, member))
		f.refused(mcpmux.CodeConflict, "no members")(f.RemoveMembers(bg, f.setByName(home, name).ID, member))
	}
	f.wrote(f.AddMembers(bg, f.setByName(home, "Default").ID, member))
}

func TestStore_CyclesAreRefusedWithTheirPath(t *testing.T) {
	f := newStore(t)
	home := f.home()
	a, b, c, def := f.set(home, "A"), f.set(home, "B"), f.set(home, "C"), f.setByName(home, "Default").ID
	set := func(id mcpmux.FeatureSetID) []mcpmux.Member { return []mcpmux.Member{{Kind: "set", Set: id}} }
	f.wrote(f.AddMembers(bg, a, set(b)))
	f.wrote(f.AddMembers(bg, b, set(c)))
	before := f.state()
	f.refused(mcpmux.CodeConflict, "A → A")(f.AddMembers(bg, a, set(a)))
	f.refused(mcpmux.CodeConflict, "C → A → B → C")(f.AddMembers(bg, c, append([]mcpmux.Member{{Kind: "server", Server: "x"}}, set(a)...)))
	f.refused(mcpmux.CodeConflict, "B → A → B")(f.AddMembers(bg, b, []mcpmux.Member{{Exclude: true, Kind: "set", Set: a}}))
	if diff := cmp.Diff(before, f.state()); diff != "" {
		t.Errorf("a refused write left: %s", diff)
	}
	f.wrote(f.AddMembers(bg, def, set(a)))
	f.refused(mcpmux.CodeConflict, "Default")(f.AddMembers(bg, c, set(def)))
}

func TestStore_MembersOfAnotherSpaceAreRefused(t *testing.T) {
	f := newStore(t)
	home, work := f.home(), f.space("Work")
	mine, other := f.set(home, "Mine"), f.set(work, "Other")
	f.refused(mcpmux.CodeInvalid, "another Space")(f.AddMembers(bg, mine, []mcpmux.Member{{Kind: "set", Set: other}}))
	c := f.client("Cursor", mcpmux.ModeFollow, "")
	f.refused(mcpmux.CodeInvalid, "another Space")(f.AddGrant(bg, mcpmux.Grant{Client: c.ID, Space: home, Set: other}))
	f.refused(mcpmux.CodeInvalid, "another Space")(only(f.CreateClient(bg, NewClient{
		Name: "X", Mode: mcpmux.ModeFollow, Grants: []mcpmux.Grant{{Space: home, Set: other}},
	})))
	if len(f.state().Clients) != 1 {
		t.Error("a Client with a bad grant was made")
	}
}

func TestStore_UnfitMembersAreRefused(t *testing.T) {
	f := newStore(t)
	set := f.set(f.home(), "Mine")
	for _, m := range []mcpmux.Member{
		{},
		{Kind: "thing", Server: "a", Name: "b"},
		{Kind: "server"},
		{Kind: "server", Server: "a", Name: "b"},
		{Kind: "server", Server: "A"},
		{Kind: "tool", Server: "a"},
		{Kind: "tool", Name: "a"},
		{Kind: "tool", Server: "a", Name: "b", Set: set},
		{Kind: "set"},
		{Kind: "set", Set: set, Server: "a"},
		{Kind: "server", Server: "[a]"},
		{Kind: "tool", Server: "a", Name: strings.Repeat("x", 5000)},
	} {
		f.refused(mcpmux.CodeInvalid, "")(f.AddMembers(bg, set, []mcpmux.Member{m}))
	}
	f.refused(mcpmux.CodeInvalid, "no member")(f.AddMembers(bg, set, nil))
	f.refused(mcpmux.CodeNotFound, "no such FeatureSet")(f.AddMembers(bg, set, []mcpmux.Member{{Kind: "set", Set: "gone"}}))
}

func TestStore_MemberHasOneSide(t *testing.T) {
	f := newStore(t)
	home := f.home()
	set, other := f.set(home, "Mine"), f.set(home, "Other")
	for _, m := range []mcpmux.Member{{Kind: "tool", Server: "gh", Name: "a"}, {Kind: "set", Set: other}} {
		out := m
		out.Exclude = true
		f.wrote(f.AddMembers(bg, set, []mcpmux.Member{m}))
		f.wrote(f.AddMembers(bg, set, []mcpmux.Member{out}))
		if diff := cmp.Diff([]mcpmux.Member{out}, f.setByName(home, "Mine").Members); diff != "" {
			t.Error(diff)
		}
		f.refused(mcpmux.CodeNotFound, "does not include")(f.RemoveMembers(bg, set, []mcpmux.Member{m}))
		f.wrote(f.RemoveMembers(bg, set, []mcpmux.Member{out}))
	}
	f.wrote(f.AddMembers(bg, set, []mcpmux.Member{{Kind: "set", Set: other}}))
	f.wrote(f.DeleteFeatureSet(bg, other))
	if n := len(f.setByName(home, "Mine").Members); n != 0 {
		t.Errorf("%d members of a set that is gone", n)
	}
}

func TestStore_AboutIsWrittenOnlyWhereItDiffers(t *testing.T) {
	f := newStore(t)
	srv, other := f.server(f.home(), "gh"), f.server(f.home(), "gl")
	about := mcpmux.About{ProtocolVersion: "2025-11-25", Capabilities: json.RawMessage(`{ "tools" : {"x":1e400} }`), Instructions: "Be kind.\x00"}
	var features []mcpmux.Feature
	for i := range 250 { // more than one multi-row insert
		features = append(features, mcpmux.Feature{Kind: "tool", Name: fmt.Sprintf("t%d", i), Raw: json.RawMessage(fmt.Sprintf(`{ "name":"t%d", "big": 12345678901234567890 }`, i))})
	}
	features = append(features, mcpmux.Feature{Kind: "prompt", Name: "t1", Raw: json.RawMessage(`{}`)})
	f.wrote(f.SaveAbout(bg, other.ID, about, features[:1]))
	f.wrote(f.SaveAbout(bg, srv.ID, about, features))
	f.idle(f.SaveAbout(bg, srv.ID, about, features))

	st := f.state()
	if diff := cmp.Diff(&about, st.Servers[0].About); diff != "" {
		t.Error(diff)
	}
	var got []mcpmux.Feature
	for _, ft := range st.Features {
		if ft.Server == srv.ID {
			ft.Server = ""
			got = append(got, ft)
		}
	}
	if diff := cmp.Diff(features, got); diff != "" {
		t.Error(diff)
	}

	// One byte, the order, a kind less, or a repeated name.
	features[7].Raw = json.RawMessage(`{ "name":"t7", "big": 12345678901234567891 }`)
	f.wrote(f.SaveAbout(bg, srv.ID, about, features))
	features[7], features[8] = features[8], features[7]
	f.wrote(f.SaveAbout(bg, srv.ID, about, features))
	f.wrote(f.SaveAbout(bg, srv.ID, about, features[:250]))
	f.idle(f.SaveAbout(bg, srv.ID, about, append(features[:250:250], mcpmux.Feature{Kind: "tool", Name: "t3", Raw: json.RawMessage(`"second"`)})))
	about.Instructions = "Be brief."
	f.wrote(f.SaveAbout(bg, srv.ID, about, features[:250]))
	f.wrote(f.SaveAbout(bg, srv.ID, about, nil))
	if st := f.state(); len(st.Features) != 1 || st.Servers[0].Stamp != srv.Stamp {
		t.Errorf("%d Features, or the stamp moved", len(st.Features))
	}
}

func TestStore_InteractiveIsForGood(t *testing.T) {
	f := newStore(t)
	srv := f.server(f.home(), "gh")
	f.wrote(f.MarkInteractive(bg, srv.ID)) // before its first listing was saved
	about := mcpmux.About{ProtocolVersion: "2025-11-25"}
	f.wrote(f.SaveAbout(bg, srv.ID, about, nil))
	if !f.state().Servers[0].About.Interactive {
		t.Error("the first listing took the mark back")
	}
	f.idle(f.SaveAbout(bg, srv.ID, about, nil))
	f.idle(f.MarkInteractive(bg, srv.ID))
}

func TestStore_ModeDecidesWhichSpaceAClientKeeps(t *testing.T) {
	f := newStore(t)
	home, work := f.home(), f.space("Work")
	f.refused(mcpmux.CodeInvalid, "needs the Space")(only(f.CreateClient(bg, NewClient{Name: "X", Mode: mcpmux.ModeLocked})))
	f.refused(mcpmux.CodeInvalid, "connection mode")(only(f.CreateClient(bg, NewClient{Name: "X", Mode: "roam"})))
	f.refused(mcpmux.CodeNotFound, "Space")(only(f.CreateClient(bg, NewClient{Name: "X", Mode: mcpmux.ModeLocked, Space: "gone"})))
	if c := f.client("Following", mcpmux.ModeFollow, work); c.Space != "" {
		t.Errorf("a following Client keeps %q", c.Space)
	}
	if c := f.client("Locked", mcpmux.ModeLocked, work); c.Space != work {
		t.Errorf("a locked Client keeps %q", c.Space)
	}
	c := f.client("Asked", mcpmux.ModeAsk, "")
	if c.Space != home {
		t.Errorf("an asked Client begins in %q", c.Space)
	}
	f.wrote(f.SetClientMode(bg, c.ID, mcpmux.ModeAsk, work))
	f.wrote(f.SetClientMode(bg, c.ID, mcpmux.ModeFollow, work))
	f.refused(mcpmux.CodeInvalid, "needs the Space")(f.SetClientMode(bg, c.ID, mcpmux.ModeLocked, ""))
	if diff := cmp.Diff("", string(f.state().Clients[2].Space)); diff != "" {
		t.Error(diff)
	}
}

func TestStore_DeclinedQuestionIsAskedAgainWhenAnotherSpaceBecomesActive(t *testing.T) {
	f := newStore(t)
	home, work, third := f.home(), f.space("Work"), f.space("Third")
	c := f.client("Asked", mcpmux.ModeAsk, "")
	client := func() mcpmux.Client { return f.state().Clients[0] }
	f.refused(mcpmux.CodeConflict, "no question")(f.AnswerSwitch(bg, c.ID, true))
	f.wrote(f.ActivateSpace(bg, work))
	f.wrote(f.AnswerSwitch(bg, c.ID, false))
	if got := client(); got.Space != home || got.Declined != work {
		t.Errorf("after declining: %+v", got)
	}
	f.refused(mcpmux.CodeConflict, "no question")(f.AnswerSwitch(bg, c.ID, false))
	f.wrote(f.ActivateSpace(bg, third))
	f.wrote(f.ActivateSpace(bg, work))
	if got := client(); got.Declined != "" {
		t.Error("the question is still declined after other Spaces were active")
	}
	f.wrote(f.AnswerSwitch(bg, c.ID, true))
	if got := client(); got.Space != work || got.Declined != "" {
		t.Errorf("after accepting: %+v", got)
	}
}

func TestStore_DeletedClientTakesItsKeysAndGrants(t *testing.T) {
	f := newStore(t)
	home := f.home()
	c, rev, err := f.CreateClient(bg, NewClient{
		Name: "Cursor", Mode: mcpmux.ModeFollow, Approved: true,
		Grants: []mcpmux.Grant{{Space: home, Set: f.setByName(home, "All").ID}},
	})
	f.wrote(rev, err)
	later := time.Now().Add(time.Hour)
	k1, rev, err := f.CreateKey(bg, c.ID, NewKey{Hash: [32]byte{1}, Hint: "mm_key_a", ExpiresAt: &later})
	f.wrote(rev, err)
	f.wrote(only(f.CreateKey(bg, c.ID, NewKey{Hash: [32]byte{2}, Hint: "mm_key_b"})))
	past := time.Now().Add(-time.Second)
	f.refused(mcpmux.CodeInvalid, "past")(only(f.CreateKey(bg, c.ID, NewKey{Hash: [32]byte{3}, ExpiresAt: &past})))
	f.wrote(f.RevokeKey(bg, k1.ID))
	if st := f.state(); len(st.Keys) != 1 || st.Keys[0].Hint != "mm_key_b" || len(st.Grants) != 1 {
		t.Errorf("keys %v, grants %v", st.Keys, st.Grants)
	}
	f.wrote(f.DeleteClient(bg, c.ID))
	if st := f.state(); len(st.Keys)+len(st.Grants)+len(st.Clients) != 0 {
		t.Errorf("left: %v %v %v", st.Keys, st.Grants, st.Clients)
	}
}

func TestStore_LastSeenGoesForwardWithoutAChange(t *testing.T) {
	f := newStore(t)
	c := f.client("Cursor", mcpmux.ModeFollow, "")
	k, _, err := f.CreateKey(bg, c.ID, NewKey{Hash: [32]byte{7}, Label: "laptop"})
	if err != nil {
		t.Fatal(err)
	}
	rev, at := f.state().Revision, time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	for _, seen := range []time.Time{at, at.Add(-time.Hour)} {
		if err := f.SaveUses(bg, Uses{map[mcpmux.ClientID]time.Time{c.ID: seen}, map[mcpmux.KeyID]time.Time{k.ID: seen}}); err != nil {
			t.Fatal(err)
		}
	}
	st := f.state()
	if st.Clients[0].LastSeen == nil || !st.Clients[0].LastSeen.Equal(at) || st.Clients[0].LastSeen.Location() != time.UTC || st.Revision != rev {
		t.Errorf("last seen %v, revision %d → %d", st.Clients[0].LastSeen, rev, st.Revision)
	}
	if got := st.Keys[0]; got.LastUsed == nil || !got.LastUsed.Equal(at) || got.Label != "laptop" {
		t.Errorf("the key is %+v", got)
	}
}

func TestStore_SettingsKeepOnlyWhatDiffersFromTheDefault(t *testing.T) {
	f := newStore(t)
	f.refused(mcpmux.CodeInvalid, "log.level")(f.SetSetting(bg, mcpmux.SettingLogLevel, "loud"))
	f.wrote(f.SetSetting(bg, mcpmux.SettingLogLevel, "debug"))
	f.wrote(f.SetSetting(bg, mcpmux.SettingLogLevel, "warn"))
	f.wrote(f.SetSetting(bg, mcpmux.SettingPoolIdleTimeout, "0"))
	if diff := cmp.Diff(map[string]string{"log.level": "warn", "pool.idle_timeout": "0"}, f.state().Settings); diff != "" {
		t.Error(diff)
	}
	f.wrote(f.SetSetting(bg, mcpmux.SettingLogLevel, "info"))
	if _, kept := f.state().Settings["log.level"]; kept {
		t.Error("the default is kept")
	}
}

func TestStore_ActivityIsFilteredFollowedAndPruned(t *testing.T) {
	f := newStore(t)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var list []mcpmux.Activity
	for i := range 250 {
		list = append(list, mcpmux.Activity{
			At: start.Add(time.Duration(i) * time.Second), Client: mcpmux.ClientID(fmt.Sprint("c", i%2)), Space: "s", Server: []string{"gh", "gl", ""}[i%3],
			Method: "tools/call", Name: fmt.Sprint("t", i), Outcome: "ok", Code: -32601, Duration: mcpmux.Duration(i),
		})
	}
	if err := errors.Join(f.AppendActivity(bg, list[:200]), f.AppendActivity(bg, list[200:])); err != nil {
		t.Fatal(err)
	}
	read := func(filter ActivityFilter) []Activity {
		t.Helper()
		all, err := f.Activities(bg, filter)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := read(ActivityFilter{Limit: 1000})
	var plain []mcpmux.Activity
	for _, a := range all {
		plain = append(plain, a.Activity)
	}
	if diff := cmp.Diff(list, plain); diff != "" {
		t.Error(diff)
	}
	if got := read(ActivityFilter{}); len(got) != 100 || got[99].ID != all[249].ID {
		t.Errorf("without filter: %d records, not the newest 100 in order", len(got))
	}
	if got := read(ActivityFilter{AfterID: all[99].ID, Limit: 3}); len(got) != 3 || got[0].ID != all[100].ID {
		t.Errorf("following: %+v", got)
	}
	if got := read(ActivityFilter{Client: "c1", Server: "gl", Limit: 2}); len(got) != 2 || got[1].Name != "t247" || got[0].Name != "t241" {
		t.Errorf("filtered: %+v", got)
	}
	if n, err := f.PruneActivity(bg, start.Add(200*time.Second)); n != 200 || err != nil {
		t.Errorf("pruned %d, %v", n, err)
	}
	if got := read(ActivityFilter{Limit: 1000}); len(got) != 50 {
		t.Errorf("%d records are left", len(got))
	}
}
