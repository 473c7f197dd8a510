package catalog

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// naive is the definition of the rule, written as the design writes it and as slow as that is.
type naive struct{ st *mcpmux.State }

type keys map[FeatureKey]bool

func (k keys) minus(o keys) keys {
	out := keys{}
	for f := range k {
		if !o[f] {
			out[f] = true
		}
	}
	return out
}

func (k keys) plus(o keys) keys {
	out := keys{}
	for f := range k {
		out[f] = true
	}
	for f := range o {
		out[f] = true
	}
	return out
}

func (n naive) set(id mcpmux.FeatureSetID) *mcpmux.FeatureSet {
	for i := range n.st.FeatureSets {
		if n.st.FeatureSets[i].ID == id {
			return &n.st.FeatureSets[i]
		}
	}
	return nil
}

func (n naive) server(id mcpmux.ServerID) mcpmux.Server {
	for _, s := range n.st.Servers {
		if s.ID == id {
			return s
		}
	}
	panic("no such server")
}

func naiveGlob(pattern, s string) bool {
	switch {
	case pattern == "":
		return s == ""
	case pattern[0] == '*':
		return naiveGlob(pattern[1:], s) || s != "" && naiveGlob(pattern, s[1:])
	case s == "":
		return false
	default:
		return (pattern[0] == '?' || pattern[0] == s[0]) && naiveGlob(pattern[1:], s[1:])
	}
}

func (n naive) member(space mcpmux.SpaceID, m mcpmux.Member) keys {
	out := keys{}
	if m.Kind == mcpmux.MemberSet {
		if s := n.set(m.Set); s != nil && s.Space == space {
			return n.value(m.Set)
		}
		return out
	}
	for _, f := range n.st.Features {
		s := n.server(f.Server)
		if s.Space != space || !naiveGlob(m.Server, s.Alias) {
			continue
		}
		if m.Kind == mcpmux.MemberServer || string(m.Kind) == string(f.Kind) && naiveGlob(m.Name, f.Name) {
			out[FeatureKey{f.Server, f.Kind, f.Name}] = true
		}
	}
	return out
}

func (n naive) side(id mcpmux.FeatureSetID, exclude bool) keys {
	s := n.set(id)
	out := keys{}
	if s == nil {
		return out
	}
	switch s.Kind {
	case mcpmux.SetAll:
		if !exclude {
			return n.member(s.Space, mcpmux.Member{Kind: mcpmux.MemberServer, Server: "*"})
		}
	case mcpmux.SetServerAll:
		if !exclude {
			return n.member(s.Space, mcpmux.Member{Kind: mcpmux.MemberServer, Server: s.Server})
		}
	default:
		for _, m := range s.Members {
			if m.Exclude == exclude {
				out = out.plus(n.member(s.Space, m))
			}
		}
	}
	return out
}

func (n naive) value(id mcpmux.FeatureSetID) keys { return n.side(id, false).minus(n.side(id, true)) }

func (n naive) client(c mcpmux.Client) keys {
	out, not := keys{}, keys{}
	if !c.Approved {
		return out
	}
	add := func(id mcpmux.FeatureSetID) {
		out, not = out.plus(n.value(id)), not.plus(n.side(id, true))
	}
	for _, s := range n.st.FeatureSets {
		if s.Space == c.Space && s.Kind == mcpmux.SetDefault {
			add(s.ID)
		}
	}
	for _, g := range n.st.Grants {
		if s := n.set(g.Set); g.Client == c.ID && g.Space == c.Space && s != nil && s.Space == c.Space {
			add(g.Set)
		}
	}
	out = out.minus(not)
	for f := range out {
		if !n.server(f.Server).Enabled {
			delete(out, f)
		}
	}
	return out
}

