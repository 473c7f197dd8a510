package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
)

const (
	githubTool = `{ "description":"opens é <b>","name" : "create_issue","inputSchema":{"type":"object","properties":{"name":{"maximum":9007199254740993}}},"_meta":{"x":1.0},"futureMember":null }`
	noteRaw    = `{"uriTemplate":"demo://note/{id}","name":"note"}`
)

// world is Space "home" with Servers github and files and Client "c", approved, locked to it and granted All.
func world() *mcpmux.State {
	return &mcpmux.State{
		Revision: 7,
		Spaces:   []mcpmux.Space{{ID: "home", Name: "Home", Active: true, Default: true}, {ID: "work", Name: "Work"}},
		Servers: []mcpmux.Server{
			{ID: "1", Space: "home", Alias: "github", Enabled: true},
			{ID: "2", Space: "home", Alias: "files", Enabled: true},
			{ID: "3", Space: "work", Alias: "github", Enabled: true},
		},
		Features: []mcpmux.Feature{
			{Server: "1", Kind: mcpmux.KindTool, Name: "create_issue", Raw: []byte(githubTool)},
			{Server: "1", Kind: mcpmux.KindTool, Name: "delete_repo", Raw: []byte(`{"name":"delete_repo"}`)},
			{Server: "1", Kind: mcpmux.KindPrompt, Name: "review", Raw: []byte(`{"name":"review","title":"Review"}`)},
			{Server: "1", Kind: mcpmux.KindResource, Name: "shared://x", Raw: []byte(`{"uri":"shared://x","name":"of github"}`)},
			{Server: "2", Kind: mcpmux.KindTool, Name: "read", Raw: []byte(`{"name":"read"}`)},
			{Server: "2", Kind: mcpmux.KindResource, Name: "shared://x", Raw: []byte(`{"uri":"shared://x","name":"of files"}`)},
			{Server: "2", Kind: mcpmux.KindResource, Name: "file:///secret/key", Raw: []byte(`{"uri":"file:///secret/key"}`)},
			{Server: "2", Kind: mcpmux.KindTemplate, Name: "demo://note/{id}", Raw: []byte(noteRaw)},
			{Server: "2", Kind: mcpmux.KindTemplate, Name: "file:///{+path}", Raw: []byte(`{"uriTemplate":"file:///{+path}"}`)},
			{Server: "3", Kind: mcpmux.KindTool, Name: "of_work", Raw: []byte(`{"name":"of_work"}`)},
		},
		FeatureSets: []mcpmux.FeatureSet{
			{ID: "all", Space: "home", Kind: mcpmux.SetAll, Name: "All"},
			{ID: "default", Space: "home", Kind: mcpmux.SetDefault, Name: "Default"},
			{ID: "all-work", Space: "work", Kind: mcpmux.SetAll, Name: "All"},
			{ID: "safe", Space: "home", Kind: mcpmux.SetCustom, Name: "Safe"},
		},
		Clients: []mcpmux.Client{{ID: "c", Name: "cursor", Mode: mcpmux.ModeLocked, Space: "home", Approved: true}},
		Grants:  []mcpmux.Grant{{Client: "c", Space: "home", Set: "all"}},
	}
}

func view(st *mcpmux.State) *View { return BuildAll(st)["c"] }

func exclude(kind mcpmux.MemberKind, server, name string) mcpmux.Member {
	return mcpmux.Member{Exclude: true, Kind: kind, Server: server, Name: name}
}

// grantSafe grants the Client a second set with these members.
func grantSafe(st *mcpmux.State, m ...mcpmux.Member) *mcpmux.State {
	st.FeatureSets[3].Members = m
	st.Grants = append(st.Grants, mcpmux.Grant{Client: "c", Space: "home", Set: "safe"})
	return st
}

func TestView_NamesLeadToTheServerAndItsOwnName(t *testing.T) {
	r, ok := view(world()).Tool("github_create_issue")
	if !ok || r.Server.ID != "1" || r.Name != "create_issue" || string(r.NameJSON) != `"create_issue"` || r.Space != "home" {
		t.Fatalf("route %+v, %v", r, ok)
	}
	if p, ok := view(world()).Prompt("github_review"); !ok || p.Kind != mcpmux.KindPrompt {
		t.Errorf("prompt %+v, %v", p, ok)
	}
	for _, name := range []string{"create_issue", "github_of_work", "github_review", "GITHUB_create_issue", ""} {
		if r, ok := view(world()).Tool(name); ok {
			t.Errorf("tool %q exists: %+v", name, r)
		}
	}
}

