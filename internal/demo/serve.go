package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// maxLine is the longest message that is read, in bytes. Nothing here takes more than a few hundred.
const maxLine = 4 << 20

// server is one connection.
type server struct {
	calls sync.WaitGroup

	outMu sync.Mutex // outMu guards the following: one message is one write
	out   io.Writer

	mu      sync.Mutex // mu guards the following
	session *session   // of the handshake era; nil before initialize
	running map[string]context.CancelFunc
	asked   map[string]chan wire.Message
	lastAsk int64
}

// session is what an initialize agreed on.
type session struct {
	version string
	caps    protocol.Capabilities
	level   int // what logging/setLevel asked for; silent before
}

// leaveWithin is how long Run waits, once its context is done, for what is still reading or writing. A read
// from standard input cannot be interrupted on every system; it ends with the process.
const leaveWithin = 200 * time.Millisecond

// Run serves MCP on in and out, one message a line, until in ends or ctx is done, and abandons what is still
// running then. Where ctx is done first, in and out are closed if they can be, so that nothing waits on
// them. The error is nil unless reading failed.
func Run(ctx context.Context, in io.Reader, out io.Writer) error {
	done := make(chan error, 1)
	go func() {
		s := &server{out: out, running: map[string]context.CancelFunc{}, asked: map[string]chan wire.Message{}}
		done <- s.serve(ctx, in)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	for _, end := range []any{in, out} {
		if c, ok := end.(io.Closer); ok {
			_ = c.Close() // nobody reads or writes on, so its error says nothing
		}
	}
	select {
	case err := <-done:
		_ = err // how a stopped server ended says nothing
	case <-time.After(leaveWithin):
	}
	return nil
}

// serve reads until in ends and returns when all it started has ended.
func (s *server) serve(ctx context.Context, in io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	err := s.read(ctx, wire.NewLineReader(in, maxLine))
	cancel()
	s.calls.Wait()
	if errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("read: %w", err)
}

// read takes one message after the other until reading fails.
func (s *server) read(ctx context.Context, lines *wire.LineReader) error {
	for ctx.Err() == nil {
		line, err := lines.Next()
		var long *wire.TooLongError
		switch {
		case errors.As(err, &long):
			s.write(wire.NewError(nil, wire.CodeInvalidRequest, "the message is too long", nil))
			continue
		case err != nil:
			return err
		case len(bytes.TrimSpace(line)) == 0:
			continue
		}
		m, err := wire.Parse(bytes.Clone(line))
		if err != nil {
			s.refuse(&m, err)
			continue
		}
		s.take(ctx, m)
	}
	return ctx.Err()
}

// refuse answers what is no message.
func (s *server) refuse(m *wire.Message, err error) {
	code := wire.CodeParse
	if syntax, ok := errors.AsType[*wire.SyntaxError](err); ok {
		code = syntax.Code
	}
	s.write(wire.NewError(m.Bytes(m.ID), code, err.Error(), nil))
}

// take starts a request, or does at once what a notification or response says.
func (s *server) take(ctx context.Context, m wire.Message) {
	switch m.Kind {
	case wire.Request:
		s.start(ctx, m)
	case wire.Notification:
		if m.Method == "notifications/cancelled" {
			s.cancel(m.Bytes(m.Params))
		}
	default:
		s.mu.Lock()
		answer := s.asked[string(m.Bytes(m.ID))]
		delete(s.asked, string(m.Bytes(m.ID)))
		s.mu.Unlock()
		if answer != nil {
			answer <- m // has room for one
		}
	}
}

// start admits a request and runs it. Admission is in the order of arrival, so that what follows an
// initialize finds its session.
func (s *server) start(ctx context.Context, m wire.Message) {
	id := string(m.Bytes(m.ID))
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	_, busy := s.running[id]
	if !busy {
		s.running[id] = cancel
	}
	s.mu.Unlock()
	if busy {
		cancel()
		s.write(wire.NewError(m.Bytes(m.ID), wire.CodeInvalidRequest, "a request with this id is still running", nil))
		return
	}
	r, run, err := s.admit(m)
	s.calls.Go(func() {
		defer cancel()
		var result fields
		if err == nil {
			result, err = run(ctx, r)
		}
		s.mu.Lock()
		delete(s.running, id) // before the answer: who has read it may use the id again
		s.mu.Unlock()
		if errors.Is(err, context.Canceled) {
			return // who cancelled expects no answer
		}
		s.answer(m, r, result, err)
	})
}

// cancel ends the request that a notifications/cancelled names.
func (s *server) cancel(params []byte) {
	var p struct {
		RequestID json.RawMessage `json:"requestId"`
	}
	if json.Unmarshal(params, &p) != nil {
		return // nothing can be answered to a notification
	}
	s.mu.Lock()
	cancel := s.running[string(p.RequestID)]
	s.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// answer writes the response of a request.
func (s *server) answer(m wire.Message, r *request, result fields, err error) {
	if err == nil {
		if r.modern {
			modernize(m.Method, result)
		}
		var raw []byte
		if raw, err = json.Marshal(result); err == nil {
			s.write(wire.NewResult(m.Bytes(m.ID), raw))
			return
		}
	}
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{code: wire.CodeInternal, message: "internal error"}
	}
	var data []byte
	if f.data != nil {
		if data, err = json.Marshal(f.data); err != nil {
			data = nil // never so: data are maps of texts
		}
	}
	s.write(wire.NewError(m.Bytes(m.ID), f.code, f.message, data))
}

// modernize adds what every result of 2026-07-28 has (basic §Results, server/utilities/caching).
func modernize(method string, result fields) {
	if _, ok := result["resultType"]; !ok {
		result["resultType"] = "complete"
	}
	meta, ok := result["_meta"].(fields)
	if !ok {
		meta = fields{}
	}
	meta[protocol.MetaServerInfo] = serverInfo
	result["_meta"] = meta
	if known, ok := protocol.Lookup(method); ok && known.Cacheable && result["resultType"] == "complete" {
		result["ttlMs"] = cacheFor.Milliseconds()
		result["cacheScope"] = "public"
	}
}

// write sends one message. A failed write is not an error of its own: the other side is gone, which reading
// will tell.
func (s *server) write(raw []byte) {
	line := wire.Line(nil, raw)
	s.outMu.Lock()
	defer s.outMu.Unlock()
	_, _ = s.out.Write(line)
}

// notify sends a notification of our own.
func (s *server) notify(method string, params fields) {
	raw, err := json.Marshal(params)
	if err != nil {
		return // never so: params are made here
	}
	s.write(wire.NewNotification(method, raw))
}

// ask sends a request to a client of the handshake era and waits for the answer's result.
func (s *server) ask(ctx context.Context, method string, params fields) ([]byte, error) {
	raw, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	answer := make(chan wire.Message, 1)
	s.mu.Lock()
	s.lastAsk++
	id := s.lastAsk
	key := strconv.FormatInt(id, 10)
	s.asked[key] = answer
	s.mu.Unlock()
	s.write(wire.NewRequest(id, method, raw))
	select {
	case m := <-answer:
		if m.Error.OK() {
			return nil, fmt.Errorf("the client answered with an error: %s", m.Bytes(m.Error))
		}
		return m.Bytes(m.Result), nil
	case <-ctx.Done():
		s.mu.Lock()
		delete(s.asked, key)
		s.mu.Unlock()
		s.notify("notifications/cancelled", fields{"requestId": id, "reason": "the call was cancelled"})
		return nil, ctx.Err()
	}
}
