package guard

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// tcpPair is a connection of this machine with itself; far is the other end.
func tcpPair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	sock, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sock.Close() }()
	out, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", sock.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	in, err := sock.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = in.Close(), out.Close() })
	return in.(*net.TCPConn), out.(*net.TCPConn)
}

func newConn(t *testing.T, cs *conns) *conn {
	t.Helper()
	near, _ := tcpPair(t)
	return &conn{TCPConn: near, of: cs}
}

func testConns(limit int) *conns { return newConns(limit, slog.New(slog.DiscardHandler)) }

func TestConns_RoomIsMadeByWhoHasDoneNothingForLongest(t *testing.T) {
	cs := testConns(6)
	now := time.Now()
	cs.now = func() time.Time { now = now.Add(time.Second); return now }
	admit := func() *conn {
		c := newConn(t, cs)
		if !cs.admit(c) {
			t.Fatal("it was not admitted")
		}
		return c
	}
	idles := func(c *conn) {
		c.became(http.StateActive)
		c.bodyEnded()
		c.became(http.StateIdle)
	}
	busy, slow, idle, fresh, used, late := admit(), admit(), admit(), admit(), admit(), admit()
	busy.became(http.StateActive)
	busy.bodyEnded()
	slow.became(http.StateActive)
	slow.waitTurn()
	idles(used)
	idles(idle)
	idles(used) // again, so that idle is the one that was unused for longer
	// late never sends anything, as fresh, but came later.
	for i, victim := range []*conn{fresh, late, idle, used, slow} {
		c := admit()
		c.became(http.StateActive)
		c.bodyEnded()
		if !victim.gone.Load() {
			t.Errorf("%d: another one made room", i)
		}
	}
	if cs.admit(newConn(t, cs)) {
		t.Error("admitted in the place of a request that is being answered")
	}
	if busy.gone.Load() || cs.open != 6 {
		t.Errorf("%d are open; the busy one is gone: %t", cs.open, busy.gone.Load())
	}
}

// Who sent a request and closes nothing does not keep out who is new.
func TestConns_UsedOnesDoNotKeepOutNewOnes(t *testing.T) {
	cs := testConns(2)
	now := time.Now()
	cs.now = func() time.Time { now = now.Add(time.Second); return now }
	idle, fresh := newConn(t, cs), newConn(t, cs)
	cs.admit(idle)
	idle.became(http.StateActive)
	idle.bodyEnded()
	idle.became(http.StateIdle)
	cs.admit(fresh)
	if cs.admit(newConn(t, cs)); !idle.gone.Load() || fresh.gone.Load() {
		t.Error("the new one made room")
	}
}

func TestConns_OneMachineHasAPartOfThePlaces(t *testing.T) {
	cs := testConns(10)
	cs.perPeer = 2
	remote := func(prefix string) *conn {
		c := newConn(t, cs)
		c.peer = netip.MustParsePrefix(prefix)
		return c
	}
	a, b := remote("192.0.2.1/32"), remote("192.0.2.1/32")
	if !cs.admit(a) || !cs.admit(b) || cs.admit(remote("192.0.2.1/32")) {
		t.Error("not two of one machine")
	}
	if !cs.admit(remote("192.0.2.2/32")) || !cs.admit(newConn(t, cs)) {
		t.Error("it kept others out")
	}
	for range 2 { // closing twice counts once
		_ = a.Close()
	}
	if !cs.admit(remote("192.0.2.1/32")) || cs.admit(remote("192.0.2.1/32")) {
		t.Error("not one place for one that was closed")
	}
}

