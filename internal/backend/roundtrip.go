package backend

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// Limits of the direct client. Its pool is as large as that of NewTransport, so that a call waits for a
// handshake only where more callers come than ever before.
const (
	directDialTimeout = 10 * time.Second
	directIdleTimeout = 90 * time.Second
	directMaxIdle     = 256

	// directMaxHead bounds the head of a response, and of what comes before it, in bytes.
	directMaxHead = 256 << 10

	// directMaxInterim bounds the 1xx answers that may come before the real one.
	directMaxInterim = 5

	// directReadBuffer is the size of a connection's read buffer. Larger bodies are read past it.
	directReadBuffer = 8 << 10

	// directKeepOut is the largest write buffer that a connection keeps between requests.
	directKeepOut = 64 << 10

	// directDrain and directDrainTimeout bound what is read, behind the caller's back, of an answer whose end
	// it did not wait for: an event stream ends a moment after its last event.
	directDrain        = 16 << 10
	directDrainTimeout = 250 * time.Millisecond

	// refusalTimeout is how long an answer is waited for after the server stopped to read the request.
	refusalTimeout = time.Second
)

var (
	errDirectHeader = errors.New("a header has a name or a value that HTTP does not allow")
	errDirectHead   = errors.New("the head of the server's answer is larger than 256 KiB")
	errDirectInfo   = errors.New("the server sent too many 1xx answers")
)

// direct is an HTTP/1.1 client for one plain http endpoint. Requests and answers are written and read by the
// goroutine that calls, where http.Transport hands them to two others: on loopback that hand-over costs as
// much as the rest of a call. A request is written once and never sent again.
//
// What differs from http.Transport, which serves all other endpoints: the whole body is in memory before it is
// sent, and an answer is read only after the request was written.
type direct struct {
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	addr string // host:port to dial
	head string // what follows the method in each request: target, version and Host

	drains sync.WaitGroup // goroutines that read an answer to its end

	// mu guards the following.
	mu       sync.Mutex
	idle     []*directConn // the one used last is the last
	draining map[*directConn]struct{}
	sweep    *time.Timer // closes idle connections when their time has come; nil while it has nothing to do
	closed   bool
}

