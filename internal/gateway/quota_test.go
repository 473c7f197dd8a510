package gateway

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func TestRate_IsSoManyAtOnceAndOneMoreForEachThatItsTimeAllows(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r, q := newRate(60, now), new(quota)
	ask := func(n int) (got int) {
		for range n {
			if ok, _ := r.charge(q, now); ok {
				got++
			}
		}
		return got
	}
	if n := ask(100); n != 60 {
		t.Errorf("%d at once", n)
	}
	if ok, after := r.charge(q, now); ok || after != time.Second {
		t.Errorf("the next is at once (%t) or after %s", ok, after)
	}
	now = now.Add(1500 * time.Millisecond)
	if n := ask(5); n != 1 {
		t.Errorf("%d after a second and a half", n)
	}
	now = now.Add(time.Hour)
	if n := ask(100); n != 60 {
		t.Errorf("%d after an hour", n)
	}
}

func TestRate_ManyAtATimeGetNoMoreThanOne(t *testing.T) {
	now := time.Now()
	r, q := newRate(500, now), new(quota)
	var got atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if ok, _ := r.charge(q, now); ok {
					got.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if got.Load() != 500 {
		t.Errorf("%d got through", got.Load())
	}
}

func TestQuota_AClientThatAsksTooOftenIsToldWhenToComeAgain(t *testing.T) {
	r := demoRig(t, "2025-11-25", func(st *mcpmux.State) {
		st.Settings = map[string]string{mcpmux.SettingClientRateLimit: "3"}
	})
	sid := r.open("c", "/mcp", `{}`)
	for range 2 {
		if a := r.send("POST", "/mcp", "c", pingBody, sid); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	a := r.send("POST", "/mcp", "c", pingBody, sid)
	after, err := strconv.Atoi(a.header.Get("Retry-After"))
	if a.status != http.StatusTooManyRequests || err != nil || after < 1 || after > 20 || !strings.Contains(a.body, `"id":1`) || !strings.Contains(a.body, "client.rate_limit") {
		t.Errorf("the fourth: %d %v %s", a.status, a.header, a.body)
	}
	if a := r.modern("/mcp", "c", "tools/list", ""); a.status != http.StatusTooManyRequests {
		t.Errorf("in the other era: %d %s", a.status, a.body)
	}
	if a := r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, sid); a.status != http.StatusAccepted {
		t.Errorf("a notification: %d %s", a.status, a.body)
	}
	if a := r.send("POST", "/mcp", "d", helloBody); a.status != http.StatusOK {
		t.Errorf("another client: %d %s", a.status, a.body)
	}
	r.state.Settings = nil
	r.state.Revision++
	r.gw.Apply(r.state)
	if a := r.send("POST", "/mcp", "c", pingBody, sid); a.status != http.StatusOK {
		t.Errorf("without the limit: %d %s", a.status, a.body)
	}
}

func TestQuota_AChangeElsewhereIsNoFreshStart(t *testing.T) {
	r := demoRig(t, "2025-11-25", func(st *mcpmux.State) {
		st.Settings = map[string]string{mcpmux.SettingClientRateLimit: "1"}
	})
	sid := r.open("c", "/mcp", `{}`)
	r.state.Revision++
	r.gw.Apply(r.state)
	if a := r.send("POST", "/mcp", "c", pingBody, sid); a.status != http.StatusTooManyRequests {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestQuota_AClientHasSoManyRequestsInFlight(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	sid := r.open("c", "/mcp", `{}`)
	pipe := r.pipe("c", "/mcp")
	pipe.greet("2024-11-05", `{}`)
	q := r.gw.current.Load().quotas["c"]
	q.inFlight.Add(maxInFlight)
	a := r.send("POST", "/mcp", "c", pingBody, sid)
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "1" {
		t.Errorf("one more: %d %v %s", a.status, a.header, a.body)
	}
	if a := r.send("POST", pipe.post, "c", pingBody); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "1" {
		t.Errorf("one more over HTTP+SSE: %d %v %s", a.status, a.header, a.body)
	}
	if a := r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, sid); a.status != http.StatusAccepted {
		t.Errorf("what ends one: %d %s", a.status, a.body)
	}
	if a := r.send("POST", "/mcp", "d", helloBody); a.status != http.StatusOK {
		t.Errorf("another client: %d %s", a.status, a.body)
	}
	q.inFlight.Add(-maxInFlight)
	if a := r.send("POST", "/mcp", "c", pingBody, sid); a.status != http.StatusOK {
		t.Errorf("when they are answered: %d %s", a.status, a.body)
	}
	pipe.end()
}

// A stream is open for as long as its client wants.
func TestQuota_AStreamIsNotInFlightAndThereAreSoMany(t *testing.T) {
	r := demoRig(t, "2026-07-28", nil)
	meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
	s := r.events("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{`+meta+`,"notifications":{"toolsListChanged":true}}}`,
		"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: subscriptions/listen")
	s.next()
	q := r.gw.current.Load().quotas["c"]
	if q.inFlight.Load() != 0 || q.listening.Load() != 1 {
		t.Errorf("%d in flight, %d listening", q.inFlight.Load(), q.listening.Load())
	}
	q.listening.Store(maxListening)
	if a := r.modern("/mcp", "c", "subscriptions/listen", `"notifications":{}`, "Accept: application/json, text/event-stream"); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "1" {
		t.Errorf("one more: %d %v %s", a.status, a.header, a.body)
	}
	q.listening.Store(1)
	s.end()
}

func BenchmarkQuota(b *testing.B) {
	for name, perMinute := range map[string]int{"without a rate": 0, "with a rate": 1_000_000_000} {
		b.Run(name, func(b *testing.B) {
			snap := &snapshot{quotas: map[mcpmux.ClientID]*quota{"c": new(quota)}, rate: newRate(perMinute, time.Now())}
			x := &exchange{snap: snap, id: Identity{Client: "c"}}
			b.ReportAllocs()
			for b.Loop() {
				if x.enter() == nil {
					x.leave()
				}
			}
		})
	}
}
