package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// demoRig is a rig with the demo server behind it, over stdio, in the given era.
func demoRig(t *testing.T, version string, change func(*mcpmux.State)) *rig {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	spec := backend.Spec{Alias: "be", Transport: mcpmux.TransportStdio, Command: self, Env: []string{beServer + "=1", "GORACE=atexit_sleep_ms=0"}, Version: version}
	st := oneServer()
	st.Features = nil
	st.Grants = []mcpmux.Grant{{Client: "c", Space: "s", Set: "all"}, {Client: "d", Space: "s", Set: "all"}}
	conn, err := backend.Dial(t.Context(), spec, backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	about := conn.About()
	st.Servers[0].About = &about
	st.Servers[0].Definition.Transport = mcpmux.TransportStdio
	for _, kind := range mcpmux.FeatureKinds() {
		items, err := conn.List(t.Context(), kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range items {
			var f struct{ Name, URI, URITemplate string }
			if err := json.Unmarshal(raw, &f); err != nil {
				t.Fatal(err)
			}
			name := f.Name
			switch kind {
			case mcpmux.KindResource:
				name = f.URI
			case mcpmux.KindTemplate:
				name = f.URITemplate
			case mcpmux.KindTool, mcpmux.KindPrompt:
			}
			st.Features = append(st.Features, mcpmux.Feature{Server: "v", Kind: kind, Name: name, Raw: raw})
		}
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(st)
	}
	r := newRig(t, st, map[mcpmux.ServerID]backend.Spec{"v": spec})
	r.state = st
	return r
}

// stream reads the events of one response.
type stream struct {
	t      *testing.T
	lines  *bufio.Scanner
	cancel context.CancelFunc
	close  func() error
	header http.Header
	last   string // id of the last event, "" where none had one
}

// events makes a request and reads its answer as an event stream.
func (r *rig) events(method, path, client, body string, headers ...string) *stream {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+client)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	resp, err := r.http.Do(req) //nolint:bodyclose // The stream closes it when it ends.
	if err != nil {
		r.t.Fatal(err)
	}
	if ct := resp.Header.Get("Content-Type"); ct != "text/event-stream" {
		r.t.Fatalf("answered %d with %q, not an event stream", resp.StatusCode, ct)
	}
	s := &stream{t: r.t, lines: bufio.NewScanner(resp.Body), cancel: cancel, close: resp.Body.Close, header: resp.Header}
	r.t.Cleanup(s.end)
	return s
}

func (s *stream) end() {
	s.cancel()
	_ = s.close()
}

// next is the data of the next event that has some, "" at the end.
func (s *stream) next() string {
	for s.lines.Scan() {
		line := s.lines.Text()
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			s.last = id
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok && data != "" {
			return data
		}
	}
	return ""
}

func callBody(id, tool, arguments, meta string) string {
	if meta != "" {
		meta = `,"_meta":` + meta
	}
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"` + tool + `","arguments":` + arguments + meta + `}}`
}

func TestCall_ReachesTheServerUnderItsOwnNameAndReturnsUnderTheClientsID(t *testing.T) {
	for _, version := range []string{"2025-11-25", "2026-07-28"} {
		r := demoRig(t, version, nil)
		sid := r.open("c", "/mcp", "{}")
		for _, id := range []string{`1`, `"1"`, `"x\"y"`, `9223372036854775807`, `-5`} {
			a := r.send("POST", "/mcp", "c", callBody(id, "be_add", `{"a":2,"b":40}`, ""), sid)
			if a.status != 200 || !strings.HasPrefix(a.body, `{"jsonrpc":"2.0","id":`+id+`,`) || !strings.Contains(a.body, "42") {
				t.Errorf("%s behind, id %s: %d %s", version, id, a.status, a.body)
			}
		}
		if a := r.send("POST", "/mcp/s/be", "c", callBody(`1`, "add", `{"a":1,"b":1}`, ""), r.open("c", "/mcp/s/be", "{}")); !strings.Contains(a.body, `"sum":2`) {
			t.Errorf("alias: %s", a.body)
		}
	}
}

func TestModern_CallGoesThroughWithoutASession(t *testing.T) {
	r := demoRig(t, "2026-07-28", nil)
	a := r.modern("/mcp", "c", "tools/call", `"name":"be_add","arguments":{"a":2,"b":40}`, "Mcp-Name: be_add")
	if a.status != 200 || !strings.Contains(a.body, `"resultType":"complete"`) || !strings.Contains(a.body, "42") {
		t.Errorf("call: %d %s", a.status, a.body)
	}
	a = r.modern("/mcp", "c", "tools/list", "")
	if !strings.Contains(a.body, `"cacheScope":"private"`) || !strings.Contains(a.body, `"be_echo"`) {
		t.Errorf("list: %s", a.body)
	}
	a = r.modern("/mcp", "c", "server/discover", "")
	if !strings.Contains(a.body, `"supportedVersions":["2026-07-28"`) {
		t.Errorf("discover: %s", a.body)
	}
	if a = r.modern("/mcp", "c", "resources/read", `"uri":"demo://readme"`, "Mcp-Name: demo://readme"); !strings.Contains(a.body, `"contents"`) {
		t.Errorf("read: %s", a.body)
	}
}

func TestModern_QuestionsComeAsResults(t *testing.T) {
	r := demoRig(t, "2026-07-28", nil)
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"be_ask_name","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}}}`
	a := r.send("POST", "/mcp", "c", body, "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: be_ask_name")
	if !strings.Contains(a.body, `"input_required"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestProgress_ComesToTheCallerWithItsOwnToken(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	mine, others := r.open("c", "/mcp", "{}"), r.open("d", "/mcp", "{}")
	other := r.events("GET", "/mcp", "d", "", others)
	for _, token := range []string{`"tök\"en"`, `12345678901234567890`} {
		s := r.events("POST", "/mcp", "c", callBody(`1`, "be_countdown", `{"from":1}`, `{"progressToken":`+token+`}`), mine)
		seen := 0
		for {
			e := s.next()
			if e == "" {
				t.Fatal("the stream ended without a result")
			}
			if strings.Contains(e, `"result"`) {
				break
			}
			if !strings.Contains(e, `"progressToken":`+token) {
				t.Errorf("progress without the client's token: %s", e)
			}
			seen++
		}
		if seen == 0 {
			t.Error("no progress arrived")
		}
	}
	other.end()
	if e := other.next(); e != "" {
		t.Errorf("another client heard %s", e)
	}
}

func TestAsk_GoesOnlyToTheClientWhoseCallCausedIt(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	mine, others := r.open("c", "/mcp", `{"elicitation":{}}`), r.open("d", "/mcp", `{"elicitation":{}}`)
	other := r.events("GET", "/mcp", "d", "", others)
	s := r.events("POST", "/mcp", "c", callBody(`"call"`, "be_ask_name", `{}`, ""), mine)
	var ask struct {
		ID     json.Number `json:"id"`
		Method string      `json:"method"`
	}
	if err := json.Unmarshal([]byte(s.next()), &ask); err != nil || ask.Method != "elicitation/create" {
		t.Fatalf("asked %+v, %v", ask, err)
	}
	reply := `{"jsonrpc":"2.0","id":` + ask.ID.String() + `,"result":{"action":"accept","content":{"name":"Ada"}}}`
	if a := r.send("POST", "/mcp", "d", reply, others); a.status != 202 {
		t.Fatalf("a foreign answer: %d %s", a.status, a.body)
	}
	if a := r.send("POST", "/mcp", "c", reply, mine); a.status != 202 {
		t.Fatalf("answer: %d %s", a.status, a.body)
	}
	if e := s.next(); !strings.Contains(e, "Ada") || !strings.Contains(e, `"id":"call"`) {
		t.Errorf("result: %s", e)
	}
	other.end()
	if e := other.next(); e != "" {
		t.Errorf("another client was asked: %s", e)
	}
}

func TestAsk_IsRefusedAtOnceWhereTheClientLacksTheCapability(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	sid := r.open("c", "/mcp", "{}")
	if a := r.send("POST", "/mcp", "c", callBody(`1`, "be_ask_name", `{}`, ""), sid); !strings.Contains(a.body, `"id":1`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestCancel_EndsTheCallAndOnlyThatClientsCall(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	mine, others := r.open("c", "/mcp", "{}"), r.open("d", "/mcp", "{}")
	s := r.events("POST", "/mcp", "c", callBody(`7`, "be_countdown", `{"from":60}`, `{"progressToken":1}`), mine)
	s.next()
	cancel := `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`
	if a := r.send("POST", "/mcp", "d", cancel, others); a.status != 202 {
		t.Fatal(a.status)
	}
	e := s.next()
	if !strings.Contains(e, "notifications/progress") {
		t.Fatalf("another client's cancel ended the call: %s", e)
	}
	if a := r.send("POST", "/mcp", "c", cancel, mine); a.status != 202 {
		t.Fatal(a.status)
	}
	for e = s.next(); strings.Contains(e, "notifications/progress"); e = s.next() {
	}
	if !strings.Contains(e, "cancelled") {
		t.Errorf("answer: %s", e)
	}
}

func TestCall_DuplicateIDInFlightIsRefused(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	sid := r.open("c", "/mcp", "{}")
	s := r.events("POST", "/mcp", "c", callBody(`7`, "be_countdown", `{"from":60}`, `{"progressToken":1}`), sid)
	s.next()
	if a := r.send("POST", "/mcp", "c", callBody(`7`, "be_echo", `{"text":"x"}`, ""), sid); a.status != 400 || !strings.Contains(a.body, "in flight") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestCall_TimesOutAfterSilenceOnly(t *testing.T) {
	r := demoRig(t, "2025-11-25", func(st *mcpmux.State) { st.Settings = map[string]string{"pool.call_timeout": "1500ms"} })
	sid := r.open("c", "/mcp", "{}")
	s := r.events("POST", "/mcp", "c", callBody(`1`, "be_countdown", `{"from":3}`, `{"progressToken":1}`), sid)
	e := s.next()
	for strings.Contains(e, "notifications/progress") {
		e = s.next()
	}
	if !strings.Contains(e, `"result"`) {
		t.Errorf("a call with progress was ended: %s", e)
	}
	if a := r.send("POST", "/mcp", "c", callBody(`2`, "be_countdown", `{"from":60}`, ""), sid); !strings.Contains(a.body, "pool.call_timeout") {
		t.Errorf("a silent call: %s", a.body)
	}
}

func TestCall_ServersOwnCallTimeoutComesBeforeTheSetting(t *testing.T) {
	timeout := func(st *mcpmux.State, setting string, own mcpmux.Duration) {
		st.Settings = map[string]string{"pool.call_timeout": setting}
		for i := range st.Servers {
			st.Servers[i].CallTimeout = &own
		}
	}
	t.Run("shorter", func(t *testing.T) {
		r := demoRig(t, "2025-11-25", func(st *mcpmux.State) { timeout(st, "1h", mcpmux.Duration(1500*time.Millisecond)) })
		sid := r.open("c", "/mcp", "{}")
		s := r.events("POST", "/mcp", "c", callBody(`1`, "be_countdown", `{"from":3}`, `{"progressToken":1}`), sid)
		e := s.next()
		for strings.Contains(e, "notifications/progress") {
			e = s.next()
		}
		if !strings.Contains(e, `"result"`) {
			t.Errorf("a call with progress was ended: %s", e)
		}
		if a := r.send("POST", "/mcp", "c", callBody(`2`, "be_countdown", `{"from":60}`, ""), sid); !strings.Contains(a.body, "its own call timeout") {
			t.Errorf("a silent call: %s", a.body)
		}
	})
	t.Run("never", func(t *testing.T) {
		r := demoRig(t, "2025-11-25", func(st *mcpmux.State) { timeout(st, "200ms", 0) })
		sid := r.open("c", "/mcp", "{}")
		if a := r.send("POST", "/mcp", "c", callBody(`1`, "be_countdown", `{"from":1}`, ""), sid); !strings.Contains(a.body, `"result"`) {
			t.Errorf("a call without limit was ended: %s", a.body)
		}
	})
}

func TestApply_OnlyClientsWhoseViewChangedAreTold(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	mine, others := r.open("c", "/mcp", "{}"), r.open("d", "/mcp", "{}")
	heard, other := r.events("GET", "/mcp", "c", "", mine), r.events("GET", "/mcp", "d", "", others)
	listen := r.events("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":"sub","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`,
		"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: subscriptions/listen")
	if e := listen.next(); !strings.Contains(e, "acknowledged") || !strings.Contains(e, `"io.modelcontextprotocol/subscriptionId":"sub"`) {
		t.Fatalf("first frame: %s", e)
	}
	next := *r.state
	next.Revision++
	next.Grants = []mcpmux.Grant{{Client: "d", Space: "s", Set: "all"}}
	r.gw.Apply(&next)
	told := map[string]bool{}
	for range 3 {
		var n struct{ Method string }
		if err := json.Unmarshal([]byte(heard.next()), &n); err != nil {
			t.Fatal(err)
		}
		told[n.Method] = true
	}
	for _, m := range []string{methodToolsChanged, methodPromptsChanged, methodResourcesChanged} {
		if !told[m] {
			t.Errorf("%s was not sent", m)
		}
	}
	if e := listen.next(); !strings.Contains(e, methodToolsChanged) || !strings.Contains(e, `"sub"`) {
		t.Errorf("listen stream: %s", e)
	}
	if a := r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, mine); !strings.Contains(a.body, `"tools":[]`) {
		t.Errorf("list after the change: %s", a.body)
	}
	other.end()
	if e := other.next(); e != "" {
		t.Errorf("the other client heard %s", e)
	}
}

