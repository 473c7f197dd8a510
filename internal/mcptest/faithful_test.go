package mcptest_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

const (
	named   = `{"action":"accept","content":{"name":"ada"}}`
	visited = `{"action":"accept"}`
	hello   = `{"role":"assistant","content":{"type":"text","text":"hi"},"model":"m"}`
	rooted  = `{"roots":[{"uri":"file:///home"}]}`
)

// listen opens a stream of 2026-07-28 and waits for its acknowledgement.
func (c *client) listen(filter string) {
	c.t.Helper()
	_, id := c.begin("subscriptions/listen", `{"notifications":`+filter+`}`)
	c.await("the acknowledgement", func() bool {
		return c.has("notifications/subscriptions/acknowledged", `"`+protocol.MetaSubscription+`":`+id)
	})
}

// runTask runs task_optional, as a task where there are some, and returns what it came to.
func (c *client) runTask(args string) string {
	c.t.Helper()
	call := `{"name":"task_optional","arguments":` + args + `}`
	if c.version == protocol.V20251125 {
		call = `{"name":"task_optional","arguments":` + args + `,"task":{"ttl":1000}}`
	}
	m := c.ask("tools/call", call)
	var r struct {
		TaskID string
		Task   struct{ TaskID string }
	}
	if m.Kind == wire.Error || json.Unmarshal(m.Bytes(m.Result), &r) != nil || r.TaskID+r.Task.TaskID == "" {
		return said(c.t, m)
	}
	id := `{"taskId":` + quote(r.TaskID+r.Task.TaskID) + `}`
	if c.legacy() {
		c.call("tasks/get", id)
		c.call("tasks/list", `{}`)
		return said(c.t, c.call("tasks/result", id))
	}
	for {
		m := c.call("tasks/get", id)
		result := m.Bytes(m.Result)
		switch member(c.t, result, "status") {
		case `"completed"`:
			inner := []byte(member(c.t, result, "result"))
			return said(c.t, wire.Message{Raw: inner, Kind: wire.Response, Result: wire.Span{End: len(inner)}})
		case `"failed"`:
			return member(c.t, []byte(member(c.t, result, "error")), "code")
		case `"input_required"`:
			c.call("tasks/update", strings.TrimSuffix(id, "}")+`,"inputResponses":{"q1":`+named+`,"other":{}}}`)
		}
	}
}

// TestTools_DoTheSameThingInEveryRevisionThatHasIt is the proof that the fixture tells the truth: a tool, the
// revision that it is offered from on, and what it says on every transport.
func TestTools_DoTheSameThingInEveryRevisionThatHasIt(t *testing.T) {
	const first = protocol.V20241105
	rows := []struct{ tool, args, since, want string }{
		{"progress", `{"steps":2}`, first, "done"},
		{"log", `{"level":"error"}`, first, "done"},
		{"elicit", `{}`, protocol.V20250618, named},
		{"elicit_enum", `{}`, protocol.V20250618, named},
		{"elicit_multi", `{}`, protocol.V20251125, named},
		{"elicit_url", `{"url":"https://example.com"}`, protocol.V20251125, visited},
		{"ask_two", `{}`, protocol.V20250618, "[" + named + "," + rooted + "]"},
		{"ask_rounds", `{"n":3}`, protocol.V20250618, "[" + named + "," + named + "," + named + "]"},
		{"sample", `{"prompt":"p"}`, first, hello},
		{"sample_tools", `{}`, protocol.V20251125, hello},
		{"roots", `{}`, first, rooted},
		{"content", `{}`, first, "a text"},
		{"structured", `{}`, first, `{"n":1}`},
		{"structured_any", `{}`, protocol.V20260728, `[1,2]`},
		{"x_header", `{"region":"eu","count":3,"dry":true,"free":"t"}`, first, `{"region":"eu","count":3,"dry":true,"free":"t"}`},
		{"drop_stream", `{}`, first, "done"},
		{"flood", `{"n":3,"per_second":1000}`, first, "done"},
	}
	everywhere(t, func(t *testing.T, transport, version string) {
		c := connect(t, transport, mcptest.Script{Version: version})
		list := string(c.call("tools/list", `{}`).Raw)
		for _, row := range rows {
			if offered := strings.Contains(list, `"name":"`+row.tool+`"`); offered != (version >= row.since) {
				t.Errorf("%s: offered %v", row.tool, offered)
			}
			if version < row.since {
				continue
			}
			if got := said(t, c.tool(row.tool, row.args)); got != row.want {
				t.Errorf("%s: %s, want %s", row.tool, got, row.want)
			}
		}
		if got := said(t, c.tool("flood_2", `{}`)); got != "flood_2" {
			t.Errorf("a tool of the flood: %s", got)
		}
		if version < protocol.V20251125 {
			return
		}
		for args, want := range map[string]string{`{}`: "task done", `{"fail":true}`: "error: task done", `{"error":true}`: "-32603", `{"ask":true}`: named} {
			if got := c.runTask(args); got != want {
				t.Errorf("a task of %s: %s, want %s", args, got, want)
			}
		}
	})
}

