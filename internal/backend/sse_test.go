package backend

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// sseEndpoint is a scripted server over HTTP+SSE: each GET is served like a process, through pipes.
type sseEndpoint struct {
	*mcptest.Server
	url string
	// endpoint is what the stream names, status what other POSTs than to it are answered with, bearer the
	// token that is wanted.
	endpoint func(base string) string
	status   int
	bearer   string
	inBody   bool // answers come in the body of the POST

	mu      sync.Mutex
	inputs  map[string]*io.PipeWriter
	headers []http.Header // of POSTs to the endpoint
	open    atomic.Int32
}

func newSSEEndpoint(t *testing.T, change func(*sseEndpoint)) (*sseEndpoint, Spec) {
	t.Helper()
	e := &sseEndpoint{
		Server: mcptest.New(mcptest.Script{Version: protocol.V20241105}), status: http.StatusMethodNotAllowed, inputs: make(map[string]*io.PipeWriter),
		endpoint: func(string) string { return "/messages" },
	}
	change(e)
	srv := httptest.NewServer(e)
	e.url = srv.URL
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return e, Spec{Alias: "s", Transport: mcpmux.TransportSSE, URL: srv.URL + "/sse", Header: http.Header{}}
}

func (e *sseEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case e.bearer != "" && r.Header.Get("Authorization") != "Bearer "+e.bearer:
		w.Header().Set("Www-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodGet:
		e.stream(w, r)
	case r.URL.Path != "/messages":
		w.WriteHeader(e.status)
	case e.inBody:
		e.single(w, r)
	default:
		e.post(w, r)
	}
}

func (e *sseEndpoint) stream(w http.ResponseWriter, r *http.Request) {
	n := strconv.Itoa(int(e.open.Add(1)))
	defer e.open.Add(-1)
	in, out := io.Pipe()
	e.mu.Lock()
	e.inputs[n] = out
	e.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	write := func(name string, data []byte) {
		_, _ = w.Write(wire.AppendEvent(nil, "", name, data))
		_ = http.NewResponseController(w).Flush()
	}
	write("endpoint", []byte(e.endpoint("http://"+r.Host)+"?session="+n))
	stop := context.AfterFunc(r.Context(), func() { _ = out.Close() })
	defer stop()
	e.Serve(r.Context(), in, writerFunc(func(line []byte) { write("message", line[:len(line)-1]) }))
}

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) {
	f(b)
	return len(b), nil
}

func (e *sseEndpoint) post(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	e.mu.Lock()
	in := e.inputs[r.URL.Query().Get("session")]
	e.headers = append(e.headers, r.Header)
	e.mu.Unlock()
	if in == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_, _ = in.Write(wire.Line(nil, body))
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, "Accepted")
}

// single answers a few requests in the body.
func (e *sseEndpoint) single(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	m, _ := wire.Parse(body)
	result := `{"content":[{"type":"text","text":"in the body"}]}`
	if m.Method == "initialize" {
		result = `{"protocolVersion":"2024-11-05","capabilities":{},"serverInfo":{"name":"x","version":"1"}}`
	}
	w.Header().Set("Content-Type", "application/json")
	if m.Kind != wire.Request {
		_, _ = io.WriteString(w, `{"status":"ok"}`)
		return
	}
	_, _ = w.Write(wire.NewResult(m.Bytes(m.ID), []byte(result)))
}

func plain(*sseEndpoint) {}