func TestPeerPrefix_IsOneMachine(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1:5":             "192.0.2.1/32",
		"[::ffff:192.0.2.1]:5":    "192.0.2.1/32",
		"[2001:db8:1:2:3::9]:5":   "2001:db8:1:2::/64",
		"127.0.0.1:5":             "invalid Prefix",
		"[::1]:5":                 "invalid Prefix",
		"[fe80::1%eth0]:5":        "fe80::/64",
		"[2001:db8:1:2:ffff::]:5": "2001:db8:1:2::/64",
	} {
		to, err := netip.ParseAddrPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := peerPrefix(net.TCPAddrFromAddrPort(to)).String(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

// served is a listener with handler behind cfg, until the test ends.
func served(t *testing.T, cfg Config, handler http.HandlerFunc) *Listener {
	t.Helper()
	l := listen(t, "localhost:0")
	cfg.Port = l.Port()
	srv := Server(Guard(cfg)(handler), slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() { ended <- l.Serve(srv) }()
	t.Cleanup(func() {
		_ = srv.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return l
}

// limited is a listener with limits, whose handler reads the body and answers its length, until the test ends.
// At /stream it answers and stays until the client goes away.
func limited(t *testing.T, limit func(*conns), timeout time.Duration) *Listener {
	t.Helper()
	l := listen(t, "localhost:0")
	limit(l.conns)
	srv := Server(Guard(Config{Port: l.Port()})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "half a body", http.StatusBadRequest)
			return
		}
		_, _ = fmt.Fprintf(w, "%d bytes", len(body))
		if r.URL.Path == "/stream" {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	})), slog.New(slog.DiscardHandler))
	if timeout != 0 {
		srv.ReadTimeout = timeout
	}
	ended := make(chan error, 1)
	go func() { ended <- l.Serve(srv) }()
	t.Cleanup(func() {
		_ = srv.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return l
}

// client is a connection that speaks HTTP by hand.
type client struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, l *Listener) *client {
	t.Helper()
	nc, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.socks[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return &client{nc, bufio.NewReader(nc)}
}

func (c *client) send(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// begin sends the header of a request whose body has length bytes.
func (c *client) begin(t *testing.T, path string, length int) {
	t.Helper()
	c.send(t, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", path, c.RemoteAddr(), length))
}

// heard is an answer.
type heard struct {
	status int
	header http.Header
	body   string
}

// answer reads an answer; at a stream it reads the head.
func (c *client) answer(t *testing.T) heard {
	t.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.ContentLength < 0 {
		return heard{resp.StatusCode, resp.Header, ""} // its body is read from c
	}
	text, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return heard{resp.StatusCode, resp.Header, string(text)}
}

// ended waits for the end of the connection.
func (c *client) ended(t *testing.T) {
	t.Helper()
	if b, err := c.in.ReadByte(); err == nil {
		t.Errorf("want the end, got %q", b)
	}
}

func TestListener_WhoIsBetweenRequestsMakesRoom(t *testing.T) {
	l := limited(t, func(cs *conns) { cs.max = 2 }, 0)
	first, second := dial(t, l), dial(t, l)
	for i, c := range []*client{first, second} {
		c.begin(t, "/", 0)
		c.answer(t)
		// The server counts a connection as idle after it has answered.
		waitFor(t, l, func(cs *conns) bool { return cs.idle.len == i+1 })
	}
	third := dial(t, l)
	third.begin(t, "/", 0)
	third.answer(t)
	first.ended(t)
	second.begin(t, "/", 0)
	second.answer(t)
}

func TestListener_StreamsStayWhereThereIsNoRoom(t *testing.T) {
	l := limited(t, func(cs *conns) { cs.max = 2 }, 0)
	streams := []*client{dial(t, l), dial(t, l)}
	for _, c := range streams {
		c.begin(t, "/stream", 3)
		c.send(t, "abc")
		c.answer(t)
	}
	dial(t, l).ended(t)
	_ = streams[0].Close()
	waitFor(t, l, func(cs *conns) bool { return cs.open == 1 })
	last := dial(t, l)
	last.begin(t, "/", 0)
	if a := last.answer(t); a.status != http.StatusOK {
		t.Errorf("status %d", a.status)
	}
}

// waitFor waits until a connection's end or rest has reached the server.
func waitFor(t *testing.T, l *Listener, reached func(*conns) bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(10 * time.Second)
	for {
		l.conns.mu.Lock()
		ok := reached(l.conns)
		l.conns.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it did not come to pass in 10 s")
		}
	}
}

func TestListener_TooManySlowBodiesCostTheOldestItsPlace(t *testing.T) {
	l := limited(t, func(cs *conns) { cs.bodies = 2 }, 0)
	var all []*client
	for i := range 3 {
		c := dial(t, l)
		c.begin(t, "/", 10)
		c.send(t, "half.")
		all = append(all, c)
		if i < 2 { // the order is that of the server's
			waitFor(t, l, func(cs *conns) bool { return cs.slow.len == i+1 })
		}
	}
	a := all[0].answer(t)
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" || !strings.Contains(a.body, `"unavailable"`) {
		t.Errorf("%+v", a)
	}
	all[0].ended(t)
	for i, c := range all[1:] {
		c.send(t, "other")
		if a := c.answer(t); a.status != http.StatusOK || a.body != "10 bytes" {
			t.Errorf("%d: %+v", i, a)
		}
	}
}

func TestListener_ABodyThatIsThereNeverWaits(t *testing.T) {
	l := limited(t, func(cs *conns) { cs.bodies = 1 }, 0)
	slow := dial(t, l)
	slow.begin(t, "/", 10)
	waitFor(t, l, func(cs *conns) bool { return cs.slow.len == 1 })
	good := dial(t, l)
	for range 50 {
		good.send(t, "POST / HTTP/1.1\r\nHost: "+good.RemoteAddr().String()+"\r\nContent-Length: 20000\r\n\r\n"+strings.Repeat("x", 20000))
		if a := good.answer(t); a.status != http.StatusOK || a.body != "20000 bytes" {
			t.Fatalf("%+v", a)
		}
	}
}

func TestListener_ABodyThatDoesNotComeIsGivenUp(t *testing.T) {
	l := limited(t, func(*conns) {}, 200*time.Millisecond)
	c := dial(t, l)
	c.begin(t, "/", 10)
	c.send(t, "half.")
	if a := c.answer(t); a.status != http.StatusRequestTimeout || !strings.Contains(a.body, "body did not come") {
		t.Errorf("%+v", a)
	}
	c.ended(t)
	waitFor(t, l, func(cs *conns) bool { return cs.open == 0 && cs.slow.len == 0 })
}

func TestListener_AStreamOutlivesTheTimeForBodies(t *testing.T) {
	const timeout = 100 * time.Millisecond
	l := limited(t, func(*conns) {}, timeout)
	stream, late := dial(t, l), dial(t, l)
	stream.begin(t, "/stream", 3)
	stream.send(t, "abc")
	stream.answer(t)
	late.begin(t, "/", 10)
	late.answer(t) // its time is over, and so the stream's would be
	_ = stream.SetReadDeadline(time.Now().Add(timeout))
	if _, err := io.Copy(io.Discard, stream.in); err == nil {
		t.Error("the stream has ended")
	}
}

// bigAnswer is a listener that answers with more than a connection takes unread, until the test ends. The error of
// writing it is in the channel.
func bigAnswer(t *testing.T, before func(w http.ResponseWriter)) (*Listener, <-chan error) {
	t.Helper()
	ended := make(chan error, 1)
	l := served(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
		before(w)
		_, err := w.Write(make([]byte, 32<<20))
		ended <- err
	})
	return l, ended
}

func TestListener_AClientThatTakesNothingIsGivenUp(t *testing.T) {
	l, ended := bigAnswer(t, func(http.ResponseWriter) {})
	// The clock of the limit runs so far ahead that the deadline is 100 ms away.
	ahead := writeTimeout*4/3 - 100*time.Millisecond
	l.conns.mu.Lock()
	l.conns.now = func() time.Time { return time.Now().Add(-ahead) }
	l.conns.mu.Unlock()
	c := dial(t, l)
	c.begin(t, "/", 0)
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it ended with %v", err)
	}
}

func TestListener_WhoAnswersMaySetAnotherTimeForWriting(t *testing.T) {
	l, ended := bigAnswer(t, func(w http.ResponseWriter) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Error(err)
		}
	})
	c := dial(t, l)
	c.begin(t, "/", 0)
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it ended with %v", err)
	}
}

