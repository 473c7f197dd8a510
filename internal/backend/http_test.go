package backend

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

func TestHTTP_SessionAndVersionAreOnEveryRequestAfterTheGreeting(t *testing.T) {
	server, spec := endpoint(t, mcptest.Script{Version: protocol.V20250618})
	spec.Header.Set("Authorization", "Bearer x")
	c := dial(t, spec, newWorld())
	callTool(t, c, "echo", `{}`)
	for _, h := range append(server.Headers("tools/call"), server.Headers("notifications/initialized")...) {
		if h["Mcp-Session-Id"] == "" || h["Mcp-Protocol-Version"] != protocol.V20250618 || h["Authorization"] != "Bearer x" {
			t.Errorf("headers %v", h)
		}
	}
	_ = c.Close()
	if n := server.Sessions(); n != 0 {
		t.Errorf("%d sessions are left after Close", n)
	}
}

func TestHTTP_ModernHeadersMirrorTheBody(t *testing.T) {
	server, spec := endpoint(t, mcptest.Script{Era: "modern"})
	c := dial(t, spec, newWorld())
	call := tool(t, "echo", `{}`)
	call.Name = "né"
	call.Header = [][2]string{{"Mcp-Param-Region", "eu"}}
	if _, err := c.Call(within(t), call); err != nil {
		t.Fatal(err)
	}
	h := server.Headers("tools/call")[0]
	if h["Mcp-Method"] != "tools/call" || h["Mcp-Name"] != protocol.EncodeHeader("né") || h["Mcp-Param-Region"] != "eu" ||
		h["Mcp-Protocol-Version"] != protocol.V20260728 || h["Mcp-Session-Id"] != "" {
		t.Errorf("headers %v", h)
	}
}

func TestHTTP_AnEndedSessionIsTheEndOfTheConnection(t *testing.T) {
	server, spec := endpoint(t, mcptest.Script{NoStream: true})
	c := dial(t, spec, newWorld())
	server.EndSessions()
	_, err := c.Call(within(t), tool(t, "echo", `{}`))
	if _, ok := errors.AsType[*ClosedError](err); !ok {
		t.Errorf("err = %v", err)
	}
	next(within(t), t, c.Done(), "Done")
	if c.Err() == nil {
		t.Error("Err is nil")
	}
}

func TestHTTP_ARefusedConnectionIsTheEndOfTheConnection(t *testing.T) {
	srv := httptest.NewServer(mcptest.New(mcptest.Script{NoStream: true}))
	c := dial(t, httpSpec(srv.URL), newWorld())
	srv.Close()
	_, err := c.Call(within(t), tool(t, "echo", `{}`))
	if _, ok := errors.AsType[*ClosedError](err); !ok {
		t.Errorf("err = %v", err)
	}
	next(within(t), t, c.Done(), "Done")
	_, err = Dial(within(t), httpSpec(srv.URL), options(t, newWorld()))
	if err == nil {
		t.Error("dialled an endpoint that is not there")
	}
}

// TestHTTP_ACallIsNeverSentTwice: the server closes the connection, used before, instead of answering; a
// client that sends again would delete twice.
func TestHTTP_ACallIsNeverSentTwice(t *testing.T) {
	for _, header := range []string{"", "Idempotency-Key"} {
		server, spec := endpoint(t, mcptest.Script{JSON: true})
		if header != "" {
			spec.Header.Set(header, "k") // net/http takes it for leave to send again
		}
		c := dial(t, spec, newWorld())
		for range 3 {
			callTool(t, c, "echo", `{}`)
		}
		if _, err := c.Call(within(t), tool(t, "drop", `{}`)); err == nil {
			t.Error("no error")
		}
		if n := server.Calls("drop"); n != 1 {
			t.Errorf("the call arrived %d times", n)
		}
		callTool(t, c, "echo", `{}`)
	}
}

func TestHTTP_RedirectsAreRefused(t *testing.T) {
	var followed atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Store(true) }))
	defer other.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		srv := httptest.NewServer(http.RedirectHandler(other.URL+"/steal?token=hush", code))
		spec := httpSpec(srv.URL)
		spec.Header.Set("Authorization", "Bearer secret")
		_, err := Dial(within(t), spec, options(t, newWorld()))
		if _, ok := errors.AsType[*DialError](err); !ok || !strings.Contains(err.Error(), "redirect") || strings.Contains(err.Error(), "hush") {
			t.Errorf("HTTP %d: %v", code, err)
		}
		srv.CloseClientConnections()
		srv.Close()
	}
	if followed.Load() {
		t.Error("a redirect was followed")
	}
}

func TestHTTP_LoginDuringACallIsSaid(t *testing.T) {
	var locked atomic.Bool
	server := mcptest.New(mcptest.Script{NoStream: true})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if locked.Load() {
			w.Header().Set("Www-Authenticate", "Bearer")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		server.ServeHTTP(w, r)
	}))
	defer srv.Close()
	c := dial(t, httpSpec(srv.URL), newWorld())
	locked.Store(true)
	_, err := c.Call(within(t), tool(t, "echo", `{}`))
	if login, ok := errors.AsType[*LoginRequiredError](err); !ok || login.Status != 401 || strings.Join(login.Challenges, "") != "Bearer" {
		t.Errorf("err = %v", err)
	}
}

