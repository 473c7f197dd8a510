package authserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

func TestLogin_FromAnAddressToACall(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	b := w.begun(client, nil)
	if status, st := w.state(b, ""); status != http.StatusOK || st.State != RequestWaiting || st.Code == "" || st.Redirect != "" {
		t.Fatalf("before the decision: %d %+v", status, st)
	}
	id := w.approve(b)
	q := w.landed(b)
	if q.Get("iss") != origin || q.Get("state") != "st&1" || !strings.HasPrefix(q.Get("code"), codePrefix) {
		t.Fatalf("the application is told %v", q)
	}
	a := w.exchange(client, q.Get("code"), nil)
	g := w.tokens(a)
	if g.Expires != 3600 || g.Scope != "mcp offline_access" {
		t.Errorf("got %+v", g)
	}
	who, err := w.verifier.Verify("Bearer " + g.Access)
	if err != nil || who.Client != id || who.Alias != "" {
		t.Errorf("the token is %+v, %v", who, err)
	}
	w.restart()
	if !w.good(g.Access) {
		t.Error("the token ended with the daemon")
	}
	w.tokens(w.refresh(client, g.Refresh, nil))
}

func TestC05_RegistrationOfBadRedirects(t *testing.T) {
	w := newWorld(t)
	for _, uri := range []string{
		"", "javascript:alert(1)", "data:text/html,x", "http://example.com/cb", "https://example.com/cb#x", "https://u:p@example.com/cb", "http://localhost@example.com/",
		"http://127.0.0.1.example.com/", "http://0x7f000001/", "http://2130706433/", "file:///etc/passwd", "https:///cb", "/callback", "http://localhost/\r\nX: y", "JAVASCRIPT:alert(1)",
		"https://" + strings.Repeat("a", 3000) + "/",
	} {
		body, _ := json.Marshal(map[string]any{"redirect_uris": []string{uri}})
		a := w.register(string(body))
		a.is(t, http.StatusBadRequest, "invalid_redirect_uri")
	}
}

func TestC06ToC08_WhatIsWrongIsToldToTheApplication(t *testing.T) {
	for _, c := range []struct {
		change map[string]string
		want   string
	}{
		{map[string]string{"code_challenge": "-"}, "invalid_request"},
		{map[string]string{"code_challenge_method": "plain"}, "invalid_request"},
		{map[string]string{"code_challenge_method": "-"}, "invalid_request"},
		{map[string]string{"code_challenge": "short"}, "invalid_request"},
		{map[string]string{"response_type": "-"}, "invalid_request"},
		{map[string]string{"response_type": "token"}, "unsupported_response_type"},
		{map[string]string{"response_type": "code token"}, "unsupported_response_type"},
		{map[string]string{"response_mode": "fragment"}, "invalid_request"},
		{map[string]string{"resource": "https://other.example/mcp"}, "invalid_target"},
		{map[string]string{"resource": origin + "/admin"}, "invalid_target"},
		{map[string]string{"resource": origin + "/mcp/s/a/b"}, "invalid_target"},
		{map[string]string{"resource": origin + "/mcp#x"}, "invalid_target"},
		{map[string]string{"scope": "mcp admin"}, "invalid_scope"},
		{map[string]string{"request": "x"}, "request_not_supported"},
		{map[string]string{"request_uri": "x"}, "request_uri_not_supported"},
	} {
		w := newWorld(t)
		a := w.authorize(w.client("Cursor"), c.change)
		u, err := url.Parse(a.header.Get("Location"))
		if err != nil || a.status != http.StatusFound || !strings.HasPrefix(u.String(), callback+"?") {
			t.Errorf("%v: %d to %q", c.change, a.status, u)
			continue
		}
		if q := u.Query(); q.Get("error") != c.want || q.Get("state") != "st&1" || q.Get("iss") != origin || q.Has("code") {
			t.Errorf("%v: told %v, want %s", c.change, q, c.want)
		}
		if n := len(w.server.Requests()); n != 0 {
			t.Errorf("%v: %d requests wait", c.change, n)
		}
	}
}

