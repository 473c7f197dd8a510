package supervisor

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// bubble runs a test in a synctest bubble with a world that reaches a farm.
func bubble(t *testing.T, test func(t *testing.T, w *world, f *farm)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		w := newWorld(t, func(c *Config) {
			c.Options.Transport = f.transport
			c.Options.Capabilities = `{}`
			c.Options.ClientInfo = []byte(`{"name":"test","version":"1"}`)
		})
		test(t, w, f)
	})
}

func TestSupervisor_HangingServersDelayNobody(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		var defs []mcpmux.Definition
		for i := range 30 {
			defs = append(defs, f.add(fmt.Sprintf("s%d", i), &scripted{tools: []string{"echo"}, hang: i%6 == 0}))
		}
		for i, def := range defs {
			w.install(fmt.Sprintf("s%d", i), def)
		}
		w.Start()
		pass(time.Second)
		hanging := 0
		for id, st := range w.Statuses() {
			switch st.State {
			case mcpmux.StateConnected:
				if got := w.names(string(id)); !slices.Equal(got, []string{"tool echo"}) {
					t.Errorf("server %s offers %q", id, got)
				}
			case mcpmux.StateConnecting:
				hanging++
			default:
				t.Errorf("server %s is %s: %s", id, st.State, st.Reason)
			}
		}
		if hanging != 5 {
			t.Errorf("%d servers are connecting, want the 5 that hang", hanging)
		}
		if ok, waiting := w.Settled(); ok || len(waiting) != 5 {
			t.Errorf("Settled = %v, %q", ok, waiting)
		}
		pass(2 * time.Minute)
		if ok, waiting := w.Settled(); !ok {
			t.Errorf("not settled after the time for a dial: %q", waiting)
		}
	})
}

func TestSupervisor_ChangedValueGivesNewConnection(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		w.install("a", f.add("a", &scripted{}), value(mcpmux.ValueHeader, "X-Key", "old-key", true))
		w.Start()
		pass(time.Second)
		w.isIn("a", mcpmux.StateConnected)
		old, err := w.Pool().Acquire(t.Context(), "a", "", false)
		if err != nil {
			t.Fatal(err)
		}
		w.setValues("a", value(mcpmux.ValueHeader, "X-Key", "new-key", true))
		fresh, err := w.Pool().Acquire(t.Context(), "a", "", false)
		if err != nil {
			t.Fatal(err)
		}
		defer fresh.Release()
		f.with("a", func(s *scripted) {
			if !slices.Equal(s.keys, []string{"old-key", "new-key"}) {
				t.Errorf("connections came with the keys %q", s.keys)
			}
		})
		if fresh.Conn == old.Conn {
			t.Error("a call after the change got the old connection")
		}
		if err := old.Conn.Ping(t.Context()); err != nil {
			t.Errorf("the call in flight lost its connection: %v", err)
		}
		old.Release()
		pass(time.Second)
		select {
		case <-old.Conn.Done():
		default:
			t.Error("the old connection is still open")
		}
		w.isIn("a", mcpmux.StateConnected)

		w.edit("a", func(s *mcpmux.Server) { s.Stamp++ }) // Written, but the same.
		pass(time.Second)
		again, err := w.Pool().Acquire(t.Context(), "a", "", false)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Release()
		if again.Conn != fresh.Conn {
			t.Error("another connection although nothing changed")
		}
		w.isIn("a", mcpmux.StateConnected)
	})
}

