package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// A command and an address are added, switched off and on, and removed; each page shows it by itself.
func TestStory_ServersAreAdded(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	files := t.TempDir()
	if err := os.WriteFile(filepath.Join(files, "hello.txt"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, url := scripted(t, mcptest.Script{})
	key := d.NewClient("Editor")
	tab := d.logInBrowser(b.profile("person"))
	tab.shown(d, page{path: "/servers", shows: "No servers in"})
	tab.clickRole("link", "Add a server")
	tab.awaitRole("heading", "Add a server")

	// What is wrong is said, and nothing is lost.
	tab.fill("Alias", "my files")
	tab.fill("Command", node(t))
	tab.fill("Arguments, one in each line", fixture(t, "@modelcontextprotocol/server-filesystem/dist/index.js")+"\n"+files)
	tab.click("Add it to")
	tab.awaitRole("alert", "")
	tab.accessible()
	tab.fill("Alias", "files")
	tab.click("Add it to")
	tab.awaitRole("heading", "files")
	tab.awaitText("connected")
	d.AwaitServer("files", "connected")

	tab.shown(d, page{path: "/servers/new"})
	tab.choose("It is", "an address (Streamable HTTP)")
	tab.fill("Alias", "remote")
	tab.fill("Address", url)
	tab.click("Add a header")
	tab.fill("Name of header 1", "X-Api-Key")
	tab.fill("Value of header 1", "hush-hush-1")
	tab.click("Add it to")
	tab.awaitText("connected")
	m := d.Session(key)
	if names := strings.Join(m.Tools(), " "); !strings.Contains(names, "files_read_text_file") || !strings.Contains(names, "remote_echo") {
		t.Errorf("the client sees %s", names)
	}

	// Switched off, and back by the message that says so.
	tab.shown(d, page{path: "/servers", shows: "remote"})
	tab.clickRole("switch", "Switch remote on")
	tab.awaitText("remote is switched off.")
	d.AwaitServer("remote", "disabled")
	tab.clickRole("button", "Undo")
	d.AwaitServer("remote", "connected")

	tab.fill("Search servers", "hello nobody")
	tab.awaitText("No server is like that")
	tab.click("Show all")
	tab.clickRole("button", "More about remote")
	tab.clickRole("menuitem", "Remove")
	tab.awaitText("its values: X-Api-Key")
	tab.accessible()
	tab.click("Cancel")
	tab.clickRole("button", "More about remote")
	tab.clickRole("menuitem", "Remove")
	tab.clickRole("button", "Remove")
	tab.awaitText("remote is removed.")
	tab.until(`() => !document.querySelector('article[aria-label="remote"]')`, nil)
	if strings.Contains(tab.text()+d.CLI("audit", "--json")+d.Log(), "hush-hush-1") {
		t.Error("the secret is told")
	}
	tab.clean("400")
}

// By the keyboard alone.
func TestStory_AServerIsAddedByTheKeyboard(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	_, url := scripted(t, mcptest.Script{})
	tab := d.logInBrowser(b.profile("person"))
	tab.press("Control+k")
	tab.awaitRole("dialog", "Find or do")
	tab.typeText("add a server")
	tab.press("Enter")
	tab.awaitRole("heading", "Add a server")
	tab.focus("combobox", "It is")
	tab.press("ArrowDown")
	tab.enter("textbox", "Alias", "remote")
	tab.enter("textbox", "Address", url)
	tab.press("Enter")
	tab.awaitRole("heading", "remote")
	tab.awaitText("connected")
	tab.pickLast("More about remote", "Remove")
	tab.awaitRole("alertdialog", "Remove remote")
	tab.press("Enter") // Cancel has the focus
	tab.goneRole("alertdialog", "Remove remote")
	tab.pickLast("More about remote", "Remove")
	tab.awaitRole("alertdialog", "Remove remote")
	tab.hit("button", "Remove")
	tab.awaitText("remote is removed.")
	tab.awaitText("No servers in")
	tab.clean()
}
