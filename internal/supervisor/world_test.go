package supervisor

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// world is a Supervisor with a desired state that tests change, and what it told the outside.
type world struct {
	*Supervisor
	t *testing.T

	mu       sync.Mutex
	state    mcpmux.State
	values   map[mcpmux.ServerID][]Value
	locked   map[mcpmux.ServerID]error
	abouts   map[mcpmux.ServerID]mcpmux.About
	features map[mcpmux.ServerID][]mcpmux.Feature
	saves    map[mcpmux.ServerID]int
	marked   map[mcpmux.ServerID]int
	statuses map[mcpmux.ServerID][]mcpmux.ServerStatus
	reopened map[mcpmux.ServerID]int
	updated  []string
	changed  chan struct{} // has one element after each change of a status
}

func newWorld(t *testing.T, change func(*Config)) *world {
	t.Helper()
	w := &world{
		t:        t,
		values:   make(map[mcpmux.ServerID][]Value),
		locked:   make(map[mcpmux.ServerID]error),
		abouts:   make(map[mcpmux.ServerID]mcpmux.About),
		features: make(map[mcpmux.ServerID][]mcpmux.Feature),
		saves:    make(map[mcpmux.ServerID]int),
		marked:   make(map[mcpmux.ServerID]int),
		statuses: make(map[mcpmux.ServerID][]mcpmux.ServerStatus),
		reopened: make(map[mcpmux.ServerID]int),
		changed:  make(chan struct{}, 1),
	}
	w.state.Settings = map[string]string{mcpmux.SettingPoolIdleTimeout: "0"}
	cfg := Config{
		Values: func(_ context.Context, id mcpmux.ServerID) ([]Value, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return slices.Clone(w.values[id]), w.locked[id]
		},
		Save: func(_ context.Context, id mcpmux.ServerID, about mcpmux.About, features []mcpmux.Feature) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.abouts[id], w.features[id] = about, features
			w.saves[id]++
			return nil
		},
		MarkInteractive: func(_ context.Context, id mcpmux.ServerID) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.marked[id]++
			return nil
		},
		OnStatus: func(id mcpmux.ServerID, st mcpmux.ServerStatus) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.statuses[id] = append(w.statuses[id], st)
			select {
			case w.changed <- struct{}{}:
			default:
			}
		},
		Reopened: func(id mcpmux.ServerID) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.reopened[id]++
		},
		Updated: func(_ mcpmux.ServerID, _, uri string, _ []byte) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.updated = append(w.updated, uri)
		},
	}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Supervisor = s
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// want changes the desired state and applies it.
func (w *world) want(change func(st *mcpmux.State)) {
	w.mu.Lock()
	w.state.Servers = slices.Clone(w.state.Servers)
	change(&w.state)
	st := w.state
	w.mu.Unlock()
	w.Apply(&st)
}

// install adds an enabled Server whose id is its alias.
func (w *world) install(alias string, def mcpmux.Definition, values ...Value) {
	id := mcpmux.ServerID(alias)
	w.mu.Lock()
	w.values[id] = values
	w.mu.Unlock()
	w.want(func(st *mcpmux.State) {
		st.Servers = append(st.Servers, mcpmux.Server{ID: id, Space: "home", Alias: alias, Enabled: true, Definition: def, Stamp: 1})
	})
}

// edit changes one Server in the desired state.
func (w *world) edit(alias string, change func(*mcpmux.Server)) {
	w.want(func(st *mcpmux.State) {
		for i := range st.Servers {
			if st.Servers[i].Alias == alias {
				change(&st.Servers[i])
			}
		}
	})
}

// setValues gives a Server other values, and with them another stamp.
func (w *world) setValues(alias string, values ...Value) {
	w.mu.Lock()
	w.values[mcpmux.ServerID(alias)] = values
	w.mu.Unlock()
	w.edit(alias, func(s *mcpmux.Server) { s.Stamp++ })
}

func (w *world) lock(alias string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.locked[mcpmux.ServerID(alias)] = err
}

// isIn fails the test unless the Server is in this state.
func (w *world) isIn(alias string, state mcpmux.ServerState) mcpmux.ServerStatus {
	w.t.Helper()
	st := w.Status(mcpmux.ServerID(alias))
	if st.State != state {
		w.t.Errorf("server %s is %s (%s), want %s", alias, st.State, st.Reason, state)
	}
	return st
}

// await waits until the Server is in this state, in real time.
func (w *world) await(alias string, state mcpmux.ServerState) mcpmux.ServerStatus {
	w.t.Helper()
	limit := time.After(30 * time.Second)
	for {
		st := w.Status(mcpmux.ServerID(alias))
		if st.State == state {
			return st
		}
		select {
		case <-w.changed:
		case <-limit:
			w.t.Fatalf("server %s is %s (%s), want %s", alias, st.State, st.Reason, state)
		}
	}
}

// names is what a Server was last said to offer.
func (w *world) names(alias string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for _, f := range w.features[mcpmux.ServerID(alias)] {
		names = append(names, string(f.Kind)+" "+f.Name)
	}
	return names
}

// dialing replaces the dial, for what can be said without a server.
func (w *world) dialing(dial func(ctx context.Context, spec backend.Spec) (*backend.Conn, error)) {
	w.dial = func(ctx context.Context, spec backend.Spec, _ backend.Options) (*backend.Conn, error) {
		return dial(ctx, spec)
	}
}
