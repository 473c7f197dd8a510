package authclient

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// deviceGrant is the grant of RFC 8628 §3.4.
const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

const (
	// pollEvery is the pause between questions where the authorization server names none, and slowDown what it adds
	// when they come too fast (RFC 8628 §3.5). maxPoll is what it grows to by itself while the authorization server
	// cannot be reached.
	pollEvery = 5 * time.Second
	slowDown  = 5 * time.Second
	maxPoll   = 60 * time.Second
)

// deviceLogin is a login whose person types a code in elsewhere.
type deviceLogin struct{ cancel context.CancelFunc }

// beginDevice asks for a code and then, behind the caller's back, whether it was typed in (RFC 8628 §3.1–3.5).
func (e *Engine) beginDevice(ctx context.Context, w *web, b *begun) (Begun, error) {
	endpoint := b.at.meta.DeviceAuthorizationEndpoint
	if endpoint == "" {
		return Begun{}, mcpmux.Errorf(mcpmux.CodeUnavailable, "%s offers no login by a code (RFC 8628); log in with a browser", hostOf(b.at.issuer))
	}
	base := b.at.tokens(b.client)
	base.Requested = b.scopes
	values := url.Values{}
	setScopes(values, b.scopes)
	setResource(values, b.at.resource)
	a, err := e.ask(ctx, w, endpoint, e.party(&base, b.target), values)
	if err != nil {
		return Begun{}, err
	}
	if a.status != http.StatusOK {
		return Begun{}, mcpmux.Errorf(mcpmux.CodeUnavailable, "%s gave no code to type in: %v", hostOf(b.at.issuer), refusalOf(a))
	}
	d, err := readDevice(a.body)
	if err != nil {
		return Begun{}, err
	}
	for _, address := range []string{d.URI, d.Complete} {
		if _, err := w.check(address); err != nil && address != "" {
			return Begun{}, err
		}
	}
	life, ok := readLife(d.Expires)
	if !ok {
		life = loginLife
	}
	life = min(life, loginLife)
	polling, cancel := context.WithTimeout(e.life, life)
	mine := &deviceLogin{cancel}
	e.mu.Lock()
	s := e.of(b.server)
	if s.device != nil {
		s.device.cancel()
	}
	s.device = mine
	e.mu.Unlock()
	ends := e.cfg.Now().Add(life)
	e.waiting(b.server, ends) // before anything can end it
	e.tasks.Go(func() {
		defer cancel()
		err := e.poll(polling, b, base, d)
		if err != nil && e.life.Err() == nil {
			e.cfg.Log.Info("a login by a code did not succeed", "server", b.target.Alias, "err", err)
		}
		e.mu.Lock()
		last := s.device == mine
		if last {
			s.device = nil
		}
		e.mu.Unlock()
		if last {
			e.ended(b.server, codeNotUsed(err))
		}
	})
	shown := d.URI
	if d.Complete != "" {
		shown = d.Complete
	}
	return Begun{URL: shown, UserCode: d.UserCode, ExpiresAt: ends}, nil
}

// codeNotUsed is for people.
func codeNotUsed(err error) error {
	if errors.Is(err, errLoggedOut) {
		return err
	}
	if refusal, ok := errors.AsType[*TokenError](err); ok && refusal.Code == "access_denied" {
		return denied(refusal.Code)
	}
	if err != nil {
		return mcpmux.Errorf(mcpmux.CodeUnavailable, "the login could not be completed: %v", err)
	}
	return nil
}

// device is the answer of a device authorization endpoint (RFC 8628 §3.2).
type device struct {
	Code     string          `json:"device_code"`
	UserCode string          `json:"user_code"`
	URI      string          `json:"verification_uri"`
	Complete string          `json:"verification_uri_complete"`
	Expires  json.RawMessage `json:"expires_in"`
	Interval json.RawMessage `json:"interval"`
}

func readDevice(body []byte) (device, error) {
	var d device
	if json.Unmarshal(body, &d) != nil || d.Code == "" || d.UserCode == "" || len(d.UserCode) > 64 || !visible(d.UserCode) || d.URI == "" {
		return d, mcpmux.Errorf(mcpmux.CodeUnavailable, "the authorization server gave no code that can be typed in")
	}
	return d, nil
}

// pause waits for d, or for the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// poll asks for the tokens until the person has typed the code in.
func (e *Engine) poll(ctx context.Context, b *begun, base tokens, d device) error {
	w, err := e.web(b.target)
	if err != nil {
		return err
	}
	defer w.close()
	every, ok := readLife(d.Interval)
	if !ok {
		every = pollEvery
	}
	wait, logouts := every, e.logouts(b.server)
	for {
		if e.cfg.pause(ctx, wait) != nil {
			return errors.New("nobody typed the code in in time")
		}
		values := url.Values{"grant_type": {deviceGrant}, "device_code": {d.Code}}
		setResource(values, base.Resource)
		g, err := e.token(ctx, w, base.TokenEndpoint, e.party(&base, b.target), values)
		if err == nil {
			return e.admit(ctx, b.server, logouts, g.tokens(base))
		}
		refusal, _ := errors.AsType[*TokenError](err)
		later, _ := errors.AsType[*TemporaryError](err)
		switch {
		case later != nil:
			wait = max(min(2*wait, maxPoll), every, later.RetryAfter)
			continue
		case refusal == nil:
			return err
		case refusal.Code == "slow_down":
			every += slowDown
		case refusal.Code != "authorization_pending":
			return err
		}
		wait = every
	}
}
