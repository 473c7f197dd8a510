package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/oauthtest"
)

// page is a page of the dashboard: its name, its path, and what it shows once it is there.
type page struct{ name, path, shows string }

// pages are all of a furnished dashboard that need a login.
func pages() []page {
	return []page{
		{"home", "/", "Needs attention"},
		{"connect", "/?connect=1&app=cursor", "Cursor"},
		{"first-run-done", "/welcome", ""},
		{"servers", "/servers", "everything"},
		{"server-new", "/servers/new", ""},
		{"server", "/servers/everything", "everything"},
		{"server-features", "/servers/everything?tab=features", "get-sum"},
		{"server-try", "/servers/everything?tab=try", ""},
		{"server-logs", "/servers/everything?tab=logs", ""},
		{"server-configure", "/servers/everything?tab=configure", ""},
		{"server-definition", "/servers/everything?tab=definition", ""},
		{"featuresets", "/featuresets", "Reading"},
		{"featureset", "/featuresets/Reading", "Reading"},
		{"spaces", "/spaces", "Work"},
		{"clients", "/clients", "Editor"},
		{"client", "/clients/Editor", "Editor"},
		{"activity", "/activity", "everything"},
		{"activity-counts", "/activity?tab=counts", "Tools and prompts"},
		{"settings", "/settings", "Start at login"},
		{"settings-gateway", "/settings?tab=gateway", "Addresses"},
		{"settings-logs", "/settings?tab=logs", ""},
		{"settings-security", "/settings?tab=security", "Key store"},
		{"settings-backup", "/settings?tab=backup", "Make a backup"},
		{"settings-about", "/settings?tab=about", ""},
	}
}

