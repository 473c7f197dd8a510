package authserver

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Users decide by the host that they read; browsers go where the bytes lead.
func TestRedirect_AHostReadsAsWhereItLeads(t *testing.T) {
	for text, want := range map[string]bool{
		"https://example.com/cb":                         true,
		"https://EXAMPLE.com:8443/cb":                    true,
		"https://xn--80ak6aa92e.com/cb":                  true,
		"https://my_app.example./cb":                     true,
		"https://192.0.2.7/cb":                           true,
		"https://[2001:db8::7]:8443/cb":                  true,
		"https://%D1%80aypal.com/cb":                     false, // a Cyrillic letter that looks like p
		"https://evil.example%E2%80%AE/cb":               false, // turns the writing around
		"https://accounts.example.com%E2%95%B1.evil/cb":  false, // looks like a slash
		"https://[fe80::1%25eth0]/cb":                    false,
		"https://-/cb":                                   false,
		"https://*.example.com/cb":                       false,
		"https://accounts.example.com,evil.example/cb":   false,
		"https://accounts.example.com;@evil.example/cb":  false,
		"https://accounts.example.com&x=.evil.example/c": false,
	} {
		if err := checkRedirect(text); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
		if got := isDocument(text); got && !want {
			t.Errorf("%s is the address of a document", text)
		}
	}
}

// How an address is written is no reason to say something else of it.
func TestRequest_SaysWhereTheAnswerGoesHoweverItIsWritten(t *testing.T) {
	for text, want := range map[string]struct {
		host   string
		scheme bool
	}{
		"https://example.com/cb":    {"example.com", false},
		"HTTPS://Example.com/cb":    {"example.com", false},
		"https://example.com:/cb":   {"example.com", false},
		"Http://localhost:1/cb":     {"localhost", false},
		"cursor://oauth/callback":   {"cursor:", true},
		"com.example.app:/callback": {"com.example.app:", true},
	} {
		r := Request{RedirectURI: text}
		if err := checkRedirect(text); err != nil || redirectHost(text) != want.host || r.CustomScheme() != want.scheme {
			t.Errorf("%s: %v, %q, %v", text, err, redirectHost(text), r.CustomScheme())
		}
	}
}

func TestRegistration_WhatCannotBeSeenIsNoPartOfAName(t *testing.T) {
	for name, want := range map[string]string{
		"Claude\u3164 Code\ufe0f": "Claude Code",
		"Cur\u034fsor\u115f":      "Cursor",
		"\u2800\u3164":            unnamed,
		"Ünïcødé 名前 ✨":            "Ünïcødé 名前 ✨",
	} {
		if got := cleanName(name); got != want {
			t.Errorf("%+q is shown as %+q", name, got)
		}
	}
}

// The name of an endpoint is shown to the user and kept: only what may be one gets there.
func TestAuthorize_AResourceThatCanBeNoEndpointIsRefused(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	for _, path := range []string{"/mcp/s/%E2%80%AEevil", "/mcp/s/a%20b", "/mcp/s/a%2Fb", "/mcp/s/Files", "/mcp/s/-a", "/mcp/s/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"} {
		a := w.authorize(client, map[string]string{"resource": origin + path})
		if a.status != http.StatusFound || !strings.Contains(a.header.Get("Location"), "error=invalid_target") {
			t.Errorf("%s: %d %s", path, a.status, a.header.Get("Location"))
		}
		w.get(MetadataPath+path).is(t, http.StatusNotFound, "not_found")
	}
	if n := len(w.server.Requests()); n != 0 {
		t.Errorf("%d requests wait", n)
	}
}

// A browser that comes back to the page is not sent to the application with a code that was used: that would end the login.
func TestState_TellsOfNoCodeThatWasUsed(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	b := w.begun(client, nil)
	w.approve(b)
	code := w.landed(b).Get("code")
	if again := w.landed(b).Get("code"); again != code {
		t.Error("there are two codes")
	}
	g := w.tokens(w.exchange(client, code, nil))
	if status, st := w.state(b, ""); status != http.StatusOK || st.State != RequestApproved || st.Redirect != "" || w.server.Location(b.id) != "" {
		t.Errorf("%d %+v", status, st)
	}
	if !w.good(g.Access) {
		t.Error("the login has ended")
	}
}

// Who decides in the last second gets the answer all the same.
func TestState_TellsTheOutcomeForAsLongAsACodeLives(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	b := w.begun(client, nil)
	w.later(requestLife - time.Second)
	w.approve(b)
	w.later(codeLife - time.Second)
	w.tokens(w.exchange(client, w.landed(b).Get("code"), nil))
	w.later(2 * time.Second)
	if status, st := w.state(b, ""); status != http.StatusNotFound || st.State != RequestGone {
		t.Errorf("%d %+v", status, st)
	}
	if b.cookie.MaxAge != int((requestLife+codeLife)/time.Second) {
		t.Errorf("the browser keeps the cookie for %d s", b.cookie.MaxAge)
	}
}

// An application that renews all the time fills nothing, and what it has goes on.
func TestRefresh_TokensOfALoginAreBounded(t *testing.T) {
	w := newWorld(t)
	client := w.client("Cursor")
	first := w.login(client, nil)
	g := first
	for range 40 {
		w.later(2 * time.Second)
		g = w.tokens(w.refresh(client, g.Refresh, nil))
	}
	st, err := w.store.Load(t.Context())
	if err != nil || len(st.Tokens) != 32 {
		t.Fatalf("%d access tokens are kept, %v", len(st.Tokens), err)
	}
	if w.good(first.Access) || !w.good(g.Access) {
		t.Error("it is not the oldest that makes room")
	}
	w.refresh(client, first.Refresh, nil).is(t, http.StatusBadRequest, "invalid_grant")
	if w.good(g.Access) {
		t.Error("a refresh token that was used long ago is not known any more")
	}
}
