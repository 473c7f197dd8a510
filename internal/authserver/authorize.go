package authserver

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/guard"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/page"
	"github.com/mcpmux/mcpmux/internal/store"
)

// serveAuthorize is the authorization endpoint (OAuth 2.1 draft §4.1.1). Until it is certain where the application
// may be answered, what is wrong is a page for the user and nothing is sent anywhere.
func (s *Server) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet { // HEAD, by which programs look at an address before a person does
		w.Header().Set("Allow", http.MethodGet)
		refuse(w, http.StatusMethodNotAllowed, "The address is for browsers to open.")
		return
	}
	if name, other := s.cfg.OtherUser(r); other {
		s.audit("auth/authorize", "denied", "user "+name+" of this machine", "", "")
		page.Write(w, http.StatusForbidden, "This is somebody else's McpMux", "It belongs to another user of this machine. Use your own.")
		return
	}
	if !shown(r) {
		refuse(w, http.StatusForbidden, "Applications open this address as a page of its own, not inside of another.")
		return
	}
	q, problem := readQuery(r.URL.RawQuery)
	if problem != "" {
		refuse(w, http.StatusBadRequest, problem)
		return
	}
	if ok, after := s.authorizing.Allow(s.who(r, q["client_id"])); !ok {
		s.audit("auth/authorize", "denied", "peer "+guard.Peer(r), "too many requests", "")
		w.Header().Set("Retry-After", strconv.Itoa(int(after.Seconds())+1))
		refuse(w, http.StatusTooManyRequests, "The application asks too often. Wait a minute.")
		return
	}
	req, problem := s.addressee(r, q)
	if problem != "" {
		s.audit("auth/authorize", "denied", "peer "+guard.Peer(r), problem, "")
		refuse(w, http.StatusBadRequest, problem)
		return
	}
	if code, description := s.wish(req, q); code != "" {
		s.audit("auth/authorize", "denied", "client "+req.Registration.Name, description, "")
		s.leave(w, s.answerTo(req, map[string]string{"error": code, "error_description": description}))
		return
	}
	if err := s.lookUp(r.Context(), &req.Request); err != nil {
		s.cfg.Log.Error("a request to approve was not kept", "err", err)
		s.leave(w, s.answerTo(req, map[string]string{"error": "server_error"}))
		return
	}
	cookie := s.requests.add(req)
	hostname := (&url.URL{Host: r.Host}).Hostname()
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: see the login of the dashboard; Lax, since applications open the address from elsewhere.
		Name: cookieName(req.ID), Value: cookie, Path: "/", MaxAge: int((requestLife + codeLife).Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(s.issuer(), "https:"),
	})
	s.leave(w, s.cfg.ConsentURL(hostname, req.ID))
}

// shown says whether the user sees the page that they are sent to. A page of others can make a browser load an address
// as a picture or in a frame, too, and each would begin a request (W3C Fetch Metadata §2); and a browser may load ahead
// what nobody opens (Sec-Purpose). Programs that are no browser do not say what they load it for.
func shown(r *http.Request) bool {
	if strings.HasPrefix(r.Header.Get("Sec-Purpose"), "prefetch") {
		return false
	}
	return r.Header.Get("Sec-Fetch-Site") == "" || r.Header.Get("Sec-Fetch-Dest") == "document"
}

// refuse tells the user that an application asked wrongly.
func refuse(w http.ResponseWriter, status int, problem string) {
	page.Write(w, status, "McpMux does not know what this application wants", problem)
}

func (s *Server) leave(w http.ResponseWriter, location string) {
	page.Headers(w.Header())
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusFound)
}

// readQuery reads parameters of which each is there once (OAuth 2.1 draft §3.1).
func readQuery(raw string) (q map[string]string, problem string) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, "The address that the application opened is not well-formed."
	}
	q = make(map[string]string, len(values))
	for name, all := range values {
		if len(all) > 1 {
			return nil, "The address that the application opened has the parameter " + strconv.Quote(cut(name)) + " more than once."
		}
		q[name] = all[0]
	}
	return q, ""
}

// addressee finds who asks and where the answer goes; a problem is told to the user.
func (s *Server) addressee(r *http.Request, q map[string]string) (*request, string) {
	if q["client_id"] == "" {
		return nil, "The address that the application opened has no client_id."
	}
	reg, err := s.registration(r, q["client_id"])
	if errors.Is(err, errUnknownClient) {
		return nil, "The application uses an id that was not given out here (invalid_client). Remove McpMux from it, with the login that it keeps, and add it again."
	}
	if err != nil {
		return nil, "The application is not known here (invalid_client): " + err.Error() + "."
	}
	to, given := q["redirect_uri"]
	switch {
	case given:
		if !slices.ContainsFunc(reg.RedirectURIs, func(known string) bool { return matchRedirect(known, to) }) {
			return nil, "The application wants the answer sent to an address that it did not register."
		}
	case len(reg.RedirectURIs) == 1:
		to = reg.RedirectURIs[0]
	default:
		return nil, "The application does not say where the answer is to be sent (redirect_uri)."
	}
	req := &request{Request: Request{Registration: reg, RedirectURI: to, RedirectHost: redirectHost(to)}, state: q["state"]}
	if port, ok := loopbackPort(to); ok {
		req.Loopback = true
		name, foreign := s.cfg.Listening(port)
		if foreign {
			return nil, "The answer would go to a program of another user of this machine."
		}
		req.Listener = name
	}
	return req, ""
}

