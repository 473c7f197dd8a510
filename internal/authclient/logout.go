package authclient

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// revokeTimeout bounds what is done for the sake of the authorization server when a person logs out.
const revokeTimeout = 10 * time.Second

// Logout forgets the login of a Server, after the authorization server was asked to do so too (RFC 7009), as far as
// it can be reached. A renewal that is under way is waited for, so that what it brings is revoked and forgotten too.
// It answers the revision.
func (e *Engine) Logout(ctx context.Context, id mcpmux.ServerID) (rev int64, err error) {
	e.giveUp(id)
	err = e.outdo(ctx, id, settleTime, func(ctx context.Context) error {
		if have, err := e.tokens(ctx, id); err == nil && have != nil {
			if err := e.revoke(ctx, id, have); err != nil {
				e.cfg.Log.Info("the authorization server was not told of a logout", "server", id, "err", err)
			}
		}
		e.mu.Lock()
		s := e.of(id)
		s.reason, s.logins, s.refusals, s.asked, s.refuse = "", nil, nil, challenge{}, time.Time{}
		e.mu.Unlock()
		rev, err = e.cfg.Store.DropCredentials(context.WithoutCancel(ctx), id)
		return err
	})
	return rev, err
}

// giveUp ends the logins that wait for their person.
func (e *Engine) giveUp(id mcpmux.ServerID) {
	e.mu.Lock()
	s := e.of(id)
	s.logouts++
	if s.device != nil {
		s.device.cancel()
		s.device = nil
	}
	for key, b := range e.tickets {
		if b.server == id {
			delete(e.tickets, key)
		}
	}
	waits := s.progress != nil && s.progress.State == ProgressWaiting
	e.mu.Unlock()
	if waits {
		e.ended(id, errLoggedOut)
	}
}

// revoke asks for the end of the refresh token, which ends what came of it, and of the access token.
func (e *Engine) revoke(ctx context.Context, id mcpmux.ServerID, have *tokens) error {
	if have.Revocation == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	target, err := e.cfg.Target(ctx, id)
	if err != nil {
		return err
	}
	w, err := e.web(target)
	if err != nil {
		return err
	}
	defer w.close()
	for _, t := range []struct{ kind, token string }{{"refresh_token", have.Refresh}, {"access_token", have.Access}} {
		if t.token == "" {
			continue
		}
		a, err := e.ask(ctx, w, have.Revocation, e.party(have, target), url.Values{"token": {t.token}, "token_type_hint": {t.kind}})
		if err != nil {
			return err
		}
		// Some revoke refresh tokens alone, which ends what came of them (RFC 7009 §2.2.1).
		if refusal := refusalOf(a); a.status != http.StatusOK && refusal.Code != "unsupported_token_type" {
			return refusal
		}
	}
	return nil
}