func TestSupervisor_IdleServerKeepsItsFeaturesAndComesBackOnUse(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		w.install("a", f.add("a", &scripted{tools: []string{"echo"}}))
		idle := mcpmux.Duration(5 * time.Second)
		w.edit("a", func(s *mcpmux.Server) { s.IdleTimeout = &idle })
		w.Start()
		pass(time.Second)
		w.isIn("a", mcpmux.StateConnected)
		pass(6 * time.Second)
		if st := w.isIn("a", mcpmux.StateIdle); st.Connections != 0 {
			t.Errorf("%d connections of an idle server", st.Connections)
		}
		if ok, _ := w.Settled(); !ok {
			t.Error("an idle server is not settled")
		}
		if got := w.names("a"); len(got) != 1 {
			t.Errorf("an idle server offers %q", got)
		}
		pass(time.Hour)
		w.isIn("a", mcpmux.StateIdle)
		lease, err := w.Pool().Acquire(t.Context(), "a", "", false)
		if err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if st := w.isIn("a", mcpmux.StateConnected); st.Connections != 1 {
			t.Errorf("%d connections", st.Connections)
		}
		lease.Release()
		if w.reopened["a"] != 2 {
			t.Errorf("Reopened was called %d times, want 2", w.reopened["a"])
		}
	})
}

func TestSupervisor_PingsAreNoUse(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		w.install("a", f.add("a", &scripted{}))
		w.want(func(st *mcpmux.State) { st.Settings = nil }) // The default: 5 minutes.
		w.Start()
		pass(4 * time.Minute)
		w.isIn("a", mcpmux.StateConnected)
		pass(time.Minute + 5*time.Second)
		w.isIn("a", mcpmux.StateIdle)
	})
}

func TestSupervisor_SilentServerIsReplaced(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		w.install("a", f.add("a", &scripted{}))
		w.Start()
		pass(time.Second / 2)
		w.isIn("a", mcpmux.StateConnected)
		f.with("a", func(s *scripted) { s.deaf = true })
		pass(pingInterval + pingTimeout)
		w.isIn("a", mcpmux.StateConnecting) // It did not answer, so it is not called connected.
		f.with("a", func(s *scripted) { s.deaf = false })
		pass(time.Second)
		w.isIn("a", mcpmux.StateConnected)
		f.with("a", func(s *scripted) { s.deaf = true })
		pass(pingInterval + 2*pingTimeout + time.Second)
		f.with("a", func(s *scripted) { s.deaf = false })
		pass(pingTimeout + 2*time.Second)
		w.isIn("a", mcpmux.StateConnected)
		f.with("a", func(s *scripted) {
			if len(s.keys) != 2 {
				t.Errorf("%d connections, want 2", len(s.keys))
			}
		})
	})
}

