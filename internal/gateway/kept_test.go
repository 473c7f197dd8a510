package gateway

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// shelf is a SessionStore that counts its look-ups.
type shelf struct {
	mu    sync.Mutex
	kept  map[string]mcpmux.Session
	asked int
	stuck bool // nothing is deleted
}

func newShelf() *shelf { return &shelf{kept: make(map[string]mcpmux.Session)} }

func (s *shelf) SaveSession(_ context.Context, ses mcpmux.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[ses.ID] = ses
	return nil
}

func (s *shelf) Session(_ context.Context, id string) (mcpmux.Session, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	ses, ok := s.kept[id]
	return ses, ok, nil
}

func (s *shelf) DeleteSession(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stuck {
		return errors.New("stuck")
	}
	delete(s.kept, id)
	return nil
}

func (s *shelf) lookups() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// scripted is a Server that does what its tools are told, for several rigs after each other.
func scripted(t *testing.T) (*mcptest.Server, backend.Spec) {
	t.Helper()
	server := mcptest.New(mcptest.Script{})
	srv := httptest.NewServer(server)
	t.Cleanup(func() {
		server.Release()
		srv.CloseClientConnections()
		srv.Close()
	})
	return server, backend.Spec{Alias: "be", Transport: mcpmux.TransportHTTP, URL: srv.URL}
}

// scriptedState is oneServer with the scripted Server's tools.
func scriptedState() *mcpmux.State {
	st := oneServer()
	st.Servers[0].Definition.Transport = mcpmux.TransportHTTP
	for _, tool := range []string{"hold", "ask", "log", "trigger"} {
		st.Features = append(st.Features, mcpmux.Feature{
			Server: "v", Kind: mcpmux.KindTool, Name: tool, Raw: []byte(`{"name":"` + tool + `","inputSchema":{"type":"object"}}`),
		})
	}
	return st
}

// start is a Gateway that keeps its sessions on the shelf. The next one is a restart.
func start(t *testing.T, spec backend.Spec, on SessionStore) *rig {
	t.Helper()
	return newRigWith(t, scriptedState(), map[mcpmux.ServerID]backend.Spec{"v": spec}, func(c *Config) { c.Sessions = on })
}

const pingBody = `{"jsonrpc":"2.0","id":1,"method":"ping"}`

