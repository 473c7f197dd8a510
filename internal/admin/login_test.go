package admin

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// login redeems a new ticket and answers the cookie and the secret.
func (w *world) login() (*http.Cookie, string) {
	w.t.Helper()
	rec := w.session(`{"ticket":"` + w.newTicket() + `"}`)
	if rec.Code != http.StatusOK {
		w.t.Fatalf("login: %d %s", rec.Code, rec.Body)
	}
	return rec.Result().Cookies()[0], read[api.Session](w.t, rec.Body.String()).Secret
}

func (w *world) newTicket() string {
	w.t.Helper()
	_, ticket, ok := strings.Cut(read[api.Ticket](w.t, w.must("POST", "/dashboard/ticket", "")).URL, "http://localhost:45819/#ticket=")
	if !ok || !strings.HasPrefix(ticket, ticketPrefix) {
		w.t.Fatalf("the ticket in the fragment is %q", ticket)
	}
	return ticket
}

// session is POST /session.
func (w *world) session(body string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	return w.page(http.MethodPost, "/session", body, cookies...)
}

// page is a request of a page that has no secret.
func (w *world) page(method, path, body string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr, r.Host = w.peer+":4711", w.host
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	w.desk.ServeHTTP(rec, r)
	return rec
}

func (w *world) visit(method, path string, c *http.Cookie, secret string) (int, string) {
	r := httptest.NewRequest(method, path, http.NoBody)
	if c != nil {
		r.AddCookie(c)
	}
	if secret != "" {
		r.Header.Set(sessionHeader, secret)
	}
	return serve(w.desk, r)
}

// alive says whether a session counts.
func (w *world) alive(c *http.Cookie, secret string) bool {
	w.t.Helper()
	status, text := w.visit("GET", "/api/v1/version", c, secret)
	if status != http.StatusOK && status != http.StatusUnauthorized {
		w.t.Errorf("GET /version: %d %s", status, text)
	}
	return status == http.StatusOK
}

func (w *world) pass(d time.Duration) { w.ago.Add(int64(d)) }

func TestU03_CookieAndSecretAreNothingWithoutEachOther(t *testing.T) {
	w := newWorld(t)
	cookie, secret := w.login()
	_, others := w.login()
	for _, c := range []struct {
		name   string
		cookie *http.Cookie
		secret string
		want   int
	}{
		{"both", cookie, secret, 200},
		{"none", nil, "", 401},
		{"cookie alone", cookie, "", 403},
		{"wrong secret", cookie, "x", 403},
		{"another session's secret", cookie, others, 403},
		{"secret alone", nil, secret, 401},
		{"unknown cookie", &http.Cookie{Name: cookie.Name, Value: "x"}, secret, 401},
	} {
		for _, path := range []string{"/api/v1/status", "/api/v1/openapi.json"} {
			status, text := w.visit("GET", path, c.cookie, c.secret)
			if status != c.want || c.want != 200 && (!strings.Contains(text, "mcpmux dashboard") || !strings.Contains(text, `"login_required"`)) {
				t.Errorf("%s: GET %s: %d %s", c.name, path, status, text)
			}
		}
	}
}

// A server on another port of this machine can set a cookie of the same name.
func TestSession_ACookieOfAnotherPortDoesNotHideOurs(t *testing.T) {
	w := newWorld(t)
	cookie, secret := w.login()
	r := httptest.NewRequest(http.MethodGet, "/api/v1/version", http.NoBody)
	r.Header.Set("Cookie", cookie.Name+"=planted; "+cookie.Name+"="+cookie.Value)
	r.Header.Set(sessionHeader, secret)
	if status, text := serve(w.desk, r); status != 200 {
		t.Errorf("%d %s", status, text)
	}
}

