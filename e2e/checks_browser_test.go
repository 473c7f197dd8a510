package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The checks that need a real browser, since it is the browser that is asked to do what it should not.

// target is one request that a page of others tries.
type target struct {
	Method string `json:"method"`
	URL    string `json:"url"`
}

// targets are all routes of both listeners, each with its methods.
func (d *Daemon) targets(origin func(addr string) string) (all []target) {
	d.t.Helper()
	names := strings.NewReplacer("{name}", "one", "{alias}", "one", "{key}", "log.level", "{id}", "one")
	for _, l := range []struct {
		addr   string
		routes []route
	}{{d.Gateway, gatewayRoutes()}, {d.Dashboard, d.dashboardRoutes()}} {
		for _, r := range l.routes {
			for _, method := range r.methods {
				all = append(all, target{method, origin(l.addr) + names.Replace(r.path)})
			}
		}
	}
	return all
}

// attack is a page's script: it tries each request in each way that pages have, and tells of those whose answer it
// could read.
const attack = `
	const got = [];
	const body = JSON.stringify({ name: "evil", ticket: "x", key: "x", value: "debug" });
	for (const { method, url } of arg) {
		for (const mode of ["cors", "no-cors"]) {
			for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded"]) {
				const simple = method === "GET" || method === "POST";
				if (mode === "no-cors" && (!simple || type === "application/json")) continue;
				try {
					const r = await fetch(url, { method, mode, credentials: "include", signal: AbortSignal.timeout(3000),
						headers: method === "GET" ? {} : { "Content-Type": type }, body: method === "GET" ? undefined : body });
					if (r.type !== "opaque") got.push(method + " " + url + " " + r.status + " " + (await r.text()).slice(0, 80));
				} catch { /* that is how it should end */ }
			}
		}
	}
	const only = (method) => arg.filter((t) => t.method === method).map((t) => t.url);
	const loads = (make) => Promise.all(only("GET").map((u) => new Promise((done) => {
		const e = make(u);
		e.onload = () => { done(e.tagName === "IMG" || e.tagName === "SCRIPT" ? got.push(e.tagName + " " + u) : 0); };
		e.onerror = done;
		setTimeout(done, 3000);
		document.body.append(e);
	})));
	await loads((u) => Object.assign(new Image(), { src: u }));
	await loads((u) => Object.assign(document.createElement("script"), { src: u }));
	await loads((u) => Object.assign(document.createElement("link"), { rel: "stylesheet", href: u }));
	for (const u of only("POST")) navigator.sendBeacon(u, new Blob([body], { type: "text/plain" }));
	for (const { method, url } of arg) for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
		if (method !== "POST") continue;
		const frame = document.createElement("iframe"), form = document.createElement("form"), field = document.createElement("input");
		frame.name = "f" + Math.random();
		Object.assign(form, { action: url, method: "post", enctype, target: frame.name });
		Object.assign(field, { name: '{"name":"evil","x":"', value: '"}' });
		form.append(field);
		document.body.append(frame, form);
		form.submit();
	}
	const hosts = [...new Set(arg.map((t) => new URL(t.url).host))];
	for (const h of hosts) for (const p of ["/mcp", "/api/v1/events", "/sse", "/"]) await new Promise((done) => {
		const w = new WebSocket("ws://" + h + p);
		w.onopen = () => done(got.push("websocket " + h + p));
		w.onerror = done;
	});
	for (const h of hosts) for (const p of ["/sse", "/api/v1/events"]) await new Promise((done) => {
		const s = new EventSource("http://" + h + p, { withCredentials: true });
		s.onopen = () => { s.close(); done(got.push("events " + h + p)); };
		s.onerror = () => { s.close(); done(); };
	});
	await new Promise((done) => setTimeout(done, 500));
	return got;`

// unchanged checks that nothing was done: no Change, no client, no request that waits.
func (d *Daemon) unchanged(revision int64) {
	d.t.Helper()
	if now := d.revision(); now != revision {
		d.t.Errorf("revision %d became %d", revision, now)
	}
	if _, text := d.Admin(http.MethodGet, "/requests", ""); strings.TrimSpace(text) != "[]" {
		d.t.Errorf("requests wait: %s", text)
	}
	if status, text := d.Admin(http.MethodGet, "/gateway", ""); status == http.StatusOK && strings.Contains(text, "stopped") {
		d.t.Errorf("the gateway was stopped: %s", text)
	}
}

