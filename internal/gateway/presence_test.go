package gateway

import (
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func TestConnected_CountsSessionsInUseAndStreams(t *testing.T) {
	came := make(chan struct{}, 100)
	r := newRigWith(t, oneServer(), nil, func(c *Config) { c.Came = func() { came <- struct{}{} } })
	want := func(now time.Time, c, d int) {
		t.Helper()
		got := r.gw.Connected(now)
		if got["c"] != c || got["d"] != d {
			t.Errorf("connected %v, want c %d and d %d", got, c, d)
		}
	}
	want(time.Now(), 0, 0)
	r.open("c", "/mcp", "{}")
	sid := r.open("d", "/mcp", "{}")
	<-came
	<-came
	want(time.Now(), 1, 1)
	// One that has a stream is there however long it says nothing; another may have gone without a word.
	held := r.events("GET", "/mcp", "d", "", sid)
	listen := r.events("POST", "/mcp", "d", `{"jsonrpc":"2.0","id":"sub","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`,
		"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: subscriptions/listen")
	listen.next()
	<-came
	want(time.Now().Add(time.Hour), 0, 2)
	if a := r.send("DELETE", "/mcp", "d", "", sid); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	<-came
	want(time.Now().Add(time.Hour), 0, 1)
	_ = held
	if n := len(r.gw.Connected(time.Now())); n != 2 {
		t.Errorf("%d clients", n)
	}
	r.gw.Apply(&mcpmux.State{Revision: 99})
	<-came
	if got := r.gw.Connected(time.Now()); got["c"] != 0 {
		t.Errorf("after its end: %v", got)
	}
}
