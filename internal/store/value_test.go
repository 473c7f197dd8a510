package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
)

func (f *fixture) values(id mcpmux.ServerID) map[string]string {
	f.t.Helper()
	vs, err := f.Values(bg, id)
	if err != nil {
		f.t.Fatal(err)
	}
	m := make(map[string]string)
	for _, v := range vs {
		m[fmt.Sprintf("%s %s %v", v.Kind, v.Name, v.Secret)] = v.Reveal()
	}
	return m
}

func TestStore_ValuesAreReplacedPutAndDropped(t *testing.T) {
	f := newStore(t)
	plain := Value{mcpmux.ValueName{Kind: mcpmux.ValueEnv, Name: "MODE"}, secret.NewValue("fast")}
	srv := f.server(f.home(), "gh", value("env", "TOKEN", "one"), plain, value("header", "X-Key", "k=ü"), value("input", "id", ""))
	want := map[string]string{"env TOKEN true": "one", "env MODE false": "fast", "header X-Key true": "k=ü", "input id true": ""}
	if diff := cmp.Diff(want, f.values(srv.ID)); diff != "" {
		t.Error(diff)
	}
	names := []mcpmux.ValueName{
		{Kind: "env", Name: "TOKEN", Secret: true},
		{Kind: "env", Name: "MODE"},
		{Kind: "header", Name: "X-Key", Secret: true},
		{Kind: "input", Name: "id", Secret: true},
	}
	if diff := cmp.Diff(names, f.state().Servers[0].Values); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(f.state().Servers[0], srv); diff != "" {
		t.Errorf("CreateServer answers another Server than is stored: %s", diff)
	}

	f.wrote(f.UpdateServer(bg, srv.ID, ServerPatch{
		Put:  []Value{value("env", "TOKEN", "two"), value("header", "x-key", "v")},
		Drop: []mcpmux.ValueName{{Kind: "env", Name: "MODE"}, {Kind: "input", Name: "id"}},
	}))
	want = map[string]string{"env TOKEN true": "two", "header x-key true": "v"}
	if diff := cmp.Diff(want, f.values(srv.ID)); diff != "" {
		t.Error(diff)
	}
	f.wrote(f.UpdateServer(bg, srv.ID, ServerPatch{Values: &[]Value{value("env", "A", "a")}}))
	if diff := cmp.Diff(map[string]string{"env A true": "a"}, f.values(srv.ID)); diff != "" {
		t.Error(diff)
	}
	f.refused(mcpmux.CodeNotFound, `"B"`)(f.UpdateServer(bg, srv.ID, ServerPatch{Drop: []mcpmux.ValueName{{Kind: "env", Name: "B"}}}))
	f.wrote(f.UpdateServer(bg, srv.ID, ServerPatch{Values: &[]Value{}}))
	if len(f.values(srv.ID)) != 0 {
		t.Error("values are left")
	}
}

func TestStore_StampMovesWhereAConnectionWouldBeAnother(t *testing.T) {
	f := newStore(t)
	srv := f.server(f.home(), "gh", value("env", "TOKEN", "one"))
	stamp := func() int64 { return f.state().Servers[0].Stamp }
	last := stamp()
	prefix, off := "x", false
	f.wrote(f.UpdateServer(bg, srv.ID, ServerPatch{SetPrefix: true, Prefix: &prefix, Enabled: &off}))
	if stamp() != last {
		t.Error("a prefix or switch moved the stamp")
	}
	f.wrote(f.UpdateServer(bg, srv.ID, ServerPatch{Put: []Value{value("env", "TOKEN", "two")}}))
	if stamp() <= last {
		t.Error("a new value did not move the stamp")
	}
	last = stamp()
	f.wrote(f.UpdateServer(bg, srv.ID, ServerPatch{Definition: &mcpmux.Definition{Transport: "stdio", Command: "other"}}))
	if stamp() <= last {
		t.Error("a new definition did not move the stamp")
	}
}

