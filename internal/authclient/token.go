package authclient

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
)

const (
	// minLife and maxLife clamp what an authorization server says of an access token's life.
	minLife = time.Second
	maxLife = 365 * 24 * time.Hour

	// maxClockDifference is how far our clock and an authorization server's may be apart before the log says so.
	maxClockDifference = 5 * time.Minute

	// assertionLife is how long a signed client assertion is good (RFC 7523 §3). Many authorization servers take none
	// of more than five minutes; the rest is room for clocks that differ.
	assertionLife = 3 * time.Minute

	// maxToken bounds one token; it goes into a header of every request.
	maxToken = 32 << 10
)

const form = "application/x-www-form-urlencoded"

// TokenError is an error answer of an authorization server (RFC 6749 §5.2). Of what it said only a code of the
// known form is kept: the rest is text by somebody else.
type TokenError struct{ Code string }

func (e *TokenError) Error() string {
	if e.Code == "" {
		return "the authorization server refused, and did not say why in a form that is known"
	}
	return "the authorization server refused: " + e.Code
}

var codeForm = regexp.MustCompile(`^[a-z][a-z_]{0,39}$`)

// refusalOf reads the code of an error answer.
func refusalOf(a answer) *TokenError {
	var body struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(a.body, &body) != nil || !codeForm.MatchString(body.Error) {
		return &TokenError{}
	}
	return &TokenError{Code: body.Error}
}

// granted is a good answer of a token endpoint (RFC 6749 §5.1).
type granted struct {
	access, refresh string
	scopes          []string // nil where the answer does not say
	at              time.Time
	ends            *time.Time
}

// party is who asks a token endpoint.
type party struct {
	client
	issuer string
	key    secret.Value // for private_key_jwt
}

// ask posts a form to an endpoint of an authorization server as a client. It is sent once.
func (e *Engine) ask(ctx context.Context, w *web, endpoint string, p party, values url.Values) (answer, error) {
	header := http.Header{"Accept": {"application/json"}}
	if err := p.prove(values, header, e.cfg.Now()); err != nil {
		return answer{}, err
	}
	a, err := w.post(ctx, endpoint, form, []byte(values.Encode()), header)
	if err != nil {
		return answer{}, err
	}
	e.compareClocks(endpoint, a.header)
	return a, nil
}

// prove adds what shows who we are. The way is settled before: nothing is tried out with a credential.
func (p party) prove(values url.Values, header http.Header, now time.Time) error {
	switch p.Method {
	case mcpmux.AuthBasic: // RFC 6749 §2.3.1: both are form-encoded first.
		r := http.Request{Header: header}
		r.SetBasicAuth(url.QueryEscape(p.ID), url.QueryEscape(p.Secret))
	case mcpmux.AuthPost:
		values.Set("client_id", p.ID)
		values.Set("client_secret", p.Secret)
	case mcpmux.AuthJWT:
		assertion, err := p.assertion(now)
		if err != nil {
			return err
		}
		values.Set("client_id", p.ID)
		values.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		values.Set("client_assertion", assertion)
	case mcpmux.AuthNone, "":
		values.Set("client_id", p.ID)
	}
	return nil
}

// token asks a token endpoint for tokens.
func (e *Engine) token(ctx context.Context, w *web, endpoint string, p party, values url.Values) (*granted, error) {
	a, err := e.ask(ctx, w, endpoint, p, values)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK && a.status != http.StatusCreated {
		return nil, refusalOf(a)
	}
	return readGranted(a.body, e.cfg.Now())
}

var errNoToken = errors.New("the answer of the authorization server holds no bearer token that can be used")

