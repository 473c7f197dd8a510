package authclient

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/oauthtest"
)

// leave begins a login and goes the way of its browser up to the address that it is sent back to.
func (w *world) leave(c *http.Client, id mcpmux.ServerID) (back string) {
	w.t.Helper()
	b, err := w.Begin(w.t.Context(), id, MethodBrowser, true)
	if err != nil {
		w.t.Fatal(err)
	}
	status, next := open(w.t, c, b.URL)
	if status != http.StatusFound {
		w.t.Fatalf("the start: %d", status)
	}
	return oauthtest.Approve(w.t, c, next)
}

// changed is an address with other parameters; one without a value is taken away.
func changed(t *testing.T, address string, change url.Values) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for name, values := range change {
		q[name] = values
		if len(values) == 0 {
			q.Del(name)
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// read opens an address and answers the page.
func read(t *testing.T, c *http.Client, address string) (status int, body string) {
	t.Helper()
	resp, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text strings.Builder
	if err := resp.Write(&text); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, text.String()
}

func TestCallback_WhatIsNotTheAnswerToALoginEndsNone(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]url.Values{
		"no state":         {"state": nil},
		"an empty state":   {"state": {""}},
		"an unknown state": {"state": {random()}},
		"two states":       {"state": {"a", "b"}},
		"two codes":        {"code": {"a", "b"}},
		"two issuers":      {"iss": {"a", "b"}},
		"two errors":       {"error": {"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, oauthtest.Script{})
			id := w.server("gh", mcpmux.LoginConfig{})
			c := browser(t)
			back := w.leave(c, id)
			if status, _ := open(t, c, changed(t, back, change)); status != http.StatusBadRequest {
				t.Errorf("status %d", status)
			}
			if n := w.at.Count(oauthtest.Token); n != 0 {
				t.Errorf("%d requests for tokens", n)
			}
			// The person's own browser is not disturbed by it.
			if status, _ := open(t, c, back); status != http.StatusOK {
				t.Errorf("the login itself: %d", status)
			}
		})
	}
}

// The state and its cookie belong together: the address alone is worth nothing, and is worth nothing after that.
func TestCallback_AnotherBrowserEndsNoLogin(t *testing.T) {
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	for name, other := range map[string]func(c *http.Client, back string) int{
		"without a cookie": func(_ *http.Client, back string) int {
			status, _ := open(t, browser(t), back)
			return status
		},
		"with that of another login": func(_ *http.Client, back string) int {
			u, err := url.Parse(back)
			if err != nil {
				t.Fatal(err)
			}
			c := browser(t)
			c.Jar.SetCookies(u, []*http.Cookie{{Name: flowName(u.Query().Get("state")), Value: random(), Path: callbackPath}})
			status, _ := open(t, c, back)
			return status
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := browser(t)
			back := w.leave(c, id)
			if status := other(c, back); status != http.StatusBadRequest {
				t.Errorf("the other one: %d", status)
			}
			if p := w.Progress(t.Context(), id); p.State != ProgressFailed || !strings.Contains(p.Reason, "another browser") {
				t.Errorf("%+v", p)
			}
			if status, _ := open(t, c, back); status != http.StatusBadRequest {
				t.Errorf("afterwards: %d", status)
			}
		})
	}
	if n := w.at.Count(oauthtest.Token); n != 0 {
		t.Errorf("%d requests for tokens", n)
	}
}

func TestCallback_StateIsSingleUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	c := browser(t)
	back := w.leave(c, id)
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	cookie := c.Jar.Cookies(u)[0].Value
	var good atomic.Int32
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, err := w.Callback(t.Context(), u.Query(), cookie); w.hear(err) == nil {
				good.Add(1)
			}
		})
	}
	all.Wait()
	if good.Load() != 1 || w.at.Count(oauthtest.Token) != 1 {
		t.Errorf("%d logins of %d requests for tokens", good.Load(), w.at.Count(oauthtest.Token))
	}
	if status, _ := open(t, c, back); status != http.StatusBadRequest {
		t.Errorf("once more: %d", status)
	}
	w.mustUse(id)
}

// HEAD is how programs look at addresses that people are about to open.
func TestPages_HeadUsesNothingUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	c := browser(t)
	head := func(address string) {
		resp, err := c.Head(address)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("HEAD: %d", resp.StatusCode)
		}
	}
	b, err := w.Begin(t.Context(), id, MethodBrowser, false)
	if err != nil {
		t.Fatal(err)
	}
	head(b.URL)
	_, next := open(t, c, b.URL)
	back := oauthtest.Approve(t, c, next)
	head(back)
	if status, _ := open(t, c, back); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}

