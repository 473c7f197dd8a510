package authserver

import (
	"crypto/sha256"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Why a request is not let in. The texts say nothing of whether a key is unknown, expired or revoked.
var (
	// ErrNoCredential means that the request has no bearer at all (RFC 6750 §3.1: a challenge without an
	// error).
	ErrNoCredential error = &mcpmux.Error{Code: mcpmux.CodeDenied, Message: "no credential: send an access key or a token as Authorization: Bearer …"}
	// ErrInvalid means that there is a bearer and it is not good.
	ErrInvalid error = &mcpmux.Error{Code: mcpmux.CodeDenied, Message: "the access key or token is not valid"}
	// ErrScope means that the token is good, and not for calling the gateway (RFC 6750 §3.1 insufficient_scope).
	ErrScope error = &mcpmux.Error{Code: mcpmux.CodeDenied, Message: "the token lacks the scope mcp"}
	// ErrNotApproved means that the key is good and its client is not approved: the Identity is returned
	// with it.
	ErrNotApproved error = &mcpmux.Error{Code: mcpmux.CodeDenied, Message: "this client is not approved: approve it in the dashboard or with mcpmux client approve"}
)

// Identity is who sent a request.
type Identity struct {
	Client mcpmux.ClientID
	// Key is the access key, or the Authorization that a token belongs to.
	Key mcpmux.KeyID
	// Alias is the Server of the one endpoint that the token is for, "" for the whole gateway.
	Alias string
}

// Verifier verifies credentials against the State applied last. All its methods may be called at once from
// many goroutines.
type Verifier struct {
	now   func() time.Time
	table atomic.Pointer[map[[sha256.Size]byte]holder] // never written to after it is stored
}

// holder is what a secret stands for.
type holder struct {
	Identity
	token    bool // an access token rather than an access key
	scope    bool // it may call the gateway
	approved bool
	expires  int64 // Unix nanoseconds; 0 means never
}

// NewVerifier makes a Verifier that knows nobody. now is the clock by which keys expire.
func NewVerifier(now func() time.Time) *Verifier {
	v := &Verifier{now: now}
	v.table.Store(&map[[sha256.Size]byte]holder{})
	return v
}

// Apply makes the clients, keys and tokens of st the ones that count, at once for every request that is verified
// after it returns. Keys without a client are not in the table.
func (v *Verifier) Apply(st *mcpmux.State) {
	approved := make(map[mcpmux.ClientID]bool, len(st.Clients))
	for _, c := range st.Clients {
		approved[c.ID] = c.Approved
	}
	table := make(map[[sha256.Size]byte]holder, len(st.Keys))
	for _, k := range st.Keys {
		ok, known := approved[k.Client]
		if !known {
			continue
		}
		h := holder{Identity: Identity{Client: k.Client, Key: k.ID}, approved: ok, scope: true}
		if k.ExpiresAt != nil {
			h.expires = max(k.ExpiresAt.UnixNano(), 1) // A time before 1970 is past too, and 0 is taken.
		}
		table[k.Hash] = h
	}
	logins := make(map[mcpmux.KeyID]*mcpmux.Authorization, len(st.Authorizations))
	for i := range st.Authorizations {
		logins[st.Authorizations[i].ID] = &st.Authorizations[i]
	}
	for _, t := range st.Tokens {
		a := logins[t.Authorization]
		if a == nil {
			continue
		}
		if ok, known := approved[a.Client]; known {
			table[t.Hash] = holder{
				Identity: Identity{Client: a.Client, Key: a.ID, Alias: a.Alias}, token: true, scope: slices.Contains(t.Scopes, scopeMCP),
				approved: ok, expires: max(min(t.ExpiresAt.UnixNano(), a.ExpiresAt.UnixNano()), 1),
			}
		}
	}
	v.table.Store(&table)
}

// Verify finds who sent a request with this value of the Authorization header. Errors are ErrNoCredential,
// ErrInvalid, ErrNotApproved and ErrScope. It does not allocate and takes no lock.
func (v *Verifier) Verify(authorization string) (Identity, error) {
	key, err := bearer(authorization)
	if err != nil {
		return Identity{}, err
	}
	isToken := isSecret(accessPrefix, key)
	if !isToken && !isSecret(keyPrefix, key) {
		return Identity{}, ErrInvalid
	}
	var buf [max(len(keyPrefix), len(accessPrefix)) + secretLen]byte
	n := copy(buf[:], key)
	// What is compared is the hash: how long a look-up takes tells nothing about secrets.
	h, ok := (*v.table.Load())[sha256.Sum256(buf[:n])]
	if !ok || h.token != isToken || h.expires != 0 && v.now().UnixNano() >= h.expires {
		return Identity{}, ErrInvalid
	}
	if !h.approved {
		return h.Identity, ErrNotApproved
	}
	if !h.scope {
		return h.Identity, ErrScope
	}
	return h.Identity, nil
}

// bearer takes the token out of an Authorization header: the scheme in any case, one space, the token
// (RFC 6750 §2.1). Another scheme is no credential of ours; anything else is a broken one.
func bearer(authorization string) (string, error) {
	scheme, token, found := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ErrNoCredential
	}
	if !found || token == "" || strings.ContainsAny(token, " \t,") {
		return "", ErrInvalid
	}
	return token, nil
}
