package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestCheck_U2_ACodeIsGoodForFiveTries(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	page := newBrowser(t)
	status, _, text := send(t, page, http.MethodPost, "http://"+d.Dashboard+"/session/pair", "{}", "Content-Type: application/json")
	var pair struct{ Code, Poll string }
	if err := json.Unmarshal(text, &pair); err != nil || pair.Code == "" || pair.Poll == "" {
		t.Fatalf("pair: %d %s", status, text)
	}
	poll := `{"pair":"` + pair.Poll + `"}`
	if status, _, text := d.enter(page, poll); status != http.StatusAccepted {
		t.Errorf("before the code was typed: %d %s", status, text)
	}
	// The code is what everybody at the screen sees. It is worth nothing to them.
	if status, _, text := d.enter(newBrowser(t), `{"pair":"`+pair.Code+`"}`); status/100 == 2 {
		t.Errorf("the code in place of the secret: %d %s", status, text)
	}
	for range 6 {
		if _, _, code := d.TryCLI("login", "AAAA-AAAA"); code == 0 {
			t.Fatal("a wrong code was taken")
		}
	}
	if _, _, code := d.TryCLI("login", pair.Code); code == 0 {
		t.Error("after six wrong ones the right one was taken")
	}
	if status, _, text := d.enter(page, poll); status != http.StatusGone {
		t.Errorf("after that: %d %s", status, text)
	}
}

func TestCheck_U3_U4_BothHalvesOfALoginAreNeeded(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	browser := newBrowser(t)
	_, header, text := d.enter(browser, `{"ticket":"`+d.ticket()+`"}`)
	var s struct{ Secret string }
	if err := json.Unmarshal(text, &s); err != nil || s.Secret == "" {
		t.Fatalf("%s", text)
	}
	set := header["Set-Cookie"]
	if len(set) != 1 {
		t.Fatalf("cookies: %q", set)
	}
	for _, want := range []string{"; Path=/", "; HttpOnly", "; SameSite=Strict", "; Max-Age="} {
		if !strings.Contains(set[0], want) {
			t.Errorf("the cookie lacks %s: %s", want, set[0])
		}
	}
	if strings.Contains(set[0], "Domain") || strings.Contains(set[0], s.Secret) || header.Get("Cache-Control") != "no-store" {
		t.Errorf("the cookie is %s, Cache-Control %q", set[0], header.Get("Cache-Control"))
	}
	secret := "X-Mcpmux-Session: " + s.Secret
	other := d.newDesk(newBrowser(t))
	for _, tc := range []struct {
		what    string
		browser *http.Client
		lines   []string
		want    int
	}{
		{"both", browser, []string{secret}, 200},
		{"the cookie alone", browser, nil, 403},
		{"a wrong secret", browser, []string{secret[:len(secret)-1]}, 403},
		{"another login's secret", browser, []string{"X-Mcpmux-Session: " + other.secret}, 403},
		{"the secret alone", newBrowser(t), []string{secret}, 401},
		{"neither", newBrowser(t), nil, 401},
		{"both, the secret in the address", browser, nil, 403},
	} {
		address := "http://" + d.Dashboard + "/api/v1/status"
		if strings.Contains(tc.what, "address") {
			address += "?session=" + s.Secret
		}
		if status, _, text := send(t, tc.browser, http.MethodGet, address, "", tc.lines...); status != tc.want {
			t.Errorf("%s: %d %s, want %d", tc.what, status, text, tc.want)
		}
	}
}
