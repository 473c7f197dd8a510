package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

var begun = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// calls are n records of a year in which everything is used, one every ten seconds; every thousandth is a decision.
func calls(n int) []mcpmux.Activity {
	r := rand.New(rand.NewPCG(1, 2))
	list := make([]mcpmux.Activity, n)
	for i := range list {
		server := fmt.Sprint("server", r.IntN(20))
		list[i] = mcpmux.Activity{
			At: begun.Add(time.Duration(i) * 10 * time.Second), Client: mcpmux.ClientID(fmt.Sprintf("019abcde-0000-7000-8000-%012d", r.IntN(8))),
			Space: mcpmux.SpaceID(fmt.Sprintf("019abcde-0000-7000-8000-%012d", 100+r.IntN(3))), Server: server, Method: "tools/call",
			Name: fmt.Sprint(server, "_tool", r.IntN(50)), Outcome: []string{"ok", "ok", "ok", "tool_error"}[r.IntN(4)], Duration: mcpmux.Duration(r.IntN(1e9)),
		}
		if i%1000 == 999 {
			list[i] = mcpmux.Activity{At: list[i].At, Method: "auth/consent", Outcome: "ok", Actor: "user (dashboard)", Detail: `"<Cursor>" & co`}
		}
	}
	return list
}

// append writes records in blocks of n.
func (f *fixture) record(tb testing.TB, list []mcpmux.Activity, n int) {
	tb.Helper()
	for part := range slices.Chunk(list, n) {
		if err := f.AppendActivity(bg, part); err != nil {
			tb.Fatal(err)
		}
	}
}

// Every combination of filters finds what a plain reading of all records finds, in pages in both directions.
func TestActivities_FiltersAndPagesAgreeWithAPlainReading(t *testing.T) {
	f := newStore(t)
	list := calls(5000)
	list[4000].At = begun // it took long: others that began later were written before
	f.record(t, list[:3000], 700)
	f.record(t, list[3000:], 3)
	for name, filter := range map[string]ActivityFilter{
		"all":             {},
		"client":          {Client: list[7].Client},
		"space":           {Space: list[7].Space},
		"server":          {Server: "server7"},
		"nothing":         {Server: "server77"},
		"outcome":         {Outcome: "tool_error"},
		"text":            {Text: "TOOL49"},
		"text of detail":  {Text: `"<cursor>" &`},
		"text of nobody":  {Text: "client_id"},
		"decisions":       {Decisions: true},
		"requests":        {Requests: true},
		"both":            {Requests: true, Decisions: true},
		"since":           {Since: list[4321].At},
		"until":           {Until: list[123].At},
		"between":         {Since: list[100].At, Until: list[300].At},
		"after":           {AfterID: 4990},
		"before":          {BeforeID: 12},
		"after, before":   {AfterID: 900, BeforeID: 1500, Server: "server3"},
		"all at once":     {Client: list[7].Client, Space: list[7].Space, Outcome: "ok", Text: "tool", Requests: true, Since: begun, Until: list[4900].At},
		"beyond the last": {AfterID: 5000},
	} {
		t.Run(name, func(t *testing.T) {
			var want []int64
			for i := range list {
				id := int64(i + 1)
				if filter.wants(&list[i]) && id > filter.AfterID && (filter.BeforeID == 0 || id < filter.BeforeID) {
					want = append(want, id)
				}
			}
			var each []int64
			last, err := f.EachActivity(bg, filter, func(a *Activity) error { each = append(each, a.ID); return nil })
			if diff := cmp.Diff(want, each); diff != "" || err != nil || len(want) > 0 && last < want[len(want)-1] {
				t.Errorf("each: last %d, error %v\n%s", last, err, diff)
			}
			if diff := cmp.Diff(want, f.pages(t, filter)); diff != "" {
				t.Error("pages:\n" + diff)
			}
		})
	}
}

// pages reads everything in pages of 37: backwards by BeforeID, or forwards by AfterID where the filter has that.
func (f *fixture) pages(t *testing.T, filter ActivityFilter) (ids []int64) {
	t.Helper()
	filter.Limit = 37
	for range 1000 {
		page, err := f.Activities(bg, filter)
		if err != nil {
			t.Fatal(err)
		}
		var here []int64
		for _, a := range page {
			here = append(here, a.ID)
		}
		if len(here) == 0 {
			return ids
		}
		if filter.AfterID > 0 {
			ids, filter.AfterID = append(ids, here...), here[len(here)-1]
		} else {
			ids, filter.BeforeID = append(here, ids...), here[0]
		}
	}
	t.Fatal("the pages do not end")
	return nil
}

