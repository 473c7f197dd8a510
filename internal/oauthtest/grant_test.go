package oauthtest

import (
	"bytes"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"
)

func TestToken_CodeIsBoundToWhatItWasGivenFor(t *testing.T) {
	for name, change := range map[string]func(url.Values){
		"other verifier":   func(q url.Values) { q.Set("code_verifier", "0123456789012345678901234567890123456789012345") },
		"no verifier":      func(q url.Values) { q.Del("code_verifier") },
		"other redirect":   func(q url.Values) { q.Set("redirect_uri", "http://127.0.0.1:10/callback") },
		"no resource":      func(q url.Values) { q.Del("resource") },
		"other resource":   func(q url.Values) { q.Set("resource", "https://example.com/mcp") },
		"two resources":    func(q url.Values) { q.Add("resource", "https://example.com/mcp") },
		"other client":     func(q url.Values) { q.Set("client_id", "client-9") },
		"unknown code":     func(q url.Values) { q.Set("code", "co-x") },
		"unknown grant":    func(q url.Values) { q.Set("grant_type", "password") },
		"code twice":       func(q url.Values) { q.Add("code", q.Get("code")) },
		"the right things": func(url.Values) {},
	} {
		s := New(t, Script{})
		w := newWalker(t, s)
		w.register(AuthNone)
		back, verifier := w.authorize(s.MCP())
		q := url.Values{
			"client_id": {w.id}, "grant_type": {"authorization_code"}, "code": {back.Get("code")}, "code_verifier": {verifier},
			"redirect_uri": {redirectURI}, "resource": {s.MCP()},
		}
		change(q)
		a := w.do(w.request(http.MethodPost, s.Issuer()+"/token", "application/x-www-form-urlencoded", []byte(q.Encode())))
		if ok := a.StatusCode == http.StatusOK; ok != (name == "the right things") {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.raw)
		}
	}
}

func TestToken_CodeUsedTwiceEndsWhatItGave(t *testing.T) {
	s := New(t, Script{})
	w := newWalker(t, s)
	w.register(AuthNone)
	back, verifier := w.authorize(s.MCP())
	a := w.redeem(back.Get("code"), verifier, s.MCP())
	w.want(w.redeem(back.Get("code"), verifier, s.MCP()), 400, "invalid_grant")
	w.want(w.call("/mcp", a.text("access_token"), "whoami"), 401, "")
	w.want(w.refresh(a.text("refresh_token")), 400, "invalid_grant")
}

func TestAuthorize_UnknownClientOrRedirectIsNotRedirected(t *testing.T) {
	s := New(t, Script{Documents: map[string]string{
		"https://app.example/client.json": `{"client_id":"https://app.example/client.json","redirect_uris":["http://127.0.0.1/callback"]}`,
		"https://app.example/wrong.json":  `{"client_id":"https://other.example/client.json","redirect_uris":["http://127.0.0.1/callback"]}`,
	}})
	w := newWalker(t, s)
	w.register(AuthNone)
	for _, c := range []struct {
		id, redirect string
		ok           bool
	}{
		{w.id, "http://127.0.0.1:5/callback", true},
		{w.id, "http://localhost:5/callback", false},
		{w.id, "http://127.0.0.1:5/callback2", false},
		{w.id, "https://127.0.0.1:5/callback", false},
		{w.id, "http://127.0.0.1:5/callback?x=1", false},
		{w.id, "http://example.com/callback", false},
		{w.id, "", false},
		{"client-9", redirectURI, false},
		{"https://app.example/client.json", redirectURI, true},
		{"https://app.example/client.json", "http://127.0.0.1:5/other", false},
		{"https://app.example/wrong.json", redirectURI, false},
		{"https://app.example/unseen.json", redirectURI, true},
		{"https://app.example/unseen.json", "https://example.com/", false},
		{"https://app.example/", redirectURI, false},
		{"http://app.example/client.json", redirectURI, false},
	} {
		q := url.Values{
			"response_type": {"code"}, "client_id": {c.id}, "redirect_uri": {c.redirect}, "resource": {s.MCP()},
			"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
		}
		if a := w.get(s.Issuer() + "/authorize?" + q.Encode()); (a.StatusCode == http.StatusFound) != c.ok {
			t.Errorf("%s to %s: %d %s", c.id, c.redirect, a.StatusCode, a.raw)
		}
	}
}

