package oauthtest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// refusal is an error of the token endpoint and those like it (RFC 6749 §5.2).
type refusal struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
	status      int
	basic       bool // the client used HTTP Basic
}

func refuse(code, description string) *refusal {
	return &refusal{Code: code, Description: description, status: http.StatusBadRequest}
}

func (e *refusal) write(w http.ResponseWriter) {
	if e.basic {
		w.Header().Set("Www-Authenticate", `Basic realm="oauthtest"`)
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, e.status, e)
}

// values are the parameters of a request: its form, or its query where it is no POST.
func values(r *http.Request) url.Values {
	if r.Method != http.MethodPost {
		return r.URL.Query()
	}
	if err := r.ParseForm(); err != nil {
		return url.Values{}
	}
	return r.PostForm
}

// once is a parameter that is there more than once, "" none (RFC 6749 §3.1, §3.2). A resource may be.
func once(q url.Values) string {
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if len(q[name]) > 1 && name != "resource" {
			return name
		}
	}
	return ""
}

// token is the token endpoint (OAuth 2.1 §3.2).
func (s *Server) token(w http.ResponseWriter, r *http.Request, as int) {
	script := s.says()
	answer, no := s.exchange(r, as, &script)
	if no != nil {
		no.write(w)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, s.apply(answer, script.Tokens))
}

// exchange gives tokens for what the request has.
func (s *Server) exchange(r *http.Request, as int, script *Script) (map[string]any, *refusal) {
	c, no := s.caller(r, as, script)
	if no != nil {
		return nil, no
	}
	q := values(r)
	kind := q.Get("grant_type")
	redeem, ok := map[string]func(url.Values, *Client, *Script) (*grant, *refusal){
		grantCode: s.redeemCode, grantRefresh: s.redeemRefresh, grantClient: s.redeemClient, grantDevice: s.redeemDevice,
	}[kind]
	if !ok {
		return nil, refuse("unsupported_grant_type", "grant_type "+kind)
	}
	if !c.may(kind) {
		return nil, refuse("unauthorized_client", "not registered for "+kind)
	}
	if no := s.badResource(q, script); no != nil {
		return nil, no
	}
	var (
		g      *grant
		answer map[string]any
	)
	s.note(func() { // Redeeming and giving out are one step.
		if g, no = redeem(q, c, script); no == nil {
			answer = s.issue(g, kind, c, script)
		}
	})
	return answer, no
}

// caller reads a request of a client and who it is from.
func (s *Server) caller(r *http.Request, as int, script *Script) (*Client, *refusal) {
	if r.Method != http.MethodPost {
		no := refuse("invalid_request", "only POST")
		no.status = http.StatusMethodNotAllowed
		return nil, no
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return nil, refuse("invalid_request", "the body must be a form")
	}
	q := values(r)
	if name := once(q); name != "" {
		return nil, refuse("invalid_request", name+" is there twice")
	}
	if len(r.URL.RawQuery) > 0 {
		return nil, refuse("invalid_request", "parameters belong in the body")
	}
	return s.authenticate(r, q, as, script)
}

// redeemCode takes an authorization code (OAuth 2.1 §4.1.3). s.mu is held, as in all the others.
func (s *Server) redeemCode(q url.Values, c *Client, script *Script) (*grant, *refusal) {
	k := s.codes[q.Get("code")]
	switch {
	case k == nil || k.client != c.ID || k.as != c.as:
		return nil, refuse("invalid_grant", "the code is not known")
	case k.used:
		s.endFamily(k.family)
		return nil, refuse("invalid_grant", "the code was used before")
	}
	k.used = true
	switch {
	case time.Now().After(k.expires):
		return nil, refuse("invalid_grant", "the code is too old")
	case q.Get("redirect_uri") != k.redirect:
		return nil, refuse("invalid_grant", "redirect_uri is another")
	case !proves(q.Get("code_verifier"), k.challenge):
		return nil, refuse("invalid_grant", "code_verifier does not fit")
	case another(q, k.resource, script):
		return nil, refuse("invalid_target", "resource is another than that of the authorization")
	}
	s.serial++
	k.family = s.serial
	return &k.grant, nil
}

// another says whether a request names another resource than it did before.
func another(q url.Values, resource string, script *Script) bool {
	return q.Get("resource") != resource && (q.Has("resource") || !script.AnyResource)
}

// proves says whether a verifier fits the challenge (RFC 7636 §4.6).
func proves(verifier, challenge string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

// redeemRefresh takes a refresh token. One that was used before ends its family: it was stolen, or its successor
// was (OAuth 2.1 §4.3.1). A narrower scope is checked, but the new token has the whole one.
func (s *Server) redeemRefresh(q url.Values, c *Client, script *Script) (*grant, *refusal) {
	t := s.tokens[q.Get("refresh_token")]
	switch {
	case t == nil || !t.refresh || t.client != c.ID || t.as != c.as || t.revoked:
		return nil, refuse("invalid_grant", "the refresh token is not known")
	case t.used && (!script.Grace || !t.last):
		s.endFamily(t.family)
		return nil, refuse("invalid_grant", "the refresh token was used before")
	case another(q, t.resource, script):
		return nil, refuse("invalid_target", "resource is another than that of the token")
	}
	g := t.grant
	for one := range strings.FieldsSeq(q.Get("scope")) {
		if !slices.Contains(t.scopes, one) {
			return nil, refuse("invalid_scope", "scope "+one+" was not granted")
		}
	}
	if !script.KeepRefresh {
		s.succeed(t)
	}
	return &g, nil
}

// redeemClient gives a client a token for itself (OAuth 2.1 §4.2).
func (s *Server) redeemClient(q url.Values, c *Client, script *Script) (*grant, *refusal) {
	if c.Secret == "" && c.PublicKey == "" {
		return nil, refuse("unauthorized_client", "the client proves nothing")
	}
	if no := badScope(q.Get("scope"), script); no != nil {
		return nil, no
	}
	s.serial++
	return &grant{client: c.ID, as: c.as, account: c.ID, scopes: granted(q.Get("scope"), script), resource: q.Get("resource"), family: s.serial}, nil
}

// revocation is the revocation endpoint (RFC 7009 §2).
func (s *Server) revocation(w http.ResponseWriter, r *http.Request, as int) {
	script := s.says()
	c, no := s.caller(r, as, &script)
	if no != nil {
		no.write(w)
		return
	}
	s.note(func() {
		t := s.tokens[values(r).Get("token")]
		switch {
		case t == nil || t.client != c.ID || t.as != c.as: // An unknown token is as good as revoked.
		case t.refresh:
			s.endFamily(t.family)
		default:
			t.revoked = true
		}
	})
	w.WriteHeader(http.StatusOK)
}
