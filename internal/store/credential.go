package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
)

// CredentialKind says what a Credential is.
type CredentialKind string

// The kinds. A Server has tokens of one issuer at most, and registrations with as many as it was sent to.
const (
	CredentialTokens       CredentialKind = "tokens"
	CredentialRegistration CredentialKind = "registration"
)

// Credential is something that McpMux got from an authorization server for one Server: Body, sealed, and what
// people may know of it. It is kept under its issuer and is of use with no other.
type Credential struct {
	Kind CredentialKind
	mcpmux.LoggedIn
	Body secret.Value
}

// Credentials opens what an earlier login gave, tokens first. A blob that does not open is an error that says
// what to do.
func (s *Store) Credentials(ctx context.Context, id mcpmux.ServerID) ([]Credential, error) {
	var srv mcpmux.Server
	var stored []sealedCredential
	err := s.read(ctx, func(ctx context.Context, t *tx) (err error) {
		if srv, err = findServer(ctx, t, id); err != nil {
			return err
		}
		stored, err = readCredentials(ctx, t, id)
		return err
	})
	if err != nil || len(stored) == 0 {
		return nil, err
	}
	box := s.box.Load()
	if box == nil {
		return nil, errLocked
	}
	all := make([]Credential, len(stored))
	for i, c := range stored {
		plain, err := box.Open(s.credentialPlace(c.row, &srv, c.Kind, c.Issuer), c.blob)
		if err != nil {
			return nil, mcpmux.Errorf(mcpmux.CodeUnavailable, "the stored login of Server %q cannot be opened: %v; log out of it and log in again", srv.Alias, err)
		}
		c.Body = secret.NewValue(string(plain))
		all[i] = c.Credential
	}
	return all, nil
}

// sealedCredential is a Credential as it is stored.
type sealedCredential struct {
	row string
	Credential
	blob []byte
}

func readCredentials(ctx context.Context, t *tx, id mcpmux.ServerID) ([]sealedCredential, error) {
	var all []sealedCredential
	err := t.each(ctx, func(rows *sql.Rows) error {
		var c sealedCredential
		err := scanLoggedIn(rows, &c.LoggedIn, &c.row, &c.Kind, &c.blob)
		all = append(all, c)
		return err
	}, "SELECT id, kind, sealed, issuer, scopes, renewable, obtained_at, expires_at FROM credentials WHERE server_id = $1 ORDER BY kind DESC, id", string(id))
	return all, err
}

// scanLoggedIn reads the public columns of a credential after the given ones.
func scanLoggedIn(rows *sql.Rows, l *mcpmux.LoggedIn, before ...any) error {
	var scopes string
	var obtained int64
	var expires sql.NullInt64
	if err := rows.Scan(append(before, &l.Issuer, &scopes, &l.Renewable, &obtained, &expires)...); err != nil {
		return err
	}
	l.Scopes = strings.Fields(scopes)
	l.ObtainedAt, l.ExpiresAt = timeOf(obtained), timeOrNil(expires)
	return nil
}

func eachLoggedIn(ctx context.Context, t *tx, f func(mcpmux.ServerID, mcpmux.LoggedIn)) error {
	return t.each(ctx, func(rows *sql.Rows) error {
		var id mcpmux.ServerID
		var l mcpmux.LoggedIn
		if err := scanLoggedIn(rows, &l, &id); err != nil {
			return err
		}
		f(id, l)
		return nil
	}, "SELECT server_id, issuer, scopes, renewable, obtained_at, expires_at FROM credentials WHERE kind = $1", string(CredentialTokens))
}

func (s *Store) credentialPlace(row string, srv *mcpmux.Server, kind CredentialKind, issuer string) secret.AAD {
	return secret.AAD{
		Install: s.install, Table: "credentials", Row: row, Space: string(srv.Space), Owner: string(srv.ID),
		Kind: string(kind), Name: issuer,
	}
}

// SaveCredential keeps c in place of what there was: tokens in place of those of any issuer, a registration in
// place of the one with its issuer. It is durable when it returns. Tokens move the Server's stamp, since a
// connection with them is another one.
func (s *Store) SaveCredential(ctx context.Context, id mcpmux.ServerID, c Credential) (int64, error) {
	rev, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		srv, err := findServer(ctx, t, id)
		if err != nil {
			return err
		}
		err = t.exec(ctx, "DELETE FROM credentials WHERE server_id = $1 AND kind = $2 AND (issuer = $3 OR kind = $4)",
			string(id), string(c.Kind), c.Issuer, string(CredentialTokens))
		if err == nil {
			err = s.sealCredential(ctx, t, &srv, c)
		}
		if err != nil || c.Kind != CredentialTokens {
			return err
		}
		return stamp(ctx, t, &srv, serverLoggedIn)
	})
	if err == nil {
		s.scrub(ctx)
	}
	return rev, attempted("keep a login", err)
}

