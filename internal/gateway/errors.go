package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

const (
	codeInvalidRequest = wire.CodeInvalidRequest

	// codeResourceNotFound is the not-found code of resources/read up to 2025-11-25
	// (MCP 2025-11-25 server/resources §Error Handling).
	codeResourceNotFound = -32002
)

// rpcError is a failure that the gateway itself answers a request with.
type rpcError struct {
	status  int // HTTP status; 0 means that of the code (protocol.HTTPStatus)
	code    int
	message string
	data    []byte // JSON, or nil
	// retryAfter is when the same may be asked again; 0 says nothing of it.
	retryAfter time.Duration
}

//nolint:gochecknoglobals // immutable values
var (
	errNotJSON         = &rpcError{status: http.StatusUnsupportedMediaType, code: codeInvalidRequest, message: "Content-Type must be application/json"}
	errCredentialEnded = &rpcError{code: wire.CodeInternal, message: "the access key or the login by which this request came has ended"}
	errTooManySessions = &rpcError{status: http.StatusServiceUnavailable, code: wire.CodeInternal, retryAfter: time.Second, message: "too many open sessions; close some and try again"}
)

// noSuchServer answers at the endpoint of a Server of which the Client sees nothing.
func noSuchServer(alias string) *rpcError {
	return &rpcError{
		status: http.StatusNotFound, code: codeInvalidRequest,
		message: "there is no server " + strconv.Quote(alias) + " at this address",
	}
}

func (e *rpcError) Error() string { return e.message }

// httpStatus is the status of e for a client of the given era.
func (e *rpcError) httpStatus(modern bool) int {
	if e.status != 0 {
		return e.status
	}
	return protocol.HTTPStatus(e.code, modern)
}

// unknownTarget is the one answer to a name that is not in the View, hidden or never heard of.
func unknownTarget(kind mcpmux.FeatureKind, name string, modern bool) *rpcError {
	switch kind {
	case mcpmux.KindResource, mcpmux.KindTemplate:
		uri, _ := json.Marshal(map[string]string{"uri": name})
		if modern {
			return &rpcError{code: wire.CodeInvalidParams, message: "Resource not found", data: uri}
		}
		return &rpcError{code: codeResourceNotFound, message: "Resource not found", data: uri}
	case mcpmux.KindPrompt:
		return &rpcError{code: wire.CodeInvalidParams, message: "Unknown prompt: " + name}
	case mcpmux.KindTool:
		return &rpcError{code: wire.CodeInvalidParams, message: "Unknown tool: " + name}
	}
	return &rpcError{code: wire.CodeInvalidParams, message: "Unknown name: " + name}
}

// backendFailure turns the failure of a Server's connection into an answer. Data says whether the same
// request may be sent again without harm; the gateway itself never does.
func backendFailure(alias string, method *protocol.Method, err error) *rpcError {
	var (
		own   *mcpmux.Error
		login *backend.LoginRequiredError
		rpc   *rpcError
		dial  *backend.DialError
	)
	switch {
	case errors.As(err, &rpc):
		return rpc
	case errors.Is(err, errOwnCallTimeout):
		return &rpcError{code: wire.CodeInternal, message: "server " + alias + " did not answer in time (its own call timeout); the call was cancelled"}
	case errors.Is(err, errCallTimeout):
		return &rpcError{code: wire.CodeInternal, message: "server " + alias + " did not answer in time (setting pool.call_timeout); the call was cancelled"}
	case errors.Is(err, context.Canceled):
		return &rpcError{code: wire.CodeInternal, message: "the call was cancelled"}
	case method == nil && errors.As(err, &dial): // some servers refuse a method that they do not know by an HTTP status
		return &rpcError{code: wire.CodeMethodNotFound, message: "server " + alias + " does not know this method: " + dial.Error()}
	case errors.As(err, &login):
		return &rpcError{code: wire.CodeInternal, message: "server " + alias + " requires a login: " + login.Error()}
	case errors.As(err, &own) && own.Code == mcpmux.CodeLoginRequired:
		return &rpcError{code: wire.CodeInternal, message: "server " + alias + " requires a login: " + own.Message + " (`mcpmux server login " + alias + "`, or the dashboard)"}
	case errors.As(err, &own):
		return &rpcError{code: wire.CodeInternal, message: "server " + alias + ": " + own.Message, data: retryable(method)}
	}
	return &rpcError{code: wire.CodeInternal, message: "server " + alias + ": " + err.Error(), data: retryable(method)}
}

// retryable is error data for methods without side effects: a tool call never carries it, since nobody can
// know whether the tool ran (rule 4).
func retryable(m *protocol.Method) []byte {
	if m == nil || m.Name == "tools/call" {
		return nil
	}
	return []byte(`{"retryable":true}`)
}

// sayWhen tells when the same may be asked again (RFC 9110 §10.2.3), in whole seconds.
func (e *rpcError) sayWhen(w http.ResponseWriter) {
	if e.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((e.retryAfter+time.Second-1)/time.Second), 10))
	}
}

// writeError answers with a JSON-RPC error outside any exchange. id nil is written as null.
func writeError(w http.ResponseWriter, id []byte, e *rpcError) {
	e.sayWhen(w)
	writeJSON(w, e.httpStatus(false), wire.NewError(id, e.code, e.message, e.data))
}

//nolint:gochecknoglobals // shared header values, so that an answer allocates none
var (
	contentTypeJSON = []string{"application/json"}
	contentTypeSSE  = []string{"text/event-stream"}
	cacheNoStore    = []string{"no-store"}
)

// writeJSON writes a whole body, given in parts, with its length, which lets net/http send it in one piece.
func writeJSON(w http.ResponseWriter, status int, parts ...[]byte) {
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	h := w.Header()
	h["Content-Type"] = contentTypeJSON
	h["Content-Length"] = []string{strconv.Itoa(length)}
	w.WriteHeader(status)
	for _, p := range parts {
		_, _ = w.Write(p) // a client that went away hears nothing
	}
}
