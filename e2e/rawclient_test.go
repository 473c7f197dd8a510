package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/protocol"
)

// rawClient is a client of one revision that can be asked whatever its revision knows. It is written by hand:
// what is on the wire is what the revision says, and nothing is forgiven.
type rawClient struct {
	t       *testing.T
	m       *MCP
	version string
	line    *sseLine // its one stream, for HTTP+SSE

	// mu guards the following.
	mu    sync.Mutex
	notes []response
	asked []response    // what the client was asked, in either era
	heard chan struct{} // closed and replaced with every note
	next  int
}

// sseLine is an event stream with the address to post to (MCP 2024-11-05 basic/transports §HTTP with SSE).
type sseLine struct {
	post    *MCP
	mu      sync.Mutex
	waiting map[string]chan response
}

// what the client answers when it is asked.
const (
	elicited = `{"action":"accept","content":{"name":"Ada"}}`
	visited  = `{"action":"accept"}` // a page; there is nothing to say of it
	chosen   = `{"action":"accept","content":{"name":"r"}}`
	sampled  = `{"role":"assistant","model":"m","content":{"type":"text","text":"sampled"}}`
	rooted   = `{"roots":[{"uri":"file:///r","name":"r"}]}`
)

// answerTo answers a question, and keeps it.
func (c *rawClient) answerTo(method string, params []byte) string {
	c.mu.Lock()
	c.asked = append(c.asked, response{Method: method, Params: params})
	c.mu.Unlock()
	switch method {
	case "elicitation/create":
		if bytes.Contains(params, []byte(`"mode":"url"`)) {
			return visited
		}
		if bytes.Contains(params, []byte(`"Red"`)) {
			return chosen
		}
		return elicited
	case "sampling/createMessage":
		return sampled
	case "roots/list":
		return rooted
	}
	return ""
}

// capabilities are all that a revision lets a client declare.
func capabilities(version string) string {
	switch {
	case protocol.Has(version, protocol.ElicitationModes):
		return `{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"roots":{}}`
	case protocol.Has(version, protocol.Elicitation):
		return `{"elicitation":{},"sampling":{},"roots":{}}`
	}
	return `{"sampling":{},"roots":{}}`
}

// newRaw is a client at an endpoint, ready to call. overSSE uses HTTP+SSE.
func newRaw(t *testing.T, url, key, version string, overSSE bool) *rawClient {
	t.Helper()
	c := &rawClient{t: t, m: &MCP{URL: url, Key: key, t: t}, version: version, heard: make(chan struct{})}
	switch {
	case protocol.Modern(version):
		return c
	case overSSE:
		c.dialSSE()
	}
	r := c.call("initialize", fmt.Sprintf(`{"protocolVersion":%q,"capabilities":%s,"clientInfo":{"name":"raw","version":"1"}}`, version, capabilities(version)))
	var init struct{ ProtocolVersion string }
	if err := json.Unmarshal(r.Result, &init); err != nil || init.ProtocolVersion != version {
		t.Fatalf("initialize: %s, %v", r.Result, err)
	}
	c.notify("notifications/initialized", `{}`)
	if !overSSE {
		go func(messages <-chan json.RawMessage) {
			for raw := range messages {
				c.take(raw)
			}
		}(c.m.Listen())
	}
	return c
}

// dialSSE opens the stream and waits for its endpoint.
func (c *rawClient) dialSSE() {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	resp, err := c.m.do(ctx, http.MethodGet, nil, []string{"Accept: text/event-stream"}) //nolint:bodyclose // the goroutine below closes it.
	if err != nil || resp.StatusCode != http.StatusOK {
		cancel()
		c.t.Fatalf("GET: %v, %v", resp, err)
	}
	c.line = &sseLine{waiting: make(map[string]chan response)}
	endpoint, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		_ = readNamedEvents(resp.Body, func(name string, data []byte) { // It ends by cancel.
			if name == "endpoint" {
				endpoint <- string(data)
				return
			}
			c.take(data)
		})
		_ = resp.Body.Close()
	}()
	c.t.Cleanup(func() {
		cancel()
		<-ended
	})
	select {
	case address := <-endpoint:
		base, err := resp.Request.URL.Parse(address)
		if err != nil {
			c.t.Fatal(err)
		}
		c.line.post = &MCP{URL: base.String(), Key: c.m.Key, t: c.t}
	case <-time.After(soon):
		c.t.Fatal("no endpoint event")
	}
}

