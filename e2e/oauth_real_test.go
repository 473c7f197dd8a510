package e2e

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// oauthServer is fixtures/oauth-server.mjs: an authorization server by others, and the MCP server that it
// protects.
type oauthServer struct {
	Issuer, MCP, Counts string

	t   *testing.T
	end func() // ends it before the test does
}

// startOAuth starts the fixture, with environment variables that its head explains, and ends it with the test.
func startOAuth(t *testing.T, env ...string) *oauthServer {
	t.Helper()
	cmd := exec.Command(node(t), "fixtures/oauth-server.mjs")
	cmd.Env = append(os.Environ(), env...)
	log := new(logBuffer)
	cmd.Stderr = log
	in, err := cmd.StdinPipe() // It ends with its input.
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &oauthServer{t: t, end: sync.OnceFunc(func() {
		_ = in.Close()
		late := time.AfterFunc(stopTime, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // How it ended is told by what it wrote.
		late.Stop()
	})}
	t.Cleanup(func() {
		s.end()
		if t.Failed() {
			t.Logf("output of the authorization server:\n%s", log)
		}
	})
	late := time.AfterFunc(startTime, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, s)
	}
	if err != nil {
		t.Fatalf("the authorization server does not start: %v\n%s", err, log)
	}
	return s
}

// count is how often something happened: what the fixture counts.
func (s *oauthServer) count(what string) int {
	s.t.Helper()
	return s.counts()[what]
}

func (s *oauthServer) counts() (all map[string]int) {
	s.t.Helper()
	resp, err := http.Get(s.Counts)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		s.t.Fatal(err)
	}
	return all
}

// wantCounts fails unless what begins with prefix was counted so and not otherwise.
func (s *oauthServer) wantCounts(prefix string, want map[string]int) {
	s.t.Helper()
	got := s.counts()
	maps.DeleteFunc(got, func(what string, _ int) bool { return !strings.HasPrefix(what, prefix) })
	if !maps.Equal(got, want) {
		s.t.Errorf("the authorization server counted %v, want %v", got, want)
	}
}

// wantGoodClient fails where the client did what a correct one never does.
func (s *oauthServer) wantGoodClient() {
	s.t.Helper()
	for what, n := range s.counts() {
		switch {
		case what == "reuse", strings.HasSuffix(what, "without resource"):
			s.t.Errorf("%s: %d", what, n)
		}
	}
}

// walk follows an address to its end, as a browser does: over redirects, and by pressing the button of each
// form. It answers the last page, and whereto it was sent that stop said not to go.
func walk(t *testing.T, c *http.Client, address string, stop func(address string) bool) (status int, page, stopped string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if stop != nil && req.Method == http.MethodGet && stop(req.URL.String()) {
			return status, page, req.URL.String()
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		status, page = resp.StatusCode, string(body)
		next := press(t, page)
		if to := resp.Header.Get("Location"); to != "" {
			u, err := req.URL.Parse(to)
			if err != nil {
				t.Fatal(err)
			}
			next, err = http.NewRequestWithContext(t.Context(), http.MethodGet, u.String(), nil)
			if err != nil {
				t.Fatal(err)
			}
		}
		if next == nil {
			return status, page, ""
		}
		req = next
	}
	t.Fatalf("no end of pages at %s", address)
	return 0, "", ""
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)
	formField  = regexp.MustCompile(`<(?:input|button)[^>]* name="([^"]*)"[^>]* value="([^"]*)"`)
)