// sealCredential writes c in a row of its own.
func (s *Store) sealCredential(ctx context.Context, t *tx, srv *mcpmux.Server, c Credential) error {
	box := s.box.Load()
	if box == nil {
		return errLocked
	}
	row := newID()
	sealed, err := box.Seal(s.credentialPlace(row, srv, c.Kind, c.Issuer), []byte(c.Body.Reveal()))
	if err != nil {
		return fmt.Errorf("seal a login: %w", err)
	}
	return t.exec(ctx, `INSERT INTO credentials (id, server_id, kind, issuer, scopes, renewable, obtained_at, expires_at, sealed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, row, string(srv.ID), string(c.Kind), c.Issuer, strings.Join(c.Scopes, " "),
		c.Renewable, c.ObtainedAt.UnixMicro(), microsOrNil(c.ExpiresAt), sealed)
}

// stamp appends a Change after which a connection to the Server is another one.
func stamp(ctx context.Context, t *tx, srv *mcpmux.Server, kind string) error {
	if err := t.change(ctx, kind, srv.Space, string(srv.ID)); err != nil {
		return err
	}
	return t.exec(ctx, "UPDATE servers SET stamp = $1 WHERE id = $2", t.revision, string(srv.ID))
}

// DropTokens forgets the tokens of a Server and keeps its registrations, DropCredentials both and the logins
// that were begun. What was sealed is destroyed with its key.
func (s *Store) DropTokens(ctx context.Context, id mcpmux.ServerID) (int64, error) {
	return s.drop(ctx, id, func(ctx context.Context, t *tx) (bool, error) {
		n, err := t.affect(ctx, "DELETE FROM credentials WHERE server_id = $1 AND kind = $2", string(id), string(CredentialTokens))
		return n > 0, err
	})
}

// DropCredentials is DropTokens for everything.
func (s *Store) DropCredentials(ctx context.Context, id mcpmux.ServerID) (int64, error) {
	return s.drop(ctx, id, func(ctx context.Context, t *tx) (bool, error) { return dropCredentials(ctx, t, id) })
}

func (s *Store) drop(ctx context.Context, id mcpmux.ServerID, f func(context.Context, *tx) (bool, error)) (int64, error) {
	dropped := false
	rev, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		srv, err := findServer(ctx, t, id)
		if err != nil {
			return err
		}
		if dropped, err = f(ctx, t); err != nil || !dropped {
			return err
		}
		return stamp(ctx, t, &srv, serverLoggedOut)
	})
	if err == nil && dropped {
		s.scrub(ctx)
	}
	return rev, attempted("forget a login", err)
}

func dropCredentials(ctx context.Context, t *tx, id mcpmux.ServerID) (bool, error) {
	if err := t.exec(ctx, "DELETE FROM pending_logins WHERE server_id = $1", string(id)); err != nil {
		return false, err
	}
	n, err := t.affect(ctx, "DELETE FROM credentials WHERE server_id = $1", string(id))
	return n > 0, err
}

// DropRegistration forgets the registration with one issuer.
func (s *Store) DropRegistration(ctx context.Context, id mcpmux.ServerID, issuer string) error {
	_, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		return t.exec(ctx, "DELETE FROM credentials WHERE server_id = $1 AND kind = $2 AND issuer = $3",
			string(id), string(CredentialRegistration), issuer)
	})
	return attempted("forget a registration", err)
}

// SavePending keeps a login that was begun until its person comes back, in place of an earlier one of the Server.
// The key is a hash of what they come back with.
func (s *Store) SavePending(ctx context.Context, id mcpmux.ServerID, key string, expires time.Time, body secret.Value) error {
	_, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		srv, err := findServer(ctx, t, id)
		if err != nil {
			return err
		}
		box := s.box.Load()
		if box == nil {
			return errLocked
		}
		sealed, err := box.Seal(s.pendingPlace(key, &srv), []byte(body.Reveal()))
		if err != nil {
			return fmt.Errorf("seal a login: %w", err)
		}
		if err := t.exec(ctx, "DELETE FROM pending_logins WHERE server_id = $1", string(id)); err != nil {
			return err
		}
		return t.exec(ctx, "INSERT INTO pending_logins (id, server_id, expires_at, sealed) VALUES ($1, $2, $3, $4)",
			key, string(id), expires.UnixMicro(), sealed)
	})
	return attempted("keep a login that was begun", err)
}

func (s *Store) pendingPlace(key string, srv *mcpmux.Server) secret.AAD {
	return secret.AAD{Install: s.install, Table: "pending_logins", Row: key, Space: string(srv.Space), Owner: string(srv.ID), Kind: "pending"}
}

// TakePending hands out a login that was begun, once, and only before it expires; found says whether there was
// one.
func (s *Store) TakePending(ctx context.Context, key string, now time.Time) (id mcpmux.ServerID, body secret.Value, found bool, err error) {
	var blob []byte
	var srv mcpmux.Server
	var expires int64
	_, err = s.write(ctx, func(ctx context.Context, t *tx) error {
		row := t.row(ctx, "SELECT server_id, expires_at, sealed FROM pending_logins WHERE id = $1", key)
		if err := row.Scan(&id, &expires, &blob); errors.Is(err, sql.ErrNoRows) {
			return nil
		} else if err != nil {
			return err
		}
		if srv, err = findServer(ctx, t, id); err != nil {
			return err
		}
		return t.exec(ctx, "DELETE FROM pending_logins WHERE id = $1", key)
	})
	if err != nil || id == "" || !now.Before(timeOf(expires)) {
		return "", secret.Value{}, false, attempted("take up a login that was begun", err)
	}
	box := s.box.Load()
	if box == nil {
		return "", secret.Value{}, false, errLocked
	}
	plain, err := box.Open(s.pendingPlace(key, &srv), blob)
	if err != nil {
		return "", secret.Value{}, false, fmt.Errorf("take up a login that was begun: %w", err)
	}
	return id, secret.NewValue(string(plain)), true, nil
}

// PrunePending forgets the logins that nobody ended in time.
func (s *Store) PrunePending(ctx context.Context, now time.Time) error {
	_, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		return t.exec(ctx, "DELETE FROM pending_logins WHERE expires_at <= $1", now.UnixMicro())
	})
	return attempted("prune the logins that were begun", err)
}

func sameLogin(a, b mcpmux.LoginConfig) bool {
	scopes := slices.Equal(a.Scopes, b.Scopes)
	a.Scopes, b.Scopes = nil, nil
	return scopes && a.ClientID == b.ClientID && a.Issuer == b.Issuer && a.Grant == b.Grant && a.AuthMethod == b.AuthMethod &&
		a.ClientMetadataURL == b.ClientMetadataURL && a.RedirectHost == b.RedirectHost && a.Fallback == b.Fallback && a.KeepAlive == b.KeepAlive
}

// checkLogin checks how McpMux shall log in to a Server.
func checkLogin(srv *mcpmux.Server) error {
	l := srv.Login
	if sameLogin(l, mcpmux.LoginConfig{}) {
		return nil
	}
	bad := func(format string, args ...any) error {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the login of a Server: "+format, args...)
	}
	if srv.Definition.Transport == mcpmux.TransportStdio {
		return bad("a stdio Server has none; its credentials are values of its environment")
	}
	switch l.Grant {
	case "", mcpmux.GrantCode, mcpmux.GrantDevice, mcpmux.GrantClient:
	default:
		return bad("%q is not a grant; they are authorization_code, device_code and client_credentials", string(l.Grant))
	}
	switch l.AuthMethod {
	case "", mcpmux.AuthNone, mcpmux.AuthBasic, mcpmux.AuthPost, mcpmux.AuthJWT:
	default:
		return bad("%q is not an auth_method; they are none, client_secret_basic, client_secret_post and private_key_jwt", string(l.AuthMethod))
	}
	switch l.RedirectHost {
	case "", "127.0.0.1", "localhost":
	default:
		return bad("%q is not a redirect_host; they are 127.0.0.1 and localhost", l.RedirectHost)
	}
	for _, scope := range l.Scopes {
		if scope == "" || strings.ContainsFunc(scope, func(c rune) bool { return c <= ' ' || c == '"' || c == '\\' || c >= 0x7f }) {
			return bad("%.100q is not a scope: one is made of visible ASCII characters without space, quote and backslash (RFC 6749 §3.3)", scope)
		}
	}
	if l.Issuer != "" && !isWebAddress(l.Issuer, "https", "http") {
		return bad("issuer %.200q is not an http or https address", l.Issuer)
	}
	if l.ClientMetadataURL != "" && !isWebAddress(l.ClientMetadataURL, "https") {
		return bad("client_metadata_url %.200q is not an https address", l.ClientMetadataURL)
	}
	if l.Grant == mcpmux.GrantClient && l.ClientID == "" {
		return bad("client_credentials needs a client_id")
	}
	return nil
}

func isWebAddress(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains(schemes, u.Scheme) && u.Host != "" && u.User == nil && u.Fragment == ""
}
