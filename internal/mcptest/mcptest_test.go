package mcptest

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

const (
	allCaps  = `{"roots":{},"sampling":{},"elicitation":{"form":{},"url":{}},"extensions":{"io.modelcontextprotocol/tasks":{}}}`
	accepted = `{"action":"accept","content":{"name":"Ada"}}`
	noRoots  = `{"roots":[]}`
	sampled  = `{"role":"assistant","content":{"type":"text","text":"hi"},"model":"m"}`
)

// client is a raw client of one revision.
type client struct {
	t       *testing.T
	version string
	caps    string
	write   func(raw string)
	in      chan wire.Message
	notes   []string
	next    int
}

func answer(method string) string {
	return map[string]string{"elicitation/create": accepted, "roots/list": noRoots, "sampling/createMessage": sampled}[method]
}

func (c *client) modern() bool { return c.version == protocol.V20260728 }

// ask sends a request and gives its answer; what the server asks meanwhile is answered.
func (c *client) ask(method, params string) wire.Message {
	c.t.Helper()
	if c.modern() {
		meta := `"_meta":{"` + protocol.MetaVersion + `":"` + c.version + `","` + protocol.MetaCapabilities + `":` + c.caps +
			`,"` + protocol.MetaLogLevel + `":"warning","progressToken":7}`
		params = `{` + meta + strings.Replace(","+params[1:], ",}", "}", 1)
	}
	c.next++
	id := strconv.Itoa(c.next)
	c.write(`{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `","params":` + params + `}`)
	for {
		select {
		case m := <-c.in:
			switch {
			case m.Kind == wire.Request:
				c.write(`{"jsonrpc":"2.0","id":` + string(m.Bytes(m.ID)) + `,"result":` + answer(m.Method) + `}`)
			case m.Kind == wire.Notification:
				c.notes = append(c.notes, string(m.Raw))
			case string(m.Bytes(m.ID)) == id:
				return m
			}
		case <-c.t.Context().Done():
			c.t.Fatalf("no answer to %s", method)
		}
	}
}

// call calls a tool.
func (c *client) call(tool, arguments string) string {
	c.t.Helper()
	return c.settle("tools/call", `"name":"`+tool+`","arguments":`+arguments)
}

// settle sends a request, and again for as long as the server wants to know something.
func (c *client) settle(method, members string) string {
	c.t.Helper()
	params := `{` + members + `}`
	for {
		m := c.ask(method, params)
		requests, at, ok := protocol.ReadInputRequired(m.Raw, m.Result)
		if !ok {
			return string(m.Raw)
		}
		var answers []string
		for _, q := range requests {
			answers = append(answers, `"`+q.Key+`":`+answer(q.Method))
		}
		params = `{` + members + `,"inputResponses":{` + strings.Join(answers, ",") + `},"requestState":` + string(m.Bytes(at)) + `}`
	}
}

// open is a client of a server that does what script says, initialized where there is a handshake.
func open(t *testing.T, script Script, transport, caps string) *client {
	t.Helper()
	if script.Version == protocol.V20260728 {
		script.Version, script.Era = "", "modern"
	}
	version := script.Version
	if script.Era == "modern" {
		version = protocol.V20260728
	}
	c := &client{t: t, version: version, caps: caps, in: make(chan wire.Message, 1000)}
	if transport == "stdio" {
		c.pipes(New(script))
	} else {
		c.http(New(script))
	}
	if !c.modern() {
		c.ask("initialize", `{"protocolVersion":"`+version+`","capabilities":`+caps+`,"clientInfo":{"name":"c","version":"1"}}`)
		c.write(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	}
	return c
}

func (c *client) take(raw []byte) {
	if m, err := wire.Parse(slices.Clone(raw)); err == nil {
		c.in <- m
	}
}

func (c *client) pipes(s *Server) {
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(c.t.Context(), in, out)
		_ = out.Close()
	}()
	go func() {
		lines := bufio.NewScanner(fromServer)
		for lines.Scan() {
			c.take(lines.Bytes())
		}
	}()
	c.write = func(raw string) { _, _ = io.WriteString(toServer, raw+"\n") }
	c.t.Cleanup(func() {
		_ = toServer.Close()
		<-done
	})
}

func (c *client) http(s *Server) {
	srv := httptest.NewServer(s)
	c.t.Cleanup(srv.Close)
	session := ""
	c.write = func(raw string) {
		req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, srv.URL, strings.NewReader(raw))
		if err != nil {
			c.t.Error(err)
			return
		}
		if session != "" {
			req.Header.Set("Mcp-Session-Id", session)
		}
		resp, err := srv.Client().Do(req) //nolint:bodyclose // events closes it
		if err != nil {
			c.t.Error(err)
			return
		}
		if id := resp.Header.Get("Mcp-Session-Id"); id != "" {
			session = id
		}
		go c.events(resp.Body)
	}
}

func (c *client) events(body io.ReadCloser) {
	defer body.Close()
	r := wire.NewEventReader(body, maxLine)
	for {
		e, err := r.Next()
		if err != nil {
			return
		}
		c.take(e.Data)
	}
}

