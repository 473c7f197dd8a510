package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// RegistrationKey is what the client ids of this installation's authorization server are made with. It is made
// once. It is no credential: whoever has it can say of an application what any application may say of itself.
func (s *Store) RegistrationKey(ctx context.Context) (key []byte, err error) {
	_, err = s.write(ctx, func(ctx context.Context, t *tx) error {
		if err := t.row(ctx, "SELECT registration_key FROM installation").Scan(&key); err != nil || len(key) > 0 {
			return err
		}
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails (crypto/rand)
		return t.exec(ctx, "UPDATE installation SET registration_key = $1", key)
	})
	return key, attempted("read the registration key", err)
}

// Approved is the Client that a client_id was approved as, "" where it was not.
func (s *Store) Approved(ctx context.Context, registration string) (id mcpmux.ClientID, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		id, err = approvedAs(ctx, t, registration)
		return err
	})
	return id, attempted("look a registration up", err)
}

func approvedAs(ctx context.Context, t *tx, registration string) (id mcpmux.ClientID, err error) {
	err = t.row(ctx, "SELECT client_id FROM registrations WHERE id = $1", registration).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return id, err
}

// Wish is what an application asks for: to be sent to a host with a code that is good for the endpoint of one
// Server, or of all (Alias ""), and for these scopes.
type Wish struct {
	Registration string
	RedirectHost string
	Alias        string
	Scopes       []string
}

// Consented says whether the user has agreed to a wish, and until when (nil: until it is taken back). A wish for
// more than that is another one.
func (s *Store) Consented(ctx context.Context, w Wish) (ok bool, until *time.Time, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		var scopes string
		var expires sql.NullInt64
		// What was agreed to with a Client that was denied since then is not agreed to.
		err := t.row(ctx, `SELECT c.scopes, c.expires_at FROM consents c
			JOIN registrations r ON r.id = c.registration_id JOIN clients l ON l.id = r.client_id
			WHERE c.registration_id = $1 AND c.redirect_host = $2 AND c.alias = $3 AND l.approved = TRUE`,
			w.Registration, w.RedirectHost, w.Alias).Scan(&scopes, &expires)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		until = timeOrNil(expires)
		given := strings.Fields(scopes)
		ok = (until == nil || t.now.Before(*until)) && !slices.ContainsFunc(w.Scopes, func(s string) bool { return !slices.Contains(given, s) })
		return nil
	})
	return ok, until, attempted("look a consent up", err)
}

// Consent is the user's agreement to a Wish.
type Consent struct {
	Wish
	// About is what the application said of itself.
	About mcpmux.Registration
	// New is the Client that it is from now on, where it is none yet. Its name gets a number where it is taken.
	New   NewClient
	Until *time.Time // nil: until it is taken back
}

// SaveConsent keeps the user's agreement, and answers the Client.
func (s *Store) SaveConsent(ctx context.Context, c Consent) (id mcpmux.ClientID, rev int64, err error) {
	about, err := json.Marshal(c.About)
	if err != nil {
		return "", 0, err
	}
	rev, err = s.write(ctx, func(ctx context.Context, t *tx) error {
		if id, err = approvedAs(ctx, t, c.Registration); err != nil {
			return err
		}
		if id == "" {
			made, err := freeName(ctx, t, c.New)
			if err != nil {
				return err
			}
			client, err := insertClient(ctx, t, made)
			if err != nil {
				return err
			}
			id = client.ID
		}
		client, err := findClient(ctx, t, id)
		if err != nil {
			return err
		}
		if !client.Approved {
			if err := t.exec(ctx, "UPDATE clients SET approved = TRUE WHERE id = $1", string(id)); err != nil {
				return err
			}
		}
		err = t.exec(ctx, "INSERT INTO registrations (id, client_id, document) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET client_id = $2, document = $3",
			c.Registration, string(id), string(about))
		if err != nil {
			return err
		}
		err = t.exec(ctx, `INSERT INTO consents (registration_id, redirect_host, alias, scopes, given_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (registration_id, redirect_host, alias) DO UPDATE SET scopes = $4, given_at = $5, expires_at = $6`,
			c.Registration, c.RedirectHost, c.Alias, strings.Join(c.Scopes, " "), t.now.UnixMicro(), microsOrNil(c.Until))
		if err != nil {
			return err
		}
		return t.change(ctx, clientApproved, client.Space, string(id))
	})
	return id, rev, err
}

