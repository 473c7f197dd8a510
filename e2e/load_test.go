//go:build unix

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The load, and what is promised under it (docs/limits.md).
const (
	loadSessions = 5000 // that idle, each with its open stream
	loadSlow     = 2000 // connections that send half a body
	loadWaiting  = 1024 // bodies that are waited for at a time
	loadCalls    = 1000 // of the good client, in each measurement
	loadP99      = 100 * time.Millisecond
	loadFiles    = 20_000 // open files that a process needs here
)

// loadWorkers is how many connections are opened at a time: more would measure how fast the test can open them.
const loadWorkers = 8

func TestLoad_AGoodClientIsServedBesideIdleSessionsAndSlowBodies(t *testing.T) {
	if testing.Short() {
		t.Skip("it opens 7,000 connections")
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Max < loadFiles {
		t.Skipf("a process may have %d files open here, and this takes %d (ulimit -Hn)", files.Max, loadFiles)
	}
	// Not t.Parallel: it measures. The race detector knows at most 8,128 goroutines, so this daemon is without.
	plain := filepath.Join(t.TempDir(), "mcpmux")
	if err := goBuildWith(plain, mainPackage); err != nil {
		t.Fatal(err)
	}
	d := Start(t, Options{Program: plain})
	d.AddServer("be", "--", plain, "demo-server")
	good := newCaller(t, d, d.NewClient("good"))
	before := good.measure(loadCalls)

	idle := d.openIdle(loadSessions, d.NewClient("idle-1"), d.NewClient("idle-2"))
	slow := d.openSlow(loadSlow, d.NewClient("slow"))
	during := good.measure(loadCalls)
	shed, others, since := slow.answers()

	t.Logf("p50 and p99 of %d calls: %s and %s before, %s and %s under load; %d of %d slow bodies were told to come again; the daemon has %s",
		loadCalls, at(before, 50), at(before, 99), at(during, 50), at(during, 99), shed, loadSlow, memory(d.PID()))

	// On a machine that is busy with other things the same calls took long before, too.
	if limit := max(loadP99, 5*at(before, 99)); at(during, 99) > limit {
		t.Errorf("the 99th percentile is %s, more than %s", at(during, 99), limit)
	}
	if since < 25*time.Second { // else the time for bodies is over, and those that waited are gone too
		if shed != loadSlow-loadWaiting || others != 0 {
			t.Errorf("%d of %d slow bodies were told to come again and %d heard other things; %d are waited for", shed, loadSlow, others, loadWaiting)
		}
	}
	if n := idle.ended(); n != 0 {
		t.Errorf("%d of %d idle sessions lost their stream", n, loadSessions)
	}
	var status struct{ Sessions int }
	if d.JSON(&status, "status"); status.Sessions < loadSessions {
		t.Errorf("the daemon knows %d sessions", status.Sessions)
	}
	if err := idle.use(17); err != nil {
		t.Error(err)
	}
}

// A daemon that may open few files holds few connections, and those that do nothing make room.
func TestLoad_ConnectionsBeyondTheLimitMakeRoomForAGoodClient(t *testing.T) {
	t.Parallel()
	const files, limit, opened = 512, 512 / 8 * 3, 500
	script := filepath.Join(t.TempDir(), "mcpmux")
	text := "#!/bin/sh\nulimit -n " + strconv.Itoa(files) + "\nexec '" + program + "' \"$@\"\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	d := Start(t, Options{Program: script})
	d.AddServer("be", "--", program, "demo-server")
	good := newCaller(t, d, d.NewClient("good"))
	conns := make([]net.Conn, opened)
	defer closeAll(conns)
	var over atomic.Int32
	var readers sync.WaitGroup
	each(t, opened, func(ctx context.Context, i int) (err error) {
		conns[i], err = new(net.Dialer).DialContext(ctx, "tcp", d.Gateway)
		if err == nil {
			readers.Go(func() {
				_, _ = conns[i].Read(make([]byte, 1)) // it hears nothing but the end
				over.Add(1)
			})
		}
		return err
	})
	good.measure(50)
	eventually(t, 4*time.Second, "end of the connections beyond the limit", func() bool { return over.Load() >= opened-limit })
	closeAll(conns)
	readers.Wait()
}

// memory is what a process has in memory, as text.
func memory(pid int) string {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return "? kB"
	}
	for line := range strings.Lines(string(status)) {
		if size, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(size)
		}
	}
	return "? kB"
}

// caller makes calls, one after the other, each on the connection of the one before but for some, and checks answers.
type caller struct {
	t         *testing.T
	url, key  string
	id        int
	transport *http.Transport
}

func newCaller(t *testing.T, d *Daemon, key string) *caller {
	c := &caller{t: t, url: "http://" + d.Gateway + "/mcp", key: key, transport: new(http.Transport)}
	t.Cleanup(c.transport.CloseIdleConnections)
	return c
}

// measure is how long each of n calls took, in order of length.
func (c *caller) measure(n int) []time.Duration {
	c.t.Helper()
	took := make([]time.Duration, n)
	for i := range took {
		if i%10 == 9 {
			c.transport.CloseIdleConnections() // a new client comes
		}
		begun := time.Now()
		if err := c.call(); err != nil {
			c.t.Fatalf("call %d: %v", i, err)
		}
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	return took
}

func (c *caller) call() error {
	c.id++
	text := "call " + strconv.Itoa(c.id)
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"be_echo","arguments":{"text":%q},"_meta":{"io.modelcontextprotocol/protocolVersion":%q,`+
		`"io.modelcontextprotocol/clientInfo":{"name":"e2e","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}`, c.id, text, modernVersion)
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer " + c.key, "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"MCP-Protocol-Version": modernVersion, "Mcp-Method": "tools/call", "Mcp-Name": "be_echo",
	} {
		req.Header.Set(name, value)
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(text)) {
		return fmt.Errorf("status %d: %s", resp.StatusCode, answer)
	}
	return nil
}

// at is a percentile of what is in order.
func at(took []time.Duration, percent int) time.Duration { return took[(len(took)-1)*percent/100] }

// each does n things, some at a time; the first error ends the test.
func each(t *testing.T, n int, do func(ctx context.Context, i int) error) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range loadWorkers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := do(ctx, i); err != nil {
					cancel(fmt.Errorf("%d of %d: %w", i, n, err))
				}
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		t.Fatal(err)
	}
}

