package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// intercepted is a scripted server over HTTP of which some messages are answered otherwise.
func intercepted(t *testing.T, s mcptest.Script, instead func(w http.ResponseWriter, r *http.Request, m wire.Message) bool) (*mcptest.Server, Spec) {
	t.Helper()
	server := mcptest.New(s)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m, _ := wire.Parse(body)
		if instead(w, r, m) {
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return server, httpSpec(srv.URL)
}

// answered is a scripted server whose questions' answers can be read.
func answered(t *testing.T) (*mcptest.Server, Spec, <-chan string) {
	t.Helper()
	answers := make(chan string, 10)
	server, spec := intercepted(t, mcptest.Script{}, func(_ http.ResponseWriter, _ *http.Request, m wire.Message) bool {
		if m.Kind == wire.Response || m.Kind == wire.Error {
			answers <- string(m.Raw)
		}
		return false
	})
	return server, spec, answers
}

// dialFollowed dials and waits for the GET stream.
func dialFollowed(t *testing.T, server *mcptest.Server, spec Spec, opt Options) *Conn {
	t.Helper()
	c, err := Dial(within(t), spec, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if !server.Await(within(t), func() bool { return server.Streams() == 1 }) {
		t.Fatal("no GET stream")
	}
	return c
}

const ofTask = `"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t1"}}`

func TestQuestion_WithoutACallGoesToWhoAnswersForTheConnection(t *testing.T) {
	for _, row := range []struct {
		name, method, params string
		ask                  askFunc
		roots                []string
		want                 string
	}{
		{"asked", "elicitation/create", `{}`, answering(`{"action":"accept"}`), nil, `{"jsonrpc":"2.0","id":"q","result":{"action":"accept"}}`},
		{"roots are asked for first", "roots/list", `{}`, answering(`{"roots":[]}`), []string{"file:///set"}, `{"jsonrpc":"2.0","id":"q","result":{"roots":[]}}`},
		{"roots that were set", "roots/list", `{}`, nil, []string{"file:///a b", "file:///c"}, `{"jsonrpc":"2.0","id":"q","result":{"roots":[{"uri":"file:///a b"},{"uri":"file:///c"}]}}`},
		{"roots that were set, nobody there", "roots/list", `{}`, nobody, []string{"file:///c"}, `{"jsonrpc":"2.0","id":"q","result":{"roots":[{"uri":"file:///c"}]}}`},
		{"nobody there for an elicitation", "elicitation/create", `{}`, nobody, nil, `"result":{"action":"cancel"}`},
		{"nobody there for sampling", "sampling/createMessage", `{}`, nobody, nil, `-32603`},
		{"a refusal in words", "elicitation/create", `{}`, refusing, nil, `"error":{"code":-32602,"message":"no form"}`},
		{"nobody at all", "elicitation/create", `{}`, nil, nil, `-32603`},
		{"of a task", "elicitation/create", `{` + ofTask + `}`, answering(`{"action":"decline"}`), nil, `"result":{"action":"decline"}`},
		{"roots of a task are not those that were set", "roots/list", `{` + ofTask + `}`, nil, []string{"file:///set"}, `-32603`},
		{"unknown", "made/up", `{}`, answering(`{}`), nil, `-32601`},
	} {
		t.Run(row.name, func(t *testing.T) {
			server, spec, answers := answered(t)
			opt := options(t, newWorld())
			opt.Events.Ask, spec.Roots = row.ask, row.roots
			dialFollowed(t, server, spec, opt)
			server.Send(`{"jsonrpc":"2.0","id":"q","method":"` + row.method + `","params":` + row.params + `}`)
			if got := next(within(t), t, answers, "an answer"); !strings.Contains(got, row.want) {
				t.Errorf("the server got %s", got)
			}
		})
	}
}

func answering(result string) askFunc {
	return func(context.Context, wire.Message) (wire.Message, error) {
		return wire.Parse(wire.NewResult([]byte(`"elsewhere"`), []byte(result)))
	}
}

func refusing(context.Context, wire.Message) (wire.Message, error) {
	return wire.Message{}, &RPCError{Code: wire.CodeInvalidParams, Message: "no form"}
}

func nobody(context.Context, wire.Message) (wire.Message, error) {
	return wire.Message{}, errors.New("nobody is there")
}

func TestQuestion_OfATaskIsNotThatOfWhoeverCalls(t *testing.T) {
	server, spec, answers := answered(t)
	opt := options(t, newWorld())
	opt.Events.Ask = answering(`{"action":"decline"}`)
	c := dialFollowed(t, server, spec, opt)
	s := newSink(`{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}`)
	held := tool(t, "hold", `{}`)
	held.Sink, held.Caps = s, allowAll()
	done := start(within(t), c, held)
	next(within(t), t, s.notes, "progress")
	server.Send(`{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{` + ofTask + `}}`)
	if got := next(within(t), t, answers, "an answer"); !strings.Contains(got, "decline") || len(s.asks) > 0 {
		t.Errorf("the server got %s", got)
	}
	// Who waits for that very task is asked.
	call := request(t, `{"jsonrpc":"2.0","id":1,"method":"tasks/result","params":{"taskId":"client's"}}`)
	call.Sink, call.Caps = s, allowAll()
	_, end, err := c.register(within(t), call, call.Message.Method, "t1")
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	server.Send(`{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{` + ofTask + `}}`)
	if got := next(within(t), t, answers, "an answer"); !strings.Contains(got, "accept") {
		t.Errorf("the server got %s", got)
	}
	server.Release()
	next(within(t), t, done, "the end")
}

func TestQuestion_EndsWithTheConnectionAndWhenItIsWithdrawn(t *testing.T) {
	server, spec := endpoint(t, mcptest.Script{})
	opt := options(t, newWorld())
	begun, ended := make(chan struct{}, 2), make(chan struct{}, 2)
	opt.Events.Ask = func(ctx context.Context, _ wire.Message) (wire.Message, error) {
		begun <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return wire.Message{}, ctx.Err()
	}
	c := dialFollowed(t, server, spec, opt)
	server.Send(`{"jsonrpc":"2.0","id":7,"method":"elicitation/create","params":{}}`)
	next(within(t), t, begun, "the question")
	server.Broadcast("notifications/cancelled", `{"requestId":7}`)
	next(within(t), t, ended, "its end")
	server.Send(`{"jsonrpc":"2.0","id":8,"method":"elicitation/create","params":{}}`)
	next(within(t), t, begun, "the question")
	_ = c.Close()
	next(within(t), t, ended, "its end")
	if n := server.Count("response"); n != 0 {
		t.Errorf("%d answers", n)
	}
}

func TestQuestion_IsOnlyPutToAClientThatCanBeAskedIt(t *testing.T) {
	const form, url = `{"mode":"form"}`, `{"mode":"url"}`
	for _, row := range []struct {
		caps, method, params string
		elicits              bool
		want                 string
	}{
		{`{"elicitation":{}}`, "elicitation/create", form, false, "result"},
		{`{"elicitation":{}}`, "elicitation/create", url, false, "-32602"},
		{`{"elicitation":{"url":{}}}`, "elicitation/create", url, false, "result"},
		{`{"elicitation":{"url":{}}}`, "elicitation/create", `{}`, false, "-32602"},
		{`{"elicitation":{"url":{}}}`, "elicitation/create", `{}`, true, "result"},
		{`{}`, "elicitation/create", form, false, "-32601"},
		{`{}`, "elicitation/create", url, true, "-32601"},
		{`{}`, "elicitation/create", form, true, "result"},
		{`{}`, "elicitation/create", `{}`, true, "result"},
		{`{}`, "roots/list", `{}`, true, "-32601"},
		{`{"sampling":{}}`, "sampling/createMessage", `{"tools":[{"name":"x"}]}`, false, "-32602"},
		{`{"sampling":{}}`, "sampling/createMessage", `{}`, false, "result"},
	} {
		t.Run(fmt.Sprint(row.caps, row.method, row.params, row.elicits), func(t *testing.T) {
			_, spec := endpoint(t, mcptest.Script{})
			spec.Version = protocol.V20251125
			c := dial(t, spec, newWorld())
			call := tool(t, "ask", `{"method":"`+row.method+`","params":`+row.params+`}`)
			call.Sink, call.Caps, call.Elicits = newSink(`{"jsonrpc":"2.0","id":1,"result":{}}`), protocol.ParseCapabilities([]byte(row.caps)), row.elicits
			m, err := c.Call(within(t), call)
			if err != nil {
				t.Fatal(err)
			}
			if got := text(t, m); !strings.Contains(got, row.want) {
				t.Errorf("the server got %s", got)
			}
		})
	}
}

func TestNotification_ThatNamesItsOwnerIsPassedOn(t *testing.T) {
	server, spec := endpoint(t, mcptest.Script{})
	heard := make(chan string, 3)
	opt := options(t, newWorld())
	opt.Events.Notified = func(method string, raw []byte) { heard <- method + string(raw) }
	dialFollowed(t, server, spec, opt)
	for _, method := range []string{"notifications/elicitation/complete", "notifications/tasks/status", "notifications/tasks"} {
		server.Broadcast(method, `{"x":1}`)
		if got := next(within(t), t, heard, method); !strings.HasPrefix(got, method+"{") || !strings.Contains(got, `{"x":1}`) {
			t.Errorf("got %s", got)
		}
	}
}

func TestNotification_OfAnUnknownKindGoesToTheOnlyCaller(t *testing.T) {
	server, spec := endpoint(t, mcptest.Script{})
	c := dialFollowed(t, server, spec, options(t, newWorld()))
	s := newSink("")
	held := tool(t, "hold", `{}`)
	held.Sink = s
	done := start(within(t), c, held)
	next(within(t), t, s.notes, "progress")
	server.Broadcast("notifications/vendor/new", `{"y":2}`)
	if got := next(within(t), t, s.notes, "the notification"); !strings.Contains(got, "vendor/new") {
		t.Errorf("got %s", got)
	}
	server.Release()
	next(within(t), t, done, "the end")
}

// TestSpoiled_ByACallHeldAloneThatTheServerDoesNotEnd waits for the grace.
func TestSpoiled_ByACallHeldAloneThatTheServerDoesNotEnd(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits for the grace")
	}
	_, sseSpec := newSSEEndpoint(t, plain)
	_, httpSpec := endpoint(t, mcptest.Script{})
	for _, row := range []struct {
		name      string
		spec      Spec
		exclusive bool
		want      bool
	}{
		{"stdio", stdioSpec(t, mcptest.Script{}), true, true},
		{"stdio shared", stdioSpec(t, mcptest.Script{}), false, false},
		{"sse", sseSpec, true, true},
		{"http", httpSpec, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, row.spec, newWorld())
			ctx, cancel := context.WithCancel(within(t))
			s := newSink("")
			held := tool(t, "hold", `{}`)
			held.Sink, held.Exclusive = s, row.exclusive
			done := start(ctx, c, held)
			next(within(t), t, s.notes, "progress")
			cancel()
			next(within(t), t, done, "the end")
			if c.Spoiled() != row.want {
				t.Errorf("spoiled: %v", c.Spoiled())
			}
		})
	}
}

