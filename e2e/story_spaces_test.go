package e2e

import (
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// pick opens a menu by the keyboard and chooses from it.
func (t *browserTab) pick(menu, item string) {
	t.b.t.Helper()
	t.hit("button", menu)
	on := `(item) => document.activeElement.role === "menuitem" && (!item || document.activeElement.innerText.startsWith(item))`
	t.until(on, "")
	t.press(item[:1]) // goes to what begins with it, and further with the next letters
	t.press(item[1:2], item[2:3])
	t.until(on, item)
	t.press("Enter")
}

// A Space is made, used, renamed and deleted, and what the deletion destroys is spelled out before.
func TestStory_ASpaceIsMadeUsedAndDeleted(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	p := b.profile("person")
	tab := d.logInBrowser(p)
	tab.shown(d, page{path: "/spaces", shows: "My Space"})
	other, _ := p.open("http://" + d.Dashboard + "/spaces")
	other.awaitText("My Space")

	tab.click("New Space")
	tab.fill("Name", "Work")
	tab.click("rocket")
	tab.accessible()
	tab.click("Make it")
	tab.awaitRole("article", "Work")
	other.awaitRole("article", "Work") // without reload
	if text := tab.textOf("article", "Work"); !strings.Contains(text, "🚀") {
		t.Errorf("the icon is not shown: %q", text)
	}
	tab.click("Make active: Work")
	tab.awaitText("Work is the active Space")
	other.goneRole("button", "Make active: Work")

	_, url := scripted(t, mcptest.Script{})
	d.CLI("server", "add", "files", "--secret", "TOKEN=env:NOTHING", url)
	d.CLI("featureset", "create", "Reading")
	d.NewClient("Stays", "--mode", "locked")
	tab.awaitText("1 server")

	tab.clickRole("button", "More about Work")
	tab.clickRole("menuitem", "Name and icon")
	tab.fill("Name", "Job")
	tab.fill("Icon", "J!")
	tab.click("Save")
	tab.awaitRole("article", "Job")

	tab.clickRole("button", "More about Job")
	tab.clickRole("menuitem", "Delete")
	for _, words := range []string{
		"1 server: files", "1 stored secret", "1 FeatureSet: Reading", "1 grant", "Stays is locked to it, and sees nothing until you give it another Space",
		"My Space becomes active",
	} {
		tab.awaitText(words)
	}
	tab.accessible()
	tab.fill("to go on", "Job")
	tab.click("Delete for good")
	tab.awaitText("Job is deleted")
	tab.goneRole("article", "Job")
	other.goneRole("article", "Job")
	if text := d.CLI("space", "list"); strings.Contains(text, "Job") {
		t.Errorf("it is still there:\n%s", text)
	}
	tab.clean()
}

// back says whether the focus is where it was before a dialog took it.
const back = `(name) => document.activeElement?.getAttribute("aria-label") === name`

// The same by the keyboard alone. Enter in the question does nothing: Cancel has the focus.
func TestStory_ASpaceIsMadeAndDeletedByTheKeyboard(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	tab := d.logInBrowser(b.profile("person"))
	tab.press("g", "p")
	tab.awaitRole("heading", "Spaces")
	tab.hit("button", "New Space")
	tab.enter("textbox", "Name", "Work")
	tab.enter("textbox", "Icon", "a word")
	tab.press("Enter")
	tab.awaitText("the icon of a Space is an emoji")
	tab.enter("textbox", "Icon", "W")
	tab.press("Enter")
	tab.awaitRole("article", "Work")
	tab.hit("button", "Make active: Work")
	tab.awaitText("Work is the active Space")

	tab.pick("More about Work", "Delete")
	tab.awaitText("This cannot be taken back")
	tab.press("Enter")
	tab.goneRole("alertdialog", "Delete Work?")
	tab.until(back, "More about Work")
	tab.pick("More about Work", "Name and icon")
	tab.awaitRole("dialog", "Change Work")
	tab.press("Escape")
	tab.until(back, "More about Work")
	tab.pick("More about Work", "Delete")
	tab.awaitText("This cannot be taken back")
	tab.enter("textbox", "Type", "Work")
	tab.press("Enter")
	tab.awaitText("Work is deleted")
	tab.goneRole("article", "Work")
	tab.clean("400")
}
