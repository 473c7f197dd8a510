package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The checks of the authorization server, by the numbers that docs/security.md has them under.

func TestCheck_C1_MetadataSayWhatThereIsAndNothingWeaker(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	_, resource := d.Get(d.Gateway, "/.well-known/oauth-protected-resource/mcp")
	var r struct {
		Resource string
		Servers  []string `json:"authorization_servers"`
		Scopes   []string `json:"scopes_supported"`
		Methods  []string `json:"bearer_methods_supported"`
	}
	if err := json.Unmarshal([]byte(resource), &r); err != nil || len(r.Servers) != 1 || r.Resource != "http://"+d.Gateway+"/mcp" ||
		!slices.Equal(r.Scopes, []string{"mcp"}) || !slices.Equal(r.Methods, []string{"header"}) {
		t.Fatalf("resource: %s", resource)
	}
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/mcp"} {
		status, text := d.Get(d.Gateway, path)
		var m map[string]any
		if err := json.Unmarshal([]byte(text), &m); err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, status, text)
		}
		for name, want := range map[string]any{
			"issuer": r.Servers[0], "response_types_supported": []any{"code"}, "grant_types_supported": []any{"authorization_code", "refresh_token"},
			"code_challenge_methods_supported": []any{"S256"}, "token_endpoint_auth_methods_supported": []any{"none"},
			"client_id_metadata_document_supported": true, "authorization_response_iss_parameter_supported": true,
			"scopes_supported": []any{"mcp", "offline_access"}, "authorization_endpoint": r.Servers[0] + "/oauth/authorize",
			"token_endpoint": r.Servers[0] + "/oauth/token", "registration_endpoint": r.Servers[0] + "/oauth/register",
			"revocation_endpoint": r.Servers[0] + "/oauth/revoke",
		} {
			if got := m[name]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %s is %v, want %v", path, name, got, want)
			}
		}
	}
}

// wantPage checks that what the application asks for is answered by a page, and that nobody is sent anywhere.
func (a *app) wantPage(what, query string) {
	a.t.Helper()
	status, to, page := a.open(query)
	if status != http.StatusBadRequest || to != nil || !strings.Contains(page, "<html") {
		a.t.Errorf("%s: %d, to %v, %s", what, status, to, page)
	}
}

func TestCheck_C2_AnUnknownClientGetsAPageAndNoRedirect(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	last := a.id[:len(a.id)-1]
	for what, id := range map[string]string{
		"made up": "someone", "none": "", "another installation's": last + string('A'+(a.id[len(a.id)-1]+1)%25), "cut": last, "longer": a.id + "A",
		"with a character in its middle changed": strings.Replace(a.id, a.id[20:22], "zz", 1),
	} {
		a.wantPage(what, a.wish("client_id", id).Encode())
	}
}

func TestCheck_C3_AnotherRedirectGetsAPageAndNoRedirect(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor", "https://app.example/cb", "cursor://auth/cb", callback)
	for _, to := range []string{
		"https://app.example/cb/", "https://app.example/", "https://app.example/cb?x=1", "https://app.example/CB", "https://app.example.evil.example/cb",
		"http://app.example/cb", "https://evil.example/cb", "https://app.example:444/cb", "https://app.example@evil.example/cb", "https://app.example/cb/../x",
		"cursor://auth/other", "cursor2://auth/cb", "cursor://evil/cb", "http://127.0.0.1:33333/other", "https://127.0.0.1:33333/callback", "javascript:alert(1)", "",
	} {
		changes := []string{"redirect_uri", to}
		a.wantPage("to "+to, a.wish(changes...).Encode())
	}
}

func TestCheck_C4_OnThisMachineThePortIsTheProgramsOwnAndTheNameIsNot(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor", "http://127.0.0.1:33333/callback")
	for _, to := range []string{"http://127.0.0.1:33333/callback", "http://127.0.0.1:40001/callback", "http://127.0.0.1/callback"} {
		a.begin("redirect_uri", to)
	}
	for _, to := range []string{"http://localhost:33333/callback", "http://[::1]:33333/callback", "http://127.0.0.2:33333/callback", "http://127.0.0.1:0/callback", "http://127.0.0.1:70000/callback"} {
		a.wantPage("to "+to, a.wish("redirect_uri", to).Encode())
	}
	b := a.d.newApp("Other", "http://localhost/callback")
	b.begin("redirect_uri", "http://localhost:5123/callback")
	b.wantPage("to the address", b.wish("redirect_uri", "http://127.0.0.1:5123/callback").Encode())
}

