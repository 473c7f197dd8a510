package mcptest

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// filter is what a listen stream hears of (MCP 2026-07-28 SubscriptionFilter, and the tasks extension).
type filter struct {
	Tools         bool     `json:"toolsListChanged,omitempty"`
	ResourceLists bool     `json:"resourcesListChanged,omitempty"`
	Resources     []string `json:"resourceSubscriptions,omitempty"`
	Tasks         []string `json:"taskIds,omitempty"`
}

// listen serves a subscriptions/listen request until it is cancelled, or the server ends.
func (r *request) listen() (string, *failure) {
	if !r.s.script.modern() {
		return r.unknown()
	}
	meta := `{"` + protocol.MetaSubscription + `":` + string(r.m.Bytes(r.m.ID)) + `}`
	st, honoured := stream{send: r.out, meta: meta}, "{}"
	if len(r.params.Notifications) > 0 {
		honoured = string(r.params.Notifications)
	}
	if r.s.script.strict() {
		f, fail := r.honoured()
		if fail != nil {
			return "", fail
		}
		text, _ := json.Marshal(f) // Texts and truths always marshal.
		st.filter, honoured = f, string(text)
	}
	ack := wire.NewNotification("notifications/subscriptions/acknowledged", []byte(`{"_meta":`+meta+`,"notifications":`+honoured+`}`))
	first := make(chan struct{}) // What changes from now on comes after the acknowledgement.
	out := st.send
	st.send = func(raw []byte) {
		select {
		case <-first:
			out(raw)
		case <-r.ctx.Done():
		}
	}
	defer r.s.open(st)()
	out(ack)
	close(first)
	select {
	case <-r.ctx.Done():
		return "", nil
	case <-r.s.ctx.Done():
		return `{"_meta":` + meta + `}`, nil
	}
}

// honoured is the part of the wanted filter that this server can serve: it has no changing prompts, and knows
// only its own tasks.
func (r *request) honoured() (*filter, *failure) {
	f := new(filter)
	if len(r.params.Notifications) == 0 || json.Unmarshal(r.params.Notifications, f) != nil {
		return nil, failed(wire.CodeInvalidParams, "notifications is no SubscriptionFilter")
	}
	if len(f.Tasks) > 0 && !r.caps.tasks() {
		return nil, missing(protocol.TasksRequired)
	}
	f.Resources = slices.DeleteFunc(f.Resources, func(uri string) bool { return !r.readable(uri) })
	f.Tasks = slices.DeleteFunc(f.Tasks, func(id string) bool { return r.s.task(id) == nil })
	return f, nil
}

// trigger says that a resource was updated, to those who subscribed to it.
func (r *request) trigger(a arguments) (string, *failure) {
	r.s.news("notifications/resources/updated", `{"uri":`+quote(a.URI)+`}`,
		func(p *peer) bool { return p.uris[a.URI] },
		func(f filter) bool { return slices.Contains(f.Resources, a.URI) })
	return text("done"), nil
}

func (r *request) change(a arguments) (string, *failure) {
	r.s.note(func() { r.s.added = append(r.s.added, a.Name) })
	r.s.toolsChanged()
	return text("done"), nil
}

// flood offers one more tool n times, and says so each time. It answers when the last one is there.
func (r *request) flood(a arguments) (string, *failure) {
	var pause <-chan time.Time
	if a.PerSecond > 0 {
		tick := time.NewTicker(time.Second / time.Duration(a.PerSecond))
		defer tick.Stop()
		pause = tick.C
	}
	r.s.note(func() { // The tools of the last flood go.
		r.s.added = slices.DeleteFunc(r.s.added, func(name string) bool { return strings.HasPrefix(name, "flood_") })
	})
	for i := range a.N {
		if pause != nil && i > 0 {
			select {
			case <-pause:
			case <-r.ctx.Done():
				return "", nil
			}
		}
		r.s.note(func() { r.s.added = append(r.s.added, floodName(i)) })
		r.s.toolsChanged()
	}
	return text("done"), nil
}

// log sends a log message if the client wants its level: by default all up to 2025-11-25, none from 2026-07-28.
func (r *request) log(a arguments) (string, *failure) {
	level := or(a.Level, "info")
	if rank(level) < 0 {
		return "", failed(wire.CodeInvalidParams, "no such level")
	}
	r.s.mu.Lock()
	wanted := rank(level) >= r.p.level
	r.s.mu.Unlock()
	if r.s.script.strict() && r.modern() {
		from := r.params.Meta.LogLevel
		wanted = from != nil && rank(level) >= rank(*from)
	}
	if wanted {
		r.out(wire.NewNotification("notifications/message", []byte(`{"level":`+quote(level)+`,"logger":"t","data":`+quote(or(a.Text, "logged"))+`}`)))
	}
	return text("done"), nil
}