// randomState is two Spaces with Servers, Features, a random acyclic graph of sets, and Clients.
func randomState(r *rand.Rand) *mcpmux.State {
	st := &mcpmux.State{}
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	for _, space := range []mcpmux.SpaceID{"s1", "s2"} {
		st.Spaces = append(st.Spaces, mcpmux.Space{ID: space, Name: string(space), Active: space == "s1"})
		for i, alias := range []string{"git", "fs", "g_x"} {
			id := mcpmux.ServerID(fmt.Sprintf("%s-%d", space, i))
			st.Servers = append(st.Servers, mcpmux.Server{ID: id, Space: space, Alias: alias, Enabled: r.IntN(5) > 0})
			for _, kind := range mcpmux.FeatureKinds() {
				for j := range r.IntN(5) {
					name := fmt.Sprintf("%s/%d", pick("read", "create", "delete"), j)
					st.Features = append(st.Features, mcpmux.Feature{Server: id, Kind: kind, Name: name, Raw: []byte(fmt.Sprintf(`{"name":%q,"uri":%[1]q,"uriTemplate":%[1]q}`, name))})
				}
			}
		}
		st.FeatureSets = append(st.FeatureSets, mcpmux.FeatureSet{ID: "all-" + mcpmux.FeatureSetID(space), Space: space, Kind: mcpmux.SetAll},
			mcpmux.FeatureSet{ID: "git-" + mcpmux.FeatureSetID(space), Space: space, Kind: mcpmux.SetServerAll, Server: "git"})
		for i := range 7 {
			set := mcpmux.FeatureSet{ID: mcpmux.FeatureSetID(fmt.Sprintf("%s-%d", space, i)), Space: space, Kind: mcpmux.SetCustom}
			if i == 6 {
				set.Kind = mcpmux.SetDefault
			}
			for range r.IntN(6) {
				m := mcpmux.Member{Exclude: r.IntN(3) == 0}
				switch r.IntN(4) {
				case 0:
					m.Kind, m.Server = mcpmux.MemberServer, pick("git", "fs", "g*", "g_?", "gone")
				case 1:
					m.Kind = mcpmux.MemberSet // of either Space: the other's does not count
					m.Set = st.FeatureSets[r.IntN(len(st.FeatureSets))].ID
				default:
					m.Kind = mcpmux.MemberKind(pick("tool", "prompt", "resource", "template"))
					m.Server, m.Name = pick("git", "fs", "*", "g*"), pick("read/0", "create/1", "delete*", "*", "*/?", "read/*")
				}
				set.Members = append(set.Members, m)
			}
			st.FeatureSets = append(st.FeatureSets, set)
		}
	}
	for i := range 4 {
		c := mcpmux.Client{ID: mcpmux.ClientID(strconv.Itoa(i)), Mode: mcpmux.ModeLocked, Space: mcpmux.SpaceID(pick("s1", "s2")), Approved: i > 0}
		st.Clients = append(st.Clients, c)
		for range r.IntN(4) {
			st.Grants = append(st.Grants, mcpmux.Grant{Client: c.ID, Space: c.Space, Set: st.FeatureSets[r.IntN(len(st.FeatureSets))].ID})
		}
	}
	return st
}

func seen(v *View) keys {
	out := keys{}
	for _, k := range mcpmux.FeatureKinds() {
		for _, r := range v.List(k) {
			out[FeatureKey{r.Server.ID, r.Kind, r.Name}] = true
		}
	}
	return out
}

func same(a, b keys) bool { return len(a.minus(b)) == 0 && len(b.minus(a)) == 0 }

func TestResolve_EqualsTheDefinitionOnRandomSetGraphs(t *testing.T) {
	for seed := range uint64(400) {
		st := randomState(rand.New(rand.NewPCG(seed, 1)))
		n := naive{st}
		for _, s := range st.FeatureSets {
			if got, want := keys(Resolve(st, s.ID)), n.value(s.ID); !same(got, want) {
				t.Fatalf("seed %d: set %s is %v, defined as %v", seed, s.ID, got, want)
			}
		}
		views := BuildAll(st)
		for _, c := range st.Clients {
			want := n.client(c)
			if got := seen(views[c.ID]); !same(got, want) {
				t.Fatalf("seed %d: client %s sees %v, defined as %v", seed, c.ID, got, want)
			}
			if got := seen(Build(c, st, nil)); !same(got, want) {
				t.Fatalf("seed %d: client %s alone sees %v, defined as %v", seed, c.ID, got, want)
			}
			for _, s := range st.Servers {
				if s.Space != c.Space {
					continue
				}
				of := keys{}
				for f := range want {
					if f.Server == s.ID {
						of[f] = true
					}
				}
				o, ok := views[c.ID].Only(s.Alias)
				if !ok && len(of) > 0 || ok && !same(seen(o), of) {
					t.Fatalf("seed %d: client %s sees of %s alone %v, want %v", seed, c.ID, s.Alias, o, of)
				}
			}
		}
	}
}

// TestBounds_DecideAsTheAlgebra: what the bounds say of an unlisted resource is what the algebra would say
// were it listed.
func TestBounds_DecideAsTheAlgebra(t *testing.T) {
	for seed := range uint64(300) {
		st := randomState(rand.New(rand.NewPCG(seed, 2)))
		n := naive{st}
		a := newAtlas(st, "s1", nil)
		for _, f := range st.Features {
			s := n.server(f.Server)
			if f.Kind != mcpmux.KindResource || s.Space != "s1" {
				continue
			}
			for _, set := range st.FeatureSets {
				if set.Space != "s1" {
					continue
				}
				got := a.boundsOf([]mcpmux.FeatureSetID{set.ID}).excludes(s.Alias, f.Name)
				if want := n.side(set.ID, true)[FeatureKey{f.Server, f.Kind, f.Name}]; got != want {
					t.Fatalf("seed %d: set %s excludes %s/%s = %v, want %v", seed, set.ID, s.Alias, f.Name, got, want)
				}
			}
		}
	}
}

