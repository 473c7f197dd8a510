package store

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func (f *fixture) key(client mcpmux.ClientID, first byte) mcpmux.KeyID {
	f.t.Helper()
	k, rev, err := f.CreateKey(bg, client, NewKey{Hash: [32]byte{first}, Hint: "mm_key_a"})
	f.wrote(rev, err)
	return k.ID
}

func (f *fixture) keep(ses mcpmux.Session) {
	f.t.Helper()
	if err := f.SaveSession(bg, ses); err != nil {
		f.t.Fatal(err)
	}
}

// kept is the session of an id, nil where there is none.
func (f *fixture) kept(id string) *mcpmux.Session {
	f.t.Helper()
	ses, found, err := f.Session(bg, id)
	if err != nil {
		f.t.Fatal(err)
	}
	if !found {
		return nil
	}
	return &ses
}

func TestStore_SessionComesBackAsItWasKept(t *testing.T) {
	f := newStore(t)
	c := f.client("Cursor", mcpmux.ModeFollow, "")
	at := time.Date(2026, 5, 4, 12, 0, 0, 1000, time.UTC)
	full := mcpmux.Session{
		ID: "a1", Client: c.ID, Key: f.key(c.ID, 1), Alias: "gh", Version: "2025-11-25",
		Capabilities: json.RawMessage(`{ "sampling":{} , "big":12345678901234567890}`), ClientInfo: json.RawMessage(`{"name":"x"}`),
		Level: "warning", Subscriptions: []string{"file:///a", "file:///b"}, CreatedAt: at, UsedAt: at.Add(time.Minute),
	}
	bare := mcpmux.Session{ID: "a2", Client: c.ID, Version: "2024-11-05", CreatedAt: at, UsedAt: at}
	before := f.state().Revision
	f.keep(full)
	f.keep(bare)
	f.reopen()
	for _, want := range []mcpmux.Session{full, bare} {
		if diff := cmp.Diff(&want, f.kept(want.ID)); diff != "" {
			t.Error(diff)
		}
	}

	full.Level, full.Subscriptions, full.UsedAt = "", nil, at.Add(time.Hour)
	f.keep(full)
	if diff := cmp.Diff(&full, f.kept("a1")); diff != "" {
		t.Errorf("kept again: %s", diff)
	}
	if rev := f.state().Revision; rev != before {
		t.Errorf("a session appended a Change: revision %d, then %d", before, rev)
	}
	for range 2 { // the second time there is nothing to forget
		if err := f.DeleteSession(bg, "a1"); err != nil || f.kept("a1") != nil {
			t.Errorf("forgotten: %v, %v", f.kept("a1"), err)
		}
	}
}

func TestStore_SessionGoesWithItsClientAndItsKey(t *testing.T) {
	f := newStore(t)
	c, other := f.client("Cursor", mcpmux.ModeFollow, ""), f.client("Claude", mcpmux.ModeFollow, "")
	k1, k2, k3 := f.key(c.ID, 1), f.key(c.ID, 2), f.key(other.ID, 3)
	at := time.Now()
	for id, ses := range map[string]mcpmux.Session{"1": {Key: k1}, "2": {Key: k2}, "none": {}} {
		ses.ID, ses.Client, ses.CreatedAt, ses.UsedAt = id, c.ID, at, at
		f.keep(ses)
	}
	f.keep(mcpmux.Session{ID: "3", Client: other.ID, Key: k3, CreatedAt: at, UsedAt: at})

	f.wrote(f.RevokeKey(bg, k1))
	if f.kept("1") != nil || f.kept("2") == nil || f.kept("none") == nil {
		t.Error("a revoked key takes its own sessions, and no others")
	}
	f.wrote(f.DeleteClient(bg, c.ID))
	if f.kept("2") != nil || f.kept("none") != nil || f.kept("3") == nil {
		t.Error("a deleted client takes its own sessions, and no others")
	}
	for _, ses := range []mcpmux.Session{{ID: "x", Client: c.ID}, {ID: "x", Client: other.ID, Key: k1}, {ID: "x", Client: other.ID, Key: k2}} {
		if err := f.SaveSession(bg, ses); mcpmux.CodeOf(err) != mcpmux.CodeNotFound {
			t.Errorf("a session of nobody was kept: %v", err)
		}
	}
}

func TestStore_UnusedSessionsArePruned(t *testing.T) {
	f := newStore(t)
	c := f.client("Cursor", mcpmux.ModeFollow, "")
	at := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	f.keep(mcpmux.Session{ID: "old", Client: c.ID, CreatedAt: at, UsedAt: at})
	f.keep(mcpmux.Session{ID: "used", Client: c.ID, CreatedAt: at, UsedAt: at.Add(time.Second)})
	if n, err := f.PruneSessions(bg, at.Add(time.Second)); n != 1 || err != nil || f.kept("old") != nil || f.kept("used") == nil {
		t.Errorf("pruned %d, %v", n, err)
	}
}

func TestStore_PrunedChangesLeaveTheRevisionAndTheLatest(t *testing.T) {
	f := newStore(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		f.space(name)
	}
	rev := f.state().Revision
	later := time.Now().Add(time.Minute)
	if n, err := f.PruneChanges(bg, time.Now().Add(-time.Minute), 2); n != 0 || err != nil {
		t.Errorf("new Changes were pruned: %d, %v", n, err)
	}
	if n, err := f.PruneChanges(bg, later, 2); n != rev-2 || err != nil {
		t.Errorf("pruned %d of %d, %v", n, rev, err)
	}
	if first, err := f.FirstChange(bg); first != rev-1 || err != nil {
		t.Errorf("the first is %d, %v, want %d", first, err, rev-1)
	}
	if all, err := f.Changes(bg, rev-2, 10); len(all) != 2 || err != nil {
		t.Errorf("left %v, %v", all, err)
	}
	// Whatever is asked for, the newest stays, and revisions go on from it.
	if _, err := f.PruneChanges(bg, later, 0); err != nil || f.state().Revision != rev {
		t.Errorf("revision %d, want %d: %v", f.state().Revision, rev, err)
	}
	f.reopen()
	f.space("e")
	if got := f.state().Revision; got != rev+1 {
		t.Errorf("the next revision is %d, want %d", got, rev+1)
	}
}