func TestC01ToC04AndC09_WithoutACertainAddressNothingIsSentAnywhere(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	foreign := newWorld(t).client("Cursor") // of another installation
	again := wish(client, nil).Encode()
	for _, query := range []string{
		"", wish("nobody", nil).Encode(), wish(client+"x", nil).Encode(), wish(foreign, nil).Encode(), wish(strings.ToUpper(client), nil).Encode(),
		wish(client, map[string]string{"redirect_uri": "http://evil.example/callback"}).Encode(),
		wish(client, map[string]string{"redirect_uri": "http://localhost:51234/callback/../other"}).Encode(),
		wish(client, map[string]string{"redirect_uri": "http://127.0.0.1:51234/callback"}).Encode(),
		wish(client, map[string]string{"redirect_uri": "http://localhost:51234/callback?x=1"}).Encode(),
		wish(client, map[string]string{"redirect_uri": "https://localhost:51234/callback"}).Encode(),
		wish(client, map[string]string{"redirect_uri": "http://localhost:99999/callback"}).Encode(),
		wish(client, map[string]string{"redirect_uri": "http://localhost:51234@evil.example/callback"}).Encode(),
		wish(client, map[string]string{"redirect_uri": ""}).Encode(),
		again + "&client_id=" + client, again + "&redirect_uri=" + url.QueryEscape(callback), again + "&state=2", again + "&%zz",
	} {
		a := w.get(authorizePath + "?" + query)
		if a.status != http.StatusBadRequest || a.header.Get("Location") != "" || a.header.Get("Set-Cookie") != "" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %v", query, a.status, a.header)
		}
		if csp := a.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: the page's policy is %q", query, csp)
		}
	}
	if n := len(w.server.Requests()); n != 0 {
		t.Errorf("%d requests wait", n)
	}
}

func TestRedirect_PortsOfThisMachineDoNotCount(t *testing.T) {
	for _, c := range []struct {
		registered, asked string
		want              bool
	}{
		{"http://localhost/callback", "http://localhost:1/callback", true},
		{"http://localhost:9999/callback", "http://localhost:1/callback", true},
		{"http://localhost:9999/callback", "http://localhost/callback", true},
		{"http://127.0.0.1/callback", "http://127.0.0.1:65535/callback", true},
		{"http://[::1]/callback", "http://[::1]:4/callback", true},
		{"http://127.0.0.1/callback", "http://localhost:1/callback", false},
		{"http://localhost/callback", "http://localhost:0/callback", false},
		{"http://localhost/callback", "http://localhost:1/Callback", false},
		{"http://localhost/callback", "http://localhost:1/callback/", false},
		{"http://localhost/a%2Fb", "http://localhost:1/a/b", false},
		{"http://localhost/callback?a=1", "http://localhost:1/callback?a=1", true},
		{"http://localhost/callback?a=1", "http://localhost:1/callback?a=2", false},
		{"https://example.com/cb", "https://example.com:443/cb", false},
		{"https://example.com/cb", "https://EXAMPLE.com/cb", false},
		{"https://localhost/cb", "https://localhost:1/cb", false},
		{"cursor://anysphere.cursor-mcp/oauth/callback", "cursor://anysphere.cursor-mcp/oauth/callback", true},
		{"cursor://anysphere.cursor-mcp/oauth/callback", "cursor://anysphere.cursor-mcp:1/oauth/callback", false},
	} {
		if got := matchRedirect(c.registered, c.asked); got != c.want {
			t.Errorf("%s for %s: %v", c.asked, c.registered, got)
		}
	}
}

func TestC10_NothingSeenBeforeTheApprovalIsWorthAnything(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	b := w.begun(client, nil)
	other := w.begun(client, nil)
	for name, stranger := range map[string]browser{"no cookie": {id: b.id}, "the cookie of another request": {b.id, other.cookie}, "another value": {b.id, &http.Cookie{Name: b.cookie.Name, Value: "x"}}} {
		if status, st := w.state(stranger, ""); status != http.StatusNotFound || st.Code != "" || st.Redirect != "" {
			t.Errorf("%s: %d %+v", name, status, st)
		}
	}
	_, st := w.state(b, "")
	for _, value := range []string{b.id, b.cookie.Value, st.Code, client, "st&1", challengeOf(verifier), verifier, codePrefix + b.id} {
		w.exchange(client, value, nil).is(t, http.StatusBadRequest, "invalid_grant")
	}
	if b.cookie.HttpOnly != true || b.cookie.SameSite != http.SameSiteLaxMode || b.cookie.Domain != "" || b.cookie.Path != "/" {
		t.Errorf("the cookie is %v", b.cookie)
	}
	w.approve(b)
	if code := w.landed(b).Get("code"); w.exchange(client, code, nil).status != http.StatusOK {
		t.Error("the code that was made on approval is not good")
	}
}