func TestQuestions_AreWrittenAsTheRevisionHasThem(t *testing.T) {
	everywhere(t, func(t *testing.T, transport, version string) {
		if version < protocol.V20250618 {
			return
		}
		var asked []string
		c := connect(t, transport, mcptest.Script{Version: version}, func(c *client) {
			c.answer = func(method string, params json.RawMessage) string {
				c.note(func() { asked = append(asked, string(params)) })
				return standard(method, params)
			}
		})
		c.tool("elicit", `{}`)
		c.tool("elicit_enum", `{}`)
		all := strings.Join(asked, "\n")
		for part, has := range map[string]bool{
			`"mode":"form"`: version >= protocol.V20251125, `"enumNames"`: version < protocol.V20251125, `"oneOf"`: version >= protocol.V20251125,
		} {
			if strings.Contains(all, part) != has {
				t.Errorf("%s: want %v in\n%s", part, has, all)
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if sent := slices.ContainsFunc(c.heard, func(m wire.Message) bool { return m.Kind == wire.Request }); sent == (version == protocol.V20260728) {
			t.Errorf("the server sends requests: %v", sent)
		}
	})
}

func TestQuestions_TakeTheAnswersOfTheirOwnSessionAlone(t *testing.T) {
	c := connect(t, "http", mcptest.Script{Version: protocol.V20251125}, func(c *client) { c.answer = func(string, json.RawMessage) string { return "" } })
	mine := c.session
	answer, _ := c.begin("tools/call", `{"name":"roots","arguments":{}}`)
	c.await("the question", func() bool { return c.has("roots/list", "") })
	c.session = ""
	c.greet() // another session
	reply := wire.NewResult([]byte("0"), []byte(rooted))
	c.send(reply)
	select {
	case m := <-answer:
		t.Errorf("another session answered: %s", m.Raw)
	default:
	}
	c.session = mine
	c.send(reply)
	if got := said(t, <-answer); got != rooted {
		t.Errorf("got %s", got)
	}
}

func TestRequestState_IsOfThisRequest(t *testing.T) {
	for _, transport := range []string{"stdio", "http"} {
		c := connect(t, transport, mcptest.Script{Version: protocol.V20260728})
		first := func(c *client) string {
			m := c.call("tools/call", `{"name":"ask_two","arguments":{"text":"a"}}`)
			return member(t, m.Bytes(m.Result), "requestState")
		}
		st := first(c)
		changed := st[:9] + map[bool]string{true: "B", false: "A"}[st[9] == 'A'] + st[10:]
		other := first(connect(t, transport, mcptest.Script{Version: protocol.V20260728, Name: "other"}))
		both := `"inputResponses":{"q1":` + named + `,"q2":` + rooted + `,"more":{}}`
		for name, row := range map[string][2]string{
			"all":                    {`"name":"ask_two","arguments":{"text":"a"},` + both + `,"requestState":` + st, "[" + named + "," + rooted + "]"},
			"changed":                {`"name":"ask_two","arguments":{"text":"a"},` + both + `,"requestState":` + changed, "-32602"},
			"of a server named else": {`"name":"ask_two","arguments":{"text":"a"},` + both + `,"requestState":` + other, "-32602"},
			"none":                   {`"name":"ask_two","arguments":{"text":"a"},` + both, "-32602"},
			"other arguments":        {`"name":"ask_two","arguments":{"text":"b"},` + both + `,"requestState":` + st, "-32602"},
			"leaked to another call": {`"name":"structured","arguments":{},"requestState":` + st, "-32602"},
			"a malformed answer":     {`"name":"ask_two","arguments":{"text":"a"},"inputResponses":{"q1":{"action":"maybe"}},"requestState":` + st, "-32602"},
		} {
			if got := said(t, c.call("tools/call", "{"+row[0]+"}")); got != row[1] {
				t.Errorf("%s %s: %s, want %s", transport, name, got, row[1])
			}
		}
	}
}

func TestStrict_ARequestMustSayWhatItsRevisionWants(t *testing.T) {
	set := func(name, value string) func(http.Header, []byte) []byte {
		return func(h http.Header, body []byte) []byte {
			if h.Del(name); value != "" {
				h.Set(name, value)
			}
			return body
		}
	}
	replace := func(old, by string) func(http.Header, []byte) []byte {
		return func(_ http.Header, body []byte) []byte { return []byte(strings.ReplaceAll(string(body), old, by)) }
	}
	rows := []struct {
		name, method, params string
		tamper               func(http.Header, []byte) []byte
		want                 string
		status               int
	}{
		{"no Mcp-Method", "tools/list", `{}`, set("Mcp-Method", ""), "-32020", 400},
		{"a wrong Mcp-Method", "tools/list", `{}`, set("Mcp-Method", "tools/call"), "-32020", 400},
		{"no Mcp-Name", "tools/call", `{"name":"echo"}`, set("Mcp-Name", ""), "-32020", 400},
		{"a wrong Mcp-Name", "resources/read", `{"uri":"test://a"}`, set("Mcp-Name", "test://b"), "-32020", 400},
		{"no version", "tools/list", `{}`, set("Mcp-Protocol-Version", ""), "-32020", 400},
		{"another version", "tools/list", `{}`, set("Mcp-Protocol-Version", "2025-11-25"), "-32020", 400},
		{"no version in _meta", "tools/list", `{}`, replace(protocol.MetaVersion, "x"), "-32602", 400},
		{"no capabilities", "tools/list", `{}`, replace(protocol.MetaCapabilities, "x"), "-32602", 400},
		{"a revision to come", "tools/list", `{}`, func(h http.Header, body []byte) []byte {
			h.Set("Mcp-Protocol-Version", "2030-01-01")
			return []byte(strings.ReplaceAll(string(body), protocol.V20260728, "2030-01-01"))
		}, "-32022", 400},
		{"an unknown method", "nothing/here", `{}`, nil, "-32601", 404},
		{"ping", "ping", `{}`, nil, "-32601", 404},
		{"setLevel", "logging/setLevel", `{"level":"info"}`, nil, "-32601", 404},
		{"subscribe", "resources/subscribe", `{"uri":"test://a"}`, nil, "-32601", 404},
		{"initialize", "initialize", `{}`, nil, "-32601", 404},
		{"an unknown tool", "tools/call", `{"name":"none"}`, nil, "-32602", 200},
		{"no Mcp-Param", "tools/call", `{"name":"x_header","arguments":{"region":"eu"}}`, set("Mcp-Param-Region", ""), "-32020", 400},
		{"a wrong Mcp-Param", "tools/call", `{"name":"x_header","arguments":{"count":3}}`, set("Mcp-Param-Count", "4"), "-32020", 400},
		{"numbers are compared as such", "tools/call", `{"name":"x_header","arguments":{"count":3}}`, set("Mcp-Param-Count", "3.0"), `{"count":3}`, 200},
		{"an Mcp-Param too many", "tools/call", `{"name":"x_header","arguments":{}}`, set("Mcp-Param-Region", "eu"), "-32020", 400},
		{"a nested Mcp-Param", "tools/call", `{"name":"x_header","arguments":{"deep":{"zone":"z"}}}`, set("Mcp-Param-Zone", "z"), `{"deep":{"zone":"z"}}`, 200},
		{"tasks of a client without", "subscriptions/listen", `{"notifications":{"taskIds":["task-1"]}}`, replace(protocol.TasksID, "x"), "-32021", 400},
		{"a lacking capability", "tools/call", `{"name":"elicit","arguments":{}}`, replace(`"elicitation"`, `"x"`), "-32021", 400},
	}
	c := connect(t, "http", mcptest.Script{Version: protocol.V20260728})
	for _, row := range rows {
		var status int
		c.tamper = row.tamper
		c.http.Transport = statusOf(func(n int) { status = n })
		if got := said(t, c.call(row.method, row.params)); got != row.want || status != row.status {
			t.Errorf("%s: %s with %d, want %s with %d", row.name, got, status, row.want, row.status)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		resp, err := c.http.Do(c.request(method, nil))
		if err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %v %v", method, resp, err)
		}
		_ = resp.Body.Close()
	}
}

type statusOf func(int)

func (f statusOf) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		f(resp.StatusCode)
	}
	return resp, err
}