func TestCheck_C5_CodesAreNotSentToWhatRunsOrLeaks(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	for _, to := range []string{
		"javascript:alert(1)", "data:text/html,x", "file:///tmp/x", "vbscript:x", "http://app.example/cb", "http://192.168.1.2/cb", "https://app.example/cb#frag",
		"https://u:p@app.example/cb", "http://user@localhost/cb", "about:blank", "blob:https://x/1", "/relative", "",
	} {
		if status, text := a.register(mustJSON(t, map[string]any{"redirect_uris": []string{to}})); status != http.StatusBadRequest || oauthError(text) != "invalid_redirect_uri" {
			t.Errorf("%q: %d %s", to, status, text)
		}
	}
}

// wantError checks that the application is told an error at its own address.
func (a *app) wantError(what, code string, changes ...string) {
	a.t.Helper()
	status, to, page := a.open(a.wish(changes...).Encode())
	if to == nil || status != http.StatusFound {
		a.t.Errorf("%s: %d %s", what, status, page)
		return
	}
	q := to.Query()
	if base, _, _ := strings.Cut(to.String(), "?"); base != a.redirect || q.Get("error") != code || q.Get("state") != a.state || q.Get("iss") != a.at("") || q.Has("code") {
		a.t.Errorf("%s: sent to %s", what, to)
	}
}

func TestCheck_C6_WithoutS256NothingIsGiven(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	a.wantError("no challenge", "invalid_request", "code_challenge", "", "code_challenge_method", "")
	a.wantError("plain", "invalid_request", "code_challenge_method", "plain")
	a.wantError("no method, which stands for plain", "invalid_request", "code_challenge_method", "")
	a.wantError("a challenge that is none", "invalid_request", "code_challenge", "short")
}

func TestCheck_C7_TheOnlyResponseTypeIsCode(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	for _, kind := range []string{"token", "id_token", "code token", "none"} {
		a.wantError(kind, "unsupported_response_type", "response_type", kind)
	}
}

func TestCheck_C8_OtherResourcesAreNotOurs(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	for _, r := range []string{"https://other.example/mcp", a.at("/elsewhere"), "http://" + a.d.Dashboard + "/mcp", a.at("/mcp#x"), a.at("/mcp?x=1"), "http://u@" + a.d.Gateway + "/mcp", "mcp"} {
		a.wantError(r, "invalid_target", "resource", r)
	}
	a.wantError("another scope", "invalid_scope", "scope", "mcp admin")
}

func TestCheck_C9_WhatIsThereTwiceIsRefused(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	q := a.wish()
	for _, name := range []string{"client_id", "redirect_uri", "state", "code_challenge", "resource", "scope"} {
		value := q.Get(name)
		a.wantPage(name+" twice", q.Encode()+"&"+url.Values{name: {value, value}}.Encode())
		a.wantPage(name+" twice, another first", url.Values{name: {"evil"}}.Encode()+"&"+url.Values{name: {value}}.Encode()+"&"+q.Encode())
	}
}