func TestAuthorize_WhatIsWrongGoesBackAsAnError(t *testing.T) {
	s := New(t, Script{Scopes: []string{"read"}})
	w := newWalker(t, s)
	w.register(AuthNone)
	for want, change := range map[string]url.Values{
		"":                          {},
		"invalid_scope":             {"scope": {"read write"}},
		"invalid_request":           {"code_challenge": nil},
		"invalid_target":            {"resource": nil},
		"unsupported_response_type": {"response_type": {"token"}},
	} {
		q := url.Values{
			"response_type": {"code"}, "client_id": {w.id}, "redirect_uri": {redirectURI}, "resource": {s.MCP()}, "state": {"x&y=1"},
			"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
		}
		maps.Copy(q, change)
		back, err := url.Parse(Approve(t, w.c, s.Issuer()+"/authorize?"+q.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		got := back.Query()
		if got.Get("error") != want || got.Get("state") != "x&y=1" || got.Get("iss") != s.Issuer() || got.Has("code") != (want == "") {
			t.Errorf("redirected with %v, want error %q", got, want)
		}
	}
}

func TestAuthorize_ScriptChangesTheRedirect(t *testing.T) {
	s := New(t, Script{Deny: "access_denied"})
	w := newWalker(t, s)
	w.register(AuthNone)
	if back, _ := w.authorize(s.MCP()); back.Get("error") != "access_denied" || back.Has("code") {
		t.Errorf("denied: %v", back)
	}
	s.Update(func(c *Script) {
		c.Deny, c.Callback = "", url.Values{"iss": {"{issuer}/"}, "state": nil, "code": {"a", "b"}}
	})
	if back, _ := w.authorize(s.MCP()); back.Get("iss") != s.Issuer()+"/" || back.Has("state") || len(back["code"]) != 2 {
		t.Errorf("changed: %v", back)
	}
	s.Update(func(c *Script) {
		c.Callback, c.ASM = nil, Members{"authorization_response_iss_parameter_supported": nil}
	})
	if back, _ := w.authorize(s.MCP()); back.Has("iss") {
		t.Errorf("iss is not advertised: %v", back)
	}
	s.Update(func(c *Script) { c.Callback = url.Values{"iss": {"{issuer}"}} })
	if back, _ := w.authorize(s.MCP()); back.Get("iss") != s.Issuer() {
		t.Errorf("iss is there all the same: %v", back)
	}
}

func TestRefresh_UsedTokenEndsItsFamily(t *testing.T) {
	s := New(t, Script{})
	w := newWalker(t, s)
	first := w.login()
	second := w.refresh(first.text("refresh_token"))
	w.want(second, 200, "refresh_token")
	w.want(w.refresh(first.text("refresh_token")), 400, "invalid_grant")
	w.want(w.refresh(second.text("refresh_token")), 400, "invalid_grant")
	w.want(w.call("/mcp", second.text("access_token"), "whoami"), 401, "")
}

func TestRefresh_IsAsTheScriptSays(t *testing.T) {
	s := New(t, Script{Grace: true})
	w := newWalker(t, s)
	a := w.login()
	w.want(w.refresh(a.text("refresh_token")), 200, "refresh_token")
	b := w.refresh(a.text("refresh_token"))
	w.want(b, 200, "refresh_token")
	w.want(w.refresh(b.text("refresh_token")), 200, "refresh_token")
	w.want(w.refresh(a.text("refresh_token")), 400, "invalid_grant")

	s.Update(func(c *Script) { *c = Script{KeepRefresh: true} })
	a = w.login()
	for range 2 {
		b = w.refresh(a.text("refresh_token"))
		if w.want(b, 200, "access_token"); b.text("refresh_token") != "" {
			t.Errorf("a refresh token that is kept is repeated: %s", b.raw)
		}
	}
	for _, script := range []Script{{NoRefresh: true}, {OfflineOnly: true}} {
		s.Update(func(c *Script) { *c = script })
		if a = w.login(); a.text("refresh_token") != "" || a.StatusCode != http.StatusOK {
			t.Errorf("%d %s", a.StatusCode, a.raw)
		}
	}
	w.scope = "offline_access"
	w.want(w.login(), 200, `"refresh_token"`)
	w.want(w.form(s.Issuer()+"/token", "grant_type", "refresh_token", "refresh_token", w.login().text("refresh_token")), 400, "invalid_target")
}

func TestResource_RefusesTokensOfAnother(t *testing.T) {
	s := New(t, Script{Paths: []string{"/a/mcp", "/b/mcp"}})
	w := newWalker(t, s)
	a := w.login()
	w.want(w.call("/a/mcp", a.text("access_token"), "whoami"), 200, "alice")
	w.want(w.call("/b/mcp", a.text("access_token"), "whoami"), 401, "")
	w.want(w.call("/a/mcp", a.text("refresh_token"), "whoami"), 401, "")
	if s.Resource().Calls("whoami") != 1 || s.ResourceAt("/b/mcp").Calls("whoami") != 0 {
		t.Error("the door lets through what it should not")
	}
	w.want(w.get(s.Origin()+"/.well-known/oauth-protected-resource/b/mcp"), 200, s.MCPAt("/b/mcp"))
}

func TestResource_MetadataMayNameItByItsOrigin(t *testing.T) {
	s := New(t, Script{PRM: Members{"resource": "{origin}"}})
	w := newWalker(t, s)
	w.register(AuthNone)
	for resource, ok := range map[string]bool{s.Origin(): true, s.MCP(): true, s.Origin() + "/other": false} {
		back, verifier := w.authorize(resource)
		if back.Has("code") != ok {
			t.Errorf("%s: %v", resource, back)
		}
		if ok {
			w.want(w.call("/mcp", w.redeem(back.Get("code"), verifier, resource).text("access_token"), "whoami"), 200, "alice")
		}
	}
}

func TestResource_AnyIsForClientsWithoutTheParameter(t *testing.T) {
	s := New(t, Script{AnyResource: true, Shared: true, PRMPlace: PRMNone, ASMPlace: ASMNone})
	w := newWalker(t, s)
	a := w.call("/mcp", "", "whoami")
	if w.want(a, 401, ""); a.Header.Get("Www-Authenticate") != "Bearer" {
		t.Errorf("challenge %q", a.Header.Get("Www-Authenticate"))
	}
	w.register(AuthNone)
	verifier := "0123456789012345678901234567890123456789012345"
	q := url.Values{
		"response_type": {"code"}, "client_id": {w.id}, "redirect_uri": {redirectURI}, "code_challenge": {challengeOf(verifier)},
		"code_challenge_method": {"S256"},
	}
	back, err := url.Parse(Approve(t, nil, s.URL()+"/authorize?"+q.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	a = w.form(s.URL()+"/token", "grant_type", "authorization_code", "code", back.Query().Get("code"), "code_verifier", verifier, "redirect_uri", redirectURI)
	w.want(w.call("/mcp", a.text("access_token"), "whoami"), 200, "alice")
	w.want(w.form(s.URL()+"/token", "grant_type", "refresh_token", "refresh_token", a.text("refresh_token")), 200, "access_token")
}

func TestScopes_AreNeededByTools(t *testing.T) {
	s := New(t, Script{ChallengeScope: "basic"})
	w := newWalker(t, s)
	if got := w.call("/mcp", "", "whoami").Header.Get("Www-Authenticate"); !bytes.Contains([]byte(got), []byte(`scope="basic"`)) {
		t.Errorf("challenge %q", got)
	}
	w.scope = "basic"
	a := w.login()
	w.want(a, 200, `"scope":"basic"`)
	w.want(w.call("/mcp", a.text("access_token"), "whoami"), 200, "")
	no := w.call("/mcp", a.text("access_token"), "admin")
	w.want(no, 403, "")
	want := `Bearer error="insufficient_scope", scope="admin", resource_metadata="` + s.Origin() + `/.well-known/oauth-protected-resource/mcp"`
	if got := no.Header.Get("Www-Authenticate"); got != want {
		t.Errorf("challenge %s, want %s", got, want)
	}
	w.scope = "basic admin"
	a = w.login()
	w.want(w.call("/mcp", a.text("access_token"), "admin"), 200, "done")
	s.Update(func(c *Script) { c.Forbid = true })
	w.want(w.call("/mcp", a.text("access_token"), "admin"), 403, "")
	s.Update(func(c *Script) { c.Forbid, c.Needs = false, map[string]string{"": "every", "echo": "echo"} })
	w.want(w.call("/mcp", a.text("access_token"), "whoami"), 403, "")
	s.Update(func(c *Script) { c.Granted = "every" })
	w.want(w.call("/mcp", w.login().text("access_token"), "whoami"), 200, "alice")
}

func TestTokens_EndWhenTheTestSaysSo(t *testing.T) {
	s := New(t, Script{})
	w := newWalker(t, s)
	a := w.login()
	if r, ok := s.Record(a.text("access_token")); !ok || !r.Live || r.Resource != s.MCP() || r.Account != "alice" || r.Client != w.id {
		t.Errorf("record %+v, %v", r, ok)
	}
	s.Revoke(a.text("access_token"))
	w.want(w.call("/mcp", a.text("access_token"), "whoami"), 401, "")
	a = w.refresh(a.text("refresh_token"))
	s.ExpireAll()
	w.want(w.call("/mcp", a.text("access_token"), "whoami"), 401, "")
	a = w.refresh(a.text("refresh_token"))
	w.want(w.call("/mcp", a.text("access_token"), "whoami"), 200, "alice")
	s.RevokeAll()
	w.want(w.call("/mcp", a.text("access_token"), "whoami"), 401, "")
	w.want(w.refresh(a.text("refresh_token")), 400, "invalid_grant")
	for _, want := range []string{a.text("access_token"), a.text("refresh_token")} {
		if !slices.Contains(s.Tokens(), want) {
			t.Error("a token is not among those that were given out")
		}
	}

	s.Update(func(c *Script) { c.Life = -1 })
	w.want(w.call("/mcp", w.login().text("access_token"), "whoami"), 401, "")
}

func TestDevice_WaitsForThePerson(t *testing.T) {
	s := New(t, Script{Polls: []string{"authorization_pending", "slow_down"}, DeviceWaits: true, Account: "carol"})
	w := newWalker(t, s)
	w.register(AuthNone)
	start := func() answer { return w.form(s.Issuer()+"/device_authorization", "resource", s.MCP()) }
	poll := func(code string) answer {
		return w.form(s.Issuer()+"/token", "grant_type", grantDevice, "device_code", code, "resource", s.MCP())
	}
	a := start()
	w.want(a, 200, `"interval":1`)
	for _, want := range []string{"authorization_pending", "slow_down", "authorization_pending", "authorization_pending"} {
		w.want(poll(a.text("device_code")), 400, want)
	}
	w.want(w.get(a.text("verification_uri")), 400, "not known")
	w.want(w.get(a.text("verification_uri_complete")), 200, "connected")
	got := poll(a.text("device_code"))
	w.want(w.call("/mcp", got.text("access_token"), "whoami"), 200, "carol")
	w.want(poll(a.text("device_code")), 400, "invalid_grant")

	for _, end := range []string{"access_denied", "expired_token"} {
		s.Update(func(c *Script) { c.Polls = []string{end} })
		a = start()
		w.want(poll(a.text("device_code")), 400, end)
		w.want(poll(a.text("device_code")), 400, "invalid_grant")
	}
	s.Update(func(c *Script) { *c = Script{Interval: -1, DeviceAnswer: Members{"verification_uri_complete": nil}} })
	a = start()
	if a.json["interval"] != nil || a.json["verification_uri_complete"] != nil {
		t.Errorf("answer %s", a.raw)
	}
	w.want(poll(a.text("device_code")), 200, "access_token")
}

func TestMigrate_AnotherServerIsInCharge(t *testing.T) {
	s := New(t, Script{Clients: []Client{{ID: "known"}}})
	w := newWalker(t, s)
	w.id = "known"
	a := w.login()
	w.want(w.call("/mcp", a.text("access_token"), "whoami"), 200, "")
	before := s.Issuer()
	if after := s.Migrate(); after == before || after != s.Issuer() {
		t.Fatalf("issuer %s after %s", after, before)
	}
	w.want(w.call("/mcp", a.text("access_token"), "whoami"), 401, "")
	w.want(w.get(s.Origin()+"/.well-known/oauth-protected-resource/mcp"), 200, s.Issuer())
	w.want(w.refresh(a.text("refresh_token")), 401, "invalid_client")
	w.id = ""
	w.want(w.call("/mcp", w.login().text("access_token"), "whoami"), 200, "alice")
	if last := s.Requests(Token); last[len(last)-1].AS != 1 || last[0].AS != 0 {
		t.Error("the log does not say which authorization server it was")
	}
}
