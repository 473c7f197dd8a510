package catalog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// checkWay fails unless a way begins in a set that the Client has, goes from each set to the one within it, and ends at
// what names the Feature.
func checkWay(t *testing.T, n naive, space mcpmux.SpaceID, way []Step, f *Explained) {
	t.Helper()
	key := FeatureKey{f.Route.Server.ID, f.Route.Kind, f.Route.Name}
	for i, s := range way {
		last := i == len(way)-1
		switch {
		case s.Member == nil:
			if !last || !n.value(s.Set.ID)[key] {
				t.Fatalf("step %d of %v ends in the set %s, which has it not", i, text(way), s.Set.ID)
			}
		case !slices.Contains(s.Set.Members, *s.Member):
			t.Fatalf("step %d of %v is no member", i, text(way))
		case s.Member.Kind == mcpmux.MemberSet:
			if last || way[i+1].Set.ID != s.Member.Set {
				t.Fatalf("step %d of %v leads nowhere", i, text(way))
			}
		case !last || !n.member(space, *s.Member)[key]:
			t.Fatalf("step %d of %v does not name %v", i, text(way), key)
		}
	}
}

func text(way []Step) string {
	var parts []string
	for _, s := range way {
		part := string(s.Set.ID)
		if s.Member != nil {
			part += fmt.Sprintf("[%v]", *s.Member)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " → ")
}

// explainRandom holds the explanations of a random State against its Views and the definition.
func explainRandom(t *testing.T, seed uint64) {
	st := randomState(rand.New(rand.NewPCG(seed, 3)))
	n := naive{st}
	views := BuildAll(st)
	for _, c := range st.Clients {
		sees := seen(views[c.ID])
		for _, space := range st.Spaces {
			e := Explain(c, st, space.ID)
			if here := space.ID == c.Space; e.Here != here || (e.Refusal == "") != c.Approved {
				t.Fatalf("seed %d: client %s in %s: here %v, refusal %q", seed, c.ID, space.ID, e.Here, e.Refusal)
			}
			there := c
			there.Space, there.Approved = space.ID, true
			told := 0
			for i := range e.Features {
				f := &e.Features[i]
				key := FeatureKey{f.Route.Server.ID, f.Route.Kind, f.Route.Name}
				told++
				if f.Visible != (e.Here && sees[key]) || f.Visible != (f.Reason == ReasonGranted) {
					t.Fatalf("seed %d: client %s, %v: visible %v for %s, the View says %v", seed, c.ID, key, f.Visible, f.Reason, sees[key])
				}
				has := n.client(there)[key]
				switch f.Reason {
				case ReasonGranted:
					if f.Included == nil || f.Excluded != nil {
						t.Fatalf("seed %d: granted by %v, excluded by %v", seed, text(f.Included), text(f.Excluded))
					}
				case ReasonExcluded:
					if f.Excluded == nil || has {
						t.Fatalf("seed %d: %v is excluded by nothing", seed, key)
					}
				case ReasonNotGranted:
					if f.Included != nil || f.Excluded != nil || has {
						t.Fatalf("seed %d: %v is not granted, but %v", seed, key, text(f.Included))
					}
				case ReasonServerOff:
					if f.Route.Server.Enabled || f.Included == nil {
						t.Fatalf("seed %d: the server of %v is on", seed, key)
					}
				case ReasonRefused, ReasonElsewhere:
					if !has || e.Here && c.Approved {
						t.Fatalf("seed %d: %v is %s", seed, key, f.Reason)
					}
				default:
					t.Fatalf("seed %d: no reason: %q", seed, f.Reason)
				}
				checkWay(t, n, space.ID, f.Included, f)
				checkWay(t, n, space.ID, f.Excluded, f)
				for _, s := range f.Included {
					if s.Member != nil && s.Member.Exclude {
						t.Fatalf("seed %d: included by an exclusion: %v", seed, text(f.Included))
					}
				}
				if f.Excluded != nil && !slices.ContainsFunc(f.Excluded, func(s Step) bool { return s.Member != nil && s.Member.Exclude }) {
					t.Fatalf("seed %d: excluded without an exclusion: %v", seed, text(f.Excluded))
				}
			}
			for _, f := range st.Features {
				if n.server(f.Server).Space == space.ID {
					told--
				}
			}
			if told > 0 {
				t.Fatalf("seed %d: more Features are told than there are", seed)
			}
		}
	}
}

func TestExplain_VisibleIsWhatTheViewSays(t *testing.T) {
	for seed := range uint64(100) {
		explainRandom(t, seed)
	}
}

func FuzzExplain_VisibleIsWhatTheViewSays(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(explainRandom)
}

// why is the reason and both ways of one Feature, for people.
func why(st *mcpmux.State, qualified string) string {
	for _, f := range Explain(st.Clients[0], st, "home").Features {
		if f.Route.Qualified == qualified {
			return strings.TrimSpace(fmt.Sprintf("%s +%s -%s", f.Reason, text(f.Included), text(f.Excluded)))
		}
	}
	return "no such Feature"
}

func TestExplain_NamesTheMemberThatDecides(t *testing.T) {
	include := func(kind mcpmux.MemberKind, server, name string) mcpmux.Member {
		return mcpmux.Member{Kind: kind, Server: server, Name: name}
	}
	custom := func(st *mcpmux.State, id string, m ...mcpmux.Member) *mcpmux.State {
		st.FeatureSets = append(st.FeatureSets, mcpmux.FeatureSet{ID: mcpmux.FeatureSetID(id), Space: "home", Name: id, Kind: mcpmux.SetCustom, Members: m})
		return st
	}
	bare := func() *mcpmux.State { st := world(); st.Grants = nil; return st }
	for what, c := range map[string]struct {
		st   *mcpmux.State
		name string
		want string
	}{
		"All":              {world(), "files_read", "granted +all -"},
		"no grant":         {bare(), "files_read", "not_granted + -"},
		"exclude over All": {grantSafe(world(), exclude("tool", "files", "*")), "files_read", "excluded +all -safe[{true tool files * }]"},
		"within": {
			custom(grantSafe(bare(), nested("inner")), "inner", include("server", "files", ""), exclude("tool", "files", "read")),
			"files_read", "excluded + -safe[{false set   inner}] → inner[{true tool files read }]",
		},
		"nested": {
			custom(grantSafe(bare(), nested("inner")), "inner", include("tool", "fi*", "r*")),
			"files_read", "granted +safe[{false set   inner}] → inner[{false tool fi* r* }] -",
		},
		"an excluded set": {
			custom(grantSafe(world(), mcpmux.Member{Exclude: true, Kind: mcpmux.MemberSet, Set: "inner"}), "inner", include("tool", "files", "read")),
			"files_read", "excluded +all -safe[{true set   inner}] → inner[{false tool files read }]",
		},
		"both in one set": {
			grantSafe(bare(), include("server", "files", ""), exclude("tool", "files", "read")),
			"files_read", "excluded +safe[{false server files  }] -safe[{true tool files read }]",
		},
	} {
		if got := why(c.st, c.name); got != c.want {
			t.Errorf("%s: %s\nwant %s", what, got, c.want)
		}
	}
	st := world()
	st.Servers[1].Enabled = false
	if got := why(st, "files_read"); got != "server_disabled +all -" {
		t.Error(got)
	}
	st = world()
	st.Clients[0].Approved = false
	if e := Explain(st.Clients[0], st, "home"); !strings.Contains(e.Refusal, "not approved") || why(st, "files_read") != "refused +all -" {
		t.Errorf("%q, %s", e.Refusal, why(st, "files_read"))
	}
	st = world()
	st.Clients[0].Space = "work"
	if got := why(st, "files_read"); got != "elsewhere +all -" {
		t.Error(got)
	}
}

func TestExplain_OverACycleSaysSo(t *testing.T) {
	st := grantSafe(world(), nested("safe"))
	if e := Explain(st.Clients[0], st, "home"); !strings.Contains(e.Refusal, "cycle") || why(st, "files_read") != "not_granted + -" {
		t.Errorf("%+v", e.Refusal)
	}
}

func BenchmarkExplain(b *testing.B) {
	st := big()
	b.ReportAllocs()
	for b.Loop() {
		Explain(st.Clients[3], st, "s")
	}
}
