package tally

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

const (
	// maxKeys is how many different things one slot counts apart. Names of tools come from clients; what is beyond is
	// counted in all, of the Server and of the Client, and not by its name.
	maxKeys = 1024

	// rest is how many times as long as counting an answer took it is given again: who asks without end has a twentieth
	// of a processor count.
	rest = 20

	// maxAnswers bounds how many answers are kept.
	maxAnswers = 64

	// maxNamed is how many Servers, tools and Clients an answer has each: those with the most calls.
	maxNamed = 100
)

// A Window is a stretch of time up to now, in slots of equal length.
type Window struct {
	Name  string
	Step  time.Duration
	Slots int
}

// Windows are all there are, shortest first.
func Windows() []Window {
	return []Window{
		{"1h", time.Minute, 60},
		{"24h", 15 * time.Minute, 96},
		{"7d", 2 * time.Hour, 84},
	}
}

// Source is the record of requests: of the store, EachActivity.
type Source interface {
	EachActivity(ctx context.Context, f store.ActivityFilter, each func(*store.Activity) error) (last int64, err error)
}

// Count is what is known of some calls.
type Count struct {
	Calls, Errors, Denied int
	// Median and P95 are of the calls that were answered; 0 where none was.
	Median, P95 time.Duration
	Last        time.Time
}

// Named is a Server, a tool or a Client with its count, and its calls in each slot.
type Named struct {
	Space  mcpmux.SpaceID  // of a Server or a tool
	Client mcpmux.ClientID // of a Client alone
	Server string          // alias, of a Server or a tool
	Method string          // of a tool: tools/call or prompts/get
	Name   string          // of a tool or prompt, as the client called it
	Count
	Series []int
}

// Summary is the answer for a window.
type Summary struct {
	Window
	Begin                   time.Time // of the first slot
	Total                   Count
	Slots                   []Count // oldest first
	Servers, Tools, Clients []Named // most calls first
}

// Tally counts. It may be used by many goroutines.
type Tally struct {
	source Source
	now    func() time.Time

	// turn is held by whoever counts: a channel, so that one who waits can give up.
	turn    chan struct{}
	last    int64 // the id of the last record that was looked at
	windows []*window
	answers map[question]answered
}

type question struct {
	window string
	space  mcpmux.SpaceID
}

// answered is an answer that is good until a moment.
type answered struct {
	*Summary
	until time.Time
}

// New returns a Tally of a record. It reads nothing yet.
func New(source Source, now func() time.Time) *Tally {
	t := &Tally{source: source, now: now, turn: make(chan struct{}, 1), answers: map[question]answered{}}
	for _, w := range Windows() {
		t.windows = append(t.windows, &window{Window: w, slots: map[int64]slot{}})
	}
	return t
}

// Summary counts the calls of a window, those of one Space where space is not "". The answer is for reading only.
func (t *Tally) Summary(ctx context.Context, name string, space mcpmux.SpaceID) (*Summary, error) {
	i := slices.IndexFunc(t.windows, func(w *window) bool { return w.Name == name })
	if i < 0 {
		return nil, mcpmux.Errorf(mcpmux.CodeInvalid, "there is no window %q; there are 1h, 24h and 7d", name)
	}
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	begun, q := t.now(), question{name, space}
	if kept := t.answers[q]; begun.Before(kept.until) {
		return kept.Summary, nil
	}
	if err := t.catchUp(ctx, begun); err != nil {
		return nil, err
	}
	counting := t.now()
	sum := t.windows[i].sum(begun, space)
	if len(t.answers) >= maxAnswers {
		clear(t.answers)
	}
	done := t.now()
	t.answers[q] = answered{sum, done.Add(rest * done.Sub(counting))}
	return sum, nil
}

// catchUp counts what was recorded since it was called last. What it has counted stays so if it ends early.
func (t *Tally) catchUp(ctx context.Context, now time.Time) error {
	longest := t.windows[len(t.windows)-1]
	f := store.ActivityFilter{AfterID: t.last, Requests: true, Since: longest.begin(now)}
	last, err := t.source.EachActivity(ctx, f, func(a *store.Activity) error {
		for _, w := range t.windows {
			if a.Call() && !a.At.Before(w.begin(now)) {
				w.add(&a.Activity)
			}
		}
		t.last = a.ID
		return nil
	})
	t.last = max(t.last, last)
	for _, w := range t.windows {
		w.forget(now)
	}
	return err
}

// window is a Window with what it has counted.
type window struct {
	Window
	slots map[int64]slot // by their number since 1970
}

// slot is what began within one step.
type slot map[key]*cell

