package daemon

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func TestDecisions_RefusalsThatAreAlikeAreOneRowAndACount(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var rows []mcpmux.Activity
	d := newDecisions(func(a mcpmux.Activity) { rows = append(rows, a) }, func() time.Time { return now })
	no := mcpmux.Activity{Method: "auth/token", Outcome: "denied", Actor: "peer 127.0.0.1", Detail: "no such code"}
	for range 500 {
		d.record(no)
	}
	other := no
	other.Actor = "peer ::1"
	d.record(other)
	yes := no
	yes.Outcome = "ok"
	d.record(yes)
	d.record(yes)
	if len(rows) != 4 {
		t.Fatalf("%d rows at once, want each refusal once and what was let through: %+v", len(rows), rows)
	}
	now = now.Add(decisionsWithin - 1)
	if d.flush(false); len(rows) != 4 {
		t.Errorf("counted too early: %+v", rows[4:])
	}
	now = now.Add(1)
	if d.flush(false); len(rows) != 5 || !strings.Contains(rows[4].Detail, "no such code (499 like this") {
		t.Errorf("then %+v", rows[4:])
	}
	if d.record(no); len(rows) != 6 {
		t.Error("after that time one is written again at once")
	}
	d.record(no)
	if d.flush(true); len(rows) != 7 || rows[6].Detail != no.Detail {
		t.Errorf("at the end: %+v", rows[6:])
	}
}

func TestDecisions_AFloodOfActorsIsCountedTogether(t *testing.T) {
	var rows []mcpmux.Activity
	d := newDecisions(func(a mcpmux.Activity) { rows = append(rows, a) }, time.Now)
	for i := range maxDecisions + 100 {
		d.record(mcpmux.Activity{Method: "auth/token", Outcome: "denied", Actor: "peer " + strconv.Itoa(i)})
	}
	if len(rows) != maxDecisions+1 || len(d.seen) != maxDecisions+1 {
		t.Errorf("%d rows, %d kept", len(rows), len(d.seen))
	}
	if d.flush(true); len(rows) != maxDecisions+2 || !strings.Contains(rows[len(rows)-1].Detail, "99 like this") {
		t.Errorf("at the end %d rows, the last %+v", len(rows), rows[len(rows)-1])
	}
}
