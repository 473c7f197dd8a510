package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func TestClient_KeepsAllButItsNameWhenRenamed(t *testing.T) {
	f := newStore(t)
	home := f.home()
	c := f.client("Cursor", mcpmux.ModeFollow, "")
	f.client("Other", mcpmux.ModeFollow, "")
	set := f.set(home, "Mine")
	f.wrote(f.AddGrant(bg, mcpmux.Grant{Client: c.ID, Space: home, Set: set}))
	f.wrote(f.RenameClient(bg, c.ID, "CURSOR"))
	f.wrote(f.RenameClient(bg, c.ID, "Editor"))
	f.idle(f.RenameClient(bg, c.ID, "Editor"))
	f.refused(mcpmux.CodeConflict, "already")(f.RenameClient(bg, c.ID, "oTHER"))
	f.refused(mcpmux.CodeInvalid, "name")(f.RenameClient(bg, c.ID, ""))
	f.refused(mcpmux.CodeNotFound, "client")(f.RenameClient(bg, "gone", "x"))
	st := f.state()
	if st.Clients[0].ID != c.ID || st.Clients[0].Name != "Editor" || len(st.Grants) != 1 {
		t.Errorf("%+v %+v", st.Clients, st.Grants)
	}
}

func TestFeatureSet_OnlyACustomOneIsRenamed(t *testing.T) {
	f := newStore(t)
	home := f.home()
	set := f.set(home, "Mine")
	f.set(home, "Other")
	f.wrote(f.RenameFeatureSet(bg, set, "Yours"))
	f.idle(f.RenameFeatureSet(bg, set, "Yours"))
	f.refused(mcpmux.CodeConflict, "already")(f.RenameFeatureSet(bg, set, "OTHER"))
	f.refused(mcpmux.CodeInvalid, "server:")(f.RenameFeatureSet(bg, set, "server:x"))
	f.refused(mcpmux.CodeConflict, "built-in")(f.RenameFeatureSet(bg, f.setByName(home, "All").ID, "Everything"))
	f.setByName(home, "Yours")
}

func TestSetMembers_ReplacesAllOrNothing(t *testing.T) {
	f := newStore(t)
	home, work := f.home(), f.space("Work")
	a, b, foreign := f.set(home, "A"), f.set(home, "B"), f.set(work, "Foreign")
	f.server(home, "gh")
	tool := mcpmux.Member{Kind: "tool", Server: "gh", Name: "get_*"}
	not := mcpmux.Member{Kind: "tool", Server: "gh", Name: "get_secret", Exclude: true}
	inB := mcpmux.Member{Kind: mcpmux.MemberSet, Set: b}
	f.wrote(f.AddMembers(bg, a, []mcpmux.Member{{Kind: "server", Server: "gh"}}))
	want := []mcpmux.Member{not, inB, tool}
	f.wrote(f.SetMembers(bg, a, []mcpmux.Member{not, inB, tool, not}))
	f.idle(f.SetMembers(bg, a, want))
	if diff := cmp.Diff(want, f.setByName(home, "A").Members); diff != "" {
		t.Error(diff)
	}
	other := tool
	other.Exclude = true
	f.refused(mcpmux.CodeInvalid, "one or the other")(f.SetMembers(bg, a, []mcpmux.Member{tool, other}))
	f.refused(mcpmux.CodeConflict, "B → A → B")(f.SetMembers(bg, b, []mcpmux.Member{tool, {Kind: mcpmux.MemberSet, Set: a}}))
	f.refused(mcpmux.CodeInvalid, "another Space")(f.SetMembers(bg, a, []mcpmux.Member{{Kind: mcpmux.MemberSet, Set: foreign}}))
	f.refused(mcpmux.CodeInvalid, "kind of member")(f.SetMembers(bg, a, []mcpmux.Member{{Kind: "x"}}))
	f.refused(mcpmux.CodeConflict, "built-in")(f.SetMembers(bg, f.setByName(home, "All").ID, []mcpmux.Member{tool}))
	if diff := cmp.Diff(want, f.setByName(home, "A").Members); diff != "" {
		t.Errorf("a refused list was written: %s", diff)
	}
	// A set that was a member of B may be replaced by B in one step: what goes is no part of a cycle.
	f.wrote(f.SetMembers(bg, a, nil))
	f.wrote(f.SetMembers(bg, b, []mcpmux.Member{{Kind: mcpmux.MemberSet, Set: a}}))
	// A set of a Server becomes the Server itself, as wherever members are written.
	f.wrote(f.SetMembers(bg, a, []mcpmux.Member{{Kind: mcpmux.MemberSet, Set: f.setByName(home, "server:gh").ID}}))
	if got := f.setByName(home, "A").Members; len(got) != 1 || got[0] != (mcpmux.Member{Kind: mcpmux.MemberServer, Server: "gh"}) {
		t.Errorf("%+v", got)
	}
}