// press is the request that the form of a page makes; nil where it has none.
func press(t *testing.T, page string) *http.Request {
	t.Helper()
	action := formAction.FindStringSubmatch(page)
	if action == nil {
		return nil
	}
	values := url.Values{}
	for _, field := range formField.FindAllStringSubmatch(page, -1) {
		if field[1] != "abort" {
			values.Set(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, html.UnescapeString(action[1]), strings.NewReader(values.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

// The fixture itself: what its name promises, seen without McpMux.

// exchange posts to the authorization server and decodes the answer.
func (s *oauthServer) exchange(address, contentType, body string) (status int, answer map[string]any) {
	s.t.Helper()
	resp, err := http.Post(address, contentType, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			s.t.Fatalf("%s: %d %s", address, resp.StatusCode, text)
		}
	}
	return resp.StatusCode, answer
}

// plainClient is the least that a client of the fixture does.
type plainClient struct {
	*oauthServer
	meta map[string]any
	id   string
}

const verifier = "0123456789-0123456789-0123456789-0123456789"

func (s *oauthServer) register() *plainClient {
	s.t.Helper()
	_, page, _ := walk(s.t, newBrowser(s.t), s.Issuer+"/.well-known/oauth-authorization-server", nil)
	c := &plainClient{oauthServer: s}
	if err := json.Unmarshal([]byte(page), &c.meta); err != nil {
		s.t.Fatal(err)
	}
	status, made := s.exchange(c.endpoint("registration_endpoint"), "application/json", `{"redirect_uris":["http://127.0.0.1:1/back"],
		"application_type":"native","token_endpoint_auth_method":"none",
		"grant_types":["authorization_code","refresh_token","urn:ietf:params:oauth:grant-type:device_code"]}`)
	if c.id, _ = made["client_id"].(string); status != http.StatusCreated || c.id == "" {
		s.t.Fatalf("registration: %d %v", status, made)
	}
	return c
}

func (c *plainClient) endpoint(name string) string {
	c.t.Helper()
	address, _ := c.meta[name].(string)
	if address == "" {
		c.t.Fatalf("the metadata has no %s: %v", name, c.meta)
	}
	return address
}

// ask sends a form with the client's id to an endpoint; pairs are names and values.
func (c *plainClient) ask(endpoint string, pairs ...string) (status int, answer map[string]any) {
	c.t.Helper()
	values := url.Values{"client_id": {c.id}}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return c.exchange(c.endpoint(endpoint), "application/x-www-form-urlencoded", values.Encode())
}

// authorize asks for a code and answers the query that comes back with it.
func (c *plainClient) authorize(pairs ...string) url.Values {
	c.t.Helper()
	values := url.Values{
		"client_id": {c.id}, "response_type": {"code"}, "redirect_uri": {"http://127.0.0.1:1/back"}, "state": {"s"},
		"scope": {"mcp"}, "resource": {c.MCP},
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	_, page, end := walk(c.t, newBrowser(c.t), c.endpoint("authorization_endpoint")+"?"+values.Encode(), func(address string) bool {
		return strings.HasPrefix(address, "http://127.0.0.1:1/back")
	})
	u, err := url.Parse(end)
	if err != nil || end == "" {
		c.t.Fatalf("the browser was not sent back: %v %s", err, page)
	}
	return u.Query()
}

// logIn gets tokens by a code.
func (c *plainClient) logIn() map[string]any {
	c.t.Helper()
	sum := sha256.Sum256([]byte(verifier))
	back := c.authorize("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method", "S256")
	if back.Get("iss") != c.Issuer || back.Get("state") != "s" {
		c.t.Errorf("sent back with %v", back)
	}
	status, tokens := c.ask("token_endpoint", "grant_type", "authorization_code", "code", back.Get("code"),
		"code_verifier", verifier, "redirect_uri", "http://127.0.0.1:1/back", "resource", c.MCP)
	if status != http.StatusOK {
		c.t.Fatalf("tokens: %d %v", status, tokens)
	}
	return tokens
}

// whoami calls the tool of the protected server with a token.
func (c *plainClient) whoami(token any) (status int, account, challenge string) {
	c.t.Helper()
	m := &MCP{URL: c.MCP, Key: fmt.Sprint(token), t: c.t}
	r := m.Post(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`)
	if r.Status != http.StatusOK {
		return r.Status, "", r.Header.Get("WWW-Authenticate")
	}
	id := "Mcp-Session-Id: " + r.Header.Get("Mcp-Session-Id")
	m.Post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`, id)
	r = m.Post(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"whoami","arguments":{}}}`, id)
	return r.Status, resultText(c.t, r.Result(c.t)), ""
}

// wantAccount fails unless the token is good for the account, or for nothing when that is "".
func (c *plainClient) wantAccount(token any, want string) {
	c.t.Helper()
	status, account, _ := c.whoami(token)
	if account != want || (status == http.StatusOK) != (want != "") {
		c.t.Errorf("whoami: status %d, account %q, want %q", status, account, want)
	}
}

func (c *plainClient) refresh(token any) (status int, tokens map[string]any) {
	c.t.Helper()
	return c.ask("token_endpoint", "grant_type", "refresh_token", "refresh_token", fmt.Sprint(token), "resource", c.MCP)
}

func TestOAuthServer_IsWhatItsNamePromises(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"opaque", "jwt"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			s := startOAuth(t, "OAUTH_TOKENS="+format, "OAUTH_ACCOUNT=carol")
			c := s.register()
			if methods := fmt.Sprint(c.meta["code_challenge_methods_supported"]); methods != "[S256]" || c.meta["issuer"] != s.Issuer {
				t.Errorf("metadata: challenge methods %s, issuer %v", methods, c.meta["issuer"])
			}
			status, _, challenge := c.whoami("none")
			found := regexp.MustCompile(`resource_metadata="([^"]*)"`).FindStringSubmatch(challenge)
			if status != http.StatusUnauthorized || found == nil {
				t.Fatalf("without a token: %d, challenge %q", status, challenge)
			}
			if _, page, _ := walk(t, newBrowser(t), found[1], nil); !strings.Contains(page, `"resource":"`+s.MCP+`"`) || !strings.Contains(page, s.Issuer) {
				t.Errorf("metadata of the resource: %s", page)
			}
			if got := c.authorize().Get("error"); got != "invalid_request" {
				t.Errorf("without a challenge: error %q", got)
			}
			sum := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
			if got := c.authorize("code_challenge", sum, "code_challenge_method", "S256", "resource", "https://other.example/mcp").Get("error"); got != "invalid_target" {
				t.Errorf("for another resource: error %q", got)
			}

			tokens := c.logIn()
			if n := strings.Count(fmt.Sprint(tokens["access_token"]), "."); (n == 2) != (format == "jwt") {
				t.Errorf("the access token is not %s: %v", format, tokens["access_token"])
			}
			c.wantAccount(tokens["access_token"], "carol")

			status, second := c.refresh(tokens["refresh_token"])
			if status != http.StatusOK || second["refresh_token"] == tokens["refresh_token"] {
				t.Fatalf("refresh: %d %v", status, second)
			}
			c.wantAccount(second["access_token"], "carol")
			if status, answer := c.refresh(tokens["refresh_token"]); status != http.StatusBadRequest || answer["error"] != "invalid_grant" {
				t.Errorf("a used refresh token: %d %v", status, answer)
			}
			if status, _ := c.refresh(second["refresh_token"]); status != http.StatusBadRequest || s.count("reuse") == 0 {
				t.Errorf("the newer refresh token outlived the use of the older one: %d", status)
			}

			tokens = c.logIn()
			if status, answer := c.ask("revocation_endpoint", "token", fmt.Sprint(tokens["refresh_token"]), "token_type_hint", "refresh_token"); status != http.StatusOK {
				t.Errorf("revocation: %d %v", status, answer)
			}
			if status, _ := c.refresh(tokens["refresh_token"]); status != http.StatusBadRequest {
				t.Errorf("a revoked refresh token: %d", status)
			}
			if format == "opaque" { // What is signed is good until it ends.
				c.wantAccount(tokens["access_token"], "")
			}
		})
	}
}