// No part of a value is in a file of the data folder, neither while it is stored nor after it was deleted.
func TestStore_NoPlaintextOnDisk(t *testing.T) {
	f := newStore(t)
	const canary = "ghp_CANARYcanary0123456789"
	work := f.space("Work")
	srv := f.server(work, "gh", value("env", "TOKEN", canary), value("header", "Authorization", "Bearer "+canary))
	f.wrote(f.UpdateServer(bg, srv.ID, ServerPatch{Put: []Value{value("env", "TOKEN", canary+"2")}}))
	look := func(when, needle string) (found bool) {
		t.Helper()
		files, err := filepath.Glob(f.path + "*")
		if err != nil || len(files) < 2 {
			t.Fatalf("files %v, %v", files, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(data, []byte(needle)) {
				found = true
				if needle == canary {
					t.Errorf("%s: the value is in %s", when, file)
				}
			}
		}
		return found
	}
	look("stored", canary)
	if !look("stored", "Authorization") {
		t.Error("the search finds nothing at all")
	}
	var sealed []byte
	if err := f.raw().QueryRow("SELECT sealed FROM server_values LIMIT 1").Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	if !look("stored", string(sealed)) {
		t.Error("the sealed value is not on disk")
	}
	f.wrote(f.DeleteSpace(bg, work))
	if look("deleted", string(sealed)) {
		t.Error("the sealed value is still on disk after its Space was deleted")
	}
}

func TestStore_ChangedOrSwappedValuesAreRefused(t *testing.T) {
	f := newStore(t)
	home := f.home()
	gh := f.server(home, "gh", value("env", "TOKEN", "one"), value("env", "OTHER", "two"))
	gl := f.server(home, "gl", value("env", "TOKEN", "three"))
	for _, c := range []struct{ name, sql string }{
		{"one bit", "UPDATE server_values SET sealed = CAST(substr(sealed, 1, 90) || char(unicode(substr(sealed, 91, 1)) + 1) || substr(sealed, 92) AS BLOB) WHERE name = 'TOKEN' AND server_id = '" + string(gh.ID) + "'"},
		{"the value of another Server", "UPDATE server_values SET sealed = (SELECT sealed FROM server_values WHERE server_id = '" + string(gl.ID) + "') WHERE name = 'TOKEN' AND server_id = '" + string(gh.ID) + "'"},
		{"the value of another name", "UPDATE server_values SET sealed = (SELECT sealed FROM server_values WHERE name = 'OTHER') WHERE name = 'TOKEN' AND server_id = '" + string(gh.ID) + "'"},
		{"another name", "UPDATE server_values SET name = 'LD_PRELOAD' WHERE name = 'TOKEN' AND server_id = '" + string(gh.ID) + "'"},
		{"another kind", "UPDATE server_values SET kind = 'input' WHERE name = 'TOKEN' AND server_id = '" + string(gh.ID) + "'"},
		{"another Server", "UPDATE server_values SET server_id = '" + string(gl.ID) + "', name_key = 'x' WHERE name = 'TOKEN' AND server_id = '" + string(gh.ID) + "'"},
		{"another row", "UPDATE server_values SET id = '0' WHERE name = 'TOKEN' AND server_id = '" + string(gh.ID) + "'"},
		{"nothing left", "UPDATE server_values SET sealed = x'' WHERE name = 'TOKEN' AND server_id = '" + string(gh.ID) + "'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := f.raw()
			if _, err := raw.Exec("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT * FROM server_values"); err != nil {
				t.Fatal(err)
			}
			if res, err := raw.Exec(c.sql); err != nil {
				t.Fatal(err)
			} else if n, err := res.RowsAffected(); n != 1 || err != nil {
				t.Fatalf("%d rows changed, %v", n, err)
			}
			_, err1 := f.Values(bg, gh.ID)
			_, err2 := f.Values(bg, gl.ID)
			err := errors.Join(err1, err2)
			if err == nil || mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
				t.Fatalf("err = %v", err)
			}
			for _, word := range []string{"Server \"g", `TOKEN`} {
				if c.name == "another name" && word == "TOKEN" {
					word = "LD_PRELOAD"
				}
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%v does not say %s", err, word)
				}
			}
			if _, err := raw.Exec("DELETE FROM server_values; INSERT INTO server_values SELECT * FROM kept"); err != nil {
				t.Fatal(err)
			}
			f.values(gh.ID)
		})
	}
}

