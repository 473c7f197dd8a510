package guard

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of a listener.
const (
	// maxConns is how many connections a listener holds at most, where the system allows as many (connLimit).
	// One that idles costs about 20 kB.
	maxConns = 10_000
	// maxConnsPerPeer bounds the connections of one other machine. On loopback every program has the same
	// address, so there such a limit would let one of them lock out all others.
	maxConnsPerPeer = 256
	// maxSlowBodies is how many requests may be waited for at a time whose body did not come with the header.
	maxSlowBodies = 1024
	// bodyTimeout is how long a request may take from its first byte to the last one of its body.
	bodyTimeout = 30 * time.Second
	// writeTimeout is how long a client may refuse to take the next writePart bytes of an answer; it may be a
	// third more, so that the clock is not set for each. Whoever writes a stream may set another.
	writeTimeout = 30 * time.Second
	writePart    = 64 << 10
	// sayEvery is how often a listener says that it closes connections to make room.
	sayEvery = 10 * time.Second
)

// conns are the open connections of one Listener. Where there are too many, those that wait for their client
// make room: first the one that has done nothing for longest, between requests or before the first; then the one
// that has sent a body for longest without getting to its end. Requests that are being answered and streams stay.
//
// A flood of new connections so costs a client that is there only those it has not used for as long as it takes to
// flood all places, and a flood of used ones does not keep out who is new.
type conns struct {
	max, perPeer, bodies int
	log                  *slog.Logger
	now                  func() time.Time

	// mu guards the following, and in each conn what is said to be. It is never held across I/O.
	mu    sync.Mutex
	open  int
	peers map[netip.Prefix]int // connections of other machines
	idle  queue                // between requests
	fresh queue                // before the first request
	slow  queue                // whose body is waited for
	shed  map[string]int       // what was closed since that was said, by why
	said  time.Time
}

func newConns(limit int, log *slog.Logger) *conns {
	return &conns{
		max: limit, perPeer: maxConnsPerPeer, bodies: maxSlowBodies, log: log, now: time.Now,
		peers: make(map[netip.Prefix]int), shed: make(map[string]int),
	}
}

// conn is one connection. It knows what net/http is about with it from the order of net/http's calls: the hook
// for StateActive comes after a request's header was read, and the deadline for reading is lifted when its
// body was read to the end (or it has none), before a read in the background waits for the client to go away.
// Reads between those two are for the body.
type conn struct {
	*net.TCPConn
	of   *conns
	peer netip.Prefix // of another machine, else not valid

	ownerOnce sync.Once
	owner     owner

	inBody  atomic.Bool  // a body is read, or left unread
	waited  atomic.Bool  // this body was waited for
	evicted atomic.Bool  // its place to wait was given to another
	late    atomic.Int32 // the status of a request whose body did not come, else 0
	bound   atomic.Bool  // whoever answers has set a deadline for writing
	until   atomic.Int64 // the deadline for writing that Write has set, in Unix nanoseconds, or 0
	gone    atomic.Bool  // it is closed

	// of.mu guards the following.
	in         *queue    // which it waits in, or nil
	since      time.Time // since when
	prev, next *conn     // in that queue
}

type connKey struct{}

// connOf is the connection that a request came on, nil where it came by other ways than a Listener.
func connOf(r *http.Request) *conn {
	c, _ := r.Context().Value(connKey{}).(*conn)
	return c
}

// unwrapConn finds a connection of ours in what net/http calls one: itself, or TLS over it.
func unwrapConn(nc net.Conn) *conn {
	if tls, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = tls.NetConn()
	}
	c, _ := nc.(*conn)
	return c
}

// install has srv tell what becomes of connections.
func (cs *conns) install(srv *http.Server) {
	srv.ConnState = func(nc net.Conn, state http.ConnState) {
		if c := unwrapConn(nc); c != nil {
			c.became(state)
		}
	}
	srv.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, unwrapConn(nc))
	}
}

// admitting is a listener whose connections are counted.
type admitting struct {
	net.Listener
	conns *conns
}