func TestView_EveryByteOfADefinitionButTheNameStays(t *testing.T) {
	list := string(view(world()).ListJSON(mcpmux.KindTool, protocol.NewestLegacy))
	if want := strings.Replace(githubTool, `"create_issue"`, `"github_create_issue"`, 1); !strings.HasPrefix(list, "["+want+",") {
		t.Errorf("listed as %s", list)
	}
	if got, want := string(view(world()).ListJSON(mcpmux.KindTemplate, protocol.NewestLegacy)), `[`+noteRaw+`,{"uriTemplate":"file:///{+path}"}]`; got != want {
		t.Errorf("templates %s, want %s", got, want)
	}
	if got := string((&View{listing: noListing}).ListJSON(mcpmux.KindTool, protocol.NewestLegacy)); got != "[]" {
		t.Errorf("nothing is listed as %s", got)
	}
}

func TestView_ExcludeWinsOverInclude(t *testing.T) {
	v := view(grantSafe(world(),
		mcpmux.Member{Kind: mcpmux.MemberServer, Server: "github"},
		exclude("tool", "github", "delete_*"), exclude("prompt", "*", "review"), exclude("resource", "github", "shared://x"),
		exclude("template", "files", Literal("demo://note/{id}"))))
	if _, ok := v.Tool("github_delete_repo"); ok {
		t.Error("an excluded tool exists")
	}
	if _, ok := v.Tool("github_create_issue"); !ok {
		t.Error("a tool is gone that nobody excluded")
	}
	if _, ok := v.Prompt("github_review"); ok {
		t.Error("an excluded prompt exists")
	}
	if _, ok := v.Template("demo://note/{id}"); ok {
		t.Error("an excluded template exists")
	}
	if _, ok := v.Resource("demo://note/1"); ok {
		t.Error("a URI of an excluded template can be read")
	}
	if r, ok := v.Resource("shared://x"); !ok || r.Server.ID != "2" {
		t.Errorf("the other Server's resource is at %+v, %v", r, ok)
	}
	if bytes.Contains(v.ListJSON(mcpmux.KindTool, protocol.NewestLegacy), []byte("delete_repo")) {
		t.Error("an excluded tool is listed")
	}
}

func TestView_ATemplateDoesNotReachExcludedURIs(t *testing.T) {
	v := view(grantSafe(world(), exclude("resource", "files", "file:///secret/*")))
	for _, uri := range []string{"file:///secret/key", "file:///secret/unlisted", "file:///public/../secret/key", "file:///%73ecret/key", "file:///public/%2e%2e/secret/key", "file:////secret/key", "file:///%zz/../secret/key"} {
		if r, ok := v.Resource(uri); ok {
			t.Errorf("%s is read at %+v", uri, r)
		}
	}
	if _, ok := v.Resource("file:///public/a"); !ok {
		t.Error("a URI that nobody excluded is not readable")
	}
}

func TestView_EqualURIsAreInConfigurationOrder(t *testing.T) {
	v := view(world())
	if r, ok := v.Resource("shared://x"); !ok || r.Server.ID != "1" {
		t.Errorf("read at %+v, %v", r, ok)
	}
	if rs := v.Resources("shared://x"); len(rs) != 2 || rs[0].Server.ID != "1" || rs[1].Server.ID != "2" {
		t.Errorf("offered by %+v", rs)
	}
	if o, _ := v.Only("files"); o == nil {
		t.Error("no View of files alone")
	} else if r, ok := o.Resource("shared://x"); !ok || r.Server.ID != "2" {
		t.Errorf("files alone reads at %+v, %v", r, ok)
	}
}

