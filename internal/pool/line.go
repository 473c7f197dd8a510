package pool

import (
	"slices"
	"time"
)

// failurePause is how soon one more connection is tried after that failed beside one that lives.
const failurePause = 5 * time.Second

// line is the connections of one scope and those who wait for one, in order. Requests that share have one
// connection; there are more only where requests hold them alone. pool.mu guards it.
type line[C Conn] struct {
	scope    string
	once     bool // its connections serve one lease each
	entries  []*entry[C]
	queue    []*waiter[C]
	failedAt time.Time // of the last dial that failed beside others
}

// lineLocked is the line of a scope, made if need be.
func (s *server[C]) lineLocked(scope string, once bool) *line[C] {
	lines := s.lines
	if once {
		lines = s.single
	}
	l := lines[scope]
	if l == nil {
		l = &line[C]{scope: scope, once: once}
		lines[scope] = l
	}
	return l
}

// hasLocked says whether l is in use; lines that drain are not.
func (s *server[C]) hasLocked(l *line[C]) bool {
	if l.once {
		return s.single[l.scope] == l
	}
	return s.lines[l.scope] == l
}

func (s *server[C]) dropLocked(l *line[C]) {
	if l.once {
		delete(s.single, l.scope)
		return
	}
	delete(s.lines, l.scope)
}

// allLocked is every line in use, the base one first.
func (s *server[C]) allLocked() []*line[C] {
	all := make([]*line[C], 0, len(s.lines)+len(s.single))
	if l := s.lines[""]; l != nil {
		all = append(all, l)
	}
	for scope, l := range s.lines {
		if scope != "" {
			all = append(all, l)
		}
	}
	for _, l := range s.single {
		all = append(all, l)
	}
	return all
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
	if len(l.queue) == 0 || p.closed || !s.hasLocked(l) {
		return
	}
	for l.shortLocked() && s.roomLocked(l) {
		p.dialLocked(s, l)
	}
}

// roomLocked says whether one more connection may be dialled for l. A dial that failed while others live is not
// tried again at once: those who wait are served by them.
func (s *server[C]) roomLocked(l *line[C]) bool {
	switch {
	case l.once:
		return s.onces < s.target.mostOnce()
	case len(l.entries) == 0:
		return true
	case time.Since(l.failedAt) < failurePause:
		return false
	}
	return len(l.entries) < s.target.most(l.scope)
}

// shortLocked says whether more connections are wanted than are on their way: one for all who share, one for
// each who wants one alone.
func (l *line[C]) shortLocked() bool {
	if len(l.entries) == 0 {
		return len(l.queue) > 0
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

// failLocked takes those out of the line whom a failed dial answers: the one it was for, where each has one;
// everybody, where no other connection can serve them; else nobody.
func (l *line[C]) failLocked() []*waiter[C] {
	n := 0
	switch {
	case l.once:
		n = min(1, len(l.queue))
	case len(l.entries) == 1:
		n = len(l.queue)
	default:
		l.failedAt = time.Now()
	}
	queue := l.queue[:n:n]
	l.queue = l.queue[n:]
	return queue
}

// leftLocked is what a line does about a connection that ended.
func (p *Pool[C]) leftLocked(s *server[C], e *entry[C]) {
	l := e.line
	l.entries = slices.DeleteFunc(l.entries, func(o *entry[C]) bool { return o == e })
	switch {
	case !s.hasLocked(l):
	case len(l.entries) > 0:
		p.grantLocked(s, l)
	case l.once:
		s.tidyLocked(l)
	default:
		s.dropLocked(l)
		l.dismiss()
	}
}

// tidyLocked forgets a line for single leases that nobody is in.
func (s *server[C]) tidyLocked(l *line[C]) {
	if l.once && len(l.entries)+len(l.queue) == 0 && s.hasLocked(l) {
		s.dropLocked(l)
	}
}

// onceGone is what the end of a connection for one lease means for those who wait for one: there is room. Its
// process is gone too, so that they are bounded and not just the calls.
func (p *Pool[C]) onceGone(s *server[C]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.onces--
	for _, l := range s.single {
		p.grantLocked(s, l)
	}
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
	s.tidyLocked(l)
}
