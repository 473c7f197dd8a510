package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// piped is a client over HTTP+SSE.
type piped struct {
	*stream
	r      *rig
	client string
	post   string // where to
}

// pipe opens a stream and reads where to post.
func (r *rig) pipe(client, path string) *piped {
	r.t.Helper()
	s := r.events("GET", path, client, "")
	p := &piped{stream: s, r: r, client: client, post: s.next()}
	if !strings.HasPrefix(p.post, "/messages?session_id=") {
		r.t.Fatalf("endpoint %q", p.post)
	}
	return p
}

// send posts a message, which must be accepted.
func (p *piped) send(body string) {
	p.t.Helper()
	if a := p.r.send("POST", p.post, p.client, body); a.status != http.StatusAccepted || a.body != "" {
		p.t.Fatalf("%d %s", a.status, a.body)
	}
}

// greet initializes the session.
func (p *piped) greet(version, capabilities string) {
	p.t.Helper()
	p.send(`{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"` + version + `","capabilities":` + capabilities + `,"clientInfo":{"name":"t","version":"1"}}}`)
	if e := p.next(); !strings.Contains(e, `"id":"hello"`) || !strings.Contains(e, version) {
		p.t.Fatalf("initialize: %s", e)
	}
	p.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
}

func TestPipe_EverythingGoesOverTheOneStream(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	for _, path := range []string{"/mcp", "/sse"} {
		p := r.pipe("c", path)
		p.send(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
		if e := p.next(); !strings.Contains(e, "initialize first") {
			t.Errorf("before initialize: %s", e)
		}
		p.send(`{"jsonrpc":"2.0","id":2,"method":"ping"}`)
		if e := p.next(); !strings.Contains(e, `"result":{}`) {
			t.Errorf("ping: %s", e)
		}
		p.greet("2024-11-05", `{}`)
		p.send(`{"jsonrpc":"2.0","id":3,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{}}}`)
		if e := p.next(); !strings.Contains(e, "already") {
			t.Errorf("a second initialize: %s", e)
		}
		p.send(callBody(`"a"`, "be_countdown", `{"from":1}`, `{"progressToken":"mine"}`))
		seen := 0
		e := p.next()
		for ; strings.Contains(e, `"mine"`); e = p.next() {
			seen++
		}
		if seen == 0 || !strings.Contains(e, `"id":"a"`) {
			t.Errorf("%d progress, then %s", seen, e)
		}
		p.end()
	}
}

func TestPipe_AQuestionIsAnsweredByPost(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	p := r.pipe("c", "/mcp/s/be")
	p.greet("2025-06-18", canElicit)
	p.send(callBody(`"call"`, "ask_name", `{}`, ""))
	var ask struct{ ID json.Number }
	if err := json.Unmarshal([]byte(p.next()), &ask); err != nil {
		t.Fatal(err)
	}
	p.send(`{"jsonrpc":"2.0","id":` + ask.ID.String() + `,"result":` + ada + `}`)
	if e := p.next(); !strings.Contains(e, "Ada") || !strings.Contains(e, `"id":"call"`) {
		t.Errorf("%s", e)
	}
}

func TestPipe_BelongsToItsClientAndEndsWithItsStream(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	p := r.pipe("c", "/mcp")
	p.greet("2024-11-05", `{}`)
	if a := r.send("POST", p.post, "d", `{"jsonrpc":"2.0","id":1,"method":"ping"}`); a.status != http.StatusNotFound {
		t.Errorf("another client posted: %d %s", a.status, a.body)
	}
	if a := r.send("POST", p.post, "", `{"jsonrpc":"2.0","id":1,"method":"ping"}`); a.status != http.StatusUnauthorized {
		t.Errorf("nobody posted: %d", a.status)
	}
	_, id, _ := strings.Cut(p.post, "=")
	if a := r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, "Mcp-Session-Id: "+id); a.status != http.StatusNotFound {
		t.Errorf("it can be reached as a session of the other transport: %d", a.status)
	}
	s := r.gw.sessions.piped(id, Identity{Client: "c", Key: "key-c"})
	p.send(callBody(`1`, "be_countdown", `{"from":60}`, `{"progressToken":1}`))
	p.next()
	p.end()
	<-s.done // and the call with it: the rig waits for its end
	if a := r.send("POST", p.post, "c", `{"jsonrpc":"2.0","id":1,"method":"ping"}`); a.status != http.StatusNotFound {
		t.Errorf("it outlived its stream: %d", a.status)
	}
}

