package mcptest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

var versions = []string{protocol.V20241105, protocol.V20250326, protocol.V20250618, protocol.V20251125, protocol.V20260728}

// transports are the ways to reach a server; sse is of the older era only.
var transports = []string{"stdio", "http", "sse"}

const everything = `{"roots":{},"sampling":{"tools":{}},"elicitation":{"form":{},"url":{}},"extensions":{"` + protocol.TasksID + `":{}}}`

// client is a raw client of one revision. What the server sends besides answers is kept, and its requests are
// answered by answer.
type client struct {
	t         *testing.T
	server    *mcptest.Server
	version   string
	transport string
	caps      string
	level     string // of _meta, from 2026-07-28
	answer    func(method string, params json.RawMessage) string
	tamper    func(header http.Header, body []byte) []byte // of requests

	url     string
	session string
	write   func([]byte) // over pipes
	http    *http.Client

	mu      sync.Mutex
	nextID  int
	waiting map[string]chan wire.Message
	heard   []wire.Message // notifications and requests
	changed chan struct{}
	events  []wire.Event // of all streams
	arrays  int          // of messages
	saved   *transcript
}

// within bounds everything here; only a broken rule takes so long.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// connect starts a server of the script and a client of its revision that has shaken hands.
func connect(t *testing.T, transport string, script mcptest.Script, change ...func(*client)) *client {
	t.Helper()
	script.SSE = transport == "sse"
	c := &client{
		t: t, server: mcptest.New(script), version: script.Version, transport: transport, caps: everything, waiting: make(map[string]chan wire.Message),
		changed: make(chan struct{}), http: &http.Client{Transport: new(http.Transport)}, answer: standard,
	}
	for _, f := range change {
		f(c)
	}
	if transport == "stdio" {
		c.pipe()
	} else {
		h := httptest.NewServer(c.server)
		t.Cleanup(func() {
			c.server.Release()
			c.server.EndSessions()
			c.http.CloseIdleConnections()
			h.CloseClientConnections()
			h.Close()
		})
		c.url = h.URL + "/mcp"
	}
	if transport == "sse" {
		c.openSSE()
	}
	if c.legacy() {
		c.greet()
	}
	return c
}

func (c *client) legacy() bool { return c.version < protocol.V20260728 }

func (c *client) pipe() {
	in, inWriter := io.Pipe()
	outReader, out := io.Pipe()
	var ended sync.WaitGroup
	ended.Go(func() {
		c.server.Serve(context.WithoutCancel(c.t.Context()), in, out)
		_ = out.Close()
	})
	ended.Go(func() {
		lines := wire.NewLineReader(outReader, 1<<20)
		for line, err := lines.Next(); err == nil; line, err = lines.Next() {
			c.arrived(bytes.Clone(line))
		}
	})
	c.write = func(raw []byte) { _, _ = inWriter.Write(wire.Line(nil, raw)) }
	c.t.Cleanup(func() {
		_ = inWriter.Close()
		ended.Wait()
	})
}

// openSSE opens the stream of HTTP+SSE; its first event names where to post.
func (c *client) openSSE() {
	resp, err := c.http.Do(c.request(http.MethodGet, nil)) //nolint:bodyclose // read closes it
	if err != nil || resp.StatusCode != http.StatusOK {
		c.t.Fatalf("GET: %v", err)
	}
	events := wire.NewEventReader(resp.Body, 1<<20)
	first, err := events.Next()
	if err != nil || first.Name != "endpoint" {
		c.t.Fatalf("first event %+v: %v", first, err)
	}
	base, _ := url.Parse(c.url)
	ref, err := base.Parse(string(first.Data))
	if err != nil {
		c.t.Fatal(err)
	}
	c.url = ref.String()
	c.read(resp.Body, events)
}

// read takes the messages of a stream beside the test.
func (c *client) read(body io.Closer, events *wire.EventReader) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e, err := events.Next(); err == nil; e, err = events.Next() {
			c.note(func() { c.events = append(c.events, e) })
			if len(e.Data) > 0 {
				c.arrived(e.Data)
			}
		}
	}()
	c.t.Cleanup(func() {
		_ = body.Close()
		<-done
	})
}

