package authclient

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/oauthtest"
	"github.com/mcpmux/mcpmux/internal/secret"
	"github.com/mcpmux/mcpmux/internal/store"
)

// refusal is how the Server refuses what there is.
func (w *world) refusal(id mcpmux.ServerID) Refusal {
	w.t.Helper()
	r := w.use(id)
	if r == nil {
		w.t.Fatal("the server lets us in")
	}
	return *r
}

func (w *world) renew(id mcpmux.ServerID) error {
	w.t.Helper()
	return w.Renew(w.t.Context(), id, w.refusal(id))
}

// grants counts requests for tokens by one grant.
func (w *world) grants(grant string) (n int) {
	for _, q := range w.at.Requests(oauthtest.Token) {
		if q.Form.Get("grant_type") == grant {
			n++
		}
	}
	return n
}

func needs(t *testing.T, err error, words string) {
	t.Helper()
	need, ok := errors.AsType[*NeedsLogin](err)
	if !ok || !strings.Contains(need.Reason, words) {
		t.Errorf("got %v, want a login for %q", err, words)
	}
}

func TestRenew_RotatedTokenIsStoredBeforeItIsUsed(t *testing.T) {
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.login(id)
	for range 3 {
		w.at.ExpireAll()
		r := w.refusal(id)
		w.pass(refusalsIn)
		if err := w.Renew(t.Context(), id, r); err != nil {
			t.Fatal(err)
		}
		have, err := w.tokens(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []string{have.Access, have.Refresh} {
			if rec, ok := w.at.Record(token); !ok || !rec.Live {
				t.Error("what is stored is not what the authorization server gave last")
			}
		}
		w.mustUse(id)
	}
}

func TestRenew_RefreshTokenThatIsNotReplacedStays(t *testing.T) {
	w := newWorld(t, oauthtest.Script{KeepRefresh: true})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.login(id)
	for range 2 {
		w.at.ExpireAll()
		if err := w.renew(id); err != nil {
			t.Fatal(err)
		}
		w.mustUse(id)
	}
}

// A token whose time is over is renewed when a connection is made, and nobody is refused.
func TestAccess_RenewsWhatIsOver(t *testing.T) {
	w := newWorld(t, oauthtest.Script{Life: 600})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.login(id)
	before, _ := w.Access(t.Context(), id)
	w.pass(9*time.Minute - time.Second)
	if same, _ := w.Access(t.Context(), id); same.Reveal() != before.Reveal() {
		t.Error("renewed too early")
	}
	w.pass(2 * time.Second) // a minute before the end counts as the end
	w.at.ExpireAll()
	w.mustUse(id)
	if n := w.grants("refresh_token"); n != 1 {
		t.Errorf("%d refreshes", n)
	}
}

func TestDue_IsAheadOfTheEndAndNotAtOnce(t *testing.T) {
	at := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	server := func(life time.Duration, renewable bool, keepAlive bool) *mcpmux.Server {
		l := &mcpmux.LoggedIn{ObtainedAt: at, Renewable: renewable}
		if life > 0 {
			ends := at.Add(life)
			l.ExpiresAt = &ends
		}
		return &mcpmux.Server{ID: "s", Enabled: true, LoggedIn: l, Login: mcpmux.LoginConfig{KeepAlive: keepAlive}}
	}
	for name, c := range map[string]struct {
		srv         *mcpmux.Server
		first, last time.Duration // of the life; 0 is never
	}{
		"an hour":                  {server(time.Hour, true, false), 45 * time.Minute, 48 * time.Minute},
		"a month":                  {server(30*24*time.Hour, true, false), 540 * time.Hour, 576 * time.Hour},
		"a month, kept alive":      {server(30*24*time.Hour, true, true), keepAlive, keepAlive},
		"without an end":           {server(0, true, false), 0, 0},
		"without an end, kept":     {server(0, true, true), keepAlive, keepAlive},
		"half a minute":            {server(30*time.Second, true, false), 0, 0},
		"not renewable":            {server(time.Hour, false, true), 0, 0},
		"ten minutes":              {server(10*time.Minute, true, false), 5 * time.Minute, 8 * time.Minute},
		"two minutes":              {server(2*time.Minute, true, false), 90 * time.Second, 96 * time.Second},
		"an hour, though disabled": {&mcpmux.Server{LoggedIn: server(time.Hour, true, false).LoggedIn}, 0, 0},
	} {
		got := due(c.srv)
		if c.first == 0 {
			if !got.IsZero() {
				t.Errorf("%s: %v", name, got)
			}
			continue
		}
		if d := got.Sub(at); d < c.first || d > c.last {
			t.Errorf("%s: after %v, want %v to %v", name, d, c.first, c.last)
		}
	}
}

func TestKeepAhead_RenewsInTimeWhatIsWanted(t *testing.T) {
	for _, wanted := range []bool{true, false} {
		t.Run(strconv.FormatBool(wanted), func(t *testing.T) {
			w := newWorld(t, oauthtest.Script{Life: 3600})
			asked := make(chan struct{}, 16)
			w.cfg.Wanted = func(mcpmux.ServerID) bool { asked <- struct{}{}; return wanted }
			id := w.server("gh", mcpmux.LoginConfig{})
			w.login(id)
			w.pass(50 * time.Minute)
			st, err := w.store.Load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w.Apply(st)
			<-asked
			if !wanted {
				w.Close()
				if n := w.grants("refresh_token"); n != 0 {
					t.Errorf("%d refreshes of what nobody wants", n)
				}
				return
			}
			if !w.at.Await(t.Context(), func() bool { return w.grants("refresh_token") == 1 }) {
				t.Error("nothing was renewed")
			}
		})
	}
}

// An authorization server in trouble keeps the login, and is left alone for longer and longer.
func TestRenew_TroubleKeepsTheLoginAndIsNotMadeWorse(t *testing.T) {
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.login(id)
	w.at.ExpireAll()
	w.at.Update(func(s *oauthtest.Script) {
		s.Answers = map[string][]oauthtest.Answer{oauthtest.Token: {oauthtest.Busy(http.StatusServiceUnavailable, "")}}
	})
	r := w.refusal(id)
	before := w.at.Count(oauthtest.Token)
	for range 600 { // ten minutes, once in a second
		w.pass(time.Second)
		if _, ok := errors.AsType[*TemporaryError](w.Renew(t.Context(), id, r)); !ok {
			t.Fatal("the trouble was taken for the end of the login")
		}
	}
	if n := w.at.Count(oauthtest.Token) - before; n > 10 || n < 3 {
		t.Errorf("%d tries in ten minutes", n)
	}
	w.at.Update(func(s *oauthtest.Script) { s.Answers = nil })
	w.pass(lastPause)
	if err := w.Renew(t.Context(), id, r); err != nil {
		t.Fatal(err)
	}
	w.mustUse(id)
}

func TestRenew_RetryAfterIsHeeded(t *testing.T) {
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.login(id)
	w.at.ExpireAll()
	w.at.Update(func(s *oauthtest.Script) {
		s.Answers = map[string][]oauthtest.Answer{oauthtest.Token: {oauthtest.Busy(http.StatusTooManyRequests, "120")}}
	})
	r := w.refusal(id)
	_ = w.Renew(t.Context(), id, r)
	before := w.at.Count(oauthtest.Token)
	w.at.Update(func(s *oauthtest.Script) { s.Answers = nil })
	w.pass(119 * time.Second)
	if err := w.Renew(t.Context(), id, r); err == nil || w.at.Count(oauthtest.Token) != before {
		t.Errorf("it was asked before its time: %v", err)
	}
	w.pass(2 * time.Second)
	if err := w.Renew(t.Context(), id, r); err != nil {
		t.Error(err)
	}
}

// A client that the authorization server forgot registers again with the next login.
func TestRenew_ForgottenClientRegistersAgain(t *testing.T) {
	w := newWorld(t, oauthtest.Script{AuthMethods: []string{oauthtest.AuthBasic}})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.login(id)
	w.at.ExpireAll()
	w.at.ForgetClients()
	needs(t, w.renew(id), "does not know McpMux any more")
	if status := w.login(id); status != http.StatusOK {
		t.Fatalf("login: %d", status)
	}
	if n := w.at.Count(oauthtest.Register); n != 2 {
		t.Errorf("%d registrations", n)
	}
	w.mustUse(id)
}

func TestRenew_ErrorsOfTheTokenEndpointNeedALoginAndQuoteNothing(t *testing.T) {
	const canary = "canary-7f3a"
	for name, answer := range map[string]oauthtest.Answer{
		"invalid_scope":  {Status: 400, Header: map[string]string{"Content-Type": "application/json"}, Body: `{"error":"invalid_scope","error_description":"` + canary + `"}`},
		"odd code":       {Status: 400, Header: map[string]string{"Content-Type": "application/json"}, Body: `{"error":"` + canary + ` <b>"}`},
		"HTML":           {Status: 403, Header: map[string]string{"Content-Type": "text/html"}, Body: "<h1>" + canary + "</h1>"},
		"mac":            {Header: map[string]string{"Content-Type": "application/json"}, Body: `{"access_token":"` + canary + `","token_type":"mac"}`},
		"no token":       {Header: map[string]string{"Content-Type": "application/json"}, Body: `{"token_type":"Bearer","x":"` + canary + `"}`},
		"a line end":     {Header: map[string]string{"Content-Type": "application/json"}, Body: `{"token_type":"Bearer","access_token":"` + canary + `\r\nX: y"}`},
		"not JSON":       {Header: map[string]string{"Content-Type": "application/json"}, Body: canary},
		"too large":      {Size: 2 << 20, Body: canary},
		"redirect 307":   oauthtest.Redirect(307, "http://127.0.0.1:1/"+canary),
		"redirect 302":   oauthtest.Redirect(302, "http://127.0.0.1:1/"+canary),
		"an empty array": {Header: map[string]string{"Content-Type": "application/json"}, Body: `[]`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, oauthtest.Script{})
			id := w.server("gh", mcpmux.LoginConfig{})
			w.login(id)
			w.at.ExpireAll()
			w.at.Update(func(s *oauthtest.Script) { s.Answers = map[string][]oauthtest.Answer{oauthtest.Token: {answer}} })
			err := w.renew(id)
			needs(t, err, "log in again")
			if strings.Contains(err.Error()+w.log.String(), canary) {
				t.Errorf("the answer is quoted: %v %s", err, w.log)
			}
		})
	}
}

