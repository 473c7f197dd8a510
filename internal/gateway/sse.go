package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

const (
	// messagesPath is where a client of HTTP+SSE posts, as its stream tells it.
	messagesPath = "/messages"

	// pipePath is the endpoint that serves HTTP+SSE alone.
	pipePath = "/sse"
)

// pipe is the transport of a session over HTTP+SSE: everything goes out on one event stream, and posts are only
// acknowledged (MCP 2024-11-05 basic/transports §HTTP with SSE). The session ends with the stream.
type pipe struct {
	s     *session
	ctx   context.Context //nolint:containedctx // ends with the stream
	ready atomic.Bool     // initialize was answered
	tasks sync.WaitGroup  // requests being handled
	busy  atomic.Int32    // how many
}

// send queues a message for the stream.
func (p *pipe) send(it outItem) bool { return p.s.out.push(it) }

// finish queues an answer, which must arrive: a stream that has no room for it is of no more use.
func (p *pipe) finish(raw []byte) {
	if !p.s.out.push(outItem{must: true, raw: raw}) {
		p.s.close()
	}
}

func (p *pipe) open() {}

func (p *pipe) gone() <-chan struct{} { return p.ctx.Done() }

// asksForPipe says whether a GET is one of a client of 2024-11-05: it knows neither sessions nor versions. At
// /mcp it must name event streams, since whoever takes anything is more likely to look what is there.
func asksForPipe(r *http.Request) bool {
	if r.Header.Get(headerSession) != "" || r.Header.Get(headerVersion) != "" {
		return false
	}
	return strings.HasPrefix(r.URL.Path, pipePath) || strings.Contains(strings.Join(r.Header["Accept"], ","), "text/event-stream")
}

