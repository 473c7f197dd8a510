package backend

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// modernMeta is what a client of the modern era puts into _meta.
const modernMeta = `"_meta":{"` + protocol.MetaVersion + `":"2026-07-28","` + protocol.MetaCapabilities + `":{}}`

func everywhere(t *testing.T, run func(t *testing.T, spec Spec)) {
	t.Helper()
	for _, v := range []string{protocol.V20251125, protocol.V20260728} {
		t.Run(v, func(t *testing.T) { both(t, v, run) })
	}
	t.Run("http answering in JSON", func(t *testing.T) {
		_, spec := endpoint(t, mcptest.Script{JSON: true})
		run(t, spec)
	})
}

func TestCall_BytesPassBothWaysUnchanged(t *testing.T) {
	const odd = `{"z":12345678901234567890,"a":1.50,"u":"\u00e9é\/<&>","n":null,"e":[ ]}`
	everywhere(t, func(t *testing.T, spec Spec) {
		c := dial(t, spec, newWorld())
		raw := `{"jsonrpc":"2.0","x-extra":[1],"id":"client \u0031","method":"tools/call","params":{"name":"echo","arguments":` + odd + `,` + modernMeta + `}}`
		call := request(t, raw)
		call.Name = "echo"
		m, err := c.Call(within(t), call)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(m.Bytes(m.Result)), `"structuredContent":`+odd) {
			t.Errorf("the arguments came back as %s", m.Raw)
		}
		if m = callTool(t, c, "odd", `{}`); string(m.Bytes(m.Result)) != mcptest.Odd {
			t.Errorf("odd = %s", m.Bytes(m.Result))
		}
	})
}

func TestCall_AnErrorOfTheServerIsAnAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, spec Spec) {
		c := dial(t, spec, newWorld())
		m, err := c.Call(within(t), tool(t, "no_such_tool", `{}`))
		if err != nil || m.Kind != wire.Error {
			t.Errorf("%s, %v", m.Raw, err)
		}
	})
}

func TestCall_BigAnswersPass(t *testing.T) {
	everywhere(t, func(t *testing.T, spec Spec) {
		c := dial(t, spec, newWorld())
		if got := len(text(t, callTool(t, c, "big", `{"bytes":3000000}`))); got != 3_000_000 {
			t.Errorf("%d bytes", got)
		}
	})
}

func TestCall_AnAnswerAboveTheLimitFailsNothingElse(t *testing.T) {
	both(t, protocol.V20251125, func(t *testing.T, spec Spec) {
		opt := options(t, newWorld())
		opt.MaxMessage = 64 << 10
		c, err := Dial(within(t), spec, opt)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx, cancel := context.WithCancel(within(t))
		big := start(ctx, c, tool(t, "big", `{"bytes":100000}`))
		if m := callTool(t, c, "echo", `{"a":1}`); m.Kind != wire.Response {
			t.Errorf("echo: %s", m.Raw)
		}
		cancel()
		if o := next(within(t), t, big, "the end of the big call"); o.err == nil {
			t.Error("a message above the limit was delivered")
		}
	})
}

