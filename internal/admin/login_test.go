package admin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
)

// login redeems a new ticket and answers the cookie and the secret.
func (w *world) login() (*http.Cookie, string) {
	w.t.Helper()
	status, rec := w.redeem(w.newTicket())
	if status != http.StatusOK {
		w.t.Fatalf("login: %d %s", status, rec.Body)
	}
	return rec.Result().Cookies()[0], read[api.Session](w.t, rec.Body.String()).Secret
}

func (w *world) newTicket() string {
	w.t.Helper()
	_, ticket, ok := strings.Cut(read[api.Ticket](w.t, w.must("POST", "/dashboard/ticket", "")).URL, "http://localhost:45819/#ticket=")
	if !ok {
		w.t.Fatal("the ticket is not in the fragment")
	}
	return ticket
}

func (w *world) redeem(ticket string) (int, *httptest.ResponseRecorder) {
	r := httptest.NewRequest(http.MethodPost, "/session", strings.NewReader(`{"ticket":"`+ticket+`"}`))
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.desk.ServeHTTP(rec, r)
	return rec.Code, rec
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

func TestDashboard_APIWantsBothHalvesOfALogin(t *testing.T) {
	w := newWorld(t)
	cookie, secret := w.login()
	for _, c := range []struct {
		name   string
		cookie *http.Cookie
		secret string
		want   int
	}{
		{"both", cookie, secret, 200},
		{"none", nil, "", 401},
		{"cookie alone", cookie, "", 401},
		{"secret alone", nil, secret, 401},
		{"wrong secret", cookie, "x", 401},
	} {
		for _, path := range []string{"/api/v1/status", "/api/v1/openapi.json"} {
			status, text := w.visit("GET", path, c.cookie, c.secret)
			if status != c.want || c.want == 401 && !strings.Contains(text, "mcpmux dashboard") {
				t.Errorf("%s: GET %s: %d %s", c.name, path, status, text)
			}
		}
	}
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode {
		t.Errorf("cookie %v", cookie)
	}
}

func TestTicket_WorksOnceAndForAMinute(t *testing.T) {
	w := newWorld(t)
	ticket := w.newTicket()
	if status, _ := w.redeem(ticket); status != 200 {
		t.Errorf("first use: %d", status)
	}
	if status, _ := w.redeem(ticket); status != 401 {
		t.Errorf("second use: %d", status)
	}
	late := w.newTicket()
	w.ago.Store(int64(ticketLife))
	if status, _ := w.redeem(late); status != 401 {
		t.Errorf("after a minute: %d", status)
	}
}

func TestSession_EndsWithLogoutAndWithTime(t *testing.T) {
	w := newWorld(t)
	cookie, secret := w.login()
	if status, _ := w.visit("DELETE", "/session", cookie, secret); status != 204 {
		t.Errorf("logout: %d", status)
	}
	if status, _ := w.visit("GET", "/api/v1/status", cookie, secret); status != 401 {
		t.Errorf("after logout: %d", status)
	}
	cookie, secret = w.login()
	w.ago.Add(int64(sessionLife + time.Second))
	if status, _ := w.visit("GET", "/api/v1/status", cookie, secret); status != 401 {
		t.Errorf("after its life: %d", status)
	}
}

func TestLogins_AreBounded(t *testing.T) {
	w := newWorld(t)
	for range maxSessions + 3 {
		w.login()
	}
	for range maxTickets + 3 {
		w.newTicket()
	}
	if len(w.admin.logins.sessions) != maxSessions || len(w.admin.logins.tickets) != maxTickets {
		t.Errorf("%d sessions, %d tickets", len(w.admin.logins.sessions), len(w.admin.logins.tickets))
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