func TestPipe_BadPostsAreRefusedBeforeTheyAreAccepted(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	p := r.pipe("c", "/mcp")
	for body, status := range map[string]int{`{"jsonrpc":"2.0","id":1,`: http.StatusBadRequest, `{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}`: http.StatusBadRequest} {
		if a := r.send("POST", p.post, "c", body); a.status != status {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := r.send("POST", p.post, "c", `{}`, "Content-Type: text/plain"); a.status != http.StatusUnsupportedMediaType {
		t.Errorf("text: %d", a.status)
	}
}

// TestPipe_OurOwnClientOfThatTransportCanUseIt: backend is that client.
func TestPipe_OurOwnClientOfThatTransportCanUseIt(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	conn, err := backend.Dial(t.Context(), backend.Spec{
		Alias: "self", Transport: mcpmux.TransportSSE, URL: r.url + "/sse", Header: http.Header{"Authorization": {"Bearer c"}},
	}, backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tools, err := conn.List(t.Context(), mcpmux.KindTool)
	if err != nil || len(tools) == 0 {
		t.Errorf("%d tools, %v", len(tools), err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

// batchSession is a session of 2025-03-26.
func (r *rig) batchSession() string {
	r.t.Helper()
	a := r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`)
	return "Mcp-Session-Id: " + a.header.Get("Mcp-Session-Id")
}

func TestBatch_EachMessageIsAnsweredAsIfAlone(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	sid := r.batchSession()
	tooMany := "[" + strings.Repeat(`{"jsonrpc":"2.0","method":"x"},`, 100) + `{"jsonrpc":"2.0","method":"x"}]`
	for _, c := range []struct {
		name, body string
		status     int
		want       []string
	}{
		{"two requests", `[{"jsonrpc":"2.0","id":1,"method":"ping"},` + callBody(`"two"`, "be_echo", `{"text":"hi"}`, "") + `]`, 200, []string{`"id":1`, `"id":"two"`, "hi"}},
		{"one", `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, 200, []string{`[{`, `}]`}},
		{"only notifications", `[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","id":7,"result":{}}]`, 202, nil},
		{"an element that is none", `[1,{"jsonrpc":"2.0","id":1,"method":"ping"}]`, 200, []string{`"id":null`, `-32600`, `"id":1`}},
		{"initialize", `[{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}]`, 200, []string{"initialize must not"}},
		{"an id twice", `[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":1,"method":"ping"}]`, 200, []string{"two requests"}},
		{"empty", ` [ ] `, 400, []string{"-32600"}},
		{"too many", tooMany, 400, []string{"1 to 100"}},
		{"cut off", `[{"jsonrpc":"2.0","id":1,"method":"ping"}`, 400, []string{"-32700"}},
	} {
		a := r.send("POST", "/mcp", "c", c.body, sid)
		if a.status != c.status {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
		for _, want := range c.want {
			if !strings.Contains(a.body, want) {
				t.Errorf("%s: no %s in %s", c.name, want, a.body)
			}
		}
		if a.status == 200 && !json.Valid([]byte(a.body)) {
			t.Errorf("%s: %s", c.name, a.body)
		}
	}
}

func TestBatch_ExistsInOneRevision(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	const body = `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`
	for name, header := range map[string]string{"2025-11-25": r.open("c", "/mcp", "{}"), "2026-07-28": "MCP-Protocol-Version: 2026-07-28"} {
		if a := r.send("POST", "/mcp", "c", body, header); a.status != 400 || !strings.Contains(a.body, "2025-03-26") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := r.send("POST", "/mcp", "c", body); a.status != 400 {
		t.Errorf("without a session: %d", a.status)
	}
}

func TestBatch_ProgressMakesItAStream(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	s := r.events("POST", "/mcp", "c", `[{"jsonrpc":"2.0","id":1,"method":"ping"},`+callBody(`2`, "be_countdown", `{"from":1}`, `{"progressToken":"p"}`)+`]`, r.batchSession())
	answers := map[string]bool{}
	progress := 0
	for e := s.next(); e != ""; e = s.next() {
		for _, id := range []int{1, 2} {
			if strings.Contains(e, `"id":`+strconv.Itoa(id)) {
				answers[strconv.Itoa(id)] = true
			}
		}
		if strings.Contains(e, `"p"`) {
			progress++
		}
	}
	if len(answers) != 2 || progress == 0 {
		t.Errorf("answers %v, %d progress", answers, progress)
	}
}

func TestBatch_OverHTTPSSEIsAnsweredByOne(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	p := r.pipe("c", "/sse")
	p.greet("2025-03-26", `{}`)
	p.send(`[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]`)
	if e := p.next(); !strings.HasPrefix(e, "[") || !strings.Contains(e, `"id":2`) {
		t.Errorf("%s", e)
	}
}