// idlers are sessions whose clients only listen.
type idlers struct {
	d     *Daemon
	keys  []string
	conns []net.Conn
	ids   []string
}

// openIdle opens n sessions with a stream each, in turn as each of the keys.
func (d *Daemon) openIdle(n int, keys ...string) *idlers {
	d.t.Helper()
	all := &idlers{d: d, keys: keys, conns: make([]net.Conn, n), ids: make([]string, n)}
	d.t.Cleanup(func() { closeAll(all.conns) })
	each(d.t, n, func(ctx context.Context, i int) (err error) {
		all.conns[i], err = new(net.Dialer).DialContext(ctx, "tcp", d.Gateway)
		if err != nil {
			return err
		}
		in := bufio.NewReaderSize(all.conns[i], 1024)
		const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"idle","version":"1"}}}`
		resp, err := exchange(all.conns[i], in, "POST /mcp HTTP/1.1\r\nHost: "+d.Gateway+"\r\nAuthorization: Bearer "+all.key(i)+
			"\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: "+strconv.Itoa(len(hello))+"\r\n\r\n"+hello)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if all.ids[i] = resp.Header.Get("Mcp-Session-Id"); all.ids[i] == "" {
			return fmt.Errorf("initialize: %s", resp.Status)
		}
		stream := "GET /mcp HTTP/1.1\r\nHost: " + d.Gateway + "\r\nAuthorization: Bearer " + all.key(i) +
			"\r\nAccept: text/event-stream\r\nMcp-Session-Id: " + all.ids[i] + "\r\n\r\n"
		resp, err = exchange(all.conns[i], in, stream) //nolint:bodyclose // the stream ends with its connection
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("GET: %s", resp.Status)
		}
		return nil
	})
	return all
}

func (a *idlers) key(i int) string { return a.keys[i%len(a.keys)] }

// exchange sends a request and reads the head of the answer.
func exchange(nc net.Conn, in *bufio.Reader, text string) (*http.Response, error) {
	if _, err := io.WriteString(nc, text); err != nil {
		return nil, err
	}
	return http.ReadResponse(in, nil)
}

func closeAll(conns []net.Conn) {
	for _, nc := range conns {
		if nc != nil {
			_ = nc.Close()
		}
	}
}

// ended is how many streams are over.
func (a *idlers) ended() (n int) {
	var b [4096]byte
	for _, nc := range a.conns {
		_ = nc.SetReadDeadline(time.Now().Add(time.Millisecond)) // a connection that is closed says so below
		for {
			_, err := nc.Read(b[:])
			if err == nil {
				continue // a comment that keeps the stream alive
			}
			if timeout := net.Error(nil); !errors.As(err, &timeout) || !timeout.Timeout() {
				n++
			}
			break
		}
	}
	return n
}

// use makes a request in every step-th session.
func (a *idlers) use(step int) error {
	for i := 0; i < len(a.ids); i += step {
		req, err := http.NewRequestWithContext(a.d.t.Context(), http.MethodPost, "http://"+a.d.Gateway+"/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+a.key(i))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Mcp-Session-Id", a.ids[i])
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			return fmt.Errorf("session %d of %d: %s %w: %s", i, len(a.ids), resp.Status, err, text)
		}
	}
	return nil
}

// slowBodies are connections that sent half a body.
type slowBodies struct {
	t            *testing.T
	begun        time.Time
	shed, others atomic.Int32
}

// openSlow opens n of them, and hears what each is answered until the test ends.
func (d *Daemon) openSlow(n int, key string) *slowBodies {
	d.t.Helper()
	s := &slowBodies{t: d.t, begun: time.Now()}
	conns := make([]net.Conn, n)
	var readers sync.WaitGroup
	d.t.Cleanup(func() {
		closeAll(conns)
		readers.Wait()
	})
	each(d.t, n, func(ctx context.Context, i int) (err error) {
		conns[i], err = new(net.Dialer).DialContext(ctx, "tcp", d.Gateway)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(conns[i], "POST /mcp HTTP/1.1\r\nHost: "+d.Gateway+"\r\nAuthorization: Bearer "+key+
			"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"); err != nil {
			return err
		}
		readers.Go(func() { s.hear(conns[i]) })
		return nil
	})
	return s
}

func (s *slowBodies) hear(nc net.Conn) {
	resp, err := http.ReadResponse(bufio.NewReaderSize(nc, 1024), nil)
	if err != nil {
		if !errors.Is(err, net.ErrClosed) { // by the end of the test
			s.others.Add(1)
		}
		return
	}
	_ = resp.Body.Close()
	if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "" {
		s.shed.Add(1)
	} else {
		s.others.Add(1)
	}
}

// answers is how many were told to come again, and how many heard something else, once as many were as must be.
func (s *slowBodies) answers() (shed, others int, since time.Duration) {
	eventually(s.t, 20*time.Second, "answers to the slow bodies", func() bool { return s.shed.Load()+s.others.Load() >= loadSlow-loadWaiting })
	return int(s.shed.Load()), int(s.others.Load()), time.Since(s.begun)
}
