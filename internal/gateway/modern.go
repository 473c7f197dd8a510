package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// serveModern handles a message of a client that speaks 2026-07-28 or later: no handshake, no session,
// everything that matters is in the request.
func (x *exchange) serveModern(r *http.Request) {
	if x.msg.Kind == wire.Response || x.msg.Kind == wire.Error {
		x.fail(&rpcError{status: http.StatusBadRequest, code: codeInvalidRequest, message: "servers ask nothing in this revision, so there is nothing to respond to"})
		return
	}
	if fail := x.checkEnvelope(r); fail != nil {
		x.fail(fail)
		return
	}
	if x.msg.Kind == wire.Notification {
		x.accepted()
		return
	}
	switch {
	case x.msg.Method == "server/discover":
		x.discover()
	case x.msg.Method == "subscriptions/listen":
		x.listen(r)
	case x.method != nil && x.method.Modern && x.method.List:
		x.list()
	default:
		x.forward()
	}
}

// checkEnvelope holds headers and body against each other: whoever parses the body must (MCP 2026-07-28
// basic/transports §Standard Request Headers). The order of the checks is the one in which a client can mend
// them.
func (x *exchange) checkEnvelope(r *http.Request) *rpcError {
	header, fail := oneHeader(r, headerVersion)
	if fail != nil {
		return fail
	}
	if x.msg.Kind == wire.Request {
		if fail := x.checkMirrored(r); fail != nil {
			return fail
		}
		if fail := x.checkMeta(header); fail != nil {
			return fail
		}
	}
	if !protocol.Modern(header) || !protocol.Known(header) {
		return unsupportedVersion(header)
	}
	if x.msg.Kind == wire.Notification {
		return nil
	}
	if x.method == nil && x.alias == "" || x.method != nil && !x.method.Modern {
		return &rpcError{code: wire.CodeMethodNotFound, message: "method " + x.msg.Method + " is not known here"}
	}
	return x.checkParamHeaders(r)
}

// oneHeader reads a header that must be there exactly once.
func oneHeader(r *http.Request, name string) (string, *rpcError) {
	values := r.Header[name]
	if len(values) != 1 {
		return "", mismatch("header " + name + " must be sent exactly once, it was sent " + strconv.Itoa(len(values)) + " times")
	}
	return strings.Trim(values[0], " \t"), nil
}

func mismatch(message string) *rpcError {
	return &rpcError{code: wire.CodeHeaderMismatch, message: "HeaderMismatch: " + message}
}

// checkMirrored compares Mcp-Method and Mcp-Name with the body.
func (x *exchange) checkMirrored(r *http.Request) *rpcError {
	method, fail := oneHeader(r, headerMethod)
	if fail != nil {
		return fail
	}
	if method != x.msg.Method {
		return mismatch("Mcp-Method " + strconv.Quote(method) + " is not the method of the body")
	}
	if x.method == nil || !x.method.Modern || !mirrorsName(x.method) {
		return nil
	}
	encoded, fail := oneHeader(r, headerName)
	if fail != nil {
		return fail
	}
	name, err := protocol.DecodeHeader(encoded)
	if err != nil {
		return mismatch("Mcp-Name: " + err.Error())
	}
	if name != x.targetName() {
		return mismatch("Mcp-Name " + strconv.Quote(name) + " is not params." + x.method.Target + " of the body")
	}
	return nil
}

// mirrorsName says whether a method repeats its target in Mcp-Name.
func mirrorsName(m *protocol.Method) bool {
	return m.Target == "name" || m.Target == "uri" || m.Target == "taskId"
}

// checkMeta wants the required members of params._meta, the version there being that of the header.
func (x *exchange) checkMeta(header string) *rpcError {
	var found [2]wire.Span
	if !x.meta.OK() || x.msg.Raw[x.meta.Start] != '{' {
		return envelopeError("params._meta is missing")
	}
	names := []string{protocol.MetaVersion, protocol.MetaCapabilities}
	if err := wire.Find(x.msg.Raw, x.meta, names, found[:]); err != nil {
		return syntaxError(err)
	}
	version, ok := wire.String(x.msg.Raw, found[0])
	if !found[0].OK() || !ok {
		return envelopeError("params._meta needs " + strconv.Quote(protocol.MetaVersion) + ", a string")
	}
	if !found[1].OK() || x.msg.Raw[found[1].Start] != '{' {
		return envelopeError("params._meta needs " + strconv.Quote(protocol.MetaCapabilities) + ", an object")
	}
	if version != header {
		return mismatch("MCP-Protocol-Version " + strconv.Quote(header) + " is not the version in params._meta")
	}
	x.caps = protocol.ParseCapabilities(x.msg.Bytes(found[1]))
	return nil
}

// envelopeError is an invalid-params error of the envelope: unlike one of the application it is HTTP 400.
func envelopeError(message string) *rpcError {
	return &rpcError{status: http.StatusBadRequest, code: wire.CodeInvalidParams, message: message}
}

func unsupportedVersion(asked string) *rpcError {
	data, _ := json.Marshal(map[string]any{"supported": protocol.Supported(), "requested": asked})
	return &rpcError{code: wire.CodeUnsupportedVersion, message: "protocol version " + strconv.Quote(asked) + " is not supported", data: data}
}

