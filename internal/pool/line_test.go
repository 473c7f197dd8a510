package pool

import (
	"context"
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