func TestOAuthServer_LogsInByACode(t *testing.T) {
	t.Parallel()
	s := startOAuth(t)
	c := s.register()
	status, device := c.ask("device_authorization_endpoint", "scope", "mcp", "resource", c.MCP)
	if status != http.StatusOK {
		t.Fatalf("device authorization: %d %v", status, device)
	}
	ask := func() (int, map[string]any) {
		return c.ask("token_endpoint", "grant_type", "urn:ietf:params:oauth:grant-type:device_code", "device_code", fmt.Sprint(device["device_code"]), "resource", c.MCP)
	}
	if status, answer := ask(); answer["error"] != "authorization_pending" {
		t.Errorf("before: %d %v", status, answer)
	}
	if status, page, _ := walk(t, newBrowser(t), fmt.Sprint(device["verification_uri_complete"]), nil); page != "connected" {
		t.Errorf("the page for the code: %d %s", status, page)
	}
	status, tokens := ask()
	if status != http.StatusOK {
		t.Fatalf("after: %d %v", status, tokens)
	}
	c.wantAccount(tokens["access_token"], "alice")
}

// McpMux as its client.

// logInReally logs in to a server of the fixture, as a person with a browser does.
func (d *Daemon) logInReally(alias string) {
	d.t.Helper()
	status, body := d.Admin(http.MethodPost, "/servers/"+alias+"/login", `{}`)
	var login struct{ URL string }
	if err := json.Unmarshal([]byte(body), &login); err != nil || status != http.StatusOK || login.URL == "" {
		d.t.Fatalf("begin of the login: %d %s", status, body)
	}
	if status, page, _ := walk(d.t, newBrowser(d.t), login.URL, nil); status != http.StatusOK || !strings.Contains(page, "Logged in to "+alias) {
		d.t.Fatalf("end of the login: %d %s", status, page)
	}
	d.AwaitServer(alias, "connected")
}

