package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// A FeatureSet with an exclude is built in one browser. A client that was granted it loses the tool at that moment, is
// told so, and its page in another browser says why; who was not granted it keeps the tool.
func TestStory_AnExcludeTakesAToolFromAClient(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	d.AddScripted("files", mcptest.Script{})
	first, second := d.Session(d.NewClient("Editor")), d.Session(d.NewClient("Terminal"))
	told := second.Listen()
	tab := d.logInBrowser(b.profile("person"))
	watching := d.logInBrowser(b.profile("somebody else"))
	watching.shown(d, page{path: "/clients/Terminal?tab=sees&q=files_echo", shows: "Granted by All"})

	tab.shown(d, page{path: "/featuresets", shows: "No FeatureSets of your own"})
	tab.click("New FeatureSet")
	tab.fill("Name", "Careful")
	tab.click("Make it")
	tab.awaitRole("heading", "Outcome")
	tab.awaitText("granted to nobody")

	// It is granted to one client: empty it changes nothing.
	grants, _ := b.profile("person two").open(strings.TrimSpace(d.CLI("dashboard", "--print")))
	grants.awaitText("Log out")
	grants.shown(d, page{path: "/clients/Terminal", shows: "What it may use"})
	grants.check("Careful", true)
	tab.awaitText("granted to Terminal")

	tab.fill("Search what there is", "echo")
	tab.check("Exclude: tool echo of files", true)
	tab.awaitText("Terminal loses 1")
	tab.awaitText("files_echo")
	tab.gone("Editor loses")
	tab.accessible()
	if !slices.Contains(second.Tools(), "files_echo") {
		t.Error("the tool is gone before anything was saved")
	}
	tab.click("Save")
	tab.awaitText("Careful is saved")
	within(t, soon, told, listChanged)
	if slices.Contains(second.Tools(), "files_echo") {
		t.Error("the second client still has the tool")
	}
	hidden(t, second, "tools/call", `{"name":"files_echo","arguments":{}}`, "files_echo")
	if !slices.Contains(first.Tools(), "files_echo") {
		t.Error("the first client lost the tool too")
	}
	watching.awaitText("Excluded by Careful (excludes tool:files/echo)")
	watching.awaitText("hidden")

	tab.click("Undo")
	within(t, soon, told, listChanged)
	watching.awaitText("Granted by All")
	tab.clean()
	watching.clean()
}

// By the keyboard alone: made, filled by hand and by a pattern, discarded, and saved.
func TestStory_AFeatureSetIsBuiltByTheKeyboard(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	d.AddScripted("files", mcptest.Script{Generated: 30})
	tab := d.logInBrowser(b.profile("person"))
	tab.press("g", "f")
	tab.awaitRole("heading", "FeatureSets")
	tab.hit("button", "New FeatureSet")
	tab.enter("textbox", "Name", "Reading")
	tab.press("Enter")
	tab.awaitRole("heading", "Outcome")

	tab.enter("textbox", "Add by text", "toool:x")
	tab.press("Enter")
	tab.awaitText("is not a member")
	tab.enter("textbox", "Add by text", "set:Reading")
	tab.press("Enter")
	tab.awaitText("cannot be a member of itself")
	tab.enter("textbox", "Add by text", "tool:files/tool_1*")
	tab.press("Enter")
	tab.awaitText("It selects 11 of")

	tab.hit("button", "files") // opens it
	tab.awaitText("grandchild")
	tab.focus("radio", "Neither: the server files")
	tab.press("ArrowLeft")
	tab.until(`() => document.querySelector('[aria-label="Include: the server files"]').checked`, nil)
	tab.press("/")
	tab.typeText("echo")
	tab.focus("radio", "Neither: tool echo of files")
	tab.press("ArrowRight")
	tab.until(`() => document.querySelector('[aria-label="Exclude: tool echo of files"]').checked`, nil)
	tab.awaitText("Changed, and not saved yet")

	// What is not saved is not lost by going elsewhere without a word.
	tab.hit("link", "Servers")
	tab.awaitText("Leave without saving?")
	tab.press("Enter")
	tab.goneRole("alertdialog", "Leave without saving?")
	tab.hit("button", "Save")
	tab.awaitText("Reading is saved")
	var set struct{ Include, Exclude []string }
	d.JSON(&set, "featureset", "show", "Reading")
	if len(set.Include) != 2 || strings.Join(set.Exclude, "") != "tool:files/echo" {
		t.Errorf("saved %+v", set)
	}
	tab.pick("More about Reading", "Rename")
	tab.enter("textbox", "Name", "Reader")
	tab.press("Enter")
	tab.awaitRole("heading", "Reader")
	d.CLI("featureset", "show", "Reader")
	tab.clean("400", "404", "409") // refused members, and the old name
}

// Two hundred servers with five thousand tools: the tree has all of them and shows what fits.
func TestStory_FiveThousandToolsAreChosenFrom(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	for _, alias := range []string{"one", "two", "three", "four", "five"} {
		d.AddScripted(alias, mcptest.Script{Generated: 1000})
	}
	d.CLI("featureset", "create", "Many")
	tab := d.logInBrowser(b.profile("person"))
	tab.shown(d, page{path: "/featuresets/Many", shows: "It selects 0 of"})
	tab.check("Include: the server three", true)
	tab.awaitText("gained, 0 lost")
	tab.choose("Narrow to", "what the set has")
	tab.awaitText("echo")
	var rows int
	if tab.run(&rows, `return document.querySelectorAll("[aria-label='What can be in the set'] li").length`, nil); rows > 60 {
		t.Errorf("%d rows are in the page", rows)
	}
	tab.fill("Search what there is", "tool_999")
	tab.check("Exclude: tool tool_999 of three", true)
	var tools int
	tab.until(`() => /It selects 1,?0\d\d of 5,?\d+: /.test(document.body.innerText)`, nil)
	tab.click("Save")
	tab.awaitText("Many is saved")
	var set struct{ Resolves struct{ Tools int } }
	d.JSON(&set, "featureset", "show", "Many")
	if tools = set.Resolves.Tools; tools < 1000 {
		t.Errorf("it selects %d tools", tools)
	}
	tab.clean()
	var took struct{ Slowest, Bytes float64 }
	tab.run(&took, `const all = performance.getEntriesByType("resource").filter((e) => e.name.includes("/preview"));
		return {slowest: Math.max(...all.map((e) => e.duration)), bytes: Math.max(...all.map((e) => e.decodedBodySize))}`, nil)
	t.Logf("the slowest preview took %.0f ms and had %.0f bytes", took.Slowest, took.Bytes)
}
