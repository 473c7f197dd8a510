package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/oauthtest"
)

// The checks of the MCP endpoint as a protected resource, by the numbers that docs/security.md has them under.

func TestCheck_B1_WithoutACredentialTheChallengeHasNoError(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	for _, path := range []string{"/mcp", "/mcp/s/files", "/sse"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if path == "/sse" && method == http.MethodPost {
				continue
			}
			status, header, text := send(t, http.DefaultClient, method, "http://"+d.Gateway+path, "", "Content-Type: application/json", "Accept: application/json, text/event-stream")
			challenge := header.Get("WWW-Authenticate")
			if status != http.StatusUnauthorized || !strings.HasPrefix(challenge, "Bearer ") || strings.Contains(challenge, "error") ||
				!strings.Contains(challenge, `resource_metadata="http://`+d.Gateway+"/.well-known/oauth-protected-resource"+path+`"`) || !strings.Contains(challenge, `scope="mcp"`) {
				t.Errorf("%s %s: %d, %s: %s", method, path, status, challenge, text)
			}
		}
	}
}

func TestCheck_B2_WhyACredentialIsNotGoodIsNotSaid(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	expiring := d.NewClient("expiring", "--expires", "1s")
	revoked, removed := d.NewClient("revoked"), d.NewClient("removed")
	d.CLI("client", "key", "revoke", "revoked")
	d.CLI("client", "remove", "removed")
	a := d.newApp("Editor")
	gone := a.logIn()
	d.CLI("client", "remove", "Editor")
	eventually(t, 10*time.Second, "the end of a key", func() bool { return d.MCP(expiring).Post(initialize).Status == http.StatusUnauthorized })
	type answer struct {
		status          int
		challenge, body string
	}
	var first answer
	for i, key := range []string{
		"mm_key_" + strings.Repeat("A", 43), "garbage", expiring, revoked, removed, gone.Access, "mm_at_" + strings.Repeat("A", 43),
	} {
		r := d.MCP(key).Post(initialize)
		got := answer{r.Status, r.Header.Get("WWW-Authenticate"), string(r.Body)}
		if i == 0 {
			first = got
		}
		if got != first || got.status != http.StatusUnauthorized || !strings.Contains(got.challenge, `error="invalid_token"`) || strings.Contains(got.body, key) {
			t.Errorf("case %d: %+v, want %+v", i, got, first)
		}
	}
}

func TestCheck_B3_OtherSecretsAreNoBearers(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	d := a.d
	code := a.code()
	d.wantBearer("a code", code, http.StatusUnauthorized)
	got := a.given(a.exchange(code))
	d.wantBearer("the access token", got.Access, http.StatusOK)
	d.wantBearer("a refresh token", got.Refresh, http.StatusUnauthorized)
	d.wantBearer("a client id", a.id, http.StatusUnauthorized)
	d.wantBearer("a ticket of the dashboard", d.ticket(), http.StatusUnauthorized)
	k := d.newDesk(a.browser)
	d.wantBearer("the secret of a login to the dashboard", k.secret, http.StatusUnauthorized)
	at := &url.URL{Scheme: "http", Host: d.Dashboard, Path: "/"}
	cookies := a.browser.Jar.Cookies(at)
	if len(cookies) == 0 {
		t.Fatal("the browser has no cookie")
	}
	for _, c := range cookies {
		d.wantBearer("the cookie "+c.Name, c.Value, http.StatusUnauthorized)
	}
	// Nor is one good under the name of another kind, nor where another belongs.
	body := strings.TrimPrefix(got.Refresh, "mm_rt_")
	d.wantBearer("a refresh token as an access token", "mm_at_"+body, http.StatusUnauthorized)
	d.wantBearer("a refresh token as a key", "mm_key_"+body, http.StatusUnauthorized)
	d.wantBearer("an access token as a key", "mm_key_"+strings.TrimPrefix(got.Access, "mm_at_"), http.StatusUnauthorized)
	key := d.NewClient("other")
	for _, token := range []string{got.Access, key, code, "mm_rt_" + strings.TrimPrefix(got.Access, "mm_at_"), "mm_rt_" + strings.TrimPrefix(key, "mm_key_")} {
		a.refused("refreshing with "+token[:7], a.renewal(token), "invalid_grant")
	}
	for _, secret := range []string{got.Access, got.Refresh, key} {
		a.refused("exchanging "+secret[:7], a.exchange(secret), "invalid_grant")
	}
}

