package gateway

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/wire"
)

const (
	helloBody     = `{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{"roots":{}},"clientInfo":{"name":"t","version":"1"}}}`
	askRoots      = `{"method":"roots/list","params":{}}`
	subscribeBody = `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"test://a"}}`
)

// session is the session behind the stream.
func (p *piped) session() *session {
	p.t.Helper()
	_, id, _ := strings.Cut(p.post, "=")
	s := p.r.gw.sessions.piped(id, Identity{Client: mcpmux.ClientID(p.client), Key: mcpmux.KeyID("key-" + p.client)})
	if s == nil {
		p.t.Fatal("there is no session")
	}
	return s
}

// questionID is the id of a question that was put to a client.
func questionID(t *testing.T, e, method string) string {
	t.Helper()
	var q struct {
		ID     json.Number
		Method string
	}
	if err := json.Unmarshal([]byte(e), &q); err != nil || q.Method != method {
		t.Fatalf("heard %s, not %s", e, method)
	}
	return q.ID.String()
}

// heard is a carrier that says when the answer is given.
type heard func()

func (heard) send(outItem) bool     { return true }
func (heard) open()                 {}
func (h heard) finish([]byte)       { h() }
func (heard) gone() <-chan struct{} { return nil }

// exchange is a request of the session whose answer is heard here.
func (p *piped) exchange(answered func()) *exchange {
	s := p.session()
	snap := p.r.gw.current.Load()
	view, _ := snap.view(s.identity.Client, s.alias)
	return &exchange{g: p.r.gw, snap: snap, view: view, id: s.identity, sess: s, reply: &reply{client: p.t.Context(), via: heard(answered)}}
}

func TestPipe_IsReadyWhenItsClientIsToldSo(t *testing.T) {
	p := demoRig(t, "2025-11-25", nil).pipe("c", "/mcp")
	told := false
	x := p.exchange(func() {
		told = true
		if !p.session().pipe.ready.Load() {
			t.Error("the next request of a quick client is refused")
		}
	})
	if fail := x.read([]byte(helloBody)); fail != nil {
		t.Fatal(fail)
	}
	x.initializePipe()
	if !told {
		t.Error("no answer")
	}
}

// The race detector sees whether a ping looks at what initialize sets.
func TestPipe_APingMayComeNextToInitialize(t *testing.T) {
	p := demoRig(t, "2025-11-25", nil).pipe("c", "/mcp")
	s := p.session()
	greeted, answered := make(chan struct{}), make(chan struct{})
	x := p.exchange(func() {
		<-greeted
		close(answered)
	})
	if fail := x.pipeMessage([]byte(pingBody)); fail != nil {
		t.Fatal(fail)
	}
	s.greet(hello{ProtocolVersion: "2024-11-05"})
	close(greeted)
	<-answered
}

func TestPipe_WhatWasAcceptedIsInFlight(t *testing.T) {
	server, spec := scripted(t)
	p := start(t, spec, nil).pipe("d", "/sse")
	p.greet("2024-11-05", `{}`)
	s := p.session()
	answered := make(chan struct{})
	fail := p.exchange(func() { close(answered) }).pipeMessage([]byte(callBody("1", "be_hold", `{}`, `{}`)))
	if fail != nil {
		t.Fatal(fail)
	}
	s.mu.Lock()
	_, known := s.calls["1"]
	s.mu.Unlock()
	if !known {
		t.Error("a client that cancels it now is not heard")
	}
	if !server.Await(t.Context(), func() bool { return server.Holding() == 1 }) {
		t.Error("the server heard nothing of it")
	}
	server.Release()
	<-answered
}

func TestPipe_ACallCanBeCancelled(t *testing.T) {
	server, spec := scripted(t)
	r := start(t, spec, nil)
	p := r.pipe("d", "/sse")
	p.greet("2024-11-05", `{}`)
	p.send(callBody(`"x"`, "be_hold", `{}`, `{"progressToken":1}`))
	if e := p.next(); !strings.Contains(e, "notifications/progress") {
		t.Fatalf("heard %s", e)
	}
	p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"x"}}`)
	if e := p.next(); !strings.Contains(e, "cancelled") || !strings.Contains(e, `"id":"x"`) {
		t.Errorf("heard %s", e)
	}
	if !server.Await(t.Context(), func() bool { return server.Holding() == 0 }) {
		t.Error("the server still works on it")
	}
	for range 2 { // an id that is answered is free again
		p.send(`{"jsonrpc":"2.0","id":"x","method":"ping"}`)
		if e := p.next(); !strings.Contains(e, `"result":{}`) {
			t.Errorf("heard %s", e)
		}
	}
}

func TestPipe_AnIDInFlightIsRefused(t *testing.T) {
	server, spec := scripted(t)
	r := start(t, spec, nil)
	p := r.pipe("d", "/mcp")
	p.greet("2024-11-05", `{}`)
	p.send(callBody(`7`, "be_hold", `{}`, ""))
	p.send(callBody(`7`, "be_hold", `{}`, ""))
	if e := p.next(); !strings.Contains(e, "already in flight") {
		t.Errorf("heard %s", e)
	}
	release(t, server)
	if e := p.next(); !strings.Contains(e, "released") {
		t.Errorf("heard %s", e)
	}
}

func TestPipe_ChangesComeOnTheStream(t *testing.T) {
	_, spec := scripted(t)
	r := start(t, spec, nil)
	p := r.pipe("d", "/sse/s/be")
	p.greet("2024-11-05", `{}`)
	p.send(subscribeBody)
	if e := p.next(); !strings.Contains(e, `"result":{}`) {
		t.Fatalf("subscribe: %s", e)
	}
	r.gw.Updated("v", "", "test://a", []byte(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"test://a"}}`))
	if e := p.next(); !strings.Contains(e, "resources/updated") {
		t.Errorf("heard %s", e)
	}
	st := scriptedState()
	st.Revision = 2
	st.Features = st.Features[1:]
	r.gw.Apply(st)
	if e := p.next(); !strings.Contains(e, methodToolsChanged) {
		t.Errorf("heard %s", e)
	}
}

