package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

const askForTrip = `{"name":"be_ask","arguments":{"method":"elicitation/create","params":{"message":"Where to?","requestedSchema":{"type":"object",
	"properties":{"city":{"type":"string","title":"City","minLength":2},"nights":{"type":"integer","title":"Nights","minimum":1},"seat":{"type":"string","title":"Seat","enum":["aisle","window"]},"meal":{"type":"boolean","title":"Meal"}},
	"required":["city","nights"]}}}}`

// A server's question to a client that cannot ask is answered on whatever page is open, by a form of what it asks for.
func TestStory_AQuestionOfAServerIsAnswered(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d := Start(t, Options{})
	d.AddScripted("be", mcptest.Script{})
	d.CLI("settings", "set", "gateway.dashboard_elicitation", "true")
	m := d.Session(d.NewClient("mute"))
	tab := d.logInBrowser(b.profile("person"))
	tab.shown(d, page{path: "/clients", shows: "mute"})
	tab.awaitText("Shown live")

	ask := func() <-chan json.RawMessage {
		return later(t, func() json.RawMessage { return m.Legacy("tools/call", askForTrip).Last(t).Result })
	}
	answered := ask()
	tab.awaitText("Where to?")
	tab.fill("City", "X")
	tab.click("Answer")
	tab.awaitText("at least 2 characters")
	tab.awaitText("This is needed.")
	tab.accessible()
	tab.fill("City", "Oslo")
	tab.fill("Nights", "3")
	tab.choose("Seat (optional)", "window")
	tab.click("Answer")
	if text := string(<-answered); !strings.Contains(text, "Oslo") || !strings.Contains(text, "window") || !strings.Contains(text, "accept") || strings.Contains(text, "meal") {
		t.Errorf("the server heard %s", text)
	}
	tab.gone("Where to?")

	// By the keyboard alone, and with no.
	answered = ask()
	tab.awaitText("Where to?")
	tab.enter("textbox", "City", "Rome")
	tab.enter("textbox", "Nights", "2")
	tab.press("Enter")
	if text := string(<-answered); !strings.Contains(text, "Rome") {
		t.Errorf("the server heard %s", text)
	}
	tab.gone("Where to?")
	answered = ask()
	tab.awaitText("Where to?")
	tab.hit("button", "Decline be")
	if text := string(<-answered); !strings.Contains(text, "decline") {
		t.Errorf("the server heard %s", text)
	}
	tab.gone("Where to?")
	tab.clean()
}