func TestU04_TheCookieIsForThePageAlone(t *testing.T) {
	w := newWorld(t)
	cookie, _ := w.login()
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Domain != "" || cookie.Secure ||
		cookie.MaxAge != int(sessionLife/time.Second) {
		t.Errorf("cookie %v", cookie)
	}
	w.origin = "https://mux.example"
	if rec := w.session(`{"ticket":"` + w.ticketAt("https://mux.example") + `"}`); !rec.Result().Cookies()[0].Secure {
		t.Errorf("over https: %v", rec.Header())
	}
}

func (w *world) ticketAt(origin string) string {
	w.t.Helper()
	_, ticket, ok := strings.Cut(read[api.Ticket](w.t, w.must("POST", "/dashboard/ticket", "")).URL, origin+"/#ticket=")
	if !ok {
		w.t.Fatal("the ticket is for another origin")
	}
	return ticket
}

func TestU02_TicketWorksOnceAndForAMinute(t *testing.T) {
	w := newWorld(t)
	ticket := `{"ticket":"` + w.newTicket() + `"}`
	if rec := w.session(ticket); rec.Code != 200 {
		t.Errorf("first use: %d", rec.Code)
	}
	if rec := w.session(ticket); rec.Code != 401 {
		t.Errorf("second use: %d", rec.Code)
	}
	late := `{"ticket":"` + w.newTicket() + `"}`
	w.pass(61 * time.Second)
	if rec := w.session(late); rec.Code != 401 || len(rec.Result().Cookies()) > 0 {
		t.Errorf("after a minute: %d %v", rec.Code, rec.Header())
	}
}

func TestU05_ALoginLeadsNowhereElse(t *testing.T) {
	w := newWorld(t)
	for _, next := range []string{"//evil.example", "https://evil.example"} {
		rec := w.page(http.MethodPost, "/session?next="+next, `{"ticket":"`+w.newTicket()+`"}`)
		if rec.Code != 200 || rec.Header().Get("Location") != "" || strings.Contains(rec.Body.String(), "evil") {
			t.Errorf("next=%s: %d %v %s", next, rec.Code, rec.Header(), rec.Body)
		}
		if rec := w.page(http.MethodGet, "/?next="+next, ""); rec.Code != 200 || rec.Header().Get("Location") != "" {
			t.Errorf("GET /?next=%s: %d %v", next, rec.Code, rec.Header())
		}
	}
	if rec := w.session(`{"ticket":"` + w.newTicket() + `","next":"//evil.example"}`); rec.Code != 400 {
		t.Errorf("next in the body: %d", rec.Code)
	}
}

func TestLogin_TakesOneOfTicketAndPair(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{`{}`, `{"ticket":"x","pair":"y"}`, ``, `[]`} {
		if rec := w.session(body); rec.Code != 400 {
			t.Errorf("%s: %d %s", body, rec.Code, rec.Body)
		}
	}
}

