package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// errCallTimeout ends a call that was silent for longer than pool.call_timeout.
var errCallTimeout = errors.New("the server did not answer in time")

// errOwnCallTimeout ends one that was silent for longer than the Server's own call timeout.
var errOwnCallTimeout = fmt.Errorf("%w of its own", errCallTimeout)

// forward carries one request to the Server it belongs to: filter, route, return.
func (x *exchange) forward() {
	begun := time.Now()
	route, edits, fail := x.route()
	if fail != nil {
		x.record(nil, begun, fail.code, "denied")
		x.fail(fail)
		return
	}
	ctx, cancel, err := x.callContext()
	if err != nil {
		x.fail(backendFailure(route.Server.Alias, x.method, err))
		return
	}
	defer x.endCall(cancel)
	answer, err := x.call(ctx, cancel, route, edits)
	if err != nil {
		fail := backendFailure(route.Server.Alias, x.method, causeOf(ctx, err))
		x.record(route, begun, fail.code, outcomeOf(ctx))
		x.fail(fail)
		return
	}
	x.deliver(route, begun, answer)
}

// route looks the target up in the View. What is not in it does not exist (rule 2). The edits put the
// Server's own name in place of the qualified one.
func (x *exchange) route() (*catalog.Route, []wire.Edit, *rpcError) {
	if x.view.Refusal != "" {
		return nil, nil, &rpcError{code: wire.CodeInvalidParams, message: x.view.Refusal}
	}
	if x.method == nil || !x.hasMethod() {
		return x.routeUnknownMethod()
	}
	name := x.targetName()
	switch x.method.Name {
	case "tools/call":
		return x.routeNamed(mcpmux.KindTool, name, x.view.Tool)
	case "prompts/get":
		return x.routeNamed(mcpmux.KindPrompt, name, x.view.Prompt)
	case "resources/read":
		if r, ok := x.view.Resource(name); ok {
			return r, nil, nil
		}
		return nil, nil, unknownTarget(mcpmux.KindResource, name, x.modern)
	case "completion/complete":
		return x.routeCompletion()
	}
	return x.routeUnknownMethod()
}

// hasMethod says whether the client's era has the method.
func (x *exchange) hasMethod() bool {
	if x.modern {
		return x.method.Modern
	}
	return x.method.Legacy
}

func (x *exchange) routeNamed(kind mcpmux.FeatureKind, name string, find func(string) (*catalog.Route, bool)) (*catalog.Route, []wire.Edit, *rpcError) {
	if !x.target.OK() {
		return nil, nil, &rpcError{code: wire.CodeInvalidParams, message: x.method.Name + " needs params.name"}
	}
	r, ok := find(name)
	if !ok {
		return nil, nil, unknownTarget(kind, name, x.modern)
	}
	if r.Name == name {
		return r, nil, nil
	}
	return r, []wire.Edit{{Span: x.target, Text: r.NameJSON}}, nil
}

// routeCompletion finds the prompt or the resource template that params.ref names.
func (x *exchange) routeCompletion() (*catalog.Route, []wire.Edit, *rpcError) {
	var found [3]wire.Span
	if !x.target.OK() || x.msg.Raw[x.target.Start] != '{' {
		return nil, nil, &rpcError{code: wire.CodeInvalidParams, message: "completion/complete needs params.ref"}
	}
	if err := wire.Find(x.msg.Raw, x.target, []string{"type", "name", "uri"}, found[:]); err != nil {
		return nil, nil, syntaxError(err)
	}
	kind, _ := wire.String(x.msg.Raw, found[0])
	switch kind {
	case "ref/prompt":
		x.target = found[1]
		return x.routeNamed(mcpmux.KindPrompt, x.targetName(), x.view.Prompt)
	case "ref/resource":
		uri, _ := wire.String(x.msg.Raw, found[2])
		if r, ok := x.view.Template(uri); ok {
			return r, nil, nil
		}
		if r, ok := x.view.Resource(uri); ok {
			return r, nil, nil
		}
		return nil, nil, unknownTarget(mcpmux.KindTemplate, uri, x.modern)
	}
	return nil, nil, &rpcError{code: wire.CodeInvalidParams, message: `params.ref.type must be "ref/prompt" or "ref/resource"`}
}

