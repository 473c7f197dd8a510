package catalog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// written is st with other members of a set.
func written(st *mcpmux.State, id mcpmux.FeatureSetID, members []mcpmux.Member) *mcpmux.State {
	then := *st
	then.FeatureSets = slices.Clone(st.FeatureSets)
	for i := range then.FeatureSets {
		if then.FeatureSets[i].ID == id {
			then.FeatureSets[i].Members = members
		}
	}
	return &then
}

func keysOf(routes []*Route) keys {
	out := keys{}
	for _, r := range routes {
		out[FeatureKey{r.Server.ID, r.Kind, r.Name}] = true
	}
	return out
}

// previewRandom holds the preview of a change against the Views before it and after it was written.
func previewRandom(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 4))
	st := randomState(r)
	set := st.FeatureSets[r.IntN(len(st.FeatureSets))]
	members := st.FeatureSets[r.IntN(len(st.FeatureSets))].Members
	got, err := Preview(st, set.Space, set.ID, members)
	foreign := slices.ContainsFunc(members, func(m mcpmux.Member) bool {
		s := naive{st}.set(m.Set)
		return m.Kind == mcpmux.MemberSet && (s == nil || s.Space != set.Space)
	})
	refused := computed(&set) || foreign || mcpmux.FindCycle(st.FeatureSets, set.ID, members) != nil
	if (err != nil) != refused {
		t.Fatalf("seed %d: refused %v: %v", seed, refused, err)
	}
	if refused {
		return
	}
	after := written(st, set.ID, members)
	was, is := naive{st}.value(set.ID), naive{after}.value(set.ID)
	for _, f := range got.Features {
		key := FeatureKey{f.Route.Server.ID, f.Route.Kind, f.Route.Name}
		if f.In != is[key] || f.Was != was[key] {
			t.Fatalf("seed %d: %v: in %v, was %v; defined as %v, %v", seed, key, f.In, f.Was, is[key], was[key])
		}
	}
	for _, c := range st.Clients {
		i := slices.IndexFunc(got.Clients, func(e Effect) bool { return e.Client.ID == c.ID })
		there := c
		there.Space, there.Approved = set.Space, true
		had, has := naive{st}.client(there), naive{after}.client(there)
		if i < 0 {
			if !same(had, has) {
				t.Fatalf("seed %d: client %s is not told of", seed, c.ID)
			}
			continue
		}
		e := got.Clients[i]
		if !same(keysOf(e.Gains), has.minus(had)) || !same(keysOf(e.Loses), had.minus(has)) {
			t.Fatalf("seed %d: client %s gains %v, loses %v", seed, c.ID, e.Gains, e.Loses)
		}
		if before, later := seen(Build(c, st, nil)), seen(Build(c, after, nil)); e.Now == same(before, later) {
			t.Fatalf("seed %d: client %s: now %v, but its View says otherwise", seed, c.ID, e.Now)
		}
	}
	for i, m := range members {
		if empty := len((naive{after}).member(set.Space, m)) == 0; empty && m.Kind != mcpmux.MemberServer && !slices.Contains(got.Idle, i) {
			t.Fatalf("seed %d: member %v names nothing", seed, m)
		}
	}
}

func TestPreview_IsWhatWritingWouldGive(t *testing.T) {
	for seed := range uint64(300) {
		previewRandom(t, seed)
	}
}

func FuzzPreview_IsWhatWritingWouldGive(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(previewRandom)
}

