package gateway

import (
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// Bounds of what is kept of a stream for a client that comes back (MCP 2025-11-25 basic/transports
// §Resumability and Redelivery).
const (
	trailEvents = 64
	trailBytes  = 1 << 20
	trailTime   = 5 * time.Minute
	maxTrails   = 32 // of one session
)

// primingRetry is how long a client is to wait before it comes back, in milliseconds.
const primingRetry = 1000

const headerLastEvent = "Last-Event-Id"

// trail is one event stream. With an id it outlives its connection: its events bear ids, and the last of them
// are kept for a client that comes back for what it missed.
type trail struct {
	id     string // "" for a stream that ends with its connection
	primes bool   // it begins with an empty event that bears an id

	// mu guards the following.
	mu     sync.Mutex
	events []event
	size   int
	last   int // number of the newest event
	sent   int // number of the newest event that was written to a connection
	lost   int // number of the newest event that was written and is no longer kept
	over   bool
	used   time.Time // of the last event
	now    *reader   // the connection that is written to, nil for none
}

// event is one message on a trail; must marks what is not dropped before it was written.
type event struct {
	n    int
	must bool
	raw  []byte
}

// reader is a connection that is written to.
type reader struct {
	at    int           // number of the last event that was written to it; only its own goroutine uses it
	wake  chan struct{} // holds a token while there may be something to write
	taken chan struct{} // closed when another connection took over
}

// newTrail makes a trail that can be resumed; kind tells the streams of a session apart by more than chance.
func newTrail(kind, version string) *trail {
	return &trail{
		id: kind + rand.Text()[:10], primes: protocol.Has(version, protocol.PrimingEvents), used: time.Now(),
	}
}

// add appends a message. It reports false where it cannot be delivered any more, or does not fit.
func (t *trail) add(raw []byte, must bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over || t.id == "" && t.now == nil || !t.room(len(raw)) {
		return false
	}
	t.append(raw, must)
	return true
}

// end appends the answer, which always fits, and after which nothing comes.
func (t *trail) end(raw []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	t.over = true
	_ = t.room(len(raw))
	t.append(raw, true)
}

func (t *trail) append(raw []byte, must bool) {
	t.last++
	t.events = append(t.events, event{n: t.last, must: must, raw: raw})
	t.size += len(raw)
	t.used = time.Now()
	if t.now != nil {
		t.now.signal()
	}
}

func (r *reader) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// room forgets what is too much, with size bytes more to come. What was written goes first; of what was not,
// a connection that reads slowly may have more waiting than one that is gone leaves behind.
func (t *trail) room(size int) bool {
	t.forget(1, size)
	most, bytes := trailEvents, trailBytes
	if t.now != nil {
		most, bytes = outboxItems, outboxBytes
	}
	for len(t.events) > 0 && (len(t.events) >= most || t.size+size > bytes) {
		i := 0
		for i < len(t.events) && t.events[i].must {
			i++
		}
		if i == len(t.events) {
			return false
		}
		t.size -= len(t.events[i].raw)
		t.events = append(t.events[:i], t.events[i+1:]...)
	}
	return true
}

// forget drops the oldest written events that are beyond the bounds, or all of them of a stream that nobody
// can come back for, with more of them and size bytes to come.
func (t *trail) forget(more, size int) {
	n := 0
	for n < len(t.events) && t.events[n].n <= t.sent &&
		(t.id == "" || len(t.events)-n+more > trailEvents || t.size+size > trailBytes) {
		t.size -= len(t.events[n].raw)
		t.lost = t.events[n].n
		n++
	}
	t.events = t.events[n:]
}

// expire forgets what nobody came back for in time. It reports whether the trail is of no more use.
func (t *trail) expire(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.used) <= trailTime || t.now != nil && t.over {
		return false
	}
	for len(t.events) > 0 && t.events[0].n <= t.sent {
		t.size -= len(t.events[0].raw)
		t.lost = t.events[0].n
		t.events = t.events[1:]
	}
	return t.over
}

// attach makes a connection the one that is written to, in place of another.
func (t *trail) attach(at int) *reader {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.take(at)
}

func (t *trail) take(at int) *reader {
	if t.now != nil {
		close(t.now.taken)
	}
	t.now = &reader{at: at, wake: make(chan struct{}, 1), taken: make(chan struct{})}
	t.now.signal()
	return t.now
}

// join is attach for a connection that goes on where the last one ended. It yields to one that is there.
func (t *trail) join() *reader {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now != nil {
		return nil
	}
	return t.take(t.sent)
}