// take handles a message that came on a stream.
func (c *rawClient) take(raw []byte) {
	var m response
	if err := json.Unmarshal(raw, &m); err != nil {
		c.t.Errorf("%s sent %s: %v", c.version, raw, err)
		return
	}
	switch {
	case m.Method != "" && m.ID != nil:
		c.answer(m)
	case m.Method != "":
		c.mu.Lock()
		c.notes = append(c.notes, m)
		close(c.heard)
		c.heard = make(chan struct{})
		c.mu.Unlock()
	case c.line != nil:
		c.line.mu.Lock()
		waiting := c.line.waiting[string(m.ID)]
		c.line.mu.Unlock()
		if waiting != nil {
			waiting <- m
		}
	}
}

// answer answers a question; in the stateless era none may come.
func (c *rawClient) answer(m response) {
	if protocol.Modern(c.version) {
		c.t.Errorf("a stateless client was asked %s", m.Method)
	}
	result := c.answerTo(m.Method, m.Params)
	if m.Method == "elicitation/create" && !protocol.Has(c.version, protocol.Elicitation) || result == "" {
		c.t.Errorf("a client of %s was asked %s", c.version, m.Method)
	}
	c.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result))
}

// post sends what has no answer.
func (c *rawClient) post(body string) {
	m := c.m
	if c.line != nil {
		m = c.line.post
	}
	if r := m.Post(body); r.Status != http.StatusAccepted {
		c.t.Errorf("%s: status %d %s", body, r.Status, r.Body)
	}
}

func (c *rawClient) notify(method, params string) {
	c.post(fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":%s}`, method, params))
}

// id mints an id.
func (c *rawClient) id() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	return c.next
}

// call makes a request and answers what is asked in its course. params is an object.
func (c *rawClient) call(method, params string) response {
	return c.callWith(c.t.Context(), c.id(), method, params, `{}`)
}

// tool calls a tool.
func (c *rawClient) tool(name, args string) response {
	return c.call("tools/call", fmt.Sprintf(`{"name":%q,"arguments":%s}`, name, args))
}

// callWith is call with an id and further members of _meta (an object), until ctx ends.
func (c *rawClient) callWith(ctx context.Context, id int, method, params, meta string) response {
	if protocol.Modern(c.version) {
		return c.modern(ctx, id, method, params, meta)
	}
	if meta != `{}` {
		params = fmt.Sprintf(`{"_meta":%s,%s`, meta, strings.TrimPrefix(params, "{"))
	}
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params)
	if c.line != nil {
		waiting := make(chan response, 1)
		c.line.mu.Lock()
		c.line.waiting[strconv.Itoa(id)] = waiting
		c.line.mu.Unlock()
		c.post(body)
		select {
		case m := <-waiting:
			return m
		case <-ctx.Done():
			return response{}
		}
	}
	resp, err := c.m.do(ctx, http.MethodPost, strings.NewReader(body), nil)
	if err != nil {
		return response{}
	}
	defer func() { _ = resp.Body.Close() }()
	if method == "initialize" {
		c.m.session, c.m.version = resp.Header.Get("Mcp-Session-Id"), ""
		if protocol.Has(c.version, protocol.VersionHeader) {
			c.m.version = c.version
		}
	}
	return c.read(resp)
}

// read is the response in an answer; what comes before it is taken.
func (c *rawClient) read(resp *http.Response) response {
	var last response
	each := func(raw []byte) {
		var m response
		if json.Unmarshal(raw, &m) == nil && m.Method == "" && m.ID != nil {
			last = m
			return
		}
		c.take(raw)
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		_ = readEvents(resp.Body, each) // A broken one has no response.
		return last
	}
	body, _ := io.ReadAll(resp.Body)
	each(body)
	return last
}

