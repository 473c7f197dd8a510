package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
)

// Value is one value of a Server: where it goes, and the value itself.
type Value struct {
	mcpmux.ValueName
	secret.Value
}

// MayRefer says whether the value may be a reference to a secret that is kept elsewhere (secret.ParseReference).
func (v Value) MayRefer() bool {
	return v.Secret && v.Kind == mcpmux.ValueInput || v.Kind == mcpmux.ValueLogin
}

// errLocked is the answer to whoever wants a value before Unlock.
var errLocked = mcpmux.Errorf(mcpmux.CodeUnavailable,
	"stored values are locked: the master key is not available; `mcpmux secrets unlock` asks for it again, `mcpmux secrets status` says more")

// canaryText is what the canary says once opened; it only has to be the same always.
const canaryText = "mcpmux"

func (s *Store) canaryPlace() secret.AAD {
	return secret.AAD{Install: s.install, Table: "installation", Kind: "canary"}
}

// Unlock gives the Store the Box of the master key, after a look whether it is the one that the stored
// values were sealed with (secret.ErrWrongKey). As long as nothing is sealed, any key is right and becomes
// the one.
func (s *Store) Unlock(box *secret.Box) error {
	ctx := context.Background() // Two statements on a local file; there is no one to cancel them.
	_, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		canary, sealed, err := readCanary(ctx, t)
		if err != nil {
			return err
		}
		if _, err := box.Open(s.canaryPlace(), canary); err == nil {
			return nil
		}
		if sealed {
			return secret.ErrWrongKey
		}
		if canary, err = box.Seal(s.canaryPlace(), []byte(canaryText)); err != nil {
			return err
		}
		return t.exec(ctx, "UPDATE installation SET canary = $1", canary)
	})
	if err != nil {
		return fmt.Errorf("unlock the stored values: %w", err)
	}
	s.box.Store(box)
	return nil
}

// Fits says whether the stored values were sealed with this master key. While nothing is sealed every key
// fits, but for one of a mistyped passphrase. It is the Fits of secret.KeyOptions.
func (s *Store) Fits(key secret.Key) bool {
	place, err := s.KeyPlace(context.Background())
	if err != nil {
		return false
	}
	box, err := secret.NewBoxVersion(key, max(place.Version, 1))
	if err != nil {
		return false
	}
	fits := false
	err = s.read(context.Background(), func(ctx context.Context, t *tx) error {
		canary, sealed, err := readCanary(ctx, t)
		if err != nil {
			return err
		}
		_, err = box.Open(s.canaryPlace(), canary)
		fits = err == nil || !sealed && place.Source != secret.SourcePassphrase
		return nil
	})
	return fits && err == nil
}

