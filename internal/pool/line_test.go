package pool

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// alone acquires an exclusive lease.
func (b *bench) alone(t *testing.T, scope string) *Lease[*link] {
	t.Helper()
	l, err := b.Acquire(t.Context(), "s", scope, true)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestPool_WhoNeedsAConnectionAloneGetsOneMoreUpToTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		two := target("one", 0)
		two.MaxProcesses = 2
		b.Set(two)
		first, second := b.alone(t, "p"), b.alone(t, "p")
		if first.Conn == second.Conn || b.dials.Load() != 2 {
			t.Fatalf("%d dials", b.dials.Load())
		}
		third := make(chan *Lease[*link])
		go func() { third <- b.alone(t, "p") }()
		synctest.Wait()
		select {
		case <-third:
			t.Fatal("a third one beyond the limit")
		default:
		}
		second.Release()
		l := <-third
		if l.Conn != second.Conn {
			t.Error("the connection that was free first was not used")
		}
		l.Release()
		first.Release()
		if again := b.alone(t, "p"); again.Conn != first.Conn && again.Conn != second.Conn {
			t.Error("a free connection was not used")
		}
		if n, _ := b.Count("s"); n != 2 {
			t.Errorf("%d connections", n)
		}
	})
}

func TestPool_ManyAtOnceDialNoMoreThanTheLimitAndAllAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", time.Minute))
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				l := b.alone(t, "p")
				<-time.After(time.Second)
				l.Release()
			})
		}
		wg.Wait()
		if n := b.dials.Load(); n != mcpmux.DefaultMaxProcesses {
			t.Errorf("%d dials", n)
		}
	})
}

func TestPool_ARaisedLimitServesThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		one := target("one", 0)
		one.MaxProcesses = 1
		b.Set(one)
		b.alone(t, "p")
		got := make(chan *Lease[*link])
		go func() { got <- b.alone(t, "p") }()
		synctest.Wait()
		one.MaxProcesses = 2
		b.Set(one)
		<-got
	})
}

func TestPool_ASpoiledConnectionIsNotUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 0))
		l := b.alone(t, "p")
		l.Conn.spoiled.Store(true)
		l.Release()
		synctest.Wait()
		if !l.Conn.dead() {
			t.Error("it lives")
		}
		if c := <-b.closed; c.why == nil || !strings.Contains(c.why.Error(), "given up") {
			t.Errorf("closed with %v", c.why)
		}
		if next := b.alone(t, "p"); next.Conn == l.Conn {
			t.Error("it was leased again")
		}
	})
}

func TestPool_OnceIsAConnectionForOneLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 0))
		base := b.acquire(t, "p")
		var conns []*link
		for range 2 {
			l, err := b.AcquireOnce(t.Context(), "s", "p")
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, l.Conn)
			l.Release()
			synctest.Wait()
			if !l.Conn.dead() {
				t.Error("it lives on")
			}
		}
		if conns[0] == conns[1] || conns[0] == base.Conn || base.Conn.dead() {
			t.Error("a connection was shared")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.AcquireOnce(ctx, "s", "p"); err == nil {
			t.Error("a lease for nobody")
		}
	})
}

func TestPool_EndScopeEndsWhatMatchesAfterItsLastLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 0))
		mine, others := b.acquire(t, "owner=a p"), b.acquire(t, "owner=b p")
		b.EndScope("s", func(scope string) bool { return strings.HasPrefix(scope, "owner=a ") })
		if mine.Conn.dead() {
			t.Error("a call in flight was cut")
		}
		mine.Release()
		synctest.Wait()
		if !mine.Conn.dead() || others.Conn.dead() {
			t.Error("the wrong one ended")
		}
		var seen int
		b.Each("s", func(string) bool { return true }, func(*link) { seen++ })
		if seen != 1 {
			t.Errorf("%d connections are live", seen)
		}
	})
}

