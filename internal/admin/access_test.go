package admin

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// offers says what a Server offers from now on.
func (w *world) offers(alias string, kind mcpmux.FeatureKind, names ...string) {
	w.t.Helper()
	srv := read[api.Server](w.t, w.must("GET", "/servers/"+alias, ""))
	var all []mcpmux.Feature
	for _, name := range names {
		all = append(all, mcpmux.Feature{Server: srv.ID, Kind: kind, Name: name, Raw: []byte(fmt.Sprintf(`{"name":%q,"uri":%[1]q}`, name))})
	}
	if _, err := w.store.SaveAbout(w.t.Context(), srv.ID, mcpmux.About{ProtocolVersion: "2025-11-25"}, all); err != nil {
		w.t.Fatal(err)
	}
}

func TestSpace_HasAnIconAndCounts(t *testing.T) {
	w := newWorld(t)
	made := read[api.Space](t, w.must("POST", "/spaces", `{"name":"Work","icon":"🦊"}`))
	if made.Icon != "🦊" || made.Counts != (api.SpaceCounts{}) {
		t.Errorf("made %+v", made)
	}
	w.must("POST", "/servers?space=Work", github)
	w.must("POST", "/featuresets?space=Work", `{"name":"reading"}`)
	w.must("POST", "/clients", `{"name":"cursor","mode":"locked","space":"Work"}`)
	w.must("POST", "/clients", `{"name":"claude"}`)
	got := read[api.Space](t, w.must("PATCH", "/spaces/Work", `{"icon":"W"}`))
	if got.Name != "Work" || got.Icon != "W" || got.Counts != (api.SpaceCounts{Servers: 1, FeatureSets: 1, Clients: 1}) {
		t.Errorf("%+v", got)
	}
	if got = read[api.Space](t, w.must("PATCH", "/spaces/Work", `{"name":"Job","icon":""}`)); got.Name != "Job" || got.Icon != "" {
		t.Errorf("%+v", got)
	}
	w.refused(400, "emoji", "PATCH", "/spaces/Job", `{"icon":"\u202ex"}`)
	w.refused(400, "emoji", "POST", "/spaces", `{"name":"x","icon":"a word"}`)
}

func TestSpace_DeletionSaysWhatItDestroys(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "/spaces", `{"name":"Work"}`)
	w.must("POST", "/servers?space=Work", github)
	w.must("POST", "/featuresets?space=Work", `{"name":"reading"}`)
	w.must("POST", "/clients", `{"name":"locked","mode":"locked","space":"Work"}`)
	w.must("POST", "/clients", `{"name":"follows"}`)
	w.must("POST", "/clients", `{"name":"granted","mode":"locked","space":"My Space"}`)
	w.must("POST", "/clients/granted/grants", `{"set":"reading","space":"Work"}`)
	w.must("POST", "/spaces/Work/activate", "")
	got := read[api.SpaceDeletion](t, w.must("GET", "/spaces/Work/deletion", ""))
	if got.Refused != "" || got.NextActive != "My Space" || got.Secrets != 1 || len(got.Servers) != 1 || got.Servers[0].Alias != "github" ||
		strings.Join(got.FeatureSets, " ") != "reading" || got.Grants != 2 {
		t.Errorf("%+v", got)
	}
	want := []api.DeletionEffect{
		{Client: "locked", Mode: "locked", Effect: "strands", Grants: 1},
		{Client: "follows", Mode: "follow", Effect: "moves"},
		{Client: "granted", Mode: "locked", Effect: "takes_grants", Grants: 1},
	}
	if fmt.Sprint(got.Clients) != fmt.Sprint(want) {
		t.Errorf("clients %+v", got.Clients)
	}
	if got := read[api.SpaceDeletion](t, w.must("GET", "/spaces/My%20Space/deletion", "")); !strings.Contains(got.Refused, "default") {
		t.Errorf("the default Space: %+v", got)
	}
	// What was told is what happens.
	w.must("DELETE", "/spaces/Work", "")
	if c := read[api.Client](t, w.must("GET", "/clients/locked", "")); c.SpaceName != "" || len(c.Grants) != 0 {
		t.Errorf("the locked client: %+v", c)
	}
}

func TestFeatureSet_PreviewWritesNothingAndPutWritesAll(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "/servers", github)
	w.offers("github", mcpmux.KindTool, "get", "list", "delete", "what?")
	w.must("POST", "/featuresets", `{"name":"reading"}`)
	w.must("PUT", "/featuresets/reading/members", `{"include":["tool:github/get","tool:github/delete"],"exclude":[]}`)
	w.must("POST", "/clients", `{"name":"cursor","grants":["reading"]}`)
	before := w.revision()
	body := `{"include":["server:github","server:gone"],"exclude":["tool:github/del*"]}`
	p := read[api.SetPreview](t, w.must("POST", "/featuresets/reading/preview", body))
	if p.In != 3 || p.Gained != 2 || p.Lost != 1 || len(p.Features) != 4 || strings.Join(p.Idle, " ") != "server:gone" {
		t.Errorf("%+v", p)
	}
	if f := p.Features[3]; f.Member != `tool:github/what\?` || f.Qualified == "" || !f.In || f.Was {
		t.Errorf("%+v", f)
	}
	if len(p.Clients) != 1 || p.Clients[0].Client != "cursor" || !p.Clients[0].Now || strings.Join(p.Clients[0].Loses, " ") != "github_delete" || len(p.Clients[0].Gains) != 2 {
		t.Errorf("clients %+v", p.Clients)
	}
	if w.revision() != before {
		t.Error("a preview wrote something")
	}
	if p = read[api.SetPreview](t, w.must("POST", "/featuresets/new/preview", `{"new":true,"include":["tool:*/get"],"exclude":[]}`)); p.In != 1 || p.Gained != 1 {
		t.Errorf("a set that is not made yet: %+v", p)
	}
	got := read[api.FeatureSet](t, w.must("PUT", "/featuresets/reading/members", body))
	if got.Resolves.Tools != 3 || strings.Join(got.GrantedTo, " ") != "cursor" || len(got.Include) != 2 || len(got.Exclude) != 1 || w.revision() != before+1 {
		t.Errorf("%+v", got)
	}
	if tools := read[[]api.Feature](t, w.must("GET", "/servers/github/features", "")); len(tools) != 4 {
		t.Errorf("%+v", tools)
	}
}

