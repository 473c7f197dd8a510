package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// Progress of a call reaches its caller under the caller's own token, and nobody else, though both share one
// process and use the same ids and tokens.
func TestProtocol_ProgressReachesTheCallerAlone(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddServer("s", process(t, mcptest.Script{})...)
	a, b := d.Session(d.NewClient("a")), d.Session(d.NewClient("b"))
	call := func(m *MCP, token string) <-chan *Reply {
		caller := *m
		return later(t, func() *Reply {
			return caller.Legacy("tools/call", `{"name":"s_hold","arguments":{},"_meta":{"progressToken":`+token+`}}`)
		})
	}
	ra, rb := call(a, `"same"`), call(b, `"same"`)
	a.lastID = 10
	eventually(t, soon, "two calls", func() bool { return strings.Contains(a.Call("s_stats", `{}`).lastText(), `"hold":2`) })
	a.Call("s_release", `{}`).Result(t)
	for _, r := range []*Reply{<-ra, <-rb} {
		if len(r.Messages) != 2 {
			t.Fatalf("want one progress and a result, got %s", r.Messages)
		}
		if want := `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"same","progress":1,"x-odd":1.0}}`; string(r.Messages[0]) != want {
			t.Errorf("got %s, want %s", r.Messages[0], want)
		}
		if got := resultText(t, r.Result(t)); got != "released" {
			t.Errorf("got %s", got)
		}
	}
}

// A cancellation reaches the server for its own request, and only for that; the other client's call with the
// same id goes on.
func TestProtocol_CancelReachesTheServerForThatCallAlone(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	s := d.AddScripted("s", mcptest.Script{})
	a, b := d.Session(d.NewClient("a")), d.Session(d.NewClient("b"))
	ca, cb := *a, *b
	cancelled := later(t, func() int {
		resp, err := ca.do(t.Context(), http.MethodPost, strings.NewReader(`{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"s_hold","arguments":{}}}`), nil)
		if err != nil {
			return 0
		}
		_ = readEvents(resp.Body, func([]byte) {}) // It may be cut.
		_ = resp.Body.Close()
		return resp.StatusCode
	})
	cb.lastID = 76
	goesOn := later(t, func() *Reply { return cb.Call("s_hold", `{}`) })
	awaitScripted(t, s, soon, "two calls", func() bool { return s.Holding() == 2 })
	a.Post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":77,"reason":"enough"}}`)
	awaitScripted(t, s, soon, "cancellation", func() bool { return s.Holding() == 1 })
	<-cancelled
	s.Release()
	if got := resultText(t, (<-goesOn).Result(t)); got != "released" {
		t.Errorf("got %s", got)
	}
}

// What a server asks during a call is put to the client whose call it is; one without the capability is not
// asked, and the server gets an error.
func TestProtocol_QuestionsReachTheCallerAlone(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddServer("s", process(t, mcptest.Script{})...)
	able, unable := d.MCP(d.NewClient("able")), d.Session(d.NewClient("unable"))
	able.Open(`{"elicitation":{},"sampling":{},"roots":{}}`)
	quiet := unable.Listen()
	ask := `{"method":"elicitation/create","params":{"message":"Who?","requestedSchema":{"type":"object","properties":{}}}}`
	// The first time the gateway learns that this server asks; from then on it is asked for real.
	_ = unable.Call("s_ask", ask).Last(t)
	resp, err := able.do(t.Context(), http.MethodPost, strings.NewReader(`{"jsonrpc":"2.0","id":50,"method":"tools/call","params":{"name":"s_ask","arguments":`+ask+`}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	asked := 0
	var last json.RawMessage
	answer := *able
	if err := readEvents(resp.Body, func(data []byte) {
		var m response
		if json.Unmarshal(data, &m) == nil && m.Method == "elicitation/create" {
			asked++
			answer.Post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"accept","content":{"name":"Ada"}}}`, m.ID))
		}
		last = append(json.RawMessage(nil), data...)
	}); err != nil {
		t.Fatal(err)
	}
	if asked != 1 || !strings.Contains(string(last), "Ada") {
		t.Errorf("asked %d times; the end is %s", asked, last)
	}
	if got := unable.CallText("s_ask", ask); !strings.Contains(got, `"error"`) {
		t.Errorf("a client that cannot be asked: the server got %s", got)
	}
	for _, raw := range drain(quiet) {
		if strings.Contains(string(raw), "elicitation/create") {
			t.Errorf("the other client was asked %s", raw)
		}
	}
}

// Two clients that subscribe to one resource are one subscriber upstream; updates reach both, and the last to
// leave ends it.
func TestProtocol_TwoSubscribersAreOneUpstream(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	s := d.AddScripted("s", mcptest.Script{})
	a, b := d.Session(d.NewClient("a")), d.Session(d.NewClient("b"))
	ma, mb := a.Listen(), b.Listen()
	a.Legacy("resources/subscribe", `{"uri":"test://a"}`).Result(t)
	b.Legacy("resources/subscribe", `{"uri":"test://a"}`).Result(t)
	if n := s.Count("resources/subscribe"); n != 1 {
		t.Errorf("subscribed %d times upstream", n)
	}
	a.Call("s_trigger", `{"uri":"test://a"}`).Result(t)
	for _, c := range []<-chan json.RawMessage{ma, mb} {
		if raw := within(t, soon, c, "notifications/resources/updated"); !strings.Contains(string(raw), `"test://a"`) {
			t.Errorf("got %s", raw)
		}
	}
	a.Legacy("resources/unsubscribe", `{"uri":"test://a"}`).Result(t)
	if n := s.Count("resources/unsubscribe"); n != 0 {
		t.Errorf("unsubscribed upstream while one is left")
	}
	b.Legacy("resources/unsubscribe", `{"uri":"test://a"}`).Result(t)
	awaitScripted(t, s, soon, "end of the subscription", func() bool { return s.Count("resources/unsubscribe") == 1 })
}

// A large result goes through whole.
func TestProtocol_TenMegabytesGoThrough(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("s", mcptest.Script{})
	d.AddServer("p", process(t, mcptest.Script{})...)
	m := d.Session(d.NewClient("a"))
	for _, name := range []string{"s_big", "p_big"} {
		if got := m.CallText(name, `{"bytes":10000000}`); len(got) != 10_000_000 {
			t.Errorf("%s: %d bytes", name, len(got))
		}
	}
}

// A tool that a server adds is announced and listed.
func TestProtocol_ListChangedReachesTheClients(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	s := d.AddScripted("s", mcptest.Script{})
	m := d.Session(d.NewClient("a"))
	told := m.Listen()
	m.Call("s_change", `{"name":"fresh"}`).Result(t)
	within(t, soon, told, listChanged)
	m.Call("s_fresh", `{}`)
	if n := s.Calls("fresh"); n != 1 {
		t.Errorf("the new tool was called %d times", n)
	}
	before := s.Count("tools/list")
	for range 1000 {
		s.Broadcast(listChanged, "")
	}
	m.Call("s_echo", `{}`).Result(t)
	if n := s.Count("tools/list") - before; n > 100 {
		t.Errorf("1,000 notifications made %d lists", n)
	}
}
