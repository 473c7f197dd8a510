package authclient

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"time"

	"golang.org/x/oauth2"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
)

const (
	// loginLife is how long a person has between the press of the button and the browser's coming back.
	loginLife = 10 * time.Minute

	// maxTickets bounds the logins that were begun and whose browser has not come; the oldest makes room.
	maxTickets = 64

	// startPath is where a browser begins.
	startPath = "/login/"
)

// Method is how a person logs in.
type Method string

// The methods: in a browser that reaches this machine; in one that does not, whose last address is pasted; by a
// code that is typed in elsewhere (RFC 8628).
const (
	MethodBrowser Method = "browser"
	MethodPaste   Method = "paste"
	MethodDevice  Method = "device"
)

// Begun is a login that waits for its person.
type Begun struct {
	// URL is where the person goes: our own address for a browser here, else that of the authorization server. It is
	// "" where nobody is needed.
	URL string
	// UserCode is what to type in there, for MethodDevice.
	UserCode  string
	ExpiresAt time.Time
}

// begun is a login whose browser has not come yet.
type begun struct {
	server mcpmux.ServerID
	at     *place
	client client
	scopes []string
	expect time.Time // until when
	target Target
}

// Begin begins a login. A Server that was logged in to maxLogins times within maxLoginsIn and still refuses is not
// logged in to again unless the person insists. Its errors are for people.
func (e *Engine) Begin(ctx context.Context, id mcpmux.ServerID, method Method, insist bool) (Begun, error) {
	b, err := e.begin(ctx, id, method, insist)
	if err == nil && b.URL == "" {
		e.ended(id, nil)
	}
	return b, forPeople(err)
}

func (e *Engine) begin(ctx context.Context, id mcpmux.ServerID, method Method, insist bool) (Begun, error) {
	target, err := e.cfg.Target(ctx, id)
	if err != nil {
		return Begun{}, err
	}
	if target.Own {
		return Begun{}, mcpmux.Errorf(mcpmux.CodeConflict, "the server %s has a header Authorization of its own; take it away before you log in", target.Alias)
	}
	if !insist && e.exhausted(id) && e.stillAsks(id) {
		return Begun{}, mcpmux.Errorf(mcpmux.CodeConflict, "%d logins to %s within an hour did not give it what it asks for; its owner has to say what is wrong, or try once more with `mcpmux server login %[2]s --again`",
			maxLogins, target.Alias)
	}
	w, err := e.web(target)
	if err != nil {
		return Begun{}, err
	}
	defer w.close()
	if target.Login.Grant == mcpmux.GrantClient {
		have, err := e.tokens(ctx, id)
		if err != nil {
			return Begun{}, err
		}
		e.decline(id, target, "") // whoever asks may know better
		return Begun{}, e.fly(ctx, id, func(ctx context.Context) error {
			own, err := e.web(target)
			if err != nil {
				return err
			}
			defer own.close()
			return e.obtain(ctx, own, id, target, have)
		})
	}
	at, err := e.discover(ctx, w, id, target)
	if err != nil || at == nil {
		return Begun{}, err
	}
	if method == "" && target.Login.Grant == mcpmux.GrantDevice {
		method = MethodDevice
	}
	if method != MethodDevice {
		if err := at.meta.requireCode(); err != nil {
			return Begun{}, err
		}
	}
	have, err := e.tokens(ctx, id)
	if err != nil {
		return Begun{}, err
	}
	b := &begun{server: id, at: at, target: target, expect: e.cfg.Now().Add(loginLife)}
	if b.client, err = e.client(ctx, w, id, target, at); err != nil {
		return Begun{}, err
	}
	if have != nil && have.Issuer != at.issuer {
		have = nil
	}
	b.scopes = offline(e.wanted(id, target, at, have), at.meta)
	switch method {
	case MethodDevice:
		return e.beginDevice(ctx, w, b)
	case MethodPaste:
		address, err := e.authorize(ctx, b, "")
		if err != nil {
			return Begun{}, err
		}
		e.waiting(id, b.expect)
		return Begun{URL: address, ExpiresAt: b.expect}, nil
	case MethodBrowser, "":
		e.waiting(id, b.expect)
		return Begun{URL: e.ticket(b), ExpiresAt: b.expect}, nil
	}
	return Begun{}, mcpmux.Errorf(mcpmux.CodeInvalid, "%q is not a way to log in; they are browser, paste and device", string(method))
}

// stillAsks says that the last thing that was heard of the Server is that it wants credentials.
func (e *Engine) stillAsks(id mcpmux.ServerID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.of(id).asked.bearer
}

