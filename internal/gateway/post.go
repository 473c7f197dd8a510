package gateway

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

const (
	headerVersion = "Mcp-Protocol-Version"
	headerSession = "Mcp-Session-Id"
	headerMethod  = "Mcp-Method"
	headerName    = "Mcp-Name"
)

// The notifications that the gateway itself makes or reads.
const (
	methodToolsChanged     = "notifications/tools/list_changed"
	methodPromptsChanged   = "notifications/prompts/list_changed"
	methodResourcesChanged = "notifications/resources/list_changed"
	methodUpdated          = "notifications/resources/updated"
	methodCancelled        = "notifications/cancelled"
	methodRootsChanged     = "notifications/roots/list_changed"
	methodMessage          = "notifications/message"
	methodProgress         = "notifications/progress"
	methodTaskStatus       = "notifications/tasks/status" // MCP 2025-11-25
	methodTasks            = "notifications/tasks"        // the extension of 2026-07-28
)

// exchange is one request of a client on its way through the gateway.
type exchange struct {
	g      *Gateway
	snap   *snapshot
	view   *catalog.View
	id     Identity
	alias  string   // of the endpoint, "" for /mcp
	modern bool     // the client's era
	sess   *session // the client's session, nil for a modern one
	msg    wire.Message
	method *protocol.Method // nil for one we do not know
	target wire.Span        // params member that names the target, a JSON string
	meta   wire.Span        // params._meta
	token  wire.Span        // params._meta.progressToken
	task   wire.Span        // params.task of a tool call
	caps   protocol.Capabilities
	reply  *reply
	parked *parked // the call that this request began, where a client comes back for it
	early  *flight // this request, where it is in flight before its turn comes
	quota  *quota  // the Client's, while this request counts
}

// servePost handles one message of a client.
func (g *Gateway) servePost(w http.ResponseWriter, r *http.Request, id Identity, alias string) {
	if !isJSON(r.Header.Get("Content-Type")) {
		writeError(w, nil, errNotJSON)
		return
	}
	body, fail := readBody(r)
	if fail != nil {
		writeError(w, nil, fail)
		return
	}
	x := &exchange{g: g, snap: g.current.Load(), id: id, alias: alias}
	view, ok := x.snap.view(id.Client, alias)
	if !ok {
		writeError(w, nil, noSuchServer(alias))
		return
	}
	x.view = view
	x.reply = &reply{w: w, client: r.Context(), accept: acceptsEvents(r)}
	if wire.IsBatch(body) {
		x.serveBatch(r, body)
		return
	}
	if fail := x.read(body); fail != nil {
		writeError(w, x.msg.Bytes(x.msg.ID), fail)
		return
	}
	if x.msg.Kind == wire.Request {
		if fail := x.enter(); fail != nil {
			writeError(w, x.rawID(), fail)
			return
		}
		defer x.leave()
	}
	if x.isModern(r) {
		x.modern = true
		x.serveModern(r)
		return
	}
	x.serveLegacy(r)
}

// read scans the message and the params that the gateway decides by.
func (x *exchange) read(body []byte) *rpcError {
	msg, err := wire.Parse(body)
	x.msg = msg
	if err != nil {
		return syntaxError(err)
	}
	if msg.Kind != wire.Request && msg.Kind != wire.Notification {
		return nil
	}
	if msg.Kind == wire.Request && !goodID(x.rawID()) {
		x.msg.ID = wire.Span{} // the answer has none
		return errBadID
	}
	x.method, _ = protocol.Lookup(msg.Method)
	if !msg.Params.OK() || body[msg.Params.Start] != '{' {
		return nil
	}
	names := [3]string{"_meta", "", "task"}
	var found [3]wire.Span
	n := 1
	if x.method != nil && x.method.Target != "" {
		names[1] = x.method.Target
		n = 2
		if x.method.Name == "tools/call" {
			n = 3
		}
	}
	if err := wire.Find(body, msg.Params, names[:n], found[:n]); err != nil {
		return syntaxError(err)
	}
	x.meta, x.target, x.task = found[0], found[1], found[2]
	if !x.meta.OK() || body[x.meta.Start] != '{' {
		return nil
	}
	var token [1]wire.Span
	if err := wire.Find(body, x.meta, progressToken, token[:]); err != nil {
		return syntaxError(err)
	}
	x.token = token[0]
	return nil
}

// maxID is how long a request's id may be, in bytes: it is held as long as the request is, and repeated.
const maxID = 1 << 10