// T3a: a name that is made to lead here gives its page nothing (A1, A5), though the browser takes it for the page's own.
func TestBrowser_APageWhoseNameLeadsHereGetsNothing(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.NewClient("one")
	b := startBrowser(t, "--host-resolver-rules=MAP evil.example 127.0.0.1", "--disable-features=LocalNetworkAccessChecks")
	revision := d.revision()
	for _, addr := range []string{d.Gateway, d.Dashboard} {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		origin := "http://evil.example:" + port
		p := b.rebound(addr, origin, "<body>trap")
		page, status := p.open(origin + "/trap")
		if status != http.StatusOK {
			t.Fatalf("the trap: %d", status)
		}
		var got []string
		page.run(&got, `
			const got = [];
			for (const path of ["/", "/mcp", "/healthz", "/api/v1/status", "/session", "/oauth/register", "/.well-known/oauth-protected-resource", "/consent/x"])
				for (const method of ["GET", "POST"]) {
					const r = await fetch(path, { method, headers: { "Content-Type": "application/json" }, body: method === "GET" ? undefined : "{}" });
					got.push(r.status + " " + method + " " + path);
				}
			return got;`, nil)
		for _, line := range got {
			if !strings.HasPrefix(line, "403 ") {
				t.Errorf("%s: %s", origin, line)
			}
		}
		if len(got) != 16 {
			t.Errorf("%s: %d answers", origin, len(got))
		}
		if status := page.visit(origin + "/"); status != http.StatusForbidden {
			t.Errorf("opened: %d", status)
		}
	}
	d.unchanged(revision)
}

// T3b, T3e: what a page at another port of this machine, whose requests have the dashboard's cookie, can do.
func TestBrowser_APageAtAnotherPortCanReadAndChangeNothing(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.NewClient("one")
	b := startBrowser(t)
	p := b.profile("user")
	d.logInBrowser(p)
	origin, _ := foreign(t, "<body>a program of somebody else")
	page, _ := p.open(origin)
	revision := d.revision()
	all := d.targets(func(addr string) string { return "http://" + addr })
	a := d.newApp("Editor")
	all = append(all, target{http.MethodGet, a.at("/oauth/authorize?" + a.wish().Encode())}) // a good wish, which would wait for the user
	var read []string
	page.run(&read, attack, all)
	for _, line := range read {
		t.Errorf("the page could read or use %s", line)
	}
	s := page.seen()
	if len(s.Answers) < len(all) {
		t.Errorf("only %d answers to %d targets", len(s.Answers), len(all))
	}
	for _, a := range s.Answers {
		u, err := url.Parse(a.URL)
		if err != nil || u.Host != d.Gateway && u.Host != d.Dashboard {
			continue
		}
		open := u.Host == d.Dashboard && !strings.HasPrefix(u.Path, "/api/") || strings.HasPrefix(u.Path, "/.well-known/") || u.Path == "/healthz" || u.Path == "/readyz"
		if a.Status < 300 && (!open || a.Method != http.MethodGet) {
			t.Errorf("%s %s was answered %d", a.Method, a.URL, a.Status)
		}
	}
	d.unchanged(revision)
	if _, text := d.Admin(http.MethodGet, "/clients", ""); strings.Contains(text, "evil") {
		t.Errorf("clients: %s", text)
	}
	// The dashboard goes on as if nothing had been.
	if after, _ := p.open("http://" + d.Dashboard + "/"); !strings.Contains(after.text(), "Log out") {
		after.awaitText("Log out")
	}
}