// The page that decides opens in the browser that the application opened, and there for who is logged in.
func TestCheck_C10_ARequestOpensInItsOwnBrowserForWhoIsLoggedIn(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	id := a.begin()
	state := "http://" + a.d.Dashboard + "/consent-state/" + id
	if status, _, text := send(t, a.browser, http.MethodGet, state, ""); status != http.StatusOK || !bytes.Contains(text, []byte(`"waiting"`)) || bytes.Contains(text, []byte("redirect_to")) {
		t.Errorf("its own browser: %d %s", status, text)
	}
	for _, path := range []string{"/requests/" + id, "/requests"} {
		if status, _, text := send(t, a.browser, http.MethodGet, "http://"+a.d.Dashboard+"/api/v1"+path, ""); status != http.StatusUnauthorized {
			t.Errorf("%s without a login: %d %s", path, status, text)
		}
	}
	other := newBrowser(t)
	if status, _, text := send(t, other, http.MethodGet, state, ""); status != http.StatusNotFound || bytes.Contains(text, []byte("code")) {
		t.Errorf("another browser: %d %s", status, text)
	}
	k := a.d.newDesk(other)
	for _, try := range [][2]string{{http.MethodGet, ""}, {http.MethodPost, "/approve"}, {http.MethodPost, "/deny"}} {
		if status, text := k.ask(try[0], "/requests/"+id+try[1], ""); status != http.StatusNotFound {
			t.Errorf("%s%s in another browser: %d %s", try[0], try[1], status, text)
		}
	}
	// With the wrong code, in another browser, and by the name that the list shows.
	if status, text := k.ask(http.MethodPost, "/requests/"+id+"/approve", `{"code":"AAAA-AAAA"}`); status != http.StatusForbidden {
		t.Errorf("with a wrong code: %d %s", status, text)
	}
	if status, text := k.ask(http.MethodPost, "/clients/Editor/approve", ""); status != http.StatusForbidden {
		t.Errorf("by its name in another browser: %d %s", status, text)
	}
	if _, text := k.ask(http.MethodGet, "/requests", ""); bytes.Contains(text, []byte(`"code"`)) {
		t.Errorf("another browser is told the code: %s", text)
	}
	if _, _, text := send(t, a.browser, http.MethodGet, state, ""); !bytes.Contains(text, []byte(`"waiting"`)) {
		t.Errorf("after all that: %s", text)
	}
}

func TestCheck_C11_ApprovingWantsBothHalvesOfALoginAndOurOwnPage(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	id := a.begin()
	k := a.d.newDesk(a.browser)
	address := "http://" + a.d.Dashboard + "/api/v1/requests/" + id + "/approve"
	secret, kind := "X-Mcpmux-Session: "+k.secret, "Content-Type: application/json"
	for _, tc := range []struct {
		what    string
		browser *http.Client
		lines   []string
		want    int
	}{
		{"without the cookie", newBrowser(t), []string{secret, kind}, http.StatusUnauthorized},
		{"without the secret", a.browser, []string{kind}, http.StatusForbidden},
		{"with a wrong secret", a.browser, []string{kind, secret + "x"}, http.StatusForbidden},
		{"from a page of others", a.browser, []string{secret, kind, "Origin: http://evil.example"}, http.StatusForbidden},
		{"from another port of this machine", a.browser, []string{secret, kind, "Origin: http://localhost:3000"}, http.StatusForbidden},
		{"from the gateway's address", a.browser, []string{secret, kind, "Origin: http://" + a.d.Gateway}, http.StatusForbidden},
		{"as a form", a.browser, []string{secret, "Content-Type: application/x-www-form-urlencoded"}, http.StatusUnsupportedMediaType},
		{"as plain text", a.browser, []string{secret, "Content-Type: text/plain"}, http.StatusUnsupportedMediaType},
	} {
		if status, _, text := send(t, tc.browser, http.MethodPost, address, `{}`, tc.lines...); status != tc.want {
			t.Errorf("%s: %d %s, want %d", tc.what, status, text, tc.want)
		}
	}
	if status, text := k.ask(http.MethodGet, "/requests/"+id, ""); status != http.StatusOK || !bytes.Contains(text, []byte(`"state":"waiting"`)) {
		t.Errorf("after all that: %d %s", status, text)
	}
}

func TestCheck_C12_ARequestIsDecidedOnOnce(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	for i, first := range []string{"approve", "deny"} {
		a := d.newApp(fmt.Sprint("Editor ", i))
		id := a.begin()
		a.decide(id, first, "")
		k := d.newDesk(a.browser)
		for _, second := range []string{"approve", "deny"} {
			if status, text := k.ask(http.MethodPost, "/requests/"+id+"/"+second, ""); status != http.StatusConflict {
				t.Errorf("%s after %s: %d %s", second, first, status, text)
			}
		}
	}
}

func TestCheck_C13_ADenialIsToldToTheApplication(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	to := a.decide(a.begin(), "deny", "")
	if q := to.Query(); q.Get("error") != "access_denied" || q.Get("state") != a.state || q.Get("iss") != a.at("") || q.Has("code") {
		t.Errorf("sent to %s", to)
	}
	if out := a.d.CLI("--json", "client", "list"); strings.Contains(out, "Editor") {
		t.Errorf("who was denied is a client: %s", out)
	}
}