func TestApply_ChangeDoesNotAbortACallInFlight(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	sid := r.open("c", "/mcp", "{}")
	s := r.events("POST", "/mcp", "c", callBody(`1`, "be_countdown", `{"from":2}`, `{"progressToken":1}`), sid)
	s.next()
	next := *r.state
	next.Grants = nil
	r.gw.Apply(&next)
	e := s.next()
	for strings.Contains(e, "notifications/progress") {
		e = s.next()
	}
	if !strings.Contains(e, `"result"`) {
		t.Errorf("the call was aborted: %s", e)
	}
}

func TestApply_RevokedKeyEndsItsStreamsAndSessions(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	sid := r.open("c", "/mcp", "{}")
	s := r.events("GET", "/mcp", "c", "", sid)
	next := *r.state
	next.Keys = []mcpmux.AccessKey{{ID: "key-d", Client: "d"}}
	r.gw.Apply(&next)
	if e := s.next(); e != "" {
		t.Errorf("the stream said %s instead of ending", e)
	}
	if a := r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, sid); a.status != 404 {
		t.Errorf("the session lives: %d", a.status)
	}
}

func TestSession_NoticesWaitForTheStream(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	sid := r.open("c", "/mcp", "{}")
	next := *r.state
	next.Grants = nil
	r.gw.Apply(&next)
	if e := r.events("GET", "/mcp", "c", "", sid).next(); !strings.Contains(e, "list_changed") {
		t.Errorf("heard %s", e)
	}
}