func TestSSE_CallsProgressAndQuestionsPass(t *testing.T) {
	e, spec := newSSEEndpoint(t, func(e *sseEndpoint) { e.bearer = "sesame" })
	spec.Header.Set("Authorization", "Bearer sesame")
	c := dial(t, spec, newWorld())
	if v := c.About().ProtocolVersion; v != protocol.V20241105 || c.Modern() || c.Streams() || c.PID() != 0 {
		t.Errorf("speaks %s, modern %v, streams %v", v, c.Modern(), c.Streams())
	}
	if m := callTool(t, c, "odd", `{}`); string(m.Bytes(m.Result)) != mcptest.Odd {
		t.Errorf("odd = %s", m.Raw)
	}
	if n := len(text(t, callTool(t, c, "big", `{"bytes":3000000}`))); n != 3_000_000 {
		t.Errorf("%d bytes", n)
	}
	call := tool(t, "ask", `{"method":"roots/list"}`)
	call.Sink, call.Caps = newSink(rootsAnswer), allowAll()
	m, err := c.Call(within(t), call)
	if err != nil || !strings.Contains(text(t, m), "file:///x") {
		t.Errorf("the server got %s, %v", m.Raw, err)
	}
	ctx, cancel := context.WithCancel(within(t))
	s := newSink("")
	held := tool(t, "hold", `{}`)
	held.Sink = s
	done := start(ctx, c, held)
	if got := next(within(t), t, s.notes, "progress"); !strings.Contains(got, `"progressToken":"client-token"`) {
		t.Errorf("progress came as %s", got)
	}
	cancel()
	next(within(t), t, done, "the end")
	if !e.Await(within(t), func() bool { return e.Holding() == 0 }) {
		t.Error("the server was not told of the cancellation")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, h := range e.headers {
		if h.Get("Authorization") != "Bearer sesame" {
			t.Errorf("headers %v", h)
		}
	}
}

// TestSSE_AQuestionIsAttributedAsOnStdio: no stream says whose call it belongs to.
func TestSSE_AQuestionIsAttributedAsOnStdio(t *testing.T) {
	_, spec := newSSEEndpoint(t, plain)
	c := dial(t, spec, newWorld())
	bystander := newSink(rootsAnswer)
	held := tool(t, "hold", `{}`)
	held.Sink, held.Caps = bystander, allowAll()
	done := start(within(t), c, held)
	next(within(t), t, bystander.notes, "progress")
	call := tool(t, "ask", `{"method":"roots/list"}`)
	call.Sink, call.Caps = newSink(rootsAnswer), allowAll()
	m, err := c.Call(within(t), call)
	if err != nil || !strings.Contains(text(t, m), "-32603") || len(bystander.asks) > 0 {
		t.Errorf("the server got %s, %v", m.Raw, err)
	}
	callTool(t, c, "release", `{}`)
	next(within(t), t, done, "the end")
}

func TestSSE_MessagesAreOnlyPostedToTheStreamsOwnOrigin(t *testing.T) {
	var asked atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Store(true) }))
	defer other.Close()
	for name, row := range map[string]struct {
		endpoint func(base string) string
		ok       bool
	}{
		"path":           {func(string) string { return "/messages" }, true},
		"relative":       {func(string) string { return "messages" }, true},
		"same origin":    {func(base string) string { return base + "/messages" }, true},
		"another port":   {func(string) string { return other.URL + "/messages" }, false},
		"another scheme": {func(base string) string { return strings.Replace(base, "http", "https", 1) + "/messages" }, false},
		"another name": {func(base string) string {
			return strings.Replace(base, "127.0.0.1", "localhost", 1) + "/messages"
		}, false},
		"no scheme": {func(string) string { return "//" + strings.TrimPrefix(other.URL, "http://") + "/messages" }, false},
		"user":      {func(base string) string { return strings.Replace(base, "://", "://me@", 1) + "/messages" }, false},
		"garbage":   {func(string) string { return "http://[::1" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, spec := newSSEEndpoint(t, func(e *sseEndpoint) { e.endpoint = row.endpoint })
			c, err := Dial(within(t), spec, options(t, newWorld()))
			if c != nil {
				defer c.Close()
			}
			if _, refused := errors.AsType[*DialError](err); refused == row.ok {
				t.Errorf("err = %v", err)
			}
		})
	}
	if asked.Load() {
		t.Error("another origin was asked")
	}
}