func TestAuthorize_HeadBeginsNothing(t *testing.T) {
	w := newWorld(t)
	a := w.send(httptest.NewRequestWithContext(t.Context(), http.MethodHead, origin+authorizePath+"?"+wish(w.client("Cursor"), nil).Encode(), nil))
	if a.status != http.StatusMethodNotAllowed || len(w.server.Requests()) != 0 || a.header.Get("Set-Cookie") != "" {
		t.Errorf("%d %v", a.status, a.header)
	}
}

func TestC12AndC13_ARequestIsDecidedOnce(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	b := w.begun(client, nil)
	if err := w.server.Deny(b.id, "user"); err != nil {
		t.Fatal(err)
	}
	if q := w.landed(b); q.Get("error") != "access_denied" || q.Get("state") != "st&1" || q.Get("iss") != origin || q.Has("code") {
		t.Errorf("told %v", q)
	}
	if _, err := w.server.Approve(t.Context(), b.id, Approval{}); mcpmux.CodeOf(err) != mcpmux.CodeConflict {
		t.Errorf("approved after a denial: %v", err)
	}
	if err := w.server.Deny("nobody", "user"); mcpmux.CodeOf(err) != mcpmux.CodeNotFound {
		t.Errorf("denied nothing: %v", err)
	}
}

func TestRequest_OfManyDecisionsAtOnceOneCounts(t *testing.T) {
	w := newWorld(t)
	b := w.begun(w.client("Cursor"), nil)
	var won sync.Map
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			var err error
			if i%2 == 0 {
				_, err = w.server.Approve(t.Context(), b.id, Approval{New: store.NewClient{Mode: mcpmux.ModeFollow}})
			} else {
				err = w.server.Deny(b.id, "user")
			}
			if err == nil {
				won.Store(i, true)
			} else if mcpmux.CodeOf(err) != mcpmux.CodeConflict {
				t.Error(err)
			}
		})
	}
	all.Wait()
	n := 0
	won.Range(func(_, _ any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d decisions counted", n)
	}
}

func TestRequest_OneThatCannotBeKeptWaitsOn(t *testing.T) {
	w := newWorld(t)
	b := w.begun(w.client("Cursor"), nil)
	if _, err := w.server.Approve(t.Context(), b.id, Approval{New: store.NewClient{Mode: "sideways"}}); err == nil {
		t.Fatal("approved in no mode")
	}
	if _, st := w.state(b, ""); st.State != RequestWaiting || st.Redirect != "" {
		t.Errorf("it is %+v", st)
	}
	w.approve(b)
	w.landed(b)
}

func TestC14_ACodeIsGoodOnce(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	code := w.code(client, nil)
	g := w.tokens(w.exchange(client, code, nil))
	w.exchange(client, code, nil).is(t, http.StatusBadRequest, "invalid_grant")
	if w.good(g.Access) {
		t.Error("what the first use gave is good still")
	}
	w.refresh(client, g.Refresh, nil).is(t, http.StatusBadRequest, "invalid_grant")
	if w.records("auth/reuse") != 1 {
		t.Error("it is not in the record")
	}
}

