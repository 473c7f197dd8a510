package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// coreServer is a server of 2025-11-25 whose tools needs_task and may_task run as core tasks. Ids are task-1,
// task-2 …; a task that asks puts an elicitation on the stream of its tasks/result.
type coreServer struct {
	t   *testing.T
	url string

	// mu guards the following.
	mu      sync.Mutex
	made    int
	heard   []string
	answers chan string
}

const coreTools = `{"name":"needs_task","inputSchema":{"type":"object"},"execution":{"taskSupport":"required"}}`

func newCoreServer(t *testing.T) *coreServer {
	c := &coreServer{t: t, answers: make(chan string, 1)}
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	c.url = srv.URL
	return c
}

func (c *coreServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	var m struct {
		ID     json.RawMessage
		Method string
		Result json.RawMessage
		Params struct {
			Name, TaskID string
			Task         json.RawMessage
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		c.t.Error(err)
	}
	c.mu.Lock()
	c.heard = append(c.heard, strings.TrimSpace(m.Method+" "+m.Params.TaskID))
	c.mu.Unlock()
	switch {
	case m.Method == "":
		c.answers <- string(m.Result)
		w.WriteHeader(http.StatusAccepted)
	case m.ID == nil:
		w.WriteHeader(http.StatusAccepted)
	case m.Method == "tasks/result":
		c.result(r.Context(), w, m.ID, m.Params.TaskID)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, m.ID, c.answer(m.Method, m.Params.TaskID, m.Params.Task))
	}
}

func (c *coreServer) answer(method, task string, wanted json.RawMessage) string {
	state := func(id, status string) string {
		return `"taskId":"` + id + `","status":"` + status + `","createdAt":"2026-01-01T00:00:00Z","lastUpdatedAt":"2026-01-01T00:00:00Z","ttl":60000`
	}
	switch method {
	case "initialize":
		return `"result":{"protocolVersion":"2025-11-25","capabilities":` + coreCapabilities + `,"serverInfo":{"name":"core","version":"1"}}`
	case "tools/call":
		if wanted == nil {
			return `"error":{"code":-32601,"message":"only as a task"}`
		}
		c.mu.Lock()
		c.made++
		id := fmt.Sprintf("task-%d", c.made)
		c.mu.Unlock()
		return `"result":{"task":{` + state(id, "working") + `}}`
	case "tasks/get":
		return `"result":{` + state(task, "working") + `}`
	case "tasks/cancel":
		return `"result":{` + state(task, "cancelled") + `}`
	}
	return `"error":{"code":-32601,"message":"no such method"}`
}

const coreCapabilities = `{"tools":{},"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}},"experimental":{"x":{"n":1.0}}}`

// result asks for a name on the stream and answers with what it was told.
func (c *coreServer) result(ctx context.Context, w http.ResponseWriter, id json.RawMessage, task string) {
	w.Header().Set("Content-Type", "text/event-stream")
	related := `"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"` + task + `"}}`
	_, _ = fmt.Fprintf(w, "data: %s\n\n", `{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"who?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}},`+related+`}}`)
	_ = http.NewResponseController(w).Flush()
	select {
	case told := <-c.answers:
		_, _ = fmt.Fprintf(w, "data: %s\n\n", `{"jsonrpc":"2.0","id":`+string(id)+`,"result":{"content":[],"structuredContent":`+told+`,`+related+`}}`)
	case <-ctx.Done():
	}
}

// saw says how often the server heard this.
func (c *coreServer) saw(message string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, h := range c.heard {
		if h == message {
			n++
		}
	}
	return n
}

