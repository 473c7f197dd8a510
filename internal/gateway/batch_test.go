package gateway

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// batchRig is a rig before a scripted Server, with a session of 2025-03-26 whose client has roots.
func batchRig(t *testing.T) (*rig, *mcptest.Server, string) {
	t.Helper()
	server, spec := scripted(t)
	r := start(t, spec, nil)
	a := r.send("POST", "/mcp", "d", helloBody)
	return r, server, "Mcp-Session-Id: " + a.header.Get("Mcp-Session-Id")
}

// holds are calls that last until they are released, with a comma after each.
func holds(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(callBody(`"h`+strconv.Itoa(i)+`"`, "be_hold", `{}`, "") + ",")
	}
	return b.String()
}

func TestBatch_AQuestionOfOneIsAnsweredByPost(t *testing.T) {
	r, _, sid := batchRig(t)
	s := r.events("POST", "/mcp", "d", `[`+callBody(`1`, "be_ask", askRoots, "")+`,`+strings.Replace(pingBody, "1", "2", 1)+`]`, sid)
	id := questionID(t, s.next(), "roots/list")
	if a := r.send("POST", "/mcp", "d", `[{"jsonrpc":"2.0","id":`+id+`,"result":{"roots":[{"uri":"file:///x"}]}}]`, sid); a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if rest := s.next() + s.next(); !strings.Contains(rest, "file:///x") || s.next() != "" {
		t.Errorf("heard %s", rest)
	}
}

