package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
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
		x.record(nil, begun, fail.code, "denied", fail.message)
		x.fail(fail)
		return
	}
	if k, answers, ok := x.afterLogin(); ok {
		x.awaitLogin(route, k, answers)
		return
	}
	if x.modern && x.method != nil && x.method.Interactive && !route.Server.About.Modern() {
		x.forwardParked(route, edits, begun)
		return
	}
	ctx, cancel, err := x.callContext()
	if err != nil {
		fail := backendFailure(route.Server.Alias, x.method, err)
		x.record(route, begun, fail.code, "denied", fail.message)
		x.fail(fail)
		return
	}
	answer, fail := x.complete(ctx, cancel, route, edits, begun)
	x.endCall(cancel) // before the client has the answer, and may use the id again
	x.conclude(answer, fail)
}

// complete makes the call, records it, and says what the client is to hear.
func (x *exchange) complete(ctx context.Context, cancel context.CancelCauseFunc, route *catalog.Route, edits []wire.Edit, begun time.Time) (wire.Message, *rpcError) {
	answer, err := x.callRenewing(ctx, cancel, route, edits)
	if err != nil {
		fail := backendFailure(route.Server.Alias, x.method, causeOf(ctx, err))
		x.record(route, begun, fail.code, outcomeOf(ctx), fail.message)
		return x.withLogin(ctx, route, err, fail)
	}
	code, outcome := 0, "ok"
	switch {
	case answer.Kind == wire.Error:
		code, outcome = errorCode(answer), "error"
		if code == protocol.CodeURLRequired {
			x.g.owners.required(route.Server.ID, x.sess, answer)
		}
	case route.Kind == mcpmux.KindTool && toolFailed(answer):
		outcome = "tool_error"
	}
	x.record(route, begun, code, outcome, "")
	x.g.emitted.note(x, route.Server.ID, answer)
	return answer, nil
}