// modern makes a request of 2026-07-28, again and again while it asks for input.
func (c *rawClient) modern(ctx context.Context, id int, method, params, meta string) response {
	more := ""
	for range 10 {
		r := c.modernOnce(ctx, id, method, params, meta, more)
		var q struct {
			ResultType    string
			InputRequests map[string]struct {
				Method string
				Params json.RawMessage
			}
			RequestState json.RawMessage
		}
		if r.Result != nil {
			if err := json.Unmarshal(r.Result, &q); err != nil || q.ResultType == "" {
				c.t.Errorf("%s: a result without resultType: %s", method, r.Result)
			}
		}
		if q.ResultType != "input_required" {
			return r
		}
		var answers []string
		for key, asked := range q.InputRequests {
			answers = append(answers, fmt.Sprintf(`%q:%s`, key, c.answerTo(asked.Method, asked.Params)))
		}
		more = `"inputResponses":{` + strings.Join(answers, ",") + `},`
		if q.RequestState != nil {
			more += `"requestState":` + string(q.RequestState) + `,`
		}
		id = c.id()
	}
	c.t.Errorf("%s asks for ever", method)
	return response{}
}

func (c *rawClient) modernOnce(ctx context.Context, id int, method, params, meta, more string) response {
	resp, err := c.m.do(ctx, http.MethodPost, strings.NewReader(c.modernBody(id, method, params, meta, more)), modernLines(method, params))
	if err != nil {
		return response{}
	}
	defer func() { _ = resp.Body.Close() }()
	return c.read(resp)
}

func (c *rawClient) modernBody(id int, method, params, meta, more string) string {
	meta = strings.TrimPrefix(meta, "{")
	if meta != "}" {
		meta = "," + meta
	}
	inner := strings.TrimPrefix(params, "{")
	if inner != "}" {
		inner = "," + inner
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":{%s"_meta":{"io.modelcontextprotocol/protocolVersion":%q,"io.modelcontextprotocol/clientCapabilities":%s%s%s}`,
		id, method, more, c.version, capabilities(c.version), meta, inner)
}

// modernLines are the headers that repeat the body.
func modernLines(method, params string) []string {
	lines := []string{"MCP-Protocol-Version: " + protocol.V20260728, "Mcp-Method: " + method}
	var p struct{ Name, URI string }
	if json.Unmarshal([]byte(params), &p) == nil && method != "completion/complete" && p.Name+p.URI != "" {
		lines = append(lines, "Mcp-Name: "+p.Name+p.URI)
	}
	return lines
}

// await waits for a notification that ok accepts.
func (c *rawClient) await(what string, ok func(response) bool) response {
	c.t.Helper()
	deadline := time.NewTimer(5 * time.Second)
	defer deadline.Stop()
	for {
		c.mu.Lock()
		heard := c.heard
		for _, n := range c.notes {
			if ok(n) {
				c.mu.Unlock()
				return n
			}
		}
		c.mu.Unlock()
		select {
		case <-heard:
		case <-deadline.C:
			c.t.Errorf("a client of %s did not hear %s", c.version, what)
			return response{}
		}
	}
}

// listen opens a stream of 2026-07-28 for updates of a resource, and waits until that is acknowledged.
func (c *rawClient) listen(uri string) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	params := fmt.Sprintf(`{"notifications":{"resourceSubscriptions":[%q],"toolsListChanged":true}}`, uri)
	resp, err := c.m.do(ctx, http.MethodPost, strings.NewReader(c.modernBody(c.id(), "subscriptions/listen", params, `{}`, "")), modernLines("subscriptions/listen", params)) //nolint:bodyclose // the goroutine below closes it.
	if err != nil {
		cancel()
		c.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = readEvents(resp.Body, c.take) // It ends by cancel.
		_ = resp.Body.Close()
	}()
	c.t.Cleanup(func() {
		cancel()
		<-ended
	})
	c.await("the acknowledgement", func(n response) bool { return n.Method == "notifications/subscriptions/acknowledged" })
}
