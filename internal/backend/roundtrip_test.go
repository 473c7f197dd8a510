package backend

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// directTo is the direct client of a URL, closed with the test.
func directTo(t *testing.T, address string) (*direct, *url.URL) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	d := newDirect(u, &http.Transport{})
	if d == nil {
		t.Skip("http.Transport serves everything on this system")
	}
	t.Cleanup(d.close)
	return d, u
}

func directPost(ctx context.Context, u *url.URL, body string) *http.Request {
	r := &http.Request{
		Method: http.MethodPost, URL: u, Header: http.Header{"Content-Type": {"text/plain"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
	return r.WithContext(ctx)
}

// exchangeText posts and returns what came back.
func exchangeText(t *testing.T, d *direct, u *url.URL, body string) (int, string) {
	t.Helper()
	resp, err := d.roundTrip(directPost(t.Context(), u, body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (d *direct) idleCount() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.idle)
}

// scripted answers each connection by script, which gets the request that was read.
func scripted(t *testing.T, script func(conn net.Conn, r *http.Request)) (address string, accepted *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted = new(atomic.Int32)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			r, err := http.ReadRequest(bufio.NewReader(conn))
			if err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				script(conn, r)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "http://" + l.Addr().String() + "/mcp", accepted
}

func TestDirect_SendsWhatTheServerExpectsAndUsesItsConnectionAgain(t *testing.T) {
	var conns atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Host != r.Context().Value(http.LocalAddrContextKey).(net.Addr).String() || r.URL.RequestURI() != "/mcp?k=a%20b" {
			w.WriteHeader(http.StatusBadRequest)
		}
		if string(body) == "chunked" {
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = w.Write(append([]byte(r.Header.Get("Content-Type")+" "), body...))
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	d, u := directTo(t, srv.URL+"/mcp?k=a%20b")
	long := strings.Repeat("x", 300<<10)
	for _, body := range []string{"a", "", "chunked", long, "b"} {
		if code, text := exchangeText(t, d, u, body); code != 200 || text != "text/plain "+body {
			t.Errorf("%.10q: %d %.40q", body, code, text)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for requests one after the other", n)
	}
}

func TestDirect_AnEventStreamWhoseEndNobodyWaitsForLeavesItsConnection(t *testing.T) {
	finish := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "data: x\n\n")
		_ = http.NewResponseController(w).Flush()
		<-finish
	}))
	defer srv.Close()
	d, u := directTo(t, srv.URL)
	resp, err := d.roundTrip(directPost(t.Context(), u, "x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 9)); err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	close(finish)
	d.drains.Wait()
	if n := d.idleCount(); n != 1 {
		t.Errorf("%d idle connections", n)
	}
	if code, _ := exchangeText(t, d, u, "x"); code != 200 {
		t.Errorf("status %d", code)
	}
}

func TestDirect_CloseDoesNotWaitForTheEndOfAStream(t *testing.T) {
	finish := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = http.NewResponseController(w).Flush()
		<-finish
	}))
	defer srv.Close()
	defer close(finish)
	d, u := directTo(t, srv.URL)
	resp, err := d.roundTrip(directPost(t.Context(), u, "x"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	d.close()
	if n := d.idleCount() + len(d.draining); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

func TestDirect_ALongBodyNotReadToItsEndCostsTheConnection(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 100<<10)) }))
	defer srv.Close()
	d, u := directTo(t, srv.URL)
	resp, err := d.roundTrip(directPost(t.Context(), u, "x"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	d.drains.Wait()
	if n := d.idleCount(); n != 0 {
		t.Errorf("%d idle connections", n)
	}
	if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("read after close: %v", err)
	}
}

func TestDirect_AConnectionThatTheServerClosedIsNotUsedAgain(t *testing.T) {
	closed := make(chan struct{}, 2)
	address, accepted := scripted(t, func(conn net.Conn, _ *http.Request) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") // nothing says that it closes
		_ = conn.Close()
		closed <- struct{}{}
	})
	d, u := directTo(t, address)
	for i := range 2 {
		if code, text := exchangeText(t, d, u, "x"); code != 200 || text != "ok" {
			t.Fatalf("request %d: %d %q", i, code, text)
		}
		<-closed
	}
	if n := accepted.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