func TestCode_OfManyUsesAtOnceNoneOrOneCounts(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	code := w.code(client, nil)
	var mu sync.Mutex
	var given []granted
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if a := w.exchange(client, code, nil); a.status == http.StatusOK {
				mu.Lock()
				given = append(given, w.tokens(a))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(given) > 1 {
		t.Errorf("the code was exchanged %d times", len(given))
	}
	for _, g := range given {
		if w.good(g.Access) {
			t.Error("a token of a code that was used twice is good")
		}
	}
}

func TestC15AndC16_ACodeIsGoodForWhoAskedAlone(t *testing.T) {
	for name, change := range map[string]map[string]string{
		"wrong verifier":    {"code_verifier": strings.Repeat("x", 43)},
		"no verifier":       {"code_verifier": "-"},
		"challenge as such": {"code_verifier": challengeOf(verifier)},
		"other redirect":    {"redirect_uri": "http://localhost:51235/callback"},
		"other client":      {"client_id": "other"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			client, other := w.client("Cursor"), w.client("Cursor")
			if change["client_id"] == "other" {
				change["client_id"] = other
			}
			code := w.code(client, nil)
			w.exchange(client, code, change).is(t, http.StatusBadRequest, "invalid_grant")
			w.exchange(client, code, nil).is(t, http.StatusBadRequest, "invalid_grant")
		})
	}
	w := newWorld(t)
	client := w.client("Cursor")
	code := w.code(client, nil)
	w.later(61 * time.Second)
	w.exchange(client, code, nil).is(t, http.StatusBadRequest, "invalid_grant")
	w.exchange(client, w.code(client, nil), map[string]string{"resource": origin + "/mcp/s/other"}).is(t, http.StatusBadRequest, "invalid_target")
	w.exchange(client, w.code(client, nil), map[string]string{"redirect_uri": "-", "resource": "-"}).is(t, http.StatusOK, "")
}

func TestC17_TheTokenEndpointTakesFormsByPost(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	if a := w.get(tokenPath); a.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", a.status)
	}
	w.post(tokenPath, "application/json", `{"grant_type":"authorization_code"}`).is(t, http.StatusUnsupportedMediaType, "invalid_request")
	w.post(tokenPath, "application/x-www-form-urlencoded", "client_id="+client+"&client_id="+client).is(t, http.StatusBadRequest, "invalid_request")
	w.post(tokenPath, "application/x-www-form-urlencoded", strings.Repeat("x", maxForm+1)).is(t, http.StatusRequestEntityTooLarge, "invalid_request")
	w.token(map[string]string{"client_id": client}).is(t, http.StatusBadRequest, "invalid_request")
	w.token(map[string]string{"client_id": client, "grant_type": "password"}).is(t, http.StatusBadRequest, "unsupported_grant_type")
	w.token(map[string]string{"client_id": "nobody", "grant_type": grantCode}).is(t, http.StatusUnauthorized, "invalid_client")
	w.token(map[string]string{"grant_type": grantCode}).is(t, http.StatusUnauthorized, "invalid_client")
	if a := w.exchange(client, w.code(client, nil), nil); a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" || a.status != http.StatusOK {
		t.Errorf("%d %v", a.status, a.header)
	}
}

func TestC18_RefreshGivesAPairAndEndsNoAccessToken(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	first := w.login(client, nil)
	second := w.tokens(w.refresh(client, first.Refresh, nil))
	if second.Access == first.Access || second.Refresh == first.Refresh || !w.good(first.Access) || !w.good(second.Access) {
		t.Error("not a pair beside the first")
	}
	w.later(accessLife + time.Second)
	if w.good(first.Access) {
		t.Error("an access token outlives its hour")
	}
	w.tokens(w.refresh(client, second.Refresh, nil))
}

func TestC19_RefreshesAtOnceGetOneAnswer(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	g := w.login(client, nil)
	var mu sync.Mutex
	bodies := map[string]int{}
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			a := w.refresh(client, g.Refresh, nil)
			mu.Lock()
			bodies[fmt.Sprint(a.status, a.body)]++
			mu.Unlock()
		})
	}
	all.Wait()
	if len(bodies) != 1 {
		t.Fatalf("%d different answers: %v", len(bodies), bodies)
	}
	w.restart()
	for body := range bodies {
		if a := w.refresh(client, g.Refresh, nil); fmt.Sprint(a.status, a.body) != body || a.status != http.StatusOK {
			t.Errorf("after a restart it is %d %s", a.status, a.body)
		}
	}
}

