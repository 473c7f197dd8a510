package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Status is the HTTP status of a code. This is the one table of them.
func Status(code mcpmux.Code) int {
	switch code {
	case mcpmux.CodeNotFound:
		return http.StatusNotFound
	case mcpmux.CodeConflict:
		return http.StatusConflict
	case mcpmux.CodeInvalid:
		return http.StatusBadRequest
	case mcpmux.CodeDenied:
		return http.StatusForbidden
	case mcpmux.CodeLoginRequired:
		return http.StatusUnauthorized
	case mcpmux.CodeUnavailable:
		return http.StatusServiceUnavailable
	default: // CodeInternal, and a code that is missing here, which is a mistake of ours too.
		return http.StatusInternalServerError
	}
}

// formError is a request whose form HTTP has a status of its own for.
type formError struct {
	status int
	err    *mcpmux.Error
}

func (e *formError) Error() string { return e.err.Message }
func (e *formError) Unwrap() error { return e.err }

// badForm is an error of CodeInvalid with the given status.
func badForm(status int, format string, args ...any) error {
	return &formError{status, mcpmux.Errorf(mcpmux.CodeInvalid, format, args...)}
}

// fail answers with an error. What is not a *mcpmux.Error is nobody's business but the log's.
func (a *Admin) fail(w http.ResponseWriter, r *http.Request, err error) {
	var (
		form   *formError
		known  *mcpmux.Error
		status int
	)
	switch {
	case errors.As(err, &form):
		status, known = form.status, form.err
	case errors.As(err, &known):
		status = Status(known.Code)
	case r.Context().Err() != nil || errors.Is(err, context.Canceled):
		status, known = http.StatusServiceUnavailable, mcpmux.Errorf(mcpmux.CodeUnavailable, "the request was given up before it was done")
	default:
		a.log.Error("admin request", "method", r.Method, "path", r.URL.Path, "err", err)
		status, known = http.StatusInternalServerError, mcpmux.Errorf(mcpmux.CodeInternal, "internal error; the daemon's log has more")
	}
	shown := *known
	shown.Message = a.cfg.Hide(shown.Message)
	body, err := json.Marshal(api.ErrorBody{Error: shown})
	if err != nil {
		body = fmt.Appendf(nil, `{"error":{"code":%q,"message":"internal error"}}`, mcpmux.CodeInternal)
	}
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // whoever went away hears nothing
}
