package gateway

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// serveLegacy handles a message of a client that speaks a revision with initialize, up to 2025-11-25.
func (x *exchange) serveLegacy(r *http.Request) {
	if v := r.Header.Get(headerVersion); v != "" && !protocol.Known(v) {
		// MCP 2025-11-25 basic/transports §Protocol Version Header. The version need not be the negotiated
		// one: clients in the field send an older one they know.
		x.fail(&rpcError{
			status: http.StatusBadRequest, code: codeInvalidRequest,
			message: "MCP-Protocol-Version " + strconv.Quote(v) + " is not supported; supported: " + strings.Join(protocol.Supported(), ", "),
		})
		return
	}
	if x.msg.Kind == wire.Request && x.msg.Method == "initialize" {
		x.initialize()
		return
	}
	if fail := x.findSession(r); fail != nil {
		x.fail(fail)
		return
	}
	x.reply.resumable(x.sess)
	x.legacyMessage()
}

// legacyMessage handles a message of an open session.
func (x *exchange) legacyMessage() {
	switch x.msg.Kind {
	case wire.Response, wire.Error:
		x.sess.answer(x.msg)
		x.accepted()
	case wire.Notification:
		x.legacyNotification()
	case wire.Request:
		x.legacyRequest()
	}
}

// findSession reads Mcp-Session-Id: 400 without one, 404 for one that is unknown, ended, another Client's or
// another endpoint's (MCP 2025-11-25 basic/transports §Session Management).
func (x *exchange) findSession(r *http.Request) *rpcError {
	id := r.Header.Get(headerSession)
	if id == "" {
		return &rpcError{
			status: http.StatusBadRequest, code: codeInvalidRequest,
			message: "Mcp-Session-Id is missing: send initialize first and repeat the id that its answer carries",
		}
	}
	x.sess = x.g.session(r.Context(), id, x.id, x.alias)
	if x.sess == nil {
		return &rpcError{
			status: http.StatusNotFound, code: codeInvalidRequest,
			message: "no such session; send initialize to begin a new one",
		}
	}
	return nil
}

// initialize opens a session. The gateway answers for all Servers behind it.
func (x *exchange) initialize() {
	hello, fail := x.hello()
	if fail != nil {
		x.fail(fail)
		return
	}
	s := newSession(x.id, x.alias, protocol.Negotiate(hello.ProtocolVersion), hello.Capabilities)
	s.clientInfo = hello.ClientInfo
	if fail := x.g.admit(s); fail != nil {
		x.fail(fail)
		return
	}
	x.g.keeper.kept(s)
	x.reply.w.Header().Set(headerSession, s.id)
	x.result(x.initializeResult(s.version))
}

// initializeResult describes the aggregate, or at an alias endpoint the one Server behind it.
func (x *exchange) initializeResult(version string) []byte {
	d := x.describe(version)
	out := append([]byte(`{"protocolVersion":`), wire.Quote(version)...)
	out = append(append(out, `,"capabilities":`...), d.capabilities...)
	out = append(append(out, `,"serverInfo":`...), d.info...)
	if d.instructions != "" {
		out = append(append(out, `,"instructions":`...), wire.Quote(d.instructions)...)
	}
	return append(out, '}')
}

// description is what the endpoint says of itself.
type description struct {
	capabilities []byte
	info         []byte
	instructions string
}

// describe says it to a client of this revision.
func (x *exchange) describe(version string) description {
	servers := x.view.Servers()
	d := description{capabilities: aggregate(servers, version), info: x.g.info}
	if x.alias != "" && len(servers) == 1 && servers[0].About != nil {
		about := servers[0].About
		d.instructions = about.Instructions
		if len(about.Capabilities) > 0 {
			d.capabilities = relayable(about, version)
		}
		if len(about.ServerInfo) > 0 {
			d.info = about.ServerInfo
		}
		return d
	}
	d.instructions = instructions(x.view.Refusal, servers)
	return d
}

// instructions joins what the visible Servers say, each under its alias.
func instructions(refusal string, servers []*mcpmux.Server) string {
	if refusal != "" {
		return refusal
	}
	var b strings.Builder
	for _, s := range servers {
		if s.About == nil || s.About.Instructions == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n\n")
		}
		b.WriteString("## " + s.Alias + "\n\n" + s.About.Instructions)
	}
	return b.String()
}

func (x *exchange) legacyNotification() {
	switch x.msg.Method {
	case methodRootsChanged:
		x.g.rootsChanged(x.sess, x.msg.Raw)
	case methodCancelled:
		var found [1]wire.Span
		if err := wire.Find(x.msg.Raw, x.msg.Params, requestID, found[:]); err == nil && found[0].OK() {
			x.sess.cancel(x.msg.Bytes(found[0]))
		}
	}
	// notifications/initialized needs nothing. Unknown notifications are ignored, as JSON-RPC asks.
	x.accepted()
}

//nolint:gochecknoglobals // constant table
var requestID = []string{"requestId"}

func (x *exchange) legacyRequest() {
	x.caps = x.sess.caps
	switch {
	case x.msg.Method == "ping":
		x.result([]byte("{}"))
	case x.msg.Method == "logging/setLevel":
		x.setLevel()
	case x.method != nil && x.method.Legacy && x.method.List:
		x.list()
	case x.msg.Method == "resources/subscribe", x.msg.Method == "resources/unsubscribe":
		x.subscribe(x.msg.Method == "resources/subscribe")
	default:
		x.forward()
	}
}