func TestC20_AUsedRefreshTokenEndsTheLoginAfterItsWindow(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	first := w.login(client, nil)
	second := w.tokens(w.refresh(client, first.Refresh, nil))
	other := w.login(client, nil)
	w.later(replayWindow + time.Second)
	w.refresh(client, first.Refresh, nil).is(t, http.StatusBadRequest, "invalid_grant")
	w.refresh(client, second.Refresh, nil).is(t, http.StatusBadRequest, "invalid_grant")
	if w.good(second.Access) || w.records("auth/reuse") != 1 {
		t.Error("the login has not ended, or is not in the record")
	}
	if !w.good(other.Access) {
		t.Error("another login of the application ended with it")
	}
}

func TestRefresh_OfOthersAndOfTheEnded(t *testing.T) {
	w := newWorld(t)
	client, other := w.client("Cursor"), w.client("Cursor")
	g := w.login(client, nil)
	w.refresh(other, g.Refresh, nil).is(t, http.StatusBadRequest, "invalid_grant")
	w.refresh(client, g.Access, nil).is(t, http.StatusBadRequest, "invalid_grant")
	w.refresh(client, refreshPrefix+strings.Repeat("A", 43), nil).is(t, http.StatusBadRequest, "invalid_grant")
	w.refresh(client, "-", nil).is(t, http.StatusBadRequest, "invalid_request")
	w.refresh(client, g.Refresh, map[string]string{"resource": origin + "/mcp/s/x"}).is(t, http.StatusBadRequest, "invalid_target")
	w.tokens(w.refresh(client, g.Refresh, nil)) // none of those used it up
	w.later(refreshLife + time.Hour)
	w.refresh(client, w.tokens(w.refresh(client, w.login(client, nil).Refresh, nil)).Refresh, nil).is(t, http.StatusOK, "")
}

func TestRefresh_EndsWithTheWholeLifeOfALogin(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	g := w.login(client, nil)
	for range 7 { // 7 × 25 days, each within the life of a token
		w.later(25 * 24 * time.Hour)
		g = w.tokens(w.refresh(client, g.Refresh, nil))
	}
	w.later(6 * 24 * time.Hour)
	w.refresh(client, g.Refresh, nil).is(t, http.StatusBadRequest, "invalid_grant")
}

func TestC21_NoRefreshGivesMoreThanWasAgreedTo(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	g := w.login(client, map[string]string{"scope": "mcp"})
	w.refresh(client, g.Refresh, map[string]string{"scope": "mcp offline_access"}).is(t, http.StatusBadRequest, "invalid_scope")
	w.refresh(client, g.Refresh, map[string]string{"scope": "admin"}).is(t, http.StatusBadRequest, "invalid_scope")
	w.tokens(w.refresh(client, g.Refresh, map[string]string{"scope": "mcp"}))
	wide := w.login(client, nil)
	narrow := w.tokens(w.refresh(client, wide.Refresh, map[string]string{"scope": "offline_access"}))
	if _, err := w.verifier.Verify("Bearer " + narrow.Access); err != ErrScope { //nolint:errorlint // it is returned as it is
		t.Errorf("a token without the scope mcp: %v", err)
	}
	if again := w.tokens(w.refresh(client, narrow.Refresh, nil)); again.Scope != "mcp offline_access" {
		t.Errorf("narrowing one token narrowed the login: %q", again.Scope)
	}
}

func TestC22_Revocation(t *testing.T) {
	w := newWorld(t)
	client, other := w.client("Cursor"), w.client("Cursor")
	revoke := func(client, token string) answer {
		return w.post(revokePath, "application/x-www-form-urlencoded", url.Values{"client_id": {client}, "token": {token}}.Encode())
	}
	g := w.login(client, nil)
	revoke(client, "junk").is(t, http.StatusOK, "")
	revoke(other, g.Refresh).is(t, http.StatusOK, "")
	if !w.good(g.Access) {
		t.Fatal("another application ended it")
	}
	second := w.tokens(w.refresh(client, g.Refresh, nil))
	revoke(client, second.Access).is(t, http.StatusOK, "")
	if w.good(second.Access) || !w.good(g.Access) {
		t.Error("an access token is revoked alone")
	}
	revoke(client, second.Refresh).is(t, http.StatusOK, "")
	if w.good(g.Access) {
		t.Error("a login that was revoked lives")
	}
	w.refresh(client, second.Refresh, nil).is(t, http.StatusBadRequest, "invalid_grant")
	revoke(client, "").is(t, http.StatusBadRequest, "invalid_request")
}