// What is carried out and whose answer is lost leaves the login as it was: the token before is tried again.
func TestRenew_LostAnswerIsTriedAgain(t *testing.T) {
	w := newWorld(t, oauthtest.Script{Grace: true})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.login(id)
	w.at.ExpireAll()
	w.at.Update(func(s *oauthtest.Script) {
		s.Answers = map[string][]oauthtest.Answer{oauthtest.Token: {{After: true, Drop: true, Times: 1}}}
	})
	r := w.refusal(id)
	if _, ok := errors.AsType[*TemporaryError](w.Renew(t.Context(), id, r)); !ok {
		t.Fatal("a lost answer ended the login")
	}
	w.pass(firstPause)
	if err := w.Renew(t.Context(), id, r); err != nil {
		t.Fatal(err)
	}
	w.mustUse(id)
}

func TestRenew_AServerThatRefusesEverythingIsNotAskedForEver(t *testing.T) {
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.login(id)
	var err error
	for range maxRefusals + 2 {
		w.at.ExpireAll()
		if err = w.renew(id); err != nil {
			break
		}
	}
	needs(t, err, "has just given")
	if n := w.grants("refresh_token"); n != maxRefusals {
		t.Errorf("%d refreshes", n)
	}
}

func TestRenew_MovedServerNeedsALoginAtItsNewPlace(t *testing.T) {
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.login(id)
	old := w.at.Count(oauthtest.Token)
	next := w.at.Migrate()
	needs(t, w.renew(id), "moved")
	if w.at.Count(oauthtest.Token) != old {
		t.Error("a token of the one before was shown to somebody")
	}
	if status := w.login(id); status != http.StatusOK {
		t.Fatalf("login: %d", status)
	}
	have, _ := w.tokens(t.Context(), id)
	if have == nil || have.Issuer != next {
		t.Errorf("tokens of %v, want of %s", have, next)
	}
	w.mustUse(id)
}