// SealedExists says whether any value is sealed.
func (s *Store) SealedExists(ctx context.Context) (bool, error) {
	var sealed bool
	err := s.read(ctx, func(ctx context.Context, t *tx) (err error) {
		_, sealed, err = readCanary(ctx, t)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look for sealed values: %w", err)
	}
	return sealed, nil
}

func readCanary(ctx context.Context, t *tx) (canary []byte, sealed bool, err error) {
	if err = t.row(ctx, "SELECT canary FROM installation").Scan(&canary); err != nil {
		return nil, false, err
	}
	n, err := countSealed(ctx, t)
	return canary, n > 0, err
}

// Values opens the values of a Server, in the order of their making. A blob that does not open is an error
// that names the Server and the value: a Server is not run with half of its configuration.
func (s *Store) Values(ctx context.Context, id mcpmux.ServerID) ([]Value, error) {
	var srv mcpmux.Server
	var stored []sealedValue
	err := s.read(ctx, func(ctx context.Context, t *tx) (err error) {
		if srv, err = findServer(ctx, t, id); err != nil {
			return err
		}
		stored, err = readSealed(ctx, t, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.openSealed(&srv, stored)
}

// sealedValue is a value as it is stored.
type sealedValue struct {
	row string
	mcpmux.ValueName
	blob []byte
}

func readSealed(ctx context.Context, t *tx, id mcpmux.ServerID) ([]sealedValue, error) {
	var all []sealedValue
	err := t.each(ctx, func(rows *sql.Rows) error {
		var v sealedValue
		err := rows.Scan(&v.row, &v.Kind, &v.Name, &v.Secret, &v.blob)
		all = append(all, v)
		return err
	}, "SELECT id, kind, name, secret, sealed FROM server_values WHERE server_id = $1 ORDER BY id", string(id))
	return all, err
}

// openSealed opens the values of a Server; where there are none it needs no key.
func (s *Store) openSealed(srv *mcpmux.Server, stored []sealedValue) ([]Value, error) {
	if len(stored) == 0 {
		return nil, nil
	}
	box := s.box.Load()
	if box == nil {
		return nil, errLocked
	}
	out := make([]Value, len(stored))
	for i, v := range stored {
		plain, err := box.Open(s.place(v.row, srv, v.ValueName), v.blob)
		if err != nil {
			return nil, mcpmux.Errorf(mcpmux.CodeUnavailable, "the stored %s %q of Server %q cannot be opened: %v; set it again", v.Kind, v.Name, srv.Alias, err)
		}
		out[i] = Value{v.ValueName, secret.NewValue(string(plain))}
	}
	return out, nil
}

// place is where a value belongs; it opens nowhere else.
func (s *Store) place(row string, srv *mcpmux.Server, v mcpmux.ValueName) secret.AAD {
	return secret.AAD{
		Install: s.install, Table: "server_values", Row: row, Space: string(srv.Space), Owner: string(srv.ID),
		Kind: string(v.Kind), Name: v.Name,
	}
}

// patchValues carries out the value parts of a patch.
func (s *Store) patchValues(ctx context.Context, t *tx, srv *mcpmux.Server, p ServerPatch) error {
	put := p.Put
	if p.Values != nil {
		if err := t.exec(ctx, "DELETE FROM server_values WHERE server_id = $1", string(srv.ID)); err != nil {
			return err
		}
		put = append(append([]Value{}, *p.Values...), p.Put...)
	}
	for _, v := range put {
		if err := s.putValue(ctx, t, srv, v); err != nil {
			return err
		}
	}
	for _, d := range p.Drop {
		n, err := t.affect(ctx, "DELETE FROM server_values WHERE server_id = $1 AND kind = $2 AND name_key = $3",
			string(srv.ID), string(d.Kind), valueKey(d))
		if err != nil {
			return err
		}
		if n == 0 {
			return mcpmux.Errorf(mcpmux.CodeNotFound, "Server %q has no %s %q", srv.Alias, d.Kind, d.Name)
		}
	}
	return nil
}

// putValue seals a value, in a new row: a blob belongs to its row, and a row never has two.
func (s *Store) putValue(ctx context.Context, t *tx, srv *mcpmux.Server, v Value) error {
	if in, ok := srv.Definition.Input(v.Name); ok && v.Kind == mcpmux.ValueInput {
		v.Secret = v.Secret || in.Hidden()
		if err := checkInput(in, v); err != nil {
			return err
		}
	}
	if err := checkValue(v); err != nil {
		return err
	}
	return s.sealValue(ctx, t, srv, v)
}

// sealValue is putValue for a value that was checked.
func (s *Store) sealValue(ctx context.Context, t *tx, srv *mcpmux.Server, v Value) error {
	box := s.box.Load()
	if box == nil {
		return errLocked
	}
	row := newID()
	sealed, err := box.Seal(s.place(row, srv, v.ValueName), []byte(v.Reveal()))
	if err != nil {
		return fmt.Errorf("seal %s %q: %w", v.Kind, v.Name, err)
	}
	err = t.exec(ctx, "DELETE FROM server_values WHERE server_id = $1 AND kind = $2 AND name_key = $3",
		string(srv.ID), string(v.Kind), valueKey(v.ValueName))
	if err != nil {
		return err
	}
	return t.exec(ctx, "INSERT INTO server_values (id, server_id, kind, name, name_key, secret, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		row, string(srv.ID), string(v.Kind), v.Name, valueKey(v.ValueName), v.Secret, sealed)
}

// valueKey is what makes a value the same as another of its kind: the names of headers do not differ by
// case (RFC 9110 §5.1).
func valueKey(v mcpmux.ValueName) string {
	if v.Kind == mcpmux.ValueHeader {
		return strings.ToLower(v.Name)
	}
	return v.Name
}

// maxValue bounds a value; no environment takes a longer one (Linux: 128 KiB, MAX_ARG_STRLEN).
const maxValue = 128<<10 - 1

// checkValue refuses names and values that could not be handed over. Messages quote the name only.
func checkValue(v Value) error {
	text := v.Reveal()
	bad := func(why string) error {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the %s %q %s", v.Kind, v.Name, why)
	}
	switch v.Kind {
	case mcpmux.ValueEnv:
		if v.Name == "" || strings.ContainsAny(v.Name, "=\x00") {
			return bad("has no fit name: an environment variable's name is not empty and has no =")
		}
	case mcpmux.ValueHeader:
		if !headerForm.MatchString(v.Name) {
			return bad("has no fit name for an HTTP header")
		}
		if strings.ContainsAny(text, "\r\n") {
			return bad("has a line end in its value, which an HTTP header cannot carry")
		}
	case mcpmux.ValueInput:
		if !inputForm.MatchString(v.Name) {
			return bad("has no fit name: an Input's is made of letters, digits, _, . and -")
		}
	case mcpmux.ValueLogin:
		if v.Name != mcpmux.LoginClientSecret && v.Name != mcpmux.LoginPrivateKey {
			return bad("is not known: a login has a " + mcpmux.LoginClientSecret + " and a " + mcpmux.LoginPrivateKey)
		}
	default:
		return mcpmux.Errorf(mcpmux.CodeInvalid, "%q is not a kind of value; they are env, header, input and login", string(v.Kind))
	}
	if v.MayRefer() {
		if _, _, _, err := secret.ParseReference(text); err != nil {
			return bad("is not what it looks like: " + err.Error())
		}
	}
	if strings.ContainsRune(text, 0) {
		return bad("has a NUL character in its value")
	}
	if len(text) > maxValue {
		return bad(fmt.Sprintf("is longer than %d bytes", maxValue))
	}
	return nil
}

// checkInput refuses what an Input does not take. What is kept elsewhere is not known here.
func checkInput(in *mcpmux.Input, v Value) error {
	if !v.MayRefer() {
		return in.CheckValue(v.Reveal())
	}
	_, literal, elsewhere, err := secret.ParseReference(v.Reveal())
	if err != nil || elsewhere {
		return nil // checkValue says what is wrong with a reference
	}
	return in.CheckValue(literal)
}

func valueNames(ctx context.Context, t *tx, id mcpmux.ServerID) ([]mcpmux.ValueName, error) {
	all := []mcpmux.ValueName{}
	err := eachValueName(ctx, t, func(_ mcpmux.ServerID, v mcpmux.ValueName) { all = append(all, v) }, " WHERE server_id = $1", string(id))
	return all, err
}

func eachValueName(ctx context.Context, t *tx, f func(mcpmux.ServerID, mcpmux.ValueName), where string, args ...any) error {
	return t.each(ctx, func(rows *sql.Rows) error {
		var id mcpmux.ServerID
		var v mcpmux.ValueName
		if err := rows.Scan(&id, &v.Kind, &v.Name, &v.Secret); err != nil {
			return errors.Join(errors.New("read the names of values"), err)
		}
		f(id, v)
		return nil
	}, "SELECT server_id, kind, name, secret FROM server_values"+where+" ORDER BY id", args...)
}
