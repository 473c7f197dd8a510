package pool

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// link is a connection without a server behind it: lifetimes are all that the pool knows.
type link struct {
	target   Target
	scope    string
	pid      int
	inFlight atomic.Int64
	spoiled  atomic.Bool
	closes   time.Duration // how long its process takes to end
	once     sync.Once
	done     chan struct{}
	err      error
}

func (l *link) Done() <-chan struct{} { return l.done }
func (l *link) Err() error            { return l.err }
func (l *link) PID() int              { return l.pid }
func (l *link) InFlight() int         { return int(l.inFlight.Load()) }
func (l *link) Spoiled() bool         { return l.spoiled.Load() }
func (l *link) Close() error          { l.die(nil); <-time.After(l.closes); return nil }
func (l *link) die(err error)         { l.once.Do(func() { l.err = err; close(l.done) }) }
func (l *link) dead() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// bench is a pool whose dials take a second and can be told to fail.
type bench struct {
	*Pool[*link]
	dials  atomic.Int64
	fail   atomic.Pointer[error]
	takes  time.Duration
	closes time.Duration
	closed chan closing
}

type closing struct {
	key Key
	why error
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{takes: time.Second, closed: make(chan closing, 100)}
	dial := func(ctx context.Context, tg Target, scope string) (*link, error) {
		n := b.dials.Add(1)
		select {
		case <-time.After(b.takes):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if err := b.fail.Load(); err != nil {
			return nil, *err
		}
		return &link{target: tg, scope: scope, pid: int(n), closes: b.closes, done: make(chan struct{})}, nil
	}
	b.Pool = New(dial, Observer[*link]{Closed: func(k Key, _ *link, why error) { b.closed <- closing{k, why} }}, 20*time.Second)
	t.Cleanup(b.Close)
	return b
}

func target(command string, idle time.Duration) Target {
	return Target{Space: "home", Server: "s", IdleTimeout: idle, Spec: backend.Spec{Transport: mcpmux.TransportStdio, Command: command}}
}

func (b *bench) acquire(t *testing.T, scope string) *Lease[*link] {
	t.Helper()
	l, err := b.Acquire(t.Context(), "s", scope, false)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestPool_OneConnectionPerKeyForAllClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 0))
		leases := make(chan *Lease[*link])
		for range 50 {
			go func() {
				l, err := b.Acquire(t.Context(), "s", "", false)
				if err != nil {
					t.Error(err)
				}
				leases <- l
			}()
		}
		first := <-leases
		for range 49 {
			if l := <-leases; l.Conn != first.Conn {
				t.Error("two connections for one key")
			}
		}
		if n := b.dials.Load(); n != 1 {
			t.Errorf("%d dials, want 1", n)
		}
		if other := b.acquire(t, `{"roots":{}}`); other.Conn == first.Conn || other.Conn.scope != `{"roots":{}}` {
			t.Error("another scope shares the base connection")
		}
		if n, pid := b.Count("s"); n != 2 || pid != 1 {
			t.Errorf("Count = %d, %d; want 2 connections, base process 1", n, pid)
		}
	})
}

func TestPool_SpacesShareNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		home, work := target("one", 0), target("one", 0)
		work.Space, work.Server = "work", "s2"
		b.Set(home)
		b.Set(work)
		l1 := b.acquire(t, "")
		l2, err := b.Acquire(t.Context(), "s2", "", false)
		if err != nil {
			t.Fatal(err)
		}
		if l1.Conn == l2.Conn || l1.Key() == l2.Key() {
			t.Error("two Spaces share a connection")
		}
	})
}

func TestPool_FailedDialAnswersAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 0))
		refused := errors.New("connection refused")
		b.fail.Store(&refused)
		errs := make(chan error)
		for range 10 {
			go func() {
				_, err := b.Acquire(t.Context(), "s", "", false)
				errs <- err
			}()
		}
		for range 10 {
			if err := <-errs; !errors.Is(err, refused) {
				t.Errorf("err = %v, want that of the dial", err)
			}
		}
		if n := b.dials.Load(); n != 1 {
			t.Errorf("%d dials, want 1", n)
		}
		b.fail.Store(nil)
		b.acquire(t, "").Release() // The next one tries anew.
	})
}

func TestPool_CallerThatGivesUpLeavesTheDialToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 0))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if _, err := b.Acquire(ctx, "s", "", false); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("err = %v", err)
		}
		b.acquire(t, "")
		if n := b.dials.Load(); n != 1 {
			t.Errorf("%d dials, want 1", n)
		}
	})
}

func TestPool_DialTimeIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.takes = time.Hour
		b.Set(target("one", 0))
		began := time.Now()
		if _, err := b.Acquire(t.Context(), "s", "", false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v", err)
		}
		if d := time.Since(began); d != 20*time.Second {
			t.Errorf("gave up after %s", d)
		}
	})
}

