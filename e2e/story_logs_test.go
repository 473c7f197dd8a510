package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A server's log is followed as it is written, narrowed, held and kept.
func TestStory_AServersLogIsFollowed(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	d.AddServer("everything", "--", node(t), fixture(t, "@modelcontextprotocol/server-everything/dist/index.js"))
	tab := d.logInBrowser(b.profile("person"))
	tab.shown(d, page{path: "/servers", shows: "everything"})
	tab.clickRole("link", "everything")
	tab.clickRole("tab", "Logs")
	tab.awaitRole("log", "The log of everything")
	tab.awaitText("Starting default (STDIO) server")
	tab.awaitText("live")
	tab.accessible()

	// What comes while the page is open shows up by itself.
	d.CLI("server", "restart", "everything")
	tab.until(`() => (document.querySelector("[role=log]").innerText.match(/Starting default/g) ?? []).length >= 2`, nil)

	tab.click("Pause")
	tab.awaitText("paused")
	d.CLI("server", "restart", "everything")
	d.AwaitServer("everything", "connected")
	tab.until(`() => /paused; [1-9]/.test(document.body.innerText)`, nil)
	tab.click("Go on")
	tab.until(`() => (document.querySelector("[role=log]").innerText.match(/Starting default/g) ?? []).length >= 3`, nil)

	tab.fill("Search the log", "starting")
	tab.until(`() => [...document.querySelectorAll("[role=log] p")].every((p) => /starting/i.test(p.innerText))`, nil)
	file := filepath.Join(t.TempDir(), "log")
	if name := tab.download("Download", file); name != "everything.log" {
		t.Errorf("the file is called %q", name)
	}
	kept, err := os.ReadFile(file)
	if err != nil || strings.Count(string(kept), "Starting default") < 3 {
		t.Errorf("%s, %v", kept, err)
	}
	for line := range strings.Lines(string(kept)) {
		if !strings.Contains(strings.ToLower(line), "starting") {
			t.Errorf("the file has what was not asked for: %s", line)
		}
	}
	if out := d.CLI("server", "logs", "everything", "--search", "starting"); strings.Count(out, "Starting default") < 3 || strings.Count(out, "\n") != strings.Count(strings.ToLower(out), "starting") {
		t.Errorf("the command line: %s", out)
	}
	tab.clean()
}

// The same by the keyboard alone.
func TestStory_AServersLogIsFollowedByTheKeyboard(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	d.AddServer("everything", "--", node(t), fixture(t, "@modelcontextprotocol/server-everything/dist/index.js"))
	tab := d.logInBrowser(b.profile("person"))
	tab.press("g", "s")
	tab.awaitRole("heading", "Servers")
	tab.hit("link", "everything")
	tab.awaitRole("tab", "Overview")
	tab.tab("Overview", "Features", "Try", "Logs")
	tab.awaitText("Starting default (STDIO) server")
	tab.press("/")
	tab.typeText("nothing is written so")
	tab.until(`() => document.querySelectorAll("[role=log] p").length === 0`, nil)
	tab.press("Escape")
	tab.awaitText("Starting default (STDIO) server")
	tab.hit("button", "Pause")
	tab.awaitText("paused")
	tab.clean()
}