func each(t *testing.T, run func(t *testing.T, transport, version string)) {
	t.Helper()
	for _, transport := range []string{"stdio", "http"} {
		for _, version := range protocol.Supported() {
			t.Run(transport+" "+version, func(t *testing.T) { run(t, transport, version) })
		}
	}
}

func TestTools_AskWhatTheRevisionHas(t *testing.T) {
	quoted := func(s string) string { return string(wire.Quote(s)) }
	each(t, func(t *testing.T, transport, version string) {
		c := open(t, Script{Version: version}, transport, allCaps)
		for _, row := range []struct {
			tool, arguments, want string
			has                   protocol.Feature
		}{
			{"sample", `{"prompt":"p"}`, quoted(sampled), protocol.Audio},
			{"roots", `{}`, quoted(noRoots), protocol.Audio},
			{"elicit", `{"message":"m"}`, quoted(accepted), protocol.Elicitation},
			{"ask_two", `{}`, quoted("[" + accepted + "," + noRoots + "]"), protocol.Elicitation},
			{"ask_rounds", `{"n":2}`, quoted("[" + accepted + "," + accepted + "]"), protocol.Elicitation},
			{"elicit_url", `{}`, quoted(accepted), protocol.ElicitationModes},
			{"elicit_throws", `{}`, `"elicitationId":"e-1"`, protocol.ElicitationIDs},
		} {
			if got := c.call(row.tool, row.arguments); protocol.Has(version, row.has) && !strings.Contains(got, row.want) {
				t.Errorf("%s: got %s, want %s", row.tool, got, row.want)
			}
		}
		for method, members := range map[string]string{"prompts/get": `"name":"ask_name"`, "resources/read": `"uri":"test://asking"`} {
			got := c.settle(method, members)
			if protocol.Has(version, protocol.Elicitation) != strings.Contains(got, quoted(accepted)) || c.modern() != strings.Contains(got, `"resultType":"complete"`) {
				t.Errorf("%s: got %s", method, got)
			}
		}
	})
}

func TestTools_MissACapability(t *testing.T) {
	for _, transport := range []string{"stdio", "http"} {
		c := open(t, Script{Version: protocol.V20260728}, transport, `{}`)
		if got := c.call("elicit", `{}`); !strings.Contains(got, `"code":-32021`) || !strings.Contains(got, `"requiredCapabilities":{"elicitation":{}}`) {
			t.Errorf("%s: got %s", transport, got)
		}
	}
}

func TestState_IsOnlyTheServersOwn(t *testing.T) {
	c := open(t, Script{Version: protocol.V20260728}, "stdio", allCaps)
	made := c.ask("tools/call", `{"name":"elicit","arguments":{}}`)
	_, at, _ := protocol.ReadInputRequired(made.Raw, made.Result)
	sealed := strings.Trim(string(made.Bytes(at)), `"`)
	for params, want := range map[string]string{
		`{"name":"elicit","arguments":{},"inputResponses":{"q1":{}},"requestState":"other"}`:                       `-32602`,
		`{"name":"elicit","arguments":{},"inputResponses":{},"requestState":"` + sealed + `"}`:                     `"input_required"`,
		`{"name":"elicit","arguments":{"url":"u"},"inputResponses":{"q1":{}},"requestState":"` + sealed + `"}`:     `-32602`,
		`{"name":"sample","arguments":{},"inputResponses":{"q1":` + sampled + `},"requestState":"` + sealed + `"}`: `-32602`,
	} {
		if m := c.ask("tools/call", params); !strings.Contains(string(m.Raw), want) {
			t.Errorf("%s: got %s, want %s", params, m.Raw, want)
		}
	}
}

func TestContent_IsWhatTheRevisionHas(t *testing.T) {
	each(t, func(t *testing.T, transport, version string) {
		c := open(t, Script{Version: version}, transport, allCaps)
		content, list := c.call("content", `{}`), string(c.ask("tools/list", `{}`).Raw)
		for _, row := range []struct {
			text, in string
			has      protocol.Feature
		}{
			{`"type":"audio"`, content, protocol.Audio},
			{`"type":"resource_link"`, content, protocol.ResourceLinks},
			{`"structuredContent":{"n":1}`, c.call("structured", `{}`), protocol.Structured},
			{`"structuredContent":[1,2]`, c.call("structured_any", `{}`), protocol.StructuredAny},
			{`"outputSchema":{"type":"object"`, list, protocol.Structured},
			{`"outputSchema":{"type":"array"`, list, protocol.StructuredAny},
			{`"execution":{"taskSupport":"required"}`, list, protocol.ToolExecution},
			{`"resultType":"complete"`, content, protocol.ResultTypes},
			{`"cacheScope":`, list, protocol.CacheHints},
			{`"color=red"`, string(c.ask("completion/complete", `{"context":{"arguments":{"color":"red"}}}`).Raw), protocol.CompletionContext},
			{`"code":-32002`, string(c.ask("resources/read", `{"uri":"test://missing"}`).Raw), protocol.NotFoundCode},
		} {
			if got, want := strings.Contains(row.in, row.text), protocol.Has(version, row.has); got != want {
				t.Errorf("%s: %v, want %v, in %s", row.text, got, want, row.in)
			}
		}
	})
}