// T3d: nobody puts the page that decides into a page of theirs.
func TestBrowser_NoPageShowsOursInAFrame(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	a := d.newApp("Framed editor")
	b := startBrowser(t)
	p := b.profile("user")
	d.logInBrowser(p)
	begun, _ := p.open(a.at("/oauth/authorize?" + a.wish().Encode()))
	begun.awaitText("Framed editor")
	consent := begun.awaitURL("http://" + d.Dashboard + "/consent/")
	inner, _ := foreign(t, "<body>McpMux could be shown")
	outer, _ := foreign(t, `<iframe src="`+inner+`">`)
	page, _ := p.open(outer)
	var frames []struct{ URL, Text string }
	if b.must(&frames, "frames", map[string]any{"page": page.name}); len(frames) != 1 || !strings.Contains(frames[0].Text, "McpMux") {
		t.Fatalf("a page that lets itself be framed is not seen: %+v", frames)
	}
	for _, tag := range []string{"iframe src", "embed src", "object data", "frameset><frame src"} {
		for _, address := range []string{consent, "http://" + d.Dashboard + "/", a.at("/oauth/authorize?" + a.wish().Encode()), a.at("/oauth/authorize")} {
			origin, _ := foreign(t, `<!DOCTYPE html><title>x</title><`+tag+`="`+strings.ReplaceAll(address, "&", "&amp;")+`" width=600 height=400>`)
			page, _ := p.open(origin)
			var frames []struct{ URL, Text string }
			b.must(&frames, "frames", map[string]any{"page": page.name})
			for _, f := range frames {
				if strings.Contains(f.Text, "Framed editor") || strings.Contains(f.Text, "McpMux") || strings.Contains(f.Text, "Let it in") {
					t.Errorf("<%s> of %s shows %s: %s", tag, address, f.URL, f.Text)
				}
			}
		}
	}
	if status, text := d.Admin(http.MethodGet, "/requests", ""); status != http.StatusOK || strings.Count(text, `"client_name"`) != 1 {
		t.Errorf("frames began requests: %s", text)
	}
}

// U13, T4i: what an application calls itself is text.
func TestBrowser_NamesAreTextWhereverTheyAreShown(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	b := startBrowser(t)
	p := b.profile("user")
	home := d.logInBrowser(p)
	for i, name := range []string{
		`<img src=x onerror=alert(1)>`, `"><script>alert(1)</script>`, `{{constructor.constructor('alert(1)')()}}`, `javascript:alert(1)`, "\u202egnp.rotide\u2066 x", `<b>bold</b>`,
	} {
		a := d.newApp(name, fmt.Sprintf("http://127.0.0.1:%d/callback?x=<script>alert(1)</script>", 41000+i)[:30]+"/cb")
		page, _ := p.open(a.at("/oauth/authorize?" + a.wish().Encode()))
		page.awaitText("Let it in")
		text := page.text()
		if shown := strings.Map(keepPrinted, name); !strings.Contains(text, shown) {
			t.Errorf("%q is not shown as it is: %s", name, text)
		}
		if strings.ContainsAny(text, "\u202e\u2066") {
			t.Errorf("%q turns the writing around", name)
		}
		page.click("Let it in")
		_ = page // The answer goes where nobody listens.
		for _, t2 := range []*browserTab{page, home} {
			if s := t2.seen(); len(s.Dialogs) > 0 || len(s.Errors) > 0 {
				t.Errorf("%q: dialogs %v, errors %v", name, s.Dialogs, s.Errors)
			}
		}
	}
	home.visit("http://" + d.Dashboard + "/")
	home.awaitText("<b>bold</b>")
	if s := home.seen(); len(s.Dialogs) > 0 || len(s.Errors) > 0 {
		t.Errorf("dialogs %v, errors %v", s.Dialogs, s.Errors)
	}
	var made int
	home.run(&made, `return document.querySelectorAll("b, img[src='x'], script:not([src])").length`, nil)
	if made != 0 {
		t.Errorf("%d elements were made of names", made)
	}
}

func keepPrinted(c rune) rune {
	if c == '\u202e' || c == '\u2066' {
		return -1
	}
	return c
}

