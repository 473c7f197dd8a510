package supervisor

import (
	"context"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/pool"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// lease acquires a connection of a Server.
func (w *world) lease(alias, scope string, exclusive bool) *pool.Lease[*backend.Conn] {
	w.t.Helper()
	l, err := w.Pool().Acquire(w.t.Context(), mcpmux.ServerID(alias), scope, exclusive)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// recordDials collects what is dialled from now on.
func (w *world) recordDials() *[]backend.Spec {
	var specs []backend.Spec
	dial := w.dial
	w.dial = func(ctx context.Context, spec backend.Spec, opt backend.Options) (*backend.Conn, error) {
		specs = append(specs, spec)
		return dial(ctx, spec, opt)
	}
	return &specs
}

func TestSupervisor_RootsAndEraGiveNewConnections(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		specs := w.recordDials()
		w.install("a", f.add("a", &scripted{}))
		w.Start()
		pass(time.Second)
		old := w.lease("a", "", false)
		old.Release()
		w.edit("a", func(s *mcpmux.Server) { s.Stamp, s.Roots = 2, []string{"file:///work"} })
		pass(time.Second)
		rooted := w.lease("a", "", false)
		rooted.Release()
		w.edit("a", func(s *mcpmux.Server) { s.Stamp, s.Era = 3, mcpmux.EraLegacy })
		pass(time.Second)
		w.isIn("a", mcpmux.StateConnected)
		pinned := w.lease("a", "", false)
		pinned.Release()
		if old.Conn == rooted.Conn || rooted.Conn == pinned.Conn || len(*specs) != 3 {
			t.Fatalf("%d dials, want 3", len(*specs))
		}
		if got := (*specs)[1].Roots; !slices.Equal(got, []string{"file:///work"}) {
			t.Errorf("dialled with roots %q", got)
		}
		if got := (*specs)[2].Era; got != mcpmux.EraLegacy {
			t.Errorf("dialled with era %q", got)
		}
	})
}

func TestSupervisor_EraSetAnewIsFoundOutAnew(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		w.install("a", f.add("a", &scripted{versions: []string{"2026-07-28", "2025-11-25"}}))
		// The daemon puts what was saved into the desired state.
		know := func(s *mcpmux.Server) { s.About = new(w.abouts["a"]) }
		w.edit("a", func(s *mcpmux.Server) { s.Era = mcpmux.EraLegacy })
		w.Start()
		pass(time.Second)
		w.edit("a", know)
		if v := w.abouts["a"].ProtocolVersion; v != "2025-11-25" {
			t.Fatalf("speaks %q", v)
		}
		w.edit("a", func(s *mcpmux.Server) { s.Stamp, s.Era = 2, "" })
		pass(time.Second)
		if v := w.abouts["a"].ProtocolVersion; v != "2026-07-28" {
			t.Errorf("speaks %q although nobody says that it should", v)
		}
		w.edit("a", know)
		specs := w.recordDials()
		if err := w.Restart("a"); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if len(*specs) != 1 || (*specs)[0].Version != "2026-07-28" {
			t.Errorf("dialled %+v, want what is known by now", *specs)
		}
	})
}

func TestSupervisor_WhatAServerSaysOfItselfIsSavedWhole(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		versions := []string{"2026-07-28", "2025-11-25"}
		w.install("a", f.add("a", &scripted{versions: versions}))
		w.Start()
		pass(time.Second)
		about := w.abouts["a"]
		if about.ProtocolVersion != "2026-07-28" || !slices.Equal(about.Versions, versions) || about.Instructions != "be kind" || !about.Legacy() {
			t.Errorf("saved %+v", about)
		}
	})
}

func TestSupervisor_KnownRevisionThatFailsIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		var versions []string
		w.dialing(func(_ context.Context, spec backend.Spec) (*backend.Conn, error) {
			versions = append(versions, spec.Version)
			return nil, &backend.ExitError{Code: 1}
		})
		w.want(func(st *mcpmux.State) {
			st.Servers = []mcpmux.Server{{
				ID: "a", Space: "home", Alias: "a", Enabled: true, Definition: stdioDefinition("a"), Stamp: 1,
				About: &mcpmux.About{ProtocolVersion: "2025-11-25"},
			}}
		})
		w.Start()
		pass(time.Minute)
		if len(versions) != maxFailures || versions[0] != "2025-11-25" || slices.Contains(versions[1:], "2025-11-25") {
			t.Errorf("dialled with %q", versions)
		}
	})
}

