package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// release lets the call that is held go on, as soon as it is.
func release(t *testing.T, server *mcptest.Server) {
	if !server.Await(t.Context(), func() bool { return server.Holding() == 1 }) {
		t.Error("no call is held")
	}
	server.Release()
}

func TestResume_AnAnswerThatWasCutOffArrivesOnce(t *testing.T) {
	server, spec := scripted(t)
	r := start(t, spec, nil)
	sid := r.open("d", "/mcp", "{}")
	s := r.events("POST", "/mcp", "d", callBody(`7`, "be_hold", `{}`, `{"progressToken":1}`), sid)
	if e := s.next(); !strings.Contains(e, "notifications/progress") {
		t.Fatalf("heard %s", e)
	}
	s.end()
	again := r.events("GET", "/mcp", "d", "", sid, "Last-Event-ID: "+s.last)
	release(t, server)
	if e := again.next(); !strings.Contains(e, `"id":7`) || !strings.Contains(e, "released") {
		t.Errorf("heard %s", e)
	}
	if e := again.next(); e != "" {
		t.Errorf("after the answer came %s", e)
	}
	// All of it may be asked for again, by a client that did not get it: the stream has not moved on.
	all := r.events("GET", "/mcp", "d", "", sid, "Last-Event-ID: "+strings.TrimSuffix(s.last, "1")+"0")
	if e := all.next(); !strings.Contains(e, "notifications/progress") {
		t.Errorf("replayed %s", e)
	}
	if e := all.next(); !strings.Contains(e, `"id":7`) || all.next() != "" {
		t.Errorf("replayed %s", e)
	}
}

func TestResume_AQuestionSurvivesAReconnect(t *testing.T) {
	_, spec := scripted(t)
	r := start(t, spec, nil)
	sid := r.open("d", "/mcp", canElicit)
	ask := `{"method":"elicitation/create","params":{"message":"?","requestedSchema":{"type":"object","properties":{}}}}`
	s := r.events("POST", "/mcp", "d", callBody(`7`, "be_ask", ask, ""), sid)
	question := s.next()
	s.end()
	stream, _, _ := strings.Cut(s.last, "-")
	again := r.events("GET", "/mcp", "d", "", sid, "Last-Event-ID: "+stream+"-0")
	if e := again.next(); e != question || !strings.Contains(e, "elicitation/create") {
		t.Fatalf("asked %s, then %s", question, e)
	}
	var q struct{ ID json.Number }
	if err := json.Unmarshal([]byte(question), &q); err != nil {
		t.Fatal(err)
	}
	if a := r.send("POST", "/mcp", "d", `{"jsonrpc":"2.0","id":`+q.ID.String()+`,"result":`+ada+`}`, sid); a.status != 202 {
		t.Fatalf("answer: %d %s", a.status, a.body)
	}
	if e := again.next(); !strings.Contains(e, "Ada") {
		t.Errorf("result: %s", e)
	}
}

func TestResume_TheSecondWhoComesBackTakesOver(t *testing.T) {
	server, spec := scripted(t)
	r := start(t, spec, nil)
	sid := r.open("d", "/mcp", "{}")
	s := r.events("POST", "/mcp", "d", callBody(`7`, "be_hold", `{}`, `{"progressToken":1}`), sid)
	s.next() // the connection lives on
	one := r.events("GET", "/mcp", "d", "", sid, "Last-Event-ID: "+s.last)
	two := r.events("GET", "/mcp", "d", "", sid, "Last-Event-ID: "+s.last)
	if e := one.next(); e != "" {
		t.Errorf("the first heard %s", e)
	}
	release(t, server)
	if e := two.next(); !strings.Contains(e, "released") {
		t.Errorf("the second heard %s", e)
	}
	if e := s.next(); e != "" {
		t.Errorf("the cut off one heard %s", e)
	}
}

