package e2e

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// The checks of the browser's boundary, by the numbers that docs/security.md has them under. What each route has to
// refuse is guard_test.go's.

func TestCheck_A4_A11_OurOwnAddressesAndPagesAreGood(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	key := d.NewClient("a")
	_, port, err := net.SplitHostPort(d.Gateway)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"[::1]", "127.0.0.1", "localhost"} {
		m := &MCP{URL: "http://" + host + ":" + port + "/mcp", Key: key, t: t}
		if r := m.Post(initialize); r.Status != http.StatusOK {
			t.Errorf("at %s: %d %s", host, r.Status, r.Body)
		}
		if r := m.Post(initialize, "Origin: http://"+host+":"+port); r.Status != http.StatusOK {
			t.Errorf("from a page at %s: %d %s", host, r.Status, r.Body)
		}
	}
}

func TestCheck_A7_WhatAForeignPageSendsReachesNobody(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	s := d.AddScripted("s", mcptest.Script{})
	m := d.Session(d.NewClient("a"))
	before := d.revision()
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"s_echo","arguments":{"text":"x"}}}`
	for _, lines := range [][]string{
		{"Origin: http://evil.example"}, {"Origin: null"}, {"Origin: http://localhost:3000"}, {"Host: evil.example", "Origin: http://evil.example"}, {"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"},
	} {
		if r := m.Post(call, lines...); r.Status != http.StatusForbidden {
			t.Errorf("%q: %d %s", lines, r.Status, r.Body)
		}
	}
	k := d.newDesk(newBrowser(t))
	if status, text := k.ask(http.MethodPost, "/spaces", `{"name":"Evil"}`, "Origin: http://evil.example"); status != http.StatusForbidden {
		t.Errorf("the admin API: %d %s", status, text)
	}
	if n := s.Count("tools/call"); n != 0 {
		t.Errorf("the server heard %d calls", n)
	}
	if after := d.revision(); after != before {
		t.Errorf("something was changed: revision %d became %d", before, after)
	}
	m.Call("s_echo", `{}`).Result(t)
}

// A page can make a browser GET anything, and a browser that is logged in sends its login along.
func TestCheck_A14_NoStateIsChangedByGET(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.NewClient("one")
	k := d.newDesk(newBrowser(t))
	before := d.revision()
	asked := 0
	for _, r := range d.dashboardRoutes() {
		if !strings.HasPrefix(r.path, "/api/v1/") || slices.Contains(r.methods, "GET") {
			continue
		}
		path := strings.NewReplacer("{name}", "one", "{alias}", "one", "{key}", "log.level", "{id}", "one").Replace(strings.TrimPrefix(r.path, "/api/v1"))
		if status, text := k.ask(http.MethodGet, path, ""); status != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d %s", path, status, text)
		}
		asked++
	}
	if asked < 15 {
		t.Errorf("only %d routes change anything", asked)
	}
	if after := d.revision(); after != before {
		t.Errorf("revision %d became %d", before, after)
	}
}

func TestCheck_A15_PagesAreInNobodysFrameAndRunTheirOwnScriptsAlone(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{}).newApp("Editor")
	id := a.begin()
	for _, path := range []string{"/", "/consent/" + id, "/login/none", "/oauth/callback", "/nothing/here", "/api/v1/status"} {
		status, header, text := send(t, a.browser, http.MethodGet, "http://"+a.d.Dashboard+path, "")
		csp := header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy lacks %s: %s", path, want, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
			t.Errorf("%s: the policy is %s", path, csp)
		}
		for name, want := range map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		for tag := range bytes.SplitSeq(text, []byte("<script")) {
			if !bytes.HasPrefix(text, tag) && !bytes.Contains(tag[:max(0, bytes.IndexByte(tag, '>'))], []byte("src=")) {
				t.Errorf("%s (%d) has an inline script: %.200s", path, status, tag)
			}
		}
		if bytes.Contains(text, []byte(" onclick=")) || bytes.Contains(text, []byte("javascript:")) {
			t.Errorf("%s has an inline handler", path)
		}
	}
	// The pages of the gateway's address run nothing at all.
	status, header, _ := send(t, a.browser, http.MethodGet, a.at("/oauth/authorize?client_id=nobody"), "")
	if csp := header.Get("Content-Security-Policy"); status != http.StatusBadRequest || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "script-src") || header.Get("X-Frame-Options") != "DENY" {
		t.Errorf("the page of an error: %d, %s", status, csp)
	}
}

func TestCheck_A17_NobodyIsHeardFromTheNetwork(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, a := range addrs {
		ip, ok := a.(*net.IPNet)
		if !ok || ip.IP.IsLoopback() || ip.IP.IsLinkLocalUnicast() {
			continue
		}
		for _, addr := range []string{d.Gateway, d.Dashboard} {
			_, port, err := net.SplitHostPort(addr)
			if err != nil {
				t.Fatal(err)
			}
			nc, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", net.JoinHostPort(ip.IP.String(), port))
			if err == nil {
				_ = nc.Close()
				t.Errorf("it answers at %s:%s", ip.IP, port)
			}
			tried++
		}
	}
	if tried == 0 {
		t.Log("this machine has no address but loopback")
	}
}

func TestCheck_A18_ASquatterOfTheOtherFamilyIsSeenAndNamed(t *testing.T) {
	t.Parallel()
	for _, squatted := range []string{"[::1]:0", "127.0.0.1:0"} {
		for _, flag := range []string{"--gateway-addr", "--dashboard-addr"} {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", squatted)
			if err != nil {
				t.Fatal(err)
			}
			_, port, err := net.SplitHostPort(l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(shortTempDir(t), "data")
			d := &Daemon{Dir: dir, t: t, env: environment(t, Options{Dir: dir})}
			other := map[string]string{"--gateway-addr": "--dashboard-addr", "--dashboard-addr": "--gateway-addr"}[flag]
			_, text, code := d.TryCLI("serve", "--no-browser", flag, "localhost:"+port, other, "localhost:0")
			if code <= 0 || !strings.Contains(text, l.Addr().String()) {
				t.Errorf("%s beside %s: exit code %d: %s", flag, l.Addr(), code, text)
			}
			if _, err := os.Stat("/proc/self/net/tcp"); err == nil && !strings.Contains(text, strconv.Itoa(os.Getpid())) && !strings.Contains(text, filepath.Base(os.Args[0])) {
				t.Errorf("the holder is not named: %s", text)
			}
			// Nothing of it is left at the family that was free.
			host := map[string]string{"[::1]:0": "127.0.0.1", "127.0.0.1:0": "::1"}[squatted]
			if nc, err := new(net.Dialer).DialContext(t.Context(), "tcp", net.JoinHostPort(host, port)); err == nil {
				_ = nc.Close()
				t.Errorf("%s beside %s: somebody listens at %s", flag, l.Addr(), host)
			}
			_ = l.Close()
		}
	}
}