// goodID says whether an id is a string or a whole number (MCP 2025-11-25 basic §Requests) which no reader rounds or
// spells another way: two ids that differ here must not be one elsewhere.
func goodID(id []byte) bool {
	if len(id) > 0 && id[0] == '"' {
		return len(id) <= maxID
	}
	_, err := strconv.ParseInt(string(id), 10, 64)
	return err == nil && string(id) != "-0"
}

//nolint:gochecknoglobals // constant
var errBadID = &rpcError{
	status: http.StatusBadRequest, code: codeInvalidRequest,
	message: "the id of a request is a whole number of at most 64 bits, or a string of at most " + strconv.Itoa(maxID) + " bytes",
}

// member is the text of a member of a JSON object, nil where it has none.
func member(obj []byte, name string) []byte {
	var found [1]wire.Span
	if len(obj) == 0 || wire.Find(obj, wire.Span{End: len(obj)}, []string{name}, found[:]) != nil || !found[0].OK() {
		return nil
	}
	return obj[found[0].Start:found[0].End]
}

// stringMember is a member of a JSON object that is a string, else "".
func stringMember(obj []byte, name string) string {
	text := member(obj, name)
	s, _ := wire.String(text, wire.Span{End: len(text)})
	return s
}

//nolint:gochecknoglobals // constant table
var progressToken = []string{"progressToken"}

// targetName is the unquoted target, "" where there is none or it is no string.
func (x *exchange) targetName() string {
	if !x.target.OK() {
		return ""
	}
	s, _ := wire.String(x.msg.Raw, x.target)
	return s
}

// rawID is the client's id as it wrote it.
func (x *exchange) rawID() []byte { return x.msg.Bytes(x.msg.ID) }

// fail answers with an error of the gateway's own.
func (x *exchange) fail(e *rpcError) {
	x.land() // an id that is answered is free again
	if x.reply.w != nil {
		e.sayWhen(x.reply.w)
	}
	x.reply.finish(e.httpStatus(x.modern), wire.NewError(x.rawID(), e.code, e.message, e.data))
}

// result answers with a result of the gateway's own.
func (x *exchange) result(result []byte) {
	x.land()
	x.reply.finish(http.StatusOK, wire.NewResult(x.rawID(), result))
}

// accepted acknowledges a notification or a response (MCP 2025-11-25 basic/transports §Sending Messages).
func (x *exchange) accepted() {
	if x.reply.w != nil {
		x.reply.w.WriteHeader(http.StatusAccepted)
	}
}

// isModern tells the client's era: the version header or the version in _meta is 2026-07-28 or later.
func (x *exchange) isModern(r *http.Request) bool {
	for _, v := range r.Header[headerVersion] {
		if protocol.Modern(strings.TrimSpace(v)) {
			return true
		}
	}
	if !x.meta.OK() {
		return false
	}
	var found [1]wire.Span
	if err := wire.Find(x.msg.Raw, x.meta, metaVersion, found[:]); err != nil {
		return true // a doubled version is no legacy message; the modern checks refuse it
	}
	return found[0].OK()
}

//nolint:gochecknoglobals // constant table
var metaVersion = []string{protocol.MetaVersion}

// readBody reads the whole request. The guard has capped it.
func readBody(r *http.Request) ([]byte, *rpcError) {
	var (
		body []byte
		err  error
	)
	if n := r.ContentLength; n >= 0 && n <= 1<<20 {
		body = make([]byte, n)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(r.Body)
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &rpcError{
			status: http.StatusRequestEntityTooLarge, code: codeInvalidRequest,
			message: "the message is larger than " + strconv.FormatInt(tooLarge.Limit, 10) + " bytes",
		}
	case err != nil:
		return nil, &rpcError{status: http.StatusBadRequest, code: wire.CodeParse, message: "the body ended before it was complete"}
	}
	return body, nil
}

// syntaxError turns a refusal of wire into an answer.
func syntaxError(err error) *rpcError {
	if s, ok := errors.AsType[*wire.SyntaxError](err); ok {
		return &rpcError{status: http.StatusBadRequest, code: s.Code, message: s.Error()}
	}
	return &rpcError{status: http.StatusBadRequest, code: wire.CodeParse, message: err.Error()}
}

func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && t == "application/json"
}

// acceptsEvents says whether the client can read an event stream as the answer to a POST. A client that
// sends no Accept header, or a wildcard, is taken at its word.
func acceptsEvents(r *http.Request) bool {
	accept := r.Header["Accept"]
	if len(accept) == 0 {
		return true
	}
	for _, a := range accept {
		if strings.Contains(a, "text/event-stream") || strings.Contains(a, "*/*") || strings.Contains(a, "text/*") {
			return true
		}
	}
	return false
}