func (c *client) greet() {
	m := c.call("initialize", `{"protocolVersion":`+quote(c.version)+`,"capabilities":`+c.caps+`,"clientInfo":{"name":"raw","version":"1"}}`)
	if v := member(c.t, m.Bytes(m.Result), "protocolVersion"); v != quote(c.version) {
		c.t.Fatalf("speaks %s: %s", v, m.Raw)
	}
	c.send([]byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}`))
	if c.transport == "http" {
		c.get("")
		if !c.server.Await(within(c.t), func() bool { return c.server.Streams() > 0 }) {
			c.t.Fatal("the stream did not open")
		}
	}
}

// get opens the GET stream, or resumes a stream.
func (c *client) get(last string) {
	req := c.request(http.MethodGet, nil)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := c.http.Do(req) //nolint:bodyclose // read closes it
	if err != nil || resp.StatusCode != http.StatusOK {
		c.t.Fatalf("GET %q: %v %v", last, resp, err)
	}
	c.read(resp.Body, wire.NewEventReader(resp.Body, 1<<20))
}

func (c *client) request(method string, body []byte) *http.Request {
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("Content-Type", "application/json")
	if c.session != "" {
		req.Header.Set("Mcp-Session-Id", c.session)
	}
	if c.session != "" && c.version >= protocol.V20250618 {
		req.Header.Set("Mcp-Protocol-Version", c.version)
	}
	return req
}

// mirror sets the headers that 2026-07-28 wants; those of x_header's arguments, too.
func mirror(h http.Header, raw []byte) {
	var m struct {
		Method string
		Params struct {
			Name, URI, TaskID string
			Arguments         map[string]any
		}
	}
	_ = json.Unmarshal(raw, &m)
	h.Set("Mcp-Protocol-Version", protocol.V20260728)
	h.Set("Mcp-Method", m.Method)
	if name := m.Params.Name + m.Params.URI + m.Params.TaskID; name != "" {
		h.Set("Mcp-Name", name)
	}
	for argument, header := range map[string]string{"region": "Region", "count": "Count", "dry": "Dry"} {
		if v, ok := m.Params.Arguments[argument]; ok {
			h.Set("Mcp-Param-"+header, fmt.Sprint(v))
		}
	}
}

// post sends a message over HTTP and returns the response; what it streams arrives beside the test.
func (c *client) post(raw []byte) *http.Response {
	h := make(http.Header)
	if !c.legacy() {
		mirror(h, raw)
	}
	if c.tamper != nil {
		raw = c.tamper(h, raw)
	}
	req := c.request(http.MethodPost, raw)
	maps.Copy(req.Header, h)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil
	}
	if id := resp.Header.Get("Mcp-Session-Id"); id != "" {
		c.session = id
	}
	if resp.Header.Get("Content-Type") == "text/event-stream" {
		c.read(resp.Body, wire.NewEventReader(resp.Body, 1<<20))
		return resp
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.Header.Get("Content-Type") == "application/json" {
		c.arrived(body)
	}
	return resp
}

func (c *client) send(raw []byte) {
	if c.transport == "stdio" {
		c.write(raw)
		return
	}
	c.post(raw) //nolint:bodyclose // read and post close it
}

func (c *client) note(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	close(c.changed)
	c.changed = make(chan struct{})
}

// await waits until ok, which is asked with the lock held.
func (c *client) await(what string, ok func() bool) {
	c.t.Helper()
	ctx := within(c.t)
	for {
		c.mu.Lock()
		changed, done := c.changed, ok()
		c.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			c.t.Fatalf("never: %s; heard %s", what, c.methods())
		}
	}
}

// arrived takes a message or a batch.
func (c *client) arrived(raw []byte) {
	if wire.IsBatch(raw) {
		c.note(func() { c.arrays++ })
		for _, m := range elements(c.t, raw) {
			c.take(m)
		}
		return
	}
	m, err := wire.Parse(raw)
	if err != nil {
		c.t.Errorf("no message: %s: %v", raw, err)
		return
	}
	c.take(m)
}

func elements(t *testing.T, raw []byte) (all []wire.Message) {
	t.Helper()
	for at := range wire.Elements(raw, wire.Span{End: len(raw)}) {
		m, err := wire.Parse(raw[at.Start:at.End])
		if err != nil {
			t.Errorf("no message: %s: %v", raw, err)
			continue
		}
		all = append(all, m)
	}
	return all
}

func (c *client) take(m wire.Message) {
	switch m.Kind {
	case wire.Response, wire.Error:
		c.mu.Lock()
		w := c.waiting[string(m.Bytes(m.ID))]
		c.mu.Unlock()
		if w != nil {
			w <- m
		}
	case wire.Request:
		c.saved.server(c.version, m)
		if answer := c.answer(m.Method, m.Bytes(m.Params)); answer != "" {
			reply := wire.NewResult(m.Bytes(m.ID), []byte(answer))
			if strings.HasPrefix(answer, `{"code"`) {
				reply = []byte(`{"jsonrpc":"2.0","id":` + string(m.Bytes(m.ID)) + `,"error":` + answer + `}`)
			}
			go c.send(reply)
		}
		c.note(func() { c.heard = append(c.heard, m) })
	case wire.Notification:
		c.saved.server(c.version, m)
		c.note(func() { c.heard = append(c.heard, m) })
	}
}

func (c *client) methods() (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.heard {
		all = append(all, m.Method)
	}
	return all
}

// has says whether a message of a method was heard whose params hold a text. The caller holds mu.
func (c *client) has(method, part string) bool {
	return slices.ContainsFunc(c.heard, func(m wire.Message) bool {
		return m.Method == method && strings.Contains(string(m.Bytes(m.Params)), part)
	})
}

// standard answers what a server may ask.
func standard(method string, params json.RawMessage) string {
	switch {
	case method == "roots/list":
		return `{"roots":[{"uri":"file:///home"}]}`
	case method == "sampling/createMessage":
		return `{"role":"assistant","content":{"type":"text","text":"hi"},"model":"m"}`
	case strings.Contains(string(params), `"mode":"url"`):
		return `{"action":"accept"}`
	}
	return `{"action":"accept","content":{"name":"ada"}}`
}

// begin sends a request and returns where its answer comes.
func (c *client) begin(method, params string) (answer <-chan wire.Message, id string) {
	w := make(chan wire.Message, 1)
	c.note(func() {
		c.nextID++
		id = strconv.Itoa(c.nextID)
		c.waiting[id] = w
	})
	raw := []byte(params)
	if !c.legacy() {
		meta := []byte(`{}`)
		for name, value := range wire.Members(raw, wire.Span{End: len(raw)}) {
			if name == "_meta" {
				meta = raw[value.Start:value.End]
			}
		}
		set := []wire.Member{{Name: protocol.MetaVersion, Value: wire.Quote(c.version)}, {Name: protocol.MetaCapabilities, Value: []byte(c.caps)}}
		if c.level != "" {
			set = append(set, wire.Member{Name: protocol.MetaLogLevel, Value: wire.Quote(c.level)})
		}
		meta = wire.Splice(nil, meta, wire.ChangeMembers(meta, wire.Span{End: len(meta)}, set, nil))
		raw = wire.Splice(nil, raw, []wire.Edit{wire.SetMember(raw, wire.Span{End: len(raw)}, "_meta", meta)})
	}
	c.send([]byte(`{"jsonrpc":"2.0","id":` + id + `,"method":` + quote(method) + `,"params":` + string(raw) + `}`))
	return w, id
}

func (c *client) call(method, params string) wire.Message {
	c.t.Helper()
	answer, _ := c.begin(method, params)
	select {
	case m := <-answer:
		c.saved.answer(c.version, method, m)
		return m
	case <-within(c.t).Done():
		c.t.Fatalf("no answer to %s %s", method, params)
		return wire.Message{}
	}
}

// ask is call, with retries for what 2026-07-28 asks for in results.
func (c *client) ask(method, params string) wire.Message {
	c.t.Helper()
	retry := params
	for range 10 {
		m := c.call(method, retry)
		if m.Kind != wire.Response || member(c.t, m.Bytes(m.Result), "resultType") != `"input_required"` {
			return m
		}
		var r struct {
			InputRequests map[string]struct {
				Method string
				Params json.RawMessage
			}
			RequestState string
		}
		if err := json.Unmarshal(m.Bytes(m.Result), &r); err != nil {
			c.t.Fatal(err)
		}
		var responses []string
		for key, q := range r.InputRequests {
			responses = append(responses, quote(key)+`:`+c.answer(q.Method, q.Params))
		}
		retry = strings.TrimSuffix(params, "}") + `,"inputResponses":{` + strings.Join(responses, ",") + `},"requestState":` + quote(r.RequestState) + `}`
	}
	c.t.Fatalf("%s %s asks without end", method, params)
	return wire.Message{}
}

func (c *client) tool(name, args string) wire.Message {
	c.t.Helper()
	return c.ask("tools/call", `{"name":`+quote(name)+`,"arguments":`+args+`}`)
}

// said is the text of a tool's result, after "error:" where it is one, or the code of the JSON-RPC error.
func said(t *testing.T, m wire.Message) string {
	t.Helper()
	if m.Kind == wire.Error {
		return member(t, m.Bytes(m.Error), "code")
	}
	var r struct {
		Content  []struct{ Type, Text string }
		IsError  bool
		Messages []struct{ Content struct{ Text string } }
		Contents []struct{ Text string }
	}
	if err := json.Unmarshal(m.Bytes(m.Result), &r); err != nil {
		t.Fatalf("%v: %s", err, m.Raw)
	}
	switch {
	case len(r.Messages) > 0:
		return r.Messages[0].Content.Text
	case len(r.Contents) > 0:
		return r.Contents[0].Text
	case len(r.Content) == 0:
		return ""
	case r.IsError:
		return "error: " + r.Content[0].Text
	}
	return r.Content[0].Text
}

// member is the text of a member of a JSON object, "" where it is absent.
func member(t *testing.T, raw []byte, name string) string {
	t.Helper()
	for n, v := range wire.Members(raw, wire.Span{End: len(raw)}) {
		if n == name {
			return string(raw[v.Start:v.End])
		}
	}
	return ""
}

// everywhere runs a test for each revision on each of its transports.
func everywhere(t *testing.T, test func(t *testing.T, transport, version string)) {
	t.Helper()
	for _, version := range versions {
		for _, transport := range transports {
			if transport == "sse" && version == protocol.V20260728 {
				continue
			}
			t.Run(version+" "+transport, func(t *testing.T) { test(t, transport, version) })
		}
	}
}

func quote(s string) string { return string(wire.Quote(s)) }