// coreRig has the server as "be" and, with the same ids, as "two".
func coreRig(t *testing.T, change func(*Config)) (*rig, *coreServer, *coreServer) {
	one, two := newCoreServer(t), newCoreServer(t)
	st := oneServer()
	about := &mcpmux.About{ProtocolVersion: "2025-11-25", Capabilities: json.RawMessage(coreCapabilities)}
	st.Servers = []mcpmux.Server{
		{ID: "v", Space: "s", Alias: "be", Enabled: true, About: about, Definition: mcpmux.Definition{Transport: mcpmux.TransportHTTP}},
		{ID: "w", Space: "s", Alias: "two", Enabled: true, About: about, Definition: mcpmux.Definition{Transport: mcpmux.TransportHTTP}},
	}
	st.Features = []mcpmux.Feature{
		{Server: "v", Kind: mcpmux.KindTool, Name: "needs_task", Raw: []byte(coreTools)},
		{Server: "w", Kind: mcpmux.KindTool, Name: "needs_task", Raw: []byte(coreTools)},
	}
	st.Grants = []mcpmux.Grant{{Client: "c", Space: "s", Set: "all"}, {Client: "d", Space: "s", Set: "all"}}
	r := newRigWith(t, st, map[mcpmux.ServerID]backend.Spec{
		"v": {Alias: "be", Transport: mcpmux.TransportHTTP, URL: one.url, Version: "2025-11-25"},
		"w": {Alias: "two", Transport: mcpmux.TransportHTTP, URL: two.url, Version: "2025-11-25"},
	}, change)
	return r, one, two
}

// create runs a tool as a core task and returns the id that the client sees.
func (r *rig) create(client, session, tool string) string {
	r.t.Helper()
	a := r.send("POST", "/mcp", client, `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"`+tool+`","arguments":{},"task":{"ttl":60000}}}`, session)
	var m struct {
		Result struct{ Task struct{ TaskID string } }
	}
	if err := json.Unmarshal([]byte(a.body), &m); err != nil || m.Result.Task.TaskID == "" {
		r.t.Fatalf("no task was made: %s", a.body)
	}
	return m.Result.Task.TaskID
}

func (r *rig) task(client, session, method, id string) answer {
	r.t.Helper()
	return r.send("POST", "/mcp", client, `{"jsonrpc":"2.0","id":8,"method":"`+method+`","params":{"taskId":"`+id+`"}}`, session)
}

func TestTasks_TheIDLeadsToItsServerAndBackWithTheClientsSpelling(t *testing.T) {
	r, one, two := coreRig(t, nil)
	session := r.open("c", "/mcp", `{}`)
	a, b := r.create("c", session, "be_needs_task"), r.create("c", session, "two_needs_task")
	if a == b || strings.ContainsAny(a, " \t") {
		t.Fatalf("ids %q and %q", a, b)
	}
	for _, id := range []string{a, b} {
		if got := r.task("c", session, "tasks/get", id); !strings.Contains(got.body, `"taskId":"`+id+`","status":"working"`) {
			t.Errorf("tasks/get %s: %s", id, got.body)
		}
	}
	if one.saw("tasks/get task-1") != 1 || two.saw("tasks/get task-1") != 1 {
		t.Errorf("the servers heard %v and %v", one.heard, two.heard)
	}
	if got := r.task("c", session, "tasks/cancel", a); !strings.Contains(got.body, `"cancelled"`) || one.saw("tasks/cancel task-1") != 1 {
		t.Errorf("tasks/cancel: %s", got.body)
	}
}

func TestTasks_OfAnotherClientOrMadeUpAreUnknown(t *testing.T) {
	r, one, _ := coreRig(t, nil)
	mine, theirs := r.open("c", "/mcp", `{}`), r.open("d", "/mcp", `{}`)
	id := r.create("c", mine, "be_needs_task")
	foreign := r.task("d", theirs, "tasks/get", id).body
	if want := `{"jsonrpc":"2.0","id":8,"error":{"code":-32602,"message":"Unknown task: ` + id + `"}}`; foreign != want {
		t.Errorf("another client's: %s", foreign)
	}
	for _, bad := range []string{"task-1", "", id[:len(id)-1] + "2", "c1" + strings.Repeat("A", len(id)-10) + ".task-1", "m1" + id[2:], strings.Replace(id, ".", "~", 1), "c1"} {
		if got := r.task("c", mine, "tasks/result", bad); !strings.Contains(got.body, `"code":-32602,"message":"Unknown task: `) {
			t.Errorf("%q: %s", bad, got.body)
		}
	}
	if n := one.saw("tasks/get task-1") + one.saw("tasks/result task-1"); n != 0 {
		t.Errorf("the server heard %v", one.heard)
	}
	if got := r.task("c", mine, "tasks/list", id); !strings.Contains(got.body, `-32601`) {
		t.Errorf("tasks/list: %s", got.body)
	}
}