// Packed or not, the record is the same; and what is written meanwhile has its place after it.
func TestPackActivity_KeepsEveryRecordInItsPlace(t *testing.T) {
	f := newStore(t)
	list := calls(3000)
	list[10].At = begun.Add(time.Hour * 1000)
	for i, n := range []int{1, 1500, 700} { // in blocks of one, then in two big ones, then of three
		size := []int{1, n, 3}[i]
		f.record(t, list[:n], size)
		list = append(list[n:], list[:n]...)
	}
	all := func() (ids []int64) {
		t.Helper()
		if _, err := f.EachActivity(bg, ActivityFilter{}, func(a *Activity) error { ids = append(ids, a.ID); return nil }); err != nil {
			t.Fatal(err)
		}
		return ids
	}
	before := f.pages(t, ActivityFilter{Text: "tool4"})
	for range 2 {
		if err := f.PackActivity(bg); err != nil {
			t.Fatal(err)
		}
		if got := all(); len(got) != 2201 || got[0] != 1 || got[2200] != 2201 {
			t.Fatalf("%d records", len(got))
		}
		if diff := cmp.Diff(before, f.pages(t, ActivityFilter{Text: "tool4"})); diff != "" {
			t.Error(diff)
		}
	}
	var blocks []int64
	err := f.read(bg, func(ctx context.Context, t *tx) error {
		return t.each(ctx, func(rows *sql.Rows) error {
			var first, last int64
			err := rows.Scan(&first, &last)
			blocks = append(blocks, last-first+1)
			return err
		}, "SELECT first_id, last_id FROM activity ORDER BY first_id")
	})
	if err != nil || len(blocks) > 240 || slices.Max(blocks) > activityBlock {
		t.Errorf("%d blocks, the first of %v, %v", len(blocks), blocks[:5], err)
	}
	f.record(t, list[:1], 1)
	if got := all(); got[len(got)-1] != 2202 {
		t.Errorf("the next is %d", got[len(got)-1])
	}
}

func TestPackActivity_MakesFullBlocksAndWritesARecordOnceMore(t *testing.T) {
	f := newStore(t)
	f.recordSingly(t, calls(5000))
	if err := f.PackActivity(bg); err != nil {
		t.Fatal(err)
	}
	n := f.Statements()
	if err := f.PackActivity(bg); err != nil || f.Statements()-n > 3 {
		t.Errorf("again: %d statements, %v", f.Statements()-n, err)
	}
	var count int64
	err := f.read(bg, func(ctx context.Context, t *tx) (err error) {
		count, err = t.count(ctx, "SELECT COUNT(*) FROM activity")
		return err
	})
	if want := int64(5000/activityBlock + 5000%activityBlock); count != want || err != nil {
		t.Errorf("%d blocks, want %d (%v)", count, want, err)
	}
}

// What began long ago and ended late is pruned from among others; the ids of the rest stay.
func TestPackActivity_LeavesGapsAlone(t *testing.T) {
	f := newStore(t)
	list := calls(2100)
	for i := range 50 {
		list[500+i].At = begun.Add(-time.Hour)
	}
	f.record(t, list, 50)
	if n, err := f.PruneActivity(bg, begun); n != 50 || err != nil {
		t.Fatalf("%d pruned, %v", n, err)
	}
	before := f.pages(t, ActivityFilter{})
	if err := f.PackActivity(bg); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, f.pages(t, ActivityFilter{})); diff != "" || len(before) != 2050 {
		t.Errorf("%d records\n%s", len(before), diff)
	}
}

// Who reads in strides while neighbours are packed sees each record once, in both directions.
func TestActivities_AreSeenOnceWhilePacked(t *testing.T) {
	for _, back := range []bool{false, true} {
		f := newStore(t)
		f.recordSingly(t, calls(3000))
		w := newWalk(ActivityFilter{})
		w.room = 400
		if !back {
			w.forwards()
		}
		seen := map[int64]int{}
		for !w.over {
			found, err := w.stride(bg, f.Store, math.MaxInt)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range found {
				seen[a.ID]++
			}
			if err := f.PackActivity(bg); err != nil {
				t.Fatal(err)
			}
		}
		if len(seen) != 3000 {
			t.Errorf("back %t: %d records", back, len(seen))
		}
		for id, n := range seen {
			if n != 1 {
				t.Fatalf("back %t: record %d was seen %d times", back, id, n)
			}
		}
	}
}