func TestDirect_ARequestIsNeverSentTwice(t *testing.T) {
	var seen atomic.Int32
	address, _ := scripted(t, func(net.Conn, *http.Request) { seen.Add(1) }) // it closes instead of an answer
	d, u := directTo(t, address)
	_, err := d.roundTrip(directPost(t.Context(), u, "x")) //nolint:bodyclose // there is none with an error
	if err == nil || seen.Load() != 1 {
		t.Errorf("err %v after %d requests", err, seen.Load())
	}
}

func TestDirect_HeadsOfAnswers(t *testing.T) {
	tests := []struct {
		name, head, want string // want: the body, or the start of the error
		reuse            bool
	}{
		{"keep-alive", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "ok", true},
		{"interim answers are skipped", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "ok", true},
		{"not for ever", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 9), "! the server sent too many", false},
		{"close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n", "ok", false},
		{"until the end", "HTTP/1.1 200 OK\r\n\r\n", "ok", false},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n", "ok", false},
		{"more than announced", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", "o", false},
		{"less than announced", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "! unexpected EOF", false},
		{"endless head", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 300<<10), "! the head", false},
		{"not HTTP", "hello\r\n\r\n", "! malformed", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			read := make(chan struct{})
			address, _ := scripted(t, func(conn net.Conn, _ *http.Request) {
				_, _ = io.WriteString(conn, tt.head+"ok")
				if tt.reuse {
					<-read
				}
			})
			d, u := directTo(t, address)
			defer close(read)
			got := func() string {
				resp, err := d.roundTrip(directPost(t.Context(), u, "x"))
				if err != nil {
					return "! " + err.Error()
				}
				defer resp.Body.Close()
				text, err := io.ReadAll(resp.Body)
				if err != nil {
					return "! " + err.Error()
				}
				return string(text)
			}()
			if got != tt.want && (!strings.HasPrefix(tt.want, "!") || !strings.HasPrefix(got, tt.want)) {
				t.Errorf("got %.80q", got)
			}
			if n := d.idleCount(); (n == 1) != tt.reuse {
				t.Errorf("%d idle connections", n)
			}
		})
	}
}

func TestDirect_TheEndOfItsContextEndsARequestAtOnce(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Header.Get("Content-Type") == "text/plain" {
			_, _ = io.WriteString(w, "a")
			_ = http.NewResponseController(w).Flush()
		}
		begun <- struct{}{}
		<-release
	}))
	defer srv.Close()
	defer close(release)
	d, u := directTo(t, srv.URL)

	t.Run("before the head", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-begun; cancel() }()
		r := directPost(ctx, u, "x")
		r.Header = http.Header{}
		if _, err := d.roundTrip(r); !errors.Is(err, context.Canceled) { //nolint:bodyclose // there is none with an error
			t.Errorf("err %v", err)
		}
	})
	t.Run("within the body", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		resp, err := d.roundTrip(directPost(ctx, u, "x"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		<-begun
		cancel()
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
			t.Errorf("err %v", err)
		}
	})
	t.Run("before it begins", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := d.roundTrip(directPost(ctx, u, "x")); !errors.Is(err, context.Canceled) { //nolint:bodyclose // there is none with an error
			t.Errorf("err %v", err)
		}
	})
	if n := d.idleCount(); n != 0 {
		t.Errorf("%d idle connections", n)
	}
}

func TestDirect_ARefusedConnectionIsRecognisable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + l.Addr().String()
	_ = l.Close()
	d, u := directTo(t, address)
	if _, err := d.roundTrip(directPost(t.Context(), u, "x")); !errors.Is(err, syscall.ECONNREFUSED) { //nolint:bodyclose // there is none with an error
		t.Errorf("err %v", err)
	}
}