func TestView_URIsMatchTemplates(t *testing.T) {
	v := view(world())
	for uri, want := range map[string]string{
		"demo://note/42":     "demo://note/{id}",
		"demo://note/a%2Fb":  "demo://note/{id}",
		"demo://note/naïve":  "demo://note/{id}",
		"demo://note/a/b":    "",
		"demo://notes/1":     "",
		"file:///a/b.txt":    "file:///{+path}",
		"file:///secret/key": "file:///secret/key",
		"x":                  "",
		"":                   "",
	} {
		got := ""
		if r, ok := v.Resource(uri); ok {
			got = r.Name
		}
		if got != want {
			t.Errorf("%q is read at %q, want %q", uri, got, want)
		}
	}
}

func TestView_ATemplateThatIsNoneMatchesNothing(t *testing.T) {
	for _, template := range []string{"x://{" + strings.Repeat("a,", 1500) + "a}", "x://{", "x://{}", "x://}", "x://{\xff}"} {
		st := world()
		st.Features = append(st.Features, mcpmux.Feature{Server: "2", Kind: mcpmux.KindTemplate, Name: template, Raw: fmt.Appendf(nil, `{"uriTemplate":%q}`, template)})
		if r, ok := view(st).Resource("x://1"); ok {
			t.Errorf("%q reads at %+v", template, r)
		}
	}
}

func TestView_UnapprovedAndStraySeeNothing(t *testing.T) {
	for name, change := range map[string]func(*mcpmux.State){
		"not approved":      func(st *mcpmux.State) { st.Clients[0].Approved = false },
		"the Space of":      func(st *mcpmux.State) { st.Clients[0].Space = "gone" },
		"unknown mode":      func(st *mcpmux.State) { st.Clients[0].Mode = "x" },
		"no Space is activ": func(st *mcpmux.State) { st.Clients[0].Mode = mcpmux.ModeFollow; st.Spaces[0].Active = false },
	} {
		st := world()
		change(st)
		v := view(st)
		if v.Refusal == "" || len(seen(v)) > 0 || len(v.Servers()) > 0 {
			t.Errorf("%s: refusal %q, sees %v", name, v.Refusal, seen(v))
		}
		if _, ok := v.Tool("github_create_issue"); ok {
			t.Errorf("%s: a tool exists", name)
		}
		if _, ok := v.Resource("file:///a"); ok {
			t.Errorf("%s: a resource exists", name)
		}
		if _, ok := v.Only("github"); ok {
			t.Errorf("%s: a Server exists", name)
		}
	}
}

func TestView_WithoutGrantsIsTheDefaultSet(t *testing.T) {
	st := world()
	st.Grants = nil
	if got := seen(view(st)); len(got) != 0 {
		t.Errorf("an empty Default shows %v", got)
	}
	st.FeatureSets[1].Members = []mcpmux.Member{{Kind: "tool", Server: "files", Name: "read"}}
	if got := seen(view(st)); len(got) != 1 || !got[FeatureKey{"2", "tool", "read"}] {
		t.Errorf("Default shows %v", got)
	}
	st.Grants = []mcpmux.Grant{{Client: "c", Space: "work", Set: "all"}, {Client: "c", Space: "home", Set: "all-work"}, {Client: "d", Space: "home", Set: "all"}}
	if got := seen(view(st)); len(got) != 1 {
		t.Errorf("grants of another Space or Client show %v", got)
	}
}

func TestView_DisabledAndUnavailableServersAreGoneAndRenameNobody(t *testing.T) {
	st := world()
	empty := ""
	st.Servers[1].Prefix = &empty
	st.Features[4] = mcpmux.Feature{Server: "2", Kind: mcpmux.KindTool, Name: "github_create_issue", Raw: []byte(`{"name":"github_create_issue"}`)}
	var second string
	for _, r := range view(st).List(mcpmux.KindTool) {
		if r.Server.ID == "2" {
			second = r.Qualified
		}
	}
	if !strings.HasPrefix(second, "github_create_issue_") {
		t.Fatalf("the second is %q", second)
	}
	gone := func(id mcpmux.ServerID) bool { return id != "1" }
	st2 := *st
	st2.Servers = append([]mcpmux.Server(nil), st.Servers...)
	st2.Servers[0].Enabled = false
	for what, v := range map[string]*View{"unavailable": Build(st.Clients[0], st, gone), "disabled": view(&st2)} {
		if _, ok := v.Tool("github_create_issue"); ok {
			t.Errorf("%s: the Server's tool exists, or another took its name", what)
		}
		if _, ok := v.Tool(second); !ok {
			t.Errorf("%s: %s was renamed", what, second)
		}
		if _, ok := v.Only("github"); ok {
			t.Errorf("%s: the Server exists", what)
		}
	}
}