func TestPool_IdleConnectionCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 5*time.Second))
		l := b.acquire(t, "")
		<-time.After(time.Minute)
		if l.Conn.dead() {
			t.Fatal("closed while it was leased")
		}
		l.Release()
		l.Release()
		<-time.After(4 * time.Second)
		b.acquire(t, "").Release() // Use starts the time anew.
		<-time.After(4 * time.Second)
		synctest.Wait()
		if l.Conn.dead() {
			t.Fatal("closed although it was used 4 s ago")
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		if !l.Conn.dead() {
			t.Fatal("not closed after 6 s without use")
		}
		if c := <-b.closed; c.why != nil {
			t.Errorf("closed because %v, want no reason", c.why)
		}
		if n, _ := b.Count("s"); n != 0 {
			t.Errorf("%d connections", n)
		}
		b.acquire(t, "").Release() // The next use dials again.
		if n := b.dials.Load(); n != 2 {
			t.Errorf("%d dials, want 2", n)
		}
	})
}

func TestPool_IdleTimeoutOfZeroIsNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 0))
		l := b.acquire(t, "")
		l.Release()
		<-time.After(1000 * time.Hour)
		if l.Conn.dead() {
			t.Fatal("closed")
		}
		b.Set(target("one", time.Minute)) // The same configuration, another timeout: it counts at once.
		synctest.Wait()
		if !l.Conn.dead() {
			t.Error("a timeout set later does not count")
		}
	})
}

func TestPool_ConnectionWithCallInFlightIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 5*time.Second))
		l := b.acquire(t, "")
		l.Conn.inFlight.Store(1) // Its client gave up; the server works on.
		l.Release()
		<-time.After(time.Minute)
		if l.Conn.dead() {
			t.Fatal("closed while a call was in flight")
		}
		l.Conn.inFlight.Store(0)
		<-time.After(2 * recheck)
		synctest.Wait()
		if !l.Conn.dead() {
			t.Error("not closed after the call")
		}
	})
}

func TestPool_HeldConnectionIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 5*time.Second))
		release := b.Hold("s")
		l, other := b.acquire(t, ""), b.acquire(t, "profile")
		l.Release()
		other.Release()
		<-time.After(time.Minute)
		if l.Conn.dead() {
			t.Fatal("closed while it was held")
		}
		if !other.Conn.dead() {
			t.Error("a hold is for the base connection only")
		}
		release()
		release()
		<-time.After(6 * time.Second)
		synctest.Wait()
		if !l.Conn.dead() {
			t.Error("not closed after the hold")
		}
	})
}

func TestPool_CallsInFlightFinishOnTheOldConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("old", 0))
		old := b.acquire(t, "")
		b.Set(target("new", 0))
		fresh := b.acquire(t, "")
		if fresh.Conn == old.Conn || fresh.Conn.target.Spec.Command != "new" {
			t.Error("a new call got the old configuration")
		}
		<-time.After(time.Hour)
		if old.Conn.dead() {
			t.Error("the old connection closed under a call")
		}
		if n, _ := b.Count("s"); n != 2 {
			t.Errorf("%d connections, want the draining one too", n)
		}
		old.Release()
		synctest.Wait()
		if !old.Conn.dead() || fresh.Conn.dead() {
			t.Error("want the old connection closed and the new one open")
		}
		if c := <-b.closed; c.why != nil || c.key != old.Key() {
			t.Errorf("closed %v because %v", c.key, c.why)
		}
	})
}

func TestPool_WhoWaitsForAReplacedDialGetsTheNewOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("old", 0))
		go func() {
			<-time.After(time.Second / 2)
			b.Set(target("new", 0))
		}()
		if l := b.acquire(t, ""); l.Conn.target.Spec.Command != "new" {
			t.Error("got the old configuration")
		}
	})
}

func TestPool_ExpectedConfigurationIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("old", 0))
		b.acquire(t, "").Release()
		b.Expect("s")
		go func() {
			<-time.After(time.Minute)
			b.Set(target("new", 0))
		}()
		if l := b.acquire(t, ""); l.Conn.target.Spec.Command != "new" {
			t.Error("got the configuration that is being replaced")
		}
		b.Expect("s")
		locked := errors.New("locked")
		go b.Refuse("s", locked)
		if _, err := b.Acquire(t.Context(), "s", "", false); !errors.Is(err, locked) {
			t.Errorf("err = %v", err)
		}
		b.Expect("s")
		go b.Remove("s")
		if _, err := b.Acquire(t.Context(), "s", "", false); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
			t.Errorf("err = %v", err)
		}
	})
}

