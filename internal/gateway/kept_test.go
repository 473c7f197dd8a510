package gateway

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// shelf is a SessionStore that counts its look-ups.
type shelf struct {
	mu    sync.Mutex
	kept  map[string]mcpmux.Session
	asked int
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
	delete(s.kept, id)
	return nil
}

func (s *shelf) lookups() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// keptRig is a rig with one scripted Server whose Gateway keeps its sessions on the shelf. Two of them after
// each other are a restart.
func keptRig(t *testing.T, srv *mcptest.Server, url string, on *shelf) *rig {
	t.Helper()
	_ = srv
	spec := backend.Spec{Alias: "be", Transport: mcpmux.TransportHTTP, URL: url}
	return newRigWith(t, oneServer(), map[mcpmux.ServerID]backend.Spec{"v": spec}, func(c *Config) { c.Sessions = on })
}

const pingBody = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