func TestCall_ProgressBearsTheClientsOwnToken(t *testing.T) {
	for _, token := range []string{`"a\u0062c"`, `7`, `12345678901234567890`} {
		both(t, protocol.V20251125, func(t *testing.T, spec Spec) {
			c := dial(t, spec, newWorld())
			s := newSink("")
			call := request(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken": `+token+` ,"x":1},"name":"hold","arguments":{}}}`)
			call.Sink = s
			ctx, cancel := context.WithCancel(within(t))
			done := start(ctx, c, call)
			if got := next(within(t), t, s.notes, "progress"); !strings.Contains(got, `"progressToken":`+token+`,"progress":1,"x-odd":1.0`) {
				t.Errorf("progress came as %s", got)
			}
			cancel()
			if o := next(within(t), t, done, "the end"); !errors.Is(o.err, context.Canceled) {
				t.Errorf("err = %v", o.err)
			}
		})
	}
}

func TestCall_CancellationReachesTheServer(t *testing.T) {
	for _, version := range []string{protocol.V20251125, protocol.V20260728} {
		t.Run(version, func(t *testing.T) {
			server, spec := endpoint(t, mcptest.Script{Era: era(version)})
			c := dial(t, spec, newWorld())
			ctx, cancel := context.WithCancel(within(t))
			call := request(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hold","arguments":{}}}`)
			call.Name = "hold"
			done := start(ctx, c, call)
			if !server.Await(within(t), func() bool { return server.Holding() == 1 }) {
				t.Fatal("the call never arrived")
			}
			cancel()
			if o := next(within(t), t, done, "the end"); !errors.Is(o.err, context.Canceled) {
				t.Errorf("err = %v", o.err)
			}
			if !server.Await(within(t), func() bool { return server.Holding() == 0 }) {
				t.Error("the server was not told")
			}
			if n := c.InFlight(); n != 0 {
				t.Errorf("%d in flight", n)
			}
		})
	}
}

func TestCall_ACancelledCallOnStdioLeavesTheOthers(t *testing.T) {
	c := dial(t, stdioSpec(t, mcptest.Script{}), newWorld())
	ctx, cancel := context.WithCancel(within(t))
	s := newSink("")
	held := tool(t, "hold", `{}`)
	held.Sink = s
	done := start(ctx, c, held)
	next(within(t), t, s.notes, "progress")
	cancel()
	next(within(t), t, done, "the end of the cancelled call")
	if m := callTool(t, c, "echo", `{}`); m.Kind != wire.Response {
		t.Errorf("%s", m.Raw)
	}
}

const rootsAnswer = `{"jsonrpc":"2.0","id":"client-side","result":{"roots":[{"uri":"file:///x","x-odd":1.0}]}}`

func allowAll() protocol.Capabilities {
	return protocol.ParseCapabilities([]byte(protocol.FullProfile))
}

func TestAsk_GoesToTheSoleCallInFlightAndIsAnsweredByteForByte(t *testing.T) {
	both(t, protocol.V20251125, func(t *testing.T, spec Spec) {
		w := newWorld()
		c := dial(t, spec, w)
		call := tool(t, "ask", `{"method":"roots/list"}`)
		call.Sink, call.Caps = newSink(rootsAnswer), allowAll()
		m, err := c.Call(within(t), call)
		if err != nil {
			t.Fatal(err)
		}
		if got := text(t, m); got != `{"jsonrpc":"2.0","id":"ask-1","result":{"roots":[{"uri":"file:///x","x-odd":1.0}]}}` {
			t.Errorf("the server got %s", got)
		}
		w.await(within(t), t, "interactive", func() bool { return w.interactive > 0 })
	})
}

// TestAsk_Attribution holds one call in flight while another asks.
func TestAsk_Attribution(t *testing.T) {
	for _, row := range []struct {
		name      string
		http      bool
		exclusive bool
		caps      string
		want      string // in what the server gets
	}{
		{"refused when two calls are in flight", false, false, protocol.FullProfile, "-32603"},
		{"refused even to an exclusive call while another is in flight", false, true, protocol.FullProfile, "-32603"},
		{"to the call on whose stream it came", true, false, protocol.FullProfile, "file:///x"},
		{"refused when the client lacks the capability", true, false, `{"sampling":{}}`, "-32601"},
	} {
		t.Run(row.name, func(t *testing.T) {
			spec := stdioSpec(t, mcptest.Script{})
			if row.http {
				_, spec = endpoint(t, mcptest.Script{})
			}
			c := dial(t, spec, newWorld())
			ctx, cancel := context.WithCancel(within(t))
			bystander := newSink(`{"jsonrpc":"2.0","id":1,"result":{"roots":"of a bystander"}}`)
			held := tool(t, "hold", `{}`)
			held.Sink, held.Caps = bystander, allowAll()
			done := start(ctx, c, held)
			next(within(t), t, bystander.notes, "progress")
			call := tool(t, "ask", `{"method":"roots/list"}`)
			call.Sink, call.Exclusive, call.Caps = newSink(rootsAnswer), row.exclusive, protocol.ParseCapabilities([]byte(row.caps))
			m, err := c.Call(within(t), call)
			if err != nil {
				t.Fatal(err)
			}
			if got := text(t, m); !strings.Contains(got, row.want) {
				t.Errorf("the server got %s", got)
			}
			if len(bystander.asks) > 0 {
				t.Error("a client was asked for the call of another")
			}
			cancel()
			next(within(t), t, done, "the end")
		})
	}
}

func TestAsk_IsRefusedWhileACallThatWasGivenUpMayStillBeMeant(t *testing.T) {
	c := dial(t, stdioSpec(t, mcptest.Script{}), newWorld())
	ctx, cancel := context.WithCancel(within(t))
	givenUp := newSink(rootsAnswer)
	held := tool(t, "hold", `{}`)
	held.Sink, held.Caps = givenUp, allowAll()
	done := start(ctx, c, held)
	next(within(t), t, givenUp.notes, "progress")
	cancel()
	next(within(t), t, done, "the end")
	call := tool(t, "ask", `{"method":"roots/list"}`)
	asked := newSink(rootsAnswer)
	call.Sink, call.Caps = asked, allowAll()
	m, err := c.Call(within(t), call)
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, m); !strings.Contains(got, "-32603") || len(asked.asks)+len(givenUp.asks) > 0 {
		t.Errorf("the server got %s", got)
	}
}

func TestAsk_WithoutASinkIsRefused(t *testing.T) {
	c := dial(t, stdioSpec(t, mcptest.Script{}), newWorld())
	if got := text(t, callTool(t, c, "ask", `{"method":"sampling/createMessage"}`)); !strings.Contains(got, "-32601") {
		t.Errorf("the server got %s", got)
	}
	if got := text(t, callTool(t, c, "ask", `{"method":"made/up"}`)); !strings.Contains(got, "-32601") {
		t.Errorf("the server got %s", got)
	}
	if got := text(t, callTool(t, c, "ask", `{"method":"ping"}`)); !strings.Contains(got, `"result":{}`) {
		t.Errorf("the server got %s", got)
	}
}

func TestAsk_AnAnswerWithoutAnIDIsNotForwarded(t *testing.T) {
	c := dial(t, stdioSpec(t, mcptest.Script{}), newWorld())
	call := tool(t, "ask", `{"method":"roots/list"}`)
	call.Sink, call.Caps = newSink(`{"jsonrpc":"2.0","error":{"code":-32600,"message":"what?"}}`), allowAll()
	m, err := c.Call(within(t), call)
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, m); !strings.Contains(got, `"id":"ask-1"`) || !strings.Contains(got, "-32603") {
		t.Errorf("the server got %s", got)
	}
}

