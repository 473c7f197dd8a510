package gateway

import (
	"context"
	"sync/atomic"
	"time"
)

// watch is the clock of one call: it ends the call after the silence that pool.call_timeout allows, which
// progress interrupts, and turns the reply into an event stream when the call is quiet for long.
type watch struct {
	cancel context.CancelCauseFunc // ends the call
	x      *exchange
	timer  *time.Timer
	begun  time.Time
	last   atomic.Int64 // nanoseconds after begun of the last sign of life
	late   atomic.Bool
	asking atomic.Int32 // questions that wait for a person, who may take longer than a Server
}

// watch starts the clock. One timer serves both purposes.
func (x *exchange) watch(cancel context.CancelCauseFunc) *watch {
	w := &watch{x: x, cancel: cancel, begun: time.Now()}
	first := quiet
	if t := x.snap.callTimeout; t > 0 && t < first {
		first = t
	}
	w.timer = time.AfterFunc(first, w.tick)
	return w
}

func (w *watch) tick() {
	timeout := w.x.snap.callTimeout
	silent := time.Since(w.begun) - time.Duration(w.last.Load())
	if timeout > 0 && silent >= timeout && w.asking.Load() > 0 {
		w.alive()
		silent = 0
	}
	if timeout > 0 && silent >= timeout {
		w.late.Store(true)
		w.cancel(errCallTimeout)
		return
	}
	next := timeout - silent
	if since := time.Since(w.begun); since >= quiet {
		w.x.reply.open()
	} else if timeout <= 0 || quiet-since < next {
		next = quiet - since
	}
	if next > 0 {
		w.timer.Reset(next)
	}
}

// alive notes a sign of life of the Server.
func (w *watch) alive() { w.last.Store(int64(time.Since(w.begun))) }

func (w *watch) expired() bool { return w.late.Load() }

func (w *watch) stop() { w.timer.Stop() }