func TestVersion_TheOlderEraWantsItsSessionAndRevision(t *testing.T) {
	c := connect(t, "http", mcptest.Script{Version: protocol.V20250618})
	for name, row := range map[string]struct {
		header, value string
		want          int
	}{
		"as agreed":        {"X-None", "", http.StatusAccepted},
		"no session":       {"Mcp-Session-Id", "", http.StatusBadRequest},
		"another session":  {"Mcp-Session-Id", "session-99", http.StatusNotFound},
		"another revision": {"Mcp-Protocol-Version", protocol.V20250326, http.StatusBadRequest},
	} {
		req := c.request(http.MethodPost, []byte(`{"jsonrpc":"2.0","method":"notifications/none"}`))
		if req.Header.Del(row.header); row.value != "" {
			req.Header.Set(row.header, row.value)
		}
		resp, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode != row.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, row.want)
		}
	}
}

// TestAtStart_AsksWithoutARequest: over HTTP on the GET stream.
func TestAtStart_AsksWithoutARequest(t *testing.T) {
	everywhere(t, func(t *testing.T, transport, version string) {
		c := connect(t, transport, mcptest.Script{Version: version, RootsAtStart: true, ElicitAtStart: true})
		want := map[string]string{"start_roots": rooted, "start_elicit": named}
		if version < protocol.V20250618 {
			delete(want, "start_elicit")
		}
		for tool, want := range want {
			if version == protocol.V20260728 {
				want = "not asked"
			}
			if got := said(t, c.tool(tool, `{}`)); got != want {
				t.Errorf("%s: %s, want %s", tool, got, want)
			}
		}
	})
}

