package gateway

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/wire"
)

const (
	// quiet is how long a call may be silent before its answer becomes an event stream, whose comments
	// keep clients and middle boxes from giving up.
	quiet = 10 * time.Second

	// quietResumable is that for a client that can come back for the stream: the sooner it has one, the less a
	// broken connection costs.
	quietResumable = 250 * time.Millisecond

	// keepAlive is the pause between two comments on an event stream with nothing to say.
	keepAlive = 15 * time.Second

	// writeStall is how long a client may refuse to read before its stream is closed.
	writeStall = 30 * time.Second
)

// reply is the answer to one POST. It stays plain JSON, which costs least, unless something must reach the
// client before the answer: then it becomes an event stream (MCP 2025-11-25 basic/transports §Sending
// Messages to the Server leaves the choice to the server for each request).
type reply struct {
	w      http.ResponseWriter
	client context.Context //nolint:containedctx // ends when the client of this one request is gone
	accept bool            // the client can read event streams
	sess   *session        // whose client may come back for the stream; nil where it cannot
	via    carrier         // what carries the messages in place of w, or nil

	// mu guards the following.
	mu       sync.Mutex
	trail    *trail // the event stream, nil while there is none
	finished bool
	stopped  chan struct{}
}

// carrier takes the messages of a reply elsewhere than into a response of its own.
type carrier interface {
	send(outItem) bool
	open()
	finish(raw []byte)
	gone() <-chan struct{}
}

// resumable says that the client can come back for the answer in its session, if its revision has that.
func (r *reply) resumable(s *session) {
	if r.accept && s.resumable() {
		r.sess = s
	}
}

// send queues a message that comes before the answer. It reports false where it cannot be delivered.
func (r *reply) send(it outItem) bool {
	if r.via != nil {
		return r.via.send(it)
	}
	t := r.stream()
	return t != nil && t.add(it.raw, it.must)
}

// open turns the reply into an event stream, once.
func (r *reply) open() {
	if r.via != nil {
		r.via.open()
		return
	}
	_ = r.stream()
}

// streaming says whether the reply has become an event stream.
func (r *reply) streaming() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trail != nil
}

// stream is the reply as an event stream, nil where it cannot be one.
func (r *reply) stream() *trail {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.finished || !r.accept {
		return nil
	}
	if r.trail == nil {
		if r.sess != nil {
			r.trail = r.sess.trails.begin(r.sess.version)
		}
		if r.trail == nil {
			r.trail = &trail{}
		}
		r.stopped = make(chan struct{})
		go r.pump(r.trail, r.trail.attach(0))
	}
	return r.trail
}

// pump writes to the client that sent the request.
func (r *reply) pump(t *trail, to *reader) {
	defer close(r.stopped)
	es := startEvents(r.w)
	t.prime(es, 0)
	es.flush()
	t.pump(es, to, r.client.Done(), func() bool { return true })
}

// gone is closed when the client can be told nothing more; never where it can come back.
func (r *reply) gone() <-chan struct{} {
	if r.via != nil {
		return r.via.gone()
	}
	if t := r.stream(); t != nil && t.id != "" {
		return nil
	}
	return r.client.Done()
}

// quiet is how long a call may be silent before its answer becomes an event stream.
func (r *reply) quiet() time.Duration {
	if r.sess != nil {
		return quietResumable
	}
	return quiet
}

// finish writes the answer, given in parts, as JSON or as the last event. It is called once.
func (r *reply) finish(status int, parts ...[]byte) {
	if r.via != nil {
		r.via.finish(bytes.Join(parts, nil))
		return
	}
	r.mu.Lock()
	r.finished = true
	t := r.trail
	r.mu.Unlock()
	if t == nil {
		writeJSON(r.w, status, parts...)
		return
	}
	t.end(bytes.Join(parts, nil))
	<-r.stopped
}

// eventStream writes server-sent events to one response.
type eventStream struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	buf []byte
	err error
}

// startEvents writes the header of an event stream.
func startEvents(w http.ResponseWriter) *eventStream {
	h := w.Header()
	h["Content-Type"] = contentTypeSSE
	h["Cache-Control"] = cacheNoStore
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	return &eventStream{w: w, rc: http.NewResponseController(w)}
}

func (e *eventStream) message(raw []byte) {
	e.buf = wire.AppendEvent(e.buf[:0], "", "message", raw)
	e.write(e.buf)
}

func (e *eventStream) comment() {
	e.write([]byte(": keep-alive\n\n"))
	e.flush()
}

// items writes queued messages.
func (e *eventStream) items(items []outItem) {
	for _, it := range items {
		e.message(it.raw)
	}
	e.flush()
}

func (e *eventStream) write(b []byte) {
	if e.err != nil {
		return
	}
	_ = e.rc.SetWriteDeadline(time.Now().Add(writeStall)) // not every ResponseWriter of a test has deadlines
	_, e.err = e.w.Write(b)
}

func (e *eventStream) flush() {
	if e.err == nil {
		e.err = e.rc.Flush()
	}
}
