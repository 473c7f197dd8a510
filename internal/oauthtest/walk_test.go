package oauthtest

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// walker is a client of plain net/http, as a test of the product would never have it.
type walker struct {
	t      *testing.T
	c      *http.Client
	s      *Server
	id     string
	secret string
	scope  string
}

const redirectURI = "http://127.0.0.1:9/callback"

func newWalker(t *testing.T, s *Server) *walker {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &walker{t: t, s: s, c: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// answer is a response that was read.
type answer struct {
	*http.Response
	raw  []byte
	json map[string]any
}

func (a answer) text(member string) string {
	text, _ := a.json[member].(string)
	return text
}

func (w *walker) do(r *http.Request) answer {
	w.t.Helper()
	response, err := w.c.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	a := answer{Response: response}
	if a.raw, err = io.ReadAll(response.Body); err != nil {
		w.t.Fatal(err)
	}
	_ = json.Unmarshal(a.raw, &a.json) // Not all is JSON.
	return a
}

func (w *walker) request(method, address, kind string, body []byte) *http.Request {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, address, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return r
}

func (w *walker) get(address string) answer {
	w.t.Helper()
	return w.do(w.request(http.MethodGet, address, "", nil))
}

// form posts a form as the client.
func (w *walker) form(address string, pairs ...string) answer {
	w.t.Helper()
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	if w.secret == "" {
		q.Set("client_id", w.id)
	}
	r := w.request(http.MethodPost, address, "application/x-www-form-urlencoded", []byte(q.Encode()))
	if w.secret != "" {
		r.SetBasicAuth(url.QueryEscape(w.id), url.QueryEscape(w.secret))
	}
	return w.do(r)
}

// call calls a tool of the MCP server at path.
func (w *walker) call(path, token, tool string) answer {
	w.t.Helper()
	r := w.request(http.MethodPost, w.s.MCPAt(path), "application/json", []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+tool+`"}}`))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return w.do(r)
}

// register registers a client by RFC 7591.
func (w *walker) register(method string) answer {
	w.t.Helper()
	body := `{"redirect_uris":["http://127.0.0.1/callback"],"application_type":"native","client_name":"walker","token_endpoint_auth_method":"` + method +
		`","grant_types":["authorization_code","refresh_token","urn:ietf:params:oauth:grant-type:device_code"]}`
	a := w.do(w.request(http.MethodPost, w.s.Issuer()+"/register", "application/json", []byte(body)))
	w.id, w.secret = a.text("client_id"), a.text("client_secret")
	return a
}

// authorize opens the authorization endpoint and returns the parameters of the redirect, and the verifier.
func (w *walker) authorize(resource string) (back url.Values, verifier string) {
	w.t.Helper()
	verifier = rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {w.id}, "redirect_uri": {redirectURI}, "state": {"s1"}, "resource": {resource},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	if w.scope != "" {
		q.Set("scope", w.scope)
	}
	location, err := url.Parse(Approve(w.t, w.c, w.s.Issuer()+"/authorize?"+q.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	if got := location.Scheme + "://" + location.Host + location.Path; got != redirectURI {
		w.t.Fatalf("redirected to %s", got)
	}
	return location.Query(), verifier
}

// redeem exchanges a code.
func (w *walker) redeem(code, verifier, resource string) answer {
	w.t.Helper()
	return w.form(w.s.Issuer()+"/token", "grant_type", "authorization_code", "code", code, "code_verifier", verifier, "redirect_uri", redirectURI, "resource", resource)
}

func (w *walker) refresh(token string) answer {
	w.t.Helper()
	return w.form(w.s.Issuer()+"/token", "grant_type", "refresh_token", "refresh_token", token, "resource", w.s.MCP())
}

// login does it all, and answers the tokens.
func (w *walker) login() answer {
	w.t.Helper()
	if w.id == "" {
		w.register(AuthNone)
	}
	back, verifier := w.authorize(w.s.MCP())
	return w.redeem(back.Get("code"), verifier, w.s.MCP())
}

func (w *walker) want(a answer, status int, contains string) {
	w.t.Helper()
	if a.StatusCode != status || !strings.Contains(string(a.raw), contains) {
		w.t.Fatalf("answer %d %s, want %d with %q", a.StatusCode, a.raw, status, contains)
	}
}

func TestServer_CorrectOneIsWalkedThroughEndToEnd(t *testing.T) {
	for _, script := range []Script{
		{Account: "bob"},
		{Account: "bob", Shared: true},
		{Account: "bob", IssuerPath: "/tenant/1", ASMPlace: ASMOIDCAppend, PRMPlace: PRMCustom},
		{Account: "bob", IssuerPath: "/tenant", ASMPlace: ASMOIDC, Host: "localhost"},
	} {
		s := New(t, script)
		w := newWalker(t, s)

		a := w.call("/mcp", "", "whoami")
		w.want(a, 401, "")
		_, prm, ok := strings.Cut(a.Header.Get("Www-Authenticate"), `resource_metadata="`)
		if !ok {
			t.Fatalf("challenge %q", a.Header.Get("Www-Authenticate"))
		}
		a = w.get(strings.TrimSuffix(prm, `"`))
		w.want(a, 200, `"resource":"`+s.MCP()+`"`)
		w.want(a, 200, `"authorization_servers":["`+s.Issuer()+`"]`)
		a = w.get(s.URL() + s.asmPath(&script))
		w.want(a, 200, `"issuer":"`+s.Issuer()+`"`)
		for member, want := range map[string]string{"token_endpoint": "/token", "authorization_endpoint": "/authorize", "registration_endpoint": "/register"} {
			if got := a.text(member); got != s.Issuer()+want {
				t.Errorf("%s is %q", member, got)
			}
		}

		w.want(w.register(AuthNone), 201, "client-1")
		back, verifier := w.authorize(s.MCP())
		if back.Get("state") != "s1" || back.Get("iss") != s.Issuer() {
			t.Errorf("redirected with %v", back)
		}
		a = w.redeem(back.Get("code"), verifier, s.MCP())
		w.want(a, 200, `"token_type":"Bearer"`)
		w.want(w.call("/mcp", a.text("access_token"), "whoami"), 200, `"text":"bob"`)
		a = w.refresh(a.text("refresh_token"))
		w.want(w.call("/mcp", a.text("access_token"), "whoami"), 200, `"text":"bob"`)

		w.want(w.form(s.Issuer()+"/revoke", "token", a.text("refresh_token")), 200, "")
		w.want(w.call("/mcp", a.text("access_token"), "whoami"), 401, "")
		for endpoint, want := range map[string]int{PRM: 1, ASM: 1, Register: 1, Authorize: 1, Token: 2, Revoke: 1, MCP: 4, Other: 0} {
			if got := s.Count(endpoint); got != want {
				t.Errorf("%s had %d requests, want %d", endpoint, got, want)
			}
		}
	}
}