func TestPool_AFailedDialBesideALiveConnectionIsNotTriedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.takes = time.Millisecond
		b.Set(target("one", 0))
		first := b.alone(t, "p")
		only := errors.New("only one of me at a time")
		b.fail.Store(&only)
		got := make(chan *Lease[*link])
		wait := func() { got <- b.alone(t, "p") }
		go wait()
		<-time.After(failurePause / 2)
		go wait() // One more who comes is no reason to try again either.
		<-time.After(failurePause / 4)
		if n := b.dials.Load(); n != 2 {
			t.Errorf("%d dials, want one beside the first", n)
		}
		first.Release()
		l := <-got
		if l.Conn != first.Conn {
			t.Error("who waits was not served by the connection that lives")
		}
		l.Release()
		<-got
	})
}

func TestPool_AFailedDialForOneLeaseAnswersItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 0))
		if _, err := b.AcquireOnce(t.Context(), "s", "p"); err != nil {
			t.Fatal(err)
		}
		refused := errors.New("connection refused")
		b.fail.Store(&refused)
		began := time.Now()
		if _, err := b.AcquireOnce(t.Context(), "s", "p"); !errors.Is(err, refused) || time.Since(began) != b.takes {
			t.Errorf("err = %v after %s", err, time.Since(began))
		}
		if n := b.dials.Load(); n != 2 {
			t.Errorf("%d dials, want 2", n)
		}
	})
}

func TestPool_ConnectionsForOneLeaseAreBoundedUntilTheirProcessesAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.closes = time.Minute
		one := target("one", 0)
		one.MaxProcesses = 1
		b.Set(one)
		var leases []*Lease[*link]
		for i := range minOnce {
			l, err := b.AcquireOnce(t.Context(), "s", []string{"p", "q"}[i%2])
			if err != nil {
				t.Fatal(err)
			}
			leases = append(leases, l)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.AcquireOnce(ctx, "s", "p"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one more than the bound: %v", err)
		}
		began := time.Now()
		leases[1].Release() // Of scope q; the next is of another that nobody uses.
		l, err := b.AcquireOnce(t.Context(), "s", "r")
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d != b.closes+b.takes {
			t.Errorf("served after %s, want when the process was gone", d)
		}
		b.Set(target("one", 0)) // A higher limit.
		if _, err := b.AcquireOnce(t.Context(), "s", "r"); err != nil {
			t.Error(err)
		}
		l.Release()
	})
}

func TestPool_AConnectionForOneLeaseEndsWithoutIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 0))
		ctx, cancel := context.WithTimeout(t.Context(), b.takes/2)
		defer cancel()
		if _, err := b.AcquireOnce(ctx, "s", "p"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v", err)
		}
		<-time.After(b.takes)
		synctest.Wait()
		if n, _ := b.Count("s"); n != 0 {
			t.Errorf("%d connections that were dialled for nobody", n)
		}
		if n := len(b.servers["s"].single); n != 0 {
			t.Errorf("%d lines without anybody", n)
		}
	})
}

func TestPool_AReplacedConfigurationEndsConnectionsHeldAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("old", 0))
		first, second := b.alone(t, "p"), b.alone(t, "p")
		once, err := b.AcquireOnce(t.Context(), "s", "p")
		if err != nil {
			t.Fatal(err)
		}
		b.Set(target("new", 0))
		if fresh := b.alone(t, "p"); fresh.Conn.target.Spec.Command != "new" {
			t.Error("got the old configuration")
		}
		if n, _ := b.Count("s"); n != 4 {
			t.Errorf("%d connections, want those that drain too", n)
		}
		for _, l := range []*Lease[*link]{first, second, once} {
			if l.Conn.dead() {
				t.Error("a connection ended under its lease")
			}
			l.Release()
		}
		synctest.Wait()
		if n, _ := b.Count("s"); n != 1 {
			t.Errorf("%d connections, want the new one", n)
		}
		<-b.Remove("s")
	})
}