func TestSameOrigin_KnowsDefaultPorts(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"http://a/x", "http://A:80/y", true},
		{"https://a/x", "https://a:443", true},
		{"https://a/x", "https://a:80", false},
		{"http://a", "https://a", false},
		{"http://a", "http://a.b", false},
	} {
		_, in := newSSEEndpoint(t, plain)
		in.URL = row.b
		h, err := newHTTP(newConn(in, options(t, newWorld())))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = h.close() }()
		s := &sse{in: h}
		if err := s.point(row.a); (err == nil) != row.want {
			t.Errorf("%s for %s: %v", row.a, row.b, err)
		}
		if s.out != nil {
			defer func() { _ = s.out.close() }()
		}
	}
}

func TestSSE_TheEndOfTheStreamIsTheEndOfTheConnection(t *testing.T) {
	ended := make(chan struct{})
	_, spec := newSSEEndpoint(t, plain)
	inner := spec.URL
	cut := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		relay(w, r, inner, cut)
		if r.Method == http.MethodGet {
			close(ended)
		}
	}))
	defer srv.Close()
	spec.URL = srv.URL + "/sse"
	c := dial(t, spec, newWorld())
	s := newSink("")
	held := tool(t, "hold", `{}`)
	held.Sink = s
	done := start(within(t), c, held)
	next(within(t), t, s.notes, "progress")
	close(cut)
	o := next(within(t), t, done, "the end of the call")
	if _, ok := errors.AsType[*ClosedError](o.err); !ok {
		t.Errorf("err = %v", o.err)
	}
	next(within(t), t, c.Done(), "Done")
	next(within(t), t, ended, "the end of the stream")
	if c.Err() == nil {
		t.Error("Err is nil")
	}
}

// relay passes a request on until cut is closed.
func relay(w http.ResponseWriter, r *http.Request, inner string, cut <-chan struct{}) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		select {
		case <-cut:
			cancel()
		case <-ctx.Done():
		}
	}()
	body, _ := io.ReadAll(r.Body)
	req, _ := http.NewRequestWithContext(ctx, r.Method, strings.TrimSuffix(inner, "/sse")+r.URL.RequestURI(), strings.NewReader(string(body)))
	req.Header = r.Header.Clone()
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	w.WriteHeader(resp.StatusCode)
	buf := make([]byte, 4096)
	for {
		n, err := resp.Body.Read(buf)
		_, _ = w.Write(buf[:n])
		_ = http.NewResponseController(w).Flush()
		if err != nil {
			return
		}
	}
}

func TestSSE_CloseEndsTheStream(t *testing.T) {
	e, spec := newSSEEndpoint(t, plain)
	c := dial(t, spec, newWorld())
	_ = c.Close()
	if c.Err() != nil {
		t.Errorf("Err = %v after Close", c.Err())
	}
	if !e.Await(within(t), func() bool { return e.Streams() == 0 }) {
		t.Error("the stream is open")
	}
	if _, err := c.Call(within(t), tool(t, "echo", `{}`)); err == nil {
		t.Error("a closed connection took a call")
	}
}

func TestSSE_ALoginIsSaid(t *testing.T) {
	_, spec := newSSEEndpoint(t, func(e *sseEndpoint) { e.bearer = "sesame" })
	for _, transport := range []mcpmux.Transport{mcpmux.TransportSSE, mcpmux.TransportHTTP} {
		spec.Transport = transport
		_, err := Dial(within(t), spec, options(t, newWorld()))
		if login, ok := errors.AsType[*LoginRequiredError](err); !ok || login.Status != 401 || strings.Join(login.Challenges, "") != "Bearer" {
			t.Errorf("%s: err = %v", transport, err)
		}
	}
}

func TestSSE_AnAnswerInTheBodyOfThePOSTIsTaken(t *testing.T) {
	_, spec := newSSEEndpoint(t, func(e *sseEndpoint) { e.inBody = true })
	if got := text(t, callTool(t, dial(t, spec, newWorld()), "echo", `{}`)); got != "in the body" {
		t.Errorf("got %q", got)
	}
}