// A client id that the user got by hand is of one authorization server, and is shown to no other.
func TestBegin_ClientIDOfTheUserGoesToNoOtherIssuer(t *testing.T) {
	w := newWorld(t, oauthtest.Script{Clients: []oauthtest.Client{{ID: "me", Secret: "my-own-secret"}}})
	login := mcpmux.LoginConfig{ClientID: "me"}
	id := w.server("gh", login)
	w.target(id, Target{Alias: "gh", URL: w.at.MCP(), Login: login, Secret: secret.NewValue("my-own-secret")})
	if status := w.login(id); status != http.StatusOK {
		t.Fatalf("login: %d", status)
	}
	w.at.Migrate()
	requests := len(w.at.Requests(oauthtest.Authorize))
	needs(t, w.renew(id), "moved")
	if _, err := w.Begin(t.Context(), id, MethodBrowser, false); err == nil || !strings.Contains(err.Error(), "another authorization server") {
		t.Errorf("begin: %v", err)
	}
	if len(w.at.Requests(oauthtest.Authorize)) != requests {
		t.Error("somebody was sent there")
	}
}

func TestLogin_TwoServersOfOneAuthorizationServerHaveTokensOfTheirOwn(t *testing.T) {
	w := newWorld(t, oauthtest.Script{Paths: []string{"/a/mcp", "/b/mcp"}})
	a, b := w.server("a", mcpmux.LoginConfig{}), w.server("b", mcpmux.LoginConfig{})
	w.target(b, Target{Alias: "b", URL: w.at.MCPAt("/b/mcp")})
	w.login(a)
	w.at.Update(func(s *oauthtest.Script) { s.Account = "bob" })
	w.login(b)
	for id, want := range map[mcpmux.ServerID][2]string{a: {"alice", w.at.MCPAt("/a/mcp")}, b: {"bob", w.at.MCPAt("/b/mcp")}} {
		have, err := w.tokens(t.Context(), id)
		if err != nil || have == nil {
			t.Fatal(err)
		}
		if rec, _ := w.at.Record(have.Access); rec.Account != want[0] || rec.Resource != want[1] {
			t.Errorf("%+v, want %v", rec, want)
		}
	}
}

