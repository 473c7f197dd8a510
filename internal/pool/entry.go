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

// entry is one connection of a Key, from the start of its dial to its end. pool.mu guards it.
type entry[C Conn] struct {
	key    Key
	line   *line[C]
	state  state
	drain  bool // another configuration is wanted: ends with its last lease
	conn   C
	cancel context.CancelFunc // of the dial

	leases  int
	sole    bool // the one lease is exclusive
	used    bool // it served its one lease
	lastUse time.Time
	idle    *time.Timer // nil: not armed

	stop chan struct{} // closed to end a live connection
	why  error         // for Closed, once stop is closed
	gone chan struct{} // closed when connection and process are gone
}

// dialLocked starts a dial for a line.
func (p *Pool[C]) dialLocked(s *server[C], l *line[C]) {
	ctx, cancel := context.WithTimeout(context.Background(), p.dialTimeout)
	t := s.target
	e := &entry[C]{
		key:    Key{Space: t.Space, Server: t.Server, Digest: s.digest, Scope: l.scope},
		line:   l,
		cancel: cancel,
		stop:   make(chan struct{}),
		gone:   make(chan struct{}),
	}
	l.entries = append(l.entries, e)
	if l.once {
		s.onces++
	}
	p.tasks.Go(func() {
		defer close(e.gone)
		p.live(ctx, s, e, t)
		if l.once {
			p.onceGone(s)
		}
	})
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
		p.grantLocked(s, e.line)
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
		queue := e.line.failLocked()
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

// admitsLocked says whether one more lease is possible now: an exclusive one is the only one.
func (e *entry[C]) admitsLocked(exclusive bool) bool {
	return e.state == live && !e.sole && !e.used && (!exclusive || e.leases == 0)
}

func (e *entry[C]) takeLocked(exclusive bool) {
	e.leases++
	e.sole = exclusive
	e.used = e.line.once
}

// restLocked is what happens when the last lease is given back.
func (p *Pool[C]) restLocked(s *server[C], e *entry[C]) {
	switch {
	case e.leases > 0 || e.state != live:
	case e.drain || e.line.once: // who it was dialled for has gone
		p.endLocked(s, e, nil)
	default:
		p.armIfNoneLocked(s, e)
	}
}

// drainLocked takes a line out of use: nobody new gets its connections, and they end with their last lease. Who
// waits starts over; a dial is of no more use and is cancelled.
func (p *Pool[C]) drainLocked(s *server[C], l *line[C]) {
	s.dropLocked(l)
	l.dismiss()
	for _, e := range slices.Clone(l.entries) {
		if e.state == dialling {
			p.endLocked(s, e, nil)
			continue
		}
		e.drain = true
		s.draining[e] = struct{}{}
		e.disarmLocked()
		p.restLocked(s, e)
	}
}

// endLocked takes e out of the pool at once; its goroutine does the rest. why is what Closed reports.
func (p *Pool[C]) endLocked(s *server[C], e *entry[C], why error) {
	if e.state == ended {
		return
	}
	e.state, e.why = ended, why
	delete(s.draining, e)
	e.disarmLocked()
	e.cancel()
	close(e.stop)
	p.leftLocked(s, e)
}