func TestLogin_FailuresOfAPeerAreBoundedAndKeepNobodyOut(t *testing.T) {
	w := newWorld(t)
	for range failuresPerMinute {
		if rec := w.session(`{"ticket":"x"}`); rec.Code != 401 {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
	}
	if rec := w.session(`{"ticket":"x"}`); rec.Code != 429 || rec.Header().Get("Retry-After") == "" {
		t.Errorf("one too many: %d %v", rec.Code, rec.Header())
	}
	if rec := w.session(`{"ticket":"` + w.newTicket() + `"}`); rec.Code != 200 {
		t.Errorf("a good ticket: %d %s", rec.Code, rec.Body)
	}
}

func TestU12_LogoutEndsThatSessionAtOnceAndNoOther(t *testing.T) {
	w := newWorld(t)
	cookie, secret := w.login()
	other, others := w.login()
	if status, _ := w.visit("DELETE", "/session", cookie, "x"); status != 403 || !w.alive(cookie, secret) {
		t.Errorf("logout without the secret: %d", status)
	}
	if status, _ := w.visit("DELETE", "/session", cookie, secret); status != 204 {
		t.Errorf("logout: %d", status)
	}
	if w.alive(cookie, secret) {
		t.Error("the session outlived its logout")
	}
	if !w.alive(other, others) {
		t.Error("another session ended too")
	}
	if status, _ := w.visit("DELETE", "/session", cookie, secret); status != 401 {
		t.Errorf("logout again: %d", status)
	}
}

func TestSession_EndsWhenItIsNotUsedForLong(t *testing.T) {
	w := newWorld(t)
	cookie, secret := w.login()
	w.pass(sessionIdle - time.Minute)
	if !w.alive(cookie, secret) {
		t.Error("it ended early")
	}
	w.pass(sessionIdle - time.Minute)
	if !w.alive(cookie, secret) {
		t.Error("its use did not count")
	}
	if status, _ := w.visit("GET", "/api/v1/version", cookie, "x"); status != 403 {
		t.Errorf("wrong secret: %d", status)
	}
	w.pass(sessionIdle)
	if w.alive(cookie, secret) {
		t.Error("it did not end")
	}
}

func TestSession_EndsAfterAWeekInUse(t *testing.T) {
	w := newWorld(t)
	cookie, secret := w.login()
	for used := time.Duration(0); used < sessionLife; used += 6 * time.Hour {
		if !w.alive(cookie, secret) {
			t.Fatalf("it ended after %v", used)
		}
		w.pass(6 * time.Hour)
	}
	if w.alive(cookie, secret) {
		t.Error("it did not end")
	}
}

func TestSession_ANewLoginOfABrowserEndsTheOneBefore(t *testing.T) {
	w := newWorld(t)
	cookie, secret := w.login()
	if rec := w.session(`{"ticket":"bad"}`, cookie); rec.Code != 401 || !w.alive(cookie, secret) {
		t.Errorf("a login that failed: %d", rec.Code)
	}
	if rec := w.session(`{"ticket":"`+w.newTicket()+`"}`, cookie); rec.Code != 200 || w.alive(cookie, secret) {
		t.Errorf("a login in its place: %d", rec.Code)
	}
}

func TestLogins_AreBoundedAndTheOldestMakesRoom(t *testing.T) {
	w := newWorld(t)
	first, secret := w.login()
	w.pass(time.Second)
	second, seconds := w.login()
	for range maxSessions - 1 {
		w.pass(time.Second)
		w.login()
	}
	for range maxTickets + 3 {
		w.newTicket()
	}
	if len(w.admin.logins.sessions) != maxSessions || len(w.admin.logins.tickets) != maxTickets {
		t.Errorf("%d sessions, %d tickets", len(w.admin.logins.sessions), len(w.admin.logins.tickets))
	}
	if w.alive(first, secret) || !w.alive(second, seconds) {
		t.Error("another one made room than the oldest")
	}
}

func TestSessions_AreListedAndEnded(t *testing.T) {
	w := newWorld(t)
	cookie, secret := w.login()
	w.pass(time.Minute)
	other, others := w.login()
	w.pass(time.Minute)
	_, text := w.visit("GET", "/api/v1/sessions", cookie, secret)
	all := read[[]api.DashboardSession](t, text)
	if len(all) != 2 || all[0].Current || !all[1].Current || all[0].Browser != "Firefox on Linux" || all[0].Peer != "127.0.0.1" ||
		all[1].UsedAt.Sub(all[1].CreatedAt).Round(time.Minute) != 2*time.Minute || all[1].ExpiresAt.Sub(all[1].UsedAt) != sessionIdle {
		t.Fatalf("sessions %s", text)
	}
	for _, hidden := range []string{cookie.Value, secret, other.Value, others} {
		if strings.Contains(text, hidden) {
			t.Errorf("the list has a secret: %s", text)
		}
	}
	if list := read[[]api.DashboardSession](t, w.must("GET", "/sessions", "")); len(list) != 2 || list[0].Current || list[1].Current {
		t.Errorf("over the socket: %v", list)
	}
	w.refused(404, "no browser", "DELETE", "/sessions/none", "")
	if status, _ := w.visit("DELETE", "/api/v1/sessions/"+all[0].ID, cookie, secret); status != 200 || w.alive(other, others) || !w.alive(cookie, secret) {
		t.Errorf("end the other: %d", status)
	}
	ticket := w.newTicket()
	poll := w.newPairing()
	if ended := read[[]api.DashboardSession](t, w.must("DELETE", "/sessions", "")); len(ended) != 1 || w.alive(cookie, secret) {
		t.Errorf("ended %v", ended)
	}
	if rec := w.session(`{"ticket":"` + ticket + `"}`); rec.Code != 401 {
		t.Errorf("a ticket from before the logout of all: %d", rec.Code)
	}
	if rec := w.session(`{"pair":"` + poll.Poll + `"}`); rec.Code != 410 {
		t.Errorf("a code from before the logout of all: %d", rec.Code)
	}
	cookie, secret = w.login()
	if status, text := w.visit("DELETE", "/api/v1/sessions", cookie, secret); status != 200 || !strings.Contains(text, `"current":true`) || w.alive(cookie, secret) {
		t.Errorf("logout of all from the dashboard: %d %s", status, text)
	}
	if list := w.must("DELETE", "/sessions", ""); list != "[]" {
		t.Errorf("nobody is logged in, yet %s", list)
	}
}

func TestSessions_TheDashboardMakesNoOthers(t *testing.T) {
	w := newWorld(t)
	cookie, secret := w.login()
	code := w.newPairing().Code
	for path, body := range map[string]string{"/dashboard/ticket": "", "/dashboard/pair": `{"code":"` + code + `"}`} {
		r := httptest.NewRequest(http.MethodPost, prefix+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(sessionHeader, secret)
		r.AddCookie(cookie)
		if status, text := serve(w.desk, r); status != 403 || !strings.Contains(text, `"denied"`) {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}

// watched is an Admin's login around a stream, without a store: so that time can be a test's own.
func watched(t *testing.T) (l *logins, stream func(cookie, secret string) (ended <-chan struct{})) {
	t.Helper()
	a := &Admin{log: slog.New(slog.DiscardHandler), logins: newLogins("installation", time.Now), cfg: Config{
		Audit: func(mcpmux.Activity) {}, Now: time.Now, Hide: func(s string) string { return s },
	}}
	t.Cleanup(a.logins.close)
	h := a.loggedIn(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	return a.logins, func(cookie, secret string) <-chan struct{} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/events", http.NoBody)
		r.AddCookie(&http.Cookie{Name: a.logins.cookie, Value: cookie})
		r.Header.Set(sessionHeader, secret)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			h.ServeHTTP(httptest.NewRecorder(), r)
		}()
		synctest.Wait()
		return ended
	}
}

func TestStream_EndsWhenItsSessionWasNotUsedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stream := watched(t)
		cookie, s := begin(l)
		began := time.Now()
		<-stream(cookie, s.Secret)
		if after := time.Since(began); after != sessionIdle {
			t.Errorf("it ended after %v", after)
		}
	})
}