// servePipe opens the stream of a session over HTTP+SSE and lasts as long as that.
func (g *Gateway) servePipe(w http.ResponseWriter, r *http.Request, id Identity, alias string) {
	if _, ok := g.current.Load().view(id.Client, alias); !ok {
		writeError(w, nil, noSuchServer(alias))
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	s := newSession(id, alias, "", nil)
	s.pipe = &pipe{s: s, ctx: ctx}
	defer s.pipe.tasks.Wait() // in the end, when nothing holds them up any more
	defer cancel()
	if fail := g.admit(s); fail != nil {
		writeError(w, nil, fail)
		return
	}
	defer g.dropSession(s)
	es := startEvents(w)
	es.write(wire.AppendEvent(nil, "", "endpoint", []byte(messagesPath+"?session_id="+s.id)))
	es.flush()
	g.pumpPipe(es, r, s)
}

// pumpPipe writes to the stream until the client leaves, the session ends or its credential is no longer good.
func (g *Gateway) pumpPipe(es *eventStream, r *http.Request, s *session) {
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	drain := g.drain.Load().done
	for es.err == nil {
		select {
		case <-drain:
			es.items(s.out.take())
			return
		case <-s.out.wake:
			es.items(s.out.take())
		case <-tick.C:
			s.touch()
			if !g.current.Load().admits(s.identity) {
				return
			}
			es.comment()
		case <-r.Context().Done():
			return
		case <-s.done:
			return
		}
	}
}

// serveMessages takes what a client of HTTP+SSE posts: it is acknowledged, and answered on the stream.
func (g *Gateway) serveMessages(w http.ResponseWriter, r *http.Request, id Identity) {
	s := g.sessions.piped(r.URL.Query().Get("session_id"), id)
	if s == nil || id.Only != "" && id.Only != s.alias {
		writeError(w, nil, &rpcError{status: http.StatusNotFound, code: codeInvalidRequest, message: "no such session; open an event stream to begin a new one"})
		return
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		writeError(w, nil, errNotJSON)
		return
	}
	body, fail := readBody(r)
	if fail != nil {
		writeError(w, nil, fail)
		return
	}
	x := &exchange{g: g, snap: g.current.Load(), id: id, alias: s.alias, sess: s, reply: &reply{client: s.pipe.ctx, accept: true, via: s.pipe}}
	view, ok := x.snap.view(id.Client, s.alias)
	if !ok {
		writeError(w, nil, noSuchServer(s.alias))
		return
	}
	x.view = view
	take := x.pipeMessage
	if wire.IsBatch(body) {
		take = x.pipeBatch
	}
	if fail := take(body); fail != nil {
		writeError(w, x.rawID(), fail)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// maxPipeRequests is how many requests of a session over HTTP+SSE are handled at a time: each POST of them ends
// at once, so that nothing else bounds them.
const maxPipeRequests = 256

// handling runs a request of a session over HTTP+SSE.
func (x *exchange) handling(f func()) *rpcError {
	s := x.sess
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errPipeEnded
	case s.pipe.busy.Add(1) > maxPipeRequests:
		s.pipe.busy.Add(-1)
		return errPipeBusy
	}
	s.pipe.tasks.Go(func() {
		defer x.g.recovered()
		defer s.pipe.busy.Add(-1)
		f()
	})
	return nil
}

//nolint:gochecknoglobals // immutable values
var (
	errPipeEnded = &rpcError{status: http.StatusNotFound, code: codeInvalidRequest, message: errSessionClosed.Error()}
	errPipeBusy  = &rpcError{status: http.StatusTooManyRequests, code: wire.CodeInternal, retryAfter: time.Second, message: "too many requests of this session wait for their answers; send this one again later"}
)

// pipeMessage takes a message that came on its own: what is no request at once, a request in its own time. It is
// in flight when it is accepted, since the client may cancel it from then on.
func (x *exchange) pipeMessage(body []byte) *rpcError {
	if fail := x.read(body); fail != nil {
		return fail
	}
	if x.msg.Kind != wire.Request {
		x.legacyMessage()
		return nil
	}
	if fail := x.enter(); fail != nil {
		return fail
	}
	handle := x.pipeRequest
	if fail := x.takeOff(); fail != nil {
		handle = func() { x.leave(); x.fail(fail) }
	}
	fail := x.handling(handle)
	if fail != nil {
		x.land()
		x.leave()
	}
	return fail
}

// pipeRequest handles a request. Until initialize is answered it must not look at what that sets.
func (x *exchange) pipeRequest() {
	defer x.leave()
	defer x.land()
	switch {
	case x.msg.Method == "initialize":
		x.initializePipe()
	case x.sess.pipe.ready.Load():
		x.legacyMessage()
	case x.msg.Method == "ping":
		x.result([]byte("{}"))
	default:
		x.fail(&rpcError{code: codeInvalidRequest, message: "send initialize first"})
	}
}

// initializePipe greets the client. Its session exists since the stream does; now it learns the revision.
func (x *exchange) initializePipe() {
	hello, fail := x.hello()
	if fail != nil {
		x.fail(fail)
		return
	}
	s := x.sess
	if !s.greet(hello) {
		x.fail(&rpcError{code: codeInvalidRequest, message: "initialize was sent already"})
		return
	}
	result := x.initializeResult(s.version)
	s.pipe.ready.Store(true) // before the client, which may go on at once, hears of it
	x.result(result)
}

// greet sets what initialize says, once.
func (s *session) greet(h hello) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version != "" {
		return false
	}
	s.version, s.declared, s.clientInfo = protocol.Negotiate(h.ProtocolVersion), h.Capabilities, h.ClientInfo
	s.caps = protocol.ParseCapabilities(h.Capabilities)
	return true
}

// hello is the params of initialize.
type hello struct {
	ProtocolVersion string          `json:"protocolVersion"`
	Capabilities    json.RawMessage `json:"capabilities"`
	ClientInfo      json.RawMessage `json:"clientInfo"`
}

func (x *exchange) hello() (hello, *rpcError) {
	var h hello
	if err := json.Unmarshal(x.msg.Bytes(x.msg.Params), &h); err != nil || h.ProtocolVersion == "" {
		return h, &rpcError{code: wire.CodeInvalidParams, message: "initialize needs params.protocolVersion and params.capabilities"}
	}
	return h, nil
}
