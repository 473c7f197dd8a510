package catalog

import "github.com/mcpmux/mcpmux/internal/mcpmux"

// Reason says why a Client sees a Feature or does not.
type Reason string

// The reasons. All but ReasonGranted hide. Where several do, the one that is nearest to the Feature is told.
const (
	// ReasonGranted: a granted set has it, and none excludes it.
	ReasonGranted Reason = "granted"
	// ReasonExcluded: a granted set excludes it, or a set within one does and nothing else grants it.
	ReasonExcluded Reason = "excluded"
	// ReasonNotGranted: no granted set has it.
	ReasonNotGranted Reason = "not_granted"
	// ReasonServerOff: it is granted, and its Server is switched off.
	ReasonServerOff Reason = "server_disabled"
	// ReasonRefused: it is granted, and the Client sees nothing at all; Explanation.Refusal says why.
	ReasonRefused Reason = "refused"
	// ReasonElsewhere: it is granted, and the Client is in another Space now.
	ReasonElsewhere Reason = "elsewhere"
)

// Explanation says of every Feature of a Space why a Client sees it or does not.
type Explanation struct {
	// Here says that the Client is in the Space now, by its connection mode.
	Here bool
	// Refusal says in words why nothing at all is visible, as that of the View does.
	Refusal string
	// Features are Servers in order of creation, then the Server's own order.
	Features []Explained
}

// Explained is one Feature.
type Explained struct {
	Route *Route
	// Visible is what the Client's View says.
	Visible bool
	Reason  Reason
	// Included is the way from a granted set to the member that names the Feature, empty where none does. Excluded is
	// the way to the one that takes it away.
	Included, Excluded []Step
}

// Step is one member on such a way. Member is nil in a set whose content is computed: All, or that of a Server.
type Step struct {
	Set    *mcpmux.FeatureSet
	Member *mcpmux.Member
}

// Explain says what Build decides. Nothing is decided here: what is visible is read from the View, and the ways are
// found in the values that it was made of.
func Explain(c mcpmux.Client, st *mcpmux.State, space mcpmux.SpaceID) Explanation {
	b := &builder{state: st, grants: grantsOf(st, c.ID)}
	v := b.view(c)
	a := b.atlas(space)
	in, _, err := SpaceOf(c, st)
	e := Explanation{Here: err == nil && in == space, Refusal: v.Refusal, Features: make([]Explained, len(a.routes))}
	x := explainer{atlas: a, sets: a.setsOf(b.grants[c.ID]), origins: map[mcpmux.FeatureSetID]*origins{}, within: map[mcpmux.FeatureSetID]bitset{}}
	has, err := a.granted(x.sets)
	if err != nil {
		e.Refusal, x.sets = err.Error(), nil // over a cycle there are no values to find a way in
	}
	for p, r := range a.routes {
		f := Explained{Route: r, Visible: v.Space == space && v.sees.has(p)}
		x.ways(p, &f)
		switch {
		case f.Visible:
			f.Reason = ReasonGranted
		case !has.has(p) && f.Excluded != nil:
			f.Reason = ReasonExcluded
		case !has.has(p):
			f.Reason = ReasonNotGranted
		case !a.served.has(p):
			f.Reason = ReasonServerOff
		case e.Refusal != "":
			f.Reason = ReasonRefused
		default:
			f.Reason = ReasonElsewhere
		}
		e.Features[p] = f
	}
	return e
}

// explainer finds ways through the granted sets.
type explainer struct {
	*atlas
	sets    []mcpmux.FeatureSetID
	origins map[mcpmux.FeatureSetID]*origins
	within  map[mcpmux.FeatureSetID]bitset
}

// origins are, by position, the first member of a set that includes it and the first that excludes it; -1 for none.
type origins struct{ include, exclude []int32 }

