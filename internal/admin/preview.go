package admin

import (
	"net/http"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

// parseList reads all members of a set. What the store would refuse for its form is refused here.
func parseList(st *mcpmux.State, space mcpmux.Space, list api.MemberList) ([]mcpmux.Member, error) {
	out := make([]mcpmux.Member, 0, len(list.Include)+len(list.Exclude))
	for _, side := range []struct {
		texts   []string
		exclude bool
	}{{list.Include, false}, {list.Exclude, true}} {
		for _, text := range side.texts {
			m, err := parseMember(st, space, text, side.exclude)
			if err == nil {
				err = store.CheckMember(m)
			}
			if err != nil {
				return nil, err
			}
			out = append(out, m)
		}
	}
	return out, nil
}

func (a *Admin) setMembers(r *http.Request, body api.MemberList) (api.FeatureSet, error) {
	st, sp, set, err := a.set(r)
	if err != nil {
		return api.FeatureSet{}, err
	}
	members, err := parseList(st, sp, body)
	if err != nil {
		return api.FeatureSet{}, err
	}
	rev, err := a.cfg.Store.SetMembers(r.Context(), set.ID, members)
	return a.setAfter(r, set.ID, rev, err)
}

// previewSet answers what setMembers would lead to, and writes nothing.
func (a *Admin) previewSet(r *http.Request, body api.PreviewMembers) (api.SetPreview, error) {
	st, sp, err := a.space(r)
	if err != nil {
		return api.SetPreview{}, err
	}
	var set mcpmux.FeatureSet
	if !body.New {
		if set, err = findSet(st, sp, r.PathValue("name")); err != nil {
			return api.SetPreview{}, err
		}
	}
	members, err := parseList(st, sp, body.MemberList)
	if err != nil {
		return api.SetPreview{}, err
	}
	o, err := catalog.Preview(st, sp.ID, set.ID, members)
	if err != nil {
		return api.SetPreview{}, err
	}
	return previewResource(st, o, members), nil
}

func previewResource(st *mcpmux.State, o *catalog.Outcome, members []mcpmux.Member) api.SetPreview {
	out := api.SetPreview{Features: make([]api.SelectedFeature, len(o.Features)), Clients: []api.ClientEffect{}, Idle: []string{}}
	for i, f := range o.Features {
		out.Features[i] = api.SelectedFeature{FeatureName: featureName(f.Route), In: f.In, Was: f.Was}
		switch {
		case f.In && !f.Was:
			out.Gained++
		case f.Was && !f.In:
			out.Lost++
		}
		if f.In {
			out.In++
		}
	}
	for _, e := range o.Clients {
		out.Clients = append(out.Clients, api.ClientEffect{Client: e.Client.Name, Now: e.Now, Gains: qualified(e.Gains), Loses: qualified(e.Loses)})
	}
	for _, i := range o.Idle {
		out.Idle = append(out.Idle, writeMember(st, members[i]))
	}
	return out
}

func featureName(r *catalog.Route) api.FeatureName {
	n := api.FeatureName{
		Server: r.Server.Alias, Kind: r.Kind, Name: r.Name, Off: !r.Server.Enabled,
		Member: string(r.Kind) + ":" + r.Server.Alias + "/" + catalog.Literal(r.Name),
	}
	if r.Qualified != r.Name {
		n.Qualified = r.Qualified
	}
	return n
}

func qualified(routes []*catalog.Route) []string {
	out := make([]string, len(routes))
	for i, r := range routes {
		out[i] = r.Qualified
	}
	return out
}
