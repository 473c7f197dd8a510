package e2e

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

const askForName = `{"name":"be_ask","arguments":{"method":"elicitation/create","params":{"message":"Who are you?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}}}}`

// TestElicitation_OfAClientThatCannotBeAskedIsAnsweredByWhoWatches: the server hears an answer where the setting
// allows it and somebody watches the live events, and a refusal at once otherwise.
func TestElicitation_OfAClientThatCannotBeAskedIsAnsweredByWhoWatches(t *testing.T) {
	d := Start(t, Options{})
	d.AddScripted("be", mcptest.Script{})
	m := d.Session(d.NewClient("mute"))

	refused := func(when string) {
		t.Helper()
		if text := string(m.Legacy("tools/call", askForName).Result(t)); !strings.Contains(text, "-32601") {
			t.Errorf("%s: %s", when, text)
		}
	}
	refused("with the setting off")
	d.CLI("settings", "set", "gateway.dashboard_elicitation", "true")
	refused("with nobody there")

	events := d.events()
	answered := make(chan json.RawMessage, 1)
	go func() { answered <- m.Legacy("tools/call", askForName).Last(t).Result }()
	var open []struct{ ID, Message string }
	d.Await("an elicitation", func() bool {
		d.JSON(&open, "elicitation", "list")
		return len(open) == 1
	})
	if open[0].Message != "Who are you?" {
		t.Errorf("asked %+v", open)
	}
	d.CLI("elicitation", "answer", open[0].ID, "accept", `{"name":"Ada"}`)
	if text := string(<-answered); !strings.Contains(text, "Ada") || !strings.Contains(text, "accept") {
		t.Errorf("the server heard %s", text)
	}
	if !events("elicitation") {
		t.Error("the live events did not tell of it")
	}
}

// events opens the stream of live events on the control socket, as the dashboard does; what it returns reads
// on until an event of a kind comes.
func (d *Daemon) events() (next func(kind string) bool) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, "http://localhost/api/v1/events", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	resp, err := d.control().Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	next = func(kind string) bool {
		for lines.Scan() {
			if lines.Text() == "event: "+kind {
				return true
			}
		}
		return false
	}
	if !next("ready") {
		d.t.Fatal("the stream of live events did not begin")
	}
	return next
}
