package oauthtest

import (
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// code is an authorization code.
type code struct {
	grant
	redirect, challenge string
	expires             time.Time
	used                bool
}

// codeLife is how long a code waits to be redeemed. RFC 6749 §4.1.2 recommends at most ten minutes.
const codeLife = time.Minute

// s256 is what a challenge of S256 looks like (RFC 7636 §4.2): 32 bytes in base64url.
var s256 = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// authorize is the authorization endpoint (OAuth 2.1 §4.1.1), at which everybody agrees to everything at once.
//
//  1. the client and where it is redirected to must be known, or there is a page instead;
//  2. what is wrong with the rest goes there as an error;
//  3. else a code does.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request, as int) {
	script, q := s.says(), values(r)
	c := s.client(q.Get("client_id"), as)
	redirect := q.Get("redirect_uri")
	if once(q) != "" || c == nil || !c.redirects(redirect) {
		page(w, http.StatusBadRequest, "The client or where it wants to be redirected to is not known.")
		return
	}
	back := url.Values{"iss": {s.issuerOf(as)}}
	if state, ok := q["state"]; ok {
		back["state"] = state
	}
	if no := s.unauthorizable(q, c, &script); no != nil {
		back.Set("error", no.Code)
		back.Set("error_description", no.Description)
	} else {
		g := grant{client: c.ID, as: as, account: script.account(), scopes: granted(q.Get("scope"), &script), resource: q.Get("resource")}
		back.Set("code", s.keepCode(g, redirect, q.Get("code_challenge")))
	}
	if s.asm(as)["authorization_response_iss_parameter_supported"] != true {
		back.Del("iss")
	}
	s.redirect(w, redirect, back, &script)
}

// unauthorizable says what is wrong with an authorization request of a known client, nil nothing.
func (s *Server) unauthorizable(q url.Values, c *Client, script *Script) *refusal {
	switch {
	case script.Deny != "":
		return refuse(script.Deny, "the script says so")
	case !c.may(grantCode):
		return refuse("unauthorized_client", "not registered for authorization_code")
	case q.Get("response_type") != "code":
		return refuse("unsupported_response_type", "only code")
	case q.Get("code_challenge_method") != "S256" || !s256.MatchString(q.Get("code_challenge")):
		return refuse("invalid_request", "a code_challenge of S256 is required")
	}
	if no := s.badResource(q, script); no != nil {
		return no
	}
	return badScope(q.Get("scope"), script)
}

// badResource says what is wrong with the parameter resource (RFC 8707 §2), nil nothing.
func (s *Server) badResource(q url.Values, script *Script) *refusal {
	all := q["resource"]
	switch {
	case script.AnyResource && len(all) == 0:
		return nil
	case len(all) != 1:
		return refuse("invalid_target", "exactly one resource is required")
	case !s.knownResource(all[0], script):
		return refuse("invalid_target", "resource "+all[0]+" is not known")
	}
	return nil
}

// badScope says what is wrong with a scope, nil nothing.
func badScope(scope string, script *Script) *refusal {
	for one := range strings.FieldsSeq(scope) {
		if script.Scopes != nil && !slices.Contains(script.Scopes, one) {
			return refuse("invalid_scope", "scope "+one+" is not known")
		}
	}
	return nil
}

// granted are the scopes that a token gets.
func granted(asked string, script *Script) []string {
	if script.Granted != "" {
		asked = script.Granted
	}
	return strings.Fields(asked)
}

// keepCode makes a code.
func (s *Server) keepCode(g grant, redirect, challenge string) string {
	var value string
	s.note(func() {
		value = s.secret("co")
		s.codes[value] = &code{grant: g, redirect: redirect, challenge: challenge, expires: time.Now().Add(codeLife)}
	})
	return value
}

// redirect sends the person back, with what the Script changes.
func (s *Server) redirect(w http.ResponseWriter, address string, back url.Values, script *Script) {
	for name, list := range script.Callback {
		back.Del(name)
		for _, value := range list {
			back.Add(name, s.expand(value))
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		page(w, http.StatusBadRequest, "The redirect address is none.")
		return
	}
	q := u.Query()
	maps.Copy(q, back)
	u.RawQuery = q.Encode()
	w.Header().Set("Location", u.String())
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusFound)
}

func page(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte("<!doctype html><p>" + html.EscapeString(text))) // The browser has gone.
}