// A person who adds several Servers logs in to them in one browser, in whatever order.
func TestCallback_OneBrowserLogsInToSeveralServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{Paths: []string{"/a/mcp", "/b/mcp"}})
	a, b := w.server("a", mcpmux.LoginConfig{}), w.server("b", mcpmux.LoginConfig{})
	w.target(b, Target{Alias: "b", URL: w.at.MCPAt("/b/mcp")})
	c := browser(t)
	first, second := w.leave(c, a), w.leave(c, b)
	for _, back := range []string{second, first} {
		if status, _ := open(t, c, back); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	w.mustUse(a)
	u, err := url.Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	if left := c.Jar.Cookies(u); len(left) != 0 {
		t.Errorf("%d cookies are left", len(left))
	}
}

// The table of RFC 9207 §2.4 and MCP 2026-07-28: the issuer is compared byte by byte, and is there where it was announced.
func TestCallback_IssuerIsTheOneThatWasAsked(t *testing.T) {
	t.Parallel()
	const announces = "authorization_response_iss_parameter_supported"
	for name, c := range map[string]struct {
		announced bool
		iss       []string
		good      bool
	}{
		"announced and right":           {true, []string{"{issuer}"}, true},
		"announced and not there":       {true, nil, false},
		"announced and empty":           {true, []string{""}, false},
		"announced and another":         {true, []string{"https://evil.example"}, false},
		"announced, with a slash":       {true, []string{"{issuer}/"}, false},
		"announced, in other case":      {true, []string{"http://LOCALHOST:{port}"}, false},
		"announced, without the port":   {true, []string{"http://localhost"}, false},
		"not announced and not there":   {false, nil, true},
		"not announced and right":       {false, []string{"{issuer}"}, true},
		"not announced and another":     {false, []string{"https://evil.example"}, false},
		"not announced, with a slash":   {false, []string{"{issuer}/"}, false},
		"not announced and empty":       {false, []string{""}, false},
		"not announced, in other words": {false, []string{"{issuer}/../"}, false},
	} {
		for _, failing := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				const canary = "canary-55d0"
				script := oauthtest.Script{Host: "localhost", ASM: oauthtest.Members{announces: c.announced}, Callback: url.Values{"iss": nil}}
				w := newWorld(t, script)
				port := w.at.URL()[strings.LastIndexByte(w.at.URL(), ':')+1:]
				w.at.Update(func(s *oauthtest.Script) {
					for _, iss := range c.iss {
						s.Callback["iss"] = append(s.Callback["iss"], strings.ReplaceAll(iss, "{port}", port))
					}
					if failing {
						s.Deny = "access_denied"
						s.Callback["error_description"] = []string{"<b>" + canary}
					}
				})
				id := w.server("gh", mcpmux.LoginConfig{})
				b := browser(t)
				status, body := read(t, b, w.leave(b, id))
				p := w.Progress(t.Context(), id)
				if strings.Contains(body+p.Reason+w.log.String(), canary) {
					t.Errorf("what came is quoted: %s", body)
				}
				requests := 0
				if c.good && !failing {
					requests = 1
				}
				if n := w.at.Count(oauthtest.Token); n != requests || status == http.StatusOK != (requests == 1) {
					t.Errorf("status %d, %d requests for tokens", status, n)
				}
				if told := strings.Contains(p.Reason, "declined"); told != (c.good && failing) {
					t.Errorf("%+v", p)
				}
			})
		}
	}
}

// What an authorization server says when it refuses is text by somebody else: people read ours.
func TestCallback_ErrorsAreToldInOurWords(t *testing.T) {
	t.Parallel()
	const canary = "canary-81bb"
	for name, c := range map[string]struct {
		change url.Values
		says   string
	}{
		"declined":        {url.Values{"error": {"access_denied"}}, "declined"},
		"a known one":     {url.Values{"error": {"invalid_scope"}}, "refused the login: invalid_scope"},
		"an unknown one":  {url.Values{"error": {canary}}, "refused the login"},
		"with markup":     {url.Values{"error": {"<script>" + canary + "</script>"}}, "refused the login"},
		"an empty one":    {url.Values{"error": {""}}, "refused the login"},
		"beside a code":   {url.Values{"error": {"server_error"}, "code": {"co-1"}}, "refused the login: server_error"},
		"neither of both": {url.Values{"error": nil}, "each of its parts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, oauthtest.Script{Deny: "access_denied"})
			id := w.server("gh", mcpmux.LoginConfig{})
			b := browser(t)
			c.change["error_description"], c.change["error_uri"] = []string{"<img src=x>" + canary}, []string{"javascript:" + canary}
			status, body := read(t, b, changed(t, w.leave(b, id), c.change))
			p := w.Progress(t.Context(), id)
			if status != http.StatusBadRequest || p.State != ProgressFailed || !strings.Contains(p.Reason, c.says) {
				t.Errorf("%d %+v", status, p)
			}
			if strings.Contains(body+p.Reason+w.log.String(), canary) {
				t.Errorf("what came is quoted: %s", body)
			}
			if n := w.at.Count(oauthtest.Token); n != 0 {
				t.Errorf("%d requests for tokens", n)
			}
		})
	}
}