// resume is attach for a client that had the events up to number n.
func (t *trail) resume(n int) *reader {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n < t.lost || n > t.last {
		return nil
	}
	return t.take(n)
}

func (t *trail) detach(r *reader) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now == r {
		t.now = nil
	}
}

func (t *trail) attached() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now != nil
}

func (t *trail) finished() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.over
}

// after are the events that come after number n, and whether they are the last.
func (t *trail) after(n int) ([]event, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := 0
	for i < len(t.events) && t.events[i].n <= n {
		i++
	}
	return append([]event(nil), t.events[i:]...), t.over
}

// wrote notes that the connection was given all events up to its own mark.
func (t *trail) wrote(r *reader) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.at > t.sent {
		t.sent = r.at
		t.forget(0, 0)
	}
}

// prime begins a stream with an event that says nothing but where it begins (MCP 2025-11-25 basic/transports
// §Sending Messages to the Server).
func (t *trail) prime(es *eventStream, at int) {
	if t.primes {
		es.buf = append(es.buf[:0], "retry: "+strconv.Itoa(primingRetry)+"\n"...)
		es.buf = wire.AppendEvent(es.buf, t.eventID(at), "", nil)
		es.write(es.buf)
	}
}

func (t *trail) eventID(n int) string {
	if t.id == "" {
		return ""
	}
	return t.id + "-" + strconv.Itoa(n)
}

// write gives a connection what it has not had yet, and reports whether that was the last.
func (t *trail) write(es *eventStream, r *reader) bool {
	events, over := t.after(r.at)
	for _, e := range events {
		es.buf = wire.AppendEvent(es.buf[:0], t.eventID(e.n), "message", e.raw)
		es.write(es.buf)
	}
	es.flush()
	if es.err == nil && len(events) > 0 {
		r.at = events[len(events)-1].n
		t.wrote(r)
	}
	return over
}

// pump writes to one connection until everything is said, or another connection takes over, or the client is
// gone, or alive says so at a pause.
func (t *trail) pump(es *eventStream, r *reader, client <-chan struct{}, alive func() bool) {
	defer t.detach(r)
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for es.err == nil {
		select {
		case <-r.wake:
			if t.write(es, r) {
				return
			}
		case <-tick.C:
			if !alive() {
				return
			}
			es.comment()
		case <-r.taken:
			return
		case <-client:
			return
		}
	}
}

// The kinds of trails, the first letter of their ids.
const (
	trailOfSession = "g"
	trailOfCall    = "p"
)

// trails are the streams of a session that belong to its calls.
type trails struct {
	// mu guards the following.
	mu  sync.Mutex
	all []*trail // oldest first
}

// begin makes a trail for a call, nil where too many calls have one. One whose call is done makes room.
func (r *trails) begin(version string) *trail {
	r.expire(time.Now())
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) >= maxTrails && !r.dropFinished() {
		return nil
	}
	t := newTrail(trailOfCall, version)
	r.all = append(r.all, t)
	return t
}

func (r *trails) dropFinished() bool {
	for i, t := range r.all {
		if t.finished() {
			r.all = append(r.all[:i], r.all[i+1:]...)
			return true
		}
	}
	return false
}

// expire forgets what nobody came back for in time.
func (r *trails) expire(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := r.all[:0]
	for _, t := range r.all {
		if !t.expire(now) {
			kept = append(kept, t)
		}
	}
	clear(r.all[len(kept):])
	r.all = kept
}

func (r *trails) find(id string) *trail {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.all {
		if t.id == id {
			return t
		}
	}
	return nil
}

// resumable says whether the revision lets a client come back for a stream.
func (s *session) resumable() bool { return s.stream.id != "" }

// resume finds the stream and the place in it that a Last-Event-ID names.
func (s *session) resume(last string) (*trail, *reader, *rpcError) {
	s.trails.expire(time.Now())
	id, number, _ := strings.Cut(last, "-")
	n, err := strconv.Atoi(number)
	t := s.stream
	switch {
	case s.revived && strings.HasPrefix(id, trailOfSession) && id != t.id:
		// The stream of before the restart: what was told on it meanwhile is told again on this one.
		return t, t.attach(t.sentUpTo()), nil
	case id != t.id:
		t = s.trails.find(id)
	}
	if t != nil && err == nil {
		if r := t.resume(n); r != nil {
			return t, r, nil
		}
	}
	return nil, nil, &rpcError{
		status: http.StatusBadRequest, code: codeInvalidRequest,
		message: "what came after event " + strconv.Quote(last) + " is not kept here any more; open a stream without Last-Event-ID and send again what was not answered",
	}
}

func (t *trail) sentUpTo() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sent
}
