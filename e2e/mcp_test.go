package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// The revisions that the raw clients speak: the newest of each era.
const (
	legacyVersion = "2025-11-25"
	modernVersion = "2026-07-28"
)

// MCP is a raw client of an MCP endpoint: what it sends and gets are bytes, so that tests see what a typed
// client hides.
type MCP struct {
	URL string
	Key string

	t *testing.T
	// version and session are those of a legacy session, after Open.
	version, session string
	lastID           int
}

// MCP is a raw client of /mcp with an access key.
func (d *Daemon) MCP(key string) *MCP {
	return &MCP{URL: "http://" + d.Gateway + "/mcp", Key: key, t: d.t}
}

// ServerMCP is a raw client of one server alone, /mcp/s/ALIAS.
func (d *Daemon) ServerMCP(alias, key string) *MCP {
	return &MCP{URL: "http://" + d.Gateway + "/mcp/s/" + alias, Key: key, t: d.t}
}

// Reply is the answer to one POST.
type Reply struct {
	Status int
	Header http.Header
	// Body is the whole body where it is not an event stream.
	Body []byte
	// Messages are the JSON-RPC messages in it, byte for byte, in order.
	Messages []json.RawMessage
}

// response is what tests look at of a JSON-RPC message.
type response struct {
	ID     json.RawMessage
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  *struct {
		Code    int
		Message string
		Data    json.RawMessage
	}
}

// Last is the last message of a reply, which is the response to the request.
func (r *Reply) Last(t *testing.T) response {
	t.Helper()
	if len(r.Messages) == 0 {
		t.Fatalf("status %d, no message: %s", r.Status, r.Body)
	}
	var m response
	if err := json.Unmarshal(r.Messages[len(r.Messages)-1], &m); err != nil {
		t.Fatalf("%v: %s", err, r.Messages[len(r.Messages)-1])
	}
	return m
}

// Result is the result of the request, byte for byte; an error fails the test.
func (r *Reply) Result(t *testing.T) json.RawMessage {
	t.Helper()
	m := r.Last(t)
	if m.Error != nil || m.Result == nil {
		t.Fatalf("want a result, got status %d: %s", r.Status, r.Messages[len(r.Messages)-1])
	}
	return m.Result
}

// Post sends one body with the headers of an MCP client; header lines ("Name: value") are added and win, an
// empty value removes one.
func (m *MCP) Post(body string, lines ...string) *Reply {
	m.t.Helper()
	resp, err := m.do(m.t.Context(), http.MethodPost, strings.NewReader(body), lines)
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	r := &Reply{Status: resp.StatusCode, Header: resp.Header}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		if err := readEvents(resp.Body, func(data []byte) { r.Messages = append(r.Messages, data) }); err != nil {
			m.t.Fatal(err)
		}
		return r
	}
	if r.Body, err = io.ReadAll(resp.Body); err != nil {
		m.t.Fatal(err)
	}
	if json.Valid(r.Body) {
		r.Messages = append(r.Messages, bytes.TrimSpace(r.Body))
	}
	return r
}

func (m *MCP) do(ctx context.Context, method string, body io.Reader, lines []string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, m.URL, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if m.Key != "" {
		req.Header.Set("Authorization", "Bearer "+m.Key)
	}
	if m.session != "" {
		req.Header.Set("Mcp-Session-Id", m.session)
	}
	if m.version != "" {
		req.Header.Set("MCP-Protocol-Version", m.version)
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case value == "":
			req.Header.Del(name)
		case strings.EqualFold(name, "Host"):
			req.Host = value
		default:
			req.Header.Set(name, value)
		}
	}
	return http.DefaultClient.Do(req)
}

// readEvents reads an event stream to its end and hands on the data of each event that has some.
func readEvents(r io.Reader, event func(data []byte)) error {
	return readNamedEvents(r, func(_ string, data []byte) { event(data) })
}