func TestStore_LockedStoreDoesEverythingButValues(t *testing.T) {
	f := newStore(t)
	srv := f.server(f.home(), "gh", value("env", "TOKEN", "one"))
	f.reopen()
	if _, err := f.Values(bg, srv.ID); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
		t.Errorf("Values: %v", err)
	}
	f.refused(mcpmux.CodeUnavailable, "locked")(f.UpdateServer(bg, srv.ID, ServerPatch{Put: []Value{value("env", "TOKEN", "two")}}))
	bare := f.server(f.home(), "bare")
	if vs, err := f.Values(bg, bare.ID); err != nil || len(vs) != 0 {
		t.Errorf("a Server without values: %v, %v", vs, err)
	}
	f.wrote(f.SetServerEnabled(bg, srv.ID, false))
	if err := f.Unlock(newBox(t, 1)); err != nil {
		t.Fatal(err)
	}
	if got := f.values(srv.ID)["env TOKEN true"]; got != "one" {
		t.Errorf("after Unlock: %q", got)
	}
}

func TestStore_WrongKeyIsRefusedWhileValuesAreSealed(t *testing.T) {
	f := newStore(t)
	sealed := func() bool {
		t.Helper()
		yes, err := f.SealedExists(bg)
		if err != nil {
			t.Fatal(err)
		}
		return yes
	}
	if sealed() || !f.Fits(secret.KeyOf([32]byte{2})) {
		t.Error("nothing is sealed, but a key does not fit")
	}
	// With nothing sealed, another key becomes the one.
	if err := f.Unlock(newBox(t, 2)); err != nil {
		t.Fatal(err)
	}
	srv := f.server(f.home(), "gh", value("env", "TOKEN", "one"))
	if !sealed() || f.Fits(secret.KeyOf([32]byte{1})) || !f.Fits(secret.KeyOf([32]byte{2})) {
		t.Error("Fits or SealedExists is wrong")
	}
	f.reopen()
	if err := f.Unlock(newBox(t, 1)); !errors.Is(err, secret.ErrWrongKey) {
		t.Errorf("err = %v", err)
	}
	if _, err := f.Values(bg, srv.ID); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
		t.Errorf("after a wrong key: %v", err)
	}
	if err := f.Unlock(newBox(t, 2)); err != nil {
		t.Error(err)
	}
}

func TestStore_UnfitValuesAreRefusedWithoutQuotingThem(t *testing.T) {
	f := newStore(t)
	srv := f.server(f.home(), "gh")
	const canary = "canary"
	for _, v := range []Value{
		value("env", "", canary), value("env", "A=B", canary), value("env", "A", canary+"\x00"), value("env", "A\x00", canary),
		value("header", "", canary), value("header", "X Y", canary), value("header", "X\r\nY", canary), value("header", "X", canary+"\r\nY: 1"),
		value("input", "a b", canary), value("input", "", canary), value("file", "a", canary),
		value("env", "A", strings.Repeat(canary, 1<<15)),
	} {
		rev, err := f.UpdateServer(bg, srv.ID, ServerPatch{Put: []Value{v}})
		f.refused(mcpmux.CodeInvalid, "")(rev, err)
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%s %q: the error quotes the value", v.Kind, v.Name)
		}
	}
	if len(f.state().Servers[0].Values) != 0 {
		t.Error("something was stored")
	}
}

func TestStore_ValueIsNeverPrinted(t *testing.T) {
	v := value("env", "TOKEN", "canary")
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v, "n", NewServer{Values: []Value{v}})
	text, err := json.Marshal([]any{v, ServerPatch{Put: []Value{v}}})
	if err != nil {
		t.Fatal(err)
	}
	if out := log.String() + string(text) + fmt.Sprintf("%v %+v %#v %s", v, NewServer{Values: []Value{v}}, v, []Value{v}); strings.Contains(out, "canary") {
		t.Error(out)
	}
}