// T3f: cookies know no ports. What a program at another port plants is no login, and what it is sent is none either.
func TestBrowser_CookiesOfOtherPortsAreNoLogin(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	b := startBrowser(t)
	attacker := b.profile("attacker")
	d.logInBrowser(attacker)
	var theirs []struct {
		Name, Value string
		HTTPOnly    bool `json:"httpOnly"`
		SameSite    string
	}
	b.must(&theirs, "cookies", map[string]any{"context": "attacker"})
	if len(theirs) != 1 || !theirs[0].HTTPOnly || theirs[0].SameSite != "Strict" {
		t.Fatalf("the cookies are %+v", theirs)
	}
	user := b.profile("user")
	origin, asked := foreign(t, "<body>a program of somebody else")
	page, _ := user.open(origin)
	plant := `for (const path of ["/", "/session", "/api", "/api/v1", "/consent"]) document.cookie = arg + "; path=" + path; return document.cookie`
	var planted string
	page.run(&planted, plant, theirs[0].Name+"="+theirs[0].Value)
	if !strings.Contains(planted, theirs[0].Value) {
		t.Fatalf("nothing was planted: %q", planted)
	}
	home, _ := user.open("http://" + d.Dashboard + "/")
	home.awaitText("You are not logged in")
	// With a cookie of the attacker's in it, the browser logs in and is itself, or nobody: never the attacker.
	before := len(asked.String())
	home.visit("about:blank")
	home.visit(strings.TrimSpace(d.CLI("dashboard", "--print")))
	var status int
	home.run(&status, `return (await fetch("/api/v1/status", { headers: { "X-Mcpmux-Session": "wrong" } })).status`, nil)
	if status != http.StatusUnauthorized && status != http.StatusForbidden {
		t.Errorf("a wrong secret: %d", status)
	}
	// The program at the other port is sent the cookie, and can do nothing with it.
	page.visit(origin + "/again")
	sent := asked.String()[before:]
	if !strings.Contains(sent, theirs[0].Name+"=") {
		t.Logf("the other port was sent no cookie: %s", sent)
	}
	var cookies []struct{ Name, Value string }
	b.must(&cookies, "cookies", map[string]any{"context": "user"})
	for _, c := range cookies {
		for _, lines := range [][]string{nil, {"X-Mcpmux-Session: " + c.Value}, {"X-Mcpmux-Session: x"}} {
			got, _, text := send(t, clientFrom(t, ""), http.MethodGet, "http://"+d.Dashboard+"/api/v1/status", "", append(lines, "Cookie: "+c.Name+"="+c.Value)...)
			if got != http.StatusUnauthorized && got != http.StatusForbidden {
				t.Errorf("the cookie alone: %d %s", got, text)
			}
		}
	}
}

// T3d: who opened our page, or is opened by it, has no hand on it.
func TestBrowser_NoOtherPageHasAHandOnOurs(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	a := d.newApp("Editor")
	b := startBrowser(t)
	p := b.profile("user")
	d.logInBrowser(p)
	origin, _ := foreign(t, "<body>a program of somebody else")
	page, _ := p.open(origin)
	for _, address := range []string{"http://" + d.Dashboard + "/", a.at("/oauth/authorize?" + a.wish().Encode())} {
		var seen struct {
			Closed bool
			Frames int
			Error  string
		}
		page.run(&seen, `
			const w = window.open(arg);
			for (let i = 0; i < 100 && !w.closed; i++) await new Promise((done) => setTimeout(done, 50));
			let error = "", frames = 0;
			try { frames = w.length; error = "read " + w.location.href; } catch { error = "refused"; }
			w.close();
			return { closed: w.closed, frames, error };`, address)
		if !seen.Closed || seen.Frames != 0 {
			t.Errorf("%s: who opened it has a hand on it: %+v", address, seen)
		}
	}
}

// T3: nothing of ours can be made to stay in the browser for others: no page of theirs registers a worker at our
// address, and none of our answers can be one.
func TestBrowser_NobodyPlantsAWorkerAtOurAddress(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	b := startBrowser(t)
	p := b.profile("user")
	home := d.logInBrowser(p)
	origin, _ := foreign(t, "<body>a program of somebody else")
	page, _ := p.open(origin)
	for _, tc := range []struct {
		from *browserTab
		urls []string
	}{
		{page, []string{"http://" + d.Dashboard + "/", "http://" + d.Dashboard + "/assets/index.js", "http://" + d.Gateway + "/mcp"}},
		{home, []string{"/api/v1/status", "/consent-state/x", "/login/x", "/oauth/callback", "/healthz", "/", "/icon.svg"}},
	} {
		for _, u := range tc.urls {
			var err string
			tc.from.run(&err, `try { await navigator.serviceWorker.register(arg); return ""; } catch (e) { return String(e); }`, u)
			if err == "" {
				t.Errorf("%s became a worker", u)
			}
		}
	}
	var workers []string
	b.must(&workers, "workers", map[string]any{"context": "user"})
	if len(workers) != 0 {
		t.Errorf("workers: %v", workers)
	}
	for path, want := range map[string]string{"/api/v1/status": "no-store", "/": "no-cache", "/consent-state/x": "no-store"} {
		_, header, _ := send(t, clientFrom(t, ""), http.MethodGet, "http://"+d.Dashboard+path, "")
		if got := header.Get("Cache-Control"); !strings.Contains(got, want) {
			t.Errorf("%s may be kept: %q", path, got)
		}
	}
}

