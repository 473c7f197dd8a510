package gateway

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// watch is the clock of one call: it ends the call after the silence that is allowed, which
// progress interrupts, and turns the reply into an event stream when the call is quiet for long.
type watch struct {
	cancel context.CancelCauseFunc // ends the call
	x      *exchange
	limit  time.Duration // the silence that ends the call; 0 is no limit
	quiet  time.Duration // the silence that turns the reply into an event stream
	late   error         // what the call ends with then
	timer  *time.Timer
	begun  time.Time
	last   atomic.Int64 // nanoseconds after begun of the last sign of life
	over   atomic.Bool
	asking atomic.Int32 // questions that wait for a person, who may take longer than a Server
}

// watch starts the clock of a call to a Server. One timer serves both purposes.
func (x *exchange) watch(s *mcpmux.Server, cancel context.CancelCauseFunc) *watch {
	w := &watch{x: x, cancel: cancel, limit: x.snap.callTimeout, late: errCallTimeout, quiet: x.reply.quiet(), begun: time.Now()}
	if s.CallTimeout != nil {
		w.limit, w.late = time.Duration(*s.CallTimeout), errOwnCallTimeout
	}
	first := w.quiet
	if w.limit > 0 && w.limit < first {
		first = w.limit
	}
	w.timer = time.AfterFunc(time.Hour, w.tick) // the tick uses the timer, so it starts when it is in place
	w.timer.Reset(first)
	return w
}

func (w *watch) tick() {
	silent := time.Since(w.begun) - time.Duration(w.last.Load())
	if w.limit > 0 && silent >= w.limit && w.asking.Load() > 0 {
		w.alive()
		silent = 0
	}
	if w.limit > 0 && silent >= w.limit {
		w.over.Store(true)
		w.cancel(w.late)
		return
	}
	next := w.limit - silent
	if since := time.Since(w.begun); since >= w.quiet {
		w.x.keepOpen()
	} else if w.limit <= 0 || w.quiet-since < next {
		next = w.quiet - since
	}
	if next > 0 {
		w.timer.Reset(next)
	}
}

// alive notes a sign of life of the Server.
func (w *watch) alive() { w.last.Store(int64(time.Since(w.begun))) }

func (w *watch) expired() bool { return w.over.Load() }

func (w *watch) stop() { w.timer.Stop() }