func TestKept_ASessionGoesOnAfterARestartWithItsLevelAndSubscriptions(t *testing.T) {
	server, spec := scripted(t)
	on := newShelf()
	first := start(t, spec, on)
	sid := first.open("d", "/mcp", "{}")
	for _, body := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"error"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"test://a"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"test://hidden"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"resources/unsubscribe","params":{"uri":"test://hidden"}}`,
	} {
		if a := first.send("POST", "/mcp", "d", body, sid); !strings.Contains(a.body, `"result":{}`) {
			t.Fatalf("%s: %s", body, a.body)
		}
	}
	first.gw.Close()
	if n := on.lookups(); n != 0 {
		t.Errorf("%d look-ups of a session in memory", n)
	}

	second := start(t, spec, on)
	s := second.events("GET", "/mcp", "d", "", sid, "Last-Event-ID: gOLDSTREAM-7")
	told := map[string]bool{}
	for range 3 {
		told[s.next()] = true
	}
	if len(told) != 3 || !told[`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`] {
		t.Errorf("told %v", told)
	}
	if !server.Await(t.Context(), func() bool { return server.Count("resources/subscribe") == 3 }) {
		t.Fatalf("%d subscriptions", server.Count("resources/subscribe"))
	}
	if a := second.send("POST", "/mcp", "d", callBody(`2`, "be_log", `{}`, ""), sid); strings.Contains(a.body, "logged") {
		t.Errorf("a message below the level: %s", a.body)
	}
	heard := make(chan string, 1)
	go func() { heard <- s.next() }()
	for e := ""; e == ""; { // the server has heard of the subscription, and may yet have to write it down
		second.send("POST", "/mcp", "d", callBody(`3`, "be_trigger", `{"uri":"test://a"}`, ""), sid)
		select {
		case e = <-heard:
			if !strings.Contains(e, methodUpdated) || !strings.Contains(e, "test://a") {
				t.Fatalf("heard %s", e)
			}
		case <-time.After(50 * time.Millisecond):
		}
	}
	if n := on.lookups(); n != 1 {
		t.Errorf("%d look-ups", n)
	}
}

func TestKept_ADeletedSessionStaysDeleted(t *testing.T) {
	_, spec := scripted(t)
	on := newShelf()
	first := start(t, spec, on)
	sid := first.open("d", "/mcp", "{}")
	if a := first.send("DELETE", "/mcp", "d", "", sid); a.status != 204 {
		t.Fatalf("DELETE: %d", a.status)
	}
	for _, method := range []string{"POST", "GET", "DELETE"} {
		if a := first.send(method, "/mcp", "d", pingBody, sid, "Accept: text/event-stream"); a.status != 404 {
			t.Errorf("%s: %d %s", method, a.status, a.body)
		}
	}
	first.gw.Close()
	if a := start(t, spec, on).send("POST", "/mcp", "d", pingBody, sid); a.status != 404 || len(on.kept) != 0 {
		t.Errorf("after the restart: %d %s, %d kept", a.status, a.body, len(on.kept))
	}
}

func TestKept_OnlyItsOwnClientAtItsOwnEndpointWakesASession(t *testing.T) {
	_, spec := scripted(t)
	on := newShelf()
	first := start(t, spec, on)
	sid := first.open("d", "/mcp", "{}")
	first.gw.Close()
	second := start(t, spec, on)
	if a := second.send("POST", "/mcp", "c", pingBody, sid); a.status != 404 {
		t.Errorf("another client: %d", a.status)
	}
	if a := second.send("POST", "/mcp/s/be", "d", pingBody, sid); a.status != 404 {
		t.Errorf("another endpoint: %d", a.status)
	}
	if a := second.send("DELETE", "/mcp", "c", "", sid); a.status != 404 {
		t.Errorf("another client's DELETE: %d", a.status)
	}
	if a := second.send("POST", "/mcp", "d", pingBody, sid); a.status != 200 {
		t.Errorf("its own: %d %s", a.status, a.body)
	}
}

func TestKept_ASessionWithoutItsKeyIsForgotten(t *testing.T) {
	_, spec := scripted(t)
	on := newShelf()
	r := start(t, spec, on)
	sid := r.open("d", "/mcp", "{}")
	st := scriptedState()
	st.Keys = nil
	r.gw.Apply(st)
	st = scriptedState()
	st.Revision++
	r.gw.Apply(st)
	if a := r.send("POST", "/mcp", "d", pingBody, sid); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
	r.gw.Close()
	if len(on.kept) != 0 {
		t.Errorf("%d kept", len(on.kept))
	}
}

func TestKept_ASweptSessionWakesOnceForAllWhoAsk(t *testing.T) {
	_, spec := scripted(t)
	on := newShelf()
	r := start(t, spec, on)
	sid := r.open("d", "/mcp", "{}")
	r.gw.keeper.writer.Wait()
	r.gw.Sweep(time.Now().Add(sessionIdle + time.Minute))
	if n := r.gw.Sessions(); n != 0 {
		t.Fatalf("%d sessions in memory", n)
	}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if a := r.send("POST", "/mcp", "d", pingBody, sid); a.status != 200 {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	if n := on.lookups(); n != 1 {
		t.Errorf("%d look-ups", n)
	}
}

func TestKept_ADeletedSessionStaysSoWhereTheStoreFails(t *testing.T) {
	_, spec := scripted(t)
	on := newShelf()
	r := start(t, spec, on)
	sid := r.open("d", "/mcp", "{}")
	r.gw.keeper.writer.Wait()
	on.stuck = true
	if a := r.send("DELETE", "/mcp", "d", "", sid); a.status != 204 {
		t.Fatalf("DELETE: %d", a.status)
	}
	r.gw.keeper.writer.Wait()
	if a := r.send("POST", "/mcp", "d", pingBody, sid); a.status != 404 {
		t.Errorf("it came back: %d", a.status)
	}
	on.stuck = false
	r.gw.Close()
	if len(on.kept) != 0 {
		t.Errorf("%d kept", len(on.kept))
	}
}

func TestKept_WithoutAStoreASessionEndsWithTheDaemon(t *testing.T) {
	_, spec := scripted(t)
	first := start(t, spec, nil)
	sid := first.open("d", "/mcp", "{}")
	first.gw.Close()
	if a := start(t, spec, nil).send("POST", "/mcp", "d", pingBody, sid); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestKept_ASessionGoesOnWhereTheGatewayWasStoppedAndStarted(t *testing.T) {
	_, spec := scripted(t)
	r := start(t, spec, newShelf())
	sid := r.open("d", "/mcp", "{}")
	for range 2 {
		r.gw.Close()
		if a := r.send("POST", "/mcp", "d", pingBody, sid); a.status != 404 {
			t.Errorf("stopped: %d", a.status)
		}
		r.gw.Resume()
		if a := r.send("POST", "/mcp", "d", pingBody, sid); a.status != 200 {
			t.Errorf("started: %d %s", a.status, a.body)
		}
	}
}
