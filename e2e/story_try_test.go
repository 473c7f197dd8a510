package e2e

import (
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// A tool is tried with a form of its schema; request and answer are shown as they went.
func TestStory_AToolIsTried(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	d.AddServer("everything", "--", node(t), fixture(t, "@modelcontextprotocol/server-everything/dist/index.js"))
	d.NewClient("Reader", "--grant", "Default")
	tab := d.logInBrowser(b.profile("person"))
	tab.shown(d, page{path: "/servers/everything?tab=try&feature=tool:get-sum", shows: "Request"})

	// What is missing is said at the field, and nothing is sent.
	tab.click("Call")
	tab.awaitText("This is needed.")
	tab.fill("a", "1e400")
	tab.fill("b", "40")
	tab.accessible()
	tab.fill("a", "2")
	tab.click("Call")
	tab.awaitText("The sum of 2 and 40 is 42.")
	tab.awaitText("answered")

	// The command that is offered does the same.
	tab.click("Copy as a command")
	command := tab.clipboard()
	for _, part := range []string{"mcpmux call 'get-sum'", `"b": 40`, "--server everything"} {
		if !strings.Contains(command, part) {
			t.Errorf("the command lacks %s: %s", part, command)
		}
	}
	if out := d.CLI("call", "get-sum", `{"a": 2, "b": 40}`, "--server", "everything"); !strings.Contains(out, "is 42") {
		t.Errorf("the command line: %s", out)
	}

	// A client may use what it was granted, and nothing else.
	tab.choose("As", "Reader")
	tab.click("Call")
	tab.awaitText(`no server "everything" for this client`)
	tab.clean("404")
}

// By the keyboard alone, and with JSON: big numbers arrive with every digit.
func TestStory_AToolIsTriedByTheKeyboardAndAsJSON(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	s := d.AddScripted("echo", mcptest.Script{})
	tab := d.logInBrowser(b.profile("person"))
	tab.shown(d, page{path: "/servers/echo?tab=try&feature=tool:echo", shows: "Request"})
	tab.focus("checkbox", "As JSON")
	tab.press("Space")
	tab.enter("textbox", "Arguments as JSON", `{"message": 12345678901234567890`)
	tab.hit("button", "Call")
	tab.awaitText("This is not JSON")
	tab.enter("textbox", "Arguments as JSON", `{"message": 12345678901234567890}`)
	tab.hit("button", "Call")
	tab.awaitText("answered")
	tab.awaitText("12345678901234567890")
	if s.Calls("echo") != 1 {
		t.Errorf("%d calls", s.Calls("echo"))
	}
	tab.hit("summary", "Request and answer as they went")
	tab.awaitText(`"arguments":{"message": 12345678901234567890}`)
	tab.clean()
}