func TestSession_HasOneStreamAndEndsByDelete(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	sid := r.open("c", "/mcp", "{}")
	s := r.events("GET", "/mcp", "c", "", sid)
	if a := r.send("GET", "/mcp", "c", "", sid, "Accept: text/event-stream"); a.status != 409 {
		t.Errorf("a second stream: %d", a.status)
	}
	if a := r.send("DELETE", "/mcp", "d", "", sid); a.status != 404 {
		t.Errorf("another client's DELETE: %d", a.status)
	}
	if a := r.send("DELETE", "/mcp", "c", "", sid); a.status != 204 {
		t.Errorf("DELETE: %d", a.status)
	}
	if e := s.next(); e != "" {
		t.Errorf("the stream lives: %s", e)
	}
	if a := r.send("DELETE", "/mcp", "c", "", sid); a.status != 404 {
		t.Errorf("a second DELETE: %d", a.status)
	}
}

func TestSession_IdleOnesAreSweptAndBusyOnesKept(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	idle, busy := r.open("c", "/mcp", "{}"), r.open("c", "/mcp", "{}")
	r.events("GET", "/mcp", "c", "", busy)
	r.gw.Sweep(time.Now().Add(sessionIdle + time.Minute))
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	if a := r.send("POST", "/mcp", "c", ping, idle); a.status != 404 {
		t.Errorf("the idle session lives: %d", a.status)
	}
	if a := r.send("POST", "/mcp", "c", ping, busy); a.status != 200 {
		t.Errorf("the session with a stream was swept: %d", a.status)
	}
}

