package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func TestFollower_WaitReturnsOnceTheRevisionIsApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changed := make(chan struct{}, 1)
		revision := int64(1)
		var applied []int64
		f := newFollower(func(context.Context) (*mcpmux.State, error) { return &mcpmux.State{Revision: revision}, nil },
			changed, func(st *mcpmux.State) { applied = append(applied, st.Revision) }, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); f.run(ctx) }()
		done := make(chan error, 1)
		go func() { done <- f.wait(ctx, 2) }()
		changed <- struct{}{}
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("it returned at revision 1: %v", err)
		default:
		}
		revision = 2
		changed <- struct{}{}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if len(applied) != 2 || applied[1] != 2 {
			t.Errorf("applied %v", applied)
		}
		cancel()
		<-ended
		if err := f.wait(ctx, 3); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting for what never comes: %v", err)
		}
	})
}

func TestFollower_AFailedLoadIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changed := make(chan struct{}, 1)
		broken := true
		f := newFollower(func(context.Context) (*mcpmux.State, error) {
			if broken {
				return nil, errors.New("disk")
			}
			return &mcpmux.State{Revision: 5}, nil
		}, changed, func(*mcpmux.State) {}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); f.run(ctx) }()
		changed <- struct{}{}
		synctest.Wait()
		broken = false // No other Change comes: a revocation must not wait for one.
		soon, stop := context.WithTimeout(ctx, 2*loadAgain)
		defer stop()
		if err := f.wait(soon, 5); err != nil {
			t.Error(err)
		}
		cancel()
		<-ended
	})
}

// A large State takes a while to be applied, and what ends meanwhile was still good when the gateway looked.
func TestFollower_ACredentialThatEndsWhileTheStateIsAppliedEndsAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		end := begun.Add(time.Second)
		applied := 0
		f := newFollower(func(context.Context) (*mcpmux.State, error) {
			return &mcpmux.State{Keys: []mcpmux.AccessKey{{ID: "k", ExpiresAt: &end}}}, nil
		}, make(chan struct{}), func(*mcpmux.State) {
			if applied++; applied == 1 {
				time.Sleep(2 * time.Second) //nolint:forbidigo // the clock of the bubble
			}
		}, slog.New(slog.DiscardHandler))
		if err := f.once(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if f.run(ctx); applied != 2 {
			t.Errorf("applied %d times, want once more for what ended in between", applied)
		}
	})
}

func TestFollower_AppliesTheStateAnewWhenACredentialEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		ends := func(d time.Duration) *time.Time { at := begun.Add(d); return &at }
		st := &mcpmux.State{
			Revision:       7,
			Keys:           []mcpmux.AccessKey{{ID: "never"}, {ID: "ended", ExpiresAt: ends(-time.Hour)}, {ID: "soon", ExpiresAt: ends(3 * time.Second)}},
			Authorizations: []mcpmux.Authorization{{ID: "later", ExpiresAt: *ends(3 * time.Hour)}},
		}
		var applied []time.Duration
		f := newFollower(func(context.Context) (*mcpmux.State, error) { return st, nil }, make(chan struct{}),
			func(*mcpmux.State) { applied = append(applied, time.Since(begun)) }, slog.New(slog.DiscardHandler))
		if err := f.once(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		f.run(ctx)
		if want := []time.Duration{0, 3 * time.Second, 3 * time.Hour}; !slices.Equal(applied, want) {
			t.Errorf("applied after %v, want %v", applied, want)
		}
	})
}

func TestLedger_WritesInBatchesAndWhatIsLeftAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		l := newLedger(func(_ context.Context, batch []mcpmux.Activity) error {
			sizes = append(sizes, len(batch))
			return nil
		}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); l.run(ctx) }()
		for i := range ledgerBatch + 10 {
			l.record(mcpmux.Activity{Name: strconv.Itoa(i)})
		}
		time.Sleep(2 * ledgerEvery) //nolint:forbidigo // the clock of the bubble
		synctest.Wait()
		if len(sizes) != 2 || sizes[0] != ledgerBatch || sizes[1] != 10 {
			t.Errorf("batches of %v", sizes)
		}
		l.record(mcpmux.Activity{})
		cancel()
		<-ended
		if len(sizes) != 3 {
			t.Errorf("the last record was lost: %v", sizes)
		}
	})
}

// Whoever shows calls as they are made is told soon after one, and twice in a second at most, of all of them.
func TestLedger_TellsHowManyRecordsWereWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		l := newLedger(func(context.Context, []mcpmux.Activity) error { return nil }, slog.New(slog.DiscardHandler))
		begun := time.Now()
		l.wrote = func(n int) { told = append(told, fmt.Sprint(time.Since(begun), " ", n)) }
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); l.run(ctx) }()
		for range 20 { // for two seconds
			l.record(mcpmux.Activity{Method: "tools/call"})
			time.Sleep(99 * time.Millisecond) //nolint:forbidigo // the clock of the bubble
		}
		time.Sleep(time.Second) //nolint:forbidigo // the clock of the bubble
		cancel()
		<-ended
		if want := []string{"250ms 3", "750ms 5", "1.25s 5", "1.75s 5", "2.25s 2"}; !slices.Equal(told, want) {
			t.Errorf("told %q", told)
		}
	})
}

// What was not written is nothing new.
func TestLedger_TellsNothingOfWhatWasNotWritten(t *testing.T) {
	l := newLedger(func(context.Context, []mcpmux.Activity) error { return errors.New("disk") }, slog.New(slog.DiscardHandler))
	l.wrote = func(n int) { t.Errorf("told %d", n) }
	l.record(mcpmux.Activity{Method: "tools/call"})
	l.flush(t.Context())
	l.flush(t.Context())
}

// A burst of calls costs no decision its row, nor does a write that fails.
func TestLedger_DecisionsAreNotLost(t *testing.T) {
	broken := true
	var written []mcpmux.Activity
	l := newLedger(func(_ context.Context, batch []mcpmux.Activity) error {
		if broken {
			return errors.New("disk")
		}
		written = append(written, batch...)
		return nil
	}, slog.New(slog.DiscardHandler))
	for range ledgerRoom + 1 {
		l.record(mcpmux.Activity{Method: "tools/call"})
	}
	l.decided.record(mcpmux.Activity{Method: "auth/consent", Outcome: "ok"})
	l.flush(t.Context())
	broken = false
	l.flush(t.Context())
	if len(written) == 0 || written[0].Method != "auth/consent" {
		t.Errorf("%d were written, and the first is no decision", len(written))
	}
}

func TestLedger_NeverBlocksACall(t *testing.T) {
	l := newLedger(nil, slog.New(slog.DiscardHandler))
	for range ledgerRoom + 5 {
		l.record(mcpmux.Activity{})
	}
	if n := l.dropped.Load(); n != 5 {
		t.Errorf("%d dropped, want 5", n)
	}
}

func TestLock_ASecondDaemonOnTheSameFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(dir); mcpmux.CodeOf(err) != mcpmux.CodeConflict {
		t.Errorf("a second lock: %v", err)
	}
	unlock()
	again, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	again()
}