func TestStream_EndsWithItsSessionsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stream := watched(t)
		cookie, s := begin(l)
		began := time.Now()
		ended := stream(cookie, s.Secret)
		use, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { // the page asks something every hour
			for {
				select {
				case <-time.After(time.Hour):
					r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
					r.AddCookie(&http.Cookie{Name: l.cookie, Value: cookie})
					r.Header.Set(sessionHeader, s.Secret)
					_, _ = l.find(r)
				case <-use.Done():
					return
				}
			}
		}()
		<-ended
		if after := time.Since(began); after != sessionLife {
			t.Errorf("it ended after %v", after)
		}
	})
}

func TestStream_EndsAtOnceWithALogoutOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stream := watched(t)
		one, s := begin(l)
		other, o := begin(l)
		began := time.Now()
		first, second := stream(one, s.Secret), stream(other, o.Secret)
		l.endAll()
		<-first
		<-second
		if after := time.Since(began); after != 0 {
			t.Errorf("they ended after %v", after)
		}
	})
}

func begin(l *logins) (cookie string, s api.Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begin(visitor{})
}

// The events themselves end too, over a real connection, and nobody else's.
func TestStream_EventsEndWithTheirSession(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w.desk)
	t.Cleanup(func() { w.admin.Close(); server.Close() })
	open := func() (*bufio.Reader, *http.Cookie, string) {
		cookie, secret := w.login()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v1/events", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(cookie)
		r.Header.Set(sessionHeader, secret)
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		in := bufio.NewReader(resp.Body)
		if line, err := in.ReadString('\n'); line != "event: ready\n" || err != nil {
			t.Fatalf("%q, %v", line, err)
		}
		return in, cookie, secret
	}
	mine, cookie, secret := open()
	others, _, _ := open()
	if status, _ := w.visit("DELETE", "/session", cookie, secret); status != 204 {
		t.Fatal(status)
	}
	if _, err := io.ReadAll(mine); err != nil {
		t.Errorf("the stream was cut: %v", err)
	}
	w.admin.Publish("still", 1)
	for {
		line, err := others.ReadString('\n')
		if err != nil {
			t.Fatalf("the other stream ended too: %v", err)
		}
		if line == "event: still\n" {
			return
		}
	}
}