func readGranted(body []byte, now time.Time) (*granted, error) {
	var t struct {
		Access  string          `json:"access_token"`
		Type    string          `json:"token_type"`
		Refresh string          `json:"refresh_token"`
		Scope   *string         `json:"scope"`
		Expires json.RawMessage `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &t); err != nil {
		return nil, errNoToken
	}
	if t.Type != "" && !strings.EqualFold(t.Type, "bearer") || !visible(t.Access) || t.Access == "" || !visible(t.Refresh) {
		return nil, errNoToken
	}
	g := &granted{access: t.Access, refresh: t.Refresh, at: now.UTC().Truncate(time.Microsecond)}
	if t.Scope != nil {
		g.scopes = strings.Fields(*t.Scope)
	}
	if life, ok := readLife(t.Expires); ok {
		ends := g.at.Add(life)
		g.ends = &ends
	}
	return g, nil
}

// visible says whether a token can stand in a header and in a form (RFC 6749 appendix A.12).
func visible(token string) bool {
	return len(token) <= maxToken && !strings.ContainsFunc(token, func(c rune) bool { return c < ' ' || c >= 0x7f })
}

// readLife is expires_in in seconds. Some servers send it as text; what is no number says nothing, and the token
// is used until it is refused.
func readLife(raw json.RawMessage) (time.Duration, bool) {
	seconds, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
	if err != nil || math.IsNaN(seconds) {
		return 0, false
	}
	seconds = min(max(seconds, minLife.Seconds()), maxLife.Seconds())
	return time.Duration(seconds * float64(time.Second)), true
}

// compareClocks tells of a clock that is wrong: signed assertions, and whoever reads the log, suffer from it.
func (e *Engine) compareClocks(endpoint string, h http.Header) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	if d := e.cfg.Now().Sub(date); d.Abs() > maxClockDifference {
		host := ""
		if u, err := url.Parse(endpoint); err == nil {
			host = u.Host
		}
		e.cfg.Log.Warn("this machine's clock differs from that of an authorization server", "host", host, "difference", d.Round(time.Second))
	}
}

// tokensOf is what is kept of an answer: scopes not told are those asked for (RFC 6749 §5.1).
func (g *granted) tokens(base tokens) *tokens {
	t := base
	t.Access, t.Refresh = g.access, g.refresh
	if t.Scopes = g.scopes; t.Scopes == nil {
		t.Scopes = base.Requested
	}
	t.ObtainedAt, t.ExpiresAt, t.Renewable = g.at, g.ends, g.refresh != ""
	return &t
}

// refresh uses the refresh token, once (RFC 6749 §6), for the same resource (RFC 8707 §2.2), and stores what came
// of it before anybody uses it.
func (e *Engine) refresh(ctx context.Context, w *web, id mcpmux.ServerID, target Target, have *tokens) error {
	if err := e.mayTry(id); err != nil {
		return err
	}
	values := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {have.Refresh}}
	setResource(values, have.Resource)
	g, err := e.token(ctx, w, have.TokenEndpoint, e.party(have, target), values)
	if err != nil {
		return e.notRenewed(ctx, id, have, err)
	}
	next := g.tokens(*have)
	if next.Refresh == "" {
		next.Refresh, next.Renewable = have.Refresh, true // RFC 6749 §6: the old one stays.
	}
	if g.scopes == nil {
		next.Scopes = have.Scopes
	}
	return e.keep(ctx, id, next)
}

// setResource names the resource, where there is one to name: before 2025-06-18 there was none.
func setResource(values url.Values, resource string) {
	if resource != "" {
		values.Set("resource", resource)
	}
}

// party is who renews tokens. A client that the user set up is what the user says it is now.
func (e *Engine) party(have *tokens, target Target) party {
	p := party{client: have.Client, issuer: have.Issuer, key: target.Key}
	if p.Origin == originHand {
		p.Secret = target.Secret.Reveal()
	}
	return p
}

// notRenewed decides what a failed renewal means: for a while, or until a person logs in.
func (e *Engine) notRenewed(ctx context.Context, id mcpmux.ServerID, have *tokens, err error) error {
	if later, ok := errors.AsType[*TemporaryError](err); ok {
		e.postpone(id, later.RetryAfter)
		return err
	}
	reason := "the login could not be renewed (" + err.Error() + "); log in again"
	if e, ok := errors.AsType[*TokenError](err); ok {
		switch e.Code {
		case "invalid_grant":
			reason = "the login has ended: the authorization server does not renew it; log in again"
		case "invalid_client", "unauthorized_client":
			reason = "the authorization server does not know McpMux any more; log in again"
		}
	}
	if refusal, ok := errors.AsType[*TokenError](err); ok && refusal.Code == "invalid_client" && have.Client.Origin == originDynamic {
		if err := e.cfg.Store.DropRegistration(ctx, id, have.Issuer); err != nil {
			e.cfg.Log.Warn("a registration was not forgotten", "server", id, "err", err)
		}
	}
	e.lose(ctx, id, reason)
	return &NeedsLogin{Reason: reason}
}

// obtain gets tokens by client credentials (RFC 6749 §4.4), for the scopes that there were and that are asked for.
func (e *Engine) obtain(ctx context.Context, w *web, id mcpmux.ServerID, target Target, have *tokens) error {
	if err := e.mayTry(id); err != nil {
		return err
	}
	if reason := e.declined(id, target); reason != "" {
		return &NeedsLogin{Reason: reason}
	}
	at, err := e.discover(ctx, w, id, target)
	if err != nil {
		return refused(err)
	}
	if at == nil {
		return &NeedsLogin{Reason: "the server does not say where to get a token"}
	}
	if have != nil && have.Issuer != at.issuer {
		have = nil
	}
	c, err := e.byHand(ctx, id, target, at)
	if err != nil {
		return err
	}
	base := at.tokens(c)
	base.Requested = e.wanted(id, target, at, have)
	values := url.Values{"grant_type": {"client_credentials"}}
	setScopes(values, base.Requested)
	setResource(values, base.Resource)
	g, err := e.token(ctx, w, base.TokenEndpoint, e.party(&base, target), values)
	if later, ok := errors.AsType[*TemporaryError](err); ok {
		e.postpone(id, later.RetryAfter)
		return err
	}
	if err != nil {
		reason := "no token for these client credentials: " + err.Error()
		e.decline(id, target, reason)
		return &NeedsLogin{Reason: reason}
	}
	next := g.tokens(base)
	next.Renewable = true // by asking again
	return e.keep(ctx, id, next)
}

// declinedCredentials are client credentials for which there was no token. They are not sent again with every call
// that a Server refuses.
type declinedCredentials struct {
	digest [32]byte
	until  time.Time
	reason string
}

func digestOfClient(t Target) [32]byte {
	text, _ := json.Marshal([]any{t.URL, t.Login, t.Secret.Reveal(), t.Key.Reveal()}) // texts always marshal
	return sha256.Sum256(text)
}

// declined is why there was no token a short while ago for the credentials that a Server has; "" where there may be
// one.
func (e *Engine) declined(id mcpmux.ServerID, t Target) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	d := e.of(id).declined
	if d.digest != digestOfClient(t) || !e.cfg.Now().Before(d.until) {
		return ""
	}
	return d.reason
}

func (e *Engine) decline(id mcpmux.ServerID, t Target, reason string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.of(id).declined = declinedCredentials{digestOfClient(t), e.cfg.Now().Add(lastPause), reason}
}

func setScopes(values url.Values, scopes []string) {
	if len(scopes) > 0 {
		values.Set("scope", strings.Join(scopes, " "))
	}
}

// union is all scopes of both lists, sorted.
func union(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) == 0 {
		return nil
	}
	return all
}

var errPrivateKey = mcpmux.Errorf(mcpmux.CodeInvalid, "the private key of this server's login is not a PEM file of an EC P-256 or an RSA key")

// assertion is a JWT that only the owner of the private key can make (RFC 7523 §3). Its audience is the issuer.
func (p party) assertion(now time.Time) (string, error) {
	key, alg, err := readPrivateKey(p.key.Reveal())
	if err != nil {
		return "", err
	}
	var jti [16]byte
	_, _ = rand.Read(jti[:]) // never fails (crypto/rand)
	header, _ := json.Marshal(map[string]string{"alg": alg, "typ": "JWT"})
	claims, _ := json.Marshal(map[string]any{ // both are texts and numbers, which always marshal
		"iss": p.ID, "sub": p.ID, "aud": p.issuer, "jti": base64.RawURLEncoding.EncodeToString(jti[:]),
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	text := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := sign(key, sum[:])
	if err != nil {
		return "", errPrivateKey
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// readPrivateKey reads a key in PKCS #8, SEC 1 or PKCS #1, and says what it signs with (RFC 7518 §3.1).
func readPrivateKey(text string) (crypto.Signer, string, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, "", errPrivateKey
	}
	var key any
	var err error
	switch block.Type {
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, "", errPrivateKey
	}
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P256() {
			return k, "ES256", nil
		}
	case *rsa.PrivateKey:
		return k, "RS256", nil
	}
	return nil, "", errPrivateKey
}

// sign signs a sha256. A signature by ECDSA is both numbers side by side (RFC 7518 §3.4).
func sign(key crypto.Signer, sum []byte) ([]byte, error) {
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return key.Sign(rand.Reader, sum, crypto.SHA256)
	}
	r, s, err := ecdsa.Sign(rand.Reader, ec, sum)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out, nil
}
