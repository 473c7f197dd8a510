package backend

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

func TestMain(m *testing.M) {
	if mcptest.IsChild() {
		os.Exit(mcptest.Main())
	}
	if os.Getenv(sdkVar) != "" {
		os.Exit(serveSDK())
	}
	goleak.VerifyTestMain(m)
}

// within is how long anything here may take; only a broken rule takes so long.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// world hears what a connection says besides its calls.
type world struct {
	mu          sync.Mutex
	lines       []string
	lists       []mcpmux.FeatureKind
	updates     []string
	logs        []string
	interactive int
	changed     chan struct{}
}

func newWorld() *world { return &world{changed: make(chan struct{})} }

func (w *world) note(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *world) events() Events {
	return Events{
		ListChanged: func(k ...mcpmux.FeatureKind) { w.note(func() { w.lists = append(w.lists, k...) }) },
		Updated:     func(uri string, _ []byte) { w.note(func() { w.updates = append(w.updates, uri) }) },
		Log:         func(_, _ string, data []byte) { w.note(func() { w.logs = append(w.logs, string(data)) }) },
		Stderr:      func(line string) { w.note(func() { w.lines = append(w.lines, line) }) },
		Interactive: func() { w.note(func() { w.interactive++ }) },
	}
}

// await waits until ok, which is asked with the lock held.
func (w *world) await(ctx context.Context, t *testing.T, what string, ok func() bool) {
	t.Helper()
	for {
		w.mu.Lock()
		changed, done := w.changed, ok()
		w.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}

func (w *world) heard(text string) func() bool {
	return func() bool {
		for _, l := range w.lines {
			if strings.Contains(l, text) {
				return true
			}
		}
		return false
	}
}

// options are those of a test, with a Transport of its own that leaves nothing open.
func options(t *testing.T, w *world) Options {
	tr := NewTransport()
	t.Cleanup(tr.CloseIdleConnections)
	return Options{Transport: tr, Events: w.events()}
}

// stdioSpec is a scripted server as a process.
func stdioSpec(t *testing.T, s mcptest.Script) Spec {
	t.Helper()
	program, env, err := mcptest.Command(s)
	if err != nil {
		t.Fatal(err)
	}
	return Spec{Alias: "s", Transport: mcpmux.TransportStdio, Command: program, Env: env}
}

// endpoint is a scripted server over HTTP.
func endpoint(t *testing.T, s mcptest.Script) (*mcptest.Server, Spec) {
	t.Helper()
	server := mcptest.New(s)
	srv := httptest.NewServer(server)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return server, httpSpec(srv.URL + "/mcp")
}

func httpSpec(url string) Spec {
	return Spec{Alias: "s", Transport: mcpmux.TransportHTTP, URL: url, Header: http.Header{}}
}

func dial(t *testing.T, spec Spec, w *world) *Conn {
	t.Helper()
	c, err := Dial(within(t), spec, options(t, w))
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// both runs a test against a process and an endpoint of the older era.
func both(t *testing.T, version string, run func(t *testing.T, spec Spec)) {
	t.Run("stdio", func(t *testing.T) {
		spec := stdioSpec(t, mcptest.Script{Era: era(version)})
		spec.Version = version
		run(t, spec)
	})
	t.Run("http", func(t *testing.T) {
		_, spec := endpoint(t, mcptest.Script{Era: era(version)})
		spec.Version = version
		run(t, spec)
	})
}

func era(version string) string {
	if protocol.Modern(version) {
		return "modern"
	}
	return "legacy"
}

// request is a client's message as a Call.
func request(t *testing.T, raw string) *Call {
	t.Helper()
	m, err := wire.Parse([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	call := &Call{Message: m}
	var meta, token [1]wire.Span
	if wire.Find(m.Raw, m.Params, []string{"_meta"}, meta[:]) == nil && meta[0].OK() {
		if wire.Find(m.Raw, meta[0], []string{"progressToken"}, token[:]) == nil {
			call.Token = token[0]
		}
	}
	return call
}

func tool(t *testing.T, name, arguments string) *Call {
	t.Helper()
	call := request(t, `{"jsonrpc":"2.0","id":"client-1","method":"tools/call","params":{"name":"`+name+`","arguments":`+arguments+`,"_meta":{"progressToken":"client-token"}}}`)
	call.Name = name
	return call
}

// text is the first text of a tool's result.
func text(t *testing.T, m wire.Message) string {
	t.Helper()
	var r struct {
		Content []struct{ Text string }
	}
	if err := json.Unmarshal(m.Bytes(m.Result), &r); err != nil || len(r.Content) == 0 {
		t.Fatalf("no text in %s", m.Raw)
	}
	return r.Content[0].Text
}

func callTool(t *testing.T, c *Conn, name, arguments string) wire.Message {
	t.Helper()
	m, err := c.Call(within(t), tool(t, name, arguments))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}

// sink records what belongs to a call.
type sink struct {
	notes chan string
	asks  chan string
	// answer is the client's response to a question; "" waits for the end.
	answer string
}

func newSink(answer string) *sink {
	return &sink{notes: make(chan string, 100), asks: make(chan string, 100), answer: answer}
}

func (s *sink) Notify(raw []byte) { s.notes <- string(raw) }

func (s *sink) Ask(ctx context.Context, req wire.Message) (wire.Message, error) {
	s.asks <- string(req.Raw)
	if s.answer == "" {
		<-ctx.Done()
		return wire.Message{}, ctx.Err()
	}
	return wire.Parse([]byte(s.answer))
}

func next[T any](ctx context.Context, t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-ctx.Done():
		t.Fatalf("never: %s", what)
	}
	return v
}

// outcome is what a call in a goroutine of its own came to.
type outcome struct {
	m   wire.Message
	err error
}

func start(ctx context.Context, c *Conn, call *Call) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		m, err := c.Call(ctx, call)
		done <- outcome{m, err}
	}()
	return done
}