func TestConn_ADeadlineForWritingIsSetAnewOnlyWhenItComesNear(t *testing.T) {
	now := time.Now()
	cs := testConns(1)
	cs.now = func() time.Time { return now }
	c := newConn(t, cs)
	write := func() time.Time {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		return time.Unix(0, c.until.Load())
	}
	first := write()
	now = now.Add(writeTimeout / 4)
	if again := write(); !again.Equal(first) {
		t.Errorf("%s later it is set anew", writeTimeout/4)
	}
	now = now.Add(writeTimeout / 4)
	if again := write(); again.Sub(now) < writeTimeout {
		t.Errorf("there are %s left", again.Sub(now))
	}
	if err := errors.Join(c.SetWriteDeadline(now.Add(time.Hour)), c.SetWriteDeadline(time.Time{})); err != nil {
		t.Fatal(err)
	}
	if c.until.Load() != 0 {
		t.Error("after a deadline of somebody else it is not set anew")
	}
}

func TestConnLimit_LeavesFilesForTheRest(t *testing.T) {
	for files, want := range map[uint64]int{1024: 384, 256: 96, 20_000: 7500, 1 << 20: maxConns, 1 << 63: maxConns, 8: 16} {
		if got := connLimit(files); got != want {
			t.Errorf("%d files: %d connections, want %d", files, got, want)
		}
	}
}

func TestConns_SayWhatTheyClosedTogether(t *testing.T) {
	var log strings.Builder
	cs := newConns(1, slog.New(slog.NewTextHandler(&log, nil)))
	now := time.Now()
	cs.now = func() time.Time { return now }
	for range 5 {
		cs.admit(newConn(t, cs))
	}
	now = now.Add(sayEvery)
	cs.admit(newConn(t, cs))
	if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), `"without a request"=4`) {
		t.Errorf("%d lines: %s", n, log.String())
	}
}
