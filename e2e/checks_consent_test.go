package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// Whatever can be seen before the user approves is worth nothing: at the token endpoint, at the MCP endpoint, and at
// the dashboard.
func TestConsent_NothingSeenBeforeItCanBeExchanged(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	a := d.newApp("Editor")
	q := a.wish()
	request := a.begin()
	code := d.requestCode(request)
	visible := map[string]string{
		"the request's id": request, "the request's code": code, "its code without the hyphen": strings.ReplaceAll(code, "-", ""), "the client id": a.id, "the state": a.state,
		"the verifier": a.verifier, "the challenge": q.Get("code_challenge"), "the authorize address": a.at("/oauth/authorize?" + q.Encode()),
		"the address of the page": "http://" + d.Dashboard + "/consent/" + request, "the MAC of the client id": a.id[strings.LastIndex(a.id, ".")+1:],
	}
	for _, c := range a.browser.Jar.Cookies(mustURL(t, "http://"+d.Dashboard+"/")) {
		visible["the cookie"] = c.Value
		visible["the cookie's name"] = c.Name
	}
	if visible["the cookie"] == "" {
		t.Fatal("there is no cookie")
	}
	_, _, page := send(t, a.browser, http.MethodGet, "http://"+d.Dashboard+"/consent/"+request, "")
	visible["the page"] = string(page)
	_, _, state := send(t, a.browser, http.MethodGet, "http://"+d.Dashboard+"/consent-state/"+request, "")
	visible["what the page is told"] = string(state)

	try := func(when string) {
		t.Helper()
		for what, v := range visible {
			for _, prefix := range []string{"", "mm_ac_", "mm_rt_", "mm_at_", "mm_key_", "mm_tkt_"} {
				if len(v) > 2000 && prefix != "" {
					continue
				}
				secret := prefix + v
				for _, f := range []url.Values{
					a.exchange(secret), a.renewal(secret),
					{"grant_type": {"client_credentials"}, "client_id": {a.id}, "client_secret": {secret}},
					{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {a.id}, "device_code": {secret}},
					{"grant_type": {"password"}, "client_id": {a.id}, "username": {"x"}, "password": {secret}},
				} {
					// The limit is by client: which of the two refuses does not matter here.
					if status, _, text := a.form("/oauth/token", f); status/100 == 2 || bytes.Contains(text, []byte("access_token")) {
						t.Errorf("%s, %s as %s: %d %s", when, what, f.Get("grant_type"), status, text)
					}
				}
				if strings.ContainsAny(secret, "\r\n") {
					continue
				}
				if r := d.MCP(secret).Post(initialize); r.Status != http.StatusUnauthorized && r.Status != http.StatusRequestHeaderFieldsTooLarge {
					t.Errorf("%s, %s as a bearer: %d %s", when, what, r.Status, r.Body)
				}
				if status, _, text := d.enter(newBrowser(t), mustJSON(t, map[string]string{"ticket": secret})); status/100 == 2 {
					t.Errorf("%s, %s as a ticket: %d %s", when, what, status, text)
				}
			}
		}
	}
	try("before")
	// Nor does asking again and again, or in another way, let anybody in.
	for _, path := range []string{"/requests/" + request + "/approve", "/clients/Editor/approve", "/clients/" + code + "/approve"} {
		for _, lines := range [][]string{nil, {"X-Mcpmux-Session: " + visible["the cookie"]}, {"Authorization: Bearer " + a.verifier}} {
			status, _, text := send(t, a.browser, http.MethodPost, "http://"+d.Dashboard+"/api/v1"+path, `{"code":"`+code+`"}`, append(lines, "Content-Type: application/json")...)
			if status != http.StatusUnauthorized && status != http.StatusForbidden {
				t.Errorf("%s %v: %d %s", path, lines, status, text)
			}
		}
	}
	if out := d.CLI("--json", "client", "show", "Editor"); !strings.Contains(out, `"approved": false`) && !strings.Contains(out, `"approved":false`) {
		t.Errorf("it is let in: %s", out)
	}
	to := a.decide(request, "deny", "")
	visible["the answer"] = to.String()
	try("after a denial")
	var all []json.RawMessage
	if d.JSON(&all, "client", "list"); len(all) != 0 {
		t.Errorf("clients: %s", all)
	}
}

// requestCode is the code of a request that waits, as the command line shows it.
func (d *Daemon) requestCode(id string) string {
	d.t.Helper()
	_, text := d.Admin(http.MethodGet, "/requests/"+id, "")
	var r struct{ Code string }
	if err := json.Unmarshal([]byte(text), &r); err != nil || r.Code == "" {
		d.t.Fatalf("request: %s", text)
	}
	return r.Code
}

// Each credential of a client that was removed is refused from its next request on, and what was open ends: in every
// era and transport, in flight or idle.
func TestConsent_ARemovedClientHasNothingLeft(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	s := d.AddScripted("s", mcptest.Script{})
	for _, command := range [][]string{{"client", "remove", "Editor"}, {"client", "deny", "Editor"}} {
		a := d.newApp("Editor")
		waiting := a.code() // approved, and not exchanged yet
		got, again := a.logIn(), a.logIn()
		renewed := a.given(a.renewal(again.Refresh))
		var made struct {
			Secret string `json:"access_key"`
		}
		d.JSON(&made, "client", "key", "create", "Editor")
		bearers := map[string]string{"a token": got.Access, "a token of another login": again.Access, "a renewed token": renewed.Access, "an access key": made.Secret}
		sessions := map[string]*MCP{}
		var streams []<-chan json.RawMessage
		for what, bearer := range bearers {
			sessions[what] = d.Session(bearer)
			streams = append(streams, sessions[what].Listen())
		}
		held := later(t, func() *Reply { return d.Session(got.Access).Call("s_hold", `{}`) })
		awaitScripted(t, s, soon, "a call that waits", func() bool { return s.Holding() == 1 })

		d.CLI(command...)
		want := http.StatusUnauthorized
		if command[1] == "deny" {
			want = http.StatusForbidden
		}
		for what, m := range sessions {
			if r := m.Legacy("tools/list", `{}`); r.Status != want {
				t.Errorf("%v, %s in its session: %d %s", command, what, r.Status, r.Body)
			}
			d.wantBearer(what, bearers[what], want)
			if r := d.MCP(bearers[what]).Modern("tools/list", `{}`, "", `{}`); r.Status != want {
				t.Errorf("%v, %s, stateless: %d %s", command, what, r.Status, r.Body)
			}
		}
		for _, stream := range streams {
			ended(t, stream)
		}
		a.refused("its refresh token", a.renewal(got.Refresh), "invalid_grant")
		a.refused("its renewed one", a.renewal(renewed.Refresh), "invalid_grant")
		a.refused("its used one", a.renewal(again.Refresh), "invalid_grant")
		a.refused("its code", a.exchange(waiting), "invalid_grant")
		s.Release()
		if r := <-held; r.Status == http.StatusOK && len(r.Messages) > 0 && r.Last(t).Error == nil {
			t.Logf("%v: the call that was in flight was answered", command)
		}
		// It may ask again, and the user is asked again: nothing is remembered of it.
		id := a.begin()
		_, text := d.newDesk(a.browser).ask(http.MethodGet, "/requests/"+id, "")
		if !bytes.Contains(text, []byte(`"agreed":false`)) {
			t.Errorf("%v: what was agreed to is remembered: %s", command, text)
		}
		a.decide(id, "deny", "")
		d.TryCLI("client", "remove", "Editor")
	}
}
