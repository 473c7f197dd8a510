package gateway

import (
	"strconv"
	"time"

	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Apply rebuilds every View from the new State and tells exactly those clients whose View changed. Streams
// of credentials that are no longer valid are closed. It is called by one goroutine at a time.
func (g *Gateway) Apply(st *mcpmux.State) {
	next := &snapshot{
		revision:    st.Revision,
		views:       catalog.BuildAll(withLocal(st)),
		keys:        make(map[mcpmux.KeyID]struct{}, len(st.Keys)),
		callTimeout: durationSetting(st, "pool.call_timeout", 5*time.Minute),
		pageSize:    intSetting(st, "gateway.page_size", 0),
	}
	for _, k := range st.Keys {
		next.keys[k.ID] = struct{}{}
	}
	old := g.current.Swap(next)
	for _, s := range g.sessions.all() {
		if !next.admits(s.identity) {
			g.endSession(s)
			continue
		}
		g.hub.prune(s, next, s.identity.Client, s.alias)
		s.viewChanged(old, next)
	}
	for _, l := range g.streams.all() {
		if !next.admits(l.identity) {
			l.cancel()
			continue
		}
		g.hub.prune(l, next, l.identity.Client, l.alias)
		l.viewChanged(old, next)
	}
}

// admits says whether the credential behind an open stream or session is still good.
func (s *snapshot) admits(id Identity) bool {
	if _, ok := s.views[id.Client]; !ok {
		return false
	}
	_, ok := s.keys[id.Key]
	return ok
}

// changedLists are the list_changed notifications that are due to a Client at an endpoint.
func changedLists(old, next *snapshot, client mcpmux.ClientID, alias string) []string {
	a, okA := old.view(client, alias)
	b, okB := next.view(client, alias)
	if a == b {
		return nil
	}
	if !okA {
		a = emptyView
	}
	if !okB {
		b = emptyView
	}
	tools, prompts, resources := catalog.Diff(a, b)
	var methods []string
	if tools {
		methods = append(methods, methodToolsChanged)
	}
	if prompts {
		methods = append(methods, methodPromptsChanged)
	}
	if resources {
		methods = append(methods, methodResourcesChanged)
	}
	return methods
}

// withLocal adds the pseudo-client local, which has All of every Space.
func withLocal(st *mcpmux.State) *mcpmux.State {
	with := *st
	with.Clients = append(append(make([]mcpmux.Client, 0, len(st.Clients)+1), st.Clients...),
		mcpmux.Client{ID: local, Name: "this machine", Mode: mcpmux.ModeFollow, Approved: true})
	with.Grants = append(make([]mcpmux.Grant, 0, len(st.Grants)+len(st.Spaces)), st.Grants...)
	for _, set := range st.FeatureSets {
		if set.Kind == mcpmux.SetAll {
			with.Grants = append(with.Grants, mcpmux.Grant{Client: local, Space: set.Space, Set: set.ID})
		}
	}
	return &with
}

func durationSetting(st *mcpmux.State, key string, def time.Duration) time.Duration {
	if d, err := time.ParseDuration(st.Settings[key]); err == nil {
		return d
	}
	return def
}

func intSetting(st *mcpmux.State, key string, def int) int {
	if n, err := strconv.Atoi(st.Settings[key]); err == nil {
		return n
	}
	return def
}
