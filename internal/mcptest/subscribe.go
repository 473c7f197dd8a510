package mcptest

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/mcpmux/mcpmux/internal/wire"
)

// filter is what a listen stream carries (2026-07-28 basic/patterns/subscriptions).
type filter struct {
	Tools bool     `json:"toolsListChanged"`
	Lists bool     `json:"resourcesListChanged"`
	URIs  []string `json:"resourceSubscriptions"`
	Tasks []string `json:"taskIds"`
}

// subscribe adds or removes a resource of the session.
func (r *request) subscribe(on bool) string {
	var p struct{ URI string }
	_ = json.Unmarshal(r.m.Bytes(r.m.Params), &p) // No URI, nothing of that name is ever updated.
	r.s.note(func() {
		uris := r.s.peer(r.session).uris
		delete(uris, p.URI)
		if on {
			uris[p.URI] = true
		}
	})
	return "{}"
}

// setLevel keeps the session's level.
func (r *request) setLevel() string {
	var p struct{ Level string }
	_ = json.Unmarshal(r.m.Bytes(r.m.Params), &p) // No level sends everything.
	r.s.note(func() { r.s.peer(r.session).level = p.Level })
	return "{}"
}

// tell sends a notification to the sessions and to the listen streams that want it.
func (s *Server) tell(method, params string, session func(key string, p *peer) bool, listen func(filter) bool) {
	s.mu.Lock()
	var to []stream
	for _, key := range slices.Sorted(maps.Keys(s.streams)) {
		st := s.streams[key]
		if st.meta != "" && listen(st.filter) || st.meta == "" && session(st.session, s.peer(st.session)) {
			to = append(to, st)
		}
	}
	s.mu.Unlock()
	for _, st := range to {
		st.send = s.inArrays(st.session, st.send)
		st.notify(method, params)
	}
}

func (st stream) notify(method, params string) {
	p := []byte(params)
	if st.meta != "" {
		p = wire.Splice(nil, p, []wire.Edit{wire.SetMember(p, wire.Span{End: len(p)}, "_meta", []byte(st.meta))})
	}
	st.send(wire.NewNotification(method, p))
}

// updated says that a resource was updated, to its subscribers.
func (s *Server) updated(uri string) {
	s.tell("notifications/resources/updated", `{"uri":`+quote(uri)+`}`,
		func(_ string, p *peer) bool { return p.uris[uri] },
		func(f filter) bool { return slices.Contains(f.URIs, uri) })
}

// toolsChanged says that the list of tools changed.
func (s *Server) toolsChanged() {
	s.tell("notifications/tools/list_changed", "{}",
		func(_ string, p *peer) bool { return p.version != "" }, func(f filter) bool { return f.Tools })
}

// flood offers n more tools, one by one, and says so each time.
func (r *request) flood(a arguments) {
	prefix := a.Tool
	if prefix == "" {
		prefix = "flood"
	}
	var turn <-chan time.Time
	if a.PerSecond > 0 {
		tick := time.NewTicker(time.Second / time.Duration(a.PerSecond))
		defer tick.Stop()
		turn = tick.C
	}
	for i := range a.N {
		if turn != nil {
			select {
			case <-turn:
			case <-r.ctx.Done():
				return
			}
		}
		r.s.note(func() { r.s.added = append(r.s.added, prefix+"_"+strconv.Itoa(i)) })
		r.s.toolsChanged()
	}
}

// resources are those of the list that were not taken away.
func (r *request) resources() []string {
	all := r.more(`{"uri":"test://a","name":"a"}`, `{"uri":"test://asking","name":"asking"}`)
	return slices.DeleteFunc(all, func(item string) bool {
		var it struct{ URI string }
		return json.Unmarshal([]byte(item), &it) == nil && r.s.isDeleted(it.URI)
	})
}

func (s *Server) isDeleted(uri string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deleted[uri]
}

// deleteResource takes a resource away and says that there is one less.
func (s *Server) deleteResource(uri string) {
	s.note(func() { s.deleted[uri] = true })
	s.tell("notifications/resources/list_changed", "{}",
		func(_ string, p *peer) bool { return p.version != "" }, func(f filter) bool { return f.Lists })
}