func TestPreview_RefusesWhatTheStoreRefuses(t *testing.T) {
	st := world()
	st.FeatureSets = append(st.FeatureSets, mcpmux.FeatureSet{ID: "outer", Space: "home", Name: "Outer", Kind: mcpmux.SetCustom, Members: []mcpmux.Member{nested("safe")}})
	for words, c := range map[string]struct {
		id mcpmux.FeatureSetID
		m  []mcpmux.Member
	}{
		"takes no members":      {"all", nil},
		"Safe → Outer → Safe":   {"safe", []mcpmux.Member{nested("outer")}},
		"can be no member":      {"safe", []mcpmux.Member{nested("all-work")}},
		"no such FeatureSet in": {"all-work", nil},
	} {
		if _, err := Preview(st, "home", c.id, c.m); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %q", err, words)
		}
	}
	got, err := Preview(st, "home", "", []mcpmux.Member{{Kind: mcpmux.MemberServer, Server: "files"}, {Kind: "tool", Server: "files", Name: "gone"}})
	if err != nil || len(got.Clients) != 0 || !slices.Equal(got.Idle, []int{1}) {
		t.Errorf("a set that there is not yet: %+v, %v", got, err)
	}
	for _, f := range got.Features {
		if f.Was || f.In != (f.Route.Server.Alias == "files") {
			t.Errorf("%s: %+v", f.Route.Qualified, f)
		}
	}
}

// farm is 200 Servers with 25 tools each, and 20 Clients that each have a set which leaves some out.
func farm() *mcpmux.State {
	st := &mcpmux.State{Spaces: []mcpmux.Space{{ID: "s", Active: true}}}
	schema := strings.Repeat(`"p":{"type":"string","description":"some words about it"},`, 15)
	for i := range 200 {
		id, alias := mcpmux.ServerID(strconv.Itoa(i)), fmt.Sprint("server", i)
		st.Servers = append(st.Servers, mcpmux.Server{ID: id, Space: "s", Alias: alias, Enabled: true})
		for j := range 25 {
			name := fmt.Sprint("tool_", j)
			raw := fmt.Sprintf(`{"name":%q,"description":"d","inputSchema":{"type":"object","properties":{%s"q":{}}}}`, name, schema)
			st.Features = append(st.Features, mcpmux.Feature{Server: id, Kind: mcpmux.KindTool, Name: name, Raw: []byte(raw)})
		}
	}
	st.FeatureSets = append(st.FeatureSets, set("base", mcpmux.Member{Kind: mcpmux.MemberServer, Server: "*"}))
	for i := range 20 {
		id := fmt.Sprint("c", i)
		st.Clients = append(st.Clients, mcpmux.Client{ID: mcpmux.ClientID(id), Mode: mcpmux.ModeFollow, Approved: true})
		st.FeatureSets = append(st.FeatureSets, set(id, nested("base"), exclude("tool", "*", fmt.Sprintf("*_%d*", i))))
		st.Grants = append(st.Grants, mcpmux.Grant{Client: mcpmux.ClientID(id), Space: "s", Set: mcpmux.FeatureSetID(id)})
	}
	return st
}

// singly is each tool of the farm as a member of its own: the longest list that a person makes.
func singly(st *mcpmux.State) []mcpmux.Member {
	var out []mcpmux.Member
	for _, f := range st.Features {
		out = append(out, mcpmux.Member{Kind: "tool", Server: fmt.Sprint("server", f.Server), Name: f.Name})
	}
	return out
}

func TestPreview_FiveThousandToolsOfTwoHundredServersAreQuick(t *testing.T) {
	st := farm()
	members := singly(st)[1:]
	best := time.Hour
	for range 3 {
		start := time.Now()
		out, err := Preview(st, "s", "base", members)
		best = min(best, time.Since(start))
		if err != nil || len(out.Clients) != 19 { // c0 excludes the tool that goes
			t.Fatalf("%d clients, %v", len(out.Clients), err)
		}
	}
	t.Logf("%d tools, %d members, %d clients: %v", len(st.Features), len(members), len(st.Clients), best)
	if best > 5*time.Second { // what it takes is for the benchmark; this catches work that grows with the square
		t.Errorf("took %v", best)
	}
}

func BenchmarkPreview(b *testing.B) {
	st := farm()
	members := singly(st)
	for name, m := range map[string][]mcpmux.Member{
		"one member": {{Kind: mcpmux.MemberServer, Server: "*"}, exclude("tool", "*", "tool_1*")}, "five thousand members": members,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Preview(st, "s", "base", m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