func TestResources_AreDeletedAndSubscribedPerSession(t *testing.T) {
	everywhere(t, func(t *testing.T, transport, version string) {
		c := connect(t, transport, mcptest.Script{Version: version})
		if c.legacy() {
			c.call("resources/subscribe", `{"uri":"test://a"}`)
			c.call("resources/subscribe", `{"uri":"test://b"}`)
			c.call("resources/unsubscribe", `{"uri":"test://b"}`)
		} else {
			c.listen(`{"resourcesListChanged":true,"resourceSubscriptions":["test://a"]}`)
		}
		for _, uri := range []string{"test://b", "test://a"} {
			c.tool("trigger", `{"uri":`+quote(uri)+`}`)
		}
		c.tool("delete_resource", `{"uri":"test://a"}`)
		c.await("the update and the list", func() bool {
			return c.has("notifications/resources/updated", "test://a") && c.has("notifications/resources/list_changed", "")
		})
		c.mu.Lock()
		if c.has("notifications/resources/updated", "test://b") {
			t.Error("heard of what is not subscribed")
		}
		c.mu.Unlock()
		want := "-32002"
		if version == protocol.V20260728 {
			want = "-32602"
		}
		if got := said(t, c.call("resources/read", `{"uri":"test://a"}`)); got != want {
			t.Errorf("read: %s, want %s", got, want)
		}
		if list := string(c.call("resources/list", `{}`).Raw); strings.Contains(list, `"test://a"`) {
			t.Errorf("list %s", list)
		}
	})
}