// checkParamHeaders compares the Mcp-Param headers of a tool call with its arguments, by the schema that the
// client was given. A tool that the client does not see is not checked: it is answered as unknown.
func (x *exchange) checkParamHeaders(r *http.Request) *rpcError {
	if x.msg.Method != "tools/call" {
		return nil
	}
	route, ok := x.view.Tool(x.targetName())
	if !ok || len(route.ParamHeaders) == 0 {
		return nil
	}
	args := x.arguments()
	for _, h := range route.ParamHeaders {
		want, present := h.Value(args)
		sent := r.Header.Values(h.Header)
		switch {
		case !present && len(sent) == 0:
		case !present:
			return mismatch(h.Header + " was sent, but the body has no such argument")
		case len(sent) != 1:
			return mismatch(h.Header + " must be sent exactly once")
		default:
			if !h.Same(sent[0], want) {
				return mismatch(h.Header + " is not the argument in the body")
			}
		}
	}
	return nil
}

// discover describes the endpoint (MCP 2026-07-28 server/discover).
func (x *exchange) discover() {
	d := x.describe(protocol.Newest)
	versions, _ := json.Marshal(protocol.Supported())
	out := append([]byte(`{"resultType":"complete","supportedVersions":`), versions...)
	out = append(append(out, `,"capabilities":`...), d.capabilities...)
	if d.instructions != "" {
		out = append(append(out, `,"instructions":`...), wire.Quote(d.instructions)...)
	}
	out = append(out, `,"ttlMs":`...)
	out = strconv.AppendInt(out, listTTL, 10)
	out = append(out, `,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":`...)
	x.result(append(append(out, d.info...), '}', '}'))
}

// listenFilter is what a client wants to hear (SubscriptionFilter).
type listenFilter struct {
	ToolsListChanged      bool     `json:"toolsListChanged,omitempty"`
	PromptsListChanged    bool     `json:"promptsListChanged,omitempty"`
	ResourcesListChanged  bool     `json:"resourcesListChanged,omitempty"`
	ResourceSubscriptions []string `json:"resourceSubscriptions,omitempty"`
	TaskIDs               []string `json:"taskIds,omitempty"` // of the tasks extension
}

// listen opens a subscription stream: the acknowledgement first, then only what was asked for, every frame
// bearing the id of the request (MCP 2026-07-28 basic/utilities/subscriptions).
func (x *exchange) listen(r *http.Request) {
	var params struct {
		Notifications *listenFilter `json:"notifications"`
	}
	if err := json.Unmarshal(x.msg.Bytes(x.msg.Params), &params); err != nil || params.Notifications == nil {
		x.fail(envelopeError("subscriptions/listen needs params.notifications, an object of what to listen for"))
		return
	}
	if !x.reply.accept {
		x.fail(&rpcError{status: http.StatusNotAcceptable, code: codeInvalidRequest, message: "Accept must include text/event-stream"})
		return
	}
	if len(params.Notifications.TaskIDs) > 0 && !protocol.DeclaresTasks(x.caps.Raw) {
		x.fail(missing([]byte(protocol.TasksRequired)))
		return
	}
	done, fail := x.settle()
	if fail != nil {
		x.fail(fail)
		return
	}
	defer done()
	l := newListener(r.Context(), x.id, x.alias, x.rawID(), *params.Notifications)
	own := x.ownTasks(params.Notifications.TaskIDs)
	l.tasks = own.ids()
	defer l.cancel()
	x.g.streams.add(l)
	x.g.cfg.Came()
	defer func() {
		x.g.streams.remove(l)
		x.g.cfg.Came()
	}()
	defer x.g.hub.forget(l)
	if !x.g.current.Load().admits(x.id) { // asked after adding, so that no Apply comes between
		x.fail(errCredentialEnded)
		return
	}
	honoured := x.subscribeAll(l)
	honoured.TaskIDs = x.listenToTasks(l, own)
	es := startEvents(x.reply.w)
	ack, _ := json.Marshal(honoured)
	es.message(l.frame("notifications/subscriptions/acknowledged", append([]byte(`"notifications":`), ack...)))
	es.flush()
	x.g.pumpListener(es, l)
}

// subscribeAll subscribes to the visible ones of the resources asked for and returns what is honoured.
func (x *exchange) subscribeAll(l *listener) listenFilter {
	honoured := l.filter
	honoured.ResourceSubscriptions = nil
	for _, uri := range l.filter.ResourceSubscriptions {
		route, ok := x.resource(uri)
		if !ok {
			continue
		}
		if err := x.g.hub.join(l.ctx, l, x.resourceKey(route.Server, uri)); err != nil {
			x.g.cfg.Log.Debug("subscription was refused", "server", route.Server.Alias, "err", err)
			continue
		}
		honoured.ResourceSubscriptions = append(honoured.ResourceSubscriptions, uri)
	}
	return honoured
}

// localMeta is the _meta object of the gateway's own requests in the modern era.
func localMeta(version string) []byte {
	return []byte(`{"io.modelcontextprotocol/protocolVersion":"` + protocol.Newest + `",` +
		`"io.modelcontextprotocol/clientCapabilities":{},` +
		`"io.modelcontextprotocol/clientInfo":{"name":"mcpmux","version":` + strconv.Quote(version) + `}}`)
}

// wants says whether the client asked for a kind of list_changed notification.
func (f *listenFilter) wants(method string) bool {
	switch method {
	case methodToolsChanged:
		return f.ToolsListChanged
	case methodPromptsChanged:
		return f.PromptsListChanged
	case methodResourcesChanged:
		return f.ResourcesListChanged
	}
	return false
}
