package pool

import "slices"

// lineKey says which connections of a Server a request may have: those of a scope, or one of that scope made for
// the request alone.
type lineKey struct {
	scope string
	once  bool
}

// line is the connections of one scope and those who wait for one, in order. Requests that share have one
// connection; there are more only where requests hold them alone. pool.mu guards it.
type line[C Conn] struct {
	lineKey
	entries []*entry[C]
	queue   []*waiter[C]
}

// waiter is an Acquire that waits in line, for a dial or for its turn. Once done is closed it has a lease on
// entry, or err, or neither: then it starts over.
type waiter[C Conn] struct {
	exclusive bool
	done      chan struct{}
	entry     *entry[C]
	err       error
}

// freeLocked is a connection that a request may have at once, nil where there is none.
func (l *line[C]) freeLocked(exclusive bool) *entry[C] {
	for _, e := range l.entries {
		if e.admitsLocked(exclusive) {
			return e
		}
	}
	return nil
}

// grantLocked gives leases to those in line, in order, as far as sharing allows, and dials for the rest as far
// as the limit allows.
func (p *Pool[C]) grantLocked(s *server[C], l *line[C]) {
	for len(l.queue) > 0 {
		w := l.queue[0]
		e := l.freeLocked(w.exclusive)
		if e == nil {
			break
		}
		l.queue = l.queue[1:]
		e.takeLocked(w.exclusive)
		w.entry = e
		close(w.done)
	}
	if p.closed || s.lines[l.lineKey] != l {
		return
	}
	for l.shortLocked() && len(l.entries) < s.target.most(l.lineKey) {
		p.dialLocked(s, l)
	}
}

// shortLocked says whether more connections are wanted than are on their way: one for all who share, one for
// each who wants one alone.
func (l *line[C]) shortLocked() bool {
	if len(l.queue) == 0 {
		return false
	}
	if len(l.entries) == 0 {
		return true
	}
	alone, dials := 0, 0
	for _, w := range l.queue {
		if w.exclusive {
			alone++
		}
	}
	for _, e := range l.entries {
		if e.state == dialling {
			dials++
		}
	}
	return alone > dials
}

// leftLocked is what a line does about a connection that ended.
func (p *Pool[C]) leftLocked(s *server[C], e *entry[C]) {
	l := e.line
	l.entries = slices.DeleteFunc(l.entries, func(o *entry[C]) bool { return o == e })
	if s.lines[l.lineKey] != l {
		return
	}
	if len(l.entries) == 0 {
		delete(s.lines, l.lineKey)
		l.dismiss()
		return
	}
	p.grantLocked(s, l)
}

// dismiss sends everybody in line back to the start of Acquire.
func (l *line[C]) dismiss() {
	for _, w := range l.queue {
		close(w.done)
	}
	l.queue = nil
}

// leaveLocked takes w out of the line.
func (p *Pool[C]) leaveLocked(s *server[C], l *line[C], w *waiter[C]) {
	l.queue = slices.DeleteFunc(l.queue, func(o *waiter[C]) bool { return o == w })
	p.grantLocked(s, l)
}
