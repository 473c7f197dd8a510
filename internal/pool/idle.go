package pool

import "time"

// recheck is how soon a connection that nobody leases, but on which a call is still in flight, is looked at again.
const recheck = time.Second

// armLocked starts the idle timer anew; a lease or a hold that is taken meanwhile is seen when it fires. That way
// the hot path writes down a time and touches no timer.
func (p *Pool[C]) armLocked(s *server[C], e *entry[C]) {
	e.disarmLocked()
	if e.leases == 0 {
		p.armIfNoneLocked(s, e)
	}
}

func (p *Pool[C]) armIfNoneLocked(s *server[C], e *entry[C]) {
	limit := s.target.IdleTimeout
	if limit <= 0 || e.state != live || e.idle != nil || p.heldLocked(e) {
		return
	}
	p.afterLocked(s, e, max(limit-time.Since(e.lastUse), 0))
}

func (p *Pool[C]) afterLocked(s *server[C], e *entry[C], d time.Duration) {
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		busy := e.conn.InFlight() > 0
		p.mu.Lock()
		defer p.mu.Unlock()
		if e.idle == t {
			e.idle = nil
			p.expireLocked(s, e, busy)
		}
	})
	e.idle = t
}

// expireLocked ends e if nobody has used it for the whole timeout.
func (p *Pool[C]) expireLocked(s *server[C], e *entry[C], busy bool) {
	switch {
	case e.state != live || e.leases > 0 || p.heldLocked(e):
		// Giving the lease or the hold back arms the timer again.
	case time.Since(e.lastUse) < s.target.IdleTimeout:
		p.armIfNoneLocked(s, e)
	case busy:
		p.afterLocked(s, e, recheck)
	default:
		p.endLocked(s, e, nil)
	}
}

func (p *Pool[C]) heldLocked(e *entry[C]) bool {
	return e.key.Scope == "" && p.holds[e.key.Server] > 0
}

func (e *entry[C]) disarmLocked() {
	if e.idle != nil {
		e.idle.Stop()
		e.idle = nil
	}
}
