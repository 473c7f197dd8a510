package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// Settings are switched, chosen and typed; the theme is the browser's; browsers are logged out.
func TestStory_SettingsAreChanged(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	setting := func(key string) string { return strings.TrimSpace(d.CLI("settings", "get", key)) }
	p := b.profile("person")
	tab := d.logInBrowser(p)
	other := d.logInBrowser(b.profile("another"))
	tab.clickRole("link", "Settings")
	tab.awaitText("Start the gateway together with McpMux")
	tab.clickRole("switch", "Start the gateway together with McpMux")
	tab.awaitText("Start the gateway together with McpMux: false")
	if setting("gateway.autostart") != "false" {
		t.Error("the switch changed nothing")
	}
	tab.click("Undo")
	tab.awaitText("Start the gateway together with McpMux: true")
	tab.accessible()

	// What was given at the start counts instead, and is said.
	tab.clickRole("tab", "Gateway")
	tab.awaitText("McpMux was started with --gateway-addr")
	tab.fill("Close a server that is unused for", "soon")
	tab.click("Save")
	tab.awaitText("it is a duration")
	tab.fill("Close a server that is unused for", "7m")
	tab.click("Save")
	tab.awaitText("Close a server that is unused for: 7m")
	if setting("pool.idle_timeout") != "7m" {
		t.Error("what was typed changed nothing")
	}
	tab.clickRole("tab", "Logs")
	tab.choose("What McpMux logs", "debug")
	tab.awaitText("What McpMux logs: debug")
	tab.clickRole("tab", "About")
	tab.awaitText("it can be read")
	tab.accessible()

	// The theme is put on the page before it is painted, and stays.
	tab.clickRole("tab", "General")
	tab.check("Dark", true)
	tab.until(`() => getComputedStyle(document.documentElement).colorScheme === "dark"`, nil)
	again, _ := p.open("http://" + d.Dashboard + "/settings")
	again.awaitText("Theme")
	again.until(`() => document.documentElement.dataset.theme === "dark"`, nil)
	again.check("As the system", true)
	tab.until(`() => document.documentElement.dataset.theme === undefined`, nil)

	tab.clickRole("tab", "Security")
	tab.click("Log out everywhere")
	tab.awaitText("You are not logged in")
	other.awaitText("You are not logged in")
	tab.clean("400", "401")
}

// The system starts McpMux at login, by a file in the user's own folders; the key store is locked and opened again.
func TestStory_TheStartAtLoginAndTheKeyStore(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	d.AddScripted("files", mcptest.Script{}, "--header", "X-Key: hush-hush-7")
	var service struct {
		Installed bool
		Path      string
		Command   []string
	}
	tab := d.logInBrowser(b.profile("person"))
	tab.shown(d, page{path: "/settings", shows: "Start at login"})
	tab.focus("switch", "Start McpMux when you log in")
	tab.press("Space")
	tab.awaitText("McpMux is started when you log in.")
	if d.JSON(&service, "service", "status"); !service.Installed {
		t.Fatal("it is not installed")
	}
	text, err := os.ReadFile(service.Path)
	if err != nil || !strings.Contains(string(text), d.Dir) || !strings.Contains(string(text), "serve") || strings.Contains(string(text), "hush") {
		t.Errorf("%s: %s, %v", service.Path, text, err)
	}
	tab.accessible()
	tab.hit("button", "Undo")
	tab.awaitText("not started at login any more")
	if _, err := os.Stat(service.Path); err == nil {
		t.Error("the file is still there")
	}

	tab.clickRole("tab", "Security")
	tab.awaitText("unlocked")
	tab.click("Lock")
	tab.awaitText("stored values are locked")
	d.awaitState("error", "files")
	tab.accessible()
	tab.hit("button", "Unlock")
	tab.awaitText("It seals")
	d.AwaitServer("files", "connected")
	tab.clean()
}

// By the keyboard alone.
func TestStory_SettingsAreChangedByTheKeyboard(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	tab := d.logInBrowser(b.profile("person"))
	tab.press("g", "e")
	tab.awaitText("Start the gateway together with McpMux")
	tab.focus("switch", "Start the gateway together with McpMux")
	tab.press("Space")
	tab.awaitText("Start the gateway together with McpMux: false")
	tab.tab("General", "Gateway", "Logs")
	tab.enter("textbox", "Keep the logs of servers for", "48h")
	tab.press("Enter")
	tab.awaitText("Keep the logs of servers for: 48h")
	tab.press("?") // the field has the focus still: it is text there
	tab.focus("tab", "Logs")
	tab.press("?")
	tab.awaitRole("dialog", "Keys")
	tab.accessible()
	tab.press("Escape")
	tab.goneRole("dialog", "Keys")
	tab.clean()
}
