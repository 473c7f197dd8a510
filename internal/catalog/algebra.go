package catalog

import (
	"slices"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// value is what a FeatureSet says: it grants include − exclude, and where it is granted to a Client its
// exclude also counts against everything else that this Client has.
type value struct {
	include, exclude bitset
	grants           bitset // include − exclude
	err              error  // the set is part of a cycle, or leads into one
}

// valueOf is the value of a set by rule 1 of the design: (included Features ∪ values of included sets) −
// (excluded Features ∪ values of excluded sets). All and ServerAll are computed, whatever their members.
// Each set is evaluated once, so that a diamond costs nothing. Cycles are refused where sets are written;
// should one be here all the same, no set that leads into it has a value.
func (a *atlas) valueOf(id mcpmux.FeatureSetID) *value { return a.evaluate(id, nil) }

func (a *atlas) evaluate(id mcpmux.FeatureSetID, path []mcpmux.FeatureSetID) *value {
	if v, ok := a.values[id]; ok {
		return v
	}
	if slices.Contains(path, id) {
		return &value{err: mcpmux.Errorf(mcpmux.CodeInvalid, "FeatureSets form a cycle through %q", a.sets[id].Name)}
	}
	v := &value{include: a.none(), exclude: a.none()}
	set, ok := a.sets[id]
	switch {
	case !ok: // deleted, or of another Space: nothing
	case set.Kind == mcpmux.SetAll:
		v.include.addRange(0, len(a.routes)+len(a.servers))
	case set.Kind == mcpmux.SetServerAll:
		if i, ok := a.byAlias[set.Server]; ok {
			a.addWhole(v.include, a.servers[i])
		}
	default:
		path = append(path, id)
		for i := range set.Members {
			m := &set.Members[i]
			side := v.include
			if m.Exclude {
				side = v.exclude
			}
			if v.err = a.addValue(side, m, path); v.err != nil {
				break
			}
		}
	}
	v.grants = v.include.clone()
	v.grants.andNot(v.exclude)
	a.values[id] = v
	return v
}

// addValue adds what one member stands for.
func (a *atlas) addValue(to bitset, m *mcpmux.Member, path []mcpmux.FeatureSetID) error {
	if m.Kind != mcpmux.MemberSet {
		a.addMember(to, m)
		return nil
	}
	n := a.evaluate(m.Set, path)
	if n.err != nil {
		return n.err
	}
	to.or(n.grants)
	return nil
}

// addMember adds what one Server or Feature member names. Members are kept by alias and name; one that
// names nothing now is kept all the same and counts again when its Server is back.
func (a *atlas) addMember(to bitset, m *mcpmux.Member) {
	if alias, ok := exact(m.Server); ok {
		if i, ok := a.byAlias[alias]; ok {
			a.addMemberOf(to, m, a.servers[i])
		}
		return
	}
	for _, s := range a.servers {
		if match(m.Server, s.server.Alias) {
			a.addMemberOf(to, m, s)
		}
	}
}

func (a *atlas) addMemberOf(to bitset, m *mcpmux.Member, s span) {
	if m.Kind == mcpmux.MemberServer {
		a.addWhole(to, s)
		return
	}
	kind := mcpmux.FeatureKind(m.Kind)
	if name, ok := exact(m.Name); ok {
		if i, ok := a.byKey[FeatureKey{s.server.ID, kind, name}]; ok {
			to.add(i)
		}
		return
	}
	for i := s.from; i < s.to; i++ {
		if a.routes[i].Kind == kind && match(m.Name, a.routes[i].Name) {
			to.add(i)
		}
	}
}

func (a *atlas) addWhole(to bitset, s span) {
	to.addRange(s.from, s.to)
	to.add(s.whole)
}

// granted is what a Client with these granted sets has: the union of their values, minus everything that
// one of them excludes at its top level. Exclude always wins, over All too.
func (a *atlas) granted(sets []mcpmux.FeatureSetID) (bitset, error) {
	all, not := a.none(), a.none()
	for _, id := range sets {
		v := a.valueOf(id)
		if v.err != nil {
			return a.none(), v.err
		}
		all.or(v.grants)
		not.or(v.exclude)
	}
	all.andNot(not)
	return all, nil
}

// Resolve is the value of one FeatureSet over all Features of its Space, also those of disabled Servers.
// It is empty for a set that does not exist or that leads into a cycle.
func Resolve(st *mcpmux.State, id mcpmux.FeatureSetID) map[FeatureKey]bool {
	out := map[FeatureKey]bool{}
	for i := range st.FeatureSets {
		if st.FeatureSets[i].ID != id {
			continue
		}
		a := newAtlas(st, st.FeatureSets[i].Space, nil)
		v := a.valueOf(id)
		if v.err != nil {
			return out
		}
		v.grants.each(func(p int) {
			if p < len(a.routes) {
				r := a.routes[p]
				out[FeatureKey{r.Server.ID, r.Kind, r.Name}] = true
			}
		})
	}
	return out
}
