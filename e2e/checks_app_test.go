package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// app is an AI application that logs in by hand, with the browser of its user: it says what a test wants it to say.
type app struct {
	t *testing.T
	d *Daemon
	// browser is the user's, and keeps its cookies.
	browser *http.Client
	// client is the application's own.
	client             *http.Client
	id, name, redirect string
	verifier, state    string
}

// tokens are what an application is given.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Scope   string
}

const callback = "http://127.0.0.1:33333/callback"

// newApp registers an application whose user has a browser of their own. redirects are where it may be answered; none
// is one on this machine.
func (d *Daemon) newApp(name string, redirects ...string) *app {
	d.t.Helper()
	if len(redirects) == 0 {
		redirects = []string{callback}
	}
	a := &app{
		t: d.t, d: d, browser: newBrowser(d.t), client: clientFrom(d.t, ""), name: name, redirect: redirects[0],
		verifier: rand.Text() + rand.Text() + rand.Text(), state: rand.Text(),
	}
	status, text := a.register(mustJSON(d.t, map[string]any{"client_name": name, "redirect_uris": redirects}))
	var made struct {
		ClientID string `json:"client_id"`
	}
	if err := json.Unmarshal(text, &made); err != nil || status != http.StatusCreated || made.ClientID == "" {
		d.t.Fatalf("registration: %d %s", status, text)
	}
	a.id = made.ClientID
	return a
}

// clientFrom is an HTTP client whose connections come from an address of this machine ("": any), and which shows
// each redirect.
func clientFrom(t *testing.T, address string) *http.Client {
	t.Helper()
	dialer := new(net.Dialer)
	if address != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(address)}
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if address != "" {
			_, port, _ := net.SplitHostPort(addr) // net/http writes it
			addr = net.JoinHostPort("127.0.0.1", port)
		}
		return dialer.DialContext(ctx, network, addr)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// send makes a request; lines are headers ("Name: value").
func send(t *testing.T, c *http.Client, method, address, body string, lines ...string) (status int, header http.Header, text []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		if strings.EqualFold(name, "Host") {
			req.Host = value
			continue
		}
		req.Header.Add(name, value)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, address, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if text, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, text
}

func (a *app) at(path string) string { return "http://" + a.d.Gateway + path }

// register sends a registration.
func (a *app) register(metadata string) (status int, text []byte) {
	a.t.Helper()
	status, _, text = send(a.t, a.client, http.MethodPost, a.at("/oauth/register"), metadata, "Content-Type: application/json")
	return status, text
}

