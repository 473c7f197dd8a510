package guard

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a time that moves when it is told to.
type clock struct{ at time.Time }

func newClock() *clock                    { return &clock{at: time.Unix(1_000_000, 0)} }
func (c *clock) now() time.Time           { return c.at }
func (c *clock) advance(by time.Duration) { c.at = c.at.Add(by) }

// allowed is how many of n things key may do now.
func allowed(l *Limiter, key string, n int) (count int) {
	for range n {
		if ok, _ := l.Allow(key); ok {
			count++
		}
	}
	return count
}

func TestLimiter_GivesABurstAndThenTheRate(t *testing.T) {
	c := newClock()
	l := NewLimiter(30, 5).Clock(c.now)
	if n := allowed(l, "a", 20); n != 5 {
		t.Errorf("%d at once, want 5", n)
	}
	ok, after := l.Allow("a")
	if ok || after != 2*time.Second {
		t.Errorf("allowed %t, again after %v; one token takes 2 s", ok, after)
	}
	c.advance(2 * time.Second)
	if n := allowed(l, "a", 20); n != 1 {
		t.Errorf("%d after the time that was told, want 1", n)
	}
	c.advance(time.Hour)
	if n := allowed(l, "a", 20); n != 5 {
		t.Errorf("%d after an hour, want the burst, 5", n)
	}
}

func TestLimiter_OneKeyCostsTheOthersNothing(t *testing.T) {
	l := NewLimiter(10, 10).Clock(newClock().now)
	allowed(l, "flood", 1000)
	if n := allowed(l, "honest", 10); n != 10 {
		t.Errorf("%d of 10 beside a flood", n)
	}
}

func TestLimiter_AClockSetBackTakesNothing(t *testing.T) {
	c := newClock()
	l := NewLimiter(60, 2).Clock(c.now)
	allowed(l, "a", 1)
	c.advance(-time.Hour)
	if n := allowed(l, "a", 5); n != 1 {
		t.Errorf("%d allowed, want the 1 that was left", n)
	}
	c.advance(time.Second)
	if n := allowed(l, "a", 5); n != 1 {
		t.Errorf("%d allowed a second later, want 1", n)
	}
}

func TestLimiter_ExhaustedTakesNothing(t *testing.T) {
	c := newClock()
	l := NewLimiter(60, 1).Clock(c.now)
	for range 3 {
		if no, _ := l.Exhausted("a"); no {
			t.Fatal("exhausted before anything was taken")
		}
	}
	allowed(l, "a", 1)
	if no, after := l.Exhausted("a"); !no || after != time.Second {
		t.Errorf("exhausted %t, again after %v", no, after)
	}
}

func TestLimiter_RemembersABoundedNumberOfKeys(t *testing.T) {
	c := newClock()
	l := NewLimiter(1, 1).Clock(c.now)
	long := strings.Repeat("x", 1<<20)
	for i := range 10 * limiterKeys {
		l.Allow(strconv.Itoa(i) + long[:i%3*200])
		if n := len(l.young) + len(l.old); n > 2*limiterKeys {
			t.Fatalf("%d keys are kept", n)
		}
	}
	for key := range l.young {
		if len(key) > limiterKeyLen {
			t.Fatalf("a key of %d bytes is kept", len(key))
		}
	}
	l.Allow(long)
	if ok, _ := l.Allow(long); ok {
		t.Error("a long key has no bucket")
	}
	c.advance(2 * time.Minute)
	l.Allow("a")
	c.advance(2 * time.Minute)
	l.Allow("a")
	if n := len(l.young) + len(l.old); n > 2 {
		t.Errorf("%d keys are kept after all of them filled up", n)
	}
}

func TestLimiter_AKeyInUseOutlivesAFloodOfOthers(t *testing.T) {
	l := NewLimiter(1, 1).Clock(newClock().now)
	allowed(l, "a", 1)
	for i := range 5 * limiterKeys {
		l.Allow(strconv.Itoa(i))
		if i%1000 == 0 {
			if ok, _ := l.Allow("a"); ok {
				t.Fatalf("it was forgotten after %d others", i)
			}
		}
	}
}

func TestLimiter_ServesManyAtOnce(t *testing.T) {
	l := NewLimiter(1, 50).Clock(newClock().now)
	var wg sync.WaitGroup
	var count atomic.Int64
	for range 8 {
		wg.Go(func() { count.Add(int64(allowed(l, "a", 100))) })
	}
	wg.Wait()
	if count.Load() != 50 {
		t.Errorf("%d allowed, want 50", count.Load())
	}
}

func TestTooMany_SaysWhenToComeAgain(t *testing.T) {
	for after, want := range map[time.Duration]string{0: "1", time.Millisecond: "1", time.Second: "1", 1001 * time.Millisecond: "2", time.Minute: "60"} {
		w := httptest.NewRecorder()
		TooMany(w, after, "too many registrations")
		if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != want {
			t.Errorf("%v: %d, Retry-After %q, want %q", after, w.Code, w.Header().Get("Retry-After"), want)
		}
		checkError(t, w, "unavailable")
	}
}

func TestPeer_IsOneSpellingForEachMachine(t *testing.T) {
	for remote, want := range map[string]string{
		"127.0.0.1:5":          "127.0.0.1",
		"[::1]:5":              "::1",
		"[::ffff:127.0.0.1]:5": "127.0.0.1",
		"[fe80::1%eth0]:5":     "fe80::1",
		"@":                    "local",
		"":                     "local",
	} {
		if got := Peer(&http.Request{RemoteAddr: remote}); got != want {
			t.Errorf("%q: %q, want %q", remote, got, want)
		}
	}
}

func BenchmarkLimiter(b *testing.B) {
	l := NewLimiter(60, 60)
	b.ReportAllocs()
	for b.Loop() {
		l.Allow("127.0.0.1")
	}
}