func TestLogins_DecisionsAreRecordedWithoutSecrets(t *testing.T) {
	w := newWorld(t)
	cookie, secret := w.login()
	w.session(`{"ticket":"no-such-ticket"}`)
	w.visit("GET", "/api/v1/status", cookie, "no-such-secret")
	p := w.newPairing()
	w.refused(404, "", "POST", "/dashboard/pair", `{"code":"AAAA-AAAA"}`)
	w.must("POST", "/dashboard/pair", `{"code":"`+p.Code+`"}`)
	w.session(`{"pair":"` + p.Poll + `"}`)
	w.visit("DELETE", "/session", cookie, secret)
	w.must("DELETE", "/sessions", "")
	var got []string
	for _, a := range w.audited {
		if !strings.HasPrefix(a.Method, "auth/") {
			continue // the requests that make tickets and approve codes have rows of their own
		}
		got = append(got, a.Method+" "+a.Outcome)
		for _, hidden := range []string{"no-such", secret, cookie.Value, p.Code, p.Poll, ticketPrefix} {
			if strings.Contains(a.Detail+a.Actor, hidden) {
				t.Errorf("%v has a secret", a)
			}
		}
		if a.Actor == "" || a.At.IsZero() {
			t.Errorf("%v says too little", a)
		}
	}
	want := []string{
		"auth/login ok", "auth/refused denied", "auth/refused denied", "auth/pair denied", "auth/pair ok", "auth/login ok", "auth/logout ok", "auth/logout ok",
	}
	if !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
}

func TestDashboard_PagesCarryTheirHeaders(t *testing.T) {
	w := newWorld(t)
	rec := httptest.NewRecorder()
	w.desk.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if rec.Code != 200 || !strings.Contains(rec.Body.String(), "page") || !strings.Contains(rec.Header().Get("Content-Security-Policy"), "script-src 'self'") ||
		rec.Header().Get("X-Frame-Options") != "DENY" {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
	if status, _ := w.visit("POST", "/", nil, ""); status != 405 {
		t.Errorf("POST /: %d", status)
	}
}

func TestVisitor_IsToldInWords(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0": "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":         "Safari on macOS",
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36":                  "Chrome on Android",
		"curl/8.5.0": "a browser",
		"":           "a browser",
	} {
		if got := (visitor{agent: agent}).browser(); got != want {
			t.Errorf("%s: %q, want %q", agent, got, want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.Header.Set("User-Agent", strings.Repeat("ä", maxAgent))
	if v := visitorOf(r); len(v.agent) > maxAgent || strings.Contains(v.agent, "\uFFFD") {
		t.Errorf("agent of %d bytes", len(v.agent))
	}
}
