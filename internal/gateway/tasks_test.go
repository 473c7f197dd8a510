package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/wire"
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
	token   json.RawMessage // of the last call that had one
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
			Meta         struct{ ProgressToken json.RawMessage } `json:"_meta"`
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		c.t.Error(err)
	}
	c.mu.Lock()
	c.heard = append(c.heard, strings.TrimSpace(m.Method+" "+m.Params.TaskID))
	if m.Params.Meta.ProgressToken != nil {
		c.token = m.Params.Meta.ProgressToken
	}
	token := c.token
	c.mu.Unlock()
	switch {
	case m.Method == "":
		c.answers <- string(m.Result)
		w.WriteHeader(http.StatusAccepted)
	case m.ID == nil:
		w.WriteHeader(http.StatusAccepted)
	case m.Method == "tasks/result":
		c.result(r.Context(), w, m.ID, m.Params.TaskID, token)
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

// result asks for a name on the stream and answers with what it was told; before, it tells of progress, where the
// call that made the task had a token.
func (c *coreServer) result(ctx context.Context, w http.ResponseWriter, id json.RawMessage, task string, token json.RawMessage) {
	w.Header().Set("Content-Type", "text/event-stream")
	related := `"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"` + task + `"}}`
	if token != nil {
		_, _ = fmt.Fprintf(w, "data: %s\n\n", `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":`+string(token)+`,"progress":1,`+related+`}}`)
	}
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
	r.state = st
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
	s := r.events("POST", "/mcp", "c", callBody("9", "be_needs_task", "{}", `{"progressToken":"mine"}`), session)
	if got := s.next(); got != `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"mine","progress":1}}` {
		t.Errorf("progress %s", got)
	}
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

func TestAbsorb_AClientThatCancelsEndsTheTask(t *testing.T) {
	r, one, _ := coreRig(t, nil)
	session := r.open("c", "/mcp", canElicit)
	s := r.events("POST", "/mcp", "c", callBody("9", "be_needs_task", "{}", ""), session)
	if q := s.next(); !strings.Contains(q, "elicitation/create") {
		t.Fatalf("question %s", q)
	}
	r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":9}}`, session)
	for got := s.next(); got != "" && !strings.Contains(got, `"id":9`); got = s.next() {
		if strings.Contains(got, `"error"`) {
			t.Errorf("heard %s", got)
		}
	}
	if one.saw("tasks/cancel task-1") != 1 {
		t.Errorf("the server heard %v", one.heard)
	}
}

func TestTasks_AreOfferedToClientsThatCanUseThemOnly(t *testing.T) {
	r, _, _ := coreRig(t, nil)
	offer := func(path, version string) string {
		return r.send("POST", path, "c", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"`+version+`","capabilities":{}}}`).body
	}
	for _, path := range []string{"/mcp", "/mcp/s/be"} {
		if got := offer(path, "2025-11-25"); !strings.Contains(got, `"tasks":`+taskCapabilities) || !strings.Contains(got, `"experimental":{"x":{"n":1.0}}`) {
			t.Errorf("%s: %s", path, got)
		}
		if got := offer(path, "2025-06-18"); strings.Contains(got, `"tasks"`) {
			t.Errorf("%s, an older client: %s", path, got)
		}
		if got := r.modern(path, "c", "server/discover", "").body; strings.Contains(got, `"tasks"`) {
			t.Errorf("%s, a stateless client: %s", path, got)
		}
	}
}

// extensionServer is a server of 2026-07-28 with the tasks extension: its tool t makes the task "job 1".
type extensionServer struct {
	t       *testing.T
	url     string
	notices chan string // what it says on its listen streams

	// mu guards the following.
	mu      sync.Mutex
	named   []string // Mcp-Name of the requests about tasks
	filters []string // taskIds of listen requests
}

const extensionMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}`

func newExtensionServer(t *testing.T) *extensionServer {
	e := &extensionServer{t: t, notices: make(chan string)}
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	e.url = srv.URL
	return e
}

func (e *extensionServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m struct {
		ID     json.RawMessage
		Method string
		Params struct {
			TaskID        string
			Notifications struct{ TaskIDs []string }
			Meta          struct {
				Capabilities json.RawMessage `json:"io.modelcontextprotocol/clientCapabilities"`
			} `json:"_meta"`
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		e.t.Error(err)
	}
	if m.Method == "subscriptions/listen" {
		e.listen(w, r, m.ID, m.Params.Notifications.TaskIDs, string(m.Params.Meta.Capabilities))
		return
	}
	body := `"error":{"code":-32602,"message":"unknown task"}`
	switch {
	case m.Method == "server/discover":
		body = `"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":` + extensionCapabilities + `,"ttlMs":0,"cacheScope":"private"}`
	case m.Method == "tools/call" && strings.Contains(string(m.Params.Meta.Capabilities), "io.modelcontextprotocol/tasks"):
		body = `"result":{"resultType":"task",` + jobState("working") + `}`
	case m.Method == "tools/call":
		body = `"error":{"code":-32021,"message":"tasks are needed"}`
	case m.Params.TaskID == "job 1":
		e.mu.Lock()
		e.named = append(e.named, m.Method+" "+r.Header.Get("Mcp-Name"))
		e.mu.Unlock()
		body = `"result":{"resultType":"complete",` + jobState("working") + `}`
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, m.ID, body)
}

const extensionCapabilities = `{"tools":{},"extensions":{"io.modelcontextprotocol/tasks":{ },"x/y":{"n":1.0}}}`

func jobState(status string) string {
	return `"taskId":"job 1","status":"` + status + `","createdAt":"2026-01-01T00:00:00Z","lastUpdatedAt":"2026-01-01T00:00:00Z","ttlMs":60000`
}

func (e *extensionServer) listen(w http.ResponseWriter, r *http.Request, id json.RawMessage, tasks []string, capabilities string) {
	e.mu.Lock()
	e.filters = append(e.filters, strings.Join(tasks, ","))
	e.mu.Unlock()
	if len(tasks) > 0 && !strings.Contains(capabilities, "io.modelcontextprotocol/tasks") {
		e.t.Error("a listen request for tasks does not declare the extension")
	}
	w.Header().Set("Content-Type", "text/event-stream")
	meta := `"_meta":{"io.modelcontextprotocol/subscriptionId":` + string(id) + `}`
	say := func(method, params string) {
		_, _ = fmt.Fprintf(w, "data: %s\n\n", `{"jsonrpc":"2.0","method":"`+method+`","params":{`+meta+`,`+params+`}}`)
		_ = http.NewResponseController(w).Flush()
	}
	say("notifications/subscriptions/acknowledged", `"notifications":{}`)
	for {
		select {
		case params := <-e.notices:
			say("notifications/tasks", params)
		case <-r.Context().Done():
			return
		}
	}
}

func extensionRig(t *testing.T) (*rig, *extensionServer) {
	e := newExtensionServer(t)
	st := oneServer()
	st.Servers[0].About = &mcpmux.About{ProtocolVersion: "2026-07-28", Capabilities: json.RawMessage(extensionCapabilities)}
	st.Servers[0].Definition.Transport = mcpmux.TransportHTTP
	st.Features = []mcpmux.Feature{{Server: "v", Kind: mcpmux.KindTool, Name: "t", Raw: []byte(`{"name":"t","inputSchema":{"type":"object"}}`)}}
	st.Grants = []mcpmux.Grant{{Client: "c", Space: "s", Set: "all"}, {Client: "d", Space: "s", Set: "all"}}
	return newRig(t, st, map[mcpmux.ServerID]backend.Spec{"v": {Alias: "be", Transport: mcpmux.TransportHTTP, URL: e.url, Version: "2026-07-28"}}), e
}

// extension is a request of a client that declares the extension.
func (r *rig) extension(client, method, name, params string) answer {
	r.t.Helper()
	return r.send("POST", "/mcp", client, `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{`+params+`,`+extensionMeta+`}}`,
		"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: "+method, "Mcp-Name: "+name)
}

// job makes a task of the extension and returns the id that the client sees.
func (r *rig) job(client string) string {
	r.t.Helper()
	a := r.extension(client, "tools/call", "be_t", `"name":"be_t","arguments":{}`)
	var m struct {
		Result struct{ ResultType, TaskID string }
	}
	if err := json.Unmarshal([]byte(a.body), &m); err != nil || m.Result.ResultType != "task" {
		r.t.Fatalf("no task was made: %s", a.body)
	}
	return m.Result.TaskID
}

func TestTaskExtension_PassesWithIDsOfTheClientsOwn(t *testing.T) {
	r, e := extensionRig(t)
	id := r.job("c")
	if strings.Contains(id, " ") {
		t.Fatalf("id %q", id)
	}
	for _, method := range []string{"tasks/get", "tasks/update", "tasks/cancel"} {
		if got := r.extension("c", method, id, `"taskId":"`+id+`"`); !strings.Contains(got.body, `"taskId":"`+id+`"`) {
			t.Errorf("%s: %s", method, got.body)
		}
		if got := r.extension("d", method, id, `"taskId":"`+id+`"`); !strings.Contains(got.body, `"code":-32602,"message":"Unknown task: `) {
			t.Errorf("%s by another client: %s", method, got.body)
		}
	}
	if got, want := strings.Join(e.named, ";"), "tasks/get job 1;tasks/update job 1;tasks/cancel job 1"; got != want {
		t.Errorf("the server heard %s", got)
	}
	if got := r.ask("c", "be_t", "{}", "{}", ""); !strings.Contains(got.body, "-32021") {
		t.Errorf("a client without the extension: %s", got.body)
	}
	session := r.open("c", "/mcp", `{"extensions":{"io.modelcontextprotocol/tasks":{}}}`)
	if got := r.send("POST", "/mcp", "c", callBody("3", "be_t", "{}", ""), session); !strings.Contains(got.body, "tasks are needed") {
		t.Errorf("an older client: %s", got.body)
	}
}

func TestTaskExtension_IsOfferedToStatelessClientsByteForByte(t *testing.T) {
	r, _ := extensionRig(t)
	if got := r.modern("/mcp", "c", "server/discover", "").body; !strings.Contains(got, `"extensions":{"io.modelcontextprotocol/tasks":{ },"x/y":{"n":1.0}}`) {
		t.Errorf("discover: %s", got)
	}
	for _, path := range []string{"/mcp", "/mcp/s/be"} {
		got := r.send("POST", path, "c", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}`).body
		if strings.Contains(got, "tasks") {
			t.Errorf("%s: an older client is offered %s", path, got)
		}
	}
}

func TestTaskExtension_ChangesReachOnlyTheStreamsThatNamedTheirOwnTask(t *testing.T) {
	r, e := extensionRig(t)
	id := r.job("c")
	listen := func(client, id, filter string) *stream {
		body := `{"jsonrpc":"2.0","id":"` + client + `","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true` + filter + `},` + extensionMeta + `}}`
		return r.events("POST", "/mcp", client, body, "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: subscriptions/listen")
	}
	mine := listen("c", id, `,"taskIds":["`+id+`","job 1"]`)
	if ack := mine.next(); !strings.Contains(ack, `"taskIds":["`+id+`"]`) {
		t.Fatalf("acknowledged %s", ack)
	}
	theirs := listen("d", id, `,"taskIds":["`+id+`"]`)
	if ack := theirs.next(); strings.Contains(ack, "taskIds") {
		t.Fatalf("acknowledged to another client %s", ack)
	}
	e.notices <- jobState("completed")
	if got := mine.next(); !strings.Contains(got, `"taskId":"`+id+`","status":"completed"`) || !strings.Contains(got, `"io.modelcontextprotocol/subscriptionId":"c"`) {
		t.Errorf("heard %s", got)
	}
	r.gw.Drain()
	if got := theirs.next(); strings.Contains(got, "notifications/tasks") || !strings.Contains(got, `"result"`) {
		t.Errorf("another client heard %s", got)
	}
	plain := r.modern("/mcp", "c", "subscriptions/listen", `"notifications":{"taskIds":["`+id+`"]}`)
	if plain.status != http.StatusBadRequest || !strings.Contains(plain.body, `-32021`) || !strings.Contains(plain.body, `"io.modelcontextprotocol/tasks"`) {
		t.Errorf("without the extension: %d %s", plain.status, plain.body)
	}
}

const statusOfOne = `{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{"taskId":"task-1","status":"completed","ttl":60000}}`

func TestTasks_AChangeReachesTheSessionThatMadeTheTask(t *testing.T) {
	r, _, _ := coreRig(t, nil)
	maker, other := r.open("c", "/mcp", `{}`), r.open("c", "/mcp", `{}`)
	id := r.create("c", maker, "be_needs_task")
	r.create("c", other, "two_needs_task")
	mine, theirs := r.events("GET", "/mcp", "c", "", maker), r.events("GET", "/mcp", "c", "", other)
	r.gw.Notified("v", "notifications/tasks/status", []byte(statusOfOne))
	if got := mine.next(); !strings.Contains(got, `"taskId":"`+id+`","status":"completed"`) {
		t.Errorf("heard %s", got)
	}
	r.gw.Notified("v", "notifications/tasks/status", []byte(strings.Replace(statusOfOne, "task-1", "task-9", 1)))
	r.gw.Drain()
	if got := theirs.next() + mine.next(); got != "" {
		t.Errorf("heard of what is not theirs: %s", got)
	}
}

func TestTasks_AChangeThatCouldBeOfTwoTasksReachesNobody(t *testing.T) {
	r, _, _ := coreRig(t, nil)
	session := r.open("c", "/mcp", `{}`)
	r.create("c", session, "be_needs_task")
	stream := r.events("GET", "/mcp", "c", "", session)
	r.gw.tasks.remember(&knownTask{text: "another", server: "v", own: "task-1", scope: "owner=x ", sess: newSession(Identity{Client: "d"}, "", "2025-11-25", nil)}, 0, true)
	r.gw.Notified("v", "notifications/tasks/status", []byte(statusOfOne))
	r.gw.Drain()
	if got := stream.next(); got != "" {
		t.Errorf("heard %s", got)
	}
}

func TestTasks_AQuestionOutsideOfCallsGoesToTheSessionThatMadeTheTask(t *testing.T) {
	r, _, _ := coreRig(t, nil)
	session := r.open("c", "/mcp", canElicit)
	id := r.create("c", session, "be_needs_task")
	req, err := wire.Parse([]byte(`{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"who?","requestedSchema":{},"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"task-1"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	stream := r.events("GET", "/mcp", "c", "", session)
	if _, err := r.gw.AskOwner(t.Context(), "w", "", req); !errors.Is(err, errNoOwner) {
		t.Errorf("the question of another server: %v", err)
	}
	done := make(chan string, 1)
	go func() {
		answer, err := r.gw.AskOwner(t.Context(), "v", "", req)
		if err != nil {
			t.Error(err)
		}
		done <- string(answer.Raw)
	}()
	question := stream.next()
	if !strings.Contains(question, `{"taskId":"`+id+`"}`) {
		t.Fatalf("question %s", question)
	}
	r.reply("c", session, question, ada)
	if got := <-done; !strings.Contains(got, "Ada") || !strings.Contains(got, `{"taskId":"task-1"}`) {
		t.Errorf("answer %s", got)
	}
}

func TestTasks_TheOneThatNobodyUsedForLongestMakesRoom(t *testing.T) {
	r, _, _ := coreRig(t, nil)
	made := func(n int) string { return "t" + strconv.Itoa(n) }
	for n := range maxTasks {
		r.gw.tasks.remember(&knownTask{text: made(n), server: "v", own: made(n)}, time.Hour, n > 8)
	}
	if r.gw.tasks.find(made(0)) == nil {
		t.Error("the first is forgotten too early")
	}
	r.gw.tasks.remember(&knownTask{text: "last", server: "v", own: "last"}, time.Hour, true)
	if r.gw.tasks.find(made(0)) == nil || r.gw.tasks.find(made(1)) != nil || r.gw.tasks.find("last") == nil {
		t.Error("the wrong one made room")
	}
	if n := r.gw.tasks.order.Len(); n != maxTasks {
		t.Errorf("%d are remembered", n)
	}
}

func FuzzTaskID_IsReadByItsClientAlone(f *testing.F) {
	f.Add("task-1", "c1AAAA.task-1")
	f.Add("job 1\x00é", "m1~")
	tasks := newTasks([]byte("key"), nil)
	servers := []*mcpmux.Server{{ID: "v"}, {ID: "w"}}
	f.Fuzz(func(t *testing.T, own, text string) {
		if own == "" {
			return
		}
		for _, modern := range []bool{false, true} {
			id := taskID{modern, "w", scopeKey("x"), own}
			shown := tasks.text("c", id)
			if s, got, ok := tasks.read(shown, "c", modern, servers); !ok || s.ID != "w" || got != id {
				t.Errorf("%q was shown as %q and read as %+v %v", own, shown, got, ok)
			}
			if strings.IndexFunc(shown, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
				t.Errorf("%q is shown as %q", own, shown)
			}
			for name, ok := range map[string]bool{
				"another client":  taskRead(tasks, shown, "d", modern, servers),
				"the other era":   taskRead(tasks, shown, "c", !modern, servers),
				"a hidden server": taskRead(tasks, shown, "c", modern, servers[:1]),
				"made up":         taskRead(tasks, text, "c", modern, servers),
			} {
				if ok {
					t.Errorf("%s: %q was read", name, shown)
				}
			}
		}
	})
}

func taskRead(t *tasks, text string, client mcpmux.ClientID, modern bool, servers []*mcpmux.Server) bool {
	_, _, ok := t.read(text, client, modern, servers)
	return ok
}

func TestTasks_OfAServerWhoseConnectionsAreHeldAloneLiveOnOneOfTheClientsOwn(t *testing.T) {
	for name, isolation := range map[string]mcpmux.Isolation{"auto": mcpmux.IsolationAuto, "none": mcpmux.IsolationNone} {
		r, one, _ := coreRig(t, nil)
		st := *r.state
		st.Revision++
		st.Servers = slices.Clone(st.Servers)
		about := *st.Servers[0].About
		about.Interactive = true
		st.Servers[0].About, st.Servers[0].Isolation = &about, isolation
		st.Servers[0].Definition.Transport = mcpmux.TransportStdio // as one would be treated
		r.gw.Apply(&st)
		session := r.open("c", "/mcp", canElicit)
		id := r.create("c", session, "be_needs_task")
		k := r.gw.tasks.find(id)
		if k == nil || !strings.HasPrefix(backend.ParseScope(k.scope).Owner, "session:") {
			t.Errorf("%s: remembered %+v", name, k)
		}
		if got := r.task("c", session, "tasks/get", id); !strings.Contains(got.body, id) || one.saw("initialize") != 1 {
			t.Errorf("%s: %s, heard %v", name, got.body, one.heard)
		}
	}
}