func TestSSE_AForgottenSessionIsTheEndOfTheConnection(t *testing.T) {
	e, spec := newSSEEndpoint(t, plain)
	c := dial(t, spec, newWorld())
	e.mu.Lock()
	clear(e.inputs)
	e.mu.Unlock()
	_, err := c.Call(within(t), tool(t, "echo", `{}`))
	if _, ok := errors.AsType[*ClosedError](err); !ok || c.Err() == nil {
		t.Errorf("err = %v, Err = %v", err, c.Err())
	}
}

func TestSSE_AStreamWithoutAnEndpointIsRefused(t *testing.T) {
	for name, serve := range map[string]http.HandlerFunc{
		"no event stream": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") },
		"no endpoint": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: x\n\n")
		},
		"silence": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(serve)
			defer srv.Close()
			ctx, cancel := context.WithTimeoutCause(t.Context(), 500e6, errors.New("the test's patience"))
			defer cancel()
			_, err := Dial(ctx, Spec{Transport: mcpmux.TransportSSE, URL: srv.URL}, options(t, newWorld()))
			if _, ok := errors.AsType[*DialError](err); !ok {
				t.Errorf("err = %v", err)
			}
		})
	}
}

// TestHTTP_ServersOf20241105AreFound: what is said to be Streamable HTTP refuses the POST and is HTTP+SSE.
func TestHTTP_ServersOf20241105AreFound(t *testing.T) {
	for _, row := range []struct {
		status  int
		version string
		era     mcpmux.Era
		found   bool
	}{
		{400, "", "", true},
		{404, "", "", true},
		{405, "", mcpmux.EraAuto, true},
		{405, protocol.V20241105, "", true},
		{405, "", mcpmux.EraLegacy, true},
		{405, "", mcpmux.EraModern, false},
		{500, "", "", false},
	} {
		t.Run(strconv.Itoa(row.status)+row.version+string(row.era), func(t *testing.T) {
			e, spec := newSSEEndpoint(t, func(e *sseEndpoint) { e.status = row.status })
			spec.Transport, spec.Version, spec.Era = mcpmux.TransportHTTP, row.version, row.era
			c, err := Dial(within(t), spec, options(t, newWorld()))
			if (err == nil) != row.found {
				t.Fatalf("err = %v", err)
			}
			if err != nil {
				if e.open.Load() != 0 {
					t.Error("the stream was opened")
				}
				return
			}
			defer c.Close()
			if c.Streams() {
				t.Error("it is taken for Streamable HTTP")
			}
			callTool(t, c, "echo", `{}`)
		})
	}
}

func TestSSE_HasNoModernEra(t *testing.T) {
	_, spec := newSSEEndpoint(t, plain)
	spec.Era = mcpmux.EraModern
	if _, err := Dial(within(t), spec, options(t, newWorld())); err == nil {
		t.Error("dialled")
	}
}

func TestSDKServer_IsServedOverSSE(t *testing.T) {
	server := newSDKServer()
	srv := httptest.NewServer(mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return server }, nil))
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	for _, transport := range []mcpmux.Transport{mcpmux.TransportSSE, mcpmux.TransportHTTP} {
		t.Run(string(transport), func(t *testing.T) {
			spec := httpSpec(srv.URL)
			spec.Transport = transport
			c := dial(t, spec, newWorld())
			if c.Streams() {
				t.Error("it is taken for Streamable HTTP")
			}
			s := newSink("")
			call := tool(t, "shout", `{"text":"hi"}`)
			call.Sink = s
			m, err := c.Call(within(t), call)
			if err != nil || text(t, m) != "hi!" {
				t.Fatalf("%s, %v", m.Raw, err)
			}
			next(within(t), t, s.notes, "progress")
			if err := c.Ping(within(t)); err != nil {
				t.Error(err)
			}
			_ = c.Close()
		})
	}
}