func TestStepUp_KeepsTheRightsThereWereAndEndsAfterThreeLogins(t *testing.T) {
	w := newWorld(t, oauthtest.Script{ChallengeScope: "basic", Forbid: true})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.login(id)
	have, _ := w.tokens(t.Context(), id)
	more := Refusal{Status: 403, Challenges: []string{`Bearer error="insufficient_scope", scope="admin"`}, Used: have.digest()}
	for n := 1; n < maxLogins; n++ {
		needs(t, w.Renew(t.Context(), id, more), "more rights (admin)")
		if status := w.login(id); status != http.StatusOK {
			t.Fatalf("login: %d", status)
		}
		have, _ = w.tokens(t.Context(), id)
		more.Used = have.digest()
	}
	needs(t, w.Renew(t.Context(), id, more), "although")
	if _, err := w.Begin(t.Context(), id, MethodBrowser, false); mcpmux.CodeOf(err) != mcpmux.CodeConflict {
		t.Errorf("a further login was begun: %v", err)
	}
	if b, err := w.Begin(t.Context(), id, MethodBrowser, true); err != nil || b.URL == "" {
		t.Errorf("a person who insists: %v", err)
	}
	w.pass(maxLoginsIn)
	if _, err := w.Begin(t.Context(), id, MethodBrowser, false); err != nil {
		t.Errorf("an hour later: %v", err)
	}
	var scopes []string
	for _, q := range w.at.Requests(oauthtest.Authorize) {
		scopes = append(scopes, q.Form.Get("scope"))
	}
	if strings.Join(scopes, "; ") != "basic; admin basic; admin basic" {
		t.Errorf("asked for %q", scopes)
	}
}