func TestCheck_C14_ACodeUsedTwiceEndsWhatItGave(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	code := a.code()
	got := a.given(a.exchange(code))
	a.d.wantBearer("its token", got.Access, http.StatusOK)
	a.refused("a second use", a.exchange(code), "invalid_grant")
	a.d.wantBearer("its token after that", got.Access, http.StatusUnauthorized)
	a.refused("its refresh token after that", a.renewal(got.Refresh), "invalid_grant")
	a.wantAudit("auth/reuse", "denied")
}

// wantAudit waits for a row of the record, which is written in batches.
func (a *app) wantAudit(method, outcome string) {
	a.t.Helper()
	eventually(a.t, 10*time.Second, method+" in the record", func() bool {
		var rows []struct{ Method, Outcome string }
		a.d.JSON(&rows, "audit")
		return slices.ContainsFunc(rows, func(r struct{ Method, Outcome string }) bool { return r.Method == method && r.Outcome == outcome })
	})
}

func TestCheck_C15_AWrongVerifierBurnsTheCode(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	code := a.code()
	a.refused("a wrong verifier", a.exchange(code, "code_verifier", strings.Repeat("x", 43)), "invalid_grant")
	a.refused("the right one then", a.exchange(code), "invalid_grant")
	code = a.code()
	a.refused("no verifier", a.exchange(code, "code_verifier", ""), "invalid_grant")
	a.refused("the right one then", a.exchange(code), "invalid_grant")
}

// How long a code lives is checked where the clock can be set (authserver).
func TestCheck_C16_ACodeIsForItsClientAndItsRedirect(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor", callback, "http://127.0.0.1:33333/second")
	b := a.d.newApp("Other", callback)
	a.refused("another client", a.exchange(a.code(), "client_id", b.id), "invalid_grant")
	a.refused("another redirect", a.exchange(a.code(), "redirect_uri", "http://127.0.0.1:33333/second"), "invalid_grant")
	a.refused("another port", a.exchange(a.code(), "redirect_uri", "http://127.0.0.1:44444/callback"), "invalid_grant")
	a.refused("another resource", a.exchange(a.code(), "resource", a.at("/mcp/s/files")), "invalid_target")
	a.refused("another grant", a.exchange(a.code(), "grant_type", "client_credentials"), "unsupported_grant_type")
	if status, _, text := a.form("/oauth/token", a.exchange(a.code(), "client_id", "nobody")); status != http.StatusUnauthorized || oauthError(text) != "invalid_client" {
		t.Errorf("an unknown client: %d %s", status, text)
	}
}

func TestCheck_C17_TokensAreForPostedFormsAndNotKeptByOthers(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	f := a.exchange(a.code())
	if status, _, text := send(t, a.client, http.MethodGet, a.at("/oauth/token?"+f.Encode()), ""); status != http.StatusMethodNotAllowed {
		t.Errorf("by GET: %d %s", status, text)
	}
	for kind, body := range map[string]string{"application/json": `{"grant_type":"authorization_code"}`, "text/plain": f.Encode(), "multipart/form-data; boundary=x": f.Encode()} {
		if status, _, text := send(t, a.client, http.MethodPost, a.at("/oauth/token"), body, "Content-Type: "+kind); status != http.StatusUnsupportedMediaType {
			t.Errorf("as %s: %d %s", kind, status, text)
		}
	}
	// What the address says is not read.
	if status, _, text := send(t, a.client, http.MethodPost, a.at("/oauth/token?"+f.Encode()), "", "Content-Type: application/x-www-form-urlencoded"); status/100 == 2 {
		t.Errorf("in the address: %d %s", status, text)
	}
	twice := f.Encode() + "&client_id=" + url.QueryEscape(a.id)
	if status, _, text := send(t, a.client, http.MethodPost, a.at("/oauth/token"), twice, "Content-Type: application/x-www-form-urlencoded"); status != http.StatusBadRequest || oauthError(text) != "invalid_request" {
		t.Errorf("a parameter twice: %d %s", status, text)
	}
	status, header, text := a.form("/oauth/token", f)
	if status != http.StatusOK || header.Get("Cache-Control") != "no-store" || header.Get("Content-Type") != "application/json" || header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d %v %s", status, header, text)
	}
}