func TestCheck_B4_ATokenIsForOneEndpoint(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("one", mcptest.Script{})
	d.AddScripted("two", mcptest.Script{})
	a := d.newApp("Editor")
	got := a.given(a.exchange(a.code("resource", a.at("/mcp/s/one")), "resource", a.at("/mcp/s/one")))
	for path, want := range map[string]int{"/mcp/s/one": http.StatusOK, "/mcp/s/two": http.StatusUnauthorized, "/mcp": http.StatusUnauthorized} {
		m := &MCP{URL: a.at(path), Key: got.Access, t: t}
		if r := m.Post(initialize); r.Status != want {
			t.Errorf("%s: %d %s, want %d", path, r.Status, r.Body, want)
		}
	}
	// What is for the whole gateway is for each part of it.
	whole := a.logIn()
	m := &MCP{URL: a.at("/mcp/s/two"), Key: whole.Access, t: t}
	if r := m.Post(initialize); r.Status != http.StatusOK {
		t.Errorf("of the whole: %d %s", r.Status, r.Body)
	}
}

func TestCheck_B5_TokensArePassedInNeitherDirection(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	s := d.protected("gh", oauthtest.Script{})
	d.LogIn("gh")
	d.AwaitServer("gh", "connected")
	key := d.NewClient("a")
	got := d.newApp("Editor").logIn()
	for _, bearer := range []string{key, got.Access} {
		if name := d.Session(bearer).CallText("gh_whoami", `{}`); name != "alice" {
			t.Errorf("whoami: %q", name)
		}
	}
	given := s.Tokens()
	if len(given) == 0 {
		t.Fatal("the server's authorization server gave nothing")
	}
	for _, token := range given {
		d.wantBearer("a token of the server", token, http.StatusUnauthorized)
	}
	for _, r := range s.Log() {
		if text := mustJSON(t, r); strings.Contains(text, key) || strings.Contains(text, got.Access) {
			t.Errorf("the server was sent a credential of ours: %s", text)
		}
	}
	heard := s.Resource().Headers("tools/call")
	if len(heard) != 2 {
		t.Fatalf("the server heard %d calls", len(heard))
	}
	for _, h := range heard {
		if text := mustJSON(t, h); strings.Contains(text, key) || strings.Contains(text, got.Access) || strings.Contains(text, "mm_") {
			t.Errorf("the server was sent %s", text)
		}
	}
}

func TestCheck_B6_OnlyTheHeaderIsRead(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	key := d.NewClient("a")
	for what, m := range map[string]*MCP{
		"in the address": {URL: "http://" + d.Gateway + "/mcp?access_token=" + key + "&key=" + key, t: t},
		"in the body":    {URL: "http://" + d.Gateway + "/mcp", t: t},
		"in the path":    {URL: "http://" + d.Gateway + "/mcp/" + key, t: t},
	} {
		if r := m.Post(strings.Replace(initialize, `"params":{`, `"access_token":"`+key+`","params":{"access_token":"`+key+`",`, 1)); r.Status != http.StatusUnauthorized && r.Status != http.StatusNotFound {
			t.Errorf("%s: %d %s", what, r.Status, r.Body)
		}
	}
	m := d.MCP("")
	for _, line := range []string{"X-Api-Key: " + key, "Cookie: key=" + key, "Proxy-Authorization: Bearer " + key} {
		if r := m.Post(initialize, line); r.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d", line[:9], r.Status)
		}
	}
}

func TestCheck_B7_TheSchemeIsInAnyCase(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	key := d.NewClient("a")
	for scheme, want := range map[string]int{"bearer": 200, "BEARER": 200, "Bearer": 200, "Basic": 401, "Token": 401, "Bearer ": 401} {
		if r := d.MCP("").Post(initialize, "Authorization: "+scheme+" "+key); r.Status != want {
			t.Errorf("%q: %d %s, want %d", scheme, r.Status, r.Body, want)
		}
	}
}

