package e2e

import (
	"testing"

	"github.com/mcpmux/mcpmux/internal/oauthtest"
)

// A server that wants a login gets one: by a button, in a tab of its own, and the page shows it by itself.
func TestStory_AServerIsLoggedInTo(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	d.protected("issues", oauthtest.Script{})
	tab := d.logInBrowser(b.profile("person"))
	tab.awaitText("wants you to log in")
	tab.clickRole("link", "Log in: issues")
	tab.awaitRole("heading", "issues")
	tab.accessible()
	tab.click("Log in to issues")
	tab.awaitText("connected")
	tab.awaitText("Logged in at")
	d.AwaitServer("issues", "connected")

	tab.shown(d, page{path: "/servers", shows: "issues"})
	tab.clickRole("button", "More about issues")
	tab.clickRole("menuitem", "Log out")
	tab.awaitText("login required")
	d.awaitState("login_required", "issues")
	tab.clean()
}

// By the keyboard alone, for a browser that is elsewhere: the address that it ends at is pasted.
func TestStory_AServerIsLoggedInToByAnAddressAndTheKeyboard(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	d.protected("issues", oauthtest.Script{})
	tab := d.logInBrowser(b.profile("person"))
	tab.shown(d, page{path: "/servers/issues", shows: "It wants you to log in"})
	tab.hit("summary", "on another machine")
	tab.hit("button", "Log in by an address")
	tab.awaitRole("button", "Copy the address of the login")
	var address string
	tab.run(&address, `return [...document.querySelectorAll("code")].map((c) => c.innerText).find((t) => t.includes("code_challenge"))`, nil)
	tab.enter("textbox", "The address that the browser ends at", oauthtest.Approve(t, newBrowser(t), address))
	tab.press("Enter")
	tab.awaitText("Logged in at")
	d.AwaitServer("issues", "connected")
	tab.clean()
}