// C12: what was decided stays so, wherever the user goes in their browser.
func TestBrowser_GoingBackDecidesNothingAgain(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	application, asked := foreign(t, "<body>the application goes on")
	a := d.newApp("Editor", application+"/callback")
	b := startBrowser(t)
	p := b.profile("user")
	d.logInBrowser(p)
	page, _ := p.open("about:blank")
	page.visit(a.at("/oauth/authorize?" + a.wish().Encode()))
	page.awaitText("Let it in")
	page.click("Let it in")
	to, err := url.Parse(page.awaitURL(application + "/callback"))
	if err != nil {
		t.Fatal(err)
	}
	got := a.given(a.exchange(to.Query().Get("code")))
	d.wantBearer("the token", got.Access, http.StatusOK)
	before := strings.Count(asked.String(), "/callback")
	if err := b.do(nil, "back", map[string]any{"page": page.name}); err != nil {
		t.Logf("back: %v", err)
	}
	// The page is gone from the history, or sends the browser on to the same answer, which is good for nothing.
	codes := map[string]bool{}
	for line := range strings.SplitSeq(asked.String(), "\n") {
		if parts := strings.Fields(line); len(parts) > 1 && strings.HasPrefix(parts[1], "/callback") {
			u, err := url.Parse(parts[1])
			if err != nil {
				t.Fatal(err)
			}
			codes[u.Query().Get("code")] = true
		}
	}
	if len(codes) != 1 {
		t.Errorf("%d codes were given (%d visits before)", len(codes), before)
	}
	d.wantBearer("the token after going back", got.Access, http.StatusOK)
	if strings.Contains(asked.String(), `"Referer"`) {
		for line := range strings.SplitSeq(asked.String(), "\n") {
			if strings.Contains(line, "Referer") && strings.Contains(line, d.Dashboard) {
				t.Errorf("the application is told where the user came from: %s", line)
			}
		}
	}
}

// T1b: who held our port while McpMux did not run may have left a worker in the browser, which answers in our place.
// The browser looks now and then whether that is still what we have, and learns that it never was.
func TestBrowser_WhoHeldOurPortBeforeLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	squatter := &http.Server{ReadHeaderTimeout: soon, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/sw.js":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = io.WriteString(w, `self.addEventListener("install", () => self.skipWaiting()); self.addEventListener("activate", (e) => e.waitUntil(clients.claim()));
				self.addEventListener("fetch", (e) => e.respondWith(new Response("squatted", { headers: { "Content-Type": "text/html" } })));`)
		default:
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<body>before")
		}
	})}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	served := later(t, func() error { return squatter.Serve(l) })
	b := startBrowser(t)
	p := b.profile("user")
	address := "http://localhost:" + port + "/"
	page, _ := p.open(address)
	page.run(nil, `localStorage.setItem("mcpmux-session", "planted"); await navigator.serviceWorker.register("/sw.js"); await navigator.serviceWorker.ready;`, nil)
	if page.visit(address); !strings.Contains(page.text(), "squatted") {
		t.Fatalf("the worker does not answer: %s", page.text())
	}
	_ = squatter.Close()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("the squatter ended: %v", err)
	}

	d := Start(t, Options{Args: []string{"--dashboard-addr", "localhost:" + port}})
	eventually(t, 30*time.Second, "a browser that asks us", func() bool {
		page.visit(address)
		if strings.Contains(page.text(), "McpMux") {
			return true
		}
		page.run(nil, `await new Promise((done) => setTimeout(done, 3000))`, nil) // it looks a moment after a page was loaded
		return false
	})
	var left int
	page.run(&left, `return (await navigator.serviceWorker.getRegistrations()).length + localStorage.length`, nil)
	if left != 0 {
		t.Errorf("%d things are left of it", left)
	}
	d.logInBrowser(p)
}
