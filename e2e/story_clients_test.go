package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// accessKey is the key that a page shows once.
func (t *browserTab) accessKey() (key string) {
	t.b.t.Helper()
	t.awaitRole("dialog", "The access key of")
	t.run(&key, `return [...document.querySelectorAll("[role=dialog] code")].map((c) => c.innerText).find((t) => t.startsWith("mm_key_"))`, nil)
	return key
}

// A client with a key is made, comes, is renamed, gets another key, is denied, let in again and removed.
func TestStory_AClientWithAKeyIsLookedAfter(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	d.AddScripted("files", mcptest.Script{})
	tab := d.logInBrowser(b.profile("person"))
	tab.shown(d, page{path: "/clients", shows: "No clients yet"})
	tab.click("New client with a key")
	tab.fill("Name", "Editor")
	tab.accessible()
	tab.click("Make it")
	key := tab.accessKey()
	tab.accessible()
	tab.click("I have it")
	tab.awaitText("never seen")
	m := d.Session(key)
	if !slices.Contains(m.Tools(), "files_echo") {
		t.Error("the client that was made sees nothing")
	}
	tab.awaitText("connected now") // without reload

	tab.clickRole("link", "Editor")
	tab.clickRole("button", "More about Editor")
	tab.clickRole("menuitem", "Rename")
	tab.fill("New name", "My editor")
	tab.click("Rename")
	tab.awaitRole("heading", "My editor")

	tab.clickRole("tab", "What it sees")
	tab.awaitText("Granted by All")
	tab.accessible()
	tab.clickRole("tab", "Keys and logins")
	tab.click("New key")
	tab.fill("What it is for", "Laptop")
	tab.click("Make the key")
	second := tab.accessKey()
	tab.click("I have it")
	tab.awaitText("Laptop")
	tab.accessible()
	d.Session(second).Tools()
	tab.click("Revoke " + key[:11])
	tab.awaitRole("alertdialog", "Revoke")
	tab.click("Revoke")
	tab.goneRole("alertdialog", "Revoke") // what is behind it is hidden as long as it is there
	tab.goneRole("button", "Revoke "+key[:11])
	if r := m.Legacy("tools/list", `{}`); r.Status != http.StatusUnauthorized {
		t.Errorf("the revoked key: %d", r.Status)
	}

	tab.click("Deny")
	tab.awaitText("not let in")
	d.Await("the refusal", func() bool {
		return d.MCP(second).Post(`{"jsonrpc":"2.0","id":1,"method":"ping"}`).Status != http.StatusOK
	})
	tab.click("Let in again")
	tab.goneRole("button", "Let in again")
	d.Session(second).Tools()

	tab.clickRole("button", "More about My editor")
	tab.clickRole("menuitem", "Remove")
	tab.awaitText("1 access key")
	tab.accessible()
	tab.click("Remove")
	tab.awaitText("My editor is removed")
	tab.awaitText("No clients yet")
	tab.clean("404") // the old name
}

// The same by the keyboard alone.
func TestStory_AClientWithAKeyIsMadeByTheKeyboard(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	d.AddScripted("files", mcptest.Script{})
	tab := d.logInBrowser(b.profile("person"))
	tab.press("g", "c")
	tab.awaitRole("heading", "Clients")
	tab.hit("button", "New client with a key")
	tab.enter("textbox", "Name", "Editor")
	tab.focus("checkbox", "Everything, now and later")
	tab.press("Space")
	tab.focus("checkbox", "Everything of files")
	tab.press("Space")
	tab.hit("button", "Make it")
	key := tab.accessKey()
	tab.hit("button", "I have it")
	if !slices.Contains(d.Session(key).Tools(), "files_echo") {
		t.Error("it sees nothing")
	}
	tab.hit("link", "Editor")
	tab.awaitRole("tab", "Access")
	tab.focus("checkbox", "Everything of files")
	tab.press("Space")
	tab.awaitText("Nothing is granted to it there")
	tab.tab("Access", "What it sees")
	tab.awaitText("No FeatureSet that it was granted has it")
	tab.tab("What it sees", "Keys and logins")
	tab.hit("button", "Rotate "+key[:11])
	tab.awaitRole("alertdialog", "in place of")
	tab.hit("button", "Rotate")
	rotated := tab.accessKey()
	tab.hit("button", "I have it")
	d.Session(rotated)
	tab.pick("More about Editor", "Remove")
	tab.awaitRole("alertdialog", "Remove Editor?")
	tab.hit("button", "Remove")
	tab.awaitText("Editor is removed")
	tab.clean("404") // the client that is gone
}

// Applications that come by OAuth: one is let in and one is denied, on the page that they open; the list shows who came.
func TestStory_ApplicationsAreApprovedAndDenied(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("files", mcptest.Script{})
	b := startBrowser(t)
	p := b.profile("person")
	list := d.logInBrowser(p)
	list.shown(d, page{path: "/clients", shows: "No clients yet"})
	good := d.newVisitor(p, "Editor")
	good.page.awaitText("It calls itself")
	good.page.accessible()
	list.awaitText("Waiting to be let in")
	good.page.click("Let it in")
	if tools := good.session().Tools(); !slices.Contains(tools, "files_echo") {
		t.Errorf("it sees %q", tools)
	}
	list.awaitText("by a login")
	list.awaitText("connected now")

	bad := d.newVisitor(p, "Stranger")
	bad.page.awaitText("It calls itself")
	bad.page.click("Deny")
	if q := bad.answered(); q.Get("error") != "access_denied" {
		t.Errorf("told %v", q)
	}
	list.gone("Stranger")
	if text := d.CLI("client", "list"); strings.Contains(text, "Stranger") {
		t.Errorf("the list:\n%s", text)
	}

	// What was let in is logged out, and has to ask again.
	list.clickRole("link", "Editor")
	list.clickRole("tab", "Keys and logins")
	list.click("Log it out")
	list.awaitText("Its tokens end at once")
	list.click("Log it out")
	list.awaitText("has to ask to be let in again")
	list.clean()
}

// The same page by the keyboard alone, approving and denying.
func TestStory_ApplicationsAreApprovedAndDeniedByTheKeyboard(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("files", mcptest.Script{})
	p := startBrowser(t).profile("person")
	d.logInBrowser(p)
	good := d.newVisitor(p, "Editor")
	good.page.awaitText("It calls itself")
	good.page.enter("textbox", "Name", "My editor")
	good.page.focus("radio", "Everything in My Space")
	good.page.press("ArrowDown")
	good.page.focus("checkbox", "Everything of files")
	good.page.clean()
	good.page.hit("button", "Let it in")
	if tools := good.session().Tools(); !slices.Contains(tools, "files_echo") {
		t.Errorf("it sees %q", tools)
	}
	bad := d.newVisitor(p, "Stranger")
	bad.page.awaitText("It calls itself")
	bad.page.hit("button", "Deny")
	if q := bad.answered(); q.Get("error") != "access_denied" {
		t.Errorf("told %v", q)
	}
	d.CLI("client", "show", "My editor")
}