// ways fills in how a position is included and excluded, by the order of rule 1: what a granted set excludes at its top
// level counts against everything; what a set within one excludes counts where nothing else grants it.
func (x *explainer) ways(p int, f *Explained) {
	for _, id := range x.sets {
		v := x.valueOf(id)
		if v.exclude.has(p) && f.Excluded == nil {
			f.Excluded = x.out(id, p)
		}
		if v.include.has(p) && (f.Included == nil || v.grants.has(p) && !x.valueOf(f.Included[0].Set.ID).grants.has(p)) {
			f.Included = x.into(id, p)
		}
	}
	if f.Included != nil || f.Excluded != nil {
		return
	}
	for _, id := range x.sets {
		if x.lost(id).has(p) {
			f.Excluded = x.lostBy(id, p)
			return
		}
	}
}

// into is the way by which a set includes a position.
func (x *explainer) into(id mcpmux.FeatureSetID, p int) []Step {
	s := x.atlas.sets[id]
	if computed(s) {
		return []Step{{Set: s}}
	}
	return x.through(s, x.originsOf(s).include[p], p)
}

// out is the way by which a set excludes a position at its top level.
func (x *explainer) out(id mcpmux.FeatureSetID, p int) []Step {
	s := x.atlas.sets[id]
	return x.through(s, x.originsOf(s).exclude[p], p)
}

// through is the way that begins with a member: it ends there, or goes on in the set that the member is.
func (x *explainer) through(s *mcpmux.FeatureSet, member int32, p int) []Step {
	m := &s.Members[member]
	way := []Step{{Set: s, Member: m}}
	if m.Kind == mcpmux.MemberSet {
		way = append(way, x.into(m.Set, p)...)
	}
	return way
}

// lost are the positions that some set within a set names and excludes itself.
func (x *explainer) lost(id mcpmux.FeatureSetID) bitset {
	if b, ok := x.within[id]; ok {
		return b
	}
	b := x.none()
	x.nested(id, func(_ *mcpmux.Member, n mcpmux.FeatureSetID) bool {
		v := x.valueOf(n)
		own := v.include.clone()
		own.and(v.exclude)
		b.or(own)
		b.or(x.lost(n))
		return true
	})
	x.within[id] = b
	return b
}

// lostBy is the way to the member that excludes it there.
func (x *explainer) lostBy(id mcpmux.FeatureSetID, p int) (way []Step) {
	x.nested(id, func(m *mcpmux.Member, n mcpmux.FeatureSetID) bool {
		v := x.valueOf(n)
		step := Step{Set: x.atlas.sets[id], Member: m}
		switch {
		case v.include.has(p) && v.exclude.has(p):
			way = append([]Step{step}, x.out(n, p)...)
		case x.lost(n).has(p):
			way = append([]Step{step}, x.lostBy(n, p)...)
		}
		return way == nil
	})
	return way
}

// nested calls f with the sets that a set includes, until that answers false.
func (x *explainer) nested(id mcpmux.FeatureSetID, f func(m *mcpmux.Member, n mcpmux.FeatureSetID) bool) {
	s, ok := x.atlas.sets[id]
	if !ok || computed(s) {
		return
	}
	for i := range s.Members {
		m := &s.Members[i]
		if m.Kind == mcpmux.MemberSet && !m.Exclude && !f(m, m.Set) {
			return
		}
	}
}

func (x *explainer) originsOf(s *mcpmux.FeatureSet) *origins {
	if o := x.origins[s.ID]; o != nil {
		return o
	}
	o := &origins{include: unknown(len(x.routes)), exclude: unknown(len(x.routes))}
	for i := range s.Members {
		names := x.none()
		if x.addValue(names, &s.Members[i], nil) != nil {
			continue // part of a cycle: the set has no value, and nobody asks for a way in it
		}
		by := o.include
		if s.Members[i].Exclude {
			by = o.exclude
		}
		names.each(func(p int) {
			if p < len(by) && by[p] < 0 {
				by[p] = int32(i)
			}
		})
	}
	x.origins[s.ID] = o
	return o
}

func unknown(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = -1
	}
	return out
}
