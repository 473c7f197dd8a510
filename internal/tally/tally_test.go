package tally

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

var now = time.Date(2026, 3, 4, 12, 34, 56, 0, time.UTC)

func call(ago time.Duration, client, server, name, outcome string, took time.Duration) mcpmux.Activity {
	return mcpmux.Activity{
		At: now.Add(-ago), Client: mcpmux.ClientID(client), Space: "s", Server: server, Method: "tools/call", Name: name, Outcome: outcome, Duration: mcpmux.Duration(took),
	}
}

// records plays the store's record.
type records struct {
	list []mcpmux.Activity
	read int
	err  error
}

func (r *records) EachActivity(ctx context.Context, f store.ActivityFilter, each func(*store.Activity) error) (int64, error) {
	if ctx.Err() != nil {
		return f.AfterID, ctx.Err()
	}
	for i := int(f.AfterID); i < len(r.list); i++ {
		r.read++
		if r.err != nil && i == 5 {
			return int64(i), r.err
		}
		if err := each(&store.Activity{ID: int64(i + 1), Activity: r.list[i]}); err != nil {
			return int64(i), err
		}
	}
	return int64(len(r.list)), nil
}

func summary(t *testing.T, ta *Tally, window string, space mcpmux.SpaceID) *Summary {
	t.Helper()
	s, err := ta.Summary(t.Context(), window, space)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSummary_CountsCallsByServerToolAndClient(t *testing.T) {
	other := call(time.Minute, "c1", "gh", "gh_b", "ok", time.Second)
	other.Space = "s2"
	r := &records{list: []mcpmux.Activity{
		call(8*24*time.Hour, "c1", "gh", "gh_a", "ok", time.Second), // before all windows
		call(6*24*time.Hour, "c1", "gh", "gh_a", "ok", time.Second),
		call(3*time.Hour, "c1", "gh", "gh_a", "error", time.Second),
		call(10*time.Minute, "c1", "gh", "gh_a", "ok", 10*time.Millisecond),
		call(10*time.Minute, "c2", "gh", "gh_a", "tool_error", 20*time.Millisecond),
		call(10*time.Minute, "c2", "gl", "gl_x", "cancelled", time.Hour),
		call(5*time.Second, "c2", "", "no_such_tool", "denied", 0),
		other,
		{At: now, Method: "auth/consent", Outcome: "ok"},
		{At: now, Client: "c1", Server: "gh", Method: "completion/complete", Name: "p", Outcome: "ok"},
	}}
	ta := New(r, func() time.Time { return now })
	for window, want := range map[string]int{"1h": 5, "24h": 6, "7d": 7} {
		if got := summary(t, ta, window, ""); got.Total.Calls != want || len(got.Slots) != got.Window.Slots {
			t.Errorf("%s: %d calls in %d slots, want %d", window, got.Total.Calls, len(got.Slots), want)
		}
	}
	s := summary(t, ta, "1h", "s")
	if got := s.Total; got.Calls != 4 || got.Errors != 1 || got.Denied != 1 || !got.Last.Equal(now.Add(-5*time.Second)) {
		t.Errorf("total: %+v", got)
	}
	var got []string
	for _, list := range [][]Named{s.Servers, s.Tools, s.Clients} {
		for _, n := range list {
			sum := 0
			for _, c := range n.Series {
				sum += c
			}
			got = append(got, fmt.Sprintf("%s %s %s: %d %d %d, drawn %d", n.Client, n.Server, n.Name, n.Calls, n.Errors, n.Denied, sum))
		}
	}
	want := []string{" gh : 2 1 0, drawn 2", " gl : 1 0 0, drawn 1", " gh gh_a: 2 1 0, drawn 2", " gl gl_x: 1 0 0, drawn 1", "c2  : 3 1 1, drawn 3", "c1  : 1 0 0, drawn 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := ta.Summary(t.Context(), "1w", ""); mcpmux.CodeOf(err) != mcpmux.CodeInvalid {
		t.Errorf("an unknown window: %v", err)
	}
}

func TestSummary_ReadsEachRecordOnceAndForgetsWhatIsOver(t *testing.T) {
	at := now
	r := &records{list: []mcpmux.Activity{call(0, "c", "gh", "t", "ok", 1), call(0, "c", "gh", "t", "ok", 1)}}
	ta := New(r, func() time.Time { return at })
	summary(t, ta, "1h", "")
	r.list = append(r.list, call(0, "c", "gh", "t", "ok", 1))
	if got := summary(t, ta, "1h", ""); got.Total.Calls != 3 || r.read != 3 {
		t.Errorf("%d calls of %d readings", got.Total.Calls, r.read)
	}
	at = now.Add(59 * time.Minute)
	if got := summary(t, ta, "1h", ""); got.Total.Calls != 3 || got.Slots[0].Calls != 3 {
		t.Errorf("in the oldest slot: %+v", got.Total)
	}
	at = now.Add(60 * time.Minute)
	if got := summary(t, ta, "1h", ""); got.Total.Calls != 0 || len(got.Tools) != 0 || len(ta.windows[0].slots) != 0 {
		t.Errorf("after an hour: %+v, %d slots", got.Total, len(ta.windows[0].slots))
	}
	if got := summary(t, ta, "24h", ""); got.Total.Calls != 3 {
		t.Errorf("of the day: %+v", got.Total)
	}
}

func TestSummary_GoesOnAfterAReadingThatFailed(t *testing.T) {
	r := &records{err: errors.New("the disk")}
	for range 10 {
		r.list = append(r.list, call(0, "c", "gh", "t", "ok", 1))
	}
	ta := New(r, func() time.Time { return now })
	if _, err := ta.Summary(t.Context(), "1h", ""); !errors.Is(err, r.err) {
		t.Fatalf("error %v", err)
	}
	r.err = nil
	if got := summary(t, ta, "1h", ""); got.Total.Calls != 10 {
		t.Errorf("%d calls", got.Total.Calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ta.turn <- struct{}{} // somebody counts
	if _, err := ta.Summary(ctx, "1h", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up: %v", err)
	}
}

// Clients write names as they like; the memory for them has a limit, and no call is lost to it.
func TestSummary_NamesBeyondTheLimitAreCountedWithoutName(t *testing.T) {
	r := &records{}
	for i := range maxKeys + 50 {
		r.list = append(r.list, call(0, "c", "gh", fmt.Sprint("tool", i), "ok", 1))
	}
	for i := range 50 { // those that are refused have no name from the start, and resources neither
		r.list = append(r.list, call(0, "c", "", fmt.Sprint("guess", i), "denied", 1))
		a := call(0, "c", "gh", fmt.Sprint("file:///", i), "ok", 1)
		a.Method = "resources/read"
		r.list = append(r.list, a)
	}
	ta := New(r, func() time.Time { return now })
	s := summary(t, ta, "1h", "")
	if s.Total.Calls != maxKeys+150 || s.Clients[0].Calls != maxKeys+150 || s.Servers[0].Calls != maxKeys+100 || len(s.Tools) != maxNamed {
		t.Errorf("total %d, client %d, server %d, %d tools", s.Total.Calls, s.Clients[0].Calls, s.Servers[0].Calls, len(s.Tools))
	}
	for _, slot := range ta.windows[0].slots {
		if len(slot) > maxKeys+2 {
			t.Errorf("%d keys", len(slot))
		}
	}
}

// An answer that took long is given again for a while, so that asking without end does not become all that is done.
func TestSummary_RestsInProportionToItsWork(t *testing.T) {
	at, slow := now, time.Second
	r := &records{list: []mcpmux.Activity{call(0, "c", "gh", "t", "ok", 1)}}
	ta := New(r, func() time.Time { at = at.Add(slow); return at }) // each look at the clock takes a second
	summary(t, ta, "24h", "")
	r.list = append(r.list, call(0, "c", "gh", "t", "ok", 1))
	slow = 0
	if got := summary(t, ta, "24h", ""); got.Total.Calls != 1 {
		t.Errorf("at once: %d calls", got.Total.Calls)
	}
	if got := summary(t, ta, "24h", "s"); got.Total.Calls != 2 {
		t.Errorf("another question: %d calls", got.Total.Calls)
	}
	at = at.Add(rest * time.Second)
	if got := summary(t, ta, "24h", ""); got.Total.Calls != 2 {
		t.Errorf("after the rest: %d calls", got.Total.Calls)
	}
}

func TestLatencies_PercentilesAreWithinThreePercent(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		var l latencies
		all := make([]time.Duration, 1+r.IntN(2000))
		for i := range all {
			all[i] = time.Duration(r.Int64N(int64(time.Microsecond) << r.IntN(35)))
			l.add(classOf(all[i]), 1)
		}
		slices.Sort(all)
		for _, share := range []float64{0, 0.5, 0.95, 0.999} {
			want, got := all[int(share*float64(len(all)))], l.at(share)
			if diff := (got - want).Abs(); diff > want*32/1000+time.Microsecond {
				t.Errorf("%v of %d: %v, want %v", share, len(all), got, want)
			}
		}
	}
	if got := latencies(nil).at(0.5); got != 0 {
		t.Errorf("of none: %v", got)
	}
}

func FuzzClassOf_IsOrderedAndNearItsMiddle(f *testing.F) {
	f.Add(int64(0), int64(1))
	f.Add(int64(time.Hour), int64(-5))
	f.Fuzz(func(t *testing.T, a, b int64) {
		if a > b {
			a, b = b, a
		}
		if classOf(time.Duration(a)) > classOf(time.Duration(b)) {
			t.Errorf("%d has a class after that of %d", a, b)
		}
		d := max(time.Duration(b), 0)
		if m := middle(classOf(d)); (m - d).Abs() > d/31+time.Microsecond {
			t.Errorf("the middle of the class of %v is %v", d, m)
		}
	})
}

// BenchmarkSummary is what a dashboard costs: the first look at a week of 100,000 calls of 20 Servers with 1,000 tools
// and 8 Clients, and one more look after ten calls more.
func BenchmarkSummary(b *testing.B) {
	st, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "data", "mcpmux.db"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	r := rand.New(rand.NewPCG(1, 2))
	some := func(n int, ago time.Duration) (list []mcpmux.Activity) {
		for range n {
			server := fmt.Sprint("server", r.IntN(20))
			list = append(list, call(time.Duration(r.Int64N(int64(ago))), fmt.Sprint("client", r.IntN(8)), server, fmt.Sprint(server, "_tool", r.IntN(50)), "ok", time.Duration(r.IntN(1e9))))
		}
		return list
	}
	if err := st.AppendActivity(b.Context(), some(100_000, 7*24*time.Hour)); err != nil {
		b.Fatal(err)
	}
	for _, w := range Windows() {
		b.Run("first/"+w.Name, func(b *testing.B) {
			for b.Loop() {
				if _, err := New(st, func() time.Time { return now }).Summary(b.Context(), w.Name, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
		ta := New(st, func() time.Time { return now })
		if _, err := ta.Summary(b.Context(), w.Name, ""); err != nil {
			b.Fatal(err)
		}
		b.Run("kept/"+w.Name, func(b *testing.B) {
			begun := time.Now()
			ta := New(st, func() time.Time { return now.Add(time.Since(begun)) })
			for b.Loop() {
				if _, err := ta.Summary(b.Context(), w.Name, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("again/"+w.Name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				if err := st.AppendActivity(b.Context(), some(10, time.Minute)); err != nil {
					b.Fatal(err)
				}
				clear(ta.answers)
				b.StartTimer()
				if _, err := ta.Summary(b.Context(), w.Name, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