func (a *admitting) Accept() (net.Conn, error) {
	for {
		nc, err := a.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := nc.(*net.TCPConn)
		if !ok {
			return nil, errors.Join(errors.New("guard: not a TCP connection"), nc.Close())
		}
		c := &conn{TCPConn: tcp, of: a.conns, peer: peerPrefix(tcp.RemoteAddr())}
		if a.conns.admit(c) {
			return c, nil
		}
		_ = tcp.Close() // it was never ours
	}
}

// peerPrefix is another machine: an IPv4 address, or the network of an IPv6 address, of which everybody has
// many. It is not valid for loopback.
func peerPrefix(addr net.Addr) netip.Prefix {
	ip, ok := peerAddr(addr.String())
	if !ok || ip.IsLoopback() {
		return netip.Prefix{}
	}
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	prefix, _ := ip.Prefix(bits) // never too many bits
	return prefix
}

// admit counts c in, where need be in the place of another. False means that there is no place for it.
func (cs *conns) admit(c *conn) bool {
	victim, ok := cs.enter(c)
	if victim != nil {
		_ = victim.Close() // its client learns it by the end of the connection
	}
	return ok
}

func (cs *conns) enter(c *conn) (victim *conn, ok bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c.peer.IsValid() && cs.peers[c.peer] >= cs.perPeer {
		cs.say("too many of one machine")
		return nil, false
	}
	if cs.open >= cs.max {
		var why string
		if victim, why = cs.victim(); victim == nil {
			cs.say("refused")
			return nil, false
		}
		cs.say(why)
		cs.leave(victim)
	}
	cs.open++
	if c.peer.IsValid() {
		cs.peers[c.peer]++
	}
	cs.fresh.push(c)
	return victim, true
}

// victim is the connection that is missed least, nil if each does something. cs.mu is held.
func (cs *conns) victim() (c *conn, why string) {
	idle, fresh := cs.idle.first, cs.fresh.first
	switch {
	case idle != nil && (fresh == nil || !fresh.since.Before(idle.since)):
		return idle, "idle"
	case fresh != nil:
		return fresh, "without a request"
	case cs.slow.first != nil:
		return cs.slow.first, "slow body"
	}
	return nil, ""
}

// leave counts c out, once. cs.mu is held.
func (cs *conns) leave(c *conn) {
	if c.gone.Swap(true) {
		return
	}
	c.unqueue()
	cs.open--
	if c.peer.IsValid() {
		if cs.peers[c.peer]--; cs.peers[c.peer] == 0 {
			delete(cs.peers, c.peer)
		}
	}
}

// say notes that a connection was closed to make room, and logs it together with others. cs.mu is held.
func (cs *conns) say(why string) {
	cs.shed[why]++
	now := cs.now()
	if now.Sub(cs.said) < sayEvery {
		return
	}
	cs.said = now
	attrs := []any{"open", cs.open, "limit", cs.max}
	for why, n := range cs.shed {
		attrs = append(attrs, slog.Int(why, n))
	}
	clear(cs.shed)
	cs.log.Warn("connections were closed to make room", attrs...)
}

// became follows a connection through its states.
func (c *conn) became(state http.ConnState) {
	switch state {
	case http.StateActive:
		c.late.Store(0)
		c.waited.Store(false)
		c.evicted.Store(false)
		c.inBody.Store(true)
		c.of.mu.Lock()
		c.unqueue()
		c.of.mu.Unlock()
	case http.StateIdle:
		c.inBody.Store(false)
		c.of.mu.Lock()
		c.unqueue()
		if !c.gone.Load() {
			c.of.idle.push(c)
		}
		c.of.mu.Unlock()
	case http.StateNew, http.StateHijacked, http.StateClosed: // admit and Close see to these.
	}
}

// Close closes the connection and counts it out. Closing it again does nothing but say so.
func (c *conn) Close() error {
	c.of.mu.Lock()
	c.of.leave(c)
	c.of.mu.Unlock()
	return c.TCPConn.Close()
}

