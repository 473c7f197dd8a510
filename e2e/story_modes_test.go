package e2e

import "testing"

// The three connection modes, chosen in the browser: following goes where the user goes, locked stays, and asking
// stays until the question that is on every page is answered.
func TestStory_TheThreeConnectionModes(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := twoSpaces(t)
	m := d.Session(d.NewClient("Editor"))
	d.CLI("client", "grant", "Editor", "All", "--space", "Work")
	told := m.Listen()
	p := b.profile("person")
	tab := d.logInBrowser(p)
	spaces, _ := p.open("http://" + d.Dashboard + "/spaces")
	tab.shown(d, page{path: "/clients/Editor", shows: "Which Space it is in"})

	// Follow, as it was made.
	sees(t, m, "one")
	spaces.click("Make active: Work")
	within(t, soon, told, listChanged)
	sees(t, m, "two")
	tab.awaitText("in Work")

	tab.check("Locked to one Space", true)
	tab.choose("Its Space", "My Space")
	tab.accessible()
	tab.click("Save the mode")
	tab.awaitText("Editor is in My Space")
	within(t, soon, told, listChanged)
	sees(t, m, "one")
	spaces.click("Make active: My Space")
	spaces.click("Make active: Work")
	spaces.awaitRole("button", "Make active: My Space")
	sees(t, m, "one")

	tab.check("Ask me when the active Space changes", true)
	tab.choose("Its Space", "My Space")
	tab.click("Save the mode")
	spaces.awaitText("Shall Editor move from My Space to Work?")
	spaces.accessible()
	spaces.click("Decline for Editor")
	spaces.gone("Shall Editor move")
	sees(t, m, "one")
	drain(told)
	spaces.click("Make active: My Space")
	spaces.awaitRole("button", "Make active: Work")
	spaces.click("Make active: Work")
	tab.awaitText("Shall Editor move from My Space to Work?")
	tab.click("Accept for Editor")
	within(t, soon, told, listChanged)
	sees(t, m, "two")
	tab.awaitText("in Work")
	tab.clean()
	spaces.clean()
}

// The same by the keyboard alone.
func TestStory_TheConnectionModeIsChosenByTheKeyboard(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := twoSpaces(t)
	m := d.Session(d.NewClient("Editor"))
	d.CLI("client", "grant", "Editor", "All", "--space", "Work")
	tab := d.logInBrowser(b.profile("person"))
	tab.press("g", "c")
	tab.hit("link", "Editor")
	tab.awaitText("Which Space it is in")
	tab.focus("radio", "Follow the active Space")
	tab.press("ArrowDown", "ArrowDown")
	tab.until(`() => document.body.innerText.includes("stays where it is until you agree")`, nil)
	tab.focus("combobox", "Its Space")
	tab.press("Tab", "Enter") // the button after it
	tab.awaitText("Editor is in My Space")
	tab.press("g", "p")
	tab.hit("button", "Make active: Work")
	tab.awaitText("Shall Editor move from My Space to Work?")
	sees(t, m, "one")
	tab.hit("button", "Accept for Editor")
	tab.gone("Shall Editor move")
	sees(t, m, "two")
	tab.clean()
}
