package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
)

// boxOf is the Box of the version-th key.
func boxOf(t *testing.T, version int) *secret.Box {
	t.Helper()
	box, err := secret.NewBoxVersion(secret.KeyOf([32]byte{byte(version)}), version)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func keyPlace(version int) secret.Place {
	return secret.Place{Source: secret.SourceKeyFile, Version: version}
}

// sealedEverywhere is a store with something sealed in each table, and what it opens to.
func sealedEverywhere(t *testing.T) (f *fixture, srv mcpmux.Server) {
	t.Helper()
	f = newStore(t)
	srv = f.server(f.home(), "gh", value("env", "TOKEN", "one"), value("header", "X-Key", "two"))
	for _, kind := range []CredentialKind{CredentialTokens, CredentialRegistration} {
		c := Credential{Kind: kind, LoggedIn: mcpmux.LoggedIn{Issuer: "https://as.example", ObtainedAt: time.Now()}, Body: secret.NewValue("body of " + string(kind))}
		if _, err := f.SaveCredential(bg, srv.ID, c); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.SavePending(bg, srv.ID, "state", time.Now().Add(time.Hour), secret.NewValue("verifier")); err != nil {
		t.Fatal(err)
	}
	return f, srv
}

// everything opens all that sealedEverywhere sealed; it takes the login up that was begun.
func (f *fixture) everything(id mcpmux.ServerID) (all []string, err error) {
	values, err1 := f.Values(bg, id)
	for _, v := range values {
		all = append(all, v.Reveal())
	}
	credentials, err2 := f.Credentials(bg, id)
	for _, c := range credentials {
		all = append(all, c.Body.Reveal())
	}
	_, body, _, err3 := f.TakePending(bg, "state", time.Now())
	all = append(all, body.Reveal())
	return all, errors.Join(err1, err2, err3)
}

// A table that is not listed would be lost with the key before.
func TestRekey_EveryTableWithSealedBlobsIsListed(t *testing.T) {
	f := newStore(t)
	rows, err := f.raw().Query("SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'sealed'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var found, listed []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		found = append(found, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, table := range sealedTables {
		listed = append(listed, table.name)
	}
	slices.Sort(found)
	slices.Sort(listed)
	if diff := cmp.Diff(listed, found); diff != "" {
		t.Errorf("listed and found: %s", diff)
	}
}

func TestRekey_EverythingOpensWithTheNewKeyAndNothingWithTheOneBefore(t *testing.T) {
	f, srv := sealedEverywhere(t)
	if err := f.Rekey(bg, boxOf(t, 2), keyPlace(2)); err != nil {
		t.Fatal(err)
	}
	if p, err := f.KeyPlace(bg); err != nil || p.Version != 2 || p.Source != secret.SourceKeyFile {
		t.Errorf("place %+v, %v", p, err)
	}
	f.reopen()
	if err := f.Unlock(newBox(t, 1)); !errors.Is(err, secret.ErrWrongKey) {
		t.Errorf("the key before: %v", err)
	}
	if f.Fits(secret.KeyOf([32]byte{1})) || !f.Fits(secret.KeyOf([32]byte{2})) {
		t.Error("Fits is wrong")
	}
	if err := f.Unlock(boxOf(t, 2)); err != nil {
		t.Fatal(err)
	}
	if n, err := f.SealedCount(bg); n != 5 || err != nil {
		t.Errorf("%d sealed, %v", n, err)
	}
	got, err := f.everything(srv.ID)
	if diff := cmp.Diff([]string{"one", "two", "body of tokens", "body of registration", "verifier"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestRekey_AFailureLeavesTheKeyBeforeInUse(t *testing.T) {
	f, srv := sealedEverywhere(t)
	if _, err := f.raw().Exec("CREATE TRIGGER no BEFORE UPDATE OF canary ON installation BEGIN SELECT RAISE(ABORT, 'no'); END"); err != nil {
		t.Fatal(err)
	}
	if err := f.Rekey(bg, boxOf(t, 2), keyPlace(2)); err == nil {
		t.Fatal("it did not fail")
	}
	f.wrote(f.UpdateServer(bg, srv.ID, ServerPatch{Put: []Value{value("env", "MORE", "three")}}))
	f.reopen()
	if err := f.Unlock(newBox(t, 1)); err != nil {
		t.Fatal(err)
	}
	if got, err := f.everything(srv.ID); len(got) != 6 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// A second change after one whose outcome was not known must not take every blob for damaged.
func TestRekey_WithAKeyInHandThatIsNotTheOneIsRefused(t *testing.T) {
	f, _ := sealedEverywhere(t)
	f.box.Store(boxOf(t, 7))
	if err := f.Rekey(bg, boxOf(t, 8), keyPlace(8)); !errors.Is(err, secret.ErrWrongKey) {
		t.Errorf("err = %v", err)
	}
	f.Lock()
	if err := f.Rekey(bg, boxOf(t, 8), keyPlace(8)); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
		t.Errorf("locked: %v", err)
	}
}

func TestRekey_ADamagedBlobStaysAsItIsAndStopsNothing(t *testing.T) {
	f, srv := sealedEverywhere(t)
	bad := f.server(f.home(), "bad", value("env", "TOKEN", "lost"))
	if _, err := f.raw().Exec("UPDATE server_values SET sealed = (SELECT sealed FROM server_values WHERE server_id = $1 LIMIT 1) WHERE server_id = $2", string(srv.ID), string(bad.ID)); err != nil {
		t.Fatal(err)
	}
	if err := f.Rekey(bg, boxOf(t, 2), keyPlace(2)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Values(bg, bad.ID); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
		t.Errorf("the damaged one: %v", err)
	}
	if _, err := f.everything(srv.ID); err != nil {
		t.Error(err)
	}
}

// A reader may have rows of before the change in hand, or of after it, when it takes the Box.
func TestRekey_RowsReadBeforeItOpenAfterIt(t *testing.T) {
	f, srv := sealedEverywhere(t)
	var stored []sealedValue
	err := f.read(bg, func(ctx context.Context, t *tx) (err error) {
		stored, err = readSealed(ctx, t, srv.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Rekey(bg, boxOf(t, 2), keyPlace(2)); err != nil {
		t.Fatal(err)
	}
	if vs, err := f.openSealed(&srv, stored); err != nil || len(vs) != 2 {
		t.Errorf("%v, %v", vs, err)
	}
}

// Who reads or writes while the key changes notices nothing, and what is written is sealed with the new key.
func TestRekey_ReadersAndWritersMeanwhileGoOn(t *testing.T) {
	f := newStore(t)
	srv := f.server(f.home(), "gh", value("env", "TOKEN", "one"))
	ctx, stop := context.WithCancel(bg)
	var tasks sync.WaitGroup
	// reading is read-locked by each read: one that lasts through two changes may fail, as no real one does.
	var reading sync.RWMutex
	read := func() ([]Value, error) {
		reading.RLock()
		defer reading.RUnlock()
		return f.Values(bg, srv.ID)
	}
	// earlier waits until the reads that have begun are over.
	earlier := func() {
		reading.Lock()
		defer reading.Unlock()
	}
	for range 3 {
		tasks.Go(func() {
			for ctx.Err() == nil {
				if vs, err := read(); err != nil || len(vs) == 0 || vs[0].Reveal() != "one" {
					t.Errorf("%v, %v", vs, err)
					return
				}
			}
		})
	}
	written := make(map[string]string)
	tasks.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			name := fmt.Sprintf("T%d", i%10)
			if _, err := f.UpdateServer(bg, srv.ID, ServerPatch{Put: []Value{value("env", name, "more")}}); err != nil {
				t.Error(err)
				return
			}
			written["env "+name+" true"] = "more"
		}
	})
	const last = 50
	for version := 2; version <= last; version++ {
		if err := f.Rekey(bg, boxOf(t, version), keyPlace(version)); err != nil {
			t.Error(err)
		}
		earlier()
	}
	stop()
	tasks.Wait()
	f.reopen()
	if err := f.Unlock(boxOf(t, last)); err != nil {
		t.Fatal(err)
	}
	written["env TOKEN true"] = "one"
	if diff := cmp.Diff(written, f.values(srv.ID)); diff != "" {
		t.Error(diff)
	}
}