func TestReadGranted_OddLivesAreClamped(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"3600": time.Hour, `"3600"`: time.Hour, "0": minLife, "-1": minLife, "1e18": maxLife, "59.5": 59500 * time.Millisecond,
	} {
		g, err := readGranted([]byte(`{"access_token":"a","token_type":"BEARER","expires_in":`+text+`}`), now)
		if err != nil || g.ends == nil || g.ends.Sub(now) != want {
			t.Errorf("%s: %+v %v, want %v", text, g, err, want)
		}
	}
	for _, text := range []string{`"x"`, "null", "{}", "[]", `"NaN"`, "true"} {
		g, err := readGranted([]byte(`{"access_token":"a","token_type":"bearer","expires_in":`+text+`}`), now)
		if err != nil || g.ends != nil {
			t.Errorf("%s: %+v %v, want no end", text, g, err)
		}
	}
}

func FuzzReadGranted(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","token_type":"Bearer","expires_in":1,"scope":"x y"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		g, err := readGranted(body, time.Unix(0, 0))
		if err == nil && (g.access == "" || strings.ContainsAny(g.access+g.refresh, "\r\n\x00") || g.ends != nil && g.ends.Sub(g.at) > maxLife) {
			t.Errorf("%q: %+v", body, g)
		}
	})
}

func TestLogout_RevokesAndForgetsWhateverHappensThere(t *testing.T) {
	for name, answers := range map[string]map[string][]oauthtest.Answer{
		"it works":       nil,
		"it is in ruins": {oauthtest.Revoke: {{Drop: true}}},
		"it refuses":     {oauthtest.Revoke: {oauthtest.Refusal("unsupported_token_type")}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, oauthtest.Script{})
			id := w.server("gh", mcpmux.LoginConfig{})
			w.login(id)
			have, _ := w.tokens(t.Context(), id)
			w.at.Update(func(s *oauthtest.Script) { s.Answers = answers })
			if rev, err := w.Logout(t.Context(), id); err != nil || rev == 0 {
				t.Fatalf("%d %v", rev, err)
			}
			all, err := w.store.Credentials(t.Context(), id)
			if err != nil || len(all) != 0 {
				t.Errorf("left: %d %v", len(all), err)
			}
			if rec, _ := w.at.Record(have.Refresh); answers == nil && rec.Live {
				t.Error("the refresh token lives on")
			}
			if rev, err := w.Logout(t.Context(), id); err != nil || rev != 0 {
				t.Errorf("a second time: %d %v", rev, err)
			}
		})
	}
}

func TestDevice_WaitsAsItIsToldAndTellsHowItEnded(t *testing.T) {
	for name, c := range map[string]struct {
		polls []string
		want  ProgressState
	}{
		"at once":  {nil, ProgressDone},
		"later":    {[]string{"authorization_pending"}, ProgressDone},
		"declined": {[]string{"access_denied"}, ProgressFailed},
		"expired":  {[]string{"expired_token"}, ProgressFailed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, oauthtest.Script{Polls: c.polls})
			id := w.server("gh", mcpmux.LoginConfig{Grant: mcpmux.GrantDevice})
			b, err := w.Begin(t.Context(), id, "", false)
			if err != nil || b.UserCode == "" || b.URL == "" {
				t.Fatalf("%+v %v", b, err)
			}
			if p := w.Progress(t.Context(), id); p.State != c.want {
				t.Errorf("%+v", p)
			}
			if c.want == ProgressDone {
				w.mustUse(id)
			}
		})
	}
}