func TestC23_RegistrationsAreBoundedAndCleaned(t *testing.T) {
	w := newWorld(t)
	w.register(`{"client_name":"`+strings.Repeat("x", 1<<20)+`","redirect_uris":["http://localhost/"]}`).is(t, http.StatusRequestEntityTooLarge, "invalid_client_metadata")
	many, _ := json.Marshal(map[string]any{"redirect_uris": slices.Repeat([]string{"http://localhost/"}, 100)})
	w.register(string(many)).is(t, http.StatusBadRequest, "invalid_redirect_uri")
	w.register(`[]`).is(t, http.StatusBadRequest, "invalid_client_metadata")
	w.register(`{"redirect_uris":["http://localhost/"],"grant_types":["password"]}`).is(t, http.StatusBadRequest, "invalid_client_metadata")
	w.register(`{"redirect_uris":["http://localhost/"],"response_types":["token"]}`).is(t, http.StatusBadRequest, "invalid_client_metadata")
	w.post(registerPath, "text/plain", `{"redirect_uris":["http://localhost/"]}`).is(t, http.StatusUnsupportedMediaType, "invalid_client_metadata")
	for given, want := range map[string]string{
		strings.Repeat("n", 10_000): strings.Repeat("n", maxClientName), "Cur\u202esor\u0000\u2066": "Cursor", " a \n\t b ": "a b", "\u200b": unnamed, "": unnamed,
		"<script>alert(1)</script>": "<script>alert(1)</script>",
	} {
		body, _ := json.Marshal(map[string]any{"client_name": given, "redirect_uris": []string{"http://localhost/"}, "token_endpoint_auth_method": "client_secret_basic", "nobody_knows": map[string]int{"a": 1}})
		a := w.register(string(body))
		var got registered
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusCreated || got.Name != want || got.AuthMethod != "none" || strings.Contains(a.body, "secret") {
			t.Errorf("%.20q: %d %s", given, a.status, a.body)
		}
	}
}

func TestC24_ANameIsNoReasonToTakeOneForAnother(t *testing.T) {
	w := newWorld(t)
	first, second := w.client("Cursor"), w.client("Cursor")
	if first == second {
		t.Fatal("two registrations have one id")
	}
	a, b := w.begun(first, nil), w.begun(second, nil)
	if one, other := w.approve(a), w.approve(b); one == other {
		t.Error("two applications are one Client")
	}
	st, err := w.store.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range st.Clients {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"Cursor", "Cursor 2"}) {
		t.Errorf("they are called %q", names)
	}
}

func TestC25_AFloodOfRegistrationsKeepsNobodyOut(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	g := w.login(client, nil)
	tooMany := 0
	for range 1000 {
		a := w.register(`{"redirect_uris":["http://localhost/"]}`)
		if a.status == http.StatusTooManyRequests {
			tooMany++
			if a.header.Get("Retry-After") == "" {
				t.Fatal("no Retry-After")
			}
		}
	}
	if tooMany < 950 {
		t.Errorf("%d of 1000 were refused", tooMany)
	}
	if !w.good(g.Access) || w.refresh(client, g.Refresh, nil).status != http.StatusOK {
		t.Error("a Client suffers")
	}
}

func TestC27_FewRequestsWaitAtATime(t *testing.T) {
	w := newWorld(t)
	first := w.begun(w.client("Cursor"), nil)
	for range 20 {
		w.later(time.Minute / 2) // the limit of registrations is another's matter
		client := w.client("Page")
		for range 10 {
			w.begun(client, nil)
		}
	}
	waiting := w.server.Requests()
	if len(waiting) != maxRequests {
		t.Errorf("%d wait", len(waiting))
	}
	perClient := map[string]int{}
	for _, r := range waiting {
		perClient[r.Registration.ID]++
		if perClient[r.Registration.ID] > maxPerClient {
			t.Error("one application fills the list")
		}
	}
	if status, st := w.state(first, ""); status != http.StatusNotFound || st.State != RequestGone {
		t.Errorf("the oldest is %d %+v", status, st)
	}
	w.later(requestLife)
	if n := len(w.server.Requests()); n != 0 {
		t.Errorf("%d wait after their time", n)
	}
}