// TestHTTP_ACutStreamIsResumed: the stream of a call ends after a priming event and goes on at GET.
func TestHTTP_ACutStreamIsResumed(t *testing.T) {
	server := mcptest.New(mcptest.Script{NoStream: true})
	var calls, resumed atomic.Int32
	id := make(chan string, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.Header.Get("Last-Event-Id") != "" {
			if resumed.Add(1); r.Header.Get("Last-Event-Id") != "e1" || r.Header.Get("Mcp-Session-Id") == "" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = w.Write(wire.AppendEvent(nil, "e2", "message", wire.NewResult([]byte(<-id), []byte(`{"content":[{"type":"text","text":"late"}]}`))))
			return
		}
		body, _ := io.ReadAll(r.Body)
		if m, err := wire.Parse(body); err == nil && m.Method == "tools/call" {
			calls.Add(1)
			id <- string(m.Bytes(m.ID))
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "id: e1\nretry: 1\ndata:\n\n")
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		server.ServeHTTP(w, r)
	}))
	defer srv.Close()
	c := dial(t, httpSpec(srv.URL), newWorld())
	if got := text(t, callTool(t, c, "echo", `{}`)); got != "late" {
		t.Errorf("got %q", got)
	}
	if calls.Load() != 1 || resumed.Load() != 1 {
		t.Errorf("%d calls, %d resumptions", calls.Load(), resumed.Load())
	}
	_ = c.Close()
}

func TestHTTP_GarbageIsAnError(t *testing.T) {
	for name, answer := range map[string]string{
		"not JSON": "hello", "empty": "", "another id": `{"jsonrpc":"2.0","id":4711,"result":{}}`, "a request": `{"jsonrpc":"2.0","id":1,"method":"ping"}`,
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(mcptest.Script{NoStream: true})
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if m, err := wire.Parse(body); err == nil && m.Method == "tools/call" {
					w.Header().Set("Content-Type", "application/json")
					_, _ = io.WriteString(w, answer)
					return
				}
				r.Body = io.NopCloser(strings.NewReader(string(body)))
				server.ServeHTTP(w, r)
			}))
			defer srv.Close()
			c := dial(t, httpSpec(srv.URL), newWorld())
			if m, err := c.Call(within(t), tool(t, "echo", `{}`)); err == nil {
				t.Errorf("got %s", m.Raw)
			}
			_ = c.Close()
		})
	}
}

func TestHTTP_AnErrorWithoutAnIDIsTheAnswer(t *testing.T) {
	server := mcptest.New(mcptest.Script{NoStream: true})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if m, err := wire.Parse(body); err == nil && m.Method == "tools/call" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"bad"}}`)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		server.ServeHTTP(w, r)
	}))
	defer srv.Close()
	c := dial(t, httpSpec(srv.URL), newWorld())
	m, err := c.Call(within(t), tool(t, "echo", `{}`))
	if err != nil || m.Kind != wire.Error || !m.ID.OK() {
		t.Errorf("%s, %v", m.Raw, err)
	}
	_ = c.Close()
}

func TestDial_AServerThatNeverAnswersEndsWithTheContext(t *testing.T) {
	for _, transport := range []string{"stdio", "http"} {
		spec := stdioSpec(t, mcptest.Script{HangInitialize: true})
		if transport == "http" {
			_, spec = endpoint(t, mcptest.Script{HangInitialize: true})
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 300e6, errors.New("the test's patience"))
		_, err := Dial(ctx, spec, options(t, newWorld()))
		cancel()
		if _, ok := errors.AsType[*DialError](err); !ok {
			t.Errorf("%s: err = %v", transport, err)
		}
	}
}

// TestHTTP_AQuestionDuringTheGreetingIsAnsweredInTheSession: a server may ping on the stream of initialize.
func TestHTTP_AQuestionDuringTheGreetingIsAnsweredInTheSession(t *testing.T) {
	server := mcptest.New(mcptest.Script{NoStream: true})
	answered := make(chan string, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m, err := wire.Parse(body)
		switch {
		case err == nil && m.Method == "initialize":
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Mcp-Session-Id", "s1")
			_, _ = w.Write(wire.AppendEvent(nil, "", "message", []byte(`{"jsonrpc":"2.0","id":"p","method":"ping"}`)))
			_, _ = w.Write(wire.AppendEvent(nil, "", "message", wire.NewResult(m.Bytes(m.ID), []byte(`{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"x","version":"1"}}`))))
			return
		case err == nil && m.Kind == wire.Response:
			answered <- r.Header.Get("Mcp-Session-Id")
		case r.Method == http.MethodDelete, err == nil && m.Kind == wire.Notification:
		default:
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			r.Header.Del("Mcp-Session-Id")
			server.ServeHTTP(w, r)
		}
	}))
	defer srv.Close()
	c := dial(t, httpSpec(srv.URL), newWorld())
	if got := next(within(t), t, answered, "the answer to ping"); got != "s1" {
		t.Errorf("the answer came in session %q", got)
	}
	_ = c.Close()
}