func TestView_OnlyHasTheServersOwnNamesWithinTheGrant(t *testing.T) {
	v := view(grantSafe(world(), exclude("tool", "github", "delete_repo")))
	o, ok := v.Only("github")
	if !ok {
		t.Fatal("no View of github alone")
	}
	if r, ok := o.Tool("create_issue"); !ok || string(r.Raw) != githubTool || r.Qualified != "create_issue" {
		t.Errorf("route %+v, %v", r, ok)
	}
	for _, name := range []string{"github_create_issue", "delete_repo", "read"} {
		if _, ok := o.Tool(name); ok {
			t.Errorf("tool %q exists", name)
		}
	}
	if got, want := string(o.ListJSON(mcpmux.KindTool, protocol.NewestLegacy)), "["+githubTool+"]"; got != want {
		t.Errorf("listed as %s", got)
	}
	if len(o.Servers()) != 1 || o.Servers()[0].Alias != "github" || o.Client != "c" || o.Revision != 7 {
		t.Errorf("%+v", o)
	}
	if again, _ := v.Only("github"); again != o {
		t.Error("made again")
	}
	if same, ok := o.Only("github"); !ok || same != o {
		t.Error("a View of github alone is its own")
	}
	if _, ok := v.Only("nobody"); ok {
		t.Error("an unknown Server exists")
	}
}

func TestView_OnlyOfAServerWithoutFeaturesNeedsAGrantOfTheWhole(t *testing.T) {
	st := world()
	st.Servers = append(st.Servers, mcpmux.Server{ID: "9", Space: "home", Alias: "new", Enabled: true})
	if o, ok := view(st).Only("new"); !ok || len(seen(o)) > 0 {
		t.Errorf("granted by All: %v", ok)
	} else if len(o.Servers()) != 1 || o.Servers()[0].ID != "9" {
		t.Errorf("its Servers are %v", o.Servers())
	}
	if _, ok := view(grantSafe(st, exclude(mcpmux.MemberServer, "new", ""))).Only("new"); ok {
		t.Error("an excluded Server exists")
	}
	st = world()
	st.Servers = append(st.Servers, mcpmux.Server{ID: "9", Space: "home", Alias: "new", Enabled: true})
	st.Grants = nil
	if _, ok := view(st).Only("new"); ok {
		t.Error("a Server exists that nobody granted")
	}
}

func TestView_WholeIsWithoutAnythingHidden(t *testing.T) {
	if v := view(world()); !v.Whole("github") || v.Whole("nobody") {
		t.Error("granted by All")
	}
	v := view(grantSafe(world(), exclude("tool", "github", "delete_repo")))
	if v.Whole("github") || !v.Whole("files") {
		t.Error("a tool of github is hidden, and nothing of files")
	}
	if o, _ := v.Only("github"); o.Whole("github") {
		t.Error("alone it is no more than that")
	}
	st := world()
	st.Grants = nil
	st.FeatureSets[1].Members = []mcpmux.Member{{Kind: "tool", Server: "*", Name: "*"}, {Kind: "resource", Server: "*", Name: "*"}, {Kind: "prompt", Server: "*", Name: "*"}, {Kind: "template", Server: "*", Name: "*"}}
	if view(st).Whole("github") {
		t.Error("every Feature is not the Server")
	}
}

func TestReadings_AreWhatAServerMayMakeOfAURI(t *testing.T) {
	for uri, want := range map[string]string{
		"plain":             "plain",
		"FILE:///a":         "FILE:///a file:///a",
		"http://Host/a/./b": "http://Host/a/./b http://host/a/b",
		"x://h/%2e%2e/%41%": "x://h/%2e%2e/%41% x://h/../A% x://h/A%",
		"mailto:a%40b":      "mailto:a%40b mailto:a@b",
		"demo://note":       "demo://note",
	} {
		if got := strings.Join(readings(uri), " "); got != want {
			t.Errorf("readings(%q) = %q, want %q", uri, got, want)
		}
	}
}