// wish is what the application asks for, with changes: pairs of a parameter and its value, "" being none.
func (a *app) wish(changes ...string) url.Values {
	challenge := sha256.Sum256([]byte(a.verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {a.id}, "redirect_uri": {a.redirect}, "state": {a.state}, "resource": {a.at("/mcp")},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(changes); i += 2 {
		if q.Set(changes[i], changes[i+1]); changes[i+1] == "" {
			q.Del(changes[i])
		}
	}
	return q
}

// open opens the authorization endpoint in the user's browser.
func (a *app) open(query string) (status int, location *url.URL, page string) {
	a.t.Helper()
	status, header, text := send(a.t, a.browser, http.MethodGet, a.at("/oauth/authorize?"+query), "")
	to, err := header["Location"], error(nil)
	if len(to) == 1 {
		if location, err = url.Parse(to[0]); err != nil {
			a.t.Fatal(err)
		}
	}
	return status, location, string(text)
}

// begin asks to be let in, and answers the id of the request, which waits for the user.
func (a *app) begin(changes ...string) (request string) {
	a.t.Helper()
	status, to, page := a.open(a.wish(changes...).Encode())
	if status != http.StatusFound || to == nil || to.Host != a.d.Dashboard || !strings.HasPrefix(to.Path, "/consent/") {
		a.t.Fatalf("authorize: %d, %v: %s", status, to, page)
	}
	return strings.TrimPrefix(to.Path, "/consent/")
}

// desk is a browser that is logged in to the dashboard.
type desk struct {
	t       *testing.T
	d       *Daemon
	browser *http.Client
	secret  string
}

// newDesk logs a browser in, by a ticket of the command line.
func (d *Daemon) newDesk(browser *http.Client) *desk {
	d.t.Helper()
	status, _, text := send(d.t, browser, http.MethodPost, "http://"+d.Dashboard+"/session", `{"ticket":"`+d.ticket()+`"}`, "Content-Type: application/json")
	var s struct{ Secret string }
	if err := json.Unmarshal(text, &s); err != nil || status != http.StatusOK || s.Secret == "" {
		d.t.Fatalf("session: %d %s", status, text)
	}
	return &desk{t: d.t, d: d, browser: browser, secret: s.Secret}
}

// ticket is one that logs a browser in, once.
func (d *Daemon) ticket() string {
	d.t.Helper()
	_, ticket, found := strings.Cut(strings.TrimSpace(d.CLI("dashboard", "--print")), "#ticket=")
	if !found {
		d.t.Fatal("dashboard --print has no ticket")
	}
	return ticket
}

// ask makes a request of the admin API as the dashboard's page does.
func (k *desk) ask(method, path, body string, lines ...string) (status int, text []byte) {
	k.t.Helper()
	status, _, text = send(k.t, k.browser, method, "http://"+k.d.Dashboard+"/api/v1"+path, body,
		append([]string{"X-Mcpmux-Session: " + k.secret, "Content-Type: application/json"}, lines...)...)
	return status, text
}

// approve approves a request in the browser that began it, and answers where that is sent.
func (a *app) approve(request, decision string) *url.URL {
	a.t.Helper()
	return a.decide(request, "approve", decision)
}

func (a *app) decide(request, verb, body string) *url.URL {
	a.t.Helper()
	status, text := a.d.newDesk(a.browser).ask(http.MethodPost, "/requests/"+request+"/"+verb, body)
	var made struct {
		Redirect string `json:"redirect_to"`
	}
	if err := json.Unmarshal(text, &made); err != nil || status != http.StatusOK || made.Redirect == "" {
		a.t.Fatalf("%s: %d %s", verb, status, text)
	}
	to, err := url.Parse(made.Redirect)
	if err != nil {
		a.t.Fatal(err)
	}
	return to
}

// code is a code for what the application asks for, which its user approves.
func (a *app) code(changes ...string) string {
	a.t.Helper()
	to := a.approve(a.begin(changes...), "{}")
	code := to.Query().Get("code")
	if code == "" || to.Query().Get("state") != a.state || to.Query().Get("iss") != a.at("") {
		a.t.Fatalf("the answer is %s", to)
	}
	return code
}

// exchange is the form that gives a code for tokens, with changes as wish has them.
func (a *app) exchange(code string, changes ...string) url.Values {
	f := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "client_id": {a.id}, "redirect_uri": {a.redirect}, "code_verifier": {a.verifier},
		"resource": {a.at("/mcp")},
	}
	for i := 0; i+1 < len(changes); i += 2 {
		if f.Set(changes[i], changes[i+1]); changes[i+1] == "" {
			f.Del(changes[i])
		}
	}
	return f
}

// form posts a form to an endpoint of the authorization server.
func (a *app) form(path string, f url.Values) (status int, header http.Header, text []byte) {
	a.t.Helper()
	return send(a.t, a.client, http.MethodPost, a.at(path), f.Encode(), "Content-Type: application/x-www-form-urlencoded")
}

// given are the tokens that a form gets.
func (a *app) given(f url.Values) (got tokens) {
	a.t.Helper()
	status, _, text := a.form("/oauth/token", f)
	if err := json.Unmarshal(text, &got); err != nil || status != http.StatusOK || got.Access == "" || got.Refresh == "" {
		a.t.Fatalf("token: %d %s", status, text)
	}
	return got
}

// refused posts a form for tokens that has to be refused with an error.
func (a *app) refused(what string, f url.Values, code string) {
	a.t.Helper()
	status, _, text := a.form("/oauth/token", f)
	if got := oauthError(text); status != http.StatusBadRequest || got != code {
		a.t.Errorf("%s: %d %s, want 400 %s", what, status, text, code)
	}
}

func oauthError(text []byte) string {
	var e struct{ Error string }
	_ = json.Unmarshal(text, &e) // what is none has no error
	return e.Error
}

func (a *app) renewal(refresh string, changes ...string) url.Values {
	f := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {a.id}}
	for i := 0; i+1 < len(changes); i += 2 {
		f.Set(changes[i], changes[i+1])
	}
	return f
}

// logIn does all of it.
func (a *app) logIn(changes ...string) tokens {
	a.t.Helper()
	return a.given(a.exchange(a.code(changes...)))
}

// wantBearer checks how a credential is answered at the MCP endpoint.
func (d *Daemon) wantBearer(what, bearer string, want int) {
	d.t.Helper()
	if r := d.MCP(bearer).Post(initialize); r.Status != want {
		d.t.Errorf("%s: %d %s, want %d", what, r.Status, bytes.TrimSpace(r.Body), want)
	}
}
