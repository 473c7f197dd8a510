package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/oauthtest"
)

// protected adds a scripted server that wants a login, and waits until it says so.
func (d *Daemon) protected(alias string, script oauthtest.Script, flags ...string) *oauthtest.Server {
	d.t.Helper()
	s := oauthtest.New(d.t, script)
	d.addProtected(alias, s.MCP(), flags...)
	return s
}

func (d *Daemon) addProtected(alias, address string, flags ...string) {
	d.t.Helper()
	d.CLI(append(append([]string{"server", "add", alias}, flags...), address)...)
	var space []string
	for i, f := range flags {
		if f == "--space" {
			space = flags[i : i+2]
		}
	}
	d.awaitState("login_required", append([]string{alias}, space...)...)
}

// awaitState waits until a server is in a state; show is its alias, and its Space.
func (d *Daemon) awaitState(state string, show ...string) (reason string) {
	d.t.Helper()
	d.Await(show[0]+" in state "+state, func() bool {
		var s struct {
			Status struct{ State, Reason string }
		}
		d.JSON(&s, append([]string{"server", "show"}, show...)...)
		reason = s.Status.Reason
		return s.Status.State == state
	})
	return reason
}

// newBrowser keeps cookies and shows each redirect.
func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// visit opens an address and answers the status, where the browser is sent, and the page.
func visit(t *testing.T, c *http.Client, address string) (status int, location, page string) {
	t.Helper()
	resp, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := resp.Body.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			break
		}
	}
	return resp.StatusCode, resp.Header.Get("Location"), b.String()
}

// LogIn logs in to a server as a person with a browser does; flags are further ones of `server login`.
func (d *Daemon) LogIn(alias string, flags ...string) {
	d.t.Helper()
	var login struct{ URL string }
	d.JSON(&login, append([]string{"server", "login", alias}, flags...)...)
	if login.URL == "" {
		return
	}
	c := newBrowser(d.t)
	status, next, page := visit(d.t, c, login.URL)
	if status != http.StatusFound {
		d.t.Fatalf("start of the login: %d %s", status, page)
	}
	status, _, page = visit(d.t, c, oauthtest.Approve(d.t, c, next))
	if status != http.StatusOK || !strings.Contains(page, "Logged in to "+alias) {
		d.t.Fatalf("end of the login: %d %s", status, page)
	}
}

func TestLogin_OnceByBrowserThenCallsWork(t *testing.T) {
	d := Start(t, Options{})
	s := d.protected("gh", oauthtest.Script{})
	m := d.Session(d.NewClient("app"))
	if r := m.Call("gh_whoami", `{}`).Last(t); r.Error == nil {
		t.Error("a call before the login succeeded")
	}
	d.LogIn("gh")
	d.AwaitServer("gh", "connected")
	if got := m.CallText("gh_whoami", `{}`); got != "alice" {
		t.Errorf("whoami: %q", got)
	}
	var shown struct {
		LoggedIn struct {
			Issuer    string
			Renewable bool
		} `json:"logged_in"`
	}
	d.JSON(&shown, "server", "show", "gh")
	if shown.LoggedIn.Issuer != s.Issuer() || !shown.LoggedIn.Renewable {
		t.Errorf("logged in: %+v", shown)
	}
	// A restart of the daemon needs no other login.
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	again := Start(t, Options{Dir: d.Dir})
	again.AwaitServer("gh", "connected")
	if n := s.Count(oauthtest.Authorize); n != 1 {
		t.Errorf("%d authorizations", n)
	}
	again.CLI("server", "logout", "gh")
	again.awaitState("login_required", "gh")
	if n := s.Count(oauthtest.Revoke); n != 2 {
		t.Errorf("%d revocations, want the refresh token's and the access token's", n)
	}
}

func TestLogin_AHundredCallersAtTheMomentOfExpiryOneRefreshNoFailedCall(t *testing.T) {
	d := Start(t, Options{})
	s := d.protected("gh", oauthtest.Script{})
	d.LogIn("gh")
	d.AwaitServer("gh", "connected")
	key := d.NewClient("app")
	for _, round := range []string{"older", "stateless"} {
		var sessions []*MCP
		for range 100 {
			m := d.MCP(key)
			if round == "older" {
				m.Open(`{}`)
			}
			sessions = append(sessions, m)
		}
		tokens := s.Count(oauthtest.Token)
		s.ExpireAll()
		var wg sync.WaitGroup
		for _, m := range sessions {
			wg.Go(func() {
				var r response
				if round == "older" {
					r = m.Call("gh_whoami", `{}`).Last(t)
				} else {
					r = m.Modern("tools/call", `{"name":"gh_whoami","arguments":{}}`, "gh_whoami", `{}`).Last(t)
				}
				if r.Error != nil || !strings.Contains(string(r.Result), "alice") {
					t.Errorf("%s: %v %s", round, r.Error, r.Result)
				}
			})
		}
		wg.Wait()
		if n := s.Count(oauthtest.Token) - tokens; n != 1 {
			t.Errorf("%s: %d refreshes", round, n)
		}
	}
}

