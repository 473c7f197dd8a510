package pool

import (
	"context"
	"slices"
	"time"
)

// state is where a connection is in its life.
type state uint8

const (
	dialling state = iota
	live
	ended // by the pool or by itself; perhaps its process is not gone yet
)

// entry is the one connection of a Key, from the start of its dial to its end. pool.mu guards it.
type entry[C Conn] struct {
	key    Key
	state  state
	drain  bool // another configuration is wanted: ends with its last lease
	conn   C
	cancel context.CancelFunc // of the dial

	leases  int
	sole    bool // the one lease is exclusive
	queue   []*waiter
	lastUse time.Time
	idle    *time.Timer // nil: not armed

	stop chan struct{} // closed to end a live connection
	why  error         // for Closed, once stop is closed
	gone chan struct{} // closed when connection and process are gone
}

// waiter is an Acquire that waits in line, for the dial or for its turn. Once done is closed it has the lease,
// or err, or neither: then it starts over.
type waiter struct {
	exclusive bool
	done      chan struct{}
	granted   bool
	err       error
}

// dialLocked starts the one dial of a Key.
func (p *Pool[C]) dialLocked(s *server[C], scope string) *entry[C] {
	ctx, cancel := context.WithTimeout(context.Background(), p.dialTimeout)
	t := s.target
	e := &entry[C]{
		key:    Key{Space: t.Space, Server: t.Server, Digest: s.digest, Scope: scope},
		cancel: cancel,
		stop:   make(chan struct{}),
		gone:   make(chan struct{}),
	}
	s.entries[scope] = e
	p.tasks.Go(func() {
		defer close(e.gone)
		p.live(ctx, s, e, t)
	})
	return e
}

// live is the life of a connection, in a goroutine of its own:
//  1. it is dialled, and a failure answers all who wait;
//  2. it is announced, then given to those who wait;
//  3. it lasts until it dies or is told to stop;
//  4. its end is reported, and its process waited for.
func (p *Pool[C]) live(ctx context.Context, s *server[C], e *entry[C], t Target) {
	defer e.cancel()
	conn, err := p.dial(ctx, t, e.key.Scope)
	if err != nil {
		p.dialFailed(s, e, dialError(ctx, p.dialTimeout, err))
		return
	}

	p.obs.Opened(e.key, conn)
	p.mu.Lock()
	e.conn = conn
	if e.state == dialling {
		e.state = live
		e.lastUse = time.Now()
		p.grantLocked(e)
		p.restLocked(s, e)
	}
	p.mu.Unlock()

	select {
	case <-conn.Done():
	case <-e.stop:
	}
	p.mu.Lock()
	why := e.why
	if e.state == live {
		why = conn.Err()
		if why == nil {
			why = errConnectionLost
		}
		p.endLocked(s, e, why)
	}
	p.mu.Unlock()
	p.obs.Closed(e.key, conn, why)
	// The error of Close says how the process took it; the connection is gone either way.
	_ = conn.Close()
}

func (p *Pool[C]) dialFailed(s *server[C], e *entry[C], err error) {
	p.mu.Lock()
	current := e.state == dialling
	if current {
		queue := e.queue
		e.queue = nil
		p.endLocked(s, e, err)
		p.mu.Unlock()
		// The Observer hears of it before those who wait do, so that their next try meets its verdict.
		p.obs.Failed(e.key, err)
		for _, w := range queue {
			w.err = err
			close(w.done)
		}
		return
	}
	p.mu.Unlock()
}

// grantLocked gives leases to those in line, in order, as far as sharing allows.
func (p *Pool[C]) grantLocked(e *entry[C]) {
	for len(e.queue) > 0 {
		w := e.queue[0]
		if !e.admitsLocked(w.exclusive) {
			return
		}
		e.queue = e.queue[1:]
		e.takeLocked(w.exclusive)
		w.granted = true
		close(w.done)
	}
}

// admitsLocked says whether one more lease is possible now: an exclusive one is the only one.
func (e *entry[C]) admitsLocked(exclusive bool) bool {
	return e.state == live && !e.sole && (!exclusive || e.leases == 0)
}

func (e *entry[C]) takeLocked(exclusive bool) {
	e.leases++
	e.sole = exclusive
}

// restLocked is what happens when the last lease is given back.
func (p *Pool[C]) restLocked(s *server[C], e *entry[C]) {
	switch {
	case e.leases > 0 || e.state != live:
	case e.drain:
		p.endLocked(s, e, nil)
	default:
		p.armIfNoneLocked(s, e)
	}
}

// drainLocked takes e out of use: nobody new gets it, and it ends with its last lease. Who waits for it starts
// over with the new configuration; a dial is of no more use and is cancelled.
func (p *Pool[C]) drainLocked(s *server[C], e *entry[C]) {
	delete(s.entries, e.key.Scope)
	if e.state == dialling {
		p.endLocked(s, e, nil)
		return
	}
	e.drain = true
	s.draining[e] = struct{}{}
	e.disarmLocked()
	e.dismissLocked()
	p.restLocked(s, e)
}

// endLocked takes e out of the pool at once; its goroutine does the rest. why is what Closed reports.
func (p *Pool[C]) endLocked(s *server[C], e *entry[C], why error) {
	if e.state == ended {
		return
	}
	e.state, e.why = ended, why
	if s.entries[e.key.Scope] == e {
		delete(s.entries, e.key.Scope)
	}
	delete(s.draining, e)
	e.disarmLocked()
	e.dismissLocked()
	e.cancel()
	close(e.stop)
}

// dismissLocked sends everybody in line back to the start of Acquire.
func (e *entry[C]) dismissLocked() {
	for _, w := range e.queue {
		close(w.done)
	}
	e.queue = nil
}

// leaveLocked takes w out of the line.
func (p *Pool[C]) leaveLocked(e *entry[C], w *waiter) {
	e.queue = slices.DeleteFunc(e.queue, func(o *waiter) bool { return o == w })
	p.grantLocked(e)
}
