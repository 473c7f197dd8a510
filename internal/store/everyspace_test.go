package store

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func (f *fixture) everySpaceServer(space mcpmux.SpaceID, alias string, values ...Value) mcpmux.Server {
	f.t.Helper()
	prefix, idle, call := "p", mcpmux.Duration(1), mcpmux.Duration(2)
	srv, rev, err := f.CreateServer(bg, NewServer{
		Space: space, Alias: alias, Enabled: true, EverySpace: true, Values: values, Prefix: &prefix, IdleTimeout: &idle, CallTimeout: &call,
		Definition: mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: "server", Args: []string{"-x"}},
	})
	f.wrote(rev, err)
	return srv
}

// in is the Server of an alias in a Space, nil where there is none.
func (f *fixture) in(space mcpmux.SpaceID, alias string) *mcpmux.Server {
	f.t.Helper()
	for _, srv := range f.state().Servers {
		if srv.Space == space && srv.Alias == alias {
			return &srv
		}
	}
	return nil
}

// must is in for a Server that has to be there.
func (f *fixture) must(space mcpmux.SpaceID, alias string) mcpmux.Server {
	f.t.Helper()
	srv := f.in(space, alias)
	if srv == nil {
		f.t.Fatalf("no Server %q in the Space", alias)
	}
	return *srv
}

// kindsAfter are the kinds of the Changes after a revision.
func (f *fixture) kindsAfter(rev int64) []string {
	f.t.Helper()
	all, err := f.Changes(bg, rev, 100)
	if err != nil {
		f.t.Fatal(err)
	}
	var kinds []string
	for _, c := range all {
		kinds = append(kinds, c.Kind)
	}
	return kinds
}

func TestStore_EverySpaceServerAppearsInNewAndExistingSpaces(t *testing.T) {
	f := newStore(t)
	home, work, taken := f.home(), f.space("Work"), f.space("Taken")
	own := f.server(taken, "gh")
	before := f.state().Revision
	first := f.everySpaceServer(home, "gh")
	if diff := cmp.Diff([]string{serverCreated, serverCreated}, f.kindsAfter(before)); diff != "" {
		t.Error(diff)
	}
	before = f.state().Revision
	late := f.space("Late")
	if diff := cmp.Diff([]string{spaceCreated, serverCreated}, f.kindsAfter(before)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(first, f.must(home, "gh")); diff != "" {
		t.Errorf("CreateServer answers another Server than is stored: %s", diff)
	}
	for _, space := range []mcpmux.SpaceID{work, late} {
		srv := f.must(space, "gh")
		if srv.ID == first.ID || srv.Stamp == first.Stamp {
			t.Errorf("the copy is no Server of its own: %+v", srv)
		}
		if diff := cmp.Diff(first, srv, cmpopts.IgnoreFields(mcpmux.Server{}, "ID", "Space", "Stamp", "CreatedAt")); diff != "" {
			t.Errorf("the copy is another Server: %s", diff)
		}
		f.setByName(space, mcpmux.ServerSetPrefix+"gh")
	}
	if diff := cmp.Diff(own, f.must(taken, "gh")); diff != "" {
		t.Errorf("the Server that had the alias was touched: %s", diff)
	}
	f.refused(mcpmux.CodeInvalid, "switched on")(only(f.CreateServer(bg, NewServer{
		Space: home, Alias: "off", EverySpace: true, Definition: mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: "x"},
	})))
	f.refused(mcpmux.CodeConflict, "already")(only(f.CreateServer(bg, NewServer{
		Space: taken, Alias: "gh", Enabled: true, EverySpace: true, Definition: mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: "x"},
	})))
}

func TestStore_OptingOutInOneSpaceLeavesTheOthers(t *testing.T) {
	f := newStore(t)
	home, work, play := f.home(), f.space("Work"), f.space("Play")
	first := f.everySpaceServer(home, "gh")
	f.wrote(f.SetServerEnabled(bg, first.ID, false))
	f.wrote(f.DeleteServer(bg, f.must(work, "gh").ID))
	if !f.must(play, "gh").Enabled || f.in(work, "gh") != nil {
		t.Error("what one Space did was done to another")
	}
	late := f.space("Late")
	if !f.must(late, "gh").Enabled {
		t.Error("a new Space got the switch of another")
	}
	if f.must(home, "gh").Enabled || f.in(work, "gh") != nil {
		t.Error("a Space that opted out was opted in again")
	}
	f.wrote(f.DeleteServer(bg, first.ID))
	f.must(f.space("Later"), "gh")
	f.wrote(f.DeleteSpace(bg, play))
	for _, srv := range f.state().Servers {
		f.wrote(f.DeleteServer(bg, srv.ID))
	}
	if f.in(f.space("Last"), "gh") != nil {
		t.Error("a Server that no Space has came back")
	}
}

func TestStore_ValuesAreSealedForTheirOwnRow(t *testing.T) {
	f := newStore(t)
	home, work := f.home(), f.space("Work")
	first := f.everySpaceServer(home, "gh", value("env", "TOKEN", "one"))
	late := f.space("Late")
	mine, yours := f.must(work, "gh"), f.must(late, "gh")
	want := map[string]string{"env TOKEN true": "one"}
	for _, srv := range []mcpmux.Server{first, mine, yours} {
		if diff := cmp.Diff(want, f.values(srv.ID)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(first.Values, srv.Values); diff != "" {
			t.Error(diff)
		}
	}
	// A value of one Space is no other's.
	f.wrote(f.UpdateServer(bg, mine.ID, ServerPatch{Put: []Value{value("env", "TOKEN", "two")}}))
	if f.must(work, "gh").EverySpace {
		t.Error("a copy with values of its own would be copied")
	}
	f.wrote(f.DeleteServer(bg, first.ID))
	f.wrote(f.DeleteServer(bg, yours.ID))
	if f.in(f.space("Empty"), "gh") != nil {
		t.Error("a Space got the value of another")
	}
	// The blob of one row opens in no other.
	again := f.everySpaceServer(home, "two", value("env", "TOKEN", "three"))
	copied := f.must(work, "two")
	if _, err := f.raw().ExecContext(bg, `UPDATE server_values SET sealed = (SELECT sealed FROM server_values WHERE server_id = $1) WHERE server_id = $2`,
		string(again.ID), string(copied.ID)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Values(bg, copied.ID); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
		t.Errorf("the value of another row was opened: %v", err)
	}
}

func TestStore_NewSpaceWithoutTheKeyIsMadeWhereNoValueIsCopied(t *testing.T) {
	f := newStore(t)
	home := f.home()
	f.everySpaceServer(home, "plain")
	f.reopen() // the key is locked
	f.must(f.space("Locked"), "plain")
	if err := f.Unlock(newBox(t, 1)); err != nil {
		t.Fatal(err)
	}
	f.everySpaceServer(home, "gh", value("env", "TOKEN", "one"))
	f.reopen()
	before := f.state()
	f.refused(mcpmux.CodeUnavailable, `"gh"`)(only(f.CreateSpace(bg, "Half", "")))
	if diff := cmp.Diff(before, f.state()); diff != "" {
		t.Errorf("something was half done: %s", diff)
	}
	if _, err := f.Values(bg, f.must(home, "gh").ID); !errors.Is(err, error(errLocked)) {
		t.Errorf("locked values: %v", err)
	}
}