// loggedIn counts a login.
func (e *Engine) loggedIn(id mcpmux.ServerID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.of(id)
	s.logins, s.refusals = append(s.logins, e.cfg.Now()), nil
	s.asked = challenge{resourceMetadata: s.asked.resourceMetadata, scope: s.asked.scope}
}

// ticket keeps a begun login for its browser and answers our own address for it: an address from outside is never
// given to a program that opens browsers.
func (e *Engine) ticket(b *begun) string {
	ticket := random()
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.cfg.Now()
	for key, old := range e.tickets {
		if !now.Before(old.expect) || old.server == b.server {
			delete(e.tickets, key)
		}
	}
	for len(e.tickets) >= maxTickets {
		first := true
		var key [32]byte
		for k, old := range e.tickets {
			if first || old.expect.Before(e.tickets[key].expect) {
				first, key = false, k
			}
		}
		delete(e.tickets, key)
	}
	e.tickets[sha256.Sum256([]byte(ticket))] = b
	return e.cfg.Origin(redirectHost(b.target.Login)) + startPath + ticket
}

// random is 256 bits as text.
func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// errTicket is the answer to a ticket that is not, or no more, one.
var errTicket = mcpmux.Errorf(mcpmux.CodeNotFound, "this address was used before, or is older than ten minutes; begin the login again")

// Start uses a ticket up: address is where the browser is to be sent, cookie what it must bring back.
func (e *Engine) Start(ctx context.Context, ticket string) (address, cookie string, err error) {
	key := sha256.Sum256([]byte(ticket))
	e.mu.Lock()
	b := e.tickets[key]
	delete(e.tickets, key)
	e.mu.Unlock()
	if b == nil || !e.cfg.Now().Before(b.expect) {
		return "", "", errTicket
	}
	cookie = random()
	address, err = e.authorize(ctx, b, cookie)
	return address, cookie, err
}

// pendingKey is what a pending login is stored under. A login whose address is pasted cannot be ended by a browser,
// nor the other way round.
func pendingKey(state string, pasted bool) string {
	prefix := "browser "
	if pasted {
		prefix = "paste "
	}
	sum := sha256.Sum256([]byte(prefix + state))
	return hex.EncodeToString(sum[:])
}

// authorize stores the pending login and makes the address of the authorization endpoint (OAuth 2.1 §4.1.1, RFC 7636
// §4.3, RFC 8707 §2.1). cookie is "" where the person will paste.
func (e *Engine) authorize(ctx context.Context, b *begun, cookie string) (string, error) {
	p := pending{
		Verifier: oauth2.GenerateVerifier(), Redirect: e.redirect(b.target.Login), Issuer: b.at.issuer, SendsIss: b.at.meta.SendsIss,
		TokenEndpoint: b.at.meta.TokenEndpoint, Revocation: b.at.meta.RevocationEndpoint, Resource: b.at.resource,
		Scopes: b.scopes, Client: b.client,
	}
	if cookie != "" {
		p.Cookie = sha256.Sum256([]byte(cookie))
	}
	body, _ := json.Marshal(p) // texts always marshal
	state := random()
	err := e.cfg.Store.SavePending(ctx, b.server, pendingKey(state, cookie == ""), b.expect, secret.NewValue(string(body)))
	if err != nil {
		return "", err
	}
	cfg := oauth2.Config{
		ClientID: b.client.ID, Scopes: b.scopes, RedirectURL: p.Redirect,
		Endpoint: oauth2.Endpoint{AuthURL: b.at.meta.AuthorizationEndpoint},
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(p.Verifier)}
	if p.Resource != "" {
		options = append(options, oauth2.SetAuthURLParam("resource", p.Resource))
	}
	return cfg.AuthCodeURL(state, options...), nil
}

// The reasons for which a browser that comes back ends no login. None quotes what came with it.
var (
	errCallback = mcpmux.Errorf(mcpmux.CodeInvalid, "this is not the answer to a login: each of its parts must be there once")
	errState    = mcpmux.Errorf(mcpmux.CodeInvalid, "no login waits for this answer: it was used before, or is older than ten minutes, or was begun elsewhere. "+
		"If you began it in a terminal, paste the address of this page there")
	errBrowser = mcpmux.Errorf(mcpmux.CodeDenied, "this login was begun in another browser; begin it again in this one")
	errIssuer  = mcpmux.Errorf(mcpmux.CodeDenied, "the answer does not come from the authorization server that was asked; the login was given up")
)

// Callback ends the login of a browser that came back. It says which Server that was.
func (e *Engine) Callback(ctx context.Context, query url.Values, cookie string) (mcpmux.ServerID, error) {
	return e.finish(ctx, query, false, func(p *pending) error {
		got := sha256.Sum256([]byte(cookie))
		if subtle.ConstantTimeCompare(got[:], p.Cookie[:]) == 0 {
			return errBrowser
		}
		return nil
	})
}

