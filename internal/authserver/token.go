package authserver

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/guard"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

// The grants there are.
const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
)

const (
	codeLife    = time.Minute
	accessLife  = time.Hour
	refreshLife = 30 * 24 * time.Hour
	// wholeLife is when an application has to ask again however often it came.
	wholeLife = 180 * 24 * time.Hour

	// codeMemory is how long a used code is known, so that its second use is found out.
	codeMemory = 10 * time.Minute

	// maxForm bounds a request for tokens, in bytes.
	maxForm = 64 << 10
)

// verifierForm is a code verifier (RFC 7636 §4.1).
var verifierForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// codes are those that were given and can be exchanged, once, and those that were.
type codes struct {
	now func() time.Time

	// mu guards the following.
	mu     sync.Mutex
	byHash map[[32]byte]*code
}

type code struct {
	request *request
	expires time.Time
	used    bool
	// again says that it was used a second time, authorization what it was exchanged for, once it was.
	again         bool
	authorization mcpmux.KeyID
}

func newCodes(now func() time.Time) *codes {
	return &codes{now: now, byHash: map[[32]byte]*code{}}
}

// make gives a code for an approved request.
func (c *codes) make(r *request) (string, *code) {
	text, hash := newSecret(codePrefix)
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for h, old := range c.byHash {
		if now.Sub(old.expires) > codeMemory {
			delete(c.byHash, h)
		}
	}
	k := &code{request: r, expires: now.Add(codeLife)}
	c.byHash[hash] = k
	return text, k
}

// spent says whether a code was used, right or wrong.
func (c *codes) spent(k *code) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return k.used
}

// take uses a code up, right or wrong: it is answered once. again is the Authorization that it was exchanged for
// before, if it was.
func (c *codes) take(text string) (found *code, again mcpmux.KeyID) {
	if !isSecret(codePrefix, text) {
		return nil, ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.byHash[sha256.Sum256([]byte(text))]
	switch {
	case k == nil:
		return nil, ""
	case k.used:
		k.again = true
		return nil, k.authorization
	}
	k.used = true
	if !c.now().Before(k.expires) {
		return nil, ""
	}
	return k, ""
}

// exchanged keeps what a code was exchanged for. again says that it was used a second time meanwhile.
func (c *codes) exchanged(k *code, id mcpmux.KeyID) (again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k.authorization = id
	return k.again
}

// fail answers with an error of RFC 6749 §5.2 or RFC 7591 §3.2.2.
func fail(w http.ResponseWriter, status int, code, description string) {
	writeJSON(w, status, map[string]string{"error": code, "error_description": description})
}

// form reads the body of a request for tokens: each parameter once, and who sends it.
func (s *Server) form(w http.ResponseWriter, r *http.Request) (form map[string]string, ok bool) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
		fail(w, http.StatusUnsupportedMediaType, "invalid_request", "this takes a form: send Content-Type: application/x-www-form-urlencoded")
		return nil, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		fail(w, statusOfRead(err), "invalid_request", "the form could not be read")
		return nil, false
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		fail(w, http.StatusBadRequest, "invalid_request", "the form is not well-formed")
		return nil, false
	}
	form = make(map[string]string, len(values))
	for name, all := range values {
		if len(all) > 1 {
			fail(w, http.StatusBadRequest, "invalid_request", "a parameter is there more than once: "+strconv.Quote(cut(name)))
			return nil, false
		}
		form[name] = all[0]
	}
	// A public client has no secret; some send their id as a user name all the same (RFC 6749 §2.3.1).
	if user, _, basic := r.BasicAuth(); basic && form["client_id"] == "" {
		if id, err := url.QueryUnescape(user); err == nil {
			form["client_id"] = id
		}
	}
	id := form["client_id"]
	if _, known := s.ids.read(id); !known && !isDocument(id) {
		if _, _, basic := r.BasicAuth(); basic {
			w.Header().Set("WWW-Authenticate", `Basic realm="McpMux"`)
		}
		fail(w, http.StatusUnauthorized, "invalid_client", "this client_id was not given out here; register anew")
		return nil, false
	}
	if ok, after := s.tokens.Allow(s.who(r, id)); !ok {
		s.audit("auth/token", "denied", "peer "+guard.Peer(r), "too many requests", "")
		guard.TooMany(w, after, "too many requests for tokens; try again later")
		return nil, false
	}
	return form, true
}

// granted is the answer of RFC 6749 §5.1.
type granted struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int64  `json:"expires_in"`
	Refresh string `json:"refresh_token"`
	Scope   string `json:"scope"`
}

// serveToken is the token endpoint (OAuth 2.1 draft §3.2).
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) {
	form, ok := s.form(w, r)
	if !ok {
		return
	}
	switch form["grant_type"] {
	case grantCode:
		s.exchange(w, r, form)
	case grantRefresh:
		s.refresh(w, r, form)
	case "":
		fail(w, http.StatusBadRequest, "invalid_request", "grant_type is missing")
	default:
		fail(w, http.StatusBadRequest, "unsupported_grant_type", "the grants are authorization_code and refresh_token")
	}
}

