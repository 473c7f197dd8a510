package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/protocol"
)

// heardSoFar is every notification so far, as text.
func (c *rawClient) heardSoFar() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for _, n := range c.notes {
		fmt.Fprintf(&b, "%s %s\n", n.Method, n.Params)
	}
	return b.String()
}

// TestLeak_NobodyHearsWhatIsAnothers: two clients share one process, and one of them has a call in flight there
// while the other is asked, is told of progress, causes a log message, and hears of a resource.
func TestLeak_NobodyHearsWhatIsAnothers(t *testing.T) {
	for _, server := range []mcptest.Script{{Version: protocol.V20251125}, {Era: "modern"}} {
		for _, isolation := range []string{"shared", "auto"} {
			for _, version := range []string{protocol.V20251125, protocol.V20260728} {
				t.Run(fmt.Sprintf("server %s%s %s client %s", server.Version, server.Era, isolation, version), func(t *testing.T) {
					leak(t, server, isolation, version)
				})
			}
		}
	}
}

func leak(t *testing.T, script mcptest.Script, isolation, version string) {
	t.Helper()
	d := Start(t, Options{})
	d.AddServer("be", append([]string{"--isolation", isolation}, process(t, script)...)...)
	url := "http://" + d.Gateway + "/mcp"
	mine := newRaw(t, url, d.NewClient("mine"), version, false)
	other := newRaw(t, url, d.NewClient("other"), version, false)
	idle := newRaw(t, url, d.NewClient("idle"), protocol.V20251125, false)
	plain := d.Session(d.NewClient("plain")) // cannot be asked, so it stays on the connection that all share
	const token = `{"progressToken":"same for both"}`
	hold := func(c *rawClient) (end func()) {
		ctx, cancel := context.WithCancel(t.Context())
		id := c.id()
		done := later(t, func() response {
			return c.callWith(ctx, id, "tools/call", `{"name":"be_hold","arguments":{}}`, token)
		})
		return func() {
			if !protocol.Modern(c.version) {
				c.notify("notifications/cancelled", fmt.Sprintf(`{"requestId":%d}`, id))
			}
			cancel()
			<-done
		}
	}

	// progress: each hears that of its own call, once, though both chose the same token.
	endMine := hold(mine)
	endOther := hold(other)
	progress := func(n response) bool { return n.Method == "notifications/progress" }
	mine.await("its progress", progress)
	other.await("its progress", progress)
	endMine()
	endOther()
	for _, c := range []*rawClient{mine, other} {
		if n := strings.Count(c.heardSoFar(), "notifications/progress"); n != 1 {
			t.Errorf("%d progress notifications for one", n)
		}
	}

	// While the other has a call in flight: a question and a log message of mine.
	endOther = hold(other)
	d.Await("the other call", func() bool { return strings.Count(other.heardSoFar(), "notifications/progress") == 2 })
	if r := mine.tool("be_elicit", `{"message":"for mine only"}`); r.Error == nil && !strings.Contains(string(r.Result), "Ada") && !strings.Contains(string(r.Result), "attributed") && !strings.Contains(string(r.Result), "provably") {
		t.Errorf("asked: %s", r.Result)
	}
	mine.callWith(t.Context(), mine.id(), "tools/call", `{"name":"be_log","arguments":{"level":"error","text":"for mine only"}}`, logMeta(version))
	endOther()

	// resources: who did not subscribe hears nothing.
	if protocol.Modern(version) {
		mine.listen("test://a")
	} else if r := mine.call("resources/subscribe", `{"uri":"test://a"}`); r.Error != nil {
		t.Fatalf("%+v", r.Error)
	}
	plain.Call("be_trigger", `{"uri":"test://a"}`)
	mine.await("the update", func(n response) bool { return n.Method == "notifications/resources/updated" })

	for name, c := range map[string]*rawClient{"other": other, "idle": idle} {
		text := c.heardSoFar()
		if strings.Contains(text, "for mine only") || strings.Contains(text, "resources/updated") {
			t.Errorf("%s heard what was not its own:\n%s", name, text)
		}
	}
	if text := idle.heardSoFar(); strings.Contains(text, "progress") || strings.Contains(text, "message") {
		t.Errorf("idle heard\n%s", text)
	}
}

func logMeta(version string) string {
	if protocol.Modern(version) {
		return `{"io.modelcontextprotocol/logLevel":"debug"}`
	}
	return `{}`
}