func (x *exchange) setLevel() {
	var found [1]wire.Span
	if x.msg.Params.OK() {
		if err := wire.Find(x.msg.Raw, x.msg.Params, []string{"level"}, found[:]); err != nil {
			x.fail(syntaxError(err))
			return
		}
	}
	level, _ := wire.String(x.msg.Raw, found[0])
	if _, ok := protocol.LogLevel(level); !ok {
		x.fail(&rpcError{code: wire.CodeInvalidParams, message: "params.level must be one of debug, info, notice, warning, error, critical, alert, emergency"})
		return
	}
	x.sess.setLevel(level)
	x.g.keeper.kept(x.sess)
	x.result([]byte("{}"))
}

// subscribe handles resources/subscribe and resources/unsubscribe.
func (x *exchange) subscribe(on bool) {
	uri := x.targetName()
	route, ok := x.resource(uri)
	if !ok {
		x.fail(unknownTarget(mcpmux.KindResource, uri, x.modern))
		return
	}
	if !on {
		x.sess.wants(uri, false)
		x.g.keeper.kept(x.sess)
		x.g.hub.leave(x.sess, x.resourceKey(route.Server, uri))
		x.result([]byte("{}"))
		return
	}
	if err := x.g.hub.join(x.reply.client, x.sess, x.resourceKey(route.Server, uri)); err != nil {
		x.fail(backendFailure(route.Server.Alias, x.method, err))
		return
	}
	x.sess.wants(uri, true)
	x.g.keeper.kept(x.sess)
	x.result([]byte("{}"))
}

// serveGet opens the stream of a session for what no request of the client caused.
func (g *Gateway) serveGet(w http.ResponseWriter, r *http.Request, id Identity, alias string) {
	if protocol.Modern(r.Header.Get(headerVersion)) {
		w.Header().Set("Allow", "POST")
		writeError(w, nil, &rpcError{status: http.StatusMethodNotAllowed, code: codeInvalidRequest, message: "this revision has no GET; use subscriptions/listen"})
		return
	}
	if !acceptsEvents(r) {
		writeError(w, nil, &rpcError{status: http.StatusNotAcceptable, code: codeInvalidRequest, message: "Accept must include text/event-stream"})
		return
	}
	if asksForPipe(r) {
		g.servePipe(w, r, id, alias)
		return
	}
	x := &exchange{g: g, id: id, alias: alias}
	if fail := x.findSession(r); fail != nil {
		writeError(w, nil, fail)
		return
	}
	s := x.sess
	if last := r.Header.Get(headerLastEvent); last != "" && s.resumable() {
		g.resumeGet(w, r, s, last)
		return
	}
	to := s.stream.join()
	if to == nil {
		writeError(w, nil, &rpcError{status: http.StatusConflict, code: codeInvalidRequest, message: "this session has an open stream already"})
		return
	}
	es := startEvents(w)
	s.stream.prime(es, to.at)
	g.pumpSession(es, r, s, to)
}

// resumeGet goes on with a stream from where the client was cut off (MCP 2025-11-25 basic/transports
// §Resumability and Redelivery).
func (g *Gateway) resumeGet(w http.ResponseWriter, r *http.Request, s *session, last string) {
	t, to, fail := s.resume(last)
	if fail != nil {
		writeError(w, nil, fail)
		return
	}
	es := startEvents(w)
	if t == s.stream {
		g.pumpSession(es, r, s, to)
		return
	}
	es.flush()
	t.pump(es, to, r.Context().Done(), func() bool { return g.current.Load().admits(s.identity) })
}

// pumpSession writes to a session's GET stream until the client leaves, the session ends or its credential
// is no longer good.
func (g *Gateway) pumpSession(es *eventStream, r *http.Request, s *session, to *reader) {
	defer s.stream.detach(to)
	es.flush()
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	drain := g.drain.Load().done
	for es.err == nil {
		select {
		case <-drain:
			return
		case <-s.out.wake:
			for _, it := range s.out.take() {
				s.stream.add(it.raw, it.must)
			}
		case <-to.wake:
			s.stream.write(es, to)
		case <-tick.C:
			s.touch()
			if !g.current.Load().admits(s.identity) {
				return
			}
			es.comment()
		case <-to.taken:
			return
		case <-r.Context().Done():
			return
		case <-s.done:
			return
		}
	}
}

// serveDelete ends a session at the client's wish.
func (g *Gateway) serveDelete(w http.ResponseWriter, r *http.Request, id Identity, alias string) {
	if protocol.Modern(r.Header.Get(headerVersion)) {
		w.Header().Set("Allow", "POST")
		writeError(w, nil, &rpcError{status: http.StatusMethodNotAllowed, code: codeInvalidRequest, message: "this revision has no sessions to delete"})
		return
	}
	x := &exchange{g: g, id: id, alias: alias}
	if fail := x.findSession(r); fail != nil {
		writeError(w, nil, fail)
		return
	}
	g.endSession(x.sess)
	w.WriteHeader(http.StatusNoContent)
}

// endSession ends a session for good.
func (g *Gateway) endSession(s *session) {
	g.keeper.forget(s) // before it is out of sight, so that nobody wakes it
	g.dropSession(s)
}

// dropSession ends what there is of a session in memory. Where sessions are kept its client can come back to it.
func (g *Gateway) dropSession(s *session) {
	g.sessions.remove(s)
	g.cfg.Came()
	g.hub.forget(s)
	s.close()
	g.disown(s)
}