func TestAsk_UnsolicitedRootsAreEmptyAndNotInteractive(t *testing.T) {
	server, spec := endpoint(t, mcptest.Script{})
	w := newWorld()
	c := dial(t, spec, w)
	if !server.Await(within(t), func() bool { return server.Streams() == 1 }) {
		t.Fatal("no GET stream")
	}
	server.Send(`{"jsonrpc":"2.0","id":"early","method":"roots/list"}`)
	if !server.Await(within(t), func() bool { return server.Count("response") == 1 }) {
		t.Fatal("no answer")
	}
	if err := c.Ping(within(t)); err != nil {
		t.Error(err)
	}
	if w.interactive != 0 {
		t.Error("the server was taken for interactive")
	}
}

func TestLog_GoesToTheCallItBelongsTo(t *testing.T) {
	both(t, protocol.V20251125, func(t *testing.T, spec Spec) {
		w := newWorld()
		c := dial(t, spec, w)
		if err := c.WantLevel(within(t), "info"); err != nil {
			t.Fatal(err)
		}
		s := newSink("")
		call := tool(t, "log", `{}`)
		call.Sink = s
		if _, err := c.Call(within(t), call); err != nil {
			t.Fatal(err)
		}
		if got := next(within(t), t, s.notes, "log"); !strings.Contains(got, `"data":"logged"`) {
			t.Errorf("got %s", got)
		}
		w.await(within(t), t, "the server's own log", func() bool { return len(w.logs) == 1 })
	})
}