// furnished is a daemon with some of everything that its pages show: real servers, one that wants a login and one that
// does not work, Spaces, a FeatureSet, clients and calls.
func furnished(t *testing.T) *Daemon {
	t.Helper()
	home := shortTempDir(t)
	files := filepath.Join(home, "Documents")
	if err := os.Mkdir(files, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(files, "notes.txt"), []byte("what there is to do"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The servers are called by their names, as whoever installed them would.
	programs := filepath.Dir(fixture(t, ".bin/mcp-server-everything"))
	d := Start(t, Options{Env: []string{"HOME=" + home, "USERPROFILE=" + home, "PATH=" + programs + string(os.PathListSeparator) + os.Getenv("PATH")}})
	d.AddServer("everything", "--", "mcp-server-everything")
	d.AddServer("files", "--", "mcp-server-filesystem", "~/Documents")
	d.AddServer("memory", "--env", "MEMORY_FILE_PATH="+filepath.Join(files, "memory.jsonl"), "--", "mcp-server-memory")
	d.protected("issues", oauthtest.Script{})
	d.CLI("server", "add", "broken", "--", "mcp-server-gone")
	d.awaitState("error", "broken")
	d.CLI("server", "add", "archive", "--disabled", "https://archive.example/mcp")
	d.CLI("space", "create", "Work")
	d.CLI("featureset", "create", "Reading")
	d.CLI("featureset", "include", "Reading", "server:files", "tool:everything/get-*")
	d.CLI("featureset", "exclude", "Reading", "tool:files/write_*", "tool:files/move_file")
	key := d.NewClient("Editor")
	d.NewClient("Terminal", "--grant", "Reading", "--mode", "locked")
	d.NewClient("Old laptop", "--mode", "ask")
	d.CLI("client", "deny", "Old laptop")
	m := d.Session(key)
	for range 20 {
		m.Call("everything_get-sum", `{"a":2,"b":40}`)
		m.Call("files_read_text_file", `{"path":"`+filepath.Join(files, "notes.txt")+`"}`)
	}
	m.Call("memory_read_graph", `{}`)
	m.Post(`{"jsonrpc":"2.0","id":"unknown","method":"tools/call","params":{"name":"nobody_knows","arguments":{}}}`)
	d.Await("the record of the calls", func() bool { return strings.Contains(d.CLI("audit"), "memory_read_graph") })
	return d
}

// shown opens a page and waits until it is all there.
func (t *browserTab) shown(d *Daemon, p page) {
	t.b.t.Helper()
	if status := t.visit("http://" + d.Dashboard + p.path); status != http.StatusOK {
		t.b.t.Fatalf("%s: %d", p.path, status)
	}
	t.until(`() => document.querySelector("main h1")`, nil)
	if p.shows != "" {
		t.awaitText(p.shows)
	}
	t.until(`() => !/(Loading|Looking)( up| at)? [^.]*…/.test(document.querySelector("main").innerText)`, nil)
}

// Every page is for those too who do not see it or have no mouse, in both themes, and on a narrow screen.
func TestPages_AreAccessibleInBothThemesWideAndNarrow(t *testing.T) {
	t.Parallel()
	d := furnished(t)
	d.newApp("Notebook").begin()
	tab := d.logInBrowser(startBrowser(t).profile("person"))
	for _, p := range pages() {
		tab.shown(d, p)
		for _, width := range []int{1280, 320} {
			tab.size(width, 800)
			tab.accessible()
			var over int
			if tab.run(&over, "return document.documentElement.scrollWidth - innerWidth", nil); over > 0 {
				t.Errorf("%s at %d pixels: it is %d too wide", p.path, width, over)
			}
		}
	}
	tab.clean()
}

// The login and the consent page, which are for who is not logged in as well.
func TestPages_OfWhoIsNotLoggedInAreAccessible(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("files", mcptest.Script{})
	p := startBrowser(t).profile("person")
	tab, _ := p.open("http://" + d.Dashboard)
	tab.awaitText("You are not logged in")
	v := d.newVisitor(p, "Editor")
	v.page.awaitText("You are not logged in")
	for _, at := range []*browserTab{tab, v.page} {
		for _, width := range []int{1280, 320} {
			at.size(width, 800)
			at.accessible()
		}
	}
	d.logInBrowser(p)
	v.page.awaitText("It calls itself")
	v.page.check("Only what I choose", true)
	v.page.accessible()
	v.page.size(320, 800)
	v.page.accessible()
}

// maxScript bounds the script of the first view, compressed, in bytes; soonEnough the time until it can be used, in
// milliseconds: the best of several, since the machine does other things too.
const (
	maxScript  = 200_000
	soonEnough = 1000
)

func TestPages_TheFirstViewIsSmallAndQuick(t *testing.T) {
	d := furnished(t)
	tab := d.logInBrowser(startBrowser(t).profile("person"))
	best := 1e9
	for range 5 {
		tab.visit("about:blank")
		tab.visit("http://" + d.Dashboard + "/")
		tab.until(`() => { const b = [...document.querySelectorAll("button")].find((b) => b.ariaLabel === "Stop the gateway"); return b && !b.disabled && document.body.innerText.includes("Needs attention") && (window.usable ??= performance.now()) }`, nil)
		var ms float64
		tab.run(&ms, "return window.usable", nil)
		best = min(best, ms)
	}
	var scripts []string
	tab.run(&scripts, `return performance.getEntriesByType("resource").filter((e) => e.name.endsWith(".js")).map((e) => new URL(e.name).pathname)`, nil)
	size := 0
	for _, path := range scripts {
		status, body := d.Get(d.Dashboard, path)
		if status != http.StatusOK {
			t.Fatalf("%s: %d", path, status)
		}
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write([]byte(body))
		_ = z.Close()
		size += packed.Len()
	}
	t.Logf("%d scripts, %d bytes compressed; to be used after %.0f ms", len(scripts), size, best)
	if len(scripts) < 2 || size > maxScript {
		t.Errorf("the first view has %d scripts of %d bytes; %d are allowed", len(scripts), size, maxScript)
	}
	if best > soonEnough {
		t.Errorf("the first view can be used after %.0f ms", best)
	}
}

// within a second of the event, and without anybody's doing; the clocks are one machine's.
func TestPages_ShowWhatChangesWithinASecond(t *testing.T) {
	d := Start(t, Options{})
	d.AddScripted("files", mcptest.Script{})
	p := startBrowser(t).profile("person")
	tab := d.logInBrowser(p)
	tab.awaitText("Shown live")
	tab.shown(d, page{path: "/servers", shows: "files"})
	tab.awaitText("Shown live")
	// What is shown first with a text, by the clock.
	tab.run(nil, `window.first = {};
		const look = () => { for (const word of ["Gateway stopped", "Gateway running", "second"]) if (document.body.innerText.includes(word)) first[word] ??= Date.now() };
		delete window.first["Gateway running"];
		new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });`, nil)
	late := func(word string, since time.Time) {
		t.Helper()
		tab.until("(word) => window.first[word]", word)
		var at int64
		tab.run(&at, "return window.first[arg]", word)
		took := time.UnixMilli(at).Sub(since)
		t.Logf("%s: shown after %v", word, took.Round(time.Millisecond))
		if took > time.Second {
			t.Errorf("%s was shown %v after it was so", word, took)
		}
	}
	begun := time.Now() // before the command that does it
	d.CLI("gateway", "stop")
	late("Gateway stopped", begun)
	_, url := scripted(t, mcptest.Script{})
	begun = time.Now()
	d.CLI("server", "add", "second", url)
	late("second", begun)
}

// Two hundred servers with five thousand tools: a page shows as much of them as is seen, and no more.
func TestPages_StaySmoothWithTwoHundredServers(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	const servers, each = 200, 25
	_, url := scripted(t, mcptest.Script{Generated: each})
	for i := range servers {
		status, answer := d.Admin("POST", "/servers", fmt.Sprintf(`{"alias":"server-%03d","definition":{"transport":"http","url":%q}}`, i, url))
		if status != http.StatusOK {
			t.Fatalf("%d: %s", status, answer)
		}
	}
	d.CLI("featureset", "create", "Many")
	d.CLI("featureset", "include", "Many", "server:server-*")
	d.NewClient("Editor")
	d.Await("all to be connected", func() bool {
		var s struct {
			Connected int `json:"connected_servers"`
		}
		d.JSON(&s, "status")
		return s.Connected == servers
	})
	tab := d.logInBrowser(startBrowser(t).profile("person"))
	for _, p := range []page{{"home", "/", "server-0"}, {"servers", "/servers", "server-000"}, {"featureset", "/featuresets/Many", "Many"}, {"client", "/clients/Editor", "Editor"}} {
		tab.shown(d, p)
		// Through all of it, by the wheel's steps: how much is in the page, and the longest time that it took no input.
		var got struct {
			Nodes, Longest, Steps int
		}
		tab.run(&got, `
			let longest = 0, nodes = 0, steps = 0;
			const watch = new PerformanceObserver((l) => { for (const e of l.getEntries()) longest = Math.max(longest, e.duration) });
			watch.observe({ type: "longtask" });
			const boxes = [document.scrollingElement, ...document.querySelectorAll("main section")].filter((e) => e.scrollHeight > e.clientHeight + 50);
			for (const box of boxes) {
				for (let y = 0; y < box.scrollHeight && steps < 400; y += 400, steps++) {
					box.scrollTop = y;
					await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
					nodes = Math.max(nodes, document.querySelectorAll("*").length);
				}
			}
			watch.disconnect();
			return { Nodes: Math.max(nodes, document.querySelectorAll("*").length), Longest: Math.round(longest), Steps: steps };`, nil)
		t.Logf("%s: at most %d elements, %d steps, longest task %d ms", p.path, got.Nodes, got.Steps, got.Longest)
		if got.Nodes > 4000 {
			t.Errorf("%s has %d elements", p.path, got.Nodes)
		}
	}
}
