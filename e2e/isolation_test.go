package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// calls is what the process that answered was called for so far.
func (m *MCP) calls(server string) map[string]int {
	m.t.Helper()
	var got struct{ StructuredContent map[string]int }
	if err := json.Unmarshal(m.Call(server+"_stats", `{}`).Result(m.t), &got); err != nil {
		m.t.Fatal(err)
	}
	return got.StructuredContent
}

func TestIsolation_SessionHasAProcessOfItsOwnThatEndsWithIt(t *testing.T) {
	d := Start(t, Options{})
	d.AddServer("own", append([]string{"--isolation", "session"}, process(t, mcptest.Script{})...)...)
	key := d.NewClient("c")
	a, b := d.Session(key), d.Session(key)
	a.Call("own_echo", `{}`)
	a.Call("own_echo", `{}`)
	if got := a.calls("own"); got["echo"] != 2 {
		t.Errorf("the first session's process was called %v", got)
	}
	if got := b.calls("own"); got["echo"] != 0 {
		t.Errorf("the second session has the process of the first: %v", got)
	}
	if n := d.serverStatus("own").Connections; n != 3 {
		t.Errorf("%d connections, want the base and one for each session", n)
	}
	a.Close()
	d.Await("the end of the session's process", func() bool { return d.serverStatus("own").Connections == 2 })
	if got := b.calls("own"); got["stats"] != 2 {
		t.Errorf("the second session lost its process: %v", got)
	}
}

func TestIsolation_NoneIsAFreshProcessForEachCall(t *testing.T) {
	d := Start(t, Options{})
	d.AddServer("fresh", append([]string{"--isolation", "none"}, process(t, mcptest.Script{})...)...)
	m := d.Session(d.NewClient("c"))
	for range 2 {
		if got := m.calls("fresh"); got["stats"] != 1 {
			t.Errorf("an older process answered: %v", got)
		}
	}
	d.Await("the end of the processes", func() bool { return d.serverStatus("fresh").Connections == 1 })
}

// TestIsolation_ClientsThatAreAskedAtTheSameTimeDoNotWaitForEachOther: over pipes only sole use tells whose
// question it is, so each has a process alone, as far as max_processes goes.
func TestIsolation_ClientsThatAreAskedAtTheSameTimeDoNotWaitForEachOther(t *testing.T) {
	d := Start(t, Options{})
	d.AddServer("be", process(t, mcptest.Script{})...)
	mark := d.MCP(d.NewClient("marks"))
	mark.Open(`{}`)
	mark.Legacy("tools/call", askForName) // from now on the server is known to ask
	d.Await("the mark", func() bool {
		var s struct{ About struct{ Interactive bool } }
		d.JSON(&s, "server", "show", "be")
		return s.About.Interactive
	})
	one, two := d.asked("one"), d.asked("two")
	if a, b := one("Ada"), two("Bob"); !strings.Contains(a, "Ada") || strings.Contains(a, "Bob") || !strings.Contains(b, "Bob") {
		t.Errorf("answers: %s\n%s", a, b)
	}
	if n := d.serverStatus("be").Connections; n != 3 {
		t.Errorf("%d connections, want the base and one for each who was asked", n)
	}
}

// asked is a stateless client whose call waits for its answer; what it returns gives that and reads the result.
func (d *Daemon) asked(name string) func(answer string) string {
	d.t.Helper()
	m := d.MCP(d.NewClient(name))
	var q struct {
		InputRequests map[string]json.RawMessage
		RequestState  string
	}
	if err := json.Unmarshal(m.Modern("tools/call", askForName, "be_ask", `{"elicitation":{}}`).Result(d.t), &q); err != nil || len(q.InputRequests) != 1 {
		d.t.Fatalf("%s was asked %+v, %v", name, q, err)
	}
	return func(answer string) string {
		for key := range q.InputRequests {
			params := strings.TrimSuffix(askForName, "}") + `,"requestState":"` + q.RequestState + `","inputResponses":{"` + key + `":{"action":"accept","content":{"name":"` + answer + `"}}}}`
			return string(m.Modern("tools/call", params, "be_ask", `{"elicitation":{}}`).Result(d.t))
		}
		return ""
	}
}

// TestIsolation_SessionHearsOfTheResourcesOfItsOwnProcess: what its calls do there it hears of, and nobody else.
func TestIsolation_SessionHearsOfTheResourcesOfItsOwnProcess(t *testing.T) {
	d := Start(t, Options{})
	d.AddServer("own", append([]string{"--isolation", "session"}, process(t, mcptest.Script{Version: legacyVersion})...)...)
	url, key := "http://"+d.Gateway+"/mcp", d.NewClient("c")
	mine, other := newRaw(t, url, key, legacyVersion, false), newRaw(t, url, key, legacyVersion, false)
	for _, c := range []*rawClient{mine, other} {
		if r := c.call("resources/subscribe", `{"uri":"test://a"}`); r.Error != nil {
			t.Fatalf("%+v", r.Error)
		}
	}
	mine.tool("own_trigger", `{"uri":"test://a"}`)
	mine.await("the update", func(n response) bool { return n.Method == "notifications/resources/updated" })
	other.tool("own_echo", `{}`) // whatever was sent to it before this is there now
	if text := other.heardSoFar(); strings.Contains(text, "updated") {
		t.Errorf("the other session heard %s", text)
	}
}