func TestCallback_AnswersOfTheTokenEndpointAreNotQuoted(t *testing.T) {
	t.Parallel()
	const canary = "canary-0e44"
	jsonType := map[string]string{"Content-Type": "application/json"}
	for name, answer := range map[string]oauthtest.Answer{
		"invalid_grant": {Status: 400, Header: jsonType, Body: `{"error":"invalid_grant","error_description":"` + canary + `"}`},
		"odd code":      {Status: 400, Header: jsonType, Body: `{"error":"<b>` + canary + `"}`},
		"HTML":          {Status: 401, Header: map[string]string{"Content-Type": "text/html"}, Body: canary},
		"no JSON":       {Header: jsonType, Body: canary},
		"mac":           {Header: jsonType, Body: `{"access_token":"` + canary + `","token_type":"mac"}`},
		"no token":      {Header: jsonType, Body: `{"refresh_token":"` + canary + `","token_type":"Bearer"}`},
		"odd types":     {Header: jsonType, Body: `{"access_token":["` + canary + `"],"token_type":"Bearer"}`},
		"too large":     {Header: jsonType, Size: 10 << 20, Body: canary},
		"trouble":       {Status: 500, Body: canary},
		"no answer":     {Drop: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, oauthtest.Script{Answers: map[string][]oauthtest.Answer{oauthtest.Token: {answer}}})
			id := w.server("gh", mcpmux.LoginConfig{})
			b := browser(t)
			status, body := read(t, b, w.leave(b, id))
			p := w.Progress(t.Context(), id)
			if status != http.StatusBadRequest || p.State != ProgressFailed || !strings.Contains(p.Reason, "could not be completed") {
				t.Errorf("%d %+v", status, p)
			}
			if strings.Contains(body+p.Reason+w.log.String(), canary) {
				t.Errorf("the answer is quoted: %s", body)
			}
			if n := w.at.Count(oauthtest.Token); n != 1 {
				t.Errorf("the code was sent %d times", n)
			}
			if have, err := w.tokens(t.Context(), id); have != nil || err != nil {
				t.Errorf("kept: %v %v", have, err)
			}
		})
	}
}

// A client that the authorization server forgot between the registration and the code registers again, once.
func TestCallback_ForgottenClientRegistersAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	c := browser(t)
	back := w.leave(c, id)
	w.at.ForgetClients()
	if status, _ := open(t, c, back); status != http.StatusBadRequest {
		t.Errorf("status %d", status)
	}
	if p := w.Progress(t.Context(), id); !strings.Contains(p.Reason, "invalid_client") {
		t.Errorf("%+v", p)
	}
	if status := w.login(id); status != http.StatusOK || w.at.Count(oauthtest.Register) != 2 {
		t.Errorf("afterwards: %d, %d registrations", status, w.at.Count(oauthtest.Register))
	}
}

// A tab that is closed while the code is redeemed does not lose it.
func TestCallback_AClosedTabDoesNotLoseTheCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{Answers: map[string][]oauthtest.Answer{oauthtest.Token: {{After: true, Hold: true}}}})
	id := w.server("gh", mcpmux.LoginConfig{})
	c := browser(t)
	u, err := url.Parse(w.leave(c, id))
	if err != nil {
		t.Fatal(err)
	}
	open, tab := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := w.Callback(open, u.Query(), c.Jar.Cookies(u)[0].Value)
		ended <- err
	}()
	if !w.at.Await(t.Context(), func() bool { return w.at.Held(oauthtest.Token) == 1 }) {
		t.Fatal("nothing is under way")
	}
	tab()
	w.at.Release()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	w.mustUse(id)
}

