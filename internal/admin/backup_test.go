package admin

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/admin/api"
)

func (w *world) restore(n api.NewRestore) (int, api.Restore, string) {
	w.t.Helper()
	body, err := json.Marshal(n)
	if err != nil {
		w.t.Fatal(err)
	}
	status, text := w.ask("POST", "/restore", string(body))
	var r api.Restore
	if status == 200 {
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			w.t.Fatal(err)
		}
	}
	return status, r, text
}

// Until it is to be restored, a file is looked at only; a passphrase is not asked for before it is needed.
func TestRestore_ADryRunChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must("POST", "/servers", `{"alias":"files","definition":{"transport":"stdio","command":"x"},"values":[{"kind":"env","name":"K","secret":true,"value":"hush-1"}]}`)
	file := base64.StdEncoding.EncodeToString([]byte(w.must("POST", "/backup", `{"passphrase":"correct horse battery"}`)))
	revision := w.revision()
	if _, r, text := w.restore(api.NewRestore{File: file, DryRun: true}); !r.Sealed || r.Opened || len(r.Spaces) > 0 {
		t.Error(text)
	}
	if _, r, text := w.restore(api.NewRestore{File: file, DryRun: true, Passphrase: "correct horse battery"}); !r.Opened || r.Restored || r.Undo != "" || len(r.Spaces) != 1 || r.Values != 1 || strings.Contains(text, "hush") {
		t.Error(text)
	}
	for _, n := range []api.NewRestore{{File: file}, {File: file, Passphrase: "correct horse batterz"}, {File: "?"}, {File: file, Passphrase: "correct horse batterz", DryRun: true}} {
		if status, _, text := w.restore(n); status != 400 {
			t.Errorf("%d %s", status, text)
		}
	}
	if w.revision() != revision {
		t.Error("something changed")
	}
}

// What there was is kept before each restoring, for its owner alone, and the ten newest of those are.
func TestRestore_WhatWasThereIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	empty := base64.StdEncoding.EncodeToString([]byte(w.must("POST", "/backup", `{}`)))
	w.must("POST", "/servers", `{"alias":"files","definition":{"transport":"stdio","command":"x"},"values":[{"kind":"env","name":"K","secret":true,"value":"hush-1"}]}`)
	_, r, text := w.restore(api.NewRestore{File: empty})
	if !r.Restored || strings.Contains(w.must("GET", "/servers", ""), "files") {
		t.Fatal(text)
	}
	before, err := os.ReadFile(r.Undo)
	if err != nil || strings.Contains(string(before), "hush") {
		t.Fatal(err)
	}
	info, err := os.Stat(r.Undo)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	_, back, text := w.restore(api.NewRestore{File: base64.StdEncoding.EncodeToString(before)})
	if !back.Restored || !back.Own || len(back.Missing) > 0 || !strings.Contains(w.must("GET", "/servers", ""), "files") {
		t.Error(text)
	}
	for range keepUndos + 3 {
		w.pass(1e9)
		w.restore(api.NewRestore{File: empty})
	}
	if kept, err := filepath.Glob(filepath.Join(filepath.Dir(r.Undo), "*")); err != nil || len(kept) != keepUndos {
		t.Errorf("%d are kept: %v", len(kept), err)
	}
}

// Without a place for what there was, nothing is restored.
func TestRestore_NothingIsLostWhereNothingCanBeKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := base64.StdEncoding.EncodeToString([]byte(w.must("POST", "/backup", `{}`)))
	w.admin.cfg.Undo.Folder = ""
	revision := w.revision()
	if status, _, text := w.restore(api.NewRestore{File: file}); status != 503 || w.revision() != revision {
		t.Errorf("%d %s", status, text)
	}
}

func TestBackup_OnlyWhatCanBeLeftOutIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if status, text := w.ask("POST", "/backup", `{"leave_out":["spaces"]}`); status != 400 || !strings.Contains(text, "logins") {
		t.Errorf("%d %s", status, text)
	}
	if status, text := w.ask("POST", "/backup", `{"passphrase":"short"}`); status != 400 || strings.Contains(text, "short") {
		t.Errorf("%d %s", status, text)
	}
}
