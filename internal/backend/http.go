package backend

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

const (
	// closeTimeout bounds the DELETE that ends a session.
	closeTimeout = 2 * time.Second

	// resumeAttempts is how often a cut stream of a call is taken up again without anything new on it.
	resumeAttempts = 5

	// retryDefault is the pause before that where the server names none.
	retryDefault = time.Second
)

// httpConn is a Streamable HTTP endpoint.
type httpConn struct {
	c       *Conn
	url     *url.URL
	mien    atomic.Pointer[mien]
	direct  *direct         // nil where opt.Transport serves this endpoint
	life    context.Context //nolint:containedctx // ends with the connection
	end     context.CancelFunc
	streams sync.WaitGroup
	stop    sync.Once
	refusal int // HTTP status of the answer to initialize; only the dial writes and reads it
}

// mien is how we appear to the server: replaced while it is greeted, when it may ask us already, and constant
// afterwards.
type mien struct {
	header  http.Header // credentials, session, version
	session string      // Mcp-Session-Id, "" for none
}

func newHTTP(c *Conn) (*httpConn, error) {
	u, err := url.Parse(c.spec.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, &DialError{Reason: "the URL of this server is not an http or https address"}
	}
	h := &httpConn{c: c, url: u}
	header := make(http.Header)
	for name, values := range c.spec.Header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	if u.User != nil && header.Get("Authorization") == "" {
		password, _ := u.User.Password()
		r := http.Request{Header: header}
		r.SetBasicAuth(u.User.Username(), password)
		clean := *u
		clean.User = nil
		h.url = &clean
	}
	header.Set("Content-Type", "application/json")
	header.Set("Accept", "application/json, text/event-stream")
	return h.at(h.url, header), nil
}

// at is an endpoint of the same connection at another address, with these headers.
func (h *httpConn) at(u *url.URL, header http.Header) *httpConn {
	n := &httpConn{c: h.c, url: u, direct: newDirect(u, h.c.opt.Transport)}
	n.mien.Store(&mien{header: header})
	n.life, n.end = context.WithCancel(context.Background())
	return n
}

// request prepares a POST. GetBody stays nil: it is what lets net/http send a body a second time, and a tool
// call is never sent twice (rule 4).
func (h *httpConn) request(ctx context.Context, method string, body []byte) *http.Request {
	header := h.mien.Load().header
	r := &http.Request{
		Method: method, URL: h.url, Host: h.url.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, // as it is where nothing changes it
	}
	if h.c.modern || body == nil {
		r.Header = make(http.Header, len(header)+4)
		maps.Copy(r.Header, header)
	}
	if body != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
	} else {
		delete(r.Header, "Content-Type")
	}
	return r.WithContext(ctx)
}

// roundTrip sends a request, once.
func (h *httpConn) roundTrip(r *http.Request) (*http.Response, error) {
	if h.direct != nil {
		return h.direct.roundTrip(r)
	}
	return h.c.opt.Transport.RoundTrip(r)
}

// post sends one message.
func (h *httpConn) post(ctx context.Context, body []byte, p *pendingCall) (*http.Response, error) {
	r := h.request(ctx, http.MethodPost, body)
	if h.c.modern {
		h.mirror(r.Header, p)
	}
	resp, err := h.roundTrip(r)
	if err != nil {
		return nil, h.broken(ctx, err)
	}
	return resp, nil
}

// mirror repeats what the modern era wants in headers (MCP 2026-07-28 basic/transports §Standard Request
// Headers).
func (h *httpConn) mirror(header http.Header, p *pendingCall) {
	header["Mcp-Protocol-Version"] = []string{protocol.Newest}
	if p == nil {
		return
	}
	header["Mcp-Method"] = []string{p.method}
	if p.name != "" && p.method != "completion/complete" {
		header["Mcp-Name"] = []string{protocol.EncodeHeader(p.name)}
	}
	if p.call != nil {
		for _, kv := range p.call.Header {
			header[kv[0]] = []string{kv[1]}
		}
	}
}

// broken classifies a failed round trip. A refused connection means that the endpoint is gone, and with it
// this connection; anything else fails the one request.
func (h *httpConn) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	gone := &ClosedError{Reason: "the endpoint could not be reached", Err: redact(err)}
	if errors.Is(err, syscall.ECONNREFUSED) {
		h.c.lost(gone)
	}
	return gone
}