func TestLogin_RefusedRefreshNeedsALoginWithinASecondAndLeavesOthersAlone(t *testing.T) {
	d := Start(t, Options{})
	s := d.protected("gh", oauthtest.Script{})
	d.LogIn("gh")
	d.AwaitServer("gh", "connected")
	d.AddScripted("other", mcptest.Script{})
	m := d.Session(d.NewClient("app"))
	s.RevokeAll()
	r := m.Call("gh_whoami", `{}`).Last(t)
	if r.Error == nil || !strings.Contains(r.Error.Message, "log in again") {
		t.Errorf("the call: %v %s", r.Error, r.Result)
	}
	reason := d.awaitState("login_required", "gh")
	tokens := s.Requests(oauthtest.Token)
	refused := tokens[len(tokens)-1].At
	var shown struct{ Status struct{ Since time.Time } }
	if d.JSON(&shown, "server", "show", "gh"); shown.Status.Since.Sub(refused) > time.Second {
		t.Errorf("login_required %v after the refusal", shown.Status.Since.Sub(refused))
	}
	if !strings.Contains(reason, "log in again") {
		t.Errorf("reason: %s", reason)
	}
	if r := m.Call("other_echo", `{}`).Last(t); r.Error != nil {
		t.Errorf("the other server: %v", r.Error)
	}
	var status struct{ Warnings []string }
	d.JSON(&status, "status")
	if !strings.Contains(strings.Join(status.Warnings, " "), "login_required") {
		t.Errorf("status does not tell: %q", status.Warnings)
	}
	d.LogIn("gh")
	d.AwaitServer("gh", "connected")
	if got := m.CallText("gh_whoami", `{}`); got != "alice" {
		t.Errorf("after the new login: %q", got)
	}
}

func TestLogin_TwoSpacesTwoAccountsNeverMix(t *testing.T) {
	d := Start(t, Options{})
	s := oauthtest.New(t, oauthtest.Script{})
	d.CLI("space", "create", "Work")
	d.addProtected("gh", s.MCP())
	d.addProtected("gh", s.MCP(), "--space", "Work")
	d.LogIn("gh")
	s.Update(func(c *oauthtest.Script) { c.Account = "bob" })
	d.LogIn("gh", "--space", "Work")
	home := d.Session(d.NewClient("home"))
	work := d.Session(d.NewClient("work", "--mode", "locked", "--space", "Work"))
	d.awaitState("connected", "gh")
	d.awaitState("connected", "gh", "--space", "Work")
	for range 3 {
		if got := home.CallText("gh_whoami", `{}`); got != "alice" {
			t.Fatalf("at home: %q", got)
		}
		if got := work.CallText("gh_whoami", `{}`); got != "bob" {
			t.Fatalf("at work: %q", got)
		}
		s.ExpireAll()
	}
}

func TestLogin_PastedAddressAndCodeServeMachinesWithoutABrowser(t *testing.T) {
	d := Start(t, Options{})
	s := d.protected("gh", oauthtest.Script{DeviceWaits: true})
	// By the address that the browser elsewhere ended at.
	status, body := d.Admin(http.MethodPost, "/servers/gh/login", `{"method":"paste"}`)
	var login struct {
		URL  string
		Code string `json:"user_code"`
	}
	if err := json.Unmarshal([]byte(body), &login); err != nil || status != 200 || !strings.HasPrefix(login.URL, s.URL()) {
		t.Fatalf("begin: %d %s", status, body)
	}
	elsewhere := newBrowser(t)
	ended := oauthtest.Approve(t, elsewhere, login.URL)
	if status, _, page := visit(t, elsewhere, ended); status != http.StatusBadRequest || !strings.Contains(page, "paste") {
		t.Errorf("a browser ended a login that was to be pasted: %d %s", status, page)
	}
	pasted, _ := json.Marshal(map[string]string{"url": ended})
	if status, body := d.Admin(http.MethodPost, "/servers/gh/login/redirect", string(pasted)); status != 200 {
		t.Fatalf("paste: %d %s", status, body)
	}
	d.AwaitServer("gh", "connected")
	if status, body := d.Admin(http.MethodPost, "/servers/gh/login/redirect", string(pasted)); status != 400 {
		t.Errorf("pasted twice: %d %s", status, body)
	}
	d.CLI("server", "logout", "gh")
	d.awaitState("login_required", "gh")
	// By a code.
	d.JSON(&login, "server", "login", "gh", "--device")
	if login.Code == "" {
		t.Fatalf("no code: %+v", login)
	}
	if status, _, page := visit(t, elsewhere, login.URL); status >= 400 {
		t.Fatalf("the page for the code: %d %s", status, page)
	}
	d.AwaitServer("gh", "connected")
}