func TestView_AmbiguousJSONIsNotShown(t *testing.T) {
	st := world()
	for _, raw := range []string{
		`{"name":"odd","name":"b"}`, `{"name":"b","n\u0061me":"odd"}`, `{"name":"odd","Name":"b"}`, `{"name":"other"}`, `{"title":"none"}`,
		`{"name":1}`, `[]`, `{"name":"odd"`, `{"name":"odd"}{}`, ``, `null`,
	} {
		st.Features = append(st.Features, mcpmux.Feature{Server: "2", Kind: mcpmux.KindTool, Name: "odd", Raw: []byte(raw)})
	}
	st.Features = append(st.Features, mcpmux.Feature{Server: "2", Kind: mcpmux.KindResource, Name: "x://a", Raw: []byte(`{"uri":"x://b"}`)})
	st.Features = append(st.Features, st.Features[0], mcpmux.Feature{Server: "2", Kind: "widget", Name: "w", Raw: []byte(`{"name":"w"}`)})
	v := view(st)
	if _, ok := v.Resource("x://a"); ok {
		t.Error("a resource is read that is listed under another URI")
	}
	if got := len(v.List(mcpmux.KindTool)); got != 3 {
		t.Errorf("%d tools: %s", got, v.ListJSON(mcpmux.KindTool, protocol.NewestLegacy))
	}
	if !json.Valid(v.ListJSON(mcpmux.KindTool, protocol.NewestLegacy)) {
		t.Error("the list is not JSON")
	}
}