// wish reads what is asked for. What is wrong is told to the application: code is that of RFC 6749 §4.1.2.1 or
// RFC 8707 §2.
func (s *Server) wish(req *request, q map[string]string) (code, description string) {
	switch {
	case q["response_type"] == "":
		return "invalid_request", "response_type is missing"
	case q["response_type"] != "code":
		return "unsupported_response_type", "the only response_type is code"
	case q["response_mode"] != "" && q["response_mode"] != "query":
		return "invalid_request", "the only response_mode is query"
	case q["code_challenge"] == "":
		return "invalid_request", "code_challenge is missing: PKCE is needed (RFC 7636)"
	case q["code_challenge_method"] != "S256":
		return "invalid_request", "the only code_challenge_method is S256"
	case !isChallenge(q["code_challenge"]):
		return "invalid_request", "code_challenge is not the base64url form of a SHA-256"
	case q["request"] != "":
		return "request_not_supported", "request objects are not read"
	case q["request_uri"] != "":
		return "request_uri_not_supported", "request objects are not read"
	}
	alias, ok := s.aliasOfResource(q["resource"])
	if !ok {
		return "invalid_target", "the resource is not an endpoint of this McpMux"
	}
	scopes, ok := readScopes(q["scope"])
	if !ok {
		return "invalid_scope", "the scopes are " + scopeMCP + " and " + scopeOffline
	}
	req.challenge, req.Alias, req.Scopes, req.Resource = q["code_challenge"], alias, scopes, s.issuer()+pathOfAlias(alias)
	return "", ""
}

func pathOfAlias(alias string) string {
	if alias == "" {
		return "/mcp"
	}
	return "/mcp/s/" + alias
}

// isChallenge says whether a text is what S256 makes (RFC 7636 §4.2).
func isChallenge(text string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(b) == 32
}

// readScopes reads a scope parameter (RFC 6749 §3.3); none stands for what calling the gateway needs.
func readScopes(text string) (scopes []string, ok bool) {
	for s := range strings.FieldsSeq(text) {
		if s != scopeMCP && s != scopeOffline {
			return nil, false
		}
		if !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}
	if len(scopes) == 0 {
		scopes = []string{scopeMCP}
	}
	slices.Sort(scopes)
	return scopes, true
}

// lookUp finds what is known of the application now.
func (s *Server) lookUp(ctx context.Context, req *Request) (err error) {
	req.Agreed, req.AgreedUntil = false, nil
	if req.Client, err = s.cfg.Store.Approved(ctx, req.Registration.ID); err != nil || req.Client == "" {
		return err
	}
	req.Agreed, req.AgreedUntil, err = s.cfg.Store.Consented(ctx, wishOf(req))
	return err
}

func wishOf(req *Request) store.Wish {
	return store.Wish{Registration: req.Registration.ID, RedirectHost: req.RedirectHost, Alias: req.Alias, Scopes: req.Scopes}
}

// answerTo is the address of the client with an answer to its request: with its state, and with who we are
// (RFC 9207 §2).
func (s *Server) answerTo(req *request, answer map[string]string) string {
	params := url.Values{"iss": {s.issuer()}}
	if req.state != "" {
		params.Set("state", req.state)
	}
	for name, value := range answer {
		params.Set(name, value)
	}
	return withParams(req.RedirectURI, params)
}

// Approval is what the user decided on.
type Approval struct {
	// New is what the application becomes where it is no Client yet; an empty Name is the application's own.
	New store.NewClient
	// Until is when it has to ask again; nil: when that is taken back.
	Until *time.Time
	// By is who decided, for the record.
	By string
}

// Approve lets an application in: it is a Client from then on, and its browser gets a code.
func (s *Server) Approve(ctx context.Context, id string, a Approval) (mcpmux.ClientID, error) {
	r, err := s.requests.decide(id)
	if err != nil {
		return "", err
	}
	outcome := func(*request) {} // It waits on where the consent could not be kept.
	defer func() { s.requests.done(r, outcome) }()
	if a.New.Name == "" {
		a.New.Name = r.Registration.Name
	}
	a.New.Approved = true
	client, rev, err := s.cfg.Store.SaveConsent(ctx, store.Consent{Wish: wishOf(&r.Request), About: r.Registration, New: a.New, Until: a.Until})
	if err != nil {
		return "", err
	}
	outcome = func(r *request) { r.State, r.Client, r.until = RequestApproved, client, a.Until }
	s.audit("auth/consent", "ok", a.By, describe(r), client)
	if err := s.cfg.Applied(ctx, rev); err != nil {
		s.cfg.Log.Warn("an approval is not in effect yet", "err", err)
	}
	return client, nil
}

// Deny tells the application no.
func (s *Server) Deny(id, by string) error {
	r, err := s.requests.decide(id)
	if err != nil {
		return err
	}
	s.audit("auth/consent", "denied", by, describe(r), r.Client)
	s.requests.done(r, func(r *request) { r.State = RequestDenied })
	return nil
}
