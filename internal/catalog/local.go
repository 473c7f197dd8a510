package catalog

import (
	"slices"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Local is the pseudo-client of this machine's command line, where no Client is named: it is granted All of
// whatever Space is active. No credential leads to it.
func Local() mcpmux.Client {
	return mcpmux.Client{Name: "this machine", Mode: mcpmux.ModeFollow, Approved: true}
}

// WithLocal is st with Local among its Clients.
func WithLocal(st *mcpmux.State) *mcpmux.State {
	with := *st
	with.Clients = append(slices.Clip(st.Clients), Local())
	with.Grants = slices.Clip(st.Grants)
	for _, set := range st.FeatureSets {
		if set.Kind == mcpmux.SetAll {
			with.Grants = append(with.Grants, mcpmux.Grant{Client: Local().ID, Space: set.Space, Set: set.ID})
		}
	}
	return &with
}
