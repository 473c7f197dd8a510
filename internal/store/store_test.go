package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
)

// fixture is a store in a folder of its own, unlocked.
type fixture struct {
	*Store
	t    testing.TB
	path string
}

var bg = context.Background()

func newBox(tb testing.TB, first byte) *secret.Box {
	tb.Helper()
	box, err := secret.NewBox([32]byte{first})
	if err != nil {
		tb.Fatal(err)
	}
	return box
}

func newStore(tb testing.TB) *fixture {
	tb.Helper()
	f := &fixture{t: tb, path: filepath.Join(tb.TempDir(), "data", "mcpmux.db")}
	f.open()
	if err := f.Unlock(newBox(tb, 1)); err != nil {
		tb.Fatal(err)
	}
	return f
}

func (f *fixture) open() {
	f.t.Helper()
	s, err := Open(bg, f.path, slog.New(slog.DiscardHandler))
	if err != nil {
		f.t.Fatal(err)
	}
	f.Store = s
	f.t.Cleanup(func() { _ = s.Close() }) // some tests close it themselves
}

func (f *fixture) reopen() {
	f.t.Helper()
	if err := f.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.open()
}

func (f *fixture) state() *mcpmux.State {
	f.t.Helper()
	st, err := f.Load(bg)
	if err != nil {
		f.t.Fatal(err)
	}
	return st
}

func (f *fixture) home() mcpmux.SpaceID {
	f.t.Helper()
	return f.state().Spaces[0].ID
}

func (f *fixture) space(name string) mcpmux.SpaceID {
	f.t.Helper()
	sp, _, err := f.CreateSpace(bg, name, "")
	if err != nil {
		f.t.Fatal(err)
	}
	return sp.ID
}

func (f *fixture) server(space mcpmux.SpaceID, alias string, values ...Value) mcpmux.Server {
	f.t.Helper()
	srv, _, err := f.CreateServer(bg, NewServer{
		Space: space, Alias: alias, Enabled: true, Values: values,
		Definition: mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: "server", Args: []string{"-x"}},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return srv
}

func (f *fixture) set(space mcpmux.SpaceID, name string) mcpmux.FeatureSetID {
	f.t.Helper()
	set, _, err := f.CreateFeatureSet(bg, space, name)
	if err != nil {
		f.t.Fatal(err)
	}
	return set.ID
}

func (f *fixture) client(name string, mode mcpmux.Mode, space mcpmux.SpaceID) mcpmux.Client {
	f.t.Helper()
	c, _, err := f.CreateClient(bg, NewClient{Name: name, Mode: mode, Space: space})
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// wrote checks a write that had something to do.
func (f *fixture) wrote(rev int64, err error) {
	f.t.Helper()
	if err != nil || rev == 0 {
		f.t.Fatalf("revision %d, %v", rev, err)
	}
}

// idle checks a write that had nothing to do.
func (f *fixture) idle(rev int64, err error) {
	f.t.Helper()
	if err != nil || rev != 0 {
		f.t.Fatalf("revision %d, %v; want no Change", rev, err)
	}
}

// refused checks a write that was refused with a code and words.
func (f *fixture) refused(code mcpmux.Code, words string) func(int64, error) {
	return func(rev int64, err error) {
		f.t.Helper()
		if err == nil || mcpmux.CodeOf(err) != code || !strings.Contains(err.Error(), words) || rev != 0 {
			f.t.Errorf("revision %d, %s: %v; want %s with %q", rev, mcpmux.CodeOf(err), err, code, words)
		}
	}
}

// raw opens the file beside the store, as someone would who changes it by hand.
func (f *fixture) raw() *sql.DB {
	f.t.Helper()
	db, err := sql.Open("sqlite", dsn(f.path, "_pragma=busy_timeout(5000)"))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = db.Close() })
	return db
}

func value(kind mcpmux.ValueKind, name, text string) Value {
	return Value{mcpmux.ValueName{Kind: kind, Name: name, Secret: true}, secret.NewValue(text)}
}

func TestStore_NewDatabaseHasOneSpace(t *testing.T) {
	f := newStore(t)
	st := f.state()
	if len(st.Spaces) != 1 || st.Spaces[0].Name != "My Space" || !st.Spaces[0].Active || !st.Spaces[0].Default {
		t.Fatalf("spaces: %+v", st.Spaces)
	}
	var kinds []mcpmux.SetKind
	for _, set := range st.FeatureSets {
		kinds = append(kinds, set.Kind)
		if set.Space != st.Spaces[0].ID || set.Members == nil {
			t.Errorf("set %+v", set)
		}
	}
	if diff := cmp.Diff([]mcpmux.SetKind{mcpmux.SetAll, mcpmux.SetDefault}, kinds); diff != "" {
		t.Error(diff)
	}
	install := f.Install()
	f.reopen()
	if f.Install() != install || install == "" || len(f.state().Spaces) != 1 {
		t.Error("the second start made another installation")
	}
}

