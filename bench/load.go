package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// warmUp is not counted: connections and processors get going.
	warmUp = 300 * time.Millisecond
	// callTimeout ends a run in which an answer does not come.
	callTimeout = 10 * time.Second
	// bodySize is the length of a call's body in bytes.
	bodySize = 200
	// idDigits is the width of ids, so that all calls have the same length.
	idDigits = 9
)

// target is a process in the middle, and how to call through it.
type target struct {
	pid        int
	addr, path string
	key        string // access key, "" where none is asked for
	tool       string
}

// callers are open connections through a target.
type callers struct {
	target *target
	all    []*caller
}

// dial opens n connections, each with a session where the era has them.
func (t *target) dial(ctx context.Context, n int, modern bool) (*callers, error) {
	cs := &callers{target: t}
	for i := range n {
		c, err := t.dialOne(ctx, i, modern)
		if err != nil {
			cs.Close()
			return nil, err
		}
		cs.all = append(cs.all, c)
	}
	return cs, nil
}

// Close closes the connections.
func (cs *callers) Close() {
	for _, c := range cs.all {
		_ = c.conn.Close() // All its calls were answered.
	}
}

// measure keeps one call in flight on each connection for a while.
func (cs *callers) measure(ctx context.Context, span time.Duration) (sample, error) {
	if _, err := cs.loop(ctx, warmUp); err != nil {
		return sample{}, err
	}
	before, start := cpuTime(cs.target.pid), time.Now()
	times, err := cs.loop(ctx, span)
	if err != nil {
		return sample{}, err
	}
	s := sample{Calls: len(times), Seconds: time.Since(start).Seconds(), CPU: (cpuTime(cs.target.pid) - before).Seconds()}
	slices.Sort(times)
	s.P50 = float64(times[len(times)/2].Nanoseconds()) / 1e3
	return s, nil
}

// loop calls on every connection until the time is over, and returns how long each call took.
func (cs *callers) loop(ctx context.Context, span time.Duration) ([]time.Duration, error) {
	end := time.Now().Add(span)
	var wg sync.WaitGroup
	times := make([][]time.Duration, len(cs.all))
	errs := make([]error, len(cs.all))
	for i, c := range cs.all {
		wg.Go(func() {
			for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
				if errs[i] = c.call(now); errs[i] != nil {
					return
				}
				done := time.Now()
				times[i] = append(times[i], done.Sub(now))
				now = done
			}
		})
	}
	wg.Wait()
	all := slices.Concat(times...)
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("no call was answered in time")
	}
	return all, nil
}

// caller is one connection. It speaks HTTP by hand, so that little of what is measured is its own work: a
// request is prepared once, and its id and text are written over.
type caller struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
	id      []byte   // the digits of the id in request
	mark    []byte   // the digits in the text in request
	last    int      // id of the last call
	body    []byte   // of the last answer
	head    []string // header lines of each request
}

func (t *target) dialOne(ctx context.Context, number int, modern bool) (*caller, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return nil, err
	}
	c := &caller{conn: conn, in: bufio.NewReader(conn)}
	// Ids, and with them the texts, are the callers' own: an answer that went to another one is found out.
	c.last = number * 1_000_000
	c.head = []string{
		"Host: " + t.addr, "Content-Type: application/json", "Accept: application/json, text/event-stream",
	}
	if t.key != "" {
		c.head = append(c.head, "Authorization: Bearer "+t.key)
	}
	meta := ""
	if modern {
		meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"` + modernVersion +
			`","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}},`
		c.head = append(c.head, "MCP-Protocol-Version: "+modernVersion, "Mcp-Method: tools/call", "Mcp-Name: "+t.tool)
	} else if err := c.openSession(t.path); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	c.prepare(t, meta)
	return c, nil
}

