package e2e

import (
	"net/http"
	"strings"
	"testing"
)

func TestDesk_APageIsLoggedInFromATerminalAndOutAgain(t *testing.T) {
	d := Start(t, Options{})
	page := "http://" + d.Dashboard
	post := func(path, body string) (int, http.Header, string) {
		t.Helper()
		return ask(t, http.DefaultClient, "POST", page+path, body, "Content-Type: application/json", "Origin: "+page, "User-Agent: Firefox/140.0 (Linux)")
	}
	_, _, text := post("/session/pair", "{}")
	code, poll := between(t, text, `"code":"`, `"`), between(t, text, `"poll":"`, `"`)
	if status, _, text := post("/session", `{"pair":"`+poll+`"}`); status != 202 || !strings.Contains(text, `"waiting"`) {
		t.Fatalf("before: %d %s", status, text)
	}
	if _, problem, exit := d.TryCLI("login", "AAAA-AAAA"); exit != 1 || !strings.Contains(problem, "no page") {
		t.Errorf("a wrong code: %d %s", exit, problem)
	}
	if out := d.CLI("login", strings.ToLower(code)); !strings.Contains(out, "Firefox on Linux") {
		t.Errorf("login: %s", out)
	}
	status, header, text := post("/session", `{"pair":"`+poll+`"}`)
	if status != 200 {
		t.Fatalf("after: %d %s", status, text)
	}
	cookie, _, _ := strings.Cut(header.Get("Set-Cookie"), ";")
	value := between(t, text, `"secret":"`, `"`)
	secret := "X-Mcpmux-Session: " + value
	get := func(lines ...string) int {
		t.Helper()
		status, _, _ := ask(t, http.DefaultClient, "GET", page+"/api/v1/sessions", "", lines...)
		return status
	}
	if both, half := get("Cookie: "+cookie, secret), get("Cookie: "+cookie); both != 200 || half != 403 {
		t.Errorf("logged in: %d, without the secret: %d", both, half)
	}
	var sessions []struct {
		ID string `json:"id"`
	}
	if d.JSON(&sessions, "dashboard", "--sessions"); len(sessions) != 1 {
		t.Fatalf("sessions %v", sessions)
	}
	d.CLI("dashboard", "--logout="+sessions[0].ID)
	if status := get("Cookie: "+cookie, secret); status != 401 {
		t.Errorf("logged out: %d", status)
	}
	d.Await("the record of all that", func() bool {
		record := d.CLI("audit")
		return strings.Contains(record, "auth/pair") && strings.Contains(record, "auth/login") && strings.Contains(record, "auth/logout") && strings.Contains(record, "auth/refused")
	})
	told := d.CLI("audit", "--json") + d.Log()
	for _, hidden := range []string{code, poll, value, cookie[strings.Index(cookie, "=")+1:]} {
		if strings.Contains(told, hidden) {
			t.Errorf("the record or the log has %q", hidden)
		}
	}
}

// In a browser: the page goes on by itself once its code was typed, and back to the login when it is ended from elsewhere.
func TestDesk_ABrowserIsLoggedInByTheCodeThatItShows(t *testing.T) {
	b := startBrowser(t)
	d := Start(t, Options{})
	tab, status := b.profile("person").open("http://" + d.Dashboard + "/servers")
	if status != http.StatusOK {
		t.Fatal(status)
	}
	tab.awaitText("You are not logged in")
	tab.click("Log in with a code")
	tab.awaitText("mcpmux login ")
	_, rest, _ := strings.Cut(tab.text(), "mcpmux login ")
	if len(rest) < len("ABCD-EFGH") {
		t.Fatalf("no code in %q", tab.text())
	}
	d.CLI("login", rest[:len("ABCD-EFGH")])
	tab.awaitText("Log out")
	d.CLI("dashboard", "--logout")
	tab.awaitText("You are not logged in")
}

// between is what of text is between two others.
func between(t *testing.T, text, before, after string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, before)
	found, _, end := strings.Cut(rest, after)
	if !ok || !end {
		t.Fatalf("no %s…%s in %s", before, after, text)
	}
	return found
}