// exchange gives tokens for a code. Whatever is wrong with it, it is not good a second time.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request, form map[string]string) {
	ctx := r.Context()
	k, again := s.codes.take(form["code"])
	if again != "" {
		_ = s.endReused(r, again, "", "a code") // logged; the code is refused in any case
	}
	if k == nil {
		s.audit("auth/token", "denied", "peer "+guard.Peer(r), "a code that is not good", "")
		fail(w, http.StatusBadRequest, "invalid_grant", "the code is not good: it was used, is older than a minute, or was never given")
		return
	}
	req := k.request
	code, description := checkExchange(req, form)
	if alias, ok := s.aliasOfResource(form["resource"]); code == "" && form["resource"] != "" && (!ok || alias != req.Alias) {
		code, description = "invalid_target", "the resource is not the one that the code was asked for"
	}
	if code != "" {
		s.audit("auth/token", "denied", "client "+req.Registration.Name, description, req.Client)
		fail(w, http.StatusBadRequest, code, description)
		return
	}
	now := s.cfg.Now()
	a := mcpmux.Authorization{
		Client: req.Client, Registration: req.Registration.ID, RedirectHost: req.RedirectHost, Alias: req.Alias, Scopes: req.Scopes,
		ExpiresAt: now.Add(wholeLife),
	}
	if req.until != nil && req.until.Before(a.ExpiresAt) {
		a.ExpiresAt = *req.until
	}
	g, pair := grant(now, a, req.Scopes)
	a, rev, err := s.cfg.Store.CreateAuthorization(ctx, a, pair)
	if code := mcpmux.CodeOf(err); err != nil && (code == mcpmux.CodeNotFound || code == mcpmux.CodeDenied) {
		fail(w, http.StatusBadRequest, "invalid_grant", "the user has taken the approval back")
		return
	}
	if s.codes.exchanged(k, a.ID) && err == nil {
		_ = s.endReused(r, a.ID, req.Client, "a code") // logged; the code is refused in any case
		fail(w, http.StatusBadRequest, "invalid_grant", "the code was used twice at once")
		return
	}
	if !s.settle(ctx, rev, err) {
		fail(w, http.StatusInternalServerError, "server_error", "the tokens could not be kept; ask for another code")
		return
	}
	s.audit("auth/token", "ok", "client "+req.Registration.Name, "to "+req.RedirectHost, req.Client)
	writeBody(w, http.StatusOK, g)
}

// endReused ends an Authorization of which somebody showed what had been used up. Who did so does not stop it by going
// away.
func (s *Server) endReused(r *http.Request, id mcpmux.KeyID, client mcpmux.ClientID, what string) error {
	ctx := context.WithoutCancel(r.Context())
	rev, err := s.cfg.Store.EndAuthorization(ctx, id)
	s.settle(ctx, rev, err)
	s.audit("auth/reuse", "denied", "peer "+guard.Peer(r), what+" was used again; everything of that login was ended", client)
	return err
}

// checkExchange says what is wrong with a form that has a good code.
func checkExchange(req *request, form map[string]string) (code, description string) {
	verifier := form["code_verifier"]
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	switch to, given := form["redirect_uri"]; {
	case form["client_id"] != req.Registration.ID:
		return "invalid_grant", "the code was given to another client"
	case given && to != req.RedirectURI:
		return "invalid_grant", "redirect_uri is not the one that the code was sent to"
	case !verifierForm.MatchString(verifier) || subtle.ConstantTimeCompare([]byte(challenge), []byte(req.challenge)) == 0:
		return "invalid_grant", "code_verifier does not belong to the code"
	}
	return "", ""
}

// grant makes a pair of tokens, and the answer that tells it.
func grant(now time.Time, a mcpmux.Authorization, scopes []string) (answer []byte, pair store.TokenPair) {
	access, accessHash := newSecret(accessPrefix)
	refresh, refreshHash := newSecret(refreshPrefix)
	pair = store.TokenPair{
		Access:  store.NewToken{Hash: accessHash, Scopes: scopes, Expires: earlier(now.Add(accessLife), a.ExpiresAt)},
		Refresh: store.NewToken{Hash: refreshHash, Scopes: a.Scopes, Expires: earlier(now.Add(refreshLife), a.ExpiresAt)},
	}
	answer, _ = json.Marshal(granted{ //nolint:gosec // G117: the answer that the tokens are for; texts always marshal
		Access: access, Type: "Bearer", Expires: int64(pair.Access.Expires.Sub(now) / time.Second), Refresh: refresh, Scope: strings.Join(scopes, " "),
	})
	return append(answer, '\n'), pair
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// serveRevoke is RFC 7009: a refresh token goes with everything of its login, an access token alone. What is not
// known is gone already.
func (s *Server) serveRevoke(w http.ResponseWriter, r *http.Request) {
	form, ok := s.form(w, r)
	if !ok {
		return
	}
	token := form["token"]
	if token == "" {
		fail(w, http.StatusBadRequest, "invalid_request", "token is missing")
		return
	}
	ctx := r.Context()
	hash := sha256.Sum256([]byte(token))
	id, access, err := s.cfg.Store.AuthorizationOfToken(ctx, hash, form["client_id"])
	var rev int64
	if err == nil && id != "" {
		if access {
			rev, err = s.cfg.Store.EndToken(ctx, hash)
		} else {
			rev, err = s.cfg.Store.EndAuthorization(ctx, id)
		}
		if err == nil {
			err = s.cfg.Applied(ctx, rev) // What is answered as revoked is so for everything that runs.
		}
		s.audit("auth/revoke", outcome(err), "peer "+guard.Peer(r), "by the application", "")
	}
	if err != nil {
		s.cfg.Log.Error("a token was not revoked", "err", err)
		fail(w, http.StatusServiceUnavailable, "server_error", "the token could not be revoked now; try again")
		return
	}
	writeJSON(w, http.StatusOK, struct{}{})
}

func outcome(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}

// narrower says whether scopes are among those given.
func narrower(scopes, given []string) bool {
	return !slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(given, s) })
}