// Read reads what is there. While it waits for more of a body, the connection stands in a queue of bounded
// length.
func (c *conn) Read(p []byte) (int, error) {
	if !c.inBody.Load() {
		return c.TCPConn.Read(p)
	}
	c.waitTurn()
	n, err := c.TCPConn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.late.Store(http.StatusRequestTimeout)
		if c.evicted.Load() {
			c.late.Store(http.StatusServiceUnavailable)
		}
	}
	return n, err
}

// waitTurn puts c into the queue of slow bodies, unless it is there. When the queue is full and there is
// nothing to be read yet, the one that has waited longest is told to give up: a client that means it is done
// within milliseconds, and so never the one.
func (c *conn) waitTurn() {
	cs := c.of
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c.in != nil || c.gone.Load() || c.evicted.Load() {
		return
	}
	if cs.slow.len >= cs.bodies {
		if readable(c.TCPConn) {
			return
		}
		first := cs.slow.first
		first.unqueue()
		first.evicted.Store(true)
		_ = first.TCPConn.SetReadDeadline(time.Unix(1, 0)) // a connection that is closed needs none
		cs.say("slow body")
	}
	cs.slow.push(c)
	c.waited.Store(true)
}

// Write writes an answer, or a part of one, each piece within a time of its own: a client that takes nothing does not
// hold a connection for ever.
func (c *conn) Write(p []byte) (n int, err error) {
	for {
		c.boundWrite()
		part := p[n:min(len(p), n+writePart)]
		written, err := c.TCPConn.Write(part)
		if n += written; err != nil || n == len(p) {
			return n, err
		}
	}
}

// boundWrite sets the deadline for the next piece, unless there is one. A deadline that is nearly new is left as it is.
func (c *conn) boundWrite() {
	if c.bound.Load() {
		return
	}
	if now := c.of.now(); c.until.Load()-now.UnixNano() < int64(writeTimeout) {
		until := now.Add(writeTimeout * 4 / 3)
		c.until.Store(until.UnixNano())
		_ = c.TCPConn.SetWriteDeadline(until) // a connection that is closed needs none
	}
}

// SetWriteDeadline is for who answers. The zero time leaves it to Write again, which is what net/http does with each
// request that is over.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.bound.Store(!t.IsZero())
	if t.IsZero() {
		return nil
	}
	c.until.Store(0)
	return c.TCPConn.SetWriteDeadline(t)
}

// ReadFrom has files pass by Write too.
func (c *conn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(struct{ io.Writer }{c}, r) }

// SetReadDeadline is where net/http says that a body has come to its end (or there is none): it lifts the
// deadline.
func (c *conn) SetReadDeadline(t time.Time) error {
	if t.IsZero() && c.inBody.Load() {
		c.bodyEnded()
	}
	return c.TCPConn.SetReadDeadline(t)
}

func (c *conn) bodyEnded() {
	c.inBody.Store(false)
	if !c.waited.Load() {
		return // what never waited is in no queue: nearly every request
	}
	c.of.mu.Lock()
	c.unqueue()
	c.evicted.Store(false)
	c.of.mu.Unlock()
}

// peerOwner is who has the other end.
func (c *conn) peerOwner() owner {
	c.ownerOnce.Do(func() { c.owner = ownerOfAddrs(c.RemoteAddr().String(), c.LocalAddr().String()) })
	return c.owner
}

// queue is a list of connections, the one that is in it longest first.
type queue struct {
	first, last *conn
	len         int
}

func (q *queue) push(c *conn) {
	c.in, c.prev, c.next, c.since = q, q.last, nil, c.of.now()
	if q.last == nil {
		q.first = c
	} else {
		q.last.next = c
	}
	q.last = c
	q.len++
}

// unqueue takes c out of the queue that it is in. of.mu is held.
func (c *conn) unqueue() {
	q := c.in
	if q == nil {
		return
	}
	if c.prev == nil {
		q.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		q.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.in, c.prev, c.next = nil, nil, nil
	q.len--
}
