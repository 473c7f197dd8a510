package pool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Conn is what the pool needs of a connection. Done is closed once the connection is of no more use, Err then
// says why. Close ends it, waits for its process, and may be called more than once. InFlight counts the
// clients' requests that wait for an answer, not our own; it returns at once. Spoiled says that a connection
// that was leased alone must not be leased again: something of the last holder's may still come on it.
type Conn interface {
	Done() <-chan struct{}
	Err() error
	Close() error
	PID() int
	InFlight() int
	Spoiled() bool
}

// Key says which requests may share a connection: those of one Space, one Server, one final configuration with
// credentials, and one Scope. Scope "" is the base connection of the Server; others are capability profiles.
type Key struct {
	Space  mcpmux.SpaceID
	Server mcpmux.ServerID
	Digest [32]byte
	Scope  string
}

// Target is the desired configuration of a Server's connections.
type Target struct {
	Space  mcpmux.SpaceID
	Server mcpmux.ServerID
	Spec   backend.Spec
	// IdleTimeout is how long an unused connection stays open; 0 means for ever.
	IdleTimeout time.Duration
	// MaxProcesses bounds the connections of one scope that are leased alone; 0 means mcpmux.DefaultMaxProcesses.
	MaxProcesses int
}

// most is how many connections a scope may have. Who shares one needs no other.
func (t *Target) most(scope string) int {
	switch {
	case scope == "":
		return 1
	case t.MaxProcesses > 0:
		return t.MaxProcesses
	}
	return mcpmux.DefaultMaxProcesses
}

// mostOnce is how many connections that serve one lease each the Server may have.
func (t *Target) mostOnce() int {
	n := t.MaxProcesses
	if n <= 0 {
		n = mcpmux.DefaultMaxProcesses
	}
	return max(onceFactor*n, minOnce)
}

// Bounds of connections that serve one lease each: so many times MaxProcesses, and at least so many.
const (
	onceFactor = 4
	minOnce    = 8
)

// Dial opens a connection for a target. ctx bounds the dial alone, not the life of the connection.
type Dial[C Conn] func(ctx context.Context, t Target, scope string) (C, error)

// Observer hears of beginnings and ends. Its functions are called without any lock, must return soon, and may be
// nil. For each connection Opened comes first and Closed once, after it.
type Observer[C Conn] struct {
	Opened func(Key, C)
	// Closed has no error where the pool ended the connection: idle, replaced or removed.
	Closed func(Key, C, error)
	Failed func(Key, error)
}

// Pool holds the connections. Its zero value is of no use; see New.
type Pool[C Conn] struct {
	dial        Dial[C]
	obs         Observer[C]
	dialTimeout time.Duration

	tasks sync.WaitGroup // one for each connection from the start of its dial to its end

	// mu guards the following, and every server and entry.
	mu      sync.Mutex
	servers map[mcpmux.ServerID]*server[C]
	holds   map[mcpmux.ServerID]int
	closed  bool
}

// server is what the pool knows of one Server.
type server[C Conn] struct {
	target  Target
	digest  [32]byte
	set     bool  // target is known
	refused error // what Acquire answers instead
	// expected is not nil while a new configuration is on its way; it is closed when Acquire should look again.
	expected chan struct{}
	lines    map[string]*line[C] // by scope
	single   map[string]*line[C] // by scope, those for single leases
	onces    int                 // connections for single leases whose processes are not gone
	draining map[*entry[C]]struct{}
}

// New makes an empty pool. dialTimeout bounds each dial.
func New[C Conn](dial Dial[C], obs Observer[C], dialTimeout time.Duration) *Pool[C] {
	if obs.Opened == nil {
		obs.Opened = func(Key, C) {}
	}
	if obs.Closed == nil {
		obs.Closed = func(Key, C, error) {}
	}
	if obs.Failed == nil {
		obs.Failed = func(Key, error) {}
	}
	return &Pool[C]{
		dial: dial, obs: obs, dialTimeout: dialTimeout,
		servers: make(map[mcpmux.ServerID]*server[C]),
		holds:   make(map[mcpmux.ServerID]int),
	}
}

// Set makes t the configuration that connections to its Server have from now on. Connections of another
// configuration drain: calls in flight on them finish, then they close.
func (p *Pool[C]) Set(t Target) {
	digest := t.Spec.Digest()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	s := p.serverLocked(t.Server)
	same := s.set && s.digest == digest && s.target.Space == t.Space
	s.target, s.digest, s.set = t, digest, true
	s.expectedLocked()
	for _, l := range s.allLocked() {
		if !same {
			p.drainLocked(s, l)
			continue
		}
		for _, e := range l.entries {
			p.armLocked(s, e)
		}
		p.grantLocked(s, l) // more may be allowed now
	}
}

// Refuse makes Acquire answer err at once for this Server; nil lifts it. Its connections stay.
func (p *Pool[C]) Refuse(id mcpmux.ServerID, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	s := p.serverLocked(id)
	s.refused = err
	if err != nil {
		s.expectedLocked()
	}
}

