package e2e

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
)

// The checks of the dashboard, by the numbers that docs/security.md has them under.

func TestCheck_U1_NoRouteOfTheAPIAnswersWhoIsNotLoggedIn(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	asked := 0
	for _, r := range d.dashboardRoutes() {
		if !strings.HasPrefix(r.path, "/api/") {
			continue
		}
		for _, method := range append([]string{"HEAD", "OPTIONS", "PUT", "PATCH"}, methodsTried(r)...) {
			for _, lines := range [][]string{nil, {"X-Mcpmux-Session: x", "Cookie: mcpmux=x; session=x"}, {"Content-Type: application/json", "Origin: http://" + d.Dashboard}} {
				status, header := raw(t, d.Dashboard, method, r.path, append(lines, "Host: "+d.Dashboard, "Content-Length: 0")...)
				if status != http.StatusUnauthorized || header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s %s %q: %d", method, r.path, lines, status)
				}
				asked++
			}
		}
	}
	for _, path := range []string{"/api", "/api/", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v2/status"} {
		if status, _ := raw(t, d.Dashboard, "GET", path, "Host: "+d.Dashboard); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, status)
		}
	}
	if asked < 500 {
		t.Errorf("only %d requests", asked)
	}
}

// enter asks for a session as a page does.
func (d *Daemon) enter(c *http.Client, body string, lines ...string) (status int, header http.Header, text []byte) {
	d.t.Helper()
	return send(d.t, c, http.MethodPost, "http://"+d.Dashboard+"/session", body, append([]string{"Content-Type: application/json"}, lines...)...)
}

func TestCheck_U2_ATicketIsGoodOnce(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	ticket := `{"ticket":"` + d.ticket() + `"}`
	if status, _, text := d.enter(newBrowser(t), ticket); status != http.StatusOK {
		t.Errorf("a ticket: %d %s", status, text)
	}
	if status, _, text := d.enter(newBrowser(t), ticket); status != http.StatusUnauthorized {
		t.Errorf("again: %d %s", status, text)
	}
	for _, bad := range []string{`{"ticket":"x"}`, `{"ticket":"mm_tkt_` + strings.Repeat("A", 43) + `"}`} {
		if status, _, text := d.enter(newBrowser(t), bad); status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", bad, status, text)
		}
	}
}

func TestCheck_U5_NoAddressSendsTheBrowserElsewhere(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	for _, path := range []string{"/?next=//evil.example", "/?next=https://evil.example", "/login?next=https://evil.example", "/consent/x?next=//evil.example", "//evil.example/", "//evil.example/%2e%2e", "/\\evil.example", "/api/v1//evil.example", "/consent//evil.example"} {
		for _, addr := range []string{d.Dashboard, d.Gateway} {
			status, header := raw(t, addr, "GET", path, "Host: "+addr)
			if to, _, _ := strings.Cut(header.Get("Location"), "?"); strings.Contains(to, "//") {
				t.Errorf("%s: %d, sent to %s", path, status, to)
			}
		}
	}
	if status, _, text := d.enter(newBrowser(t), `{"ticket":"`+d.ticket()+`","next":"https://evil.example"}`); status != http.StatusBadRequest {
		t.Errorf("next in a login: %d %s", status, text)
	}
}

func TestCheck_U9_NoPathLeadsOutOfThePage(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	k := d.newDesk(newBrowser(t))
	_, index := d.Get(d.Dashboard, "/")
	for _, path := range []string{
		"/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd", "/assets/..%2f..%2fetc/passwd", "/%2e%2e%5c%2e%2e%5cetc%5cpasswd", "/assets/%00", "/assets/../../embed.go", "/.git/config", "/embed.go", "/assets/%252e%252e/embed.go",
		"/api/v1/servers/..%2f..%2fclients", "/api/v1/%2e%2e/%2e%2e/etc/passwd",
	} {
		status, _ := raw(t, d.Dashboard, "GET", path, "Host: "+d.Dashboard, "X-Mcpmux-Session: "+k.secret)
		switch {
		case strings.HasPrefix(path, "/api/") && status == http.StatusUnauthorized:
		case status == http.StatusOK: // a path that the page itself knows what to make of
			if _, text := d.Get(d.Dashboard, path); text != index {
				t.Errorf("%s: %s", path, text)
			}
		case status/100 == 3: // to the path without dots, which is asked for in turn
		case status != http.StatusNotFound && status != http.StatusBadRequest:
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestCheck_U10_AHugeBodyIsRefusedWhole(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	k := d.newDesk(newBrowser(t))
	before := d.revision()
	lines := []string{"Host: " + d.Dashboard, "Content-Type: application/json", "Content-Length: 67108864"}
	if status, _ := rawBody(t, d.Dashboard, "POST", "/api/v1/spaces", "{", lines...); status != http.StatusRequestEntityTooLarge {
		t.Errorf("64 MiB: %d", status)
	}
	if status, text := k.ask(http.MethodPost, "/spaces", `{"name":"`+strings.Repeat("x", 5<<20)+`"}`); status != http.StatusRequestEntityTooLarge {
		t.Errorf("5 MiB: %d %s", status, text)
	}
	if after := d.revision(); after != before {
		t.Errorf("revision %d became %d", before, after)
	}
}

func TestCheck_U12_ALogoutEndsItsSessionAndNoOther(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	one, two := d.newDesk(newBrowser(t)), d.newDesk(newBrowser(t))
	cookies := one.browser.Jar.Cookies(mustURL(t, "http://"+d.Dashboard+"/"))
	if len(cookies) != 1 {
		t.Fatalf("cookies: %v", cookies)
	}
	old := "Cookie: " + cookies[0].Name + "=" + cookies[0].Value
	status, _, text := send(t, one.browser, http.MethodDelete, "http://"+d.Dashboard+"/session", "", "X-Mcpmux-Session: "+one.secret)
	if status != http.StatusNoContent {
		t.Errorf("logout: %d %s", status, text)
	}
	if status, _, text := send(t, clientFrom(t, ""), http.MethodGet, "http://"+d.Dashboard+"/api/v1/status", "", old, "X-Mcpmux-Session: "+one.secret); status != http.StatusUnauthorized {
		t.Errorf("what was logged out: %d %s", status, text)
	}
	if status, text := two.ask(http.MethodGet, "/status", ""); status != http.StatusOK || !bytes.Contains(text, []byte("gateway")) {
		t.Errorf("another: %d %s", status, text)
	}
}
