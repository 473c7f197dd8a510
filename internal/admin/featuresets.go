package admin

import (
	"net/http"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// memberForms is how members are written.
const memberForms = "server:ALIAS, set:NAME, or one of tool, prompt, resource and template as KIND:ALIAS/NAME"

// parseMember reads a member as people write it.
func parseMember(st *mcpmux.State, space mcpmux.Space, text string, exclude bool) (mcpmux.Member, error) {
	m := mcpmux.Member{Exclude: exclude}
	kind, rest, ok := strings.Cut(text, ":")
	m.Kind = mcpmux.MemberKind(kind)
	switch m.Kind {
	case mcpmux.MemberServer:
		m.Server = rest
	case mcpmux.MemberSet:
		set, err := findSet(st, space, rest)
		if err != nil {
			return m, err
		}
		m.Set = set.ID
	case mcpmux.MemberKind(mcpmux.KindTool), mcpmux.MemberKind(mcpmux.KindPrompt), mcpmux.MemberKind(mcpmux.KindResource), mcpmux.MemberKind(mcpmux.KindTemplate):
		m.Server, m.Name, ok = strings.Cut(rest, "/")
	default:
		ok = false
	}
	if !ok || rest == "" {
		return m, mcpmux.Errorf(mcpmux.CodeInvalid, "%.200q is not a member; members are written %s", text, memberForms)
	}
	return m, nil
}

func parseMembers(st *mcpmux.State, space mcpmux.Space, body api.Members) ([]mcpmux.Member, error) {
	if len(body.Members) == 0 {
		return nil, mcpmux.Errorf(mcpmux.CodeInvalid, "\"members\" is empty; members are written %s", memberForms)
	}
	out := make([]mcpmux.Member, len(body.Members))
	for i, text := range body.Members {
		m, err := parseMember(st, space, text, body.Exclude)
		if err != nil {
			return nil, err
		}
		out[i] = m
	}
	return out, nil
}

// writeMember is the text that parseMember reads.
func writeMember(st *mcpmux.State, m mcpmux.Member) string {
	switch m.Kind {
	case mcpmux.MemberServer:
		return string(m.Kind) + ":" + m.Server
	case mcpmux.MemberSet:
		return string(m.Kind) + ":" + setName(st, m.Set)
	}
	return string(m.Kind) + ":" + m.Server + "/" + m.Name
}

func setName(st *mcpmux.State, id mcpmux.FeatureSetID) string {
	for i := range st.FeatureSets {
		if st.FeatureSets[i].ID == id {
			return st.FeatureSets[i].Name
		}
	}
	return string(id)
}

// setResource is a set as the API shows it. counts are those of its Space.
func setResource(st *mcpmux.State, set mcpmux.FeatureSet, counts map[mcpmux.FeatureSetID][4]int) api.FeatureSet {
	set.Members = some(set.Members)
	n := counts[set.ID]
	out := api.FeatureSet{
		FeatureSet: set, SpaceName: spaceName(st, set.Space), Include: []string{}, Exclude: []string{}, GrantedTo: []string{}, MemberOf: []string{},
		Resolves: api.FeatureCounts{Tools: n[0], Prompts: n[1], Resources: n[2], Templates: n[3]},
	}
	for _, m := range set.Members {
		if m.Exclude {
			out.Exclude = append(out.Exclude, writeMember(st, m))
		} else {
			out.Include = append(out.Include, writeMember(st, m))
		}
	}
	for _, g := range st.Grants {
		if g.Set == set.ID {
			out.GrantedTo = append(out.GrantedTo, clientName(st, g.Client))
		}
	}
	for _, other := range st.FeatureSets {
		if slices.ContainsFunc(other.Members, func(m mcpmux.Member) bool { return m.Kind == mcpmux.MemberSet && m.Set == set.ID }) {
			out.MemberOf = append(out.MemberOf, other.Name)
		}
	}
	return out
}

func (a *Admin) set(r *http.Request) (*mcpmux.State, mcpmux.Space, mcpmux.FeatureSet, error) {
	st, sp, err := a.space(r)
	if err != nil {
		return nil, sp, mcpmux.FeatureSet{}, err
	}
	set, err := findSet(st, sp, r.PathValue("name"))
	return st, sp, set, err
}

func (a *Admin) setAfter(r *http.Request, id mcpmux.FeatureSetID, revision int64, err error) (api.FeatureSet, error) {
	st, err := a.settled(r.Context(), revision, err)
	if err != nil {
		return api.FeatureSet{}, err
	}
	for _, set := range st.FeatureSets {
		if set.ID == id {
			return setResource(st, set, catalog.Counts(st, set.Space)), nil
		}
	}
	return api.FeatureSet{}, mcpmux.Errorf(mcpmux.CodeNotFound, "the FeatureSet was deleted meanwhile")
}

func (a *Admin) listSets(r *http.Request) ([]api.FeatureSet, error) {
	st, sp, err := a.space(r)
	if err != nil {
		return nil, err
	}
	out := []api.FeatureSet{}
	counts := catalog.Counts(st, sp.ID)
	for _, set := range st.FeatureSets {
		if set.Space == sp.ID {
			out = append(out, setResource(st, set, counts))
		}
	}
	return out, nil
}

func (a *Admin) showSet(r *http.Request) (api.FeatureSet, error) {
	st, _, set, err := a.set(r)
	if err != nil {
		return api.FeatureSet{}, err
	}
	return setResource(st, set, catalog.Counts(st, set.Space)), nil
}

func (a *Admin) createSet(r *http.Request, body api.NewFeatureSet) (api.FeatureSet, error) {
	_, sp, err := a.space(r)
	if err != nil {
		return api.FeatureSet{}, err
	}
	set, rev, err := a.cfg.Store.CreateFeatureSet(r.Context(), sp.ID, body.Name)
	return a.setAfter(r, set.ID, rev, err)
}

func (a *Admin) renameSet(r *http.Request, body api.FeatureSetPatch) (api.FeatureSet, error) {
	_, _, set, err := a.set(r)
	if err != nil {
		return api.FeatureSet{}, err
	}
	rev, err := a.cfg.Store.RenameFeatureSet(r.Context(), set.ID, body.Name)
	return a.setAfter(r, set.ID, rev, err)
}

func (a *Admin) deleteSet(r *http.Request) (api.FeatureSet, error) {
	st, _, set, err := a.set(r)
	if err != nil {
		return api.FeatureSet{}, err
	}
	rev, err := a.cfg.Store.DeleteFeatureSet(r.Context(), set.ID)
	_, err = a.settled(r.Context(), rev, err)
	return setResource(st, set, catalog.Counts(st, set.Space)), err
}

func (a *Admin) addMembers(r *http.Request, body api.Members) (api.FeatureSet, error) {
	st, sp, set, err := a.set(r)
	if err != nil {
		return api.FeatureSet{}, err
	}
	members, err := parseMembers(st, sp, body)
	if err != nil {
		return api.FeatureSet{}, err
	}
	rev, err := a.cfg.Store.AddMembers(r.Context(), set.ID, members)
	return a.setAfter(r, set.ID, rev, err)
}

func (a *Admin) removeMembers(r *http.Request, body api.Members) (api.FeatureSet, error) {
	st, sp, set, err := a.set(r)
	if err != nil {
		return api.FeatureSet{}, err
	}
	members, err := parseMembers(st, sp, body)
	if err != nil {
		return api.FeatureSet{}, err
	}
	rev, err := a.cfg.Store.RemoveMembers(r.Context(), set.ID, members)
	return a.setAfter(r, set.ID, rev, err)
}