// newDirect is nil where the endpoint needs http.Transport: for TLS, for a proxy, for a host that must be
// encoded, and on systems where nobody can tell whether an idle connection is still open.
func newDirect(u *url.URL, t *http.Transport) *direct {
	if !canCheckIdle || u.Scheme != "http" || !plainHost(u.Host) || t.DisableKeepAlives {
		return nil
	}
	if t.Proxy != nil {
		if proxy, err := t.Proxy(&http.Request{Method: http.MethodPost, URL: u, Header: http.Header{}}); err != nil || proxy != nil {
			return nil
		}
	}
	target := u.RequestURI()
	if !validValue(target) {
		return nil
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	d := &direct{
		dial: t.DialContext,
		addr: net.JoinHostPort(u.Hostname(), port),
		head: " " + target + " HTTP/1.1\r\nHost: " + u.Host + "\r\n",
	}
	if d.dial == nil {
		d.dial = (&net.Dialer{Timeout: directDialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	return d
}

// plainHost says whether a host is written in a Host header as it is: a name or an address, without a zone.
func plainHost(host string) bool {
	for i := range len(host) {
		switch c := host[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '.', c == '-', c == '_', c == '[', c == ']':
		case c == ':' && i < len(host)-1:
		default:
			return false
		}
	}
	return host != ""
}

// roundTrip sends one request. The answer's body must be closed; the connection is used again where it was
// read to its end. When ctx of the request ends, so does the connection, and ctx.Err() is the error.
func (d *direct) roundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := d.take(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.fill(d.head, r); err != nil {
		d.put(c) // nothing was written
		return nil, err
	}
	stop := context.AfterFunc(ctx, c.close)
	resp, reuse, err := c.exchange(r)
	if err != nil {
		stop()
		c.close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	resp.Body = &directBody{src: resp.Body, pool: d, conn: c, ctx: ctx, stop: stop, reuse: reuse, ended: resp.Body == http.NoBody}
	return resp, nil
}

// take is an idle connection that is still open, or a new one.
func (d *direct) take(ctx context.Context) (*directConn, error) {
	for {
		d.mu.Lock()
		n := len(d.idle) - 1
		if n < 0 {
			d.mu.Unlock()
			break
		}
		c := d.idle[n]
		d.idle[n] = nil
		d.idle = d.idle[:n]
		d.mu.Unlock()
		if time.Since(c.since) < directIdleTimeout && c.usable() {
			return c, nil
		}
		c.close()
	}
	ctx, cancel := context.WithTimeout(ctx, directDialTimeout)
	defer cancel()
	conn, err := d.dial(ctx, "tcp", d.addr)
	if err != nil {
		return nil, err
	}
	return newDirectConn(conn), nil
}

// put makes a connection available to the next request.
func (d *direct) put(c *directConn) {
	if cap(c.out) > directKeepOut {
		c.out = nil
	}
	c.since = time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || len(d.idle) >= directMaxIdle {
		c.close()
		return
	}
	d.idle = append(d.idle, c)
	if d.sweep == nil {
		d.sweep = time.AfterFunc(directIdleTimeout, d.expire)
	}
}

// expire closes the connections that were idle for too long: the first ones.
func (d *direct) expire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for n < len(d.idle) && time.Since(d.idle[n].since) >= directIdleTimeout {
		d.idle[n].close()
		n++
	}
	rest := copy(d.idle, d.idle[n:])
	clear(d.idle[rest:])
	d.idle = d.idle[:rest]
	d.sweep = nil
	if rest > 0 {
		d.sweep = time.AfterFunc(directIdleTimeout-time.Since(d.idle[0].since), d.expire)
	}
}

// drain reads the rest of an answer, so that its connection can be used again. It does not wait for that.
func (d *direct) drain(c *directConn, rest io.Reader) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		c.close()
		return
	}
	if d.draining == nil {
		d.draining = make(map[*directConn]struct{})
	}
	d.draining[c] = struct{}{}
	d.drains.Go(func() {
		_ = c.SetReadDeadline(time.Now().Add(directDrainTimeout)) // the read tells
		n, err := io.CopyN(io.Discard, rest, directDrain)
		if n < directDrain && errors.Is(err, io.EOF) && c.in.Buffered() == 0 && c.SetReadDeadline(time.Time{}) == nil {
			d.put(c)
		} else {
			c.close()
		}
		d.mu.Lock()
		delete(d.draining, c)
		d.mu.Unlock()
	})
}

// close closes the idle connections. Those in use are closed when their answer is.
func (d *direct) close() {
	d.mu.Lock()
	d.closed = true
	for _, c := range d.idle {
		c.close()
	}
	d.idle = nil
	for c := range d.draining {
		c.close()
	}
	if d.sweep != nil {
		d.sweep.Stop()
	}
	d.mu.Unlock()
	d.drains.Wait()
}

// directConn is one connection. It is used by one request at a time.
type directConn struct {
	net.Conn
	in    *bufio.Reader
	limit headLimit
	out   []byte // the request, to be written at once
	since time.Time
	probe idleProbe
}

func newDirectConn(conn net.Conn) *directConn {
	c := &directConn{Conn: conn, limit: headLimit{r: conn, left: math.MaxInt64}}
	c.in = bufio.NewReaderSize(&c.limit, directReadBuffer)
	c.probe.init(conn)
	return c
}

func (c *directConn) close() { _ = c.Close() }

// usable says whether an idle connection can take a request. A server has nothing to say on it: whatever can
// be read is its end, or an answer that nobody asked for.
func (c *directConn) usable() bool { return c.in.Buffered() == 0 && c.probe.quiet() }

// fill prepares the whole request.
func (c *directConn) fill(head string, r *http.Request) error {
	b := append(append(c.out[:0], r.Method...), head...)
	agent := "Go-http-client/1.1" // as http.Transport calls itself
	for name, values := range r.Header {
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
			continue
		case "User-Agent":
			agent = ""
		}
		if !validName(name) {
			return errDirectHeader
		}
		for _, v := range values {
			if !validValue(v) {
				return errDirectHeader
			}
			b = append(append(append(append(b, name...), ": "...), v...), "\r\n"...)
		}
	}
	if agent != "" {
		b = append(append(append(b, "User-Agent: "...), agent...), "\r\n"...)
	}
	if r.Body == nil {
		c.out = append(b, "\r\n"...)
		return nil
	}
	b = strconv.AppendInt(append(b, "Content-Length: "...), r.ContentLength, 10)
	b = append(b, "\r\n\r\n"...)
	n := len(b)
	b = append(b, make([]byte, r.ContentLength)...) // grows without a copy of its own
	c.out = b
	_, err := io.ReadFull(r.Body, b[n:])
	return errors.Join(err, r.Body.Close())
}

// exchange writes the request and reads the head of the answer. A server may refuse a request before it has
// read it, so a failed write is not the last word; but nothing is written twice.
func (c *directConn) exchange(r *http.Request) (resp *http.Response, reuse bool, err error) {
	_, broken := c.Write(c.out)
	if broken != nil {
		_ = c.SetReadDeadline(time.Now().Add(refusalTimeout)) // the read tells
	}
	c.limit.left = directMaxHead
	for range directMaxInterim + 1 {
		resp, err = http.ReadResponse(c.in, r)
		if err != nil {
			return nil, false, firstError(broken, c.limit.error(), err)
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			c.limit.left = math.MaxInt64
			return resp, broken == nil && resp.StatusCode >= 200 && !resp.Close, nil
		}
	}
	return nil, false, errDirectInfo
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// headLimit ends reading when a head grows too long.
type headLimit struct {
	r    io.Reader
	left int64
}

func (l *headLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errDirectHead
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	return n, err
}

func (l *headLimit) error() error {
	if l.left <= 0 {
		return errDirectHead
	}
	return nil
}

// directBody is the body of an answer.
type directBody struct {
	src    io.ReadCloser
	pool   *direct
	conn   *directConn
	ctx    context.Context //nolint:containedctx // that of the request
	stop   func() bool     // stops the watch of ctx
	reuse  bool
	ended  bool
	failed bool
	closed bool
}

func (b *directBody) Read(p []byte) (int, error) {
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.src.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.ended = true
	default:
		b.failed = true
		if ended := b.ctx.Err(); ended != nil {
			err = ended
		}
	}
	return n, err
}

// Close gives the connection back, once the body has come to its end.
func (b *directBody) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	switch alive := b.stop(); {
	case !alive || !b.reuse || b.failed:
		b.conn.close()
	case !b.ended:
		b.pool.drain(b.conn, b.src)
	case b.conn.in.Buffered() > 0: // more than was announced
		b.conn.close()
	default:
		b.pool.put(b.conn)
	}
	return nil
}

// validName says whether a header's name is a token (RFC 9110 §5.6.2).
func validName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c <= ' ' || c >= 0x7f {
			return false
		}
		switch c {
		case '"', '(', ')', ',', '/', ':', ';', '<', '=', '>', '?', '@', '[', '\\', ']', '{', '}':
			return false
		}
	}
	return name != ""
}

// validValue says whether a header's value keeps to its line: no control characters but the tab.
func validValue(v string) bool {
	for i := range len(v) {
		if c := v[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