// routeUnknownMethod forwards what the gateway does not know where only one Server can be meant, at its alias
// endpoint, for a Client that was granted the Server as a whole: nobody can say which Feature such a method
// touches. Methods of the other era are unknown everywhere.
func (x *exchange) routeUnknownMethod() (*catalog.Route, []wire.Edit, *rpcError) {
	if servers := x.view.Servers(); x.alias != "" && x.method == nil && x.view.Whole(x.alias) && len(servers) == 1 {
		return &catalog.Route{Space: x.view.Space, Server: servers[0]}, nil, nil
	}
	return nil, nil, &rpcError{code: wire.CodeMethodNotFound, message: "method " + x.msg.Method + " is not known here"}
}

// callContext is how long a call may live. A legacy client's call outlives its HTTP request, since up to
// 2025-11-25 a disconnect is not a cancel; from 2026-07-28 it is (basic/transports §Cancellation).
func (x *exchange) callContext() (context.Context, context.CancelCauseFunc, error) {
	parent := x.reply.client
	if !x.modern {
		parent = context.WithoutCancel(parent)
	}
	ctx, cancel := context.WithCancelCause(parent)
	if x.sess != nil {
		if err := x.sess.begin(x.rawID(), cancel); err != nil {
			cancel(err)
			return nil, nil, err
		}
	}
	return ctx, cancel, nil
}

// endCall takes callContext back.
func (x *exchange) endCall(cancel context.CancelCauseFunc) {
	if x.sess != nil {
		x.sess.end(x.rawID())
	}
	cancel(nil)
}

// call takes the Server's connection from the pool and sends the request on it, once.
func (x *exchange) call(ctx context.Context, cancel context.CancelCauseFunc, route *catalog.Route, edits []wire.Edit) (wire.Message, error) {
	scope, exclusive := x.scope(route.Server)
	lease, err := x.g.cfg.Pool.Acquire(ctx, route.Server.ID, scope, exclusive)
	if err != nil {
		return wire.Message{}, err
	}
	defer lease.Release()
	if err := x.bridgeable(lease.Conn); err != nil {
		return wire.Message{}, err
	}
	if level := x.level(); level != "" {
		if err := lease.Conn.WantLevel(ctx, level); err != nil {
			x.g.cfg.Log.Debug("log level was not accepted", "server", route.Server.Alias, "err", err)
		}
	}
	watch := x.watch(route.Server, cancel)
	defer watch.stop()
	call := backend.Call{
		Message: x.msg, Edits: edits, Token: x.token, Name: x.finalName(route), Caps: x.caps,
		Sink: &sink{exchange: x, watch: watch}, Exclusive: exclusive,
	}
	if lease.Conn.Modern() {
		call.Header = x.paramHeaders(route)
	}
	answer, err := lease.Conn.Call(ctx, &call)
	if err != nil && watch.expired() {
		err = watch.late
	}
	return answer, err
}

// finalName is what the Server calls the target: its own name of a tool or prompt, and the URI as the client
// gave it, which may be one that a template matches.
func (x *exchange) finalName(route *catalog.Route) string {
	if route.Kind == mcpmux.KindTool || route.Kind == mcpmux.KindPrompt {
		return route.Name
	}
	return x.targetName()
}

// scope says which connection of the Server a request may share. Requests run on the base connection of all
// clients until the Server is seen to ask back; from then on a client that can be asked gets a connection
// that declares just what it can be asked, and on stdio, where nothing else tells whose call a question
// belongs to, sole use of it for the time of the call. A client of the older era reaches a Server that speaks
// both on a connection of its own era.
func (x *exchange) scope(s *mcpmux.Server) (scope string, exclusive bool) {
	legacy := s.About.Modern() && !x.modern
	if s.About == nil || !s.About.Interactive || x.modern || x.method == nil || !x.method.Interactive {
		return backend.Scope{Legacy: legacy}.String(), false
	}
	profile := x.caps.Profile()
	return backend.Scope{Legacy: legacy, Profile: profile}.String(), profile != "" && s.Definition.Transport == mcpmux.TransportStdio
}