func TestSupervisor_ServerAtWorkIsNotReplacedForItsSilence(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		w.install("a", f.add("a", &scripted{}))
		w.Start()
		pass(time.Second)
		lease, err := w.Pool().Acquire(t.Context(), "a", "", false)
		if err != nil {
			t.Fatal(err)
		}
		f.with("a", func(s *scripted) { s.deaf = true })
		answered := make(chan error, 1)
		go func() {
			m, err := wire.Parse([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"long"}}`))
			if err == nil {
				_, err = lease.Conn.Call(t.Context(), &backend.Call{Message: m})
			}
			answered <- err
		}()
		pass(3 * time.Minute)
		w.isIn("a", mcpmux.StateConnecting)
		f.with("a", func(s *scripted) { s.deaf = false; close(s.release) })
		if err := <-answered; err != nil {
			t.Errorf("the call: %v", err)
		}
		lease.Release()
		pass(pingTimeout + 2*time.Second)
		w.isIn("a", mcpmux.StateConnected)
		f.with("a", func(s *scripted) {
			if len(s.keys) != 1 {
				t.Errorf("%d connections, want 1", len(s.keys))
			}
		})
	})
}

func TestSupervisor_BurstOfListChangedIsReadOnceAndTheLastStateAlways(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		w.install("a", f.add("a", &scripted{tools: []string{"one"}}))
		w.Start()
		pass(time.Second)
		lists := func() (n int) { f.with("a", func(s *scripted) { n = s.lists }); return n }
		before := lists()
		for range 100 {
			f.notify("a", "notifications/tools/list_changed")
		}
		f.with("a", func(s *scripted) { s.tools = []string{"one", "two"} })
		pass(listDelay + 10*time.Millisecond)
		if n := lists() - before; n != 1 {
			t.Errorf("%d lists for one burst", n)
		}
		if got := w.names("a"); !slices.Equal(got, []string{"tool one", "tool two"}) {
			t.Errorf("offers %q", got)
		}

		before = lists()
		for i := range 1000 { // Ten seconds of a thousand each.
			f.with("a", func(s *scripted) { s.tools = []string{strconv.Itoa(i)} })
			for range 10 {
				f.notify("a", "notifications/tools/list_changed")
			}
			pass(10 * time.Millisecond)
		}
		pass(time.Second)
		if n := lists() - before; n < 20 || n > 41 {
			t.Errorf("%d lists in ten seconds, want at most one each %s", n, listInterval)
		}
		if got := w.names("a"); !slices.Equal(got, []string{"tool 999"}) {
			t.Errorf("offers %q", got)
		}
	})
}

func TestSupervisor_ListThatFailsKeepsWhatItHadAndIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		w.install("a", f.add("a", &scripted{tools: []string{"one"}}))
		w.Start()
		pass(time.Second)
		f.with("a", func(s *scripted) { s.listFail = true; s.tools = []string{"two"} })
		f.notify("a", "notifications/tools/list_changed")
		pass(time.Second)
		if st := w.isIn("a", mcpmux.StateConnected); !strings.Contains(st.Reason, "list of tools") {
			t.Errorf("reason %q", st.Reason)
		}
		if got := w.names("a"); !slices.Equal(got, []string{"tool one"}) {
			t.Errorf("offers %q", got)
		}
		f.with("a", func(s *scripted) { s.listFail = false })
		pass(pingInterval + time.Second)
		if st := w.isIn("a", mcpmux.StateConnected); st.Reason != "" {
			t.Errorf("reason %q", st.Reason)
		}
		if got := w.names("a"); !slices.Equal(got, []string{"tool two"}) {
			t.Errorf("offers %q", got)
		}
	})
}

func TestSupervisor_RestartGivesANewConnection(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		w.install("a", f.add("a", &scripted{}))
		w.Start()
		pass(time.Second)
		if err := w.Restart("a"); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		w.isIn("a", mcpmux.StateConnected)
		f.with("a", func(s *scripted) {
			if len(s.keys) != 2 {
				t.Errorf("%d connections, want 2", len(s.keys))
			}
		})
	})
}

func TestSupervisor_StopClosesEveryConnectionAndStartBringsThemBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		for _, name := range []string{"a", "b", "c"} {
			w.install(name, f.add(name, &scripted{tools: []string{"echo"}}))
		}
		w.Start()
		pass(time.Second)
		if err := w.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		for id, st := range w.Statuses() {
			if st.State != mcpmux.StateStopped || st.Connections != 0 {
				t.Errorf("server %s is %s with %d connections", id, st.State, st.Connections)
			}
		}
		w.Start()
		pass(time.Second)
		for id, st := range w.Statuses() {
			if st.State != mcpmux.StateConnected || st.Connections != 1 {
				t.Errorf("server %s is %s with %d connections", id, st.State, st.Connections)
			}
		}
	})
}

func TestSupervisor_DisabledServerIsClosedAndComesBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		w.install("a", f.add("a", &scripted{}))
		w.Start()
		pass(time.Second)
		w.edit("a", func(s *mcpmux.Server) { s.Enabled = false })
		if _, err := w.Pool().Acquire(t.Context(), "a", "", false); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
			t.Errorf("a call to a disabled server: %v", err)
		}
		pass(time.Second)
		if st := w.isIn("a", mcpmux.StateDisabled); st.Connections != 0 {
			t.Errorf("%d connections", st.Connections)
		}
		w.edit("a", func(s *mcpmux.Server) { s.Enabled = true })
		pass(time.Second)
		w.isIn("a", mcpmux.StateConnected)
	})
}

func TestSupervisor_ConnectionsThatDieYoungAreACrashLoop(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		w.install("a", f.add("a", &scripted{forgets: true}))
		w.Start()
		pass(time.Hour)
		if st := w.isIn("a", mcpmux.StateError); !strings.Contains(st.Reason, "session") || st.Attempts < maxFailures {
			t.Errorf("status %+v", st)
		}
		f.with("a", func(s *scripted) {
			if n := len(s.keys); n < 100 || n > 260 {
				t.Errorf("%d connections in an hour", n)
			}
			s.forgets = false
		})
		pass(maxBackoff + time.Second)
		if st := w.isIn("a", mcpmux.StateConnected); st.Reason != "" || st.Attempts != 0 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestSupervisor_RefusedCredentialsOfALiveConnectionRequireALogin(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		w.install("a", f.add("a", &scripted{}))
		w.Start()
		pass(time.Second)
		w.isIn("a", mcpmux.StateConnected)
		f.with("a", func(s *scripted) { s.login = true })
		pass(pingInterval + time.Second)
		w.isIn("a", mcpmux.StateLoginRequired)
		f.with("a", func(s *scripted) { s.login = false })
		if err := w.Restart("a"); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		w.isIn("a", mcpmux.StateConnected)
	})
}

func TestSupervisor_WhatAServerSaysUnaskedIsPassedOn(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		w.install("a", f.add("a", &scripted{}), value(mcpmux.ValueHeader, "X-Key", "s3cret-token", true))
		w.Start()
		pass(time.Second)
		e := w.events("a", "")
		_, more, stop := w.Follow("a", 0)
		defer stop()
		e.Interactive()
		e.Interactive()
		e.Updated("file:///a", nil)
		e.Log("warning", "db", []byte(`"key s3cret-token is old"`))
		e.Log("info", "", []byte(`{"rows":3}`))
		synctest.Wait()
		if w.marked["a"] != 1 {
			t.Errorf("marked as interactive %d times", w.marked["a"])
		}
		if !slices.Equal(w.updated, []string{"file:///a"}) {
			t.Errorf("updated %q", w.updated)
		}
		for _, want := range []LogLine{
			{Source: SourceServer, Level: "warning", Text: "db: key [redacted] is old"},
			{Source: SourceServer, Level: "info", Text: `{"rows":3}`},
		} {
			got := <-more
			got.At = time.Time{}
			if got != want {
				t.Errorf("line %+v, want %+v", got, want)
			}
		}
	})
}

func TestSupervisor_DeletedServerLeavesNothing(t *testing.T) {
	w := processWorld(t)
	w.installFixture(t, "a", "serve")
	w.Start()
	w.await("a", mcpmux.StateConnected)
	_, more, stop := w.Follow("a", 0)
	defer stop()
	path := logPath(w.cfg.LogDir, "a")
	if _, err := os.Stat(path); err != nil {
		t.Errorf("no log file: %v", err)
	}
	w.want(func(st *mcpmux.State) { st.Servers = nil })
	for range more { // Ends with the log.
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the log file is still there: %v", err)
	}
	if lines := w.Logs("a", -1); lines != nil {
		t.Errorf("log %v", lines)
	}
}

func TestSupervisor_TwoSpacesHaveTwoProcesses(t *testing.T) {
	w := processWorld(t)
	w.installFixture(t, "a", "serve")
	w.installFixture(t, "b", "serve")
	w.setValues("b", w.values["a"]...)
	w.edit("b", func(s *mcpmux.Server) { s.Space = "work" })
	w.Start()
	a, b := w.await("a", mcpmux.StateConnected), w.await("b", mcpmux.StateConnected)
	if a.PID == b.PID || a.Connections != 1 || b.Connections != 1 {
		t.Errorf("a: %+v, b: %+v", a, b)
	}
}