// The start address works once, for one browser; the callback takes no other browser, no other state, and no code
// twice (security checks G7).
func TestLogin_CallbackIsBoundToItsBrowser(t *testing.T) {
	d := Start(t, Options{})
	s := d.protected("gh", oauthtest.Script{})
	begin := func() (c *http.Client, next string) {
		var login struct{ URL string }
		d.JSON(&login, "server", "login", "gh")
		u, err := url.Parse(login.URL)
		if err != nil || !strings.HasSuffix(d.Dashboard, ":"+u.Port()) {
			t.Fatalf("the address is not ours: %s", login.URL)
		}
		c = newBrowser(t)
		status, next, _ := visit(t, c, login.URL)
		if status != http.StatusFound {
			t.Fatalf("start: %d", status)
		}
		if status, _, _ := visit(t, newBrowser(t), login.URL); status != http.StatusNotFound {
			t.Errorf("the start address worked twice: %d", status)
		}
		return c, next
	}
	tokens := func(what string, want int) {
		t.Helper()
		if n := s.Count(oauthtest.Token); n != want {
			t.Errorf("%s: %d requests for tokens, want %d", what, n, want)
		}
	}
	c, next := begin()
	back := oauthtest.Approve(t, c, next)
	if status, _, _ := visit(t, newBrowser(t), back); status != http.StatusBadRequest {
		t.Errorf("another browser: %d", status)
	}
	tokens("another browser", 0)
	if status, _, _ := visit(t, c, back); status != http.StatusBadRequest {
		t.Errorf("its own browser, after the login was given up: %d", status)
	}
	c, next = begin()
	back = oauthtest.Approve(t, c, next)
	for _, spoil := range []string{"&code=x", "&state=x", "&iss=x"} {
		if status, _, _ := visit(t, c, back+spoil); status != http.StatusBadRequest {
			t.Errorf("with %s: %d", spoil, status)
		}
	}
	tokens("two of one", 0)
	if status, _, page := visit(t, c, back); status != http.StatusOK {
		t.Errorf("the true answer: %d %s", status, page)
	}
	tokens("the true answer", 1)
	if status, _, _ := visit(t, c, back); status != http.StatusBadRequest {
		t.Errorf("the answer a second time: %d", status)
	}
	tokens("the answer a second time", 1)
	d.AwaitServer("gh", "connected")
}

func TestLogin_WantedRightsAreAskedForAndTheCallWorksAfterwards(t *testing.T) {
	d := Start(t, Options{})
	s := d.protected("gh", oauthtest.Script{ChallengeScope: "basic"})
	d.LogIn("gh")
	d.AwaitServer("gh", "connected")
	m := d.Session(d.NewClient("app"))
	r := m.Call("gh_admin", `{}`).Last(t)
	if r.Error == nil || !strings.Contains(r.Error.Message, "more rights (admin)") {
		t.Fatalf("without the right: %v %s", r.Error, r.Result)
	}
	if got := m.CallText("gh_whoami", `{}`); got != "alice" {
		t.Errorf("what needs no more rights: %q", got)
	}
	d.LogIn("gh")
	d.AwaitServer("gh", "connected")
	if r := m.Call("gh_admin", `{}`).Last(t); r.Error != nil {
		t.Errorf("with the right: %v", r.Error)
	}
	var scopes []string
	for _, q := range s.Requests(oauthtest.Authorize) {
		scopes = append(scopes, q.Form.Get("scope"))
	}
	if fmt.Sprint(scopes) != "[basic admin basic]" {
		t.Errorf("asked for %q", scopes)
	}
}
