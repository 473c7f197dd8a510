package e2e

import (
	"strings"
	"testing"
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
	tab.press("?")
	tab.awaitRole("dialog", "Keys")
	tab.accessible()
	tab.press("Escape")
	tab.goneRole("dialog", "Keys")
	tab.clean()
}
