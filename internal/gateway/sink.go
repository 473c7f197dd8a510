package gateway

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// sink receives what a Server sends in the course of one call. It is the one place where a Server's message
// meets a client other than as the answer, and it can only reach the client of that call.
type sink struct {
	*exchange
	watch *watch
	route *catalog.Route
	conn  *backend.Conn
	scope string // of the connection

	tasks   bool // a task may be named in the course of the call
	absorbs bool // the call is a task of which the client does not know; set before it is sent
	begun   bool // the Server has answered a part of the call

	required atomic.Pointer[[]byte] // capabilities without which a question was refused
}

var (
	errClientGone = errors.New("the client that caused this call is gone")
	errNobody     = errors.New("the client behind this call cannot be asked")
)

// Notify passes on progress and log messages of the call, before its answer.
func (s *sink) Notify(raw []byte) {
	s.watch.alive()
	v := s.exchange
	if s.parked != nil {
		if v = s.parked.visiting(); v == nil {
			return
		}
	}
	msg, err := wire.Parse(raw)
	if err != nil || !s.hears(msg) {
		return
	}
	if s.tasks || s.absorbs {
		if msg, err = s.inClientsNotice(msg); err != nil {
			return
		}
		raw = msg.Raw
	}
	if v != s.exchange {
		if raw = v.underToken(msg); raw == nil {
			return
		}
	}
	v.reply.send(outItem{raw: append([]byte(nil), raw...)})
}

// underToken is a notification of a call for the request that waits for it now: progress bears the token of
// that request.
func (x *exchange) underToken(m wire.Message) []byte {
	if m.Method != methodProgress {
		return m.Raw
	}
	var found [1]wire.Span
	if err := wire.Find(m.Raw, m.Params, progressToken, found[:]); err != nil || !found[0].OK() || !x.token.OK() {
		return nil
	}
	return wire.Splice(nil, m.Raw, []wire.Edit{{Span: found[0], Text: x.msg.Bytes(x.token)}})
}

// hears filters log messages by the level that the client asked for (MCP 2025-11-25 server/utilities/logging);
// in the stateless era a request without one hears none. A Server of that era was told in the request itself.
func (s *sink) hears(msg wire.Message) bool {
	if msg.Method != methodMessage || s.modern && s.conn.Modern() {
		return true
	}
	threshold, ok := protocol.LogLevel(s.level())
	if !ok {
		return !s.modern
	}
	var found [1]wire.Span
	if err := wire.Find(msg.Raw, msg.Params, []string{"level"}, found[:]); err != nil {
		return false
	}
	level, _ := wire.String(msg.Raw, found[0])
	n, ok := protocol.LogLevel(level)
	return ok && n >= threshold
}

// Ask puts a Server's request to the client whose call caused it and waits for the answer. It ends with the
// call, with the session, or when that client is gone. A question that the client's revision cannot express
// is an error at once.
func (s *sink) Ask(ctx context.Context, req wire.Message) (wire.Message, error) {
	params := req.Bytes(req.Params)
	if !s.caps.AllowsQuestion(req.Method, params) {
		return s.askDashboard(ctx, req)
	}
	s.watch.alive()
	s.watch.asking.Add(1)
	defer s.watch.asking.Add(-1)
	defer s.watch.alive()
	if s.tasks || s.absorbs {
		params = s.inClientsWords(params)
	}
	asked, err := protocol.QuestionFor(s.version(), req.Method, params, s.alias == "")
	if err != nil {
		return wire.Parse(wire.NewError(req.Bytes(req.ID), wire.CodeInternal, err.Error(), nil))
	}
	if s.parked != nil {
		result, err := s.parked.ask(ctx, req.Method, asked)
		if err != nil {
			return wire.Message{}, err
		}
		return s.answered(req, result)
	}
	if s.sess == nil {
		return wire.Message{}, errClientGone
	}
	s.g.owners.asked(s.route.Server.ID, s.sess, req.Method, asked)
	answer, err := s.sess.ask(ctx, req.Method, asked, s.reply.send, s.reply.gone())
	if err != nil || answer.Kind == wire.Error {
		return answer, err
	}
	return s.answered(req, answer.Bytes(answer.Result))
}

// lacks notes that a question was refused for what the client did not declare.
func (s *sink) lacks(method string, params []byte) {
	required := protocol.Required(method, params)
	s.required.Store(&required)
}

// missing is the error for a stateless client whose call failed for that (MCP 2026-07-28 basic §Capabilities).
func missing(required []byte) *rpcError {
	return &rpcError{
		code: wire.CodeMissingCapability, message: "the server cannot go on without something that this client did not declare",
		data: append(append([]byte(`{"requiredCapabilities":`), required...), '}'),
	}
}

// answered is a client's result in the words of the Server that asked.
func (s *sink) answered(req wire.Message, result []byte) (wire.Message, error) {
	result = protocol.AnswerFor(s.conn.About().ProtocolVersion, req.Method, result)
	if s.tasks || s.absorbs {
		if id := protocol.RelatedTask(req.Bytes(req.Params)); id != "" {
			result = protocol.WithRelatedTask(result, id)
		}
	}
	return wire.Parse(wire.NewResult(req.Bytes(req.ID), result))
}

// ask puts a question to the client of a session by send and waits for the answer, until gone is closed.
func (s *session) ask(ctx context.Context, method string, params []byte, send func(outItem) bool, gone <-chan struct{}) (wire.Message, error) {
	id, answer := s.newAsk()
	defer s.endAsk(id)
	if !send(outItem{must: true, raw: wire.NewRequest(id, method, params)}) {
		return wire.Message{}, errClientGone
	}
	select {
	case m := <-answer:
		return m, nil
	case <-ctx.Done():
		withdrawn := append(strconv.AppendInt([]byte(`{"requestId":`), id, 10), '}')
		send(outItem{must: true, raw: wire.NewNotification(methodCancelled, withdrawn)})
		return wire.Message{}, ctx.Err()
	case <-gone:
		return wire.Message{}, errClientGone
	case <-s.done:
		return wire.Message{}, errSessionClosed
	}
}

// askDashboard puts an elicitation of a client that cannot be asked to whoever sits at the dashboard.
func (s *sink) askDashboard(ctx context.Context, req wire.Message) (wire.Message, error) {
	params := req.Bytes(req.Params)
	if mode := stringMember(params, "mode"); s.g.cfg.Elicit == nil || req.Method != "elicitation/create" || mode != "" && mode != "form" {
		return wire.Parse(wire.NewError(req.Bytes(req.ID), wire.CodeMethodNotFound, errNobody.Error(), nil))
	}
	s.watch.asking.Add(1)
	defer s.watch.asking.Add(-1)
	defer s.watch.alive()
	result, ok := s.g.cfg.Elicit(ctx, mcpmux.Elicitation{
		Client: s.id.Client, Space: s.view.Space, Server: s.route.Server.Alias, Tool: s.targetName(),
		Message: stringMember(params, "message"), Schema: member(params, "requestedSchema"), AskedAt: time.Now().UTC(),
	})
	if !ok {
		return wire.Parse(wire.NewError(req.Bytes(req.ID), wire.CodeMethodNotFound, errNobody.Error(), nil))
	}
	return s.answered(req, result)
}