func TestCheck_C18_ARefreshGivesANewPairAndTheAccessTokenLivesOn(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	first := a.logIn()
	if first.Type != "Bearer" || first.Expires != 3600 || !strings.HasPrefix(first.Access, "mm_at_") || !strings.HasPrefix(first.Refresh, "mm_rt_") {
		t.Errorf("the pair is for %d s, type %s, scope %s", first.Expires, first.Type, first.Scope)
	}
	second := a.given(a.renewal(first.Refresh))
	if second.Access == first.Access || second.Refresh == first.Refresh {
		t.Error("a token is the one before")
	}
	a.d.wantBearer("the access token before", first.Access, http.StatusOK)
	a.d.wantBearer("the new one", second.Access, http.StatusOK)
	other := a.d.newApp("Other")
	a.refused("another client", a.renewal(second.Refresh, "client_id", other.id), "invalid_grant")
	a.refused("another resource", a.renewal(second.Refresh, "resource", a.at("/mcp/s/files")), "invalid_target")
	a.given(a.renewal(second.Refresh, "resource", a.at("/mcp")))
}

func TestCheck_C19_RefreshesAtOnceAreAnsweredAlike(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	f := a.renewal(a.logIn().Refresh)
	type reply struct {
		status int
		text   []byte
	}
	var all []<-chan reply
	for range 10 {
		all = append(all, later(t, func() reply {
			resp, err := a.client.PostForm(a.at("/oauth/token"), f)
			if err != nil {
				return reply{text: []byte(err.Error())}
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				return reply{text: []byte(err.Error())}
			}
			return reply{resp.StatusCode, text}
		}))
	}
	first := <-all[0]
	for _, one := range all[1:] {
		if got := <-one; got.status != http.StatusOK || !bytes.Equal(got.text, first.text) {
			t.Errorf("%d %s, not %d %s", got.status, got.text, first.status, first.text)
		}
	}
	var got tokens
	if err := json.Unmarshal(first.text, &got); err != nil {
		t.Fatal(err)
	}
	a.d.wantBearer("what they were given", got.Access, http.StatusOK)
}

// What comes after half a minute is checked where the clock can be set (authserver, C20).
func TestCheck_C20_ALostAnswerIsGivenAgainByteForByte(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	old := a.logIn().Refresh
	_, _, first := a.form("/oauth/token", a.renewal(old))
	var next tokens
	if err := json.Unmarshal(first, &next); err != nil || next.Refresh == "" {
		t.Fatalf("%s", first)
	}
	for range 3 {
		if status, _, text := a.form("/oauth/token", a.renewal(old)); status != http.StatusOK || !bytes.Equal(text, first) {
			t.Errorf("%d %s, not %s", status, text, first)
		}
	}
	other := a.d.newApp("Other")
	a.refused("who is another client", other.renewal(old), "invalid_grant")
	a.d.wantBearer("what was given", next.Access, http.StatusOK)
	a.given(a.renewal(next.Refresh))
}

func TestCheck_C21_ARefreshWidensNothing(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	got := a.logIn("scope", "mcp")
	a.refused("wider", a.renewal(got.Refresh, "scope", "mcp offline_access"), "invalid_scope")
	a.refused("unknown", a.renewal(got.Refresh, "scope", "admin"), "invalid_scope")
	a.given(a.renewal(got.Refresh, "scope", "mcp"))
}

func TestCheck_C22_WhatIsRevokedIsDead(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	got := a.logIn()
	revoke := func(token string) {
		t.Helper()
		if status, _, text := a.form("/oauth/revoke", url.Values{"token": {token}, "client_id": {a.id}}); status != http.StatusOK {
			t.Errorf("revoke: %d %s", status, text)
		}
	}
	revoke("junk")
	revoke("mm_rt_" + strings.Repeat("A", 43))
	other := a.d.newApp("Other")
	if status, _, _ := other.form("/oauth/revoke", url.Values{"token": {got.Refresh}, "client_id": {other.id}}); status != http.StatusOK {
		t.Errorf("by another client: %d", status)
	}
	a.d.wantBearer("after another client tried", got.Access, http.StatusOK)
	m := a.d.Session(got.Access)
	stream := m.Listen()
	revoke(got.Refresh)
	a.d.wantBearer("after that", got.Access, http.StatusUnauthorized)
	ended(t, stream)
	a.refused("its refresh token", a.renewal(got.Refresh), "invalid_grant")
	// An access token goes alone.
	again := a.logIn()
	revoke(again.Access)
	a.d.wantBearer("a revoked access token", again.Access, http.StatusUnauthorized)
	a.given(a.renewal(again.Refresh))
}