// bridgeable refuses a call between the eras. Converting between them is the job of protocol, and its place
// is here: the request's edits before the call, the answer's in deliver.
func (x *exchange) bridgeable(c *backend.Conn) error {
	if c.Modern() == x.modern {
		return nil
	}
	return &rpcError{code: wire.CodeInternal, message: "the server speaks MCP " + c.About().ProtocolVersion +
		", which cannot be bridged to this client's revision yet; use a client of the same era"}
}

// level is the log level that the session asked for.
func (x *exchange) level() string {
	if x.sess == nil {
		return ""
	}
	return x.sess.logLevel()
}

// paramHeaders derives the Mcp-Param headers of a tool call from the tool's schema (MCP 2026-07-28
// basic/transports §Custom Headers).
func (x *exchange) paramHeaders(route *catalog.Route) [][2]string {
	if route.Kind != mcpmux.KindTool || len(route.ParamHeaders) == 0 {
		return nil
	}
	args := x.arguments()
	headers := make([][2]string, 0, len(route.ParamHeaders))
	for _, h := range route.ParamHeaders {
		if v, ok := h.Value(args); ok {
			headers = append(headers, [2]string{h.Header, v})
		}
	}
	return headers
}

// arguments is params.arguments, nil where there is none.
func (x *exchange) arguments() []byte {
	var found [1]wire.Span
	if err := wire.Find(x.msg.Raw, x.msg.Params, []string{"arguments"}, found[:]); err != nil || !found[0].OK() {
		return nil
	}
	return x.msg.Bytes(found[0])
}

// deliver returns the Server's answer under the client's own id; every other byte stays as it came.
func (x *exchange) deliver(route *catalog.Route, begun time.Time, answer wire.Message) {
	status := http.StatusOK
	code, outcome := 0, "ok"
	if answer.Kind == wire.Error {
		code, outcome = errorCode(answer), "error"
		if x.modern {
			status = protocol.HTTPStatus(code, true)
		}
	}
	x.record(route, begun, code, outcome)
	x.reply.finish(status, answer.Raw[:answer.ID.Start], x.rawID(), answer.Raw[answer.ID.End:])
}

// errorCode is the code of an error response, 0 where it is not an integer.
func errorCode(m wire.Message) int {
	var found [1]wire.Span
	if err := wire.Find(m.Raw, m.Error, []string{"code"}, found[:]); err != nil || !found[0].OK() {
		return 0
	}
	return atoi(m.Bytes(found[0]))
}

func atoi(b []byte) int {
	n, sign := 0, 1
	for i, c := range b {
		switch {
		case i == 0 && c == '-':
			sign = -1
		case c >= '0' && c <= '9' && n < 1<<40:
			n = n*10 + int(c-'0')
		default:
			return 0
		}
	}
	return sign * n
}

// record notes the request. Only requests that reach, or were refused on the way to, a Server are recorded.
func (x *exchange) record(route *catalog.Route, begun time.Time, code int, outcome string) {
	a := mcpmux.Activity{
		At: begun, Client: x.id.Client, Space: x.view.Space, Method: x.msg.Method, Name: x.targetName(),
		Outcome: outcome, Code: code, Duration: mcpmux.Duration(time.Since(begun)),
	}
	if route != nil {
		a.Server = route.Server.Alias
	}
	x.g.cfg.Record(a)
}

func outcomeOf(ctx context.Context) string {
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errCallTimeout) {
		return "cancelled"
	}
	return "error"
}

// causeOf prefers the reason for which a call's context ended over the bare fact.
func causeOf(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errClientCancelled) {
			return cause
		}
	}
	return err
}