// Expect announces that a new configuration of the Server is on its way: Acquire waits for Set, or for the error
// of Refuse, so that no request meets a configuration that its user has replaced already.
func (p *Pool[C]) Expect(id mcpmux.ServerID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.serverLocked(id); !p.closed && s.expected == nil {
		s.refused = nil
		s.expected = make(chan struct{})
	}
}

// Remove forgets a Server and closes its connections; calls in flight on them fail. The channel is closed once
// the last of its connections, and its process, is gone.
func (p *Pool[C]) Remove(id mcpmux.ServerID) <-chan struct{} {
	gone := make(chan struct{})
	p.mu.Lock()
	var ends []*entry[C]
	if s := p.servers[id]; s != nil {
		delete(p.servers, id)
		ends = p.endAllLocked(s)
	}
	if p.closed || len(ends) == 0 {
		p.mu.Unlock()
		close(gone)
		return gone
	}
	p.tasks.Add(1)
	p.mu.Unlock()
	go func() {
		defer p.tasks.Done()
		defer close(gone)
		for _, e := range ends {
			<-e.gone
		}
	}()
	return gone
}

// Hold keeps the base connection of a Server from becoming idle until release is called: somebody waits for what
// the server may send by itself. It opens nothing.
func (p *Pool[C]) Hold(id mcpmux.ServerID) (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holds[id]++
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.holds[id]--; p.holds[id] > 0 {
			return
		}
		delete(p.holds, id)
		if s := p.servers[id]; s != nil {
			for _, e := range s.base() {
				e.lastUse = time.Now()
				p.armLocked(s, e)
			}
		}
	})
}

// base is the base connection of a Server, if there is one.
func (s *server[C]) base() []*entry[C] {
	if l := s.lines[""]; l != nil {
		return l.entries
	}
	return nil
}

// Discard ends a connection that its user found to be dead, for the reason why.
func (p *Pool[C]) Discard(key Key, conn C, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.servers[key.Server]
	if s == nil {
		return
	}
	for _, l := range s.allLocked() {
		for _, e := range l.entries {
			if l.scope == key.Scope && e.state == live && any(e.conn) == any(conn) {
				p.endLocked(s, e, why)
				return
			}
		}
	}
}

// EndScope takes the connections out of use whose scope matches: whom they were for is gone. Calls in flight on
// them finish.
func (p *Pool[C]) EndScope(id mcpmux.ServerID, match func(scope string) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.servers[id]
	if s == nil {
		return
	}
	for _, l := range s.allLocked() {
		if match(l.scope) {
			p.drainLocked(s, l)
		}
	}
}

// Each calls f with every live connection of a Server whose scope matches, without any lock.
func (p *Pool[C]) Each(id mcpmux.ServerID, match func(scope string) bool, f func(C)) {
	p.mu.Lock()
	var found []C
	if s := p.servers[id]; s != nil {
		for _, l := range s.allLocked() {
			for _, e := range l.entries {
				if match(l.scope) && e.state == live {
					found = append(found, e.conn)
				}
			}
		}
	}
	p.mu.Unlock()
	for _, conn := range found {
		f(conn)
	}
}

// Count is the number of a Server's live connections, and the process id of the first, 0 where there is none.
func (p *Pool[C]) Count(id mcpmux.ServerID) (connections, pid int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.servers[id]
	if s == nil {
		return 0, 0
	}
	count := func(e *entry[C]) {
		if e.state != live {
			return
		}
		connections++
		if pid == 0 {
			pid = e.conn.PID()
		}
	}
	for _, l := range s.allLocked() {
		for _, e := range l.entries {
			count(e)
		}
	}
	for e := range s.draining {
		count(e)
	}
	return connections, pid
}

// Close ends every connection and every dial and waits for them. The pool is of no use afterwards.
func (p *Pool[C]) Close() {
	p.mu.Lock()
	p.closed = true
	for id, s := range p.servers {
		delete(p.servers, id)
		p.endAllLocked(s)
	}
	p.mu.Unlock()
	p.tasks.Wait()
}

func (p *Pool[C]) serverLocked(id mcpmux.ServerID) *server[C] {
	s := p.servers[id]
	if s == nil {
		s = &server[C]{lines: make(map[string]*line[C]), single: make(map[string]*line[C]), draining: make(map[*entry[C]]struct{})}
		p.servers[id] = s
	}
	return s
}

// expectedLocked wakes those who wait for the announced configuration.
func (s *server[C]) expectedLocked() {
	if s.expected != nil {
		close(s.expected)
		s.expected = nil
	}
}

// endAllLocked ends every connection of s, sends everybody in line back to Acquire, and says which connections
// they were.
func (p *Pool[C]) endAllLocked(s *server[C]) []*entry[C] {
	s.expectedLocked()
	var ends []*entry[C]
	for _, l := range s.allLocked() {
		ends = append(ends, l.entries...)
		l.dismiss()
	}
	for e := range s.draining {
		ends = append(ends, e)
	}
	for _, e := range ends {
		p.endLocked(s, e, nil)
	}
	return ends
}

// dialError says how long the dial took where the time ran out; the reason itself stays in the chain.
func dialError(ctx context.Context, limit time.Duration, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no connection within %s: %w", limit, err)
	}
	return err
}