func TestState_WaitsForTheDecision(t *testing.T) {
	w := newWorld(t)
	b := w.begun(w.client("Cursor"), nil)
	told := make(chan requestState)
	go func() {
		_, st := w.state(b, "?wait=1")
		told <- st
	}()
	w.approve(b)
	if st := <-told; st.State != RequestApproved || st.Redirect == "" {
		t.Errorf("told %+v", st)
	}
}

func TestConsent_IsRememberedForJustThat(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	w.login(client, map[string]string{"scope": "mcp"})
	asks := func(change map[string]string) Request {
		t.Helper()
		b := w.begun(client, change)
		r, err := w.server.Request(t.Context(), b.id)
		if err != nil || r.Client == "" {
			t.Fatalf("%+v %v", r, err)
		}
		return r
	}
	if r := asks(map[string]string{"scope": "mcp"}); !r.Agreed {
		t.Error("the same wish is asked for again")
	}
	if r := asks(map[string]string{"scope": "mcp", "redirect_uri": "http://localhost:7/callback"}); !r.Agreed {
		t.Error("another port is another wish")
	}
	if asks(map[string]string{"scope": "mcp offline_access"}).Agreed || asks(map[string]string{"scope": "mcp", "resource": origin + "/mcp/s/files"}).Agreed {
		t.Error("a wider or another wish is taken as agreed to")
	}
	st, err := w.store.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.ForgetConsents(t.Context(), st.Clients[0].ID); err != nil {
		t.Fatal(err)
	}
	if asks(map[string]string{"scope": "mcp"}).Agreed {
		t.Error("after it was taken back nothing is asked")
	}
}

// An application that is logged out is the same Client when it is let in again, and what the user chose for it stays.
func TestConsent_ThatWasTakenBackAndGivenAgainIsOfTheSameClient(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	w.login(client, nil)
	st, err := w.store.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	had := st.Clients[0]
	if _, err := w.store.ForgetConsents(t.Context(), had.ID); err != nil {
		t.Fatal(err)
	}
	w.login(client, nil)
	if st, err = w.store.Load(t.Context()); err != nil || len(st.Clients) != 1 || st.Clients[0].ID != had.ID {
		t.Errorf("the clients are %+v, %v", st.Clients, err)
	}
}

