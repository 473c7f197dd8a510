package catalog

import (
	"slices"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Local is the pseudo-client of this machine's command line and dashboard, where no Client is named: it is granted All
// of whatever Space is active. No credential leads to it.
func Local() mcpmux.Client {
	return mcpmux.Client{Name: localName, Mode: mcpmux.ModeFollow, Approved: true}
}

// LocalIn is Local in one Space, be it active or not.
func LocalIn(space mcpmux.SpaceID) mcpmux.Client {
	return mcpmux.Client{ID: mcpmux.ClientID("here:" + space), Name: localName, Mode: mcpmux.ModeLocked, Space: space, Approved: true}
}

const localName = "this machine"

// WithLocal is st with Local among its Clients, and LocalIn each Space.
func WithLocal(st *mcpmux.State) *mcpmux.State {
	with := *st
	with.Clients = append(slices.Clip(st.Clients), Local())
	for i := range st.Spaces {
		with.Clients = append(with.Clients, LocalIn(st.Spaces[i].ID))
	}
	with.Grants = slices.Clip(st.Grants)
	for _, set := range st.FeatureSets {
		if set.Kind == mcpmux.SetAll {
			with.Grants = append(with.Grants, mcpmux.Grant{Client: Local().ID, Space: set.Space, Set: set.ID},
				mcpmux.Grant{Client: LocalIn(set.Space).ID, Space: set.Space, Set: set.ID})
		}
	}
	return &with
}