func TestBatch_IsTakenApartInTheRevisionThatHasIt(t *testing.T) {
	const batch = `[{"jsonrpc":"2.0","method":"notifications/tools/list_changed"} , {"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}, [], 1]`
	for version, want := range map[string]bool{protocol.V20250326: true, protocol.V20250618: false} {
		t.Run("stdio "+version, func(t *testing.T) {
			w := newWorld()
			c := dial(t, stdioSpec(t, mcptest.Script{Version: version}), w)
			callTool(t, c, "junk", `{"text":`+string(wire.Quote(batch))+`}`)
			callTool(t, c, "echo", `{}`)
			w.await(within(t), t, "the note", w.heard("not an MCP message"))
			if got := slices.Equal(w.lists, []mcpmux.FeatureKind{mcpmux.KindTool, mcpmux.KindPrompt}); got != want {
				t.Errorf("heard of %v", w.lists)
			}
		})
		for _, contentType := range []string{"application/json", "text/event-stream"} {
			t.Run(contentType+" "+version, func(t *testing.T) {
				_, spec := intercepted(t, mcptest.Script{Version: version}, func(w http.ResponseWriter, _ *http.Request, m wire.Message) bool {
					if m.Method != "tools/call" {
						return false
					}
					answer := `[{"jsonrpc":"2.0","method":"notifications/tools/list_changed"},` + string(wire.NewResult(m.Bytes(m.ID), []byte(`{"content":[{"type":"text","text":"of a batch"}]}`))) + `]`
					w.Header().Set("Content-Type", contentType)
					if contentType == "text/event-stream" {
						answer = string(wire.AppendEvent(nil, "", "message", []byte(answer)))
					}
					_, _ = io.WriteString(w, answer)
					return true
				})
				w := newWorld()
				m, err := dial(t, spec, w).Call(within(t), tool(t, "echo", `{}`))
				if (err == nil) != want {
					t.Fatalf("%s, %v", m.Raw, err)
				}
				if want && (text(t, m) != "of a batch" || len(w.lists) != 1) {
					t.Errorf("%s, heard of %v", m.Raw, w.lists)
				}
			})
		}
	}
}