func TestPool_ExclusiveLeaseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		one := target("one", 0)
		one.MaxProcesses = 1
		b.Set(one)
		shared1, shared2 := b.acquire(t, "p"), b.acquire(t, "p")

		var order []string
		var wg sync.WaitGroup
		use := func(name string, exclusive bool) {
			wg.Go(func() {
				l, err := b.Acquire(t.Context(), "s", "p", exclusive)
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, name) // The leases under test make this safe: -race says so.
				<-time.After(time.Minute)
				l.Release()
			})
			synctest.Wait()
		}
		use("first", true)
		use("second", true)
		use("shared after them", false)
		if len(order) != 0 {
			t.Errorf("an exclusive lease beside two others: %v", order)
		}
		shared1.Release()
		shared2.Release()
		wg.Wait()
		if len(order) != 3 || order[0] != "first" || order[1] != "second" || order[2] != "shared after them" {
			t.Errorf("order = %v", order)
		}
	})
}

func TestPool_ExclusiveWaiterThatGivesUpLetsOthersPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 0))
		b.acquire(t, "")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() {
			if _, err := b.Acquire(ctx, "s", "", true); err == nil {
				t.Error("exclusive beside another lease")
			}
		}()
		synctest.Wait()
		began := time.Now()
		b.acquire(t, "").Release()
		if d := time.Since(began); d != time.Second {
			t.Errorf("waited %s, want until the exclusive one gave up", d)
		}
	})
}

func TestPool_RefusedServerAnswersAtOnceAndKeepsItsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 0))
		l := b.acquire(t, "")
		why := errors.New("login required")
		b.Refuse("s", why)
		if _, err := b.Acquire(t.Context(), "s", "", false); !errors.Is(err, why) {
			t.Errorf("err = %v", err)
		}
		if l.Conn.dead() {
			t.Error("its connection closed")
		}
		b.Refuse("s", nil)
		if again := b.acquire(t, ""); again.Conn != l.Conn {
			t.Error("another connection")
		}
	})
}

func TestPool_RemovedServerIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 0))
		l := b.acquire(t, "")
		<-b.Remove("s")
		if !l.Conn.dead() {
			t.Error("its connection is open")
		}
		l.Release()
		if _, err := b.Acquire(t.Context(), "s", "", false); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
			t.Errorf("err = %v", err)
		}
		<-b.Remove("s")
		b.Set(target("one", 0))
		if b.acquire(t, "").Conn == l.Conn {
			t.Error("a dead connection was handed out")
		}
	})
}

func TestPool_RemoveEndsADial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.takes = time.Hour
		b.Set(target("one", 0))
		errs := make(chan error)
		go func() {
			_, err := b.Acquire(t.Context(), "s", "", false)
			errs <- err
		}()
		synctest.Wait()
		<-b.Remove("s")
		if err := <-errs; mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
			t.Errorf("err = %v", err)
		}
	})
}

func TestPool_DeadConnectionIsReplacedAndReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 0))
		l := b.acquire(t, "")
		killed := errors.New("signal: killed")
		l.Conn.die(killed)
		if c := <-b.closed; !errors.Is(c.why, killed) {
			t.Errorf("closed because %v", c.why)
		}
		if b.acquire(t, "").Conn == l.Conn {
			t.Error("a dead connection was handed out")
		}
		l.Release()
	})
}

func TestPool_DiscardedConnectionIsReplacedForThatReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 0))
		l := b.acquire(t, "")
		silent := errors.New("does not answer")
		b.Discard(l.Key(), l.Conn, silent)
		if c := <-b.closed; !errors.Is(c.why, silent) {
			t.Errorf("closed because %v", c.why)
		}
		fresh := b.acquire(t, "")
		b.Discard(l.Key(), l.Conn, silent) // It is another connection now.
		if fresh.Conn.dead() {
			t.Error("the wrong connection was discarded")
		}
	})
}

func TestPool_ClosedPoolHasNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Set(target("one", 0))
		l := b.acquire(t, "")
		b.Close()
		if !l.Conn.dead() {
			t.Error("a connection is open")
		}
		l.Release()
		b.Set(target("one", 0))
		if _, err := b.Acquire(t.Context(), "s", "", false); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
			t.Errorf("err = %v", err)
		}
	})
}

// TestPool_EveryLeaseIsOfALiveConnection has many clients, restarts and deaths at once; -race watches.
func TestPool_EveryLeaseIsOfALiveConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.takes = time.Millisecond
		b.Set(target("0", time.Second))
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				for n := range 200 {
					l, err := b.Acquire(t.Context(), "s", "", n%7 == i%7)
					if err != nil {
						t.Error(err)
						return
					}
					time.Sleep(time.Duration(1+(i*n)%13) * time.Millisecond) //nolint:forbidigo // the clock of the bubble
					if n%50 == 49 && i == 0 {
						l.Conn.die(errors.New("crash"))
					}
					l.Release()
				}
			})
		}
		wg.Go(func() {
			for n := range 20 {
				<-time.After(50 * time.Millisecond)
				b.Set(target(string(rune('a'+n)), time.Second))
			}
		})
		go func() {
			for range b.closed {
			}
		}()
		wg.Wait()
		<-time.After(time.Minute)
		synctest.Wait()
		if n, _ := b.Count("s"); n != 0 {
			t.Errorf("%d connections left", n)
		}
		b.Close()
		close(b.closed)
	})
}