func TestRealOAuth_LoginRefreshAndLogout(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"opaque", "jwt"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			s := startOAuth(t, "OAUTH_TOKENS="+format, "OAUTH_TOKEN_LIFE=3", "OAUTH_ACCOUNT=carol")
			d := Start(t, Options{})
			d.addProtected("gh", s.MCP)
			m := d.Session(d.NewClient("app"))
			if r := m.Call("gh_whoami", `{}`).Last(t); r.Error == nil {
				t.Error("a call before the login succeeded")
			}
			d.logInReally("gh")

			// Calls go on while tokens end every three seconds.
			const refreshes = "token refresh_token 200"
			calls := 0
			d.Await("refreshes", func() bool {
				calls++
				if got := m.CallText("gh_whoami", `{}`); got != "carol" {
					t.Errorf("call %d: %q", calls, got)
				}
				return s.count(refreshes) >= 3
			})
			t.Logf("%d calls; the server counted %v", calls, s.counts())
			s.wantGoodClient()
			s.wantCounts("registration", map[string]int{"registration 201": 1})
			s.wantCounts("token", map[string]int{"token authorization_code 200": 1, refreshes: s.count(refreshes)})

			d.CLI("server", "logout", "gh")
			d.awaitState("login_required", "gh")
			s.wantCounts("revocation 2", map[string]int{"revocation 200": map[string]int{"opaque": 2, "jwt": 1}[format]})
			before := s.count(refreshes)
			if r := m.Call("gh_whoami", `{}`).Last(t); r.Error == nil || s.count(refreshes) != before {
				t.Errorf("after the logout: a call answered %s", r.Result)
			}
			d.logInReally("gh")
			if got := m.CallText("gh_whoami", `{}`); got != "carol" {
				t.Errorf("after another login: %q", got)
			}
			s.wantGoodClient()
		})
	}
}

// Many callers at the moment when the token has ended cause one refresh: a second use of the refresh token would
// end the login at this server.
func TestRealOAuth_ManyCallersOneRefresh(t *testing.T) {
	t.Parallel()
	s := startOAuth(t, "OAUTH_TOKEN_LIFE=3")
	d := Start(t, Options{})
	d.addProtected("gh", s.MCP)
	d.logInReally("gh")
	key := d.NewClient("app")
	sessions := make([]*MCP, 50)
	for i := range sessions {
		sessions[i] = d.Session(key)
	}
	const refreshes = "token refresh_token 200"
	for s.count(refreshes) < 4 {
		done := make([]<-chan *Reply, len(sessions))
		for i, m := range sessions {
			done[i] = later(t, func() *Reply { return m.Call("gh_whoami", `{}`) })
		}
		for _, reply := range done {
			if got := resultText(t, (<-reply).Result(t)); got != "alice" {
				t.Fatalf("whoami: %q", got)
			}
		}
	}
	s.wantGoodClient()
	s.wantCounts("token refresh", map[string]int{refreshes: s.count(refreshes)})
}

func TestRealOAuth_ALoginOutlivesTheDaemon(t *testing.T) {
	t.Parallel()
	s := startOAuth(t, "OAUTH_TOKEN_LIFE=3")
	d := Start(t, Options{})
	d.addProtected("gh", s.MCP)
	d.logInReally("gh")
	key := d.NewClient("app")
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	d = Start(t, Options{Dir: d.Dir})
	d.AwaitServer("gh", "connected")
	m := d.Session(key)
	d.Await("refreshes", func() bool {
		if got := m.CallText("gh_whoami", `{}`); got != "alice" {
			t.Errorf("after the restart: %q", got)
		}
		return s.count("token refresh_token 200") >= 2
	})
	s.wantGoodClient()
	s.wantCounts("token authorization", map[string]int{"token authorization_code 200": 1})
}

