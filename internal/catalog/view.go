package catalog

import (
	"sync"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// View is the immutable answer to "what may this Client see and call now". Names that are not in it do not
// exist for the Client. It is replaced whole, never edited, and may be used by any number of goroutines.
type View struct {
	Client mcpmux.ClientID
	Space  mcpmux.SpaceID
	// Revision is the revision of the State that the View was built from.
	Revision int64
	// Refusal says in words for a person why nothing at all is visible: the Client is not approved, its
	// Space is gone. It is empty where the Client may see something.
	Refusal string

	atlas  *atlas
	index  *index
	bounds *bounds
	sees   bitset // granted ∩ served, with the Servers as a whole
	*listing
	only  *onlyCache // nil in a View of one Server
	alone string     // the alias of that one
}

// listing is what the Clients who see the same positions of the same index are shown.
type listing struct {
	lists   [4][]*Route
	servers []*mcpmux.Server
	shelves shelves
}

// onlyCache holds the Views of single Servers, made when first asked for.
type onlyCache struct {
	mu    sync.Mutex // mu guards the following
	views map[string]*View
}

// Build is the View of one Client. Only Features of enabled Servers that avail (nil: all) lets through
// are visible. For all Clients use BuildAll, which shares the work.
func Build(c mcpmux.Client, st *mcpmux.State, avail func(mcpmux.ServerID) bool) *View {
	return (&builder{state: st, avail: avail, grants: grantsOf(st, c.ID)}).view(c)
}

// BuildAll is the View of every Client. Features are named and rendered once for each Space.
func BuildAll(st *mcpmux.State) map[mcpmux.ClientID]*View {
	b := &builder{state: st, grants: grantsOf(st, "")}
	out := make(map[mcpmux.ClientID]*View, len(st.Clients))
	for _, c := range st.Clients {
		out[c.ID] = b.view(c)
	}
	return out
}

// grantsOf collects the grants of one Client, or of all.
func grantsOf(st *mcpmux.State, only mcpmux.ClientID) map[mcpmux.ClientID][]mcpmux.Grant {
	out := map[mcpmux.ClientID][]mcpmux.Grant{}
	for _, g := range st.Grants {
		if only == "" || g.Client == only {
			out[g.Client] = append(out[g.Client], g)
		}
	}
	return out
}

// builder builds Views of one State.
type builder struct {
	state   *mcpmux.State
	avail   func(mcpmux.ServerID) bool
	grants  map[mcpmux.ClientID][]mcpmux.Grant
	atlases map[mcpmux.SpaceID]*atlas
}

// view decides in this order: approved, in a Space, granted there.
func (b *builder) view(c mcpmux.Client) *View {
	v := &View{Client: c.ID, Revision: b.state.Revision, listing: noListing, index: noIndex}
	if !c.Approved {
		v.Refusal = "client " + c.Name + " is not approved yet; approve it in the dashboard or with: mcpmux client approve " + c.Name
		return v
	}
	space, _, err := SpaceOf(c, b.state)
	if err != nil {
		v.Refusal = err.Error()
		return v
	}
	v.Space = space
	a := b.atlas(space)
	sets := a.setsOf(b.grants[c.ID])
	sees, err := a.granted(sets)
	if err != nil {
		v.Refusal = err.Error()
		return v
	}
	sees.and(a.served)
	v.atlas, v.index, v.sees = a, a.index, sees
	v.bounds = a.boundsOf(sets)
	v.listing = a.listingOf(sees)
	v.only = &onlyCache{views: map[string]*View{}}
	return v
}

func (b *builder) atlas(space mcpmux.SpaceID) *atlas {
	a, ok := b.atlases[space]
	if !ok {
		if b.atlases == nil {
			b.atlases = map[mcpmux.SpaceID]*atlas{}
		}
		a = newAtlas(b.state, space, b.avail)
		b.atlases[space] = a
	}
	return a
}

// setsOf are the sets that count for a Client with these grants.
func (a *atlas) setsOf(grants []mcpmux.Grant) []mcpmux.FeatureSetID {
	sets := a.defaults()
	for _, g := range grants {
		if g.Space == a.space {
			sets = append(sets, g.Set)
		}
	}
	return sets
}

// defaults are the sets that every Client of the Space has.
func (a *atlas) defaults() []mcpmux.FeatureSetID {
	var out []mcpmux.FeatureSetID
	for id, s := range a.sets {
		if s.Kind == mcpmux.SetDefault {
			out = append(out, id)
		}
	}
	return out
}

func (a *atlas) listingOf(sees bitset) *listing {
	key := sees.text()
	l, ok := a.listings[key]
	if !ok {
		l = newListing(a.index, sees)
		a.listings[key] = l
	}
	return l
}

func newListing(x *index, sees bitset) *listing {
	l := &listing{}
	sees.each(func(p int) {
		if p >= len(x.routes) || x.routes[p] == nil {
			return
		}
		r := x.routes[p]
		k := slot(r.Kind)
		l.lists[k] = append(l.lists[k], r)
		if n := len(l.servers); n == 0 || l.servers[n-1] != r.Server {
			l.servers = append(l.servers, r.Server)
		}
	})
	return l
}

// What a Client sees who sees nothing.
var (
	noIndex   = newIndex(nil)
	noListing = newListing(noIndex, nil)
)

// see is the one decision whether a position exists for this Client.
func (v *View) see(p int, ok bool) (*Route, bool) {
	if !ok || !v.sees.has(p) {
		return nil, false
	}
	return v.index.routes[p], true
}

// Tool is the tool that the Client knows by this name.
func (v *View) Tool(qualified string) (*Route, bool) {
	p, ok := v.index.tools[qualified]
	return v.see(p, ok)
}

// Prompt is the prompt that the Client knows by this name.
func (v *View) Prompt(qualified string) (*Route, bool) {
	p, ok := v.index.prompts[qualified]
	return v.see(p, ok)
}

// Template is the first resource template with exactly this uriTemplate, in configuration order.
func (v *View) Template(uriTemplate string) (*Route, bool) {
	return v.first(v.index.templates[uriTemplate])
}

func (v *View) first(positions []int) (*Route, bool) {
	for _, p := range positions {
		if r, ok := v.see(p, true); ok {
			return r, true
		}
	}
	return nil, false
}

// Resource is where a URI is read: at the first resource with exactly this URI, in configuration order,
// else at the first template that it matches. A template does not reach a URI that a granted FeatureSet
// excludes, listed or not: exclude always wins.
func (v *View) Resource(uri string) (*Route, bool) {
	if r, ok := v.first(v.index.resources[uri]); ok {
		return r, true
	}
	if len(v.index.patterns) == 0 {
		return nil, false
	}
	encoded := encode(uri)
	for _, p := range v.index.patterns {
		r, ok := v.see(p.position, true)
		if ok && p.matches(uri, encoded) && !v.bounds.excludes(r.Server.Alias, uri) {
			return r, true
		}
	}
	return nil, false
}

// Resources are all resources with exactly this URI, in configuration order.
func (v *View) Resources(uri string) []*Route {
	var out []*Route
	for _, p := range v.index.resources[uri] {
		if r, ok := v.see(p, true); ok {
			out = append(out, r)
		}
	}
	return out
}

// List is everything of the kind that the Client sees: Servers in order of creation, then the Server's own
// order. The caller does not change it.
func (v *View) List(k mcpmux.FeatureKind) []*Route {
	if i := slot(k); i >= 0 {
		return v.lists[i]
	}
	return nil
}

// Servers are the Servers of which something is visible, in order of creation. A View of one Server has
// that one.
func (v *View) Servers() []*mcpmux.Server { return v.servers }

// Whole says whether the Client has all of a Server: it was granted as a whole, and none of its Features is
// hidden. What is no Feature, such as a method that nobody here knows, is this Client's to use only then.
func (v *View) Whole(alias string) bool {
	if v.atlas == nil {
		return false
	}
	i, ok := v.atlas.byAlias[alias]
	if !ok || !v.sees.has(v.atlas.servers[i].whole) {
		return false
	}
	for p := v.atlas.servers[i].from; p < v.atlas.servers[i].to; p++ {
		if !v.sees.has(p) {
			return false
		}
	}
	return true
}

// Only is the transparent View of one Server: the same Features that the Client sees here, under the
// Server's own names. It is false where the Client sees nothing of the Server and was not granted the
// Server as a whole either, which is the same for a Server that does not exist; a Server that was granted
// and has not offered anything yet is an empty View.
func (v *View) Only(alias string) (*View, bool) {
	if v.atlas == nil {
		return nil, false
	}
	if v.only == nil {
		if alias != v.alone {
			return nil, false
		}
		return v, true
	}
	i, ok := v.atlas.byAlias[alias]
	if !ok {
		return nil, false
	}
	s := v.atlas.servers[i]
	v.only.mu.Lock()
	defer v.only.mu.Unlock()
	if o, ok := v.only.views[alias]; ok {
		return o, o != nil
	}
	o := v.narrow(s)
	v.only.views[alias] = o
	return o, o != nil
}

// narrow is the View of one Server, nil where nothing of it exists for this Client.
func (v *View) narrow(s span) *View {
	sees := v.atlas.none()
	sees.addRange(s.from, s.to)
	sees.add(s.whole)
	sees.and(v.sees)
	any := false
	sees.each(func(int) { any = true })
	if !any {
		return nil
	}
	x := v.atlas.only(s)
	l := newListing(x, sees)
	l.servers = []*mcpmux.Server{s.server}
	return &View{
		Client: v.Client, Space: v.Space, Revision: v.Revision, alone: s.server.Alias,
		atlas: v.atlas, index: x, bounds: v.bounds, sees: sees, listing: l,
	}
}

// Diff says which lists of a Client changed from old to new: what is in them, its content (a schema counts)
// or its order. Resources covers templates too. Either may be nil, which is an empty View.
func Diff(old, new *View) (tools, prompts, resources bool) {
	differ := func(k mcpmux.FeatureKind) bool {
		var a, b []*Route
		if old != nil {
			a = old.List(k)
		}
		if new != nil {
			b = new.List(k)
		}
		if len(a) != len(b) {
			return true
		}
		for i := range a {
			if a[i] != b[i] && a[i].Hash != b[i].Hash {
				return true
			}
		}
		return false
	}
	return differ(mcpmux.KindTool), differ(mcpmux.KindPrompt), differ(mcpmux.KindResource) || differ(mcpmux.KindTemplate)
}