func TestClientCredentials_NeedNobody(t *testing.T) {
	for _, alg := range []string{"", "ES256", "RS256"} {
		t.Run(alg, func(t *testing.T) {
			client := oauthtest.Client{ID: "robot", Secret: "robots-own-secret"}
			login := mcpmux.LoginConfig{ClientID: "robot", Grant: mcpmux.GrantClient, Scopes: []string{"work"}}
			target := Target{Alias: "gh", Login: login, Secret: secret.NewValue(client.Secret)}
			if alg != "" {
				private, public := oauthtest.NewKey(t, alg)
				client.Secret, client.AuthMethod, client.PublicKey = "", oauthtest.AuthJWT, public
				target.Secret, target.Key = secret.Value{}, secret.NewValue(private)
			}
			w := newWorld(t, oauthtest.Script{Clients: []oauthtest.Client{client}, Life: 60})
			id := w.server("gh", login)
			target.URL = w.at.MCP()
			w.target(id, target)
			if err := w.renew(id); err != nil {
				t.Fatal(err)
			}
			w.mustUse(id)
			have, _ := w.tokens(t.Context(), id)
			if rec, _ := w.at.Record(have.Access); rec.Client != "robot" || rec.Resource != w.at.MCP() || strings.Join(rec.Scopes, " ") != "work" {
				t.Errorf("%+v", rec)
			}
			w.pass(time.Minute) // over: it is got anew when a connection is made
			w.at.ExpireAll()
			w.mustUse(id)
			if b, err := w.Begin(t.Context(), id, "", false); err != nil || b.URL != "" {
				t.Errorf("begin: %+v %v", b, err)
			}
		})
	}
}

func TestClientCredentials_WrongSecretIsSaid(t *testing.T) {
	w := newWorld(t, oauthtest.Script{Clients: []oauthtest.Client{{ID: "robot", Secret: "robots-own-secret"}}})
	login := mcpmux.LoginConfig{ClientID: "robot", Grant: mcpmux.GrantClient}
	id := w.server("gh", login)
	w.target(id, Target{Alias: "gh", URL: w.at.MCP(), Login: login, Secret: secret.NewValue("not-the-secret")})
	err := w.renew(id)
	needs(t, err, "invalid_client")
	if strings.Contains(err.Error()+w.log.String(), "not-the-secret") {
		t.Error("the secret is told")
	}
}

func TestFallback_OnlyWhereTheUserAllowsIt(t *testing.T) {
	for _, place := range []string{oauthtest.ASMOAuth, oauthtest.ASMNone} {
		w := newWorld(t, oauthtest.Script{Shared: true, PRMPlace: oauthtest.PRMNone, ASMPlace: place, AnyResource: true})
		id := w.server("gh", mcpmux.LoginConfig{})
		_ = w.renew(id)
		if _, err := w.Begin(t.Context(), id, MethodBrowser, false); err == nil || !strings.Contains(err.Error(), "--login-fallback") {
			t.Errorf("%q: not allowed, and begun: %v", place, err)
		}
		w.target(id, Target{Alias: "gh", URL: w.at.MCP(), Login: mcpmux.LoginConfig{Fallback: true}})
		if status := w.login(id); status != http.StatusOK {
			t.Errorf("%q: %d", place, status)
		}
		w.mustUse(id)
	}
}

func TestBegin_NothingIsAskedOfAServerThatIsOpen(t *testing.T) {
	w := newWorld(t, oauthtest.Script{Open: true, PRMPlace: oauthtest.PRMNone})
	id := w.server("gh", mcpmux.LoginConfig{})
	if b, err := w.Begin(t.Context(), id, MethodBrowser, false); err != nil || b.URL != "" {
		t.Errorf("%+v %v", b, err)
	}
}