// A login that a person has just made is not undone by a renewal of the one before that took long.
func TestCallback_ALoginOutdoesTheRenewalOfTheOneBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.login(id)
	w.at.ExpireAll()
	r := w.refusal(id)
	w.at.Update(func(s *oauthtest.Script) {
		s.Account = "bob"
		s.Answers = map[string][]oauthtest.Answer{oauthtest.Token: {{After: true, Hold: true, Grant: "refresh_token"}}}
	})
	renewed := make(chan error, 1)
	go func() { renewed <- w.Renew(t.Context(), id, r) }()
	if !w.at.Await(t.Context(), func() bool { return w.at.Held(oauthtest.Token) == 1 }) {
		t.Fatal("nothing is under way")
	}
	c := browser(t)
	back := w.leave(c, id)
	if status, _ := open(t, c, back); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	w.at.Release()
	if err := <-renewed; err != nil {
		t.Errorf("whoever waited for the renewal: %v", err)
	}
	w.Settle(t.Context())
	have, err := w.tokens(t.Context(), id)
	if err != nil || have == nil {
		t.Fatal(err)
	}
	if rec, _ := w.at.Record(have.Access); rec.Account != "bob" {
		t.Errorf("logged in as %s", rec.Account)
	}
}

func TestPaste_EndsTheLoginThatWasBegunForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{})
	id, other := w.server("gh", mcpmux.LoginConfig{}), w.server("other", mcpmux.LoginConfig{})
	begin := func() (back string) {
		b, err := w.Begin(t.Context(), id, MethodPaste, true)
		if err != nil || !strings.HasPrefix(b.URL, w.at.Issuer()+"/authorize?") {
			t.Fatalf("%+v %v", b, err)
		}
		return oauthtest.Approve(t, nil, b.URL)
	}
	back := begin()
	for _, text := range []string{"", "no address", "http://127.0.0.1/oauth/callback", "%zz", "?", "http://127.0.0.1/oauth/callback?code=x"} {
		if err := w.Paste(t.Context(), id, text); mcpmux.CodeOf(err) != mcpmux.CodeInvalid {
			t.Errorf("%q: %v", text, err)
		}
	}
	// A browser here, which has no cookie for it, is no use.
	if status, _ := open(t, browser(t), back); status != http.StatusBadRequest {
		t.Errorf("in a browser: %d", status)
	}
	if err := w.Paste(t.Context(), id, back); err != nil {
		t.Error(err)
	}
	w.mustUse(id)
	if err := w.Paste(t.Context(), id, back); mcpmux.CodeOf(err) != mcpmux.CodeInvalid {
		t.Errorf("a second time: %v", err)
	}
	if err := w.Paste(t.Context(), other, begin()); mcpmux.CodeOf(err) != mcpmux.CodeConflict {
		t.Errorf("for another server: %v", err)
	}
	if r := w.use(other); r == nil {
		t.Error("the other server is logged in")
	}
	// Nor can one that a browser began be ended by whoever knows its address.
	c := browser(t)
	if err := w.Paste(t.Context(), id, w.leave(c, id)); mcpmux.CodeOf(err) != mcpmux.CodeInvalid {
		t.Errorf("a browser's: %v", err)
	}
	back = begin()
	w.pass(loginLife)
	if err := w.Paste(t.Context(), id, back); mcpmux.CodeOf(err) != mcpmux.CodeInvalid {
		t.Errorf("too late: %v", err)
	}
}

// A name that a user chose is text on the page.
func TestPages_TextIsText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	w.target(id, Target{Alias: "<script>x</script>", URL: w.at.MCP()})
	c := browser(t)
	status, body := read(t, c, w.leave(c, id))
	if status != http.StatusOK || strings.Contains(body, "<script>") || !strings.Contains(body, "&lt;script&gt;") {
		t.Errorf("%d %s", status, body)
	}
	if !strings.Contains(body, "default-src 'none'") || !strings.Contains(body, "frame-ancestors 'none'") {
		t.Error("the page may load and be framed")
	}
}

func TestProgress_ALoginThatNobodyCompletesEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	if p := w.Progress(t.Context(), id); p.State != ProgressNone {
		t.Errorf("before: %+v", p)
	}
	if _, err := w.Begin(t.Context(), id, "", false); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if p := w.Progress(gone, id); p.State != ProgressWaiting {
		t.Errorf("begun: %+v", p)
	}
	w.pass(loginLife - 10*time.Millisecond)
	if p := w.Progress(t.Context(), id); p.State != ProgressFailed || !strings.Contains(p.Reason, "in time") {
		t.Errorf("afterwards: %+v", p)
	}
}