func TestStore_FilesAreForTheirOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permissions of this kind")
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, path: filepath.Join(dir, "mcpmux.db")}
	f.open()
	f.space("Work")
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}

	shared := t.TempDir()
	if err := os.Chmod(shared, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(bg, filepath.Join(shared, "mcpmux.db"), slog.Default()); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
		t.Errorf("a shared folder: %v", err)
	}
}

func TestStore_PathMayHoldAnyCharacter(t *testing.T) {
	f := &fixture{t: t, path: filepath.Join(t.TempDir(), "a b?c#d%20é", "mcpmux.db")}
	f.open()
	f.space("Work")
	if _, err := os.Stat(f.path); err != nil {
		t.Error(err)
	}
	f.reopen()
	if len(f.state().Spaces) != 2 {
		t.Error("another database was opened")
	}
}

func TestStore_ChangeIsInTheSameTransaction(t *testing.T) {
	f := newStore(t)
	boom := errors.New("boom")
	before := f.state()
	_, err := f.write(bg, func(ctx context.Context, t *tx) error {
		sp := mcpmux.Space{ID: "x", Name: "x", CreatedAt: t.now}
		if err := insertSpace(ctx, t, sp); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, f.state()); diff != "" {
		t.Errorf("a failed write left: %s", diff)
	}

	// A row that cannot get its Change is not written either.
	if _, err := f.raw().Exec("CREATE TRIGGER no_changes BEFORE INSERT ON changes BEGIN SELECT RAISE(ABORT, 'no'); END"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.CreateSpace(bg, "Work", ""); err == nil {
		t.Error("a Space was written without its Change")
	}
	if diff := cmp.Diff(before, f.state()); diff != "" {
		t.Errorf("a write without Change left: %s", diff)
	}
}

// Every method that writes desired state appends its Change and answers the revision; those that find
// nothing to do append none.
func TestStore_EveryWriteAppendsItsChange(t *testing.T) {
	f := newStore(t)
	home := f.home()
	var got []string
	rev := f.state().Revision
	step := func(r int64, err error) {
		t.Helper()
		f.wrote(r, err)
		all, err := f.Changes(bg, rev, 10)
		if err != nil || len(all) == 0 || all[len(all)-1].Revision != r {
			t.Fatalf("changes after %d: %v, %v; want revision %d", rev, all, err, r)
		}
		if f.state().Revision != r {
			t.Fatalf("state has revision %d, want %d", f.state().Revision, r)
		}
		for _, c := range all {
			got = append(got, c.Kind)
		}
		rev = r
	}
	work, r, err := f.CreateSpace(bg, "Work", "")
	step(r, err)
	step(f.RenameSpace(bg, work.ID, "Job"))
	icon := "🦊"
	step(f.UpdateSpace(bg, work.ID, SpacePatch{Icon: &icon}))
	step(f.ActivateSpace(bg, work.ID))
	srv, r, err := f.CreateServer(bg, NewServer{Space: work.ID, Alias: "gh", Definition: mcpmux.Definition{Transport: "http", URL: "https://x.test/mcp"}})
	step(r, err)
	step(f.SetServerEnabled(bg, srv.ID, true))
	step(f.SetServerEnabled(bg, srv.ID, false))
	step(f.UpdateServer(bg, srv.ID, ServerPatch{SetPrefix: true, Prefix: new(string)}))
	step(f.SaveAbout(bg, srv.ID, mcpmux.About{ProtocolVersion: "2025-11-25"}, nil))
	step(f.MarkInteractive(bg, srv.ID))
	set, r, err := f.CreateFeatureSet(bg, work.ID, "Read only")
	step(r, err)
	member := []mcpmux.Member{{Kind: "tool", Server: "gh", Name: "*"}}
	step(f.AddMembers(bg, set.ID, member))
	step(f.RemoveMembers(bg, set.ID, member))
	step(f.SetMembers(bg, set.ID, member))
	step(f.RenameFeatureSet(bg, set.ID, "Reading"))
	c, r, err := f.CreateClient(bg, NewClient{Name: "Cursor", Mode: mcpmux.ModeAsk})
	step(r, err)
	step(f.RenameClient(bg, c.ID, "Editor"))
	step(f.SetClientApproved(bg, c.ID, true))
	step(f.SetClientApproved(bg, c.ID, false))
	g := mcpmux.Grant{Client: c.ID, Space: work.ID, Set: set.ID}
	step(f.AddGrant(bg, g))
	step(f.RemoveGrant(bg, g))
	step(f.ActivateSpace(bg, home))
	step(f.AnswerSwitch(bg, c.ID, false))
	step(f.AnswerSwitch(bg, c.ID, true))
	step(f.SetClientMode(bg, c.ID, mcpmux.ModeLocked, work.ID))
	k, r, err := f.CreateKey(bg, c.ID, NewKey{Hash: [32]byte{1}, Hint: "mm_key_abcd"})
	step(r, err)
	step(f.RevokeKey(bg, k.ID))
	step(f.SetSetting(bg, mcpmux.SettingLogLevel, "debug"))
	step(f.DeleteClient(bg, c.ID))
	step(f.DeleteFeatureSet(bg, set.ID))
	step(f.DeleteServer(bg, srv.ID))
	step(f.DeleteSpace(bg, work.ID))
	want := []string{
		"space.created", "space.renamed", "space.icon_changed", "space.activated", "server.created", "server.enabled", "server.disabled", "server.updated",
		"features.changed", "features.changed", "featureset.created", "featureset.members_changed", "featureset.members_changed",
		"featureset.members_changed", "featureset.renamed", "client.created", "client.renamed", "client.approved", "client.denied", "grant.added", "grant.removed", "space.activated", "client.stayed",
		"client.switched", "client.mode_changed", "key.created", "key.revoked", "setting.changed", "client.deleted",
		"featureset.deleted", "server.deleted", "space.deleted",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStore_NothingToDoAppendsNoChange(t *testing.T) {
	f := newStore(t)
	home := f.home()
	srv := f.server(home, "gh")
	set := f.set(home, "Mine")
	c := f.client("Cursor", mcpmux.ModeFollow, "")
	member := []mcpmux.Member{{Kind: "server", Server: "gh"}}
	f.wrote(f.AddMembers(bg, set, member))
	g := mcpmux.Grant{Client: c.ID, Space: home, Set: set}
	f.wrote(f.AddGrant(bg, g))
	f.wrote(f.MarkInteractive(bg, srv.ID))
	enabled := true

	f.idle(f.ActivateSpace(bg, home))
	f.idle(f.RenameSpace(bg, home, "My Space"))
	f.idle(f.SetServerEnabled(bg, srv.ID, true))
	f.idle(f.UpdateServer(bg, srv.ID, ServerPatch{Enabled: &enabled, SetPrefix: true, Definition: &srv.Definition}))
	f.idle(f.MarkInteractive(bg, srv.ID))
	f.idle(f.AddMembers(bg, set, member))
	f.idle(f.AddGrant(bg, g))
	f.idle(f.SetClientApproved(bg, c.ID, false))
	f.idle(f.SetClientMode(bg, c.ID, mcpmux.ModeFollow, ""))
	f.idle(f.SetSetting(bg, mcpmux.SettingLogLevel, "info"))
}

func TestStore_ChangedWakesAfterTheCommit(t *testing.T) {
	f := newStore(t)
	<-f.Changed() // the first Space
	f.space("One")
	f.space("Two")
	<-f.Changed()
	if n := len(f.state().Spaces); n != 3 {
		t.Errorf("%d Spaces are there when the follower wakes", n)
	}
	if err := f.AppendActivity(bg, []mcpmux.Activity{{At: time.Now()}}); err != nil {
		t.Fatal(err)
	}
	f.refused(mcpmux.CodeConflict, "already")(func() (int64, error) { _, r, err := f.CreateSpace(bg, "one", ""); return r, err }())
	select {
	case <-f.Changed():
		t.Error("woken without a Change")
	default:
	}
}

func TestStore_StatementsAreCounted(t *testing.T) {
	f := newStore(t)
	n := f.Statements()
	f.state()
	loaded := f.Statements() - n
	f.state()
	if again := f.Statements() - n - loaded; again != loaded || loaded < 5 {
		t.Errorf("a load counts %d, then %d statements", loaded, again)
	}
}

func TestStore_MigrationsAreCheckedAndBackedUp(t *testing.T) {
	one := &fstest.MapFile{Data: []byte("CREATE TABLE installation (one INTEGER PRIMARY KEY, id TEXT NOT NULL, canary BLOB); CREATE TABLE kept (x TEXT); INSERT INTO kept VALUES ('old')")}
	path := filepath.Join(t.TempDir(), "mcpmux.db")
	migrated := func(dir fs.FS) error {
		t.Helper()
		steps, err := readMigrations(dir)
		if err != nil {
			return err
		}
		existed, err := prepareFile(path)
		if err != nil {
			return err
		}
		w, r, err := openSQLite(bg, path)
		if err != nil {
			return err
		}
		return errors.Join(migrate(bg, w, path, existed, steps), w.Close(), r.Close())
	}
	backups := func() []string {
		all, _ := filepath.Glob(path + ".schema*.backup") // the pattern is well formed
		return all
	}
	if err := migrated(fstest.MapFS{"0001_a.sql": one}); err != nil {
		t.Fatal(err)
	}
	if len(backups()) != 0 {
		t.Error("a new database was backed up")
	}

	// A step that fails leaves nothing of itself, and the copy is there.
	bad := &fstest.MapFile{Data: []byte("CREATE TABLE half (x TEXT); DELETE FROM kept; SELECT nothing FROM nowhere")}
	if err := migrated(fstest.MapFS{"0001_a.sql": one, "0002_b.sql": bad}); err == nil {
		t.Fatal("a broken migration was applied")
	}
	if all := backups(); len(all) != 1 {
		t.Fatalf("backups: %v", all)
	} else if info, err := os.Stat(all[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("backup: %v, %v", info, err)
	}
	db, err := sql.Open("sqlite", dsn(path, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // it was only read
	var kept, half int
	if err := db.QueryRow("SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM sqlite_master WHERE name = 'half')").Scan(&kept, &half); err != nil || kept != 1 || half != 0 {
		t.Errorf("kept %d, half %d, %v", kept, half, err)
	}

	two := &fstest.MapFile{Data: []byte("CREATE TABLE more (x TEXT)")}
	if err := migrated(fstest.MapFS{"0001_a.sql": one, "0002_b.sql": two}); err != nil {
		t.Fatal(err)
	}
	if err := migrated(fstest.MapFS{"0001_a.sql": one}); err == nil || !strings.Contains(err.Error(), "newer McpMux") {
		t.Errorf("older program: %v", err)
	}
	changed := &fstest.MapFile{Data: append(bytes.Clone(one.Data), ' ')}
	if err := migrated(fstest.MapFS{"0001_a.sql": changed, "0002_b.sql": two}); err == nil || !strings.Contains(err.Error(), "differs") {
		t.Errorf("changed step: %v", err)
	}
	if err := migrated(fstest.MapFS{"0001_a.sql": one, "0003_c.sql": two}); err == nil {
		t.Error("a gap was accepted")
	}
}

func TestStore_DamagedFileIsSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mcpmux.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is no database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(bg, path, slog.Default()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("err = %v", err)
	}
}

func TestStore_LinkInPlaceOfTheFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "other")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "mcpmux.db")
	if err := os.Symlink(target, path); err != nil {
		t.Skip("no symbolic links here")
	}
	if _, err := Open(bg, path, slog.Default()); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
		t.Errorf("err = %v", err)
	}
}

// What was committed is there after the program ended without closing anything: a copy of the files as they
// are at that moment opens with it.
func TestStore_CommittedIsThereAfterACrash(t *testing.T) {
	f := newStore(t)
	srv := f.server(f.home(), "gh", value(mcpmux.ValueEnv, "TOKEN", "s3cret"))
	want := f.state()
	dir := t.TempDir()
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(f.path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "mcpmux.db"+suffix), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	after := &fixture{t: t, path: filepath.Join(dir, "mcpmux.db")}
	after.open()
	if diff := cmp.Diff(want, after.state()); diff != "" {
		t.Error(diff)
	}
	if err := after.Unlock(newBox(t, 1)); err != nil {
		t.Fatal(err)
	}
	if vs, err := after.Values(bg, srv.ID); err != nil || len(vs) != 1 || vs[0].Reveal() != "s3cret" {
		t.Errorf("values: %v, %v", vs, err)
	}
}

func TestStore_ReadersSeeOneCommit(t *testing.T) {
	f := newStore(t)
	home := f.home()
	done := make(chan error, 1)
	go func() {
		for i := range 50 {
			srv, _, err := f.CreateServer(bg, NewServer{Space: home, Alias: "gh", Definition: mcpmux.Definition{Transport: "stdio", Command: "x"}})
			if err == nil && i%2 == 0 {
				_, err = f.SaveAbout(bg, srv.ID, mcpmux.About{ProtocolVersion: "1"}, nil)
			}
			if err == nil {
				_, err = f.DeleteServer(bg, srv.ID)
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for {
		st := f.state()
		sets := 0
		for _, set := range st.FeatureSets {
			if set.Kind == mcpmux.SetServerAll {
				sets++
			}
		}
		if sets != len(st.Servers) {
			t.Fatalf("%d Servers and %d sets of theirs in one State", len(st.Servers), sets)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}