func TestFeatureSet_PreviewAndPutRefuseAlike(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "/featuresets", `{"name":"a"}`)
	w.must("POST", "/featuresets", `{"name":"b"}`)
	w.must("PUT", "/featuresets/b/members", `{"include":["set:a"],"exclude":[]}`)
	for body, c := range map[string]struct {
		status int
		words  string
	}{
		`{"include":["set:b"],"exclude":[]}`:      {409, "a → b → a"},
		`{"include":["toool:x"],"exclude":[]}`:    {400, "not a member"},
		`{"include":["set:gone"],"exclude":[]}`:   {404, "there is no FeatureSet"},
		`{"include":["server:A b"],"exclude":[]}`: {400, "alias"},
	} {
		for method, path := range map[string]string{"POST": "/featuresets/a/preview", "PUT": "/featuresets/a/members"} {
			w.refused(c.status, c.words, method, path, body)
		}
	}
	w.refused(409, "takes no members", "POST", "/featuresets/All/preview", `{"include":[],"exclude":[]}`)
	w.refused(404, "no FeatureSet", "POST", "/featuresets/gone/preview", `{"include":[],"exclude":[]}`)
	if got := read[api.FeatureSet](t, w.must("PATCH", "/featuresets/b", `{"name":"c"}`)); got.Name != "c" || strings.Join(got.Include, "") != "set:a" {
		t.Errorf("renamed: %+v", got)
	}
	if got := read[api.FeatureSet](t, w.must("GET", "/featuresets/a", "")); strings.Join(got.MemberOf, "") != "c" {
		t.Errorf("member of %v", got.MemberOf)
	}
}

func TestClient_FeaturesSayWhyAndWhyNot(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "/servers", github)
	w.offers("github", mcpmux.KindTool, "get", "delete")
	w.must("POST", "/spaces", `{"name":"Work"}`)
	w.must("POST", "/featuresets", `{"name":"safe"}`)
	w.must("PUT", "/featuresets/safe/members", `{"include":[],"exclude":["tool:github/del*"]}`)
	w.must("POST", "/clients", `{"name":"cursor","grants":["All","safe"]}`)
	got := read[api.ClientFeatures](t, w.must("GET", "/clients/cursor/features", ""))
	if !got.Here || got.Refusal != "" || got.Visible != 1 || len(got.Features) != 2 || got.Space != "My Space" {
		t.Fatalf("%+v", got)
	}
	if f := got.Features[0]; !f.Visible || f.Reason != "granted" || f.Included[0].Set != "All" || f.Member != "tool:github/get" {
		t.Errorf("%+v", f)
	}
	if f := got.Features[1]; f.Visible || f.Reason != "excluded" || f.Excluded[0] != (api.Step{Set: "safe", Member: "tool:github/del*", Exclude: true}) {
		t.Errorf("%+v", f)
	}
	w.must("POST", "/clients/cursor/deny", "")
	if got = read[api.ClientFeatures](t, w.must("GET", "/clients/cursor/features", "")); got.Visible != 0 || !strings.Contains(got.Refusal, "not approved") || got.Features[0].Reason != "refused" {
		t.Errorf("%+v", got)
	}
	if got = read[api.ClientFeatures](t, w.must("GET", "/clients/cursor/features?space=Work", "")); got.Here || len(got.Features) != 0 {
		t.Errorf("%+v", got)
	}
	w.refused(404, "no Space", "GET", "/clients/cursor/features?space=gone", "")
}

func TestClient_IsRenamedAndSaysWhatItHasOpen(t *testing.T) {
	w := newWorld(t)
	made := read[api.CreatedClient](t, w.must("POST", "/clients", `{"name":"cursor"}`))
	w.front.open = map[mcpmux.ClientID]int{made.ID: 2}
	got := read[api.Client](t, w.must("PATCH", "/clients/cursor", `{"name":"editor"}`))
	if got.ID != made.ID || got.Name != "editor" || got.Connected != 2 || len(got.Keys) != 1 {
		t.Errorf("%+v", got)
	}
	w.refused(http.StatusBadRequest, "name", "PATCH", "/clients/editor", `{"name":""}`)
	if all := read[[]api.Client](t, w.must("GET", "/clients", "")); all[0].Connected != 2 {
		t.Errorf("%+v", all)
	}
}