func TestStore_KeyHashOnly(t *testing.T) {
	f := newStore(t)
	c := f.client("Cursor", mcpmux.ModeFollow, "")
	hash := [32]byte{1, 2, 3}
	k, rev, err := f.CreateKey(bg, c.ID, NewKey{Hash: hash, Hint: "mm_key_abcd"})
	f.wrote(rev, err)
	if diff := cmp.Diff([]mcpmux.AccessKey{k}, f.state().Keys); diff != "" {
		t.Error(diff)
	}
	text, err := json.Marshal(k)
	if err != nil || strings.Contains(string(text), "hash") || strings.Contains(strings.ToLower(string(text)), `[1,2,3`) {
		t.Errorf("JSON of a key: %s, %v", text, err)
	}
	if _, _, err := f.CreateKey(bg, c.ID, NewKey{Hash: [32]byte{4}, Hint: "mm_key_abcdefghijklmnopqrstuvwxyz"}); err == nil {
		t.Error("a whole key was taken as a hint")
	}
}

func TestStore_RotatedKeyEndsWithItsGrace(t *testing.T) {
	f := newStore(t)
	c := f.client("Cursor", mcpmux.ModeFollow, "")
	soon := time.Now().Add(time.Hour)
	keyOf := func(hash byte, ends *time.Time) mcpmux.AccessKey {
		t.Helper()
		k, rev, err := f.CreateKey(bg, c.ID, NewKey{Hash: [32]byte{hash}, ExpiresAt: ends})
		f.wrote(rev, err)
		return k
	}
	find := func(id mcpmux.KeyID) *mcpmux.AccessKey {
		for _, k := range f.state().Keys {
			if k.ID == id {
				return &k
			}
		}
		return nil
	}
	atOnce, later, ending := keyOf(1, nil), keyOf(2, nil), keyOf(3, &soon)
	_, rev, err := f.RotateKey(bg, atOnce.ID, NewKey{Hash: [32]byte{11}}, 0)
	f.wrote(rev, err)
	if find(atOnce.ID) != nil {
		t.Error("a key without a grace is there still")
	}
	made, rev, err := f.RotateKey(bg, later.ID, NewKey{Hash: [32]byte{12}, Label: "new"}, 24*time.Hour)
	f.wrote(rev, err)
	if k := find(later.ID); k == nil || k.ExpiresAt == nil || k.ExpiresAt.Sub(made.CreatedAt) != 24*time.Hour {
		t.Errorf("the old key is %+v", k)
	}
	if k := find(made.ID); k == nil || k.Label != "new" || k.ExpiresAt != nil || k.Client != c.ID {
		t.Errorf("the new key is %+v", k)
	}
	_, rev, err = f.RotateKey(bg, ending.ID, NewKey{Hash: [32]byte{13}}, 24*time.Hour)
	f.wrote(rev, err)
	if k := find(ending.ID); k == nil || !k.ExpiresAt.Equal(*ending.ExpiresAt) {
		t.Errorf("its grace made a key live longer: %+v", k)
	}
	if _, _, err := f.RotateKey(bg, "nobody", NewKey{Hash: [32]byte{14}}, 0); mcpmux.CodeOf(err) != mcpmux.CodeNotFound {
		t.Error(err)
	}
}

func TestStore_KeysThatEndedAreForgottenLater(t *testing.T) {
	f := newStore(t)
	c := f.client("Cursor", mcpmux.ModeFollow, "")
	soon := time.Now().Add(time.Hour)
	for i, ends := range []*time.Time{nil, &soon} {
		_, rev, err := f.CreateKey(bg, c.ID, NewKey{Hash: [32]byte{byte(i + 1)}, ExpiresAt: ends})
		f.wrote(rev, err)
	}
	for _, tc := range []struct {
		before     time.Time
		gone, left int
	}{{soon.Add(-time.Second), 0, 2}, {soon.Add(time.Second), 1, 1}, {soon.Add(time.Hour), 0, 1}} {
		if n, err := f.PruneKeys(bg, tc.before); err != nil || n != tc.gone {
			t.Errorf("%d were forgotten, want %d (%v)", n, tc.gone, err)
		}
		if left := f.state().Keys; len(left) != tc.left || left[0].ExpiresAt != nil && tc.left == 1 {
			t.Errorf("%+v are left", left)
		}
	}
}