func TestEachActivity_EndsWithItsReader(t *testing.T) {
	f := newStore(t)
	f.record(t, calls(50), 10)
	enough := errors.New("enough")
	n := 0
	last, err := f.EachActivity(bg, ActivityFilter{}, func(*Activity) error {
		if n++; n == 7 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || last != 7 || n != 7 {
		t.Errorf("last %d after %d, error %v", last, n, err)
	}
	ctx, cancel := context.WithCancel(bg)
	cancel()
	if _, err := f.EachActivity(ctx, ActivityFilter{}, func(*Activity) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A sieve is a shortcut: it must not leave out what the filter wants, whatever texts a record and a filter have.
func FuzzSieve_LeavesOutNothingThatIsWanted(f *testing.F) {
	f.Add("c", "gh", "tools/call", "gh_create", "detail", "CREATE", int64(5))
	f.Add("c", `a"b\`, "auth/consent", "<é>\u2028", `\`, `\`, int64(-5))
	f.Add("", "", "guard/refused", "K", "\xff", "\xff", int64(0))
	f.Fuzz(func(t *testing.T, client, server, method, name, detail, text string, offset int64) {
		a := mcpmux.Activity{
			At: begun.Add(time.Duration(offset % int64(1000*time.Hour))), Client: mcpmux.ClientID(client), Server: server, Method: method, Name: name, Outcome: client, Detail: detail, Code: int(offset % 1e6), Duration: mcpmux.Duration(offset),
		}
		var line bytes.Buffer
		if err := json.NewEncoder(&line).Encode(&a); err != nil {
			t.Skip()
		}
		var kept mcpmux.Activity // with what JSON does to texts that are none
		if err := json.Unmarshal(line.Bytes(), &kept); err != nil {
			t.Fatal(err)
		}
		var read mcpmux.Activity
		if err := readLine(line.Bytes(), &read); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(kept, read); diff != "" {
			t.Error("readLine:\n" + diff)
		}
		for _, filter := range []ActivityFilter{
			{Client: kept.Client},
			{Server: kept.Server},
			{Outcome: kept.Outcome},
			{Text: text},
			{Text: kept.Name},
			{Text: kept.Detail},
			{Decisions: true},
			{Requests: true},
			{Since: begun},
			{Until: begun},
			{Client: kept.Client, Server: kept.Server, Text: text},
		} {
			var got mcpmux.Activity
			v := newSieve(&filter)
			wanted, err := v.take(line.Bytes(), &got)
			if want := filter.wants(&kept); wanted != want || err != nil || wanted && !v.any(line.Bytes()) {
				t.Errorf("%+v of %s: %v (%v), want %v", filter, line.Bytes(), wanted, err, want)
			}
		}
	})
}

// BenchmarkActivities reads pages of a large record: in the blocks of a gateway that is busy, and in those of one that
// has a call now and then, a block each.
func BenchmarkActivities(b *testing.B) {
	for _, size := range []struct{ records, block int }{{100_000, 1024}, {100_000, 1}, {1_000_000, 1024}} {
		f := newStore(b)
		if size.block == 1 {
			f.recordSingly(b, calls(size.records))
		} else {
			f.record(b, calls(size.records), 1<<16)
		}
		for _, q := range []struct {
			name   string
			filter ActivityFilter
		}{
			{"newest", ActivityFilter{}},
			{"middle", ActivityFilter{BeforeID: int64(size.records / 2)}},
			{"one server", ActivityFilter{Server: "server7"}},
			{"no such server", ActivityFilter{Server: "server77"}},
			{"no such text", ActivityFilter{Text: "delete_everything"}},
			{"first day, no such text", ActivityFilter{Until: begun.Add(24 * time.Hour), Text: "delete_everything"}},
			{"last day, no such text", ActivityFilter{Since: begun.Add(time.Duration(size.records)*10*time.Second - 24*time.Hour), Text: "delete_everything"}},
		} {
			b.Run(fmt.Sprintf("%d by %d/%s", size.records, size.block, q.name), func(b *testing.B) {
				for b.Loop() {
					if _, err := f.Activities(bg, q.filter); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(fmt.Sprintf("%d by %d/every record", size.records, size.block), func(b *testing.B) {
			for b.Loop() {
				if _, err := f.EachActivity(bg, ActivityFilter{}, func(*Activity) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// recordSingly writes each record as a block, in one transaction.
func (f *fixture) recordSingly(tb testing.TB, list []mcpmux.Activity) {
	tb.Helper()
	_, err := f.write(bg, func(ctx context.Context, t *tx) error {
		for i := range list {
			if err := t.putBlock(ctx, int64(i+1), list[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkPackActivity packs 100,000 records that came one by one.
func BenchmarkPackActivity(b *testing.B) {
	list := calls(100_000)
	for b.Loop() {
		b.StopTimer()
		f := newStore(b)
		f.recordSingly(b, list)
		b.StartTimer()
		if err := f.PackActivity(bg); err != nil {
			b.Fatal(err)
		}
	}
}
