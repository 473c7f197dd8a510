package daemon

import (
	"fmt"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const (
	// decisionsWithin is the time in which refusals that are alike make one row of the record and a count.
	decisionsWithin = 10 * time.Second

	// maxDecisions is how many that differ are counted at a time. What is beyond is counted together.
	maxDecisions = 1024
)

// decisions keeps the record of decisions about who may do what. Of those that were refused and are alike, by method,
// outcome, actor and Client, one is written at once and the rest as a count: who is refused may come again at any rate, and
// must not fill the record.
type decisions struct {
	to  func(mcpmux.Activity)
	now func() time.Time

	// mu guards the following.
	mu   sync.Mutex
	seen map[decision]*alike
}

type decision struct {
	method, outcome, actor string
	client                 mcpmux.ClientID
}

// alike are decisions since one that was written.
type alike struct {
	since time.Time
	last  mcpmux.Activity
	more  int
}

func newDecisions(to func(mcpmux.Activity), now func() time.Time) *decisions {
	return &decisions{to: to, now: now, seen: make(map[decision]*alike)}
}

// record takes a decision. It never blocks for long.
func (d *decisions) record(a mcpmux.Activity) {
	if a.Outcome != "denied" && a.Outcome != "error" {
		d.to(a) // what was let through is the user's own doing, or bounded where it is decided
		return
	}
	if d.first(a) {
		d.to(a)
	}
}

// first says whether a is to be written by itself; else it is counted.
func (d *decisions) first(a mcpmux.Activity) bool {
	key := decision{a.Method, a.Outcome, a.Actor, a.Client}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen[key] == nil && len(d.seen) >= maxDecisions {
		key = decision{a.Method, a.Outcome, "", ""}
		a.Actor, a.Client = "", ""
	}
	if e := d.seen[key]; e != nil {
		e.last, e.more = a, e.more+1
		return false
	}
	d.seen[key] = &alike{since: d.now()}
	return true
}

// flush writes the counts of what began long enough ago, or all where it ends.
func (d *decisions) flush(all bool) {
	now := d.now()
	var due []mcpmux.Activity
	d.mu.Lock()
	for key, e := range d.seen {
		if !all && now.Sub(e.since) < decisionsWithin {
			continue
		}
		delete(d.seen, key)
		if e.more > 0 {
			due = append(due, e.counted())
		}
	}
	d.mu.Unlock()
	for _, a := range due {
		d.to(a)
	}
}

// counted is the row for those that were not written.
func (e *alike) counted() mcpmux.Activity {
	a := e.last
	if e.more > 1 {
		a.Detail = fmt.Sprintf("%s (%d like this within %s)", a.Detail, e.more, decisionsWithin)
	}
	return a
}
