package authclient

import (
	"context"
	"errors"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// ProgressState is how a login goes.
type ProgressState string

// The states of a login.
const (
	ProgressNone    ProgressState = "none"
	ProgressWaiting ProgressState = "waiting"
	ProgressDone    ProgressState = "done"
	ProgressFailed  ProgressState = "failed"
)

// Progress is how the login of a Server goes that was begun last.
type Progress struct {
	State  ProgressState
	Reason string // why it failed
}

// progress is Progress with what it takes to wait for it.
type progress struct {
	Progress
	until time.Time     // of a login that waits
	moved chan struct{} // closed when there is another
}

// Progress answers once the login does not wait any more, or ctx ends.
func (e *Engine) Progress(ctx context.Context, id mcpmux.ServerID) Progress {
	for {
		e.mu.Lock()
		s := e.servers[id]
		if s == nil || s.progress == nil {
			e.mu.Unlock()
			return Progress{State: ProgressNone}
		}
		p := *s.progress
		e.mu.Unlock()
		left := p.until.Sub(e.cfg.Now())
		if p.State == ProgressWaiting && left <= 0 {
			return Progress{ProgressFailed, "nobody completed the login in time"}
		}
		if p.State != ProgressWaiting {
			return p.Progress
		}
		t := time.NewTimer(left)
		select {
		case <-p.moved:
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return p.Progress
		}
		t.Stop()
	}
}

// waiting says that a login was begun.
func (e *Engine) waiting(id mcpmux.ServerID, until time.Time) {
	e.progressed(id, Progress{State: ProgressWaiting}, until)
}

// ended says how the login went that was begun.
func (e *Engine) ended(id mcpmux.ServerID, err error) {
	p := Progress{State: ProgressDone}
	if err != nil {
		p = Progress{ProgressFailed, "the login failed; the log of McpMux says more"}
		if known, ok := errors.AsType[*mcpmux.Error](err); ok {
			p.Reason = known.Message
		}
	}
	e.progressed(id, p, time.Time{})
	if err == nil {
		e.cfg.LoggedIn(id)
	}
}

func (e *Engine) progressed(id mcpmux.ServerID, p Progress, until time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.of(id)
	if s.progress != nil {
		close(s.progress.moved)
	}
	s.progress = &progress{p, until, make(chan struct{})}
}
