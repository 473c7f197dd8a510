package catalog

import (
	"crypto/sha256"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// Route is where one visible Feature leads: from the name that a Client uses to the Server and its own name.
// It is immutable and shared by all Views of a Space.
type Route struct {
	Space  mcpmux.SpaceID
	Server *mcpmux.Server
	Kind   mcpmux.FeatureKind
	// Name is the Server's own name of it; NameJSON is the same as a JSON string.
	Name     string
	NameJSON []byte
	// Qualified is the name that Clients see; for resources and templates it is Name.
	Qualified string
	// Raw is the Feature as it is listed to Clients: the Server's bytes with the name replaced.
	Raw []byte
	// Hash is the sha256 of Raw.
	Hash [32]byte
	// ParamHeaders are the arguments of a tool that are repeated in headers (MCP 2026-07-28
	// basic/transports §Custom Headers); nil where there are none or the annotations are invalid.
	ParamHeaders []protocol.ParamHeader
	// NeedsTask says that a tool can only be run as a core task (MCP 2025-11-25 basic/utilities/tasks).
	NeedsTask bool
}

// FeatureKey is what a Feature is known by within one installation of its Server.
type FeatureKey struct {
	Server mcpmux.ServerID
	Kind   mcpmux.FeatureKind
	Name   string
}

// atlas is everything in one Space that a Client could see, named and rendered once for all Clients.
// Positions 0 … len(routes)-1 are the Features, in order; after them comes one position for each Server,
// which stands for the Server as a whole: it is in a selection when a Feature of an unheard-of name would be.
type atlas struct {
	space   mcpmux.SpaceID
	servers []span
	routes  []*Route
	listed  [][]byte    // by position, the JSON as the Server listed it
	names   []wire.Span // by position, where its identity is in there
	byKey   map[FeatureKey]int
	byAlias map[string]int // alias → index in servers
	served  bitset         // Features (and Servers) of enabled and available Servers
	sets    map[mcpmux.FeatureSetID]*mcpmux.FeatureSet
	values  map[mcpmux.FeatureSetID]*value
	index   *index
	// listings are shared by the Clients who see the same.
	listings map[string]*listing
}

// span is a Server and the positions [from,to) of its Features.
type span struct {
	server   *mcpmux.Server
	from, to int
	whole    int // the position of the Server itself
}

// newAtlas names and renders all Features of the Space, also those of disabled Servers: turning a Server
// off renames nothing of another.
func newAtlas(st *mcpmux.State, space mcpmux.SpaceID, avail func(mcpmux.ServerID) bool) *atlas {
	a := &atlas{
		space:    space,
		byKey:    map[FeatureKey]int{},
		byAlias:  map[string]int{},
		sets:     map[mcpmux.FeatureSetID]*mcpmux.FeatureSet{},
		values:   map[mcpmux.FeatureSetID]*value{},
		listings: map[string]*listing{},
	}
	features := map[mcpmux.ServerID][]*mcpmux.Feature{}
	for i := range st.Features {
		f := &st.Features[i]
		features[f.Server] = append(features[f.Server], f)
	}
	for i := range st.Servers {
		if s := &st.Servers[i]; s.Space == space {
			a.addServer(s, features[s.ID])
		}
	}
	for i := range st.FeatureSets {
		if s := &st.FeatureSets[i]; s.Space == space {
			a.sets[s.ID] = s
		}
	}
	a.served = a.none()
	for i := range a.servers {
		s := &a.servers[i]
		s.whole = len(a.routes) + i
		if s.server.Enabled && (avail == nil || avail(s.server.ID)) {
			a.served.addRange(s.from, s.to)
			a.served.add(s.whole)
		}
	}
	a.render()
	a.index = newIndex(a.routes)
	return a
}

// addServer appends the Server's Features. Of two with the same key the first counts; one that locate
// refuses is left out.
func (a *atlas) addServer(s *mcpmux.Server, features []*mcpmux.Feature) {
	from := len(a.routes)
	for _, f := range features {
		key := FeatureKey{f.Server, f.Kind, f.Name}
		if _, ok := a.byKey[key]; ok || !known(f.Kind) {
			continue
		}
		name, ok := locate(f)
		if !ok {
			continue
		}
		a.byKey[key] = len(a.routes)
		a.listed = append(a.listed, f.Raw)
		a.names = append(a.names, name)
		r := &Route{
			Space: a.space, Server: s, Kind: f.Kind, Name: f.Name, NameJSON: wire.Quote(f.Name), Qualified: f.Name, Raw: f.Raw,
		}
		if f.Kind == mcpmux.KindTool {
			r.ParamHeaders, _ = protocol.ToolHeaders(f.Raw)
			r.NeedsTask = protocol.NeedsTask(f.Raw)
		}
		a.routes = append(a.routes, r)
	}
	a.byAlias[s.Alias] = len(a.servers)
	a.servers = append(a.servers, span{server: s, from: from, to: len(a.routes)})
}

// render gives tools and prompts their qualified names and everything its hash.
func (a *atlas) render() {
	for _, kind := range []mcpmux.FeatureKind{mcpmux.KindTool, mcpmux.KindPrompt} {
		var claims []claim
		var positions []int
		for p, r := range a.routes {
			if r.Kind == kind {
				claims = append(claims, claim{alias: r.Server.Alias, prefix: prefixOf(r.Server), name: r.Name})
				positions = append(positions, p)
			}
		}
		for i, q := range assign(claims) {
			if r := a.routes[positions[i]]; q != r.Name {
				r.Qualified, r.Raw = q, renamed(r.Raw, a.names[positions[i]], q)
			}
		}
	}
	for _, r := range a.routes {
		r.Hash = sha256.Sum256(r.Raw)
	}
}

// only is the part of the atlas that one Server makes up, with verbatim names, at the same positions.
func (a *atlas) only(s span) *index {
	routes := make([]*Route, len(a.routes))
	for i := s.from; i < s.to; i++ {
		r := *a.routes[i]
		r.Qualified, r.Raw = r.Name, a.listed[i]
		r.Hash = sha256.Sum256(r.Raw)
		routes[i] = &r
	}
	return newIndex(routes)
}

func (a *atlas) none() bitset { return newBits(len(a.routes) + len(a.servers)) }

// prefixOf is what the names of s start with.
func prefixOf(s *mcpmux.Server) string {
	if s.Prefix != nil {
		return *s.Prefix
	}
	return s.Alias
}

func known(k mcpmux.FeatureKind) bool { return slot(k) >= 0 }

// slot is the place of a kind in arrays by kind.
func slot(k mcpmux.FeatureKind) int {
	for i, kind := range mcpmux.FeatureKinds() {
		if k == kind {
			return i
		}
	}
	return -1
}