func TestModern_AStaleSchemaIsReadAgain(t *testing.T) {
	_, spec := intercepted(t, mcptest.Script{Era: "modern"}, func(w http.ResponseWriter, _ *http.Request, m wire.Message) bool {
		if m.Method != "tools/call" {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(wire.NewError(m.Bytes(m.ID), wire.CodeHeaderMismatch, "Mcp-Param-Region is missing", nil))
		return true
	})
	w := newWorld()
	if m := callTool(t, dial(t, spec, w), "echo", `{}`); m.Kind != wire.Error {
		t.Errorf("%s", m.Raw)
	}
	w.await(within(t), t, "list_changed", func() bool { return slices.Equal(w.lists, []mcpmux.FeatureKind{mcpmux.KindTool}) })
}

func TestModern_ALogLevelIsNotSent(t *testing.T) {
	server, spec := endpoint(t, mcptest.Script{Era: "modern"})
	if err := dial(t, spec, newWorld()).WantLevel(within(t), "debug"); err != nil {
		t.Error(err)
	}
	if n := server.Count("logging/setLevel"); n != 0 {
		t.Errorf("sent %d times", n)
	}
}

// TestListen_ASubscriptionEndsWithItsContext: the server acknowledges nothing, so that the turn is taken.
func TestListen_ASubscriptionEndsWithItsContext(t *testing.T) {
	_, spec := intercepted(t, mcptest.Script{Era: "modern"}, func(w http.ResponseWriter, r *http.Request, m wire.Message) bool {
		if m.Method != "subscriptions/listen" {
			return false
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return true
	})
	c := dial(t, spec, newWorld())
	ctx, cancel := context.WithCancel(within(t))
	cancel()
	if err := c.Subscribe(ctx, "test://a"); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Subscribe(within(t), "test://a") }()
	_ = c.Close()
	if err := next(within(t), t, ended, "the end"); err == nil {
		t.Error("subscribed on a closed connection")
	}
}

// TestHTTP_APollingServerIsReadOn: each stream ends right after its priming event (SEP-1699).
func TestHTTP_APollingServerIsReadOn(t *testing.T) {
	const rounds = 3 * resumeAttempts
	var polls atomic.Int32
	id := make(chan string, 1)
	_, spec := intercepted(t, mcptest.Script{NoStream: true}, func(w http.ResponseWriter, r *http.Request, m wire.Message) bool {
		last := r.Header.Get("Last-Event-Id")
		if m.Method != "tools/call" && last == "" {
			return false
		}
		w.Header().Set("Content-Type", "text/event-stream")
		if m.Method == "tools/call" {
			id <- string(m.Bytes(m.ID))
		}
		if n := polls.Add(1); n <= rounds {
			_, _ = fmt.Fprintf(w, "id: e%d\nretry: 1\ndata:\n\n", n)
			return true
		}
		_, _ = w.Write(wire.AppendEvent(nil, "end", "message", wire.NewResult([]byte(<-id), []byte(`{"content":[{"type":"text","text":"late"}]}`))))
		return true
	})
	if got := text(t, callTool(t, dial(t, spec, newWorld()), "echo", `{}`)); got != "late" {
		t.Errorf("got %q", got)
	}
}

func TestHTTP_AStreamThatCannotBeResumedIsGivenUp(t *testing.T) {
	for _, row := range []struct {
		status      int
		contentType string
		attempts    int32
	}{
		{405, "text/plain", 1}, {400, "application/json", 1}, {202, "text/event-stream", 1}, {200, "application/json", 1}, {401, "text/plain", 1}, {503, "text/plain", resumeAttempts},
	} {
		var gets atomic.Int32
		_, spec := intercepted(t, mcptest.Script{NoStream: true}, func(w http.ResponseWriter, r *http.Request, m wire.Message) bool {
			switch {
			case r.Header.Get("Last-Event-Id") != "":
				gets.Add(1)
				w.Header().Set("Content-Type", row.contentType)
				w.WriteHeader(row.status)
			case m.Method == "tools/call":
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, "id: e1\nretry: 1\ndata:\n\n")
			default:
				return false
			}
			return true
		})
		_, err := dial(t, spec, newWorld()).Call(within(t), tool(t, "echo", `{}`))
		if _, ok := errors.AsType[*ClosedError](err); !ok || gets.Load() != row.attempts {
			t.Errorf("HTTP %d %s: %v after %d attempts", row.status, row.contentType, err, gets.Load())
		}
		if _, login := errors.AsType[*LoginRequiredError](err); login != (row.status == 401) {
			t.Errorf("HTTP %d: %v", row.status, err)
		}
	}
}
