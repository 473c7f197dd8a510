package authserver

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"net/http"
	"time"

	"github.com/mcpmux/mcpmux/internal/guard"
	"github.com/mcpmux/mcpmux/internal/store"
)

// replayWindow is how long a used refresh token is answered once more with what it was answered: the reply may be
// lost, and programs may ask several times at once. After it, who shows the token is not who was given its
// successor, and nobody can tell which of them is the thief: everything of that login ends
// (RFC 9700 §4.14.2).
const replayWindow = 30 * time.Second

// refresh gives tokens for a refresh token.
func (s *Server) refresh(w http.ResponseWriter, r *http.Request, form map[string]string) {
	ctx := r.Context()
	token := form["refresh_token"]
	if token == "" {
		fail(w, http.StatusBadRequest, "invalid_request", "refresh_token is missing")
		return
	}
	for range 2 { // a second time where somebody else used it in between
		answer, code, description, err := s.renew(ctx, r, token, form)
		switch {
		case errors.Is(err, store.ErrTokenUsed):
			continue
		case err != nil:
			s.cfg.Log.Error("tokens were not renewed", "err", err)
			fail(w, http.StatusServiceUnavailable, "temporarily_unavailable", "the tokens could not be renewed now; try again")
		case code != "":
			s.audit("auth/refresh", "denied", "peer "+guard.Peer(r), description, "")
			fail(w, http.StatusBadRequest, code, description)
		default:
			writeBody(w, http.StatusOK, answer)
		}
		return
	}
	fail(w, http.StatusBadRequest, "invalid_grant", notGood)
}

// notGood does not say which of the reasons it was.
const notGood = "the refresh token is not good (any more); log in again"

// renew answers for a refresh token; code is the error for the client.
func (s *Server) renew(ctx context.Context, r *http.Request, token string, form map[string]string) (answer []byte, code, description string, err error) {
	if !isSecret(refreshPrefix, token) {
		return nil, "invalid_grant", notGood, nil
	}
	hash := sha256.Sum256([]byte(token))
	have, found, err := s.cfg.Store.RefreshToken(ctx, hash)
	if err != nil {
		return nil, "", "", err
	}
	now := s.cfg.Now()
	if !found || have.Registration != form["client_id"] || !have.Approved {
		return nil, "invalid_grant", notGood, nil
	}
	if have.UsedAt != nil {
		if now.Sub(*have.UsedAt) <= replayWindow {
			if answer, err := unseal(token, have.Answer); err == nil {
				return answer, "", "", nil
			}
		}
		return nil, "invalid_grant", notGood, s.endReused(r, have.ID, have.Client, "a refresh token")
	}
	if !now.Before(have.Expires) || !now.Before(have.ExpiresAt) {
		return nil, "invalid_grant", notGood, nil
	}
	if alias, ok := s.aliasOfResource(form["resource"]); form["resource"] != "" && (!ok || alias != have.Alias) {
		return nil, "invalid_target", "the resource is not the one that the token is for", nil
	}
	scopes := have.Scopes
	if form["scope"] != "" {
		var ok bool
		if scopes, ok = readScopes(form["scope"]); !ok || !narrower(scopes, have.Scopes) {
			return nil, "invalid_scope", "the scopes go beyond those that were given", nil
		}
	}
	answer, pair := grant(now, have.Authorization, scopes)
	rev, err := s.cfg.Store.RotateToken(ctx, hash, pair, seal(token, answer))
	if err != nil {
		return nil, "", "", err
	}
	s.settle(ctx, rev, nil)
	s.audit("auth/refresh", "ok", "peer "+guard.Peer(r), "", have.Client)
	return answer, "", "", nil
}

// settle waits until a write counts for everything that runs, and says whether it was made. A token that is given
// before that would be refused.
func (s *Server) settle(ctx context.Context, rev int64, err error) bool {
	if err != nil {
		s.cfg.Log.Error("the record of tokens was not written", "err", err)
		return false
	}
	if rev == 0 {
		return true
	}
	if err := s.cfg.Applied(ctx, rev); err != nil {
		s.cfg.Log.Warn("a change of tokens is not in effect yet", "err", err)
	}
	return true
}

// sealer makes the key to an answer of the token that was shown for it: who has the database alone cannot read it.
func sealer(token string) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, []byte(token), nil, "mcpmux refresh answer", 32)
	if err != nil {
		panic(err) // A length of 32 is always fine.
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // So is a key of it.
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

func seal(token string, answer []byte) []byte {
	return sealer(token).Seal(nil, nil, answer, nil) //nolint:gosec // G407: this AEAD makes its nonce itself.
}

func unseal(token string, sealed []byte) ([]byte, error) {
	return sealer(token).Open(nil, nil, sealed, nil)
}

// Prune forgets what has ended.
func (s *Server) Prune(ctx context.Context) error {
	_, err := s.cfg.Store.PruneTokens(ctx, s.cfg.Now(), replayWindow)
	return err
}
