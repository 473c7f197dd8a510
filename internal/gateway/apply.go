package gateway

import (
	"time"

	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Apply rebuilds every View from the new State and tells exactly those clients whose View changed. Streams
// of credentials that are no longer valid are closed. It is called by one goroutine at a time.
func (g *Gateway) Apply(st *mcpmux.State) {
	next := &snapshot{
		revision:    st.Revision,
		views:       catalog.BuildAll(catalog.WithLocal(st)),
		keys:        make(map[mcpmux.KeyID]struct{}, len(st.Keys)+len(st.Authorizations)),
		quotas:      quotas(st.Clients, g.current.Load().quotas),
		rate:        newRate(st.SettingInt(mcpmux.SettingClientRateLimit), g.born),
		callTimeout: st.SettingDuration(mcpmux.SettingPoolCallTimeout),
		pageSize:    st.SettingInt(mcpmux.SettingGatewayPageSize),
	}
	for i := range st.Servers {
		if st.Servers[i].Isolation == mcpmux.IsolationSession {
			next.owned = append(next.owned, st.Servers[i].ID)
		}
	}
	// What belongs to a Client that was denied counts no more than what is gone or has ended: its next request is
	// refused, so nothing may come to it either.
	approved := make(map[mcpmux.ClientID]bool, len(st.Clients))
	for i := range st.Clients {
		approved[st.Clients[i].ID] = st.Clients[i].Approved
	}
	now := time.Now()
	for i := range st.Keys {
		if k := &st.Keys[i]; approved[k.Client] && (k.ExpiresAt == nil || now.Before(*k.ExpiresAt)) {
			next.keys[k.ID] = struct{}{}
		}
	}
	for i := range st.Authorizations {
		if a := &st.Authorizations[i]; approved[a.Client] && now.Before(a.ExpiresAt) {
			next.keys[a.ID] = struct{}{}
		}
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
	g.parking.prune(next.admits)
	for _, q := range old.quotas { // Clients that are gone are in the old ones alone, and those of the new ones have made no call yet.
		q.prune(next.admits)
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