func TestDiff_SaysWhichListsChanged(t *testing.T) {
	type lists struct{ tools, prompts, resources bool }
	for name, c := range map[string]struct {
		change func(*mcpmux.State)
		want   lists
	}{
		"nothing":              {func(*mcpmux.State) {}, lists{}},
		"a schema":             {func(st *mcpmux.State) { st.Features[1].Raw = []byte(`{"name":"delete_repo","inputSchema":{}}`) }, lists{tools: true}},
		"a prompt left":        {func(st *mcpmux.State) { st.Features = append(st.Features[:2:2], st.Features[3:]...) }, lists{prompts: true}},
		"a template":           {func(st *mcpmux.State) { st.Features[7].Raw = []byte(`{"uriTemplate":"demo://note/{id}"}`) }, lists{resources: true}},
		"the order":            {func(st *mcpmux.State) { st.Features[0], st.Features[1] = st.Features[1], st.Features[0] }, lists{tools: true}},
		"a hidden tool":        {func(st *mcpmux.State) { st.Features[9].Raw = []byte(`{"name":"of_work","title":"x"}`) }, lists{}},
		"approval":             {func(st *mcpmux.State) { st.Clients[0].Approved = false }, lists{true, true, true}},
		"a Server was removed": {func(st *mcpmux.State) { st.Servers = st.Servers[1:] }, lists{true, true, true}},
	} {
		st := world()
		c.change(st)
		var got lists
		got.tools, got.prompts, got.resources = Diff(view(world()), view(st))
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if tools, prompts, resources := Diff(nil, view(world())); !tools || !prompts || !resources {
		t.Error("from nothing to something is a change")
	}
}

func TestSpaceOf_FollowsTheConnectionMode(t *testing.T) {
	st := world()
	for name, c := range map[string]struct {
		client mcpmux.Client
		want   mcpmux.SpaceID
		ask    bool
		code   mcpmux.Code
	}{
		"follow":                 {mcpmux.Client{Mode: mcpmux.ModeFollow, Space: "work"}, "home", false, ""},
		"locked":                 {mcpmux.Client{Mode: mcpmux.ModeLocked, Space: "work"}, "work", false, ""},
		"locked, gone":           {mcpmux.Client{Mode: mcpmux.ModeLocked, Space: "gone"}, "", false, mcpmux.CodeNotFound},
		"ask, in the active":     {mcpmux.Client{Mode: mcpmux.ModeAsk, Space: "home"}, "home", false, ""},
		"ask, another is active": {mcpmux.Client{Mode: mcpmux.ModeAsk, Space: "work"}, "work", true, ""},
		"ask, declined":          {mcpmux.Client{Mode: mcpmux.ModeAsk, Space: "work", Declined: "home"}, "work", false, ""},
		"ask, declined another":  {mcpmux.Client{Mode: mcpmux.ModeAsk, Space: "work", Declined: "old"}, "work", true, ""},
		"ask, gone":              {mcpmux.Client{Mode: mcpmux.ModeAsk, Space: "gone"}, "", true, mcpmux.CodeNotFound},
		"odd":                    {mcpmux.Client{Mode: "odd", Space: "home"}, "", false, mcpmux.CodeInvalid},
	} {
		id, ask, err := SpaceOf(c.client, st)
		code := mcpmux.Code("")
		if err != nil {
			code = mcpmux.CodeOf(err)
		}
		if id != c.want || ask != c.ask || code != c.code {
			t.Errorf("%s: %q %v %v", name, id, ask, err)
		}
	}
}

// big is 5,000 tools of 25 Servers and 20 Clients, each with a grant of its own.
func big() *mcpmux.State {
	st := &mcpmux.State{Spaces: []mcpmux.Space{{ID: "s", Active: true}}}
	schema := strings.Repeat(`"p":{"type":"string","description":"some words about it"},`, 15)
	for i := range 25 {
		id, alias := mcpmux.ServerID(strconv.Itoa(i)), fmt.Sprint("server", i)
		st.Servers = append(st.Servers, mcpmux.Server{ID: id, Space: "s", Alias: alias, Enabled: true})
		for j := range 200 {
			name := fmt.Sprint("tool_", j)
			st.Features = append(st.Features, mcpmux.Feature{
				Server: id, Kind: mcpmux.KindTool, Name: name,
				Raw: []byte(fmt.Sprintf(`{"name":%q,"description":"d","inputSchema":{"type":"object","properties":{%s"q":{}}}}`, name, schema)),
			})
		}
	}
	for i := range 20 {
		id := fmt.Sprint("c", i)
		st.Clients = append(st.Clients, mcpmux.Client{ID: mcpmux.ClientID(id), Mode: mcpmux.ModeFollow, Approved: true})
		st.FeatureSets = append(st.FeatureSets, set(id, mcpmux.Member{Kind: mcpmux.MemberServer, Server: "server*"}, exclude("tool", "*", fmt.Sprintf("*_%d*", i))))
		st.Grants = append(st.Grants, mcpmux.Grant{Client: mcpmux.ClientID(id), Space: "s", Set: mcpmux.FeatureSetID(id)})
	}
	return st
}

func TestBuildAll_FiveThousandFeaturesForTwentyClientsAreQuick(t *testing.T) {
	st := big()
	best := time.Hour
	for range 3 { // the quickest of three: the machine may have other work
		start := time.Now()
		BuildAll(st)
		best = min(best, time.Since(start))
	}
	t.Logf("%d features, %d clients: %v", len(st.Features), len(st.Clients), best)
	if best > 5*time.Second { // what it takes is for the benchmark; this catches work that grows with the square
		t.Errorf("took %v", best)
	}
}

func BenchmarkBuildAll(b *testing.B) {
	st := big()
	b.ReportAllocs()
	for b.Loop() {
		BuildAll(st)
	}
}

func TestView_LookingUpAllocatesNothing(t *testing.T) {
	v := view(world())
	v.Only("files")
	if n := testing.AllocsPerRun(100, func() {
		v.Tool("github_create_issue")
		v.Resource("shared://x")
		v.Only("files")
		v.ListJSON(mcpmux.KindTool, protocol.NewestLegacy)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestView_IsSafeForManyReaders(t *testing.T) {
	v := view(world())
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			v.ListJSON(mcpmux.KindTool, protocol.NewestLegacy)
			v.Resource("demo://note/1")
			if o, ok := v.Only("files"); ok {
				o.ListJSON(mcpmux.KindResource, protocol.NewestLegacy)
				o.Only("files")
			}
		})
	}
	wg.Wait()
}