func TestNotifications_AreThoseWanted(t *testing.T) {
	each(t, func(t *testing.T, transport, version string) {
		c := open(t, Script{Version: version}, transport, allCaps)
		if !c.modern() {
			c.ask("logging/setLevel", `{"level":"warning"}`)
			c.ask("resources/subscribe", `{"uri":"test://a"}`)
		}
		c.call("log", `{"level":"info","text":"quiet"}`)
		c.call("log", `{"level":"error","text":"loud"}`)
		c.call("progress", `{"steps":2}`)
		c.call("trigger", `{"uri":"test://a"}`)
		c.call("trigger", `{"uri":"test://b"}`)
		got := strings.Join(c.notes, "\n")
		for text, want := range map[string]bool{
			`quiet`: false, `loud`: true, `"message":"step 2"`: c.modern(), `test://b`: false,
			`test://a`: transport == "stdio" && !c.modern(),
		} {
			if strings.Contains(got, text) != want {
				t.Errorf("%s: want %v, in %s", text, want, got)
			}
		}
	})
}

func TestTasks_OfBothKinds(t *testing.T) {
	for _, transport := range []string{"stdio", "http"} {
		c := open(t, Script{Version: protocol.V20251125}, transport, allCaps)
		if got := c.call("task_required", `{}`); !strings.Contains(got, `-32601`) {
			t.Errorf("got %s", got)
		}
		made := c.ask("tools/call", `{"name":"task_required","arguments":{"ask":true},"task":{}}`)
		if !strings.Contains(string(made.Raw), `"task":{"taskId":"task-1","status":"working"`) {
			t.Fatalf("got %s", made.Raw)
		}
		if got := c.ask("tasks/result", `{"taskId":"task-1"}`); !strings.Contains(string(got.Raw), "Ada") || !strings.Contains(string(got.Raw), protocol.MetaRelatedTask) {
			t.Errorf("got %s", got.Raw)
		}

		c = open(t, Script{Version: protocol.V20260728}, transport, allCaps)
		if got := c.call("task_optional", `{"ask":true}`); !strings.Contains(got, `"resultType":"task","taskId":"task-1","status":"working"`) {
			t.Fatalf("got %s", got)
		}
		status := func(want string) {
			for {
				got := string(c.ask("tasks/get", `{"taskId":"task-1"}`).Raw)
				if strings.Contains(got, `"status":"`+want+`"`) {
					return
				}
				if !strings.Contains(got, `"status":"working"`) {
					t.Fatalf("got %s, want %s", got, want)
				}
			}
		}
		status("input_required")
		c.ask("tasks/update", `{"taskId":"task-1","inputResponses":{"q1":`+accepted+`}}`)
		status("completed")
	}
}

func TestBatch_IsAnsweredWithAnArray(t *testing.T) {
	s := New(Script{Version: protocol.V20250326, NoSession: true})
	srv := httptest.NewServer(s)
	defer srv.Close()
	post := func(body string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, _ := io.ReadAll(resp.Body)
		return string(raw)
	}
	post(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{}}}`)
	var got []json.RawMessage
	if raw := post(`[{"jsonrpc":"2.0","id":2,"method":"ping"},{"jsonrpc":"2.0","id":3,"method":"ping"}]`); json.Unmarshal([]byte(raw), &got) != nil || len(got) != 2 {
		t.Errorf("got %s", raw)
	}
}

func TestRootsAtStart_AreTold(t *testing.T) {
	c := open(t, Script{Version: protocol.V20250618, RootsAtStart: true}, "stdio", allCaps)
	if got := c.call("start_roots", `{}`); !strings.Contains(got, string(wire.Quote(noRoots))) {
		t.Errorf("got %s", got)
	}
}

func TestSSE_AnswersOnTheStream(t *testing.T) {
	srv := httptest.NewServer(New(Script{Version: protocol.V20241105, SSE: true}))
	defer srv.Close()
	do := func(method, path, body string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	stream := do(http.MethodGet, "/sse", "")
	defer stream.Body.Close()
	events := wire.NewEventReader(stream.Body, maxLine)
	first, err := events.Next()
	if err != nil {
		t.Fatal(err)
	}
	endpoint := string(first.Data)
	for path, want := range map[string]int{endpoint: http.StatusAccepted, "/sse": http.StatusMethodNotAllowed} {
		resp := do(http.MethodPost, path, `{"jsonrpc":"2.0","id":5,"method":"ping"}`)
		if _ = resp.Body.Close(); resp.StatusCode != want {
			t.Errorf("POST %s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	if e, err := events.Next(); err != nil || !strings.Contains(string(e.Data), `"id":5`) {
		t.Errorf("got %s, %v", e.Data, err)
	}
}

func TestMain(m *testing.M) { os.Exit(RunIfChild(m)) }