func TestSupervisor_ProcessBoundCountsAtOnceAndReplacesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		w.install("a", f.add("a", &scripted{}))
		w.edit("a", func(s *mcpmux.Server) { s.MaxProcesses = 1 })
		w.Start()
		pass(time.Second)
		first := w.lease("a", "{}", true)
		got := make(chan *pool.Lease[*backend.Conn])
		go func() { got <- w.lease("a", "{}", true) }()
		pass(time.Minute)
		if st := w.Status("a"); st.Connections != 2 {
			t.Errorf("%d connections, want the base one and one more", st.Connections)
		}
		w.edit("a", func(s *mcpmux.Server) { s.MaxProcesses = 2 })
		second := <-got
		if second.Conn == first.Conn {
			t.Error("two hold one connection alone")
		}
		if err := first.Conn.Ping(t.Context()); err != nil {
			t.Errorf("the first connection ended: %v", err)
		}
		first.Release()
		second.Release()
	})
}

func TestSupervisor_OtherIsolationEndsConnectionsOfScopes(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		w.install("a", f.add("a", &scripted{}))
		w.Start()
		pass(time.Second)
		base, mine := w.lease("a", "", false), w.lease("a", backend.Scope{Owner: "x", Profile: "{}"}.String(), false)
		w.edit("a", func(s *mcpmux.Server) { s.Isolation = mcpmux.IsolationShared })
		pass(time.Second)
		if err := mine.Conn.Ping(t.Context()); err != nil {
			t.Errorf("a call in flight lost its connection: %v", err)
		}
		mine.Release()
		base.Release()
		pass(time.Second)
		if st := w.isIn("a", mcpmux.StateConnected); st.Connections != 1 {
			t.Errorf("%d connections, want the base one", st.Connections)
		}
	})
}

func TestSupervisor_QuestionsAndNewsComeWithTheirServerAndScope(t *testing.T) {
	const mine = "owner=session:x {}"
	f := newFarm(t)
	var asked, told []string
	w := newWorld(t, func(c *Config) {
		c.Options.Transport = f.transport
		c.Options.ClientInfo = []byte(`{"name":"gateway"}`)
		c.ClientInfo = func(string) []byte { return []byte(`{"name":"client"}`) }
		c.Ask = func(_ context.Context, id mcpmux.ServerID, scope string, req wire.Message) (wire.Message, error) {
			asked = append(asked, string(id)+" "+scope+" "+req.Method)
			return wire.Message{}, nil
		}
		c.Notified = func(id mcpmux.ServerID, method string, raw []byte) {
			told = append(told, string(id)+" "+method+" "+string(raw))
		}
	})
	infos := make(map[string]string)
	w.dial = func(_ context.Context, _ backend.Spec, opt backend.Options) (*backend.Conn, error) {
		infos[opt.Capabilities] = string(opt.ClientInfo)
		return nil, context.Canceled
	}
	for _, scope := range []string{"", `{"roots":{}}`, mine} {
		e := w.events("a", scope)
		if _, err := e.Ask(t.Context(), wire.Message{Method: "roots/list"}); err != nil {
			t.Error(err)
		}
		e.Notified("notifications/tasks/status", []byte(scope))
		if _, err := w.open(t.Context(), pool.Target{Server: "a"}, scope); err == nil {
			t.Error("no error of the dial")
		}
	}
	if want := []string{"a  roots/list", `a {"roots":{}} roots/list`, "a " + mine + " roots/list"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	if len(told) != 3 || told[2] != "a notifications/tasks/status "+mine {
		t.Errorf("told %q", told)
	}
	if infos["{}"] != `{"name":"client"}` || infos[""] != `{"name":"gateway"}` || infos[`{"roots":{}}`] != `{"name":"gateway"}` {
		t.Errorf("servers hear of %v", infos)
	}
}

func TestSupervisor_ListChangedOfAnotherConnectionIsReadOnTheBaseOne(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		w.install("a", f.add("a", &scripted{tools: []string{"one"}}))
		idle := mcpmux.Duration(5 * time.Second)
		w.edit("a", func(s *mcpmux.Server) { s.IdleTimeout = &idle })
		w.Start()
		pass(time.Second)
		other := w.events("a", "{}")
		offer := func(name string) { f.with("a", func(s *scripted) { s.tools = []string{name} }) }
		offer("two")
		other.ListChanged(mcpmux.KindTool)
		pass(listInterval)
		if got := w.names("a"); !slices.Equal(got, []string{"tool two"}) {
			t.Errorf("offers %q", got)
		}

		pass(time.Minute)
		w.isIn("a", mcpmux.StateIdle)
		w.events("a", "").ListChanged(mcpmux.KindTool) // The last words of the connection that has ended.
		pass(time.Second)
		w.isIn("a", mcpmux.StateIdle)
		var before, after int
		f.with("a", func(s *scripted) { before = s.lists })
		for i := range 1000 {
			offer(strconv.Itoa(i))
			other.ListChanged(mcpmux.KindTool)
			pass(time.Millisecond)
		}
		pass(listInterval)
		w.isIn("a", mcpmux.StateConnected)
		f.with("a", func(s *scripted) { after = s.lists })
		if got := w.names("a"); !slices.Equal(got, []string{"tool 999"}) || after-before > 6 {
			t.Errorf("offers %q after %d lists", got, after-before)
		}
	})
}

