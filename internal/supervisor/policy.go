package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const (
	// goodLife is how long a connection must have lasted for its end to be an accident: it is replaced at once,
	// and failures are counted anew. Shorter lives count as failures.
	goodLife = 10 * time.Second

	// maxFailures in a row are a crash loop. A process then stays down until somebody changes something or asks
	// for a restart; an HTTP server, which others may bring back, is still tried every maxBackoff.
	maxFailures = 5

	minBackoff = 500 * time.Millisecond
	maxBackoff = 30 * time.Second

	// lockedRetry is how soon values that could not be opened are tried again.
	lockedRetry = 15 * time.Second

	// pingInterval and pingTimeout: a connection that answers nothing is dead after two misses in a row.
	pingInterval = 30 * time.Second
	pingTimeout  = 10 * time.Second
	maxMisses    = 2

	// listDelay collects a burst of list_changed into one reading; listInterval bounds how often lists are read.
	listDelay    = 100 * time.Millisecond
	listInterval = 250 * time.Millisecond

	// stderrTail is how many lines of standard error a status shows.
	stderrTail = 20
)

// newBackoff doubles from minBackoff, each time up to half longer or shorter, so that servers that fell together
// do not rise together.
func newBackoff() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval: minBackoff, Multiplier: 2, RandomizationFactor: 0.5, MaxInterval: maxBackoff,
	}
}

func loginRequired(err error) bool {
	var login *backend.LoginRequiredError
	return errors.As(err, &login)
}

// stderrOf is the last lines that a process wrote before it ended.
func stderrOf(err error) []string {
	var exit *backend.ExitError
	if !errors.As(err, &exit) {
		return nil
	}
	return exit.Stderr[max(len(exit.Stderr)-stderrTail, 0):]
}

// reason is err in words for a person, on one line.
func reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) && strings.TrimSpace(err.Error()) == context.DeadlineExceeded.Error() {
		return "no answer in time"
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// refusal is what clients are told of a Server that cannot be used now.
func refusal(alias, format string, args ...any) error {
	return mcpmux.Errorf(mcpmux.CodeUnavailable, "server %s is not available: %s", alias, fmt.Sprintf(format, args...))
}