// key is what is counted apart.
type key struct {
	space        mcpmux.SpaceID
	client       mcpmux.ClientID
	server       string
	method, name string
}

// cell is the calls of one key.
type cell struct {
	calls, errors, denied int
	took                  latencies
	last                  time.Time
}

func (w *window) number(at time.Time) int64 { return at.Unix() / int64(w.Step/time.Second) }

// begin is when the first slot begins of those that end with the one of now.
func (w *window) begin(now time.Time) time.Time {
	return time.Unix((w.number(now)-int64(w.Slots)+1)*int64(w.Step/time.Second), 0)
}

// add counts a call.
func (w *window) add(a *mcpmux.Activity) {
	n := w.number(a.At)
	s := w.slots[n]
	if s == nil {
		s = slot{}
		w.slots[n] = s
	}
	k := key{space: a.Space, client: a.Client, server: a.Server}
	if a.Server != "" && a.Method != "resources/read" { // else the name is whatever a client wrote
		k.method, k.name = a.Method, a.Name
	}
	if s[k] == nil && len(s) >= maxKeys {
		k.method, k.name = "", ""
	}
	c := s[k]
	if c == nil {
		c = new(cell)
		s[k] = c
	}
	c.add(a)
}

func (c *cell) add(a *mcpmux.Activity) {
	c.calls++
	switch a.Outcome {
	case "denied":
		c.denied++
	case "error", "tool_error":
		c.errors++
		fallthrough
	case "ok":
		c.took.add(classOf(time.Duration(a.Duration)), 1)
	}
	if a.At.After(c.last) {
		c.last = a.At
	}
}

func (c *cell) addAll(o *cell) {
	c.calls, c.errors, c.denied = c.calls+o.calls, c.errors+o.errors, c.denied+o.denied
	c.took.addAll(o.took)
	if o.last.After(c.last) {
		c.last = o.last
	}
}

func (c *cell) count() Count {
	return Count{Calls: c.calls, Errors: c.errors, Denied: c.denied, Median: c.took.at(0.5), P95: c.took.at(0.95), Last: c.last}
}

// forget drops the slots that are over.
func (w *window) forget(now time.Time) {
	first := w.number(w.begin(now))
	maps.DeleteFunc(w.slots, func(n int64, _ slot) bool { return n < first })
}

// sum adds the slots up.
func (w *window) sum(now time.Time, space mcpmux.SpaceID) *Summary {
	out := &Summary{Window: w.Window, Begin: w.begin(now).UTC(), Slots: make([]Count, w.Slots)}
	var total cell
	servers, tools, clients := groups{}, groups{}, groups{}
	first := w.number(w.begin(now))
	for i := range out.Slots {
		var here cell
		for k, c := range w.slots[first+int64(i)] {
			if space != "" && k.space != space {
				continue
			}
			here.addAll(c)
			if k.server != "" {
				servers.add(Named{Space: k.space, Server: k.server}, c, i, w.Slots)
			}
			if k.name != "" {
				tools.add(Named{Space: k.space, Server: k.server, Method: k.method, Name: k.name}, c, i, w.Slots)
			}
			clients.add(Named{Client: k.client}, c, i, w.Slots)
		}
		out.Slots[i] = here.count()
		total.addAll(&here)
	}
	out.Total = total.count()
	out.Servers, out.Tools, out.Clients = servers.named(), tools.named(), clients.named()
	return out
}

// groups are sums by what has a name.
type groups map[groupKey]*group

type groupKey struct {
	space                mcpmux.SpaceID
	client               mcpmux.ClientID
	server, method, name string
}

type group struct {
	cell
	who    Named
	series []int
}

func (g groups) add(who Named, c *cell, slot, slots int) {
	k := groupKey{who.Space, who.Client, who.Server, who.Method, who.Name}
	sum := g[k]
	if sum == nil {
		sum = &group{who: who, series: make([]int, slots)}
		g[k] = sum
	}
	sum.addAll(c)
	sum.series[slot] += c.calls
}

// named are the groups with the most calls; what has as many is in the order of its name.
func (g groups) named() []Named {
	all := slices.SortedFunc(maps.Values(g), func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.calls, a.calls), cmp.Compare(a.who.Server, b.who.Server), cmp.Compare(a.who.Name, b.who.Name),
			cmp.Compare(a.who.Client, b.who.Client), cmp.Compare(a.who.Space, b.who.Space), cmp.Compare(a.who.Method, b.who.Method))
	})
	out := make([]Named, min(len(all), maxNamed))
	for i := range out {
		out[i] = all[i].who
		out[i].Count, out[i].Series = all[i].count(), all[i].series
	}
	return out
}