// An authorization server that was set up anew knows neither tokens nor clients. A new login registers anew.
func TestRealOAuth_ForgottenClientsRegisterAgain(t *testing.T) {
	t.Parallel()
	s := startOAuth(t)
	d := Start(t, Options{})
	d.addProtected("gh", s.MCP)
	d.logInReally("gh")
	m := d.Session(d.NewClient("app"))
	s.end()
	s = startOAuth(t, "OAUTH_PORTS="+portOf(t, s.Issuer)+","+portOf(t, s.MCP))
	d.Await("a call that is refused", func() bool { return m.Call("gh_whoami", `{}`).Last(t).Error != nil })
	d.awaitState("login_required", "gh")
	d.logInReally("gh")
	if got := m.CallText("gh_whoami", `{}`); got != "alice" {
		t.Errorf("after another login: %q", got)
	}
	s.wantCounts("registration", map[string]int{"registration 201": 1})
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

func TestRealOAuth_OtherWaysIn(t *testing.T) {
	t.Parallel()
	file, public := signingKey(t)
	machine := func(rest string) string {
		return `{"grant_types":["client_credentials"],"redirect_uris":[],"response_types":[],` + rest + `}`
	}
	s := startOAuth(t, "OAUTH_CLIENTS=["+strings.Join([]string{
		machine(`"client_id":"basic","client_secret":"a-secret-of-the-machine","token_endpoint_auth_method":"client_secret_basic"`),
		machine(`"client_id":"post","client_secret":"a-secret-of-the-machine","token_endpoint_auth_method":"client_secret_post"`),
		machine(`"client_id":"signer","jwks":{"keys":[` + public + `]},"token_endpoint_auth_method":"private_key_jwt"`),
	}, ",")+"]")
	d := Start(t, Options{})
	// By a code that is typed in elsewhere.
	d.addProtected("device", s.MCP)
	var login struct {
		URL  string
		Code string `json:"user_code"`
	}
	d.JSON(&login, "server", "login", "device", "--device")
	if login.Code == "" || !strings.HasPrefix(login.URL, s.Issuer) {
		t.Fatalf("no code: %+v", login)
	}
	if status, page, _ := walk(t, newBrowser(t), login.URL, nil); page != "connected" {
		t.Fatalf("the page for the code: %d %s", status, page)
	}
	d.AwaitServer("device", "connected")
	// By a secret, or a key, of the program's own.
	for id, flags := range map[string][]string{
		"basic":  {"--client-secret", "a-secret-of-the-machine"},
		"post":   {"--client-secret", "a-secret-of-the-machine", "--login-auth-method", "client_secret_post"},
		"signer": {"--private-key", file, "--login-auth-method", "private_key_jwt"},
	} {
		d.CLI(slices.Concat([]string{"server", "add", id, "--login-grant", "client_credentials", "--client-id", id}, flags, []string{s.MCP})...)
		d.AwaitServer(id, "connected")
	}

	m := d.Session(d.NewClient("app"))
	for alias, want := range map[string]string{"device": "alice", "basic": "basic", "post": "post", "signer": "signer"} {
		if got := m.CallText(alias+"_whoami", `{}`); got != want {
			t.Errorf("%s is %q", alias, got)
		}
	}
	s.wantGoodClient()
	if all := d.Log(); slices.ContainsFunc([]string{"a-secret-of-the-machine", login.Code}, func(text string) bool { return strings.Contains(all, text) }) {
		t.Error("a secret is in the log")
	}
}

// signingKey is a file with a private key, and the public one as a JWK (RFC 7517).
func signingKey(t *testing.T) (file, public string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes() // 4, x, y: SEC 1 §2.3.3.
	if err != nil {
		t.Fatal(err)
	}
	x, y := base64.RawURLEncoding.EncodeToString(point[1:33]), base64.RawURLEncoding.EncodeToString(point[33:])
	return file, `{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","x":"` + x + `","y":"` + y + `"}`
}
