package daemon

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// follower makes the running parts match the store: after each Change it loads the whole State and applies
// it, in order of revisions (docs/decisions/0002).
type follower struct {
	load    func(context.Context) (*mcpmux.State, error)
	changed <-chan struct{}
	apply   func(*mcpmux.State)
	log     *slog.Logger

	// mu guards the following.
	mu      sync.Mutex
	applied int64
	end     time.Time     // when the next credential ends; zero: none does
	moved   chan struct{} // closed and replaced when applied grows
}

func newFollower(load func(context.Context) (*mcpmux.State, error), changed <-chan struct{}, apply func(*mcpmux.State), log *slog.Logger) *follower {
	return &follower{load: load, changed: changed, apply: apply, log: log, moved: make(chan struct{})}
}

// once loads and applies the State.
func (f *follower) once(ctx context.Context) error {
	begun := time.Now() // What ends while the State is applied ends afterwards.
	st, err := f.load(ctx)
	if err != nil {
		return err
	}
	f.apply(st)
	f.mu.Lock()
	f.applied, f.end = st.Revision, st.NextEnd(begun)
	close(f.moved)
	f.moved = make(chan struct{})
	f.mu.Unlock()
	return nil
}

const (
	// lookEvery is how often it is looked whether a credential has ended: timers stand still while the machine sleeps.
	lookEvery = time.Minute

	// loadAgain is how long after one that failed the State is loaded again: until then what was revoked still counts.
	loadAgain = time.Second
)

// run follows until ctx ends. A load that fails is tried again until one does not. When a credential ends, the State is
// applied anew too: what it holds open ends with it.
func (f *follower) run(ctx context.Context) {
	ends := time.NewTimer(f.untilNextEnd())
	defer ends.Stop()
	behind := false // a Change is not applied
	for {
		select {
		case <-f.changed:
		case <-ends.C:
			if end := f.nextEnd(); !behind && (end.IsZero() || time.Now().Before(end)) {
				ends.Reset(f.untilNextEnd())
				continue
			}
		case <-ctx.Done():
			return
		}
		err := f.once(ctx)
		if behind = err != nil; behind {
			if ctx.Err() == nil {
				f.log.Error("state was not loaded", "err", err)
			}
			ends.Reset(loadAgain)
			continue
		}
		ends.Reset(f.untilNextEnd())
	}
}

func (f *follower) nextEnd() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.end
}

func (f *follower) untilNextEnd() time.Duration {
	if end := f.nextEnd(); !end.IsZero() {
		return min(max(time.Until(end), 0), lookEvery)
	}
	return lookEvery
}

// wait returns once the revision is applied.
func (f *follower) wait(ctx context.Context, revision int64) error {
	for {
		f.mu.Lock()
		applied, moved := f.applied, f.moved
		f.mu.Unlock()
		if applied >= revision {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