func TestPipe_AQuestionThatNoCallCausedComesOnTheStream(t *testing.T) {
	_, spec := scripted(t)
	r := start(t, spec, nil)
	p := r.pipe("d", "/mcp")
	scope := backend.Scope{Owner: p.session().owner()}.String()
	req, err := wire.Parse([]byte(`{"jsonrpc":"2.0","id":5,"method":"roots/list"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.gw.AskOwner(t.Context(), "v", scope, req); err == nil {
		t.Error("a client was asked before it said what it can be asked")
	}
	p.greet("2024-11-05", `{"roots":{}}`)
	answers := make(chan string, 1)
	go func() {
		m, err := r.gw.AskOwner(t.Context(), "v", scope, req)
		if err != nil {
			t.Error(err)
		}
		answers <- string(m.Raw)
	}()
	id := questionID(t, p.next(), "roots/list")
	p.send(`{"jsonrpc":"2.0","id":` + id + `,"result":{"roots":[{"uri":"file:///x"}]}}`)
	if a := <-answers; !strings.Contains(a, "file:///x") {
		t.Errorf("answered %s", a)
	}
}

func TestPipe_AnOpenOneIsNotIdle(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	if r.pipe("c", "/mcp").session().idle() {
		t.Error("a session whose stream is open may be evicted")
	}
}

// A Server that never answers must not keep the stream of a revoked client open.
func TestPipe_ARevokedCredentialEndsTheStreamAtOnce(t *testing.T) {
	reached := make(chan struct{})
	var once sync.Once
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // until then nobody tells of a connection that ends
		once.Do(func() { close(reached) })
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close) // after the rig, which would dial again
	t.Cleanup(silent.CloseClientConnections)
	r := start(t, backend.Spec{Alias: "be", Transport: mcpmux.TransportHTTP, URL: silent.URL}, nil)
	p := r.pipe("d", "/mcp")
	p.greet("2024-11-05", `{}`)
	p.send(subscribeBody)
	<-reached
	ended := make(chan string, 1)
	go func() { ended <- p.next() }()
	st := scriptedState()
	st.Revision, st.Keys = 2, nil
	r.gw.Apply(st)
	select {
	case e := <-ended:
		if e != "" {
			t.Errorf("heard %s", e)
		}
	case <-time.After(5 * time.Second):
		t.Error("the stream is still open")
	}
}

func TestPipe_OnlyAClientOfThatTransportGetsOne(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	for _, headers := range [][]string{
		{"Accept: text/event-stream", "MCP-Protocol-Version: 2025-06-18"},
		{"Accept: */*"},
		{},
	} {
		if a := r.send("GET", "/mcp", "c", "", headers...); a.status != http.StatusBadRequest {
			t.Errorf("%v: %d %s", headers, a.status, a.body)
		}
	}
	if a := r.send("GET", "/sse", "", "", "Accept: text/event-stream"); a.status != http.StatusUnauthorized {
		t.Errorf("without a credential: %d", a.status)
	}
	if a := r.send("GET", "/sse/s/nothere", "c", "", "Accept: text/event-stream"); a.status != http.StatusNotFound {
		t.Errorf("at a server that is not there: %d", a.status)
	}
	if a := r.send("POST", "/sse", "c", helloBody); a.status != http.StatusMethodNotAllowed {
		t.Errorf("a client that tries the newer transport first: %d", a.status)
	}
}

// bearer puts a client's credential into every request.
type bearer struct {
	client string
	next   http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.client)
	return b.next.RoundTrip(r)
}

func TestPipe_TheGoSDKCanUseIt(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	progress := make(chan any, 100)
	client := mcp.NewClient(&mcp.Implementation{Name: "sdk", Version: "1"}, &mcp.ClientOptions{
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"name": "Ada"}}, nil
		},
		ProgressNotificationHandler: func(_ context.Context, n *mcp.ProgressNotificationClientRequest) {
			progress <- n.Params.ProgressToken
		},
	})
	for _, path := range []string{"/mcp", "/sse", "/mcp/s/be", "/sse/s/be"} {
		conn, err := client.Connect(t.Context(), &mcp.SSEClientTransport{
			Endpoint: r.url + path, HTTPClient: &http.Client{Transport: bearer{"c", r.http.Transport}},
		}, nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		prefix := "be_"
		if strings.HasSuffix(path, "/be") {
			prefix = ""
		}
		asked, err := conn.CallTool(t.Context(), &mcp.CallToolParams{Name: prefix + "ask_name"})
		if err != nil || len(asked.Content) == 0 || !strings.Contains(asked.Content[0].(*mcp.TextContent).Text, "Ada") {
			t.Errorf("%s: %+v, %v", path, asked, err)
		}
		params := &mcp.CallToolParams{Name: prefix + "countdown", Arguments: map[string]any{"from": 1}}
		params.SetProgressToken(path)
		if _, err := conn.CallTool(t.Context(), params); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if token := <-progress; token != path {
			t.Errorf("%s: progress of %v", path, token)
		}
		for len(progress) > 0 {
			<-progress
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}