// A login that waits for its person outlives the daemon.
func TestCallback_ALoginOutlivesARestart(t *testing.T) {
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	b, err := w.Begin(t.Context(), id, MethodBrowser, false)
	if err != nil {
		t.Fatal(err)
	}
	c := browser(t)
	_, next := open(t, c, b.URL)
	other, err := New(w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	back := oauthtest.Approve(t, c, next)
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, back, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	cookie := ""
	for _, k := range c.Jar.Cookies(r.URL) {
		if strings.HasPrefix(k.Name, flowCookie) {
			cookie = k.Value
		}
	}
	if _, err := other.Callback(t.Context(), r.URL.Query(), cookie); err != nil {
		t.Fatal(err)
	}
	w.mustUse(id)
}

func TestCallback_TooLateOrDeclinedIsNoLogin(t *testing.T) {
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	begin := func() (c *http.Client, back string) {
		b, err := w.Begin(t.Context(), id, MethodBrowser, true)
		if err != nil {
			t.Fatal(err)
		}
		c = browser(t)
		_, next := open(t, c, b.URL)
		return c, oauthtest.Approve(t, c, next)
	}
	c, back := begin()
	w.pass(loginLife)
	if status, _ := open(t, c, back); status != http.StatusBadRequest {
		t.Errorf("too late: %d", status)
	}
	w.at.Update(func(s *oauthtest.Script) { s.Deny = "access_denied" })
	c, back = begin()
	if status, _ := open(t, c, back); status != http.StatusBadRequest {
		t.Errorf("declined: %d", status)
	}
	if p := w.Progress(t.Context(), id); p.State != ProgressFailed || !strings.Contains(p.Reason, "declined") {
		t.Errorf("%+v", p)
	}
	if n := w.at.Count(oauthtest.Token); n != 0 {
		t.Errorf("%d requests for tokens", n)
	}
	b, err := w.Begin(t.Context(), id, MethodBrowser, true)
	if err != nil {
		t.Fatal(err)
	}
	w.pass(loginLife)
	if status, _ := open(t, browser(t), b.URL); status != http.StatusNotFound {
		t.Errorf("a start address after its time: %d", status)
	}
}

// Nothing that is stored of a login prints its secrets.
func TestTokens_DoNotPrint(t *testing.T) {
	x := tokens{Access: "secret-access", Refresh: "secret-refresh", Client: client{ID: "id", Secret: "secret-secret"}}
	c := x.credential()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if all := x.String() + x.Client.String() + string(text); strings.Contains(all, "secret-") {
		t.Error(all)
	}
	if got, err := readTokens(c); err != nil || got.Access != x.Access || got.Client.Secret != x.Client.Secret {
		t.Errorf("%v", err)
	}
	if _, err := readTokens(store.Credential{Body: secret.NewValue("secret-garbage")}); err == nil || strings.Contains(err.Error(), "secret-garbage") {
		t.Errorf("%v", err)
	}
}

// A renewal that is under way when the daemon ends, or when values are locked, is waited for: its answer would be lost.
func TestClose_WaitsForARenewalThatIsUnderWay(t *testing.T) {
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.login(id)
	w.at.ExpireAll()
	w.at.Update(func(s *oauthtest.Script) {
		s.Answers = map[string][]oauthtest.Answer{oauthtest.Token: {{After: true, Hold: true, Times: 1}}}
	})
	r := w.refusal(id)
	renewed := make(chan error, 1)
	go func() { renewed <- w.Renew(t.Context(), id, r) }()
	if !w.at.Await(t.Context(), func() bool { return w.at.Held(oauthtest.Token) == 1 }) {
		t.Fatal("nothing is under way")
	}
	closed := make(chan struct{})
	go func() { defer close(closed); w.Close() }()
	w.at.Release()
	<-closed
	if err := <-renewed; err != nil {
		t.Error(err)
	}
	have, err := w.tokens(t.Context(), id)
	if err != nil || have == nil {
		t.Fatal(err)
	}
	if rec, _ := w.at.Record(have.Refresh); !rec.Live {
		t.Error("the answer was lost")
	}
}
