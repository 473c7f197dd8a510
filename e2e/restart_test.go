package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// Again starts the daemon once more on the same data folder and the same addresses.
func (d *Daemon) Again() *Daemon {
	d.t.Helper()
	return Start(d.t, Options{Dir: d.Dir, Env: []string{"MCPMUX_LOG_LEVEL=debug"}, Args: []string{"--gateway-addr", d.Gateway, "--dashboard-addr", d.Dashboard}})
}

// TestRestart_AnOpenSessionGoesOn: killed or stopped, the daemon that comes back knows its sessions, with their
// log level and subscriptions, and their clients need not begin anew.
func TestRestart_AnOpenSessionGoesOn(t *testing.T) {
	inside, url := scripted(t, mcptest.Script{Version: legacyVersion})
	d := Start(t, Options{Slack: true}) // it is killed
	d.AddServer("be", url)
	key := d.NewClient("c")
	c := newRaw(t, "http://"+d.Gateway+"/mcp", key, legacyVersion, false)
	if r := c.call("logging/setLevel", `{"level":"error"}`); r.Error != nil {
		t.Fatalf("%+v", r.Error)
	}
	if r := c.call("resources/subscribe", `{"uri":"test://a"}`); r.Error != nil {
		t.Fatalf("%+v", r.Error)
	}
	if r := c.tool("be_echo", `{}`); r.Error != nil {
		t.Fatalf("%+v", r.Error)
	}
	for _, end := range []struct {
		name string
		how  func()
	}{{"kill", d.Kill}, {"stop", nil}} {
		if end.how == nil {
			end.how = func() {
				if err := d.Stop(); err != nil {
					t.Error(err)
				}
			}
		}
		end.how()
		d = d.Again()
		if r := c.tool("be_echo", `{"after":"`+end.name+`"}`); r.Error != nil || !strings.Contains(string(r.Result), end.name) {
			t.Fatalf("after %s: %s %+v", end.name, r.Result, r.Error)
		}
		messages := c.m.Listen()
		subscribed := inside.Count("resources/subscribe")
		ctx, cancel := context.WithTimeout(t.Context(), 10*soon)
		inside.Await(ctx, func() bool { return inside.Count("resources/subscribe") >= subscribed })
		cancel()
		d.Await("the subscription", func() bool {
			c.tool("be_trigger", `{"uri":"test://a"}`)
			for {
				select {
				case raw, open := <-messages:
					if !open {
						t.Fatalf("after %s: the stream of the session ended", end.name)
					}
					if strings.Contains(string(raw), "resources/updated") {
						return true
					}
				case <-time.After(50 * time.Millisecond):
					return false
				}
			}
		})
	}
	if status := c.m.Close(); status != http.StatusNoContent {
		t.Errorf("DELETE: %d", status)
	}
}

// TestRestart_TheFirstListIsComplete: clients that ignore list_changed see everything at once, from the store,
// though the server takes its time to start; and a Feature that appears later can be called.
func TestRestart_TheFirstListIsComplete(t *testing.T) {
	d := Start(t, Options{})
	d.AddServer("be", process(t, mcptest.Script{})...)
	key := d.NewClient("c")
	before := d.Session(key).Tools()
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	d = d.Again()
	m := d.Session(key)
	if after := m.Tools(); !slices.Equal(before, after) {
		t.Errorf("%d tools before, %d right after the start", len(before), len(after))
	}
	m.Call("be_change", `{"name":"env"}`) // the tool is there, and is listed twice from now on: the first counts
	m.Call("be_change", `{"name":"tool_late"}`)
	d.Await("the late tool", func() bool {
		return strings.Contains(string(m.Call("be_tool_late", `{}`).Messages[0]), "tool_late\"")
	})
}

// TestStream_CutInTheMiddleOfACallGivesTheResultOnce: the client comes back with Last-Event-ID.
func TestStream_CutInTheMiddleOfACallGivesTheResultOnce(t *testing.T) {
	inside, url := scripted(t, mcptest.Script{Version: legacyVersion})
	d := Start(t, Options{})
	d.AddServer("be", url)
	m := d.Session(d.NewClient("c"))
	last := m.cut(`{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"be_hold","arguments":{},"_meta":{"progressToken":1}}}`, "notifications/progress")
	ctx, cancel := context.WithTimeout(t.Context(), 10*soon)
	defer cancel()
	if !inside.Await(ctx, func() bool { return inside.Holding() == 1 }) {
		t.Fatal("the call ended with its connection")
	}
	inside.Release()
	for range 2 { // who comes back twice with the same event gets the same answer, and only that
		resp, err := m.do(ctx, http.MethodGet, nil, []string{"Last-Event-ID: " + last})
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%+v, %v", resp, err)
		}
		results := 0
		if err := readEvents(resp.Body, func(data []byte) {
			if strings.Contains(string(data), `"id":77`) && strings.Contains(string(data), "released") {
				results++
			}
		}); err != nil {
			t.Error(err)
		}
		_ = resp.Body.Close()
		if results != 1 {
			t.Errorf("%d results", results)
		}
	}
}

// cut posts a request, reads its event stream until a message holds a text, cuts it, and tells the id of the
// last event.
func (m *MCP) cut(body, until string) (last string) {
	m.t.Helper()
	ctx, cancel := context.WithCancel(m.t.Context())
	defer cancel()
	resp, err := m.do(ctx, http.MethodPost, strings.NewReader(body), nil)
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			last = id
		}
		if strings.Contains(lines.Text(), until) {
			return last
		}
	}
	m.t.Fatal("the stream ended")
	return ""
}

// TestFlood_ListChangedIsToldTenTimesASecondAndTheLastStateArrives: the server sends far more.
func TestFlood_ListChangedIsToldTenTimesASecondAndTheLastStateArrives(t *testing.T) {
	d := Start(t, Options{})
	d.AddServer("be", process(t, mcptest.Script{Version: legacyVersion})...)
	m := d.Session(d.NewClient("c"))
	messages := m.Listen()
	begun := time.Now()
	var seen []time.Time
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for raw := range messages {
			if strings.Contains(string(raw), "list_changed") {
				seen = append(seen, time.Now())
			}
		}
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := range 20 { // 1,000 a second, for two seconds
		m.Call("be_flood", fmt.Sprintf(`{"n":100,"tool":"f%d"}`, i))
		<-tick.C
	}
	d.Await("the last state", func() bool { return slices.Contains(m.Tools(), "be_f19_99") })
	seconds := time.Since(begun).Seconds()
	m.Close()
	<-heard
	if len(seen) == 0 {
		t.Error("no notice at all")
	}
	for i := 10; i < len(seen); i++ {
		if d := seen[i].Sub(seen[i-10]); d < 900*time.Millisecond {
			t.Errorf("eleven notices in %s", d)
		}
	}
	t.Logf("2,000 changes in %.1f s: %d notices", seconds, len(seen))
}