// redact drops the URL, which may bear credentials in its query, from an error of net/http.
func redact(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// call sends a request and reads its answer, a JSON body or an event stream.
func (h *httpConn) call(ctx context.Context, p *pendingCall, raw []byte) (wire.Message, error) {
	resp, err := h.post(ctx, raw, p)
	if err != nil {
		if ctx.Err() != nil {
			h.abandon(p)
		}
		return wire.Message{}, err
	}
	defer resp.Body.Close()
	if p.method == "initialize" {
		h.refusal = resp.StatusCode
	}
	if err := h.status(resp); err != nil {
		return wire.Message{}, err
	}
	if p.method == "initialize" {
		h.admitted(resp.Header.Get("Mcp-Session-Id"))
	}
	var m wire.Message
	if isEventStream(resp.Header.Get("Content-Type")) {
		m, err = h.stream(ctx, p, resp.Body)
	} else {
		m, err = h.single(p, resp)
	}
	if err != nil && ctx.Err() != nil {
		h.abandon(p)
		return wire.Message{}, ctx.Err()
	}
	return m, err
}

func (h *httpConn) session() string { return h.mien.Load().session }

// abandon tells the server that nobody waits any more. In the modern era the closed stream says so.
func (h *httpConn) abandon(p *pendingCall) {
	if !h.c.modern && p.method != "initialize" {
		h.c.cancelled(p.id)
	}
}

// status turns an HTTP status that is no answer into an error.
func (h *httpConn) status(resp *http.Response) error {
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
		return nil
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return &LoginRequiredError{
			Status: code, Challenges: resp.Header.Values("Www-Authenticate"),
			Used: sha256.Sum256([]byte(h.mien.Load().header.Get("Authorization"))),
		}
	case code == http.StatusNotFound && h.session() != "":
		err := &ClosedError{Reason: "the server has ended our session"}
		h.c.lost(err)
		return err
	case code >= 300 && code < 400:
		return &DialError{Reason: "the server redirects to " + redirectHost(resp) + "; redirects are not followed with credentials: correct the URL of this server"}
	case code >= 400 && isJSON(resp):
		return nil // the body may be the JSON-RPC error itself
	}
	return &DialError{Reason: "the server answered HTTP " + strconv.Itoa(resp.StatusCode)}
}

func redirectHost(resp *http.Response) string {
	u, err := resp.Location()
	if err != nil {
		return "nowhere"
	}
	return u.Host
}

func isJSON(resp *http.Response) bool {
	ct := resp.Header.Get("Content-Type")
	if ct == "application/json" {
		return true
	}
	t, _, err := mime.ParseMediaType(ct)
	return err == nil && t == "application/json"
}

func isEventStream(contentType string) bool {
	return strings.HasPrefix(contentType, "text/event-stream")
}

// single reads an answer that is one JSON body.
func (h *httpConn) single(p *pendingCall, resp *http.Response) (wire.Message, error) {
	body, err := readAll(resp, h.c.opt.MaxMessage)
	if err != nil {
		return wire.Message{}, err
	}
	if h.c.batches.Load() && wire.IsBatch(body) {
		if m, done := h.c.receive(body, p); done {
			return m, nil
		}
		return wire.Message{}, &ClosedError{Reason: "the server's answer is an array without the response"}
	}
	m, err := wire.Parse(body)
	if err != nil || (m.Kind != wire.Response && m.Kind != wire.Error) {
		if resp.StatusCode != http.StatusOK {
			return m, &DialError{Reason: "the server answered HTTP " + strconv.Itoa(resp.StatusCode)}
		}
		return m, &ClosedError{Reason: "the server's answer is no JSON-RPC response", Err: err}
	}
	if m.Kind == wire.Error && !m.ID.OK() {
		return h.anonymous(p, m), nil
	}
	if string(m.Bytes(m.ID)) != strconv.FormatInt(p.id, 10) {
		return m, &ClosedError{Reason: "the server answered another request than was sent"}
	}
	return m, nil
}

// anonymous gives an error that the server sent with a null id, or without one, the id of its request.
func (h *httpConn) anonymous(p *pendingCall, m wire.Message) wire.Message {
	whole := wire.Span{Start: bytes.IndexByte(m.Raw, '{'), End: len(m.Raw)}
	edit := wire.SetMember(m.Raw, whole, "id", strconv.AppendInt(nil, p.id, 10))
	if fixed, err := wire.Parse(wire.Splice(nil, m.Raw, []wire.Edit{edit})); err == nil {
		return fixed
	}
	return m
}

// readAll reads a body within the limit.
func readAll(resp *http.Response, limit int) ([]byte, error) {
	tooLong := &ClosedError{Reason: "the server's answer is larger than " + strconv.Itoa(limit) + " bytes"}
	if n := resp.ContentLength; n >= 0 {
		if n > int64(limit) {
			return nil, tooLong
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(resp.Body, body); err != nil {
			return nil, &ClosedError{Reason: "the server's answer was cut off", Err: err}
		}
		return body, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(limit)+1))
	if err != nil {
		return nil, &ClosedError{Reason: "the server's answer was cut off", Err: err}
	}
	if len(body) > limit {
		return nil, tooLong
	}
	return body, nil
}

// stream reads an answer that is an event stream, taking up a cut one where the server can resume it
// (MCP 2025-11-25 basic/transports §Resumability and Redelivery).
func (h *httpConn) stream(ctx context.Context, p *pendingCall, body io.Reader) (wire.Message, error) {
	var at cursor
	m, done, err := h.events(body, p, &at)
	for attempt := 0; !done && at.id != "" && !h.c.modern && attempt < resumeAttempts; attempt++ {
		if err = wait(ctx, at.pause()); err != nil {
			return m, err
		}
		read := at.id
		if m, done, err = h.resume(ctx, p, &at); at.id != read {
			attempt = -1 // a server that polls (SEP-1699) sends a new id each time
		}
	}
	if done {
		return m, nil
	}
	return m, &ClosedError{Reason: "the server's answer was cut off", Err: err}
}