func TestResume_TheSessionsStreamGoesOnWhereItWasCutOff(t *testing.T) {
	_, spec := scripted(t)
	r := start(t, spec, nil)
	sid := r.open("d", "/mcp", "{}")
	if a := r.send("POST", "/mcp", "d", `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"test://a"}}`, sid); a.status != 200 {
		t.Fatal(a.body)
	}
	update := func(part string) {
		r.gw.Updated("v", "", "test://a/"+part, []byte(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"test://a/`+part+`"}}`))
	}
	s := r.events("GET", "/mcp", "d", "", sid)
	update("1")
	s.next()
	had := s.last
	update("2")
	s.next() // the client does not get to see this
	// The gateway has not noticed that the first connection is dead.
	again := r.events("GET", "/mcp", "d", "", sid, "Last-Event-ID: "+had)
	update("3")
	for _, want := range []string{"test://a/2", "test://a/3"} {
		if e := again.next(); !strings.Contains(e, want) {
			t.Errorf("heard %s, not %s", e, want)
		}
	}
	if e := s.next(); e != "" {
		t.Errorf("the first connection heard %s", e)
	}
	if a := r.send("GET", "/mcp", "d", "", sid, "Accept: text/event-stream"); a.status != 409 {
		t.Errorf("a second stream: %d", a.status)
	}
}

func TestResume_AnUnknownEventIsRefusedWithWords(t *testing.T) {
	_, spec := scripted(t)
	r := start(t, spec, nil)
	sid, others := r.open("d", "/mcp", "{}"), r.open("d", "/mcp", "{}")
	s := r.events("POST", "/mcp", "d", callBody(`7`, "be_hold", `{}`, `{"progressToken":1}`), sid)
	s.next()
	stream, _, _ := strings.Cut(s.last, "-")
	for _, last := range []string{"x", "-", stream, stream + "-x", stream + "-9", stream + "--1", "pNOSUCH-1", "gNOSUCH-1"} {
		a := r.send("GET", "/mcp", "d", "", sid, "Accept: text/event-stream", "Last-Event-ID: "+last)
		if a.status != 400 || !strings.Contains(a.body, "Last-Event-ID") {
			t.Errorf("%q: %d %s", last, a.status, a.body)
		}
	}
	if a := r.send("GET", "/mcp", "d", "", others, "Accept: text/event-stream", "Last-Event-ID: "+s.last); a.status != 400 {
		t.Errorf("another session's stream: %d", a.status)
	}
}

// openWith initializes a session of a revision.
func (r *rig) openWith(client, version string) string {
	r.t.Helper()
	a := r.send("POST", "/mcp", client, `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"`+version+`","capabilities":{}}}`)
	return "Mcp-Session-Id: " + a.header.Get("Mcp-Session-Id")
}

func TestResume_EventsBearIDsAndStreamsArePrimedAsTheRevisionHasIt(t *testing.T) {
	server, spec := scripted(t)
	r := start(t, spec, nil)
	for _, c := range []struct {
		version     string
		ids, primed bool
	}{{"2024-11-05", false, false}, {"2025-03-26", true, false}, {"2025-06-18", true, false}, {"2025-11-25", true, true}} {
		sid := r.openWith("d", c.version)
		s := r.events("POST", "/mcp", "d", callBody(`7`, "be_hold", `{}`, `{"progressToken":1}`), sid)
		get := r.events("GET", "/mcp", "d", "", sid)
		for name, st := range map[string]*stream{"POST": s, "GET": get} {
			if name == "GET" && !c.primed {
				continue
			}
			st.lines.Scan()
			if primed := st.lines.Text() == "retry: 1000"; primed != c.primed {
				t.Errorf("%s %s begins with %q", c.version, name, st.lines.Text())
			}
		}
		if !c.primed { // the line that was read is the first of the notice
			if ids := strings.HasPrefix(s.lines.Text(), "id: "); ids != c.ids {
				t.Errorf("%s: %q", c.version, s.lines.Text())
			}
		}
		if e := s.next(); !strings.Contains(e, "progress") || (s.last != "") != c.ids && c.primed {
			t.Errorf("%s: %s", c.version, e)
		}
		release(t, server)
		if e := s.next(); !strings.Contains(e, "released") {
			t.Errorf("%s: %s", c.version, e)
		}
		get.end()
	}
}

func TestResume_ASilentCallSoonBecomesAStreamThatCanBeResumed(t *testing.T) {
	server, spec := scripted(t)
	r := start(t, spec, nil)
	sid := r.open("d", "/mcp", "{}")
	begun := time.Now()
	s := r.events("POST", "/mcp", "d", callBody(`7`, "be_hold", `{}`, ""), sid) // it returns with the header
	if took := time.Since(begun); took < quietResumable || took > quiet/2 {
		t.Errorf("a stream after %v", took)
	}
	release(t, server)
	if e := s.next(); !strings.Contains(e, "released") {
		t.Errorf("heard %s", e)
	}
}

func TestResume_AClientThatReadsNoEventsGetsJSON(t *testing.T) {
	server, spec := scripted(t)
	r := start(t, spec, nil)
	sid := r.open("d", "/mcp", "{}")
	go release(t, server)
	a := r.send("POST", "/mcp", "d", callBody(`7`, "be_hold", `{}`, `{"progressToken":1}`), sid, "Accept: application/json")
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" || !strings.Contains(a.body, "released") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func numbers(t *trail) (n []int) {
	events, _ := t.after(0)
	for _, e := range events {
		n = append(n, e.n)
	}
	return n
}

func TestTrail_KeepsTheLastEventsWithinItsBounds(t *testing.T) {
	tr := newTrail(trailOfCall, "2025-11-25")
	r := tr.attach(0)
	for i := range 3 * trailEvents {
		if !tr.add([]byte(strconv.Itoa(i)), false) {
			t.Fatal("refused")
		}
		r.at = tr.last
		tr.wrote(r)
	}
	if n := numbers(tr); len(n) != trailEvents || n[len(n)-1] != 3*trailEvents {
		t.Errorf("kept %v", n)
	}
	if tr.resume(2*trailEvents-1) != nil {
		t.Error("resumed before what was forgotten")
	}
	if tr.resume(2*trailEvents) == nil {
		t.Error("did not resume from the oldest kept")
	}
	for range 4 {
		tr.add(make([]byte, trailBytes/2), false)
		r = tr.now
		r.at = tr.last
		tr.wrote(r)
	}
	if tr.size > trailBytes {
		t.Errorf("%d bytes are kept", tr.size)
	}
}

func TestTrail_WithoutAConnectionKeepsWhatMustArrive(t *testing.T) {
	tr := newTrail(trailOfCall, "2025-11-25")
	tr.detach(tr.attach(0))
	if !tr.add([]byte("question"), true) {
		t.Fatal("refused")
	}
	for range 10 * trailEvents {
		if !tr.add([]byte("progress"), false) {
			t.Fatal("refused")
		}
	}
	tr.end(make([]byte, 2*trailBytes))
	events, over := tr.after(0)
	if !over || len(events) > trailEvents || string(events[0].raw) != "question" || len(events[len(events)-1].raw) != 2*trailBytes {
		t.Errorf("%d events, over %v", len(events), over)
	}
	if tr.add([]byte("late"), true) {
		t.Error("something came after the answer")
	}
	if tr.expire(time.Now().Add(trailTime - time.Minute)) {
		t.Error("forgotten early")
	}
	if !tr.expire(time.Now().Add(trailTime + time.Minute)) {
		t.Error("kept for ever")
	}
}

func TestTrail_WithoutAnIDEndsWithItsConnection(t *testing.T) {
	tr := &trail{}
	r := tr.attach(0)
	if !tr.add([]byte("a"), false) {
		t.Error("refused")
	}
	tr.detach(r)
	if tr.add([]byte("b"), true) {
		t.Error("took what nobody can fetch")
	}
}

func TestTrails_AFinishedOneMakesRoom(t *testing.T) {
	var all trails
	var first *trail
	for i := range maxTrails {
		tr := all.begin("2025-11-25")
		if i == 0 {
			first = tr
		}
	}
	if all.begin("2025-11-25") != nil {
		t.Error("a stream too many")
	}
	first.end(nil)
	if all.begin("2025-11-25") == nil || all.find(first.id) != nil {
		t.Error("the finished stream made no room")
	}
}
