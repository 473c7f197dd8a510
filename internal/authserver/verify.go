package authserver

import (
	"crypto/sha256"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Why a request is not let in. The texts say nothing of whether a key is unknown, expired or revoked.
var (
	// ErrNoCredential means that the request has no bearer at all (RFC 6750 §3.1: a challenge without an
	// error).
	ErrNoCredential error = &mcpmux.Error{Code: mcpmux.CodeDenied, Message: "no access key: send it as Authorization: Bearer mm_key_…"}
	// ErrInvalid means that there is a bearer and it is not good.
	ErrInvalid error = &mcpmux.Error{Code: mcpmux.CodeDenied, Message: "the access key is not valid"}
	// ErrNotApproved means that the key is good and its client is not approved: the Identity is returned
	// with it.
	ErrNotApproved error = &mcpmux.Error{Code: mcpmux.CodeDenied, Message: "this client is not approved: approve it in the dashboard or with mcpmux client approve"}
)

// Identity is who sent a request.
type Identity struct {
	Client mcpmux.ClientID
	Key    mcpmux.KeyID
}

// Verifier verifies credentials against the State applied last. All its methods may be called at once from
// many goroutines.
type Verifier struct {
	now   func() time.Time
	table atomic.Pointer[map[[sha256.Size]byte]holder] // never written to after it is stored
}

// holder is what a key stands for.
type holder struct {
	Identity
	approved bool
	expires  int64 // Unix nanoseconds; 0 means never
}

// NewVerifier makes a Verifier that knows nobody. now is the clock by which keys expire.
func NewVerifier(now func() time.Time) *Verifier {
	v := &Verifier{now: now}
	v.table.Store(&map[[sha256.Size]byte]holder{})
	return v
}

// Apply makes the clients and keys of st the ones that count, at once for every request that is verified
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
		h := holder{Identity: Identity{Client: k.Client, Key: k.ID}, approved: ok}
		if k.ExpiresAt != nil {
			h.expires = max(k.ExpiresAt.UnixNano(), 1) // A time before 1970 is past too, and 0 is taken.
		}
		table[k.Hash] = h
	}
	v.table.Store(&table)
}

// Verify finds who sent a request with this value of the Authorization header. Errors are ErrNoCredential,
// ErrInvalid and ErrNotApproved. It does not allocate and takes no lock.
func (v *Verifier) Verify(authorization string) (Identity, error) {
	key, err := bearer(authorization)
	if err != nil {
		return Identity{}, err
	}
	if len(key) != keyLen {
		return Identity{}, ErrInvalid
	}
	var buf [keyLen]byte
	copy(buf[:], key)
	// What is compared is the hash: how long a look-up takes tells nothing about keys.
	h, ok := (*v.table.Load())[sha256.Sum256(buf[:])]
	if !ok || h.expires != 0 && v.now().UnixNano() >= h.expires {
		return Identity{}, ErrInvalid
	}
	if !h.approved {
		return h.Identity, ErrNotApproved
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