// cursor is where a stream was last read, and how long the server wants to be left alone before it is read on.
type cursor struct {
	id    string
	retry time.Duration
}

func (c *cursor) pause() time.Duration {
	if c.retry > 0 {
		return c.retry
	}
	return retryDefault
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// events reads one body of events until the answer to p comes, or the body ends.
func (h *httpConn) events(body io.Reader, p *pendingCall, at *cursor) (wire.Message, bool, error) {
	r := wire.NewEventReader(body, h.c.opt.MaxMessage)
	for {
		e, err := r.Next()
		if _, ok := errors.AsType[*wire.TooLongError](err); ok {
			h.c.opt.Events.Stderr("[message left out] " + err.Error())
			continue
		}
		if err != nil {
			return wire.Message{}, false, err
		}
		if e.HasID {
			at.id = e.ID
		}
		if e.HasRetry {
			at.retry = e.Retry
		}
		if len(e.Data) == 0 {
			continue // a priming event
		}
		if m, done := h.c.receive(e.Data, p); done {
			return m, true, nil
		}
	}
}

func (h *httpConn) resume(ctx context.Context, p *pendingCall, at *cursor) (wire.Message, bool, error) {
	resp, err := h.get(ctx, at.id)
	if err != nil {
		return wire.Message{}, false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !isEventStream(resp.Header.Get("Content-Type")) {
		if resp.StatusCode < 500 {
			at.id = "" // it will not be otherwise next time
		}
		if err := h.status(resp); err != nil {
			return wire.Message{}, false, err
		}
		return wire.Message{}, false, &DialError{Reason: "the server does not resume the stream: it answered HTTP " + strconv.Itoa(resp.StatusCode)}
	}
	return h.events(resp.Body, p, at)
}

// get opens an event stream.
func (h *httpConn) get(ctx context.Context, lastID string) (*http.Response, error) {
	r := h.request(ctx, http.MethodGet, nil)
	r.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		r.Header.Set("Last-Event-Id", lastID)
	}
	resp, err := h.roundTrip(r)
	if err != nil {
		return nil, h.broken(ctx, err)
	}
	return resp, nil
}

// send posts a notification or a response.
func (h *httpConn) send(ctx context.Context, raw []byte) error {
	resp, err := h.post(ctx, raw, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	skim(resp)
	if resp.StatusCode >= 300 {
		return &DialError{Reason: "the server answered HTTP " + strconv.Itoa(resp.StatusCode)}
	}
	return nil
}

// skim reads a body that says nothing, which lets its connection be used again.
func skim(resp *http.Response) { _, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10)) }

func (h *httpConn) pid() int { return 0 }

// close ends the streams and, with a deadline, the session.
func (h *httpConn) close() error {
	h.stop.Do(func() {
		h.end()
		h.streams.Wait()
		if h.direct != nil {
			defer h.direct.close()
		}
		if h.session() == "" {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if resp, err := h.roundTrip(h.request(ctx, http.MethodDelete, nil)); err == nil {
			_ = resp.Body.Close()
		}
	})
	return nil
}

// firstStream is how long the greeting waits for the GET stream. Some servers put their questions there, and
// fail the call of a client that calls before there is one; others send nothing until they have an event.
const firstStream = 300 * time.Millisecond

// startFollowing opens the GET stream and gives it a moment.
func (h *httpConn) startFollowing(ctx context.Context) {
	tried := make(chan struct{})
	h.streams.Add(1)
	go h.follow(tried)
	t := time.NewTimer(firstStream)
	defer t.Stop()
	select {
	case <-tried:
	case <-t.C:
	case <-ctx.Done():
	}
}

// follow keeps the GET stream of a session open: what no request caused comes there. A server without one
// answers 405; a stream that breaks never harms the calls.
func (h *httpConn) follow(tried chan<- struct{}) {
	defer h.streams.Done()
	var at cursor
	pause := at.pause()
	for first := true; ; first = false {
		resp, err := h.get(h.life, at.id)
		if first {
			close(tried)
		}
		if err == nil && resp.StatusCode != http.StatusOK {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusNotFound && h.session() != "" {
				h.c.lost(&ClosedError{Reason: "the server has ended our session"})
			}
			if resp.StatusCode < 500 {
				return
			}
		} else if err == nil {
			begun := time.Now()
			_, _, _ = h.events(resp.Body, nil, &at) // it ends with an error by nature
			_ = resp.Body.Close()
			if at.retry > 0 || time.Since(begun) > 5*time.Second {
				pause = at.pause() // the server's own wish, or a stream that served
			}
		}
		if wait(h.life, pause) != nil {
			return
		}
		pause = min(2*pause, 30*time.Second)
	}
}
