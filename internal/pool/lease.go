package pool

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

var (
	errConnectionLost = errors.New("connection lost")
	// errNotRunning answers for a Server of which the pool knows no configuration.
	errNotRunning = mcpmux.Errorf(mcpmux.CodeUnavailable, "the server is not running")
	errPoolClosed = mcpmux.Errorf(mcpmux.CodeUnavailable, "McpMux is shutting down")
)

// Lease is the right to use a connection until Release. An exclusive lease is the only one on its connection.
type Lease[C Conn] struct {
	Conn C

	pool     *Pool[C]
	server   *server[C]
	entry    *entry[C]
	released atomic.Bool
}

// Release gives the connection back. It may be called more than once.
func (l *Lease[C]) Release() {
	if !l.released.Swap(true) {
		l.pool.release(l.server, l.entry)
	}
}

// Key names the connection.
func (l *Lease[C]) Key() Key { return l.entry.key }

// Acquire leases the connection of a Server and scope. It joins the live one; where there is none, everybody who
// asks waits for the same dial and gets the same answer. A caller that gives up leaves the dial to the others.
// An exclusive lease waits until nobody else has the connection, in line with all others.
//
// Its errors are what Refuse was given, what the dial said, or what ended ctx.
func (p *Pool[C]) Acquire(ctx context.Context, id mcpmux.ServerID, scope string, exclusive bool) (*Lease[C], error) {
	for {
		s, e, w, err := p.enter(id, scope, exclusive)
		if err != nil {
			return nil, err
		}
		if w == nil {
			return &Lease[C]{Conn: e.conn, pool: p, server: s, entry: e}, nil
		}
		select {
		case <-w.done:
		case <-ctx.Done():
			if e != nil {
				p.giveUp(s, e, w)
			}
			return nil, context.Cause(ctx)
		}
		if w.err != nil {
			return nil, w.err
		}
		if w.granted {
			return &Lease[C]{Conn: e.conn, pool: p, server: s, entry: e}, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// enter takes a lease at once where that is possible (w is nil), else a place in line: for the connection e, or,
// where e is nil, for the configuration.
func (p *Pool[C]) enter(id mcpmux.ServerID, scope string, exclusive bool) (*server[C], *entry[C], *waiter, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.servers[id]
	switch {
	case p.closed:
		return nil, nil, nil, errPoolClosed
	case s != nil && s.refused != nil:
		return nil, nil, nil, s.refused
	case s != nil && s.expected != nil:
		return s, nil, &waiter{done: s.expected}, nil
	case s == nil || !s.set:
		return nil, nil, nil, errNotRunning
	}
	e := s.entries[scope]
	if e == nil {
		e = p.dialLocked(s, scope)
	}
	if len(e.queue) == 0 && e.admitsLocked(exclusive) {
		e.takeLocked(exclusive)
		return s, e, nil, nil
	}
	w := &waiter{exclusive: exclusive, done: make(chan struct{})}
	e.queue = append(e.queue, w)
	return s, e, w, nil
}

func (p *Pool[C]) giveUp(s *server[C], e *entry[C], w *waiter) {
	p.mu.Lock()
	granted := w.granted
	if !granted {
		p.leaveLocked(e, w)
	}
	p.mu.Unlock()
	if granted {
		p.release(s, e)
	}
}

func (p *Pool[C]) release(s *server[C], e *entry[C]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.leases--
	e.sole = false
	e.lastUse = time.Now()
	p.grantLocked(e)
	p.restLocked(s, e)
}
