package admin

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
)

// newPairing is a page that begins to wait.
func (w *world) newPairing() api.Pairing {
	w.t.Helper()
	rec := w.page(http.MethodPost, "/session/pair", `{}`)
	p := read[api.Pairing](w.t, rec.Body.String())
	if rec.Code != 200 || !regexp.MustCompile(`^[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}$`).MatchString(p.Code) || !strings.HasPrefix(p.Poll, pairingPrefix) {
		w.t.Fatalf("pair: %d %s", rec.Code, rec.Body)
	}
	return p
}

// polled is how a page's wait goes, by status.
func (w *world) polled(p api.Pairing) int {
	w.t.Helper()
	rec := w.session(`{"pair":"` + p.Poll + `"}`)
	if rec.Code == http.StatusAccepted && strings.TrimSpace(rec.Body.String()) != `{"state":"waiting"}` {
		w.t.Errorf("waiting: %s", rec.Body)
	}
	return rec.Code
}

func TestPairing_ATerminalLogsThePageInThatShowsTheCode(t *testing.T) {
	w := newWorld(t)
	mine, others := w.newPairing(), w.newPairing()
	if a, b := w.polled(mine), w.polled(others); a != 202 || b != 202 {
		t.Errorf("before: %d, %d", a, b)
	}
	paired := read[api.Paired](t, w.must("POST", "/dashboard/pair", `{"code":"`+strings.ToLower(strings.ReplaceAll(mine.Code, "-", " "))+`"}`))
	if paired.Browser != "Firefox on Linux" || paired.Peer != "127.0.0.1" {
		t.Errorf("paired %v", paired)
	}
	rec := w.session(`{"pair":"` + mine.Poll + `"}`)
	if rec.Code != 200 || !w.alive(rec.Result().Cookies()[0], read[api.Session](t, rec.Body.String()).Secret) {
		t.Errorf("after: %d %s", rec.Code, rec.Body)
	}
	if a, b := w.polled(mine), w.polled(others); a != 410 || b != 202 {
		t.Errorf("again: %d, the other page: %d", a, b)
	}
	w.refused(404, "no page", "POST", "/dashboard/pair", `{"code":"`+mine.Code+`"}`)
}

func TestPairing_APageOfAnotherMachineIsLetInOnlyWhereThatIsSaid(t *testing.T) {
	w := newWorld(t)
	w.peer = "192.0.2.7"
	p := w.newPairing()
	for range maxTries + 1 { // it is no wrong code
		w.refused(409, "Firefox on Linux at 192.0.2.7", "POST", "/dashboard/pair", `{"code":"`+p.Code+`"}`)
	}
	if status := w.polled(p); status != 202 {
		t.Errorf("before: %d", status)
	}
	w.must("POST", "/dashboard/pair", `{"code":"`+p.Code+`","remote":true}`)
	if status := w.polled(p); status != 200 {
		t.Errorf("after: %d", status)
	}
}

// All pages come from this machine where a proxy on it is between; the name tells.
func TestPairing_APageThatCameByThePublicNameIsOnAnotherMachine(t *testing.T) {
	w := newWorld(t)
	w.host = "mux.example"
	p := w.newPairing()
	w.refused(409, "--remote", "POST", "/dashboard/pair", `{"code":"`+p.Code+`"}`)
	w.must("POST", "/dashboard/pair", `{"code":"`+p.Code+`","remote":true}`)
}

func TestPairing_TheCodeItselfIsNoSecretToAskWith(t *testing.T) {
	w := newWorld(t)
	p := w.newPairing()
	w.must("POST", "/dashboard/pair", `{"code":"`+p.Code+`"}`)
	if rec := w.session(`{"pair":"` + p.Code + `"}`); rec.Code != 410 {
		t.Errorf("asked with the code: %d", rec.Code)
	}
	if rec := w.session(`{"ticket":"` + p.Poll + `"}`); rec.Code != 401 {
		t.Errorf("as a ticket: %d", rec.Code)
	}
}

func TestU02_FiveWrongCodesEndThePagesThatWait(t *testing.T) {
	w := newWorld(t)
	p := w.newPairing()
	for range maxTries - 1 {
		w.refused(404, "no page", "POST", "/dashboard/pair", `{"code":"AAAA-AAAA"}`)
	}
	if status := w.polled(p); status != 202 {
		t.Errorf("after four: %d", status)
	}
	w.refused(404, "no page", "POST", "/dashboard/pair", `{"code":"AAAA-AAAA"}`)
	if status := w.polled(p); status != 410 {
		t.Errorf("after five: %d", status)
	}
	w.refused(404, "no page", "POST", "/dashboard/pair", `{"code":"`+p.Code+`"}`)
}

func TestPairing_LastsForFiveMinutesAndOnceApprovedForOne(t *testing.T) {
	w := newWorld(t)
	p, approved := w.newPairing(), w.newPairing()
	w.must("POST", "/dashboard/pair", `{"code":"`+approved.Code+`"}`)
	w.pass(ticketLife)
	if status := w.polled(approved); status != 410 {
		t.Errorf("approved a minute ago: %d", status)
	}
	w.pass(pairingLife - ticketLife - time.Second)
	if status := w.polled(p); status != 202 {
		t.Errorf("just before: %d", status)
	}
	w.pass(time.Second)
	if status := w.polled(p); status != 410 {
		t.Errorf("after five minutes: %d", status)
	}
	w.refused(404, "no page", "POST", "/dashboard/pair", `{"code":"`+p.Code+`"}`)
}

func TestPairing_PagesThatWaitAreBounded(t *testing.T) {
	w := newWorld(t)
	first := w.newPairing()
	for range pairingsPerMinute - 1 {
		w.newPairing()
	}
	if rec := w.page(http.MethodPost, "/session/pair", `{}`); rec.Code != 429 || rec.Header().Get("Retry-After") == "" {
		t.Errorf("one too many in a minute: %d %v", rec.Code, rec.Header())
	}
	if status := w.polled(first); status != 202 {
		t.Errorf("the first: %d", status)
	}
	w.pass(time.Minute)
	w.newPairing()
	if status := w.polled(first); status != 410 || len(w.admin.logins.pairings) != maxPairings {
		t.Errorf("the first: %d; %d wait", status, len(w.admin.logins.pairings))
	}
}

func TestPairing_IsNotBegunByReading(t *testing.T) {
	w := newWorld(t)
	if rec := w.page(http.MethodGet, "/session/pair", ""); rec.Code != 405 || rec.Header().Get("Allow") != "POST" {
		t.Errorf("GET: %d %v", rec.Code, rec.Header())
	}
	if rec := w.page(http.MethodGet, "/session", ""); rec.Code != 405 || rec.Header().Get("Allow") != "DELETE, POST" {
		t.Errorf("GET /session: %d %v", rec.Code, rec.Header())
	}
}
