package daemon

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const (
	// ledgerEvery is how long records wait to be written together: one transaction for all of them. With tellEvery it is
	// most of the time between the end of a call and its showing in the dashboard, which is to be less than a second.
	ledgerEvery = 250 * time.Millisecond

	// tellEvery is how often those who show calls as they are made are told that there are more.
	tellEvery = 500 * time.Millisecond

	// ledgerRoom is how many records may wait. A burst beyond it loses records rather than slow down calls.
	ledgerRoom = 1 << 16

	// decisionsRoom is how many decisions may wait: they have room of their own, which no burst of calls takes.
	decisionsRoom = 1 << 12

	// ledgerBatch is how many records one transaction writes.
	ledgerBatch = 4096
)

// ledger takes the records of requests off the hot path and writes them in batches.
type ledger struct {
	write   func(context.Context, []mcpmux.Activity) error
	log     *slog.Logger
	in      chan mcpmux.Activity
	first   chan mcpmux.Activity // decisions
	dropped atomic.Int64
	// wrote is told how many records were written, at most once in tellEvery. It may be nil.
	wrote  func(count int)
	untold int       // written since
	told   time.Time // last
	// decided are the decisions that are recorded here.
	decided *decisions
}

func newLedger(write func(context.Context, []mcpmux.Activity) error, log *slog.Logger) *ledger {
	l := &ledger{write: write, log: log, in: make(chan mcpmux.Activity, ledgerRoom), first: make(chan mcpmux.Activity, decisionsRoom)}
	l.decided = newDecisions(func(a mcpmux.Activity) { l.put(l.first, a) }, time.Now)
	return l
}

// record takes a record without ever blocking.
func (l *ledger) record(a mcpmux.Activity) { l.put(l.in, a) }

func (l *ledger) put(in chan<- mcpmux.Activity, a mcpmux.Activity) {
	select {
	case in <- a:
	default:
		l.dropped.Add(1)
	}
}

// run writes until ctx ends, and then what is left.
func (l *ledger) run(ctx context.Context) {
	tick := time.NewTicker(ledgerEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.decided.flush(false)
			l.flush(context.WithoutCancel(ctx)) // what was taken is written, also where ctx ends meanwhile
		case <-ctx.Done():
			l.decided.flush(true)
			l.flush(context.WithoutCancel(ctx))
			return
		}
	}
}

func (l *ledger) flush(ctx context.Context) {
	if n := l.dropped.Swap(0); n > 0 {
		l.log.Warn("activity records were dropped", "count", n)
	}
	defer l.tell()
	for {
		batch := l.take()
		if len(batch) == 0 {
			return
		}
		if err := l.write(ctx, batch); err != nil {
			l.log.Error("activity was not written", "count", len(batch), "err", err)
			for _, a := range batch {
				if a.Decision() { // These are tried again.
					l.put(l.first, a)
				}
			}
			return
		}
		l.untold += len(batch)
	}
}

// tell tells how many records were written, unless it has just told: then it does the next time. It is called by a
// ticker, whose ticks are not on the dot.
func (l *ledger) tell() {
	if now := time.Now(); l.wrote != nil && l.untold > 0 && now.Sub(l.told) > tellEvery-ledgerEvery/2 {
		l.wrote(l.untold)
		l.untold, l.told = 0, now
	}
}

func (l *ledger) take() []mcpmux.Activity {
	var batch []mcpmux.Activity
	for _, in := range []<-chan mcpmux.Activity{l.first, l.in} {
		for more := true; more && len(batch) < ledgerBatch; {
			select {
			case a := <-in:
				batch = append(batch, a)
			default:
				more = false
			}
		}
	}
	return batch
}