func TestEvents_ListChangedAndUpdated(t *testing.T) {
	for _, version := range []string{protocol.V20251125, protocol.V20260728} {
		run := func(t *testing.T, spec Spec, ready func()) {
			w := newWorld()
			c := dial(t, spec, w)
			ready()
			if err := c.Subscribe(within(t), "test://a"); err != nil {
				t.Fatal(err)
			}
			callTool(t, c, "trigger", `{"uri":"test://a"}`)
			w.await(within(t), t, "updated", func() bool { return len(w.updates) > 0 && w.updates[0] == "test://a" })
			callTool(t, c, "change", `{"name":"new_one"}`)
			w.await(within(t), t, "list_changed", func() bool { return len(w.lists) > 0 && w.lists[0] == mcpmux.KindTool })
			if err := c.Unsubscribe(within(t), "test://a"); err != nil {
				t.Fatal(err)
			}
		}
		t.Run("stdio "+version, func(t *testing.T) { run(t, stdioSpec(t, mcptest.Script{Era: era(version)}), func() {}) })
		t.Run("http "+version, func(t *testing.T) {
			server, spec := endpoint(t, mcptest.Script{Era: era(version)})
			run(t, spec, func() {
				if !server.Await(within(t), func() bool { return server.Streams() > 0 }) {
					t.Fatal("no stream")
				}
			})
		})
	}
}

func TestListen_IsReplacedBeforeTheOldOneEnds(t *testing.T) {
	server, spec := endpoint(t, mcptest.Script{Era: "modern"})
	w := newWorld()
	c := dial(t, spec, w)
	if !server.Await(within(t), func() bool { return server.Streams() == 1 }) {
		t.Fatal("no listen stream")
	}
	if err := c.Subscribe(within(t), "test://a"); err != nil {
		t.Fatal(err)
	}
	if n := server.Streams(); n == 0 {
		t.Error("no stream is open after the replacement")
	}
	if !server.Await(within(t), func() bool { return server.Streams() == 1 && server.Count("subscriptions/listen") == 2 }) {
		t.Errorf("%d streams after %d requests", server.Streams(), server.Count("subscriptions/listen"))
	}
	server.Broadcast("notifications/resources/updated", `{"uri":"test://a"}`)
	w.await(within(t), t, "updated", func() bool { return len(w.updates) == 1 })
}

func TestClose_EndsCallsInFlight(t *testing.T) {
	for _, version := range []string{protocol.V20251125, protocol.V20260728} {
		both(t, version, func(t *testing.T, spec Spec) {
			c := dial(t, spec, newWorld())
			s := newSink("")
			held := tool(t, "hold", `{}`)
			held.Sink = s
			done := start(within(t), c, held)
			next(within(t), t, s.notes, "progress")
			_ = c.Close()
			o := next(within(t), t, done, "the end of the call")
			if _, ok := errors.AsType[*ClosedError](o.err); !ok {
				t.Errorf("err = %v", o.err)
			}
			if _, err := c.Call(within(t), tool(t, "echo", `{}`)); err == nil {
				t.Error("a closed connection took a call")
			}
			if c.Err() != nil {
				t.Errorf("Err = %v after Close", c.Err())
			}
		})
	}
}