// freeName gives a new Client the first of "NAME", "NAME 2", "NAME 3" … that no other has: names are never a
// reason to take one application for another.
func freeName(ctx context.Context, t *tx, n NewClient) (NewClient, error) {
	base := n.Name
	for i := 2; ; i++ {
		same, err := t.count(ctx, "SELECT count(*) FROM clients WHERE name_key = $1", nameKey(n.Name))
		if err != nil || same == 0 {
			return n, err
		}
		suffix := fmt.Sprintf(" %d", i)
		n.Name = shortened(base, maxName-len(suffix)) + suffix
	}
}

// shortened is a name of at most n characters.
func shortened(name string, n int) string {
	if r := []rune(name); len(r) > n {
		return strings.TrimSpace(string(r[:n]))
	}
	return name
}

// NewToken is a token to be kept: never itself, only its sha256.
type NewToken struct {
	Hash    [32]byte
	Scopes  []string
	Expires time.Time
}

// TokenPair is what one answer of the token endpoint gives.
type TokenPair struct{ Access, Refresh NewToken }

const (
	tokenAccess  = "access"
	tokenRefresh = "refresh"
)

// CreateAuthorization keeps an Authorization with its first tokens. Its Client has to be approved still, and the consent
// to what it is for may not have been taken back.
func (s *Store) CreateAuthorization(ctx context.Context, a mcpmux.Authorization, p TokenPair) (mcpmux.Authorization, int64, error) {
	a.ID = mcpmux.KeyID(newID())
	rev, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		a.CreatedAt = t.now
		c, err := findClient(ctx, t, a.Client)
		if err != nil {
			return err
		}
		as, err := approvedAs(ctx, t, a.Registration)
		if err != nil {
			return err
		}
		agreed, err := t.count(ctx, "SELECT count(*) FROM consents WHERE registration_id = $1 AND redirect_host = $2 AND alias = $3",
			a.Registration, a.RedirectHost, a.Alias)
		if err != nil {
			return err
		}
		if !c.Approved || as != a.Client || agreed == 0 {
			return mcpmux.Errorf(mcpmux.CodeDenied, "the client %q is not approved", c.Name)
		}
		err = t.exec(ctx, `INSERT INTO authorizations (id, client_id, registration_id, redirect_host, alias, scopes, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, string(a.ID), string(a.Client), a.Registration, a.RedirectHost, a.Alias,
			strings.Join(a.Scopes, " "), a.CreatedAt.UnixMicro(), a.ExpiresAt.UnixMicro())
		if err != nil {
			return err
		}
		if err := insertTokens(ctx, t, a.ID, p); err != nil {
			return err
		}
		return t.change(ctx, authorizationCreated, c.Space, string(a.ID))
	})
	return a, rev, err
}

func insertTokens(ctx context.Context, t *tx, id mcpmux.KeyID, p TokenPair) error {
	for kind, n := range map[string]NewToken{tokenAccess: p.Access, tokenRefresh: p.Refresh} {
		err := t.exec(ctx, "INSERT INTO tokens (hash, authorization_id, kind, scopes, expires_at) VALUES ($1, $2, $3, $4, $5)",
			n.Hash[:], string(id), kind, strings.Join(n.Scopes, " "), n.Expires.UnixMicro())
		if err != nil {
			return err
		}
	}
	return nil
}

// RefreshToken is what is known of a refresh token.
type RefreshToken struct {
	mcpmux.Authorization
	Scopes  []string // of the token
	Expires time.Time
	// Approved says whether the Client is still.
	Approved bool
	// UsedAt is when it was used up, and Answer what it was answered with.
	UsedAt *time.Time
	Answer []byte
}

// RefreshToken looks a refresh token up by its hash; found is false for one that is not kept (any more).
func (s *Store) RefreshToken(ctx context.Context, hash [32]byte) (r RefreshToken, found bool, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		r, found, err = findRefresh(ctx, t, hash)
		return err
	})
	return r, found, attempted("look a token up", err)
}

func findRefresh(ctx context.Context, t *tx, hash [32]byte) (r RefreshToken, found bool, err error) {
	err = t.each(ctx, func(rows *sql.Rows) error {
		var scopes string
		var expires int64
		var used sql.NullInt64
		a, err := scanAuthorization(rows, &scopes, &expires, &used, &r.Answer, &r.Approved)
		r.Authorization, r.Scopes, r.Expires, r.UsedAt, found = a, strings.Fields(scopes), timeOf(expires), timeOrNil(used), true
		return err
	}, `SELECT t.scopes, t.expires_at, t.used_at, t.answer, c.approved, `+authorizationColumns+` FROM tokens t
		JOIN authorizations a ON a.id = t.authorization_id JOIN clients c ON c.id = a.client_id WHERE t.hash = $1 AND t.kind = $2`, hash[:], tokenRefresh)
	return r, found, err
}

// ErrTokenUsed says that a refresh token was used up by somebody else in the meantime.
var ErrTokenUsed = errors.New("the refresh token was used already")

// RotateToken uses a refresh token up: its successors and the answer that tells them are kept in the same
// transaction, so that there is one answer whatever happens to the reply. It fails with ErrTokenUsed where there is
// one already.
func (s *Store) RotateToken(ctx context.Context, hash [32]byte, p TokenPair, answer []byte) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		r, found, err := findRefresh(ctx, t, hash)
		if err != nil {
			return err
		}
		if !found || r.UsedAt != nil {
			return ErrTokenUsed
		}
		if err := t.exec(ctx, "UPDATE tokens SET used_at = $1, answer = $2 WHERE hash = $3", t.now.UnixMicro(), answer, hash[:]); err != nil {
			return err
		}
		if err := insertTokens(ctx, t, r.ID, p); err != nil {
			return err
		}
		if err := boundTokens(ctx, t, r.ID); err != nil {
			return err
		}
		return t.change(ctx, authorizationRenewed, "", string(r.ID))
	})
}

// How many tokens one Authorization keeps, beyond the refresh token that is good: an application that renews again and
// again fills nothing. An access token that makes room is good no longer; a used refresh token that does is one that
// nobody knows.
const (
	maxAccessTokens = 32
	maxUsedTokens   = 1024
)

func boundTokens(ctx context.Context, t *tx, id mcpmux.KeyID) error {
	err := t.exec(ctx, `DELETE FROM tokens WHERE authorization_id = $1 AND kind = $2 AND hash NOT IN
		(SELECT hash FROM tokens WHERE authorization_id = $1 AND kind = $2 ORDER BY expires_at DESC LIMIT $3)`, string(id), tokenAccess, maxAccessTokens)
	if err != nil {
		return err
	}
	return t.exec(ctx, `DELETE FROM tokens WHERE authorization_id = $1 AND used_at IS NOT NULL AND hash NOT IN
		(SELECT hash FROM tokens WHERE authorization_id = $1 AND used_at IS NOT NULL ORDER BY used_at DESC LIMIT $2)`, string(id), maxUsedTokens)
}

// EndAuthorization ends an Authorization with all its tokens. One that is not there has ended already.
func (s *Store) EndAuthorization(ctx context.Context, id mcpmux.KeyID) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		n, err := t.affect(ctx, "DELETE FROM authorizations WHERE id = $1", string(id))
		if err != nil || n == 0 {
			return err
		}
		return t.change(ctx, authorizationEnded, "", string(id))
	})
}

// ForgetConsents makes a Client's applications ask again, and ends what they have. Who they are stays known: when they
// are let in again they are the same Client, with what the user chose for it.
func (s *Store) ForgetConsents(ctx context.Context, id mcpmux.ClientID) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		c, err := findClient(ctx, t, id)
		if err != nil {
			return err
		}
		n, err := t.affect(ctx, "DELETE FROM consents WHERE registration_id IN (SELECT id FROM registrations WHERE client_id = $1)", string(id))
		if err != nil {
			return err
		}
		ended, err := t.affect(ctx, "DELETE FROM authorizations WHERE client_id = $1", string(id))
		if err != nil || n+ended == 0 {
			return err
		}
		return t.change(ctx, authorizationEnded, c.Space, string(id))
	})
}

// AuthorizationOfToken is the Authorization that a token of either kind belongs to, for the client_id that it was
// given to; "" where there is none.
func (s *Store) AuthorizationOfToken(ctx context.Context, hash [32]byte, registration string) (id mcpmux.KeyID, access bool, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		var kind string
		err := t.row(ctx, `SELECT a.id, t.kind FROM tokens t JOIN authorizations a ON a.id = t.authorization_id
			WHERE t.hash = $1 AND a.registration_id = $2`, hash[:], registration).Scan(&id, &kind)
		access = kind == tokenAccess
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return err
	})
	return id, access, attempted("look a token up", err)
}

// EndToken ends one access token alone.
func (s *Store) EndToken(ctx context.Context, hash [32]byte) (int64, error) {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		var id mcpmux.KeyID
		err := t.row(ctx, "DELETE FROM tokens WHERE hash = $1 AND kind = $2 RETURNING authorization_id", hash[:], tokenAccess).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return t.change(ctx, authorizationRenewed, "", string(id))
	})
}

// PruneTokens forgets tokens that ended before a time, Authorizations that ended or have no token left, consents
// that ended, and the answers of refresh tokens that were used longer ago than again. It answers how many
// Authorizations those were.
func (s *Store) PruneTokens(ctx context.Context, before time.Time, again time.Duration) (int, error) {
	var ended []string
	_, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		at := before.UnixMicro()
		if err := t.exec(ctx, "DELETE FROM tokens WHERE expires_at <= $1", at); err != nil {
			return err
		}
		if err := t.exec(ctx, "UPDATE tokens SET answer = NULL WHERE answer IS NOT NULL AND used_at < $1", before.Add(-again).UnixMicro()); err != nil {
			return err
		}
		if err := t.exec(ctx, "DELETE FROM consents WHERE expires_at <= $1", at); err != nil {
			return err
		}
		err := t.each(ctx, func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			ended = append(ended, id)
			return err
		}, `DELETE FROM authorizations WHERE expires_at <= $1
			OR NOT EXISTS (SELECT 1 FROM tokens WHERE authorization_id = authorizations.id) RETURNING id`, at)
		if err != nil {
			return err
		}
		for _, id := range ended {
			if err := t.change(ctx, authorizationEnded, "", id); err != nil {
				return err
			}
		}
		return nil
	})
	return len(ended), attempted("prune the tokens", err)
}

const authorizationColumns = "a.id, a.client_id, a.registration_id, a.redirect_host, a.alias, a.scopes, a.created_at, a.expires_at, a.last_used"

// scanAuthorization reads authorizationColumns after the given ones.
func scanAuthorization(rows *sql.Rows, before ...any) (mcpmux.Authorization, error) {
	var a mcpmux.Authorization
	var scopes string
	var created, expires int64
	var used sql.NullInt64
	err := rows.Scan(append(before, &a.ID, &a.Client, &a.Registration, &a.RedirectHost, &a.Alias, &scopes, &created, &expires, &used)...)
	a.Scopes, a.CreatedAt, a.ExpiresAt, a.LastUsed = strings.Fields(scopes), timeOf(created), timeOf(expires), timeOrNil(used)
	return a, err
}

// loadAuthorizations leaves out what has ended by now.
func loadAuthorizations(ctx context.Context, t *tx, st *mcpmux.State) error {
	return t.each(ctx, func(rows *sql.Rows) error {
		a, err := scanAuthorization(rows)
		st.Authorizations = append(st.Authorizations, a)
		return err
	}, "SELECT "+authorizationColumns+" FROM authorizations a WHERE a.expires_at > $1 ORDER BY a.id", t.now.UnixMicro())
}

func loadTokens(ctx context.Context, t *tx, st *mcpmux.State) error {
	return t.each(ctx, func(rows *sql.Rows) error {
		var k mcpmux.AccessToken
		var hash []byte
		var scopes string
		var expires int64
		if err := rows.Scan(&hash, &k.Authorization, &scopes, &expires); err != nil {
			return err
		}
		if len(hash) != len(k.Hash) {
			return fmt.Errorf("a token has a hash of %d bytes", len(hash))
		}
		copy(k.Hash[:], hash)
		k.Scopes, k.ExpiresAt = strings.Fields(scopes), timeOf(expires)
		st.Tokens = append(st.Tokens, k)
		return nil
	}, "SELECT hash, authorization_id, scopes, expires_at FROM tokens WHERE kind = $1 AND expires_at > $2", tokenAccess, t.now.UnixMicro())
}