func TestCheck_C23_RegistrationsAreBoundedAndCleaned(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	ok := []string{callback}
	if status, text := a.register(`{"redirect_uris":["` + callback + `"],"x":"` + strings.Repeat("x", 1<<20) + `"}`); status != http.StatusRequestEntityTooLarge {
		t.Errorf("1 MiB: %d %s", status, text)
	}
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf("http://127.0.0.1:%d/cb", 1000+i)
	}
	if status, text := a.register(mustJSON(t, map[string]any{"redirect_uris": many})); status != http.StatusBadRequest || oauthError(text) != "invalid_redirect_uri" {
		t.Errorf("100 addresses: %d %s", status, text)
	}
	for _, name := range []string{strings.Repeat("long ", 2000), "Cur\u202esor\u200b\x1b[31m\r\n\u2066", "<script>alert(1)</script>", "\u00ad\u200d"} {
		status, text := a.register(mustJSON(t, map[string]any{"client_name": name, "redirect_uris": ok}))
		var made struct {
			Name string `json:"client_name"`
		}
		if err := json.Unmarshal(text, &made); err != nil || status != http.StatusCreated {
			t.Errorf("%.30q: %d %.200s", name, status, text)
			continue
		}
		if len([]rune(made.Name)) > 128 || made.Name == "" || strings.ContainsAny(made.Name, "\u202e\u200b\x1b\r\n\u2066\u00ad\u200d") {
			t.Errorf("%.30q became %q", name, made.Name)
		}
	}
	status, text := a.register(mustJSON(t, map[string]any{"redirect_uris": ok, "token_endpoint_auth_method": "client_secret_basic", "application_type": "native"}))
	var made map[string]any
	if err := json.Unmarshal(text, &made); err != nil || status != http.StatusCreated || made["token_endpoint_auth_method"] != "none" || made["client_secret"] != nil || made["application_type"] != "native" {
		t.Errorf("who wants a secret: %d %s", status, text)
	}
	for _, bad := range []string{"", "null", "[]", `{"redirect_uris":"x"}`, `{"redirect_uris":[]}`, `{`, `"x"`} {
		if status, text := a.register(bad); status != http.StatusBadRequest {
			t.Errorf("%q: %d %s", bad, status, text)
		}
	}
}

func TestCheck_C24_ANameGivesNothing(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	a := d.newApp("Cursor")
	a.logIn()
	b := d.newApp("Cursor")
	if b.id == a.id {
		t.Fatal("the same id")
	}
	id := b.begin()
	_, text := d.newDesk(b.browser).ask(http.MethodGet, "/requests/"+id, "")
	var r struct {
		Known  string `json:"known_client"`
		Agreed bool
	}
	if err := json.Unmarshal(text, &r); err != nil || r.Known != "" || r.Agreed {
		t.Errorf("who calls itself like a client is taken for it: %s", text)
	}
	b.approve(id, `{"grants":[]}`)
	var all []struct {
		Name   string
		Grants []any
	}
	d.JSON(&all, "client", "list")
	if len(all) != 2 || all[0].Name == all[1].Name {
		t.Fatalf("the clients are %+v", all)
	}
	if len(all[0].Grants)+len(all[1].Grants) != 1 {
		t.Errorf("the grants are %+v", all)
	}
}