// readNamedEvents is readEvents with the names of the events.
func readNamedEvents(r io.Reader, event func(name string, data []byte)) error {
	in := bufio.NewScanner(r)
	in.Buffer(nil, 16<<20)
	var (
		name string
		data []byte
	)
	for in.Scan() {
		line := in.Bytes()
		switch {
		case len(line) == 0:
			if len(data) > 0 {
				event(name, data)
			}
			name, data = "", nil
		case bytes.HasPrefix(line, []byte("event:")):
			name = strings.TrimPrefix(string(line[len("event:"):]), " ")
		case bytes.HasPrefix(line, []byte("data:")):
			if data != nil {
				data = append(data, '\n')
			}
			data = append(data, bytes.TrimPrefix(line[len("data:"):], []byte(" "))...)
		}
	}
	return in.Err()
}

// Open begins a legacy session with these client capabilities ("{}": none); requests of m are part of it.
func (m *MCP) Open(capabilities string) *Reply {
	m.t.Helper()
	m.session, m.version = "", ""
	r := m.Post(fmt.Sprintf(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":%q,"capabilities":%s,"clientInfo":{"name":"e2e","version":"1"}}}`,
		legacyVersion, capabilities))
	r.Result(m.t)
	m.session, m.version = r.Header.Get("Mcp-Session-Id"), legacyVersion
	if n := m.Post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`); n.Status != http.StatusAccepted {
		m.t.Fatalf("notifications/initialized: status %d, want 202: %s", n.Status, n.Body)
	}
	return r
}

// Legacy sends a request of the open session. params is a JSON object.
func (m *MCP) Legacy(method, params string) *Reply {
	m.t.Helper()
	m.lastID++
	return m.Post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, m.lastID, method, params))
}

// Listen opens the session's GET stream and returns its messages; it ends with the test.
func (m *MCP) Listen() <-chan json.RawMessage {
	m.t.Helper()
	return m.stream(http.MethodGet, "")
}

// stream makes a request whose answer is an event stream and returns the messages on it; it ends with the test.
func (m *MCP) stream(method, body string, lines ...string) <-chan json.RawMessage {
	m.t.Helper()
	ctx, cancel := context.WithCancel(m.t.Context())
	resp, err := m.do(ctx, method, strings.NewReader(body), lines) //nolint:bodyclose // the goroutine below closes it.
	if err != nil {
		cancel()
		m.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		cancel()
		_ = resp.Body.Close()
		m.t.Fatalf("%s: status %d", method, resp.StatusCode)
	}
	messages := make(chan json.RawMessage, 1000)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(messages)
		_ = readEvents(resp.Body, func(data []byte) { messages <- data }) // It ends by cancel.
		_ = resp.Body.Close()
	}()
	m.t.Cleanup(func() {
		cancel()
		<-ended
	})
	return messages
}

// Close ends the legacy session.
func (m *MCP) Close() int {
	m.t.Helper()
	resp, err := m.do(m.t.Context(), http.MethodDelete, nil, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	_ = resp.Body.Close()
	m.session, m.version = "", ""
	return resp.StatusCode
}

// Modern sends a request of the stateless era: params is a JSON object without _meta, which is added with
// these client capabilities; name is for Mcp-Name ("": none).
func (m *MCP) Modern(method, params, name, capabilities string, lines ...string) *Reply {
	m.t.Helper()
	m.lastID++
	meta := fmt.Sprintf(`"_meta":{"io.modelcontextprotocol/protocolVersion":%q,"io.modelcontextprotocol/clientInfo":{"name":"e2e","version":"1"},"io.modelcontextprotocol/clientCapabilities":%s}`,
		modernVersion, capabilities)
	if inner := strings.TrimPrefix(params, "{"); inner != "}" {
		meta += ","
	}
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":{%s%s}`, m.lastID, method, meta, strings.TrimPrefix(params, "{"))
	headers := []string{"MCP-Protocol-Version: " + modernVersion, "Mcp-Method: " + method}
	if name != "" {
		headers = append(headers, "Mcp-Name: "+name)
	}
	return m.Post(body, append(headers, lines...)...)
}