func TestList_PagesGiveEachItemOnce(t *testing.T) {
	st := oneServer()
	st.Features = nil
	for i := range 5000 {
		n := "t" + strconv.Itoa(i)
		st.Features = append(st.Features, mcpmux.Feature{Server: "v", Kind: mcpmux.KindTool, Name: n, Raw: []byte(`{"name":"` + n + `","inputSchema":{"type":"object"}}`)})
	}
	st.Settings = map[string]string{"gateway.page_size": "333"}
	r := newRig(t, st, nil)
	sid := r.open("d", "/mcp", "{}")
	seen := map[string]int{}
	cursor, pages := "", 0
	for {
		params := "{}"
		if cursor != "" {
			params = `{"cursor":"` + cursor + `"}`
		}
		var page struct {
			Result struct {
				Tools      []struct{ Name string }
				NextCursor string
			}
		}
		a := r.send("POST", "/mcp", "d", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":`+params+`}`, sid)
		if err := json.Unmarshal([]byte(a.body), &page); err != nil {
			t.Fatal(err)
		}
		for _, tool := range page.Result.Tools {
			seen[tool.Name]++
		}
		pages++
		if cursor = page.Result.NextCursor; cursor == "" {
			break
		}
	}
	if len(seen) != 5000 || pages != 16 {
		t.Errorf("%d tools on %d pages", len(seen), pages)
	}
	for n, times := range seen {
		if times != 1 {
			t.Errorf("%s came %d times", n, times)
		}
	}
}

func TestView_LockedToADeletedSpaceSeesNothingAndIsToldWhy(t *testing.T) {
	r := demoRig(t, "2025-11-25", func(st *mcpmux.State) {
		st.Clients[0].Mode, st.Clients[0].Space = mcpmux.ModeLocked, "gone"
	})
	sid := r.open("c", "/mcp", "{}")
	if a := r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, sid); !strings.Contains(a.body, `"tools":[]`) {
		t.Errorf("list: %s", a.body)
	}
	if a := r.send("POST", "/mcp", "c", callBody(`1`, "be_echo", `{"text":"x"}`, ""), sid); !strings.Contains(a.body, "Space") {
		t.Errorf("call: %s", a.body)
	}
}

