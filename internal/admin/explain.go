package admin

import (
	"net/http"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// clientFeatures says of every Feature of a Space why the client sees it or does not.
func (a *Admin) clientFeatures(r *http.Request) (api.ClientFeatures, error) {
	st, c, err := a.client(r)
	if err != nil {
		return api.ClientFeatures{}, err
	}
	name := r.URL.Query().Get("space")
	if id, _, err := catalog.SpaceOf(c, st); name == "" && err == nil {
		name = string(id)
	}
	sp, err := findSpace(st, name)
	if err != nil {
		return api.ClientFeatures{}, err
	}
	e := catalog.Explain(c, st, sp.ID)
	out := api.ClientFeatures{Client: c.Name, Space: sp.Name, Here: e.Here, Refusal: e.Refusal, Features: make([]api.ExplainedFeature, len(e.Features))}
	for i, f := range e.Features {
		out.Features[i] = api.ExplainedFeature{
			FeatureName: featureName(f.Route), Visible: f.Visible, Reason: string(f.Reason),
			Included: steps(st, f.Included), Excluded: steps(st, f.Excluded),
		}
		if f.Visible {
			out.Visible++
		}
	}
	return out, nil
}

func steps(st *mcpmux.State, way []catalog.Step) []api.Step {
	var out []api.Step
	for _, s := range way {
		step := api.Step{Set: s.Set.Name}
		if s.Member != nil {
			step.Member, step.Exclude = writeMember(st, *s.Member), s.Member.Exclude
		}
		out = append(out, step)
	}
	return out
}