// Paste ends a login by the address that the person's browser, on another machine, was sent to.
func (e *Engine) Paste(ctx context.Context, id mcpmux.ServerID, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.RawQuery == "" {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "this is not the address that the browser was sent to: it begins like %s?code=", e.redirect(mcpmux.LoginConfig{}))
	}
	ended, err := e.finish(ctx, u.Query(), true, func(*pending) error { return nil })
	if err == nil && ended != id {
		return mcpmux.Errorf(mcpmux.CodeConflict, "that was the login of another server; it is logged in now")
	}
	return err
}

// finish takes the pending login up, once, and makes tokens of the code.
func (e *Engine) finish(ctx context.Context, query url.Values, pasted bool, admit func(*pending) error) (mcpmux.ServerID, error) {
	for _, name := range []string{"code", "state", "iss", "error"} {
		if len(query[name]) > 1 {
			return "", errCallback
		}
	}
	if query.Get("state") == "" {
		return "", errCallback
	}
	id, body, found, err := e.cfg.Store.TakePending(ctx, pendingKey(query.Get("state"), pasted), e.cfg.Now())
	if err != nil {
		return "", err
	}
	var p pending
	if !found || json.Unmarshal([]byte(body.Reveal()), &p) != nil {
		return "", errState
	}
	err = admit(&p)
	if err == nil {
		err = e.conclude(ctx, id, &p, query)
	}
	e.ended(id, err)
	return id, err
}

// conclude makes tokens of an answer that belongs to the login p.
func (e *Engine) conclude(ctx context.Context, id mcpmux.ServerID, p *pending, query url.Values) error {
	if err := p.checkIssuer(query); err != nil {
		return err
	}
	if query.Has("error") {
		return denied(query.Get("error"))
	}
	if query.Get("code") == "" {
		return errCallback
	}
	return forPeople(e.exchange(ctx, id, p, query.Get("code")))
}

// checkIssuer is the table of RFC 9207 §2.4 and MCP 2026-07-28 basic/authorization §Authorization Response
// Validation: the issuer is compared byte by byte, and must be there where it was announced.
func (p *pending) checkIssuer(query url.Values) error {
	given := query.Has("iss")
	if given && query.Get("iss") != p.Issuer || !given && p.SendsIss {
		return errIssuer
	}
	return nil
}

// denied says what an error code of RFC 6749 §4.1.2.1 means.
func denied(code string) error {
	if code == "access_denied" {
		return mcpmux.Errorf(mcpmux.CodeDenied, "the login was declined")
	}
	if slices.Contains([]string{"invalid_scope", "invalid_request", "invalid_target", "unauthorized_client", "unsupported_response_type", "server_error", "temporarily_unavailable"}, code) {
		return mcpmux.Errorf(mcpmux.CodeUnavailable, "the authorization server refused the login: %s", code)
	}
	return mcpmux.Errorf(mcpmux.CodeUnavailable, "the authorization server refused the login")
}

// exchange makes tokens of a code (OAuth 2.1 §4.1.3), which are stored before they are used.
func (e *Engine) exchange(ctx context.Context, id mcpmux.ServerID, p *pending, code string) error {
	target, err := e.cfg.Target(ctx, id)
	if err != nil {
		return err
	}
	w, err := e.web(target)
	if err != nil {
		return err
	}
	defer w.close()
	base := tokens{
		LoggedIn: mcpmux.LoggedIn{Issuer: p.Issuer}, TokenEndpoint: p.TokenEndpoint, Revocation: p.Revocation,
		Resource: p.Resource, Requested: p.Scopes, Client: p.Client,
	}
	values := url.Values{
		"grant_type": {string(mcpmux.GrantCode)}, "code": {code}, "redirect_uri": {p.Redirect}, "code_verifier": {p.Verifier},
	}
	setResource(values, p.Resource)
	logouts := e.logouts(id)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewTimeout) // a closed tab does not lose the code
	defer cancel()
	g, err := e.token(ctx, w, p.TokenEndpoint, e.party(&base, target), values)
	if refusal, ok := errors.AsType[*TokenError](err); ok && refusal.Code == "invalid_client" && p.Client.Origin == originDynamic {
		_ = e.cfg.Store.DropRegistration(ctx, id, p.Issuer) // what stays is found out again
	}
	if err != nil {
		return mcpmux.Errorf(mcpmux.CodeUnavailable, "the login could not be completed: %v", err)
	}
	return e.admit(ctx, id, logouts, g.tokens(base))
}