// A call that waits for an answer may be what all the others wait for.
func TestBatch_AnAnswerDoesNotWaitForTheCallsBeforeIt(t *testing.T) {
	r, server, sid := batchRig(t)
	s := r.events("POST", "/mcp", "d", callBody(`1`, "be_ask", askRoots, ""), sid)
	id := questionID(t, s.next(), "roots/list")
	done := make(chan answer, 1)
	go func() {
		done <- r.send("POST", "/mcp", "d", `[`+holds(batchAtATime)+`{"jsonrpc":"2.0","id":`+id+`,"result":{"roots":[]}}]`, sid)
	}()
	if e := s.next(); !strings.Contains(e, `"id":1`) {
		t.Errorf("heard %s", e)
	}
	if !server.Await(t.Context(), func() bool { return server.Holding() == batchAtATime }) {
		t.Error("the calls are not held")
	}
	server.Release()
	if a := <-done; strings.Count(a.body, "released") != batchAtATime {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestBatch_SomeAreHandledAtATime(t *testing.T) {
	r, server, sid := batchRig(t)
	done := make(chan answer, 1)
	go func() { done <- r.send("POST", "/mcp", "d", `[`+holds(batchAtATime+1)+pingBody+`]`, sid) }()
	for _, n := range []int{batchAtATime, 1} {
		if !server.Await(t.Context(), func() bool { return server.Holding() == n }) {
			t.Fatal("the calls are not held")
		}
		server.Release()
	}
	if a := <-done; strings.Count(a.body, "released") != batchAtATime+1 || !strings.Contains(a.body, `"result":{}`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestBatch_ACallThatWaitsForItsTurnCanBeCancelled(t *testing.T) {
	r, server, sid := batchRig(t)
	waiting := make(map[string]bool)
	var calls []string
	for i := range batchAtATime + 1 {
		id := strconv.Itoa(i)
		waiting[id] = true
		calls = append(calls, callBody(id, "be_hold", `{}`, `{"progressToken":`+id+`}`))
	}
	s := r.events("POST", "/mcp", "d", `[`+strings.Join(calls, ",")+`]`, sid)
	for range batchAtATime {
		var e struct {
			Params struct{ ProgressToken json.Number }
		}
		if err := json.Unmarshal([]byte(s.next()), &e); err != nil || !waiting[e.Params.ProgressToken.String()] {
			t.Fatalf("progress of %v, %v", e, err)
		}
		delete(waiting, e.Params.ProgressToken.String())
	}
	for id := range waiting {
		r.send("POST", "/mcp", "d", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`+id+`}}`, sid)
	}
	if !server.Await(t.Context(), func() bool { return server.Holding() == batchAtATime }) {
		t.Fatal("the calls are not held")
	}
	server.Release()
	cancelled := 0
	for e := s.next(); e != ""; e = s.next() {
		cancelled += strings.Count(e, "the call was cancelled")
	}
	if n := server.Calls("hold"); n != batchAtATime || cancelled != 1 {
		t.Errorf("the server got %d calls, %d were cancelled", n, cancelled)
	}
}

// Answers that are too much for a stream that is slow to write must all arrive.
func TestBatch_NoAnswerIsLostOnAStream(t *testing.T) {
	server, spec := scripted(t)
	st := scriptedState()
	st.Features = append(st.Features, mcpmux.Feature{Server: "v", Kind: mcpmux.KindTool, Name: "big", Raw: []byte(`{"name":"big","inputSchema":{"type":"object"}}`)})
	r := newRigWith(t, st, map[mcpmux.ServerID]backend.Spec{"v": spec}, nil)
	sid := "Mcp-Session-Id: " + r.send("POST", "/mcp", "d", helloBody).header.Get("Mcp-Session-Id")
	const n = 6
	var calls strings.Builder
	calls.WriteString(`[` + callBody(`"held"`, "be_hold", `{}`, `{"progressToken":1}`))
	for i := range n {
		calls.WriteString(`,` + callBody(strconv.Itoa(i), "be_big", `{"bytes":1500000}`, ""))
	}
	calls.WriteString("]")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/mcp", strings.NewReader(calls.String()))
	if err != nil {
		t.Fatal(err)
	}
	name, value, _ := strings.Cut(sid, ": ")
	req.Header = http.Header{name: {value}, "Authorization": {"Bearer d"}, "Content-Type": {"application/json"}}
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	events := wire.NewEventReader(resp.Body, 64<<20)
	if e, err := events.Next(); err != nil || !bytes.Contains(e.Data, []byte("notifications/progress")) {
		t.Fatalf("%v, %v", e, err)
	}
	if !server.Await(t.Context(), func() bool { return server.Calls("big") == n }) {
		t.Fatal("not all were called")
	}
	release(t, server)
	got := map[string]bool{}
	for e, err := events.Next(); err == nil; e, err = events.Next() {
		var some []struct{ ID json.RawMessage }
		if !wire.IsBatch(e.Data) {
			e.Data = append(append([]byte{'['}, e.Data...), ']')
		}
		if err := json.Unmarshal(e.Data, &some); err != nil {
			t.Fatal(err)
		}
		for _, m := range some {
			got[string(m.ID)] = true
		}
	}
	if len(got) != n+1 {
		t.Errorf("answers to %v", got)
	}
}

func TestBatch_ABadOneOverHTTPSSEIsNotAccepted(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	p := r.pipe("c", "/sse")
	const one = `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`
	if a := r.send("POST", p.post, "c", one); a.status != 400 || !strings.Contains(a.body, "initialize first") {
		t.Errorf("before initialize: %d %s", a.status, a.body)
	}
	p.greet("2025-03-26", `{}`)
	for _, body := range []string{`[]`, `[1`, `[` + strings.Repeat(`1,`, maxBatch) + `1]`} {
		if a := r.send("POST", p.post, "c", body); a.status != 400 || !strings.Contains(a.body, `"id":null`) {
			t.Errorf("%.20s: %d %s", body, a.status, a.body)
		}
	}
	p.send(`[{"jsonrpc":"2.0","method":"x"}]`)
	p.send(one)
	if e := p.next(); !strings.HasPrefix(e, `[{`) {
		t.Errorf("heard %s", e)
	}
	other := r.pipe("c", "/sse")
	other.greet("2024-11-05", `{}`)
	if a := r.send("POST", other.post, "c", one); a.status != 400 || !strings.Contains(a.body, "2024-11-05") {
		t.Errorf("in a session without batches: %d %s", a.status, a.body)
	}
}
