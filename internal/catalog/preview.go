package catalog

import (
	"maps"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Outcome is what a FeatureSet would be with other members, and whom that would touch.
type Outcome struct {
	// Features are all of the Space: Servers in order of creation, then the Server's own order.
	Features []Selected
	// Clients are those who would see something else than now, when they are in the Space.
	Clients []Effect
	// Idle are the positions of members that name nothing that is there now.
	Idle []int
}

// Selected is one Feature, with whether the set would have it and whether it has it now.
type Selected struct {
	Route   *Route
	In, Was bool
}

// Effect is what one Client would gain and lose.
type Effect struct {
	Client mcpmux.Client
	// Now says that it happens at once: the Client is approved and in the Space. Else it is so from when it is.
	Now          bool
	Gains, Loses []*Route
}

// Preview is the outcome of giving a set of a Space these members in place of those that it has; for "" the set is one
// that there is not yet. Nothing is written. What the store would refuse is an error: a set that takes no members, a
// member of another Space, a cycle.
func Preview(st *mcpmux.State, space mcpmux.SpaceID, id mcpmux.FeatureSetID, members []mcpmux.Member) (*Outcome, error) {
	now := newAtlas(st, space, nil)
	then, err := now.with(st.FeatureSets, id, members)
	if err != nil {
		return nil, err
	}
	was, is := now.valueOf(id), then.valueOf(id)
	if is.err != nil {
		return nil, is.err
	}
	out := &Outcome{Features: make([]Selected, len(now.routes))}
	for p, r := range now.routes {
		out.Features[p] = Selected{Route: r, In: is.grants.has(p), Was: was.grants.has(p)}
	}
	for i := range members {
		names := then.none()
		if err := then.addValue(names, &members[i], nil); err != nil {
			return nil, err
		}
		if names.empty() {
			out.Idle = append(out.Idle, i)
		}
	}
	out.Clients = effects(st, now, then)
	return out, nil
}

// Counts says how many Features of each kind every set of a Space selects, in the order of mcpmux.FeatureKinds. A set
// that leads into a cycle selects none.
func Counts(st *mcpmux.State, space mcpmux.SpaceID) map[mcpmux.FeatureSetID][4]int {
	a := newAtlas(st, space, nil)
	out := make(map[mcpmux.FeatureSetID][4]int, len(a.sets))
	for id := range a.sets {
		var n [4]int
		if v := a.valueOf(id); v.err == nil {
			v.grants.each(func(p int) {
				if p < len(a.routes) {
					n[slot(a.routes[p].Kind)]++
				}
			})
		}
		out[id] = n
	}
	return out
}

// with is the atlas as it would be with other members of a set. Everything else is shared.
func (a *atlas) with(sets []mcpmux.FeatureSet, id mcpmux.FeatureSetID, members []mcpmux.Member) (*atlas, error) {
	set := mcpmux.FeatureSet{ID: id, Space: a.space, Kind: mcpmux.SetCustom}
	if id != "" {
		s, ok := a.sets[id]
		if !ok {
			return nil, mcpmux.Errorf(mcpmux.CodeNotFound, "there is no such FeatureSet in this Space")
		}
		set = *s
	}
	if err := set.TakesMembers(); err != nil {
		return nil, err
	}
	for _, m := range members {
		if _, ok := a.sets[m.Set]; !ok && m.Kind == mcpmux.MemberSet {
			return nil, mcpmux.Errorf(mcpmux.CodeInvalid, "there is no such FeatureSet in this Space, so it can be no member")
		}
	}
	if err := mcpmux.RefuseCycle(sets, id, members); err != nil {
		return nil, err
	}
	set.Members = members
	then := *a
	then.sets = maps.Clone(a.sets)
	then.sets[id] = &set
	then.values = map[mcpmux.FeatureSetID]*value{}
	return &then, nil
}

// effects compares what each Client has of the Space by one atlas and by another.
func effects(st *mcpmux.State, now, then *atlas) []Effect {
	var out []Effect
	grants := grantsOf(st, "")
	for _, c := range st.Clients {
		sets := now.setsOf(grants[c.ID])
		had, _ := now.granted(sets) // over a cycle a Client has nothing
		has, _ := then.granted(sets)
		e := Effect{Client: c, Gains: now.routesOf(has, had), Loses: now.routesOf(had, has)}
		if len(e.Gains)+len(e.Loses) == 0 {
			continue
		}
		in, _, err := SpaceOf(c, st)
		e.Now = c.Approved && err == nil && in == now.space
		out = append(out, e)
	}
	return out
}

// routesOf are the Features of a that b has not, of Servers that are on.
func (a *atlas) routesOf(has, not bitset) []*Route {
	more := has.clone()
	more.andNot(not)
	more.and(a.served)
	var out []*Route
	more.each(func(p int) {
		if p < len(a.routes) {
			out = append(out, a.routes[p])
		}
	})
	return out
}