func TestCheck_B8_OneAuthorizationHeaderOfTheSchemeBearer(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	host, key := "Host: "+d.Gateway, "Authorization: Bearer "+d.NewClient("a")
	kind := "Content-Type: application/json"
	for _, tc := range []struct {
		want  int
		lines []string
	}{
		{http.StatusBadRequest, []string{host, kind, key, key}},
		{http.StatusBadRequest, []string{host, kind, key, "Authorization: Basic eDp5"}},
		{http.StatusUnauthorized, []string{host, kind, "Authorization: Basic eDp5"}},
	} {
		if status, _ := rawBody(t, d.Gateway, "POST", "/mcp", "", append(tc.lines, "Content-Length: 0")...); status != tc.want {
			t.Errorf("%q: %d, want %d", tc.lines[2:], status, tc.want)
		}
	}
}

func TestCheck_B9_AHugeHeaderIsRefused(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	for _, addr := range []string{d.Gateway, d.Dashboard} {
		nc, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		sent := later(t, func() int {
			n, _ := io.WriteString(nc, "POST /mcp HTTP/1.1\r\nHost: "+addr+"\r\nX-Long: "+strings.Repeat("x", 1<<20)+"\r\n\r\n") // It may be cut off on the way.
			return n
		})
		resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%s: %d", addr, resp.StatusCode)
		}
		_ = nc.Close()
		if n := <-sent; n > 1<<20 {
			t.Logf("%s took all %d bytes", addr, n)
		}
	}
}

func TestCheck_B10_ALoginToTheDashboardIsNoClient(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	k := d.newDesk(newBrowser(t))
	for _, lines := range [][]string{nil, {"X-Mcpmux-Session: " + k.secret}, {"Origin: http://" + d.Gateway, "X-Mcpmux-Session: " + k.secret}} {
		status, _, text := send(t, k.browser, http.MethodPost, "http://"+d.Gateway+"/mcp", initialize, append(lines, "Content-Type: application/json", "Accept: application/json, text/event-stream")...)
		if status != http.StatusUnauthorized {
			t.Errorf("%q: %d %s", lines, status, text)
		}
	}
}

func TestCheck_B11_AClientIsNobodyAtTheDashboard(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	key := d.NewClient("a")
	got := d.newApp("Editor").logIn()
	for _, r := range d.dashboardRoutes() {
		if !strings.HasPrefix(r.path, "/api/") {
			continue
		}
		for _, method := range r.methods {
			for _, bearer := range []string{key, got.Access} {
				status, _ := raw(t, d.Dashboard, method, r.path, "Host: "+d.Dashboard, "Authorization: Bearer "+bearer, "X-Mcpmux-Session: "+bearer, "Cookie: mcpmux="+bearer, "Content-Length: 0")
				if status != http.StatusUnauthorized {
					t.Errorf("%s %s: %d", method, r.path, status)
				}
			}
		}
	}
}

func TestCheck_B12_ATokenWithoutTheScopeIsToldSo(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	got := a.logIn("scope", "offline_access")
	r := a.d.MCP(got.Access).Post(initialize)
	challenge := r.Header.Get("WWW-Authenticate")
	if r.Status != http.StatusForbidden || !strings.Contains(challenge, `error="insufficient_scope"`) || !strings.Contains(challenge, `scope="mcp"`) || !strings.Contains(challenge, "resource_metadata=") {
		t.Errorf("%d, %s: %s", r.Status, challenge, r.Body)
	}
}

// Whatever ends a credential, its next request is refused and its open streams end.
func TestCheck_B13_WhatIsTakenBackIsDeadAtOnce(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	for _, command := range [][]string{
		{"client", "key", "revoke", "NAME"}, {"client", "remove", "NAME"}, {"client", "deny", "NAME"},
	} {
		name := "client " + command[1]
		command = append(command[:len(command)-1], name)
		m := d.Session(d.NewClient(name))
		stream := m.Listen()
		begun := time.Now()
		d.CLI(command...)
		want := http.StatusUnauthorized
		if command[1] == "deny" {
			want = http.StatusForbidden
		}
		if r := m.Legacy("tools/list", `{}`); r.Status != want {
			t.Errorf("%v: %d, want %d", command, r.Status, want)
		}
		ended(t, stream)
		t.Logf("%v took %s", command, time.Since(begun))
	}
}