func TestCommandLine_CallsInTheServersEra(t *testing.T) {
	for _, version := range []string{"2025-11-25", "2026-07-28"} {
		r := demoRig(t, version, nil)
		out, err := r.gw.Call(t.Context(), catalog.Local().ID, "", "tools/call", []byte(`{"name":"be_add","arguments":{"a":1,"b":2}}`))
		if err != nil || !strings.Contains(string(out), `"sum":3`) {
			t.Errorf("%s: %s, %v", version, out, err)
		}
	}
}

func TestModern_AClientThatGoesAwayCancelsItsCall(t *testing.T) {
	r := demoRig(t, "2026-07-28", nil)
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"be_countdown","arguments":{"from":60},"_meta":{"progressToken":1,` +
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	s := r.events("POST", "/mcp", "c", body, "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: be_countdown")
	if e := s.next(); !strings.Contains(e, "notifications/progress") {
		t.Fatalf("heard %s", e)
	}
	lease, err := r.pool.Acquire(t.Context(), "v", "", false)
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	if n := lease.Conn.InFlight(); n != 1 {
		t.Fatalf("%d calls in flight", n)
	}
	s.end()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for lease.Conn.InFlight() > 0 {
		select {
		case <-tick.C:
		case <-time.After(10 * time.Second):
			t.Fatal("the call goes on")
		}
	}
}

func TestLegacy_AClientThatGoesAwayDoesNotCancelItsCall(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	sid := r.open("c", "/mcp", "{}")
	s := r.events("POST", "/mcp", "c", callBody(`1`, "be_countdown", `{"from":60}`, `{"progressToken":1}`), sid)
	s.next()
	s.end()
	if a := r.send("POST", "/mcp", "c", callBody(`1`, "be_echo", `{"text":"x"}`, ""), sid); !strings.Contains(a.body, "in flight") {
		t.Errorf("the call ended with its connection: %s", a.body)
	}
}
