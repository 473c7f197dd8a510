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
	sole     bool
	released atomic.Bool
}

// Release gives the connection back. It may be called more than once.
func (l *Lease[C]) Release() {
	if !l.released.Swap(true) {
		l.pool.release(l.server, l.entry, l.sole)
	}
}

// Key names the connection.
func (l *Lease[C]) Key() Key { return l.entry.key }

// Acquire leases a connection of a Server and scope. It joins the live one; where there is none, everybody who
// asks waits for the same dial and gets the same answer. A caller that gives up leaves the dial to the others.
// An exclusive lease is the only one on its connection: it takes a free one, else one that is dialled for it while
// there are fewer than MaxProcesses, else it waits in line.
//
// Its errors are what Refuse was given, what the dial said, or what ended ctx.
func (p *Pool[C]) Acquire(ctx context.Context, id mcpmux.ServerID, scope string, exclusive bool) (*Lease[C], error) {
	return p.acquire(ctx, id, scope, false, exclusive)
}

// AcquireOnce leases a connection that is dialled for this lease and ends with it. Of such a Server has so many
// at a time, whatever their scopes (see mostOnce); who comes later waits.
func (p *Pool[C]) AcquireOnce(ctx context.Context, id mcpmux.ServerID, scope string) (*Lease[C], error) {
	return p.acquire(ctx, id, scope, true, true)
}

func (p *Pool[C]) acquire(ctx context.Context, id mcpmux.ServerID, scope string, once, exclusive bool) (*Lease[C], error) {
	for {
		s, l, e, w, err := p.enter(id, scope, once, exclusive)
		if err != nil {
			return nil, err
		}
		if e != nil {
			return &Lease[C]{Conn: e.conn, pool: p, server: s, entry: e, sole: exclusive}, nil
		}
		select {
		case <-w.done:
		case <-ctx.Done():
			p.giveUp(s, l, w)
			return nil, context.Cause(ctx)
		}
		if w.err != nil {
			return nil, w.err
		}
		if w.entry != nil {
			return &Lease[C]{Conn: w.entry.conn, pool: p, server: s, entry: w.entry, sole: exclusive}, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// enter takes a lease on e at once where that is possible, else a place w in line: for a connection of l, or,
// where l is nil, for the configuration.
func (p *Pool[C]) enter(id mcpmux.ServerID, scope string, once, exclusive bool) (s *server[C], l *line[C], e *entry[C], w *waiter[C], err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s = p.servers[id]
	switch {
	case p.closed:
		return nil, nil, nil, nil, errPoolClosed
	case s != nil && s.refused != nil:
		return nil, nil, nil, nil, s.refused
	case s != nil && s.expected != nil:
		return s, nil, nil, &waiter[C]{done: s.expected}, nil
	case s == nil || !s.set:
		return nil, nil, nil, nil, errNotRunning
	}
	l = s.lineLocked(scope, once)
	if len(l.queue) == 0 {
		if e = l.freeLocked(exclusive); e != nil {
			e.takeLocked(exclusive)
			return s, l, e, nil, nil
		}
	}
	w = &waiter[C]{exclusive: exclusive, done: make(chan struct{})}
	l.queue = append(l.queue, w)
	p.grantLocked(s, l)
	return s, l, nil, w, nil
}

func (p *Pool[C]) giveUp(s *server[C], l *line[C], w *waiter[C]) {
	if l == nil {
		return
	}
	p.mu.Lock()
	got := w.entry
	if got == nil {
		p.leaveLocked(s, l, w)
	}
	p.mu.Unlock()
	if got != nil {
		p.release(s, got, w.exclusive)
	}
}

// errSpoiled ends a connection on which something of its last holder's may still come.
var errSpoiled = errors.New("the server did not answer a call that was given up, so its connection is not used again")

func (p *Pool[C]) release(s *server[C], e *entry[C], sole bool) {
	spoiled := sole && e.conn.Spoiled()
	p.mu.Lock()
	defer p.mu.Unlock()
	e.leases--
	e.sole = false
	e.lastUse = time.Now()
	switch {
	case spoiled && e.state == live:
		p.endLocked(s, e, errSpoiled)
	case e.used:
		p.endLocked(s, e, nil)
	default:
		p.grantLocked(s, e.line)
		p.restLocked(s, e)
	}
}