func TestMatch_AgreesWithTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	text := func(alphabet string, n int) string {
		var b strings.Builder
		for range r.IntN(n) {
			b.WriteByte(alphabet[r.IntN(len(alphabet))])
		}
		return b.String()
	}
	for range 20000 {
		p, s := text("ab/*?", 7), text("ab/", 9)
		if got, want := match(p, s), naiveGlob(p, s); got != want {
			t.Fatalf("match(%q, %q) = %v, want %v", p, s, got, want)
		}
	}
}

func TestLiteral_MatchesItselfAlone(t *testing.T) {
	for _, name := range []string{"", "plain", "http://x/a?b=*", `back\slash`, `\*`, "ünïcode?"} {
		if !match(Literal(name), name) {
			t.Errorf("the literal of %q does not match it", name)
		}
		if got, ok := exact(Literal(name)); !ok || got != name {
			t.Errorf("exact(Literal(%q)) = %q, %v", name, got, ok)
		}
	}
	if match(Literal("a?b*"), "axb*") || match(Literal("a?b*"), "a?bx") {
		t.Error("a literal matches something else")
	}
	if !match("?", "ü") || match("?", "") {
		t.Error("? is one character")
	}
}

func set(id string, members ...mcpmux.Member) mcpmux.FeatureSet {
	return mcpmux.FeatureSet{ID: mcpmux.FeatureSetID(id), Name: strings.ToUpper(id), Space: "s", Kind: mcpmux.SetCustom, Members: members}
}

func nested(id string) mcpmux.Member {
	return mcpmux.Member{Kind: mcpmux.MemberSet, Set: mcpmux.FeatureSetID(id)}
}

func TestView_OverACycleSeesNothing(t *testing.T) {
	st := &mcpmux.State{
		Spaces:      []mcpmux.Space{{ID: "s", Active: true}},
		Servers:     []mcpmux.Server{{ID: "1", Space: "s", Alias: "x", Enabled: true}},
		Features:    []mcpmux.Feature{{Server: "1", Kind: mcpmux.KindTool, Name: "t", Raw: []byte(`{"name":"t"}`)}},
		FeatureSets: []mcpmux.FeatureSet{set("a", nested("b")), set("b", nested("a")), set("c", mcpmux.Member{Kind: mcpmux.MemberServer, Server: "x"}, nested("a"))},
		Clients:     []mcpmux.Client{{ID: "c", Mode: mcpmux.ModeFollow, Approved: true}},
		Grants:      []mcpmux.Grant{{Client: "c", Space: "s", Set: "c"}},
	}
	v := BuildAll(st)["c"]
	if len(v.List(mcpmux.KindTool)) > 0 || !strings.Contains(v.Refusal, "cycle") {
		t.Errorf("sees %v, refusal %q", v.List(mcpmux.KindTool), v.Refusal)
	}
}

// TestEvaluate_DiamondsCostNothing: forty layers of two sets that both nest both below have 2^40 paths.
func TestEvaluate_DiamondsCostNothing(t *testing.T) {
	st := &mcpmux.State{
		Servers:     []mcpmux.Server{{ID: "1", Space: "s", Alias: "x", Enabled: true}},
		Features:    []mcpmux.Feature{{Server: "1", Kind: mcpmux.KindResource, Name: "u", Raw: []byte(`{"uri":"u"}`)}},
		FeatureSets: []mcpmux.FeatureSet{set("a0", mcpmux.Member{Kind: mcpmux.MemberServer, Server: "x"}), set("b0")},
	}
	for i := 1; i <= 40; i++ {
		for _, side := range []string{"a", "b"} {
			st.FeatureSets = append(st.FeatureSets, set(fmt.Sprint(side, i), nested(fmt.Sprint("a", i-1)), nested(fmt.Sprint("b", i-1))))
		}
	}
	if got := Resolve(st, "a40"); len(got) != 1 {
		t.Errorf("resolved to %v", got)
	}
	x := nested("a40")
	x.Exclude = true
	st.FeatureSets = append(st.FeatureSets, set("top", x))
	a := newAtlas(st, "s", nil)
	if !a.boundsOf([]mcpmux.FeatureSetID{"top"}).excludes("x", "anything") {
		t.Error("the bounds of a diamond do not exclude")
	}
}