func TestCheck_C25_AFloodOfRegistrationsStopsNobodyElse(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	a := d.newApp("Editor")
	got := a.logIn()
	refused := 0
	for range 1000 {
		status, header, text := send(t, a.client, http.MethodPost, a.at("/oauth/register"), `{"redirect_uris":["`+callback+`"]}`, "Content-Type: application/json")
		switch status {
		case http.StatusCreated:
		case http.StatusTooManyRequests:
			refused++
			if header.Get("Retry-After") == "" {
				t.Fatal("429 without Retry-After")
			}
		default:
			t.Fatalf("%d %s", status, text)
		}
	}
	if refused < 900 {
		t.Errorf("only %d of 1000 were refused", refused)
	}
	d.wantBearer("who is approved", got.Access, http.StatusOK)
	a.given(a.renewal(got.Refresh))
	a.begin()
}

// Who names an address as its client_id makes the daemon open it. It opens none that is not public; what public ones
// may answer is checked in package authclient.
func TestCheck_C26_AClientIDMakesTheDaemonCallNobodyInside(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	inside := newCanary(t)
	_, port, err := net.SplitHostPort(inside.addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "127.1", "2130706433", "0x7f.1", "0.0.0.0", "[::ffff:127.0.0.1]", "localhost.", "10.0.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "[fe80::1]", "[fd00::1]",
	} {
		a.wantPage(host, a.wish("client_id", "https://"+host+":"+port+"/client.json").Encode())
	}
	for _, id := range []string{
		"http://app.example/client.json", "https://app.example", "https://app.example/", "https://u:p@app.example/c", "https://app.example/c#x", "https://app.example/a/../c", "ftp://app.example/c", "file:///etc/passwd",
	} {
		a.wantPage(id, a.wish("client_id", id).Encode())
	}
	if n := inside.count.Load(); n != 0 {
		t.Errorf("%d connections came", n)
	}
	if out := a.d.CLI("--json", "client", "list"); strings.TrimSpace(out) != "[]" {
		t.Errorf("clients: %s", out)
	}
}

// canaryListener counts who comes.
type canaryListener struct {
	addr  string
	count atomic.Int64
}

// newCanary listens on both loopback families at one port.
func newCanary(t *testing.T) *canaryListener {
	t.Helper()
	c := new(canaryListener)
	port := "0"
	for _, host := range []string{"127.0.0.1", "::1"} {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(host, port))
		if err != nil {
			t.Fatal(err)
		}
		if port == "0" {
			c.addr = l.Addr().String()
			_, port, _ = net.SplitHostPort(c.addr) // it is one
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				nc, err := l.Accept()
				if err != nil {
					return
				}
				c.count.Add(1)
				_ = nc.Close()
			}
		}()
		t.Cleanup(func() {
			_ = l.Close()
			<-done
		})
	}
	return c
}

func TestCheck_C27_RequestsThatWaitAreFewAndTheOldestGoesFirst(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	type begun struct {
		a  *app
		id string
	}
	var all []begun
	apps := make([]*app, 10)
	for i := range apps {
		apps[i] = d.newApp(fmt.Sprint("Editor ", i))
	}
	for range 20 {
		for _, a := range apps {
			all = append(all, begun{a, a.begin()})
		}
	}
	waiting := func() (ids []string) {
		var open []struct{ ID string }
		_, text := d.Admin(http.MethodGet, "/requests", "")
		if err := json.Unmarshal([]byte(text), &open); err != nil {
			t.Fatal(err)
		}
		for _, r := range open {
			ids = append(ids, r.ID)
		}
		return ids
	}
	var last []string
	for _, b := range all[len(all)-10:] {
		last = append(last, b.id)
	}
	if got := waiting(); !slices.Equal(got, last) {
		t.Errorf("%d wait: %v, want the last ten", len(got), got)
	}
	if status, _, text := send(t, all[0].a.browser, http.MethodGet, "http://"+d.Dashboard+"/consent-state/"+all[0].id, ""); status != http.StatusNotFound || !bytes.Contains(text, []byte(`"gone"`)) {
		t.Errorf("the oldest: %d %s", status, text)
	}
	// One application has three at most: it does not push out the others'.
	for range 5 {
		apps[0].begin()
	}
	if got := waiting(); len(got) != 10 || !slices.Contains(got, last[9]) {
		t.Errorf("after one application asked again and again: %v", got)
	}
	var refused bool
	for range 40 {
		status, _, _ := apps[1].open(apps[1].wish().Encode())
		refused = refused || status == http.StatusTooManyRequests
	}
	if !refused {
		t.Error("an application may ask as often as it likes")
	}
}