// openSession does the handshake of the legacy era.
func (c *caller) openSession(path string) error {
	header, err := c.exchange(c.post(path, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"`+legacyVersion+
		`","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}`), http.StatusOK)
	if err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	c.head = append(c.head, "MCP-Protocol-Version: "+legacyVersion)
	if session := header.Get("Mcp-Session-Id"); session != "" {
		c.head = append(c.head, "Mcp-Session-Id: "+session)
	}
	if _, err := c.exchange(c.post(path, `{"jsonrpc":"2.0","method":"notifications/initialized"}`), http.StatusAccepted); err != nil {
		return fmt.Errorf("notifications/initialized: %w", err)
	}
	return nil
}

// post is a request as text.
func (c *caller) post(path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\n%s\r\nContent-Length: %d\r\n\r\n%s", path, strings.Join(c.head, "\r\n"), len(body), body)
}

// prepare makes the request of every call, bodySize long if what must be in it leaves room.
func (c *caller) prepare(t *target, meta string) {
	const digits = "000000000"
	body := func(padding int) string {
		return `{"jsonrpc":"2.0","id":1` + digits + `,"method":"tools/call","params":{` + meta +
			`"name":"` + t.tool + `","arguments":{"text":"mark ` + digits + strings.Repeat(".", max(padding, 0)) + `"}}}`
	}
	c.request = c.post(t.path, body(bodySize-len(body(0))))
	start := bytes.Index(c.request, []byte(`"id":1`+digits)) + len(`"id":1`)
	c.id = c.request[start : start+idDigits]
	start = bytes.Index(c.request, []byte(`mark `+digits)) + len(`mark `)
	c.mark = c.request[start : start+idDigits]
}

// call sends one tools/call and checks the answer.
func (c *caller) call(now time.Time) error {
	c.last++
	for i, n := idDigits-1, c.last; i >= 0; i, n = i-1, n/10 {
		c.id[i] = byte('0' + n%10)
	}
	copy(c.mark, c.id)
	if err := c.conn.SetDeadline(now.Add(callTimeout)); err != nil {
		return err
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	status, err := c.answer()
	if err != nil {
		return err
	}
	return c.check(status)
}

// check wants the id and the text of the last call.
func (c *caller) check(status int) error {
	at := bytes.Index(c.body, []byte(`"id":1`))
	mark := bytes.Index(c.body, []byte(`mark `))
	if status == http.StatusOK && at >= 0 && mark >= 0 &&
		bytes.HasPrefix(c.body[at+len(`"id":1`):], c.id) && bytes.HasPrefix(c.body[mark+len(`mark `):], c.mark) {
		return nil
	}
	return fmt.Errorf("call %s was answered with status %d: %.500s", c.id, status, c.body)
}

// answer reads one answer into c.body; of an event stream, its bytes as they are.
func (c *caller) answer() (status int, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return 0, fmt.Errorf("answer begins with %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, err
	}
	length, chunked := 0, false
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) <= len("\r\n") {
			break
		}
		name, value, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
	c.body = c.body[:0]
	if chunked {
		return status, c.readChunks()
	}
	return status, c.read(length)
}

// read appends n bytes to c.body.
func (c *caller) read(n int) error {
	old := len(c.body)
	c.body = slices.Grow(c.body, n)[:old+n]
	_, err := io.ReadFull(c.in, c.body[old:])
	return err
}

// readChunks reads a body in chunks (RFC 9112 §7.1).
func (c *caller) readChunks() error {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(string(bytes.TrimRight(line, "\r\n")), 16, 31)
		if err != nil {
			return err
		}
		if err := c.read(int(n) + len("\r\n")); err != nil {
			return err
		}
		c.body = c.body[:len(c.body)-len("\r\n")]
		if n == 0 {
			return nil
		}
	}
}

// exchange sends a request that is not measured.
func (c *caller) exchange(request []byte, want int) (http.Header, error) {
	if err := c.conn.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return nil, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var answer struct{ Error json.RawMessage }
	if resp.StatusCode != want || json.Unmarshal(body, &answer) == nil && answer.Error != nil {
		return nil, fmt.Errorf("status %d: %.500s", resp.StatusCode, body)
	}
	return resp.Header, nil
}