func TestCheck_B14_MetadataAreOfTheAddressThatWasUsed(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	_, port, err := net.SplitHostPort(d.Gateway)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
		for _, path := range []string{"/mcp", "/mcp/s/files", "/sse"} {
			_, text := d.Get(host+":"+port, "/.well-known/oauth-protected-resource"+path)
			if !strings.Contains(text, `"resource":"http://`+host+":"+port+path+`"`) {
				t.Errorf("%s: %s", host, text)
			}
		}
	}
	for _, path := range []string{"/nothing", "/mcp/s/a/b", "/mcp/s/"} {
		if status, text := d.Get(d.Gateway, "/.well-known/oauth-protected-resource"+path); status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}

func TestCheck_B15_MetadataAreReadOnly(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	for _, path := range []string{"/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
			if status, header := raw(t, d.Gateway, method, path, "Host: "+d.Gateway, "Content-Length: 0"); status != http.StatusMethodNotAllowed || header.Get("Allow") == "" {
				t.Errorf("%s %s: %d", method, path, status)
			}
		}
	}
}

func TestCheck_B16_B17_ASessionIsItsClientsAlone(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("s", mcptest.Script{})
	a, other := d.newApp("Editor"), d.newApp("Other")
	m := d.Session(a.logIn().Access)
	stream := m.Listen()
	for what, tc := range map[string]struct {
		key  string
		want int
	}{
		"another client's token": {other.logIn().Access, http.StatusNotFound}, "another client's key": {d.NewClient("b"), http.StatusNotFound},
		"no token": {"", http.StatusUnauthorized}, "a made-up token": {"mm_at_" + strings.Repeat("A", 43), http.StatusUnauthorized},
	} {
		for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
			thief := &MCP{URL: m.URL, Key: tc.key, t: t, session: m.session, version: m.version}
			resp, err := thief.do(t.Context(), method, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != tc.want {
				t.Errorf("%s, %s: %d, want %d", what, method, resp.StatusCode, tc.want)
			}
		}
	}
	m.Legacy("tools/list", `{}`).Result(t)
	d.AddScripted("more", mcptest.Script{})
	within(t, soon, stream, "notifications/tools/list_changed")
}

func TestCheck_B18_ASessionOutlivesItsToken(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	got := a.logIn()
	m := a.d.Session(got.Access)
	stream := m.Listen()
	m.Key = a.given(a.renewal(got.Refresh)).Access
	m.Legacy("tools/list", `{}`).Result(t)
	a.d.AddScripted("more", mcptest.Script{})
	within(t, soon, stream, "notifications/tools/list_changed")
}

// Sessions outlive the daemon (TestRestart_AnOpenSessionGoesOn); so does who they belong to.
func TestCheck_B19_TokensAndTheirSessionsOutliveTheDaemon(t *testing.T) {
	t.Parallel()
	addr := "localhost:" + freePort(t)
	d := Start(t, Options{Args: []string{"--gateway-addr", addr}})
	a := d.newApp("Editor")
	got := a.logIn()
	key := d.NewClient("b")
	m := d.Session(got.Access)
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	again := Start(t, Options{Dir: d.Dir, Args: []string{"--gateway-addr", addr}})
	again.wantBearer("the token", got.Access, http.StatusOK)
	thief := &MCP{URL: m.URL, Key: key, t: t, session: m.session, version: m.version}
	if r := thief.Legacy("tools/list", `{}`); r.Status != http.StatusNotFound {
		t.Errorf("another client has the session after a restart: %d %s", r.Status, r.Body)
	}
	m.Legacy("tools/list", `{}`).Result(t)
	a.d = again
	a.given(a.renewal(got.Refresh))
}
