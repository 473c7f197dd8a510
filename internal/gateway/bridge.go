package gateway

import (
	"slices"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// The bridge is what a request and its answer go through between a client and a Server that do not speak the
// same revision. What must change is said by protocol; here is only when. Between equals nothing is touched.

// outgoing is a client's request as its Server is to hear it.
type outgoing struct {
	msg   wire.Message
	edits []wire.Edit
	token wire.Span // the client's progress token in msg
}

// outgoing puts a request into the words of the Server's revision. edits are those of the route.
func (x *exchange) outgoing(c *backend.Conn, edits []wire.Edit) (outgoing, error) {
	from, to := x.version(), c.About().ProtocolVersion
	var more []wire.Edit
	switch {
	case c.Modern() && !x.modern:
		more = protocol.RequestToModern(&x.msg, x.envelope(to))
	case to < from:
		more = protocol.RequestFor(to, !x.modern && c.Has("tasks"), &x.msg)
	}
	if len(more) == 0 {
		return outgoing{msg: x.msg, edits: edits, token: x.token}, nil
	}
	return x.rewritten(append(more, edits...))
}

// rewritten is the request after a conversion, scanned again.
func (x *exchange) rewritten(edits []wire.Edit) (outgoing, error) {
	slices.SortStableFunc(edits, func(a, b wire.Edit) int { return a.Start - b.Start })
	y := exchange{method: x.method}
	if fail := y.read(wire.Splice(nil, x.msg.Raw, edits)); fail != nil {
		return outgoing{}, fail
	}
	return outgoing{msg: y.msg, token: y.token}, nil
}

// envelope is what a request of the stateless era says of the session that it comes from.
func (x *exchange) envelope(version string) protocol.Envelope {
	e := protocol.Envelope{Version: version, ClientInfo: x.g.info, LogLevel: x.level()}
	if x.sess == nil {
		return e
	}
	e.Capabilities = protocol.WithoutTasks(x.caps.ForRequest()) // an older client has no use for the extension
	if len(x.sess.clientInfo) > 0 {
		e.ClientInfo = x.sess.clientInfo
	}
	return e
}

// version is the revision that the client speaks.
func (x *exchange) version() string {
	switch {
	case x.modern:
		return protocol.Newest
	case x.sess != nil:
		return x.sess.version
	}
	return protocol.NewestLegacy
}

// incoming puts a Server's answer into the words of the client's revision.
func (x *exchange) incoming(c *backend.Conn, answer wire.Message) (wire.Message, error) {
	from, to := c.About().ProtocolVersion, x.version()
	if c.Modern() == x.modern && !protocol.NeedsDowngrade(from, to) {
		return answer, nil
	}
	var edits []wire.Edit
	switch {
	case answer.Kind == wire.Error && x.modern && errorCode(answer) == protocol.CodeURLRequired:
		return x.urlRequired(answer)
	case answer.Kind == wire.Error:
		edits = protocol.ErrorFor(to, x.msg.Method, x.targetName(), &answer)
	case x.modern && !c.Modern():
		edits = protocol.ModernizeResult(answer.Raw, answer.Result, x.msg.Method, protocol.Hints{}, x.serverInfo(c))
	default:
		edits = protocol.Downgrade(answer.Raw, answer.Result, x.msg.Method, to)
	}
	if len(edits) == 0 {
		return answer, nil
	}
	return wire.Parse(wire.Splice(nil, answer.Raw, edits))
}

// serverInfo is who answers, for results that say so: at the endpoint of one Server that Server, else the
// gateway.
func (x *exchange) serverInfo(c *backend.Conn) []byte {
	if info := c.About().ServerInfo; x.alias != "" && len(info) > 0 {
		return info
	}
	return x.g.info
}