func TestDirect_AnEarlyRefusalOfALargeBodyIsHeard(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	defer srv.Close()
	d, u := directTo(t, srv.URL)
	resp, err := d.roundTrip(directPost(t.Context(), u, strings.Repeat("x", 200<<10)))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestDirect_HeadersCannotBeInjected(t *testing.T) {
	var seen atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	defer srv.Close()
	d, u := directTo(t, srv.URL)
	for _, h := range []http.Header{
		{"A": {"b\r\nC: d"}}, {"A": {"b\n"}}, {"A": {"\x00"}}, {"A": {"b\x7f"}}, {"A\r\nB": {"c"}}, {"A:": {"b"}}, {"A B": {"c"}}, {"": {"b"}}, {"Ä": {"b"}},
	} {
		r := directPost(t.Context(), u, "x")
		r.Header = h
		if resp, err := d.roundTrip(r); !errors.Is(err, errDirectHeader) {
			t.Errorf("%q: err %v", h, err)
			if err == nil {
				_ = resp.Body.Close()
			}
		}
	}
	if seen.Load() != 0 {
		t.Error("the server was asked")
	}
	if code, _ := exchangeText(t, d, u, "x"); code != 200 {
		t.Errorf("afterwards: %d", code)
	}
}

func TestDirect_FramingAndHostAreItsOwn(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Host+" "+string(body)+" "+strconv.Itoa(len(r.TransferEncoding)))
	}))
	defer srv.Close()
	d, u := directTo(t, srv.URL)
	r := directPost(t.Context(), u, "xyz")
	r.Header = http.Header{"Host": {"other"}, "Content-Length": {"1"}, "Transfer-Encoding": {"chunked"}}
	resp, err := d.roundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); string(text) != u.Host+" xyz 0" {
		t.Errorf("got %q", text)
	}
}

func TestDirect_KeepsABoundedNumberOfConnectionsUntilItIsClosed(t *testing.T) {
	d := &direct{}
	far := make([]net.Conn, 0, directMaxIdle+1)
	for range directMaxIdle + 1 {
		near, other := net.Pipe()
		far = append(far, other)
		d.put(newDirectConn(near))
	}
	if n := d.idleCount(); n != directMaxIdle {
		t.Errorf("%d idle connections", n)
	}
	d.close()
	for i, c := range far {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("connection %d is open: %v", i, err)
		}
	}
	near, other := net.Pipe()
	d.put(newDirectConn(near))
	if _, err := other.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("one that came back later is open: %v", err)
	}
}

func TestDirect_OldConnectionsAreClosed(t *testing.T) {
	d := &direct{}
	defer d.close()
	var far []net.Conn
	for range 3 {
		near, other := net.Pipe()
		far = append(far, other)
		d.put(newDirectConn(near))
	}
	d.idle[0].since = time.Now().Add(-directIdleTimeout)
	d.idle[1].since = time.Now().Add(-directIdleTimeout)
	d.expire()
	if n := d.idleCount(); n != 1 {
		t.Errorf("%d idle connections", n)
	}
	for _, c := range far[:2] {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("an old one is open: %v", err)
		}
	}
}

func TestDirect_ServesPlainEndpointsAlone(t *testing.T) {
	proxied := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse("http://proxy:1") }}
	tests := []struct {
		url       string
		transport *http.Transport
		want      bool
	}{
		{"http://127.0.0.1:1/mcp", NewTransport(), canCheckIdle},
		{"http://[::1]:1/mcp", &http.Transport{}, canCheckIdle},
		{"http://localhost", &http.Transport{}, canCheckIdle},
		{"https://example.com/mcp", &http.Transport{}, false},
		{"http://example.com/mcp", proxied, false},
		{"http://[fe80::1%25eth0]/mcp", &http.Transport{}, false},
		{"http://müller.example/", &http.Transport{}, false},
		{"http://127.0.0.1:1/mcp", &http.Transport{DisableKeepAlives: true}, false},
	}
	for _, tt := range tests {
		u, err := url.Parse(tt.url)
		if err != nil {
			t.Fatal(err)
		}
		if got := newDirect(u, tt.transport) != nil; got != tt.want {
			t.Errorf("%s: %v", tt.url, got)
		}
	}
}