func TestSupervisor_ChangeJustBeforeTheIdleCloseIsNotLost(t *testing.T) {
	bubble(t, func(t *testing.T, w *world, f *farm) {
		w.install("a", f.add("a", &scripted{tools: []string{"one"}}))
		idle := mcpmux.Duration(time.Second)
		w.edit("a", func(s *mcpmux.Server) { s.IdleTimeout = &idle })
		w.Start()
		pass(time.Second - listDelay/2)
		f.with("a", func(s *scripted) { s.tools = []string{"two"} })
		f.notify("a", "notifications/tools/list_changed")
		pass(time.Second / 2)
		if got := w.names("a"); !slices.Equal(got, []string{"tool two"}) {
			t.Errorf("offers %q", got)
		}
		pass(time.Minute)
		w.isIn("a", mcpmux.StateIdle)
	})
}

func TestSupervisor_ListChangedBringsNoServerBackThatIsDown(t *testing.T) {
	answers := map[string]struct {
		dial  func(context.Context, backend.Spec) (*backend.Conn, error)
		state mcpmux.ServerState
	}{
		"login": {func(context.Context, backend.Spec) (*backend.Conn, error) {
			return nil, &backend.LoginRequiredError{}
		}, mcpmux.StateLoginRequired},
		"crash loop": {func(context.Context, backend.Spec) (*backend.Conn, error) {
			return nil, &backend.ExitError{Code: 1}
		}, mcpmux.StateError},
		"dial under way": {func(ctx context.Context, _ backend.Spec) (*backend.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, mcpmux.StateConnecting},
	}
	for name, row := range answers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				dials := 0
				w.dialing(func(ctx context.Context, spec backend.Spec) (*backend.Conn, error) {
					dials++
					return row.dial(ctx, spec)
				})
				w.install("a", stdioDefinition("a"))
				w.Start()
				pass(30 * time.Second)
				before, tasks := dials, runtime.NumGoroutine()
				for range 1000 {
					w.events("a", "{}").ListChanged(mcpmux.KindTool)
					pass(time.Millisecond)
				}
				w.isIn("a", row.state)
				if dials != before {
					t.Errorf("%d dials", dials-before)
				}
				if n := runtime.NumGoroutine() - tasks; n > 10 {
					t.Errorf("%d goroutines more", n)
				}
			})
		})
	}
}
