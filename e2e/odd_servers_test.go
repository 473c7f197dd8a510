package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/protocol"
)

// TestOddServers_AreUsedByBothEras: servers that real people run do not all begin well. Each of these is used by
// a client of the newest older revision and by a stateless one, asks both of them, and answers.
func TestOddServers_AreUsedByBothEras(t *testing.T) {
	d := Start(t, Options{})
	key := d.NewClient("c")
	roots := t.TempDir()
	for _, s := range []struct {
		name   string
		script mcptest.Script
		flags  []string
	}{
		{name: "rootsatstart", script: mcptest.Script{Version: protocol.V20251125, RootsAtStart: true}, flags: []string{"--root", roots}},
		{name: "asksnew", script: mcptest.Script{Era: "modern"}},
		{name: "exitsonprobe", script: mcptest.Script{Version: protocol.V20251125, ExitOnProbe: true}},
		{name: "emptyprobe", script: mcptest.Script{Version: protocol.V20250618, EmptyProbe: true}},
		{name: "startsslowly", script: mcptest.Script{Version: protocol.V20251125, StartDelay: 1500 * time.Millisecond}},
		{name: "startsslowlynew", script: mcptest.Script{Era: "modern", StartDelay: 1500 * time.Millisecond}},
		{name: "junk", script: mcptest.Script{Version: protocol.V20250326, JunkAtStart: true}},
		{name: "junknew", script: mcptest.Script{Era: "modern", JunkAtStart: true}},
		{name: "botheras", script: mcptest.Script{Era: "both"}},
	} {
		t.Run(s.name, func(t *testing.T) {
			d.AddServer(s.name, process(t, s.script, s.flags...)...)
			for _, version := range []string{protocol.V20251125, protocol.V20260728} {
				p := &pair{t: t, s: pairServer{alias: s.name, version: serverVersion(s.script)}, c: newRaw(t, "http://"+d.Gateway+"/mcp", key, version, false)}
				p.call()
				p.elicit()
				p.sample()
				p.roots()
				p.askTwice()
			}
			if s.script.RootsAtStart {
				m := d.Session(key)
				if text := m.CallText(s.name+"_start_roots", `{}`); !strings.Contains(text, "file://"+filepath.ToSlash(roots)) {
					t.Errorf("at its start the server heard of the roots %s", text)
				}
			}
		})
	}
}

func serverVersion(s mcptest.Script) string {
	if s.Version == "" {
		return protocol.V20260728
	}
	return s.Version
}

// TestRootsAtStart_AreThoseOfTheSessionThatOwnsTheConnection: with a connection of its own, the client is asked,
// on the stream that it keeps open.
func TestRootsAtStart_AreThoseOfTheSessionThatOwnsTheConnection(t *testing.T) {
	d := Start(t, Options{})
	d.AddServer("own", append([]string{"--isolation", "session"}, process(t, mcptest.Script{Version: protocol.V20251125, RootsAtStart: true})...)...)
	c := newRaw(t, "http://"+d.Gateway+"/mcp", d.NewClient("c"), protocol.V20251125, false)
	if r := c.tool("own_start_roots", `{}`); !strings.Contains(string(r.Result), "file:///r") {
		t.Errorf("%s %+v", r.Result, r.Error)
	}
}

// TestURLElicitation_ReachesClientsThatCanAndItsEndOnlyTheOwner: 2025-11-25 has an error and a notice for it,
// 2026-07-28 has neither.
func TestURLElicitation_ReachesClientsThatCanAndItsEndOnlyTheOwner(t *testing.T) {
	d := Start(t, Options{})
	_, url := scripted(t, mcptest.Script{Version: protocol.V20251125})
	d.AddServer("be", url)
	gateway := "http://" + d.Gateway + "/mcp"
	older := newRaw(t, gateway, d.NewClient("older"), protocol.V20251125, false)
	other := newRaw(t, gateway, d.NewClient("other"), protocol.V20251125, false)
	stateless := newRaw(t, gateway, d.NewClient("stateless"), protocol.V20260728, false)
	for _, c := range []*rawClient{older, stateless} {
		if r := c.tool("be_elicit_url", `{"url":"https://example.com/x"}`); !strings.Contains(string(r.Result), "accept") {
			t.Errorf("%s: %s %+v", c.version, r.Result, r.Error)
		}
	}
	if r := older.tool("be_elicit_throws", `{}`); r.Error == nil || r.Error.Code != -32042 {
		t.Errorf("2025-11-25: %s %+v", r.Result, r.Error)
	}
	// The stateless client is asked instead, and its retry meets the same refusal, as the page was not visited.
	if r := stateless.modernOnce(t.Context(), stateless.id(), "tools/call", `{"name":"be_elicit_throws","arguments":{}}`, `{}`, ""); !strings.Contains(string(r.Result), "input_required") || !strings.Contains(string(r.Result), `"url"`) {
		t.Errorf("2026-07-28: %s %+v", r.Result, r.Error)
	}
	older.tool("be_elicit_done", `{}`)
	older.await("the end of its elicitation", func(n response) bool { return n.Method == "notifications/elicitation/complete" })
	if text := other.heardSoFar() + stateless.heardSoFar(); strings.Contains(text, "elicitation/complete") {
		t.Errorf("others heard of it:\n%s", text)
	}
}