// A code that was on its way when the user took the consent back is worth nothing.
func TestConsent_ThatWasTakenBackMakesItsCodeWorthless(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	b := w.begun(client, nil)
	id, err := w.server.Approve(t.Context(), b.id, Approval{New: store.NewClient{Mode: mcpmux.ModeFollow}})
	if err != nil {
		t.Fatal(err)
	}
	code := w.landed(b).Get("code")
	if _, err := w.store.ForgetConsents(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	w.exchange(client, code, nil).is(t, http.StatusBadRequest, "invalid_grant")
}

func TestConsent_EndsWhenTheUserSaid(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	b := w.begun(client, nil)
	until := w.now().Add(2 * time.Hour)
	if _, err := w.server.Approve(t.Context(), b.id, Approval{New: store.NewClient{Mode: mcpmux.ModeFollow}, Until: &until}); err != nil {
		t.Fatal(err)
	}
	g := w.tokens(w.exchange(client, w.landed(b).Get("code"), nil))
	w.later(90 * time.Minute)
	if g = w.tokens(w.refresh(client, g.Refresh, nil)); g.Expires > 1800 {
		t.Errorf("a token lives %d s, beyond the end", g.Expires)
	}
	w.later(31 * time.Minute)
	if w.good(g.Access) || w.refresh(client, g.Refresh, nil).status != http.StatusBadRequest {
		t.Error("it goes on after its end")
	}
}

func TestClient_ThatIsRemovedHasNothingLeft(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	g := w.login(client, nil)
	late := w.code(client, nil)
	waiting := w.begun(client, nil)
	st, err := w.store.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.DeleteClient(t.Context(), st.Clients[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := w.apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.good(g.Access) {
		t.Error("its token is good")
	}
	w.refresh(client, g.Refresh, nil).is(t, http.StatusBadRequest, "invalid_grant")
	w.exchange(client, late, nil).is(t, http.StatusBadRequest, "invalid_grant")
	if q, err := w.server.Request(t.Context(), waiting.id); err != nil || q.State != RequestWaiting {
		t.Errorf("%+v %v", q, err)
	}
}

func TestAudience_OfOneServer(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	code := w.code(client, map[string]string{"resource": "http://127.0.0.1:45818/mcp/s/files"})
	g := w.tokens(w.exchange(client, code, map[string]string{"resource": "-"}))
	if who, err := w.verifier.Verify("Bearer " + g.Access); err != nil || who.Alias != "files" {
		t.Errorf("%+v %v", who, err)
	}
}

func TestMetadata_SaysWhatThereIs(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{serverMetadataPath, serverMetadataPath + "/mcp"} {
		a := w.get(path)
		if want := `{"issuer":"http://localhost:45818","authorization_endpoint":"http://localhost:45818/oauth/authorize","token_endpoint":"http://localhost:45818/oauth/token",` +
			`"registration_endpoint":"http://localhost:45818/oauth/register","revocation_endpoint":"http://localhost:45818/oauth/revoke","response_types_supported":["code"],` +
			`"response_modes_supported":["query"],"grant_types_supported":["authorization_code","refresh_token"],"code_challenge_methods_supported":["S256"],` +
			`"token_endpoint_auth_methods_supported":["none"],"revocation_endpoint_auth_methods_supported":["none"],"scopes_supported":["mcp","offline_access"],` +
			`"client_id_metadata_document_supported":true,"authorization_response_iss_parameter_supported":true}` + "\n"; a.body != want || a.status != http.StatusOK {
			t.Errorf("%s: %d\n%s", path, a.status, a.body)
		}
	}
	for path, want := range map[string]string{"": "/mcp", "/mcp": "/mcp", "/sse": "/sse", "/mcp/s/files": "/mcp/s/files"} {
		a := w.get(MetadataPath + path)
		var got resource
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Resource != origin+want || !slices.Equal(got.Servers, []string{origin}) || !slices.Equal(got.Scopes, []string{"mcp"}) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := w.get(MetadataPath + "/admin"); a.status != http.StatusNotFound {
		t.Errorf("of no endpoint: %d", a.status)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:45818"+MetadataPath+"/mcp", nil)
	if a := w.send(r); !strings.Contains(a.body, `"resource":"http://127.0.0.1:45818/mcp"`) {
		t.Errorf("by another name: %s", a.body)
	}
}

// A browser begins a request where its user sees the page, and nowhere else.
func TestAuthorize_IsForPagesThatAreShown(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		want    int
		headers map[string]string
	}{
		{http.StatusFound, nil},
		{http.StatusFound, map[string]string{"Sec-Fetch-Mode": "cors"}}, // a program that is no browser
		{http.StatusFound, map[string]string{"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}},
		{http.StatusFound, map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}},
		{http.StatusForbidden, map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}},
		{http.StatusForbidden, map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}},
		{http.StatusForbidden, map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}},
		{http.StatusForbidden, map[string]string{"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Purpose": "prefetch;prerender"}},
	} {
		id := w.client("Editor") // another each time, for one has three requests at most
		before := len(w.server.Requests())
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, origin+authorizePath+"?"+wish(id, nil).Encode(), nil)
		for name, value := range tc.headers {
			r.Header.Set(name, value)
		}
		if a := w.send(r); a.status != tc.want {
			t.Errorf("%v: %d", tc.headers, a.status)
		}
		if begun := len(w.server.Requests()) > before; begun != (tc.want == http.StatusFound) {
			t.Errorf("%v: a request was begun: %v", tc.headers, begun)
		}
	}
}
