package store

import (
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func TestStore_SharingIsKeptAndPutBack(t *testing.T) {
	f := newStore(t)
	roots := []string{"file:///home/me/a%20b", "file:///C:/work"}
	srv, rev, err := f.CreateServer(bg, NewServer{
		Space: f.home(), Alias: "gh", Definition: mcpmux.Definition{Transport: "stdio", Command: "x"},
		Isolation: mcpmux.IsolationSession, Era: mcpmux.EraLegacy, MaxProcesses: 64, Roots: roots,
	})
	f.wrote(rev, err)
	if diff := cmp.Diff(srv, f.state().Servers[0]); diff != "" || srv.Isolation != "session" || srv.Era != "legacy" || srv.MaxProcesses != 64 || len(srv.Roots) != 2 {
		t.Errorf("made %+v; stored otherwise: %s", srv, diff)
	}
	f.idle(f.UpdateServer(bg, srv.ID, ServerPatch{Isolation: &srv.Isolation, Era: &srv.Era, MaxProcesses: &srv.MaxProcesses, Roots: &roots}))
	f.wrote(f.UpdateServer(bg, srv.ID, ServerPatch{
		Isolation: new(mcpmux.IsolationAuto), Era: new(mcpmux.EraAuto), MaxProcesses: new(int), Roots: new([]string{}),
	}))
	got := f.state().Servers[0]
	if got.Isolation != "" || got.Era != "" || got.MaxProcesses != 0 || got.Roots != nil {
		t.Errorf("not put back: %+v", got)
	}
	// The default has one form, so that setting it again is nothing to do.
	f.idle(f.UpdateServer(bg, srv.ID, ServerPatch{Isolation: new(mcpmux.IsolationAuto), Era: new(mcpmux.Era("")), Roots: new([]string(nil))}))
}

func TestStore_UnfitSharingIsRefused(t *testing.T) {
	f := newStore(t)
	srv := f.server(f.home(), "gh")
	for words, p := range map[string]ServerPatch{
		"not an isolation": {Isolation: new(mcpmux.Isolation("private"))},
		"not an era":       {Era: new(mcpmux.Era("2025-11-25"))},
		"from 0 to 64":     {MaxProcesses: new(65)},
		"default of 4":     {MaxProcesses: new(-1)},
		"at most 100":      {Roots: new(make([]string, 101))},
		"never modern":     {Era: new(mcpmux.EraModern), Definition: &mcpmux.Definition{Transport: "sse", URL: "https://x.test/sse"}},
	} {
		f.refused(mcpmux.CodeInvalid, words)(f.UpdateServer(bg, srv.ID, p))
	}
	for _, root := range []string{"", "/home/me", "file:home", "file://host/share", "file://me@/x", "http://x.test/", "file:///a?b", "file:///a#b", "file:///a%00", "file:///%zz"} {
		f.refused(mcpmux.CodeInvalid, "not a root")(f.UpdateServer(bg, srv.ID, ServerPatch{Roots: &[]string{root}}))
	}
	f.refused(mcpmux.CodeInvalid, "isolation")(only(f.CreateServer(bg, NewServer{
		Space: f.home(), Alias: "x", Definition: srv.Definition, Isolation: "x",
	})))
}

// Only what a connection would begin with makes another connection of it; the rest holds from the next State.
func TestStore_StampMovesWithEraAndRootsOnly(t *testing.T) {
	f := newStore(t)
	srv := f.everySpaceServer(f.home(), "gh")
	f.space("Work")
	for name, p := range map[string]ServerPatch{
		"isolation": {Isolation: new(mcpmux.IsolationNone)}, "max_processes": {MaxProcesses: new(2)},
		"era": {Era: new(mcpmux.EraModern)}, "roots": {Roots: &[]string{"file:///a"}},
	} {
		before := f.must(f.home(), "gh").Stamp
		f.wrote(f.UpdateServer(bg, srv.ID, p))
		if moved, want := f.must(f.home(), "gh").Stamp != before, name == "era" || name == "roots"; moved != want {
			t.Errorf("%s: the stamp moved: %v, want %v", name, moved, want)
		}
	}
	// A new Space gets them; a copy that is told otherwise stays a copy.
	late := f.must(f.space("Late"), "gh")
	if late.Isolation != "none" || late.MaxProcesses != 2 || late.Era != "modern" || len(late.Roots) != 1 {
		t.Errorf("the copy is another Server: %+v", late)
	}
	f.wrote(f.UpdateServer(bg, late.ID, ServerPatch{Era: new(mcpmux.EraLegacy)}))
	if !f.must(late.Space, "gh").EverySpace {
		t.Error("an era made the copy a Server of its own")
	}
}

func TestStore_RevisionsOfAServerAreKept(t *testing.T) {
	f := newStore(t)
	srv := f.server(f.home(), "gh")
	about := mcpmux.About{ProtocolVersion: "2026-07-28", Versions: []string{"2026-07-28", "2025-11-25"}}
	f.wrote(f.SaveAbout(bg, srv.ID, about, nil))
	f.idle(f.SaveAbout(bg, srv.ID, about, nil))
	if diff := cmp.Diff(&about, f.state().Servers[0].About); diff != "" {
		t.Error(diff)
	}
	about.Versions = about.Versions[:1]
	f.wrote(f.SaveAbout(bg, srv.ID, about, nil))
	about.Versions = nil
	f.wrote(f.SaveAbout(bg, srv.ID, about, nil))
	if got := f.state().Servers[0].About; got.Versions != nil {
		t.Errorf("versions %v", got.Versions)
	}
}

func TestStore_DatabaseOfThePreviousSchemaIsUpgradedWithItsData(t *testing.T) {
	f := &fixture{t: t, path: filepath.Join(t.TempDir(), "mcpmux.db")}
	previous := fstest.MapFS{}
	for _, name := range []string{"0001_initial.sql", "0002_call_timeout.sql", "0003_every_space.sql"} {
		text, err := fs.ReadFile(embedded, "migrations/"+name)
		if err != nil {
			t.Fatal(err)
		}
		previous[name] = &fstest.MapFile{Data: text}
	}
	old, err := open(bg, f.path, slog.New(slog.DiscardHandler), previous)
	if err != nil {
		t.Fatal(err)
	}
	_, err = old.w.ExecContext(bg, `
		INSERT INTO servers (id, space_id, alias, enabled, definition, stamp, created_at, about_version, interactive)
			SELECT 'i1', id, 'gh', TRUE, '{"transport":"stdio","command":"x"}', 7, 1, '2025-11-25', TRUE FROM spaces;
		INSERT INTO clients (id, name, name_key, mode, approved, space_id, declined_id, created_at) VALUES ('c1', 'Cursor', 'cursor', 'follow', TRUE, '', '', 1);
		INSERT INTO access_keys (id, client_id, hint, hash, created_at) VALUES ('k1', 'c1', 'mm_key_a', zeroblob(32), 1)`)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}

	f.open()
	st := f.state()
	want := mcpmux.Server{
		ID: "i1", Space: st.Spaces[0].ID, Alias: "gh", Enabled: true, Definition: mcpmux.Definition{Transport: "stdio", Command: "x"},
		Values: []mcpmux.ValueName{}, Stamp: 7, CreatedAt: timeOf(1), About: &mcpmux.About{ProtocolVersion: "2025-11-25", Interactive: true},
	}
	if diff := cmp.Diff([]mcpmux.Server{want}, st.Servers); diff != "" {
		t.Error(diff)
	}
	f.keep(mcpmux.Session{ID: "a", Client: "c1", Key: "k1", CreatedAt: timeOf(1), UsedAt: timeOf(1)})
	f.wrote(f.UpdateServer(bg, "i1", ServerPatch{Isolation: new(mcpmux.IsolationShared)}))
	if backups, err := filepath.Glob(f.path + ".schema3.*.backup"); len(backups) != 1 || err != nil || strings.Contains(backups[0], "schema4") {
		t.Errorf("backups %v, %v", backups, err)
	}
}