// conclude answers with what became of the call: the Server's answer under the client's own id, every other
// byte as it came.
func (x *exchange) conclude(answer wire.Message, fail *rpcError) {
	if fail != nil {
		x.fail(fail)
		return
	}
	status := http.StatusOK
	if answer.Kind == wire.Error && x.modern {
		status = protocol.HTTPStatus(errorCode(answer), true)
	}
	x.reply.finish(status, answer.Raw[:answer.ID.Start], x.rawID(), answer.Raw[answer.ID.End:])
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
		if r, ok := x.resource(name); ok {
			return r, nil, nil
		}
		return nil, nil, unknownTarget(mcpmux.KindResource, name, x.modern)
	case "completion/complete":
		return x.routeCompletion()
	case "tasks/get", "tasks/result", "tasks/update", "tasks/cancel":
		return x.routeTask()
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
		if r, ok := x.resource(uri); ok {
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
	if x.early != nil {
		return x.early.ctx, x.early.cancel, nil
	}
	parent := x.reply.client
	if !x.modern {
		parent = context.WithoutCancel(parent)
	}
	ctx, cancel := context.WithCancelCause(parent)
	if x.modern && x.quota != nil {
		x.quota.begin(x, cancel)
		if !x.g.current.Load().admits(x.id) { // asked after that, so that no Apply comes between
			x.endCall(cancel)
			return nil, nil, errCredentialEnded
		}
	}
	if x.sess != nil {
		if err := x.sess.begin(x.rawID(), cancel); err != nil {
			cancel(err)
			return nil, nil, err
		}
	}
	return ctx, cancel, nil
}

// flight is what callContext gives.
type flight struct {
	ctx    context.Context //nolint:containedctx // between the message's coming and its turn
	cancel context.CancelCauseFunc
}

// takeOff puts a request in flight before its turn comes, so that the client can cancel it from now on.
func (x *exchange) takeOff() *rpcError {
	ctx, cancel, err := x.callContext()
	if err != nil {
		return backendFailure(x.alias, x.method, err)
	}
	x.early = &flight{ctx, cancel}
	return nil
}

// land ends what takeOff began, where no call has.
func (x *exchange) land() {
	if x.early != nil {
		x.endCall(x.early.cancel)
	}
}

// endCall takes callContext back.
func (x *exchange) endCall(cancel context.CancelCauseFunc) {
	x.early = nil
	if x.modern && x.quota != nil {
		x.quota.end(x)
	}
	if x.sess != nil {
		x.sess.end(x.rawID())
	}
	cancel(nil)
}

// callRenewing makes a call, and makes it again, once, when its credentials were refused and there are others now:
// what was refused was not carried out, so it is not sent twice in the sense of rule 4 (docs/decisions/0014).
func (x *exchange) callRenewing(ctx context.Context, cancel context.CancelCauseFunc, route *catalog.Route, edits []wire.Edit) (wire.Message, error) {
	answer, begun, err := x.call(ctx, cancel, route, edits)
	refused, ok := errors.AsType[*backend.LoginRequiredError](err)
	if !ok || begun || x.g.cfg.Renew == nil {
		return answer, err
	}
	if err := x.g.cfg.Renew(ctx, route.Server.ID, refused); err != nil {
		return answer, err
	}
	answer, _, err = x.call(ctx, cancel, route, edits)
	return answer, err
}

// call takes a connection to the Server from the pool, sends the request on it, once, and returns the answer in
// the words of the client's revision. begun says that the Server has answered some of it, and so done something.
func (x *exchange) call(ctx context.Context, cancel context.CancelCauseFunc, route *catalog.Route, edits []wire.Edit) (_ wire.Message, begun bool, _ error) {
	lease, exclusive, err := x.acquire(ctx, route.Server)
	if err != nil {
		return wire.Message{}, false, err
	}
	defer lease.Release()
	out, err := x.outgoing(lease.Conn, edits)
	if err != nil {
		return wire.Message{}, false, err
	}
	if !lease.Conn.Modern() {
		x.wantLevel(ctx, route, lease.Conn)
	}
	watch := x.watch(route.Server, cancel)
	defer watch.stop()
	s := &sink{exchange: x, watch: watch, route: route, conn: lease.Conn, scope: lease.Key().Scope, tasks: x.usesTasks()}
	call := backend.Call{
		Message: out.msg, Edits: out.edits, Token: out.token, Name: x.finalName(route), Caps: x.caps,
		Sink: s, Exclusive: exclusive, Elicits: x.g.cfg.Elicit != nil,
	}
	if lease.Conn.Modern() {
		call.Header = x.paramHeaders(route)
	} else if x.modern {
		call.Lacking = s.lacks
	}
	answer, err := s.send(ctx, &call)
	if err != nil {
		if watch.expired() {
			err = watch.late
		}
		return answer, s.begun, err
	}
	if required := s.required.Load(); required != nil && answer.Kind == wire.Error {
		return answer, true, missing(*required)
	}
	answer, err = x.incoming(lease.Conn, answer)
	if err == nil && s.tasks {
		answer, err = s.showTasks(answer)
	}
	return answer, true, err
}

// send makes the call, as one or, where the Server wants it otherwise, as several.
func (s *sink) send(ctx context.Context, call *backend.Call) (wire.Message, error) {
	if s.mustAbsorb() {
		return s.absorb(ctx, call)
	}
	answer, err := s.ask(ctx, call)
	if err == nil && answer.Kind == wire.Error && s.conn.Modern() && s.route.Kind == mcpmux.KindTool && errorCode(answer) == wire.CodeHeaderMismatch {
		answer, err = s.withFreshHeaders(ctx, s.conn, s.route, call, answer)
	}
	if err == nil && s.conn.Modern() && !s.modern {
		return s.loop(ctx, call, answer)
	}
	return answer, err
}

// ask makes one request of the call.
func (s *sink) ask(ctx context.Context, call *backend.Call) (wire.Message, error) {
	answer, err := s.conn.Call(ctx, call)
	s.begun = s.begun || err == nil
	return answer, err
}

// wantLevel makes the Server send the log messages that the client wants to hear. A Server of the stateless
// era is told in each request.
func (x *exchange) wantLevel(ctx context.Context, route *catalog.Route, c *backend.Conn) {
	level := x.level()
	if level == "" {
		return
	}
	if err := c.WantLevel(ctx, level); err != nil {
		x.g.cfg.Log.Debug("log level was not accepted", "server", route.Server.Alias, "err", err)
	}
}

// finalName is what the Server calls the target: its own name of a tool, a prompt or a task, and the URI as the
// client gave it, which may be one that a template matches.
func (x *exchange) finalName(route *catalog.Route) string {
	if route.Kind == mcpmux.KindTool || route.Kind == mcpmux.KindPrompt || x.method != nil && x.method.Task {
		return route.Name
	}
	return x.targetName()
}

// level is the log level that the client asked for: its session did, or, in the stateless era, the request.
func (x *exchange) level() string {
	if x.sess != nil {
		return x.sess.logLevel()
	}
	if !x.modern || !x.meta.OK() {
		return ""
	}
	var found [1]wire.Span
	if err := wire.Find(x.msg.Raw, x.meta, []string{protocol.MetaLogLevel}, found[:]); err != nil {
		return ""
	}
	level, _ := wire.String(x.msg.Raw, found[0])
	return level
}

// paramHeaders derives the Mcp-Param headers of a tool call from the tool's schema (MCP 2026-07-28
// basic/transports §Custom Headers).
func (x *exchange) paramHeaders(route *catalog.Route) [][2]string {
	if route.Kind != mcpmux.KindTool || len(route.ParamHeaders) == 0 {
		return nil
	}
	return x.headersFor(route.ParamHeaders)
}

func (x *exchange) headersFor(params []protocol.ParamHeader) [][2]string {
	args := x.arguments()
	headers := make([][2]string, 0, len(params))
	for _, h := range params {
		if v, ok := h.Value(args); ok {
			headers = append(headers, [2]string{h.Header, v})
		}
	}
	return headers
}

// withFreshHeaders sends a call again, once, that the Server refused for headers that are not those of its
// tool's schema: what we know of that is old. The call was not carried out, so it is not sent twice in the
// sense of rule 4 (docs/decisions/0011).
func (x *exchange) withFreshHeaders(ctx context.Context, c *backend.Conn, route *catalog.Route, call *backend.Call, refused wire.Message) (wire.Message, error) {
	tools, err := c.List(ctx, mcpmux.KindTool)
	if err != nil {
		return refused, nil //nolint:nilerr // the refusal is the answer
	}
	for _, tool := range tools {
		if stringMember(tool, "name") != route.Name {
			continue
		}
		params, err := protocol.ToolHeaders(tool)
		if err != nil || slices.EqualFunc(params, route.ParamHeaders, protocol.ParamHeader.Equal) {
			return refused, nil //nolint:nilerr // the refusal is the answer
		}
		call.Header = x.headersFor(params)
		return c.Call(ctx, call)
	}
	return refused, nil
}

// arguments is params.arguments, nil where there is none.
func (x *exchange) arguments() []byte {
	var found [1]wire.Span
	if err := wire.Find(x.msg.Raw, x.msg.Params, []string{"arguments"}, found[:]); err != nil || !found[0].OK() {
		return nil
	}
	return x.msg.Bytes(found[0])
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

// isError is how a tool says that it failed (MCP 2025-11-25 server/tools §Error Handling). Most results do not have the
// word, and nothing more is read of them.
//
//nolint:gochecknoglobals // constant
var isError = []byte(`"isError"`)

func toolFailed(answer wire.Message) bool {
	result := answer.Bytes(answer.Result)
	return bytes.Contains(result, isError) && string(member(result, "isError")) == "true"
}

// maxDetail bounds what the record tells of a failure, in bytes.
const maxDetail = 300

// record notes the request. Only requests that reach, or were refused on the way to, a Server are recorded. What a
// Server says of a failure is its own and the client's; detail is in words of ours.
func (x *exchange) record(route *catalog.Route, begun time.Time, code int, outcome, detail string) {
	if len(detail) > maxDetail {
		detail = strings.ToValidUTF8(detail[:maxDetail], "") + "…"
	}
	a := mcpmux.Activity{
		At: begun, Client: x.id.Client, Space: x.view.Space, Method: x.msg.Method, Name: x.targetName(),
		Outcome: outcome, Code: code, Duration: mcpmux.Duration(time.Since(begun)), Detail: detail,
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