func TestResumable_TheAnswerComesOnTheStreamThatGoesOn(t *testing.T) {
	for _, version := range []string{protocol.V20250326, protocol.V20250618, protocol.V20251125} {
		t.Run(version, func(t *testing.T) {
			c := connect(t, "http", mcptest.Script{Version: version, Resumable: true})
			answer, _ := c.begin("tools/call", `{"name":"drop_stream","arguments":{}}`)
			var last string
			c.await("the end of the stream", func() bool {
				i := slices.IndexFunc(c.events, func(e wire.Event) bool { return e.HasRetry })
				if i >= 0 {
					last = c.events[i].ID
				}
				return i >= 0
			})
			if primed := len(c.primed()) > 0; primed != (version == protocol.V20251125) {
				t.Errorf("primed %v", primed)
			}
			c.get(last)
			if got := said(t, <-answer); got != "done" {
				t.Errorf("got %s", got)
			}
			var replayed []string
			c.note(func() { c.events = nil })
			c.get(last[:strings.Index(last, "-")] + "-0")
			c.await("the answer again", func() bool {
				for _, e := range c.events {
					replayed = append(replayed, string(e.Data))
				}
				return strings.Contains(strings.Join(replayed, ""), `"result"`)
			})
		})
	}
}

// primed are the events with an id and nothing else.
func (c *client) primed() []wire.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.events), func(e wire.Event) bool { return len(e.Data) > 0 || e.HasRetry })
}

func TestResumable_ARequestEndsWithItsSession(t *testing.T) {
	c := connect(t, "http", mcptest.Script{Version: protocol.V20251125, Resumable: true})
	c.begin("tools/call", `{"name":"hold","arguments":{}}`)
	holding := func(n int) func() bool { return func() bool { return c.server.Holding() == n } }
	if !c.server.Await(within(t), holding(1)) {
		t.Fatal("never held")
	}
	c.http.CloseIdleConnections()
	resp, err := c.http.Do(c.request(http.MethodDelete, nil))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if !c.server.Await(within(t), holding(0)) {
		t.Error("the call outlives its session")
	}
}

func TestBatches_NotificationsComeInArrays(t *testing.T) {
	for _, transport := range []string{"stdio", "http"} {
		c := connect(t, transport, mcptest.Script{Version: protocol.V20250326, Batches: true})
		c.tool("change", `{"name":"more"}`)
		c.tool("log", `{}`)
		c.await("both", func() bool {
			return c.has("notifications/tools/list_changed", "") && c.has("notifications/message", "") && c.arrays == 2
		})
	}
}

func TestSSE_ARefusalIsTheScripts(t *testing.T) {
	for script, want := range map[int]int{0: http.StatusMethodNotAllowed, http.StatusNotFound: http.StatusNotFound} {
		c := connect(t, "sse", mcptest.Script{Version: protocol.V20241105, SSERefusal: script})
		c.url, _, _ = strings.Cut(c.url, "?")
		resp := c.post([]byte(`{"jsonrpc":"2.0","id":1,"method":"ping"}`)) //nolint:bodyclose // post closes it
		if resp == nil || resp.StatusCode != want {
			t.Errorf("%v, want %d", resp, want)
		}
	}
}
