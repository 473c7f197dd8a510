package backend

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// endpointTimeout is how long an event stream may take to name the address to which messages are posted.
const endpointTimeout = 10 * time.Second

// sse is the HTTP+SSE transport: messages are posted to one address, all answers and questions come on one
// event stream (MCP 2024-11-05 basic/transports §HTTP with SSE).
type sse struct {
	in  *httpConn // the event stream
	out *httpConn // where messages are posted
}

// dialSSE reaches a Server of the older era over HTTP+SSE; the modern one has no such transport.
func dialSSE(ctx context.Context, spec Spec, opt Options) (*Conn, error) {
	if spec.Era == mcpmux.EraModern {
		return nil, &DialError{Reason: "MCP 2026-07-28 has no HTTP+SSE transport; use --transport http, or set the era of this server to auto"}
	}
	c := newConn(spec, opt)
	in, err := newHTTP(c)
	if err != nil {
		return nil, err
	}
	s := &sse{in: in, out: in}
	c.tr = s
	if err := s.open(ctx); err != nil {
		return nil, c.giveUp(err)
	}
	if err := c.initialize(ctx); err != nil {
		return nil, c.giveUp(err)
	}
	return c, nil
}

// open opens the stream, waits for the endpoint and starts the reader.
func (s *sse) open(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, endpointTimeout)
	defer cancel()
	stop := context.AfterFunc(limited, s.in.end) // the stream outlives the dial, unless that fails
	resp, events, err := s.begin()
	inTime := stop()
	switch {
	case err == nil && inTime:
		s.in.streams.Go(func() {
			defer resp.Body.Close()
			s.read(events)
		})
		return nil
	case resp != nil:
		_ = resp.Body.Close()
	}
	if !inTime && ctx.Err() == nil {
		return &DialError{Reason: "the server did not name its endpoint in time"}
	}
	if !inTime {
		return ctx.Err()
	}
	return err
}

// begin sends the GET and reads up to the event that names the endpoint. The caller closes the body, also
// where there is an error.
func (s *sse) begin() (*http.Response, *wire.EventReader, error) {
	resp, err := s.in.get(s.in.life, "")
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode != http.StatusOK || !isEventStream(resp.Header.Get("Content-Type")) {
		if err := s.in.status(resp); err != nil {
			return resp, nil, err
		}
		return resp, nil, &DialError{Reason: "the server does not answer with an event stream but with HTTP " + strconv.Itoa(resp.StatusCode)}
	}
	events := wire.NewEventReader(resp.Body, s.in.c.opt.MaxMessage)
	for {
		e, err := events.Next()
		if err != nil {
			return resp, nil, &DialError{Reason: "the server's event stream ended before it named an endpoint", Err: err}
		}
		if e.Name == "endpoint" {
			return resp, events, s.point(string(e.Data))
		}
	}
}

// point notes the endpoint. Credentials go there: it must be of the stream's own origin.
func (s *sse) point(address string) error {
	u, err := s.in.url.Parse(strings.TrimSpace(address))
	if err != nil {
		return &DialError{Reason: "the server names an endpoint that is no address"}
	}
	if u.User != nil || !sameOrigin(u, s.in.url) {
		return &DialError{Reason: "the server names an endpoint of another origin, " + u.Host + "; nothing is sent there: correct the URL of this server"}
	}
	u.Fragment = ""
	s.out = s.in.at(u, s.in.mien.Load().header)
	return nil
}

// sameOrigin compares scheme, host and port (RFC 6454 §5).
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// read is the one reader of the stream. The stream's end is that of the connection.
func (s *sse) read(events *wire.EventReader) {
	c := s.in.c
	for {
		e, err := events.Next()
		if _, ok := errors.AsType[*wire.TooLongError](err); ok {
			c.opt.Events.Stderr("[message left out] " + err.Error())
			continue
		}
		if err != nil {
			c.lost(&ClosedError{Reason: "the server ended its event stream", Err: err})
			return
		}
		if len(e.Data) > 0 && (e.Name == "" || e.Name == "message") {
			c.receive(e.Data, nil)
		}
	}
}

// call posts a request and waits for its answer, which may come before the POST has ended: some servers hold
// that until the answer is on the stream.
func (s *sse) call(ctx context.Context, p *pendingCall, raw []byte) (wire.Message, error) {
	sending, stop := context.WithCancel(s.in.life)
	posted := make(chan error, 1)
	if !s.in.c.background(func() {
		defer stop()
		posted <- s.send(sending, raw)
	}) {
		stop()
		return wire.Message{}, s.in.c.gone()
	}
	for {
		select {
		case m := <-p.answer:
			time.AfterFunc(respondTimeout, stop) // a POST cut off costs its connection
			return m, nil
		case err := <-posted:
			if err != nil {
				return wire.Message{}, err
			}
			posted = nil
		case <-ctx.Done():
			stop()
			return s.in.c.abandon(ctx, p)
		}
	}
}

// send posts a message. A server should answer 202, may answer 200, and some answer with the response itself.
func (s *sse) send(ctx context.Context, raw []byte) error {
	resp, err := s.out.post(ctx, raw, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch code := resp.StatusCode; {
	case code == http.StatusOK && isJSON(resp):
		return s.body(resp)
	case code >= 200 && code < 300:
		skim(resp)
		return nil
	case code == http.StatusNotFound, code == http.StatusGone:
		err := &ClosedError{Reason: "the server has ended our session"}
		s.in.c.lost(err)
		return err
	}
	skim(resp)
	if err := s.out.status(resp); err != nil {
		return err
	}
	return &DialError{Reason: "the server answered HTTP " + strconv.Itoa(resp.StatusCode)}
}

// body takes the messages that a POST is answered with; what is none is a courtesy.
func (s *sse) body(resp *http.Response) error {
	text, err := readAll(resp, s.in.c.opt.MaxMessage)
	if err != nil {
		return err
	}
	if _, err := wire.Parse(text); err == nil || wire.IsBatch(text) {
		s.in.c.receive(text, nil)
	}
	return nil
}

func (s *sse) pid() int { return 0 }

// close ends the stream.
func (s *sse) close() error {
	return errors.Join(s.in.close(), s.out.close())
}
