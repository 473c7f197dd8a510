package backend

import (
	"fmt"
	"strconv"
	"strings"
)

// LoginRequiredError says that an HTTP server refused our credentials, or the lack of them.
type LoginRequiredError struct {
	Status     int      // 401 or 403
	Challenges []string // WWW-Authenticate
	// Used is the sha256 of the Authorization header that was refused, so that whoever renews credentials knows
	// whether these are still the ones.
	Used [32]byte
}

func (e *LoginRequiredError) Error() string {
	return "the server answered " + strconv.Itoa(e.Status) + ": it wants a login or other credentials"
}

// ExitError says that a server's process ended.
type ExitError struct {
	Code   int    // exit code, -1 where a signal ended it
	Signal string // name of that signal
	Stderr []string
}

func (e *ExitError) Error() string {
	how := "exited with code " + strconv.Itoa(e.Code)
	if e.Signal != "" {
		how = "was ended by signal " + e.Signal
	}
	if n := len(e.Stderr); n > 0 {
		return "the process " + how + "; it last wrote: " + e.Stderr[n-1]
	}
	return "the process " + how
}

// DialError says why a Server could not be reached or greeted, in words for a person.
type DialError struct {
	Reason string
	Err    error
}

func (e *DialError) Error() string {
	if e.Err != nil {
		return e.Reason + ": " + e.Err.Error()
	}
	return e.Reason
}

func (e *DialError) Unwrap() error { return e.Err }

// ClosedError says that the connection is gone. A request that met it may or may not have been carried out.
type ClosedError struct {
	Reason string
	Err    error
}

func (e *ClosedError) Error() string {
	if e.Err != nil {
		return e.Reason + ": " + e.Err.Error()
	}
	return e.Reason
}

func (e *ClosedError) Unwrap() error { return e.Err }

// RPCError is an error with which a Server answered one of our own requests.
type RPCError struct {
	Code    int
	Message string
}

func (e *RPCError) Error() string {
	return fmt.Sprintf("%s (code %d)", strings.TrimSpace(e.Message), e.Code)
}
