package daemon

import (
	"context"
	"log/slog"
	"sync"

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
	moved   chan struct{} // closed and replaced when applied grows
}

func newFollower(load func(context.Context) (*mcpmux.State, error), changed <-chan struct{}, apply func(*mcpmux.State), log *slog.Logger) *follower {
	return &follower{load: load, changed: changed, apply: apply, log: log, moved: make(chan struct{})}
}

// once loads and applies the State.
func (f *follower) once(ctx context.Context) error {
	st, err := f.load(ctx)
	if err != nil {
		return err
	}
	f.apply(st)
	f.mu.Lock()
	f.applied = st.Revision
	close(f.moved)
	f.moved = make(chan struct{})
	f.mu.Unlock()
	return nil
}

// run follows until ctx ends. A load that fails is tried again with the next Change.
func (f *follower) run(ctx context.Context) {
	for {
		select {
		case <-f.changed:
			if err := f.once(ctx); err != nil && ctx.Err() == nil {
				f.log.Error("state was not loaded", "err", err)
			}
		case <-ctx.Done():
			return
		}
	}
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
