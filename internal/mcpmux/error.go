package mcpmux

import (
	"errors"
	"fmt"
)

// Code says what kind of failure an Error is. The table of codes is short on purpose: each has one HTTP
// status (admin.Status) and one exit code, and callers decide by it, never by the text.
type Code string

// The codes of Error.
const (
	CodeNotFound      Code = "not_found"
	CodeConflict      Code = "conflict"
	CodeInvalid       Code = "invalid"
	CodeDenied        Code = "denied"
	CodeLoginRequired Code = "login_required"
	CodeUnavailable   Code = "unavailable"
	CodeInternal      Code = "internal"
)

// Error is a failure that its reader can act on: Message says what was wrong, where, and what to do.
// It never holds a secret.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return e.Message }

// Errorf builds an *Error.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// CodeOf is the code of the first *Error in err's chain, or CodeInternal.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}