func TestTasks_AreFoundAgainAfterARestartWithTheSameKey(t *testing.T) {
	key := func(cfg *Config) { cfg.StateKey = []byte("0123456789abcdef0123456789abcdef") }
	before, _, _ := coreRig(t, key)
	id := before.create("c", before.open("c", "/mcp", `{}`), "be_needs_task")
	after, one, _ := coreRig(t, key)
	if got := after.task("c", after.open("c", "/mcp", `{}`), "tasks/get", id); !strings.Contains(got.body, `"taskId":"`+id+`"`) || one.saw("tasks/get task-1") != 1 {
		t.Errorf("after the restart: %s", got.body)
	}
	other, _, _ := coreRig(t, nil)
	if got := other.task("c", other.open("c", "/mcp", `{}`), "tasks/get", id); !strings.Contains(got.body, "Unknown task") {
		t.Errorf("under another key: %s", got.body)
	}
}

func TestTasks_QuestionsReachWhoWaitsForTheResult(t *testing.T) {
	r, one, _ := coreRig(t, nil)
	session := r.open("c", "/mcp", canElicit)
	id := r.create("c", session, "be_needs_task")
	s := r.events("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":9,"method":"tasks/result","params":{"taskId":"`+id+`"}}`, session)
	question := s.next()
	if !strings.Contains(question, "elicitation/create") || !strings.Contains(question, `related-task":{"taskId":"`+id+`"}`) {
		t.Fatalf("question %s", question)
	}
	r.reply("c", session, question, `{"action":"accept","content":{"name":"Ada"},"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"`+id+`"}}}`)
	if got := s.next(); !strings.Contains(got, "Ada") || !strings.Contains(got, `,"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"`+id+`"}}}}`) {
		t.Errorf("result %s", got)
	}
	if one.saw("tasks/result task-1") != 1 {
		t.Errorf("the server heard %v", one.heard)
	}
}

// reply answers a question of the gateway.
func (r *rig) reply(client, session, question, result string) {
	r.t.Helper()
	var q struct{ ID json.RawMessage }
	if err := json.Unmarshal([]byte(question), &q); err != nil {
		r.t.Fatalf("%s: %v", question, err)
	}
	if a := r.send("POST", "/mcp", client, `{"jsonrpc":"2.0","id":`+string(q.ID)+`,"result":`+result+`}`, session); a.status != http.StatusAccepted {
		r.t.Fatalf("answer was not taken: %d %s", a.status, a.body)
	}
}

func TestAbsorb_AnOlderClientCallsAToolThatNeedsATask(t *testing.T) {
	r, one, _ := coreRig(t, nil)
	session := r.open("c", "/mcp", canElicit)
	s := r.events("POST", "/mcp", "c", callBody("9", "be_needs_task", "{}", ""), session)
	question := s.next()
	if !strings.Contains(question, "elicitation/create") || strings.Contains(question, "related-task") {
		t.Fatalf("question %s", question)
	}
	r.reply("c", session, question, ada)
	got := s.next()
	if !strings.Contains(got, `"id":9`) || !strings.Contains(got, "Ada") {
		t.Errorf("result %s", got)
	}
	var m struct{ Result map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(got), &m); err != nil || m.Result["_meta"] != nil {
		t.Errorf("the result tells of the task: %s", got)
	}
	if told := string(m.Result["structuredContent"]); !strings.Contains(told, `"taskId":"task-1"`) {
		t.Errorf("the server was not told to which task the answer belongs: %s", told)
	}
	if one.saw("tools/call") != 1 || one.saw("tasks/result task-1") != 1 {
		t.Errorf("the server heard %v", one.heard)
	}
}

func TestAbsorb_AStatelessClientCallsAToolThatNeedsATask(t *testing.T) {
	r, one, _ := coreRig(t, nil)
	in := r.ask("c", "be_needs_task", `{}`, canElicit, "").inputs(t)
	if in.Result.ResultType != "input_required" || len(in.Result.InputRequests) != 1 {
		t.Fatalf("asked %+v", in)
	}
	a := r.ask("c", "be_needs_task", `{}`, canElicit, in.answers(ada))
	if in = a.inputs(t); in.Result.ResultType != "complete" || !strings.Contains(a.body, "Ada") {
		t.Errorf("answer %s", a.body)
	}
	if one.saw("tools/call") != 1 || one.saw("tasks/result task-1") != 1 {
		t.Errorf("the server heard %v", one.heard)
	}
}
