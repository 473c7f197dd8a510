package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func TestServer_AnswersNeverHoldAValue(t *testing.T) {
	w := newWorld(t)
	all := w.must("POST", "/servers", github) + w.must("GET", "/servers", "") + w.must("GET", "/servers/github", "") +
		w.must("PATCH", "/servers/github", `{"put":[{"kind":"env","name":"A","secret":true,"value":"hush-hush-2"}]}`) + w.must("DELETE", "/servers/github", "")
	if strings.Contains(all, "hush") || !strings.Contains(all, `"name":"TOKEN"`) {
		t.Errorf("a value is told, or its name is not: %s", all)
	}
	w.refused(404, "no server", "GET", "/servers/github", "")
}

func TestServer_PatchWithNullPutsTheDefaultBack(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "/servers", github)
	got := read[api.Server](t, w.must("PATCH", "/servers/github", `{"prefix":"gh","idle_timeout":"9s","call_timeout":"1m"}`))
	if got.Prefix == nil || *got.Prefix != "gh" || got.IdleTimeout == nil || time.Duration(*got.IdleTimeout) != 9*time.Second ||
		got.CallTimeout == nil || time.Duration(*got.CallTimeout) != time.Minute {
		t.Errorf("set: %+v", got)
	}
	got = read[api.Server](t, w.must("PATCH", "/servers/github", `{"prefix":null,"idle_timeout":null,"call_timeout":null}`))
	if got.Prefix != nil || got.IdleTimeout != nil || got.CallTimeout != nil {
		t.Errorf("not put back: %+v", got)
	}
}

func TestServer_OfEverySpaceIsInAllOfThem(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "/spaces", `{"name":"Work"}`)
	first := read[api.Server](t, w.must("POST", "/servers", strings.Replace(github, "{", `{"every_space":true,`, 1)))
	w.must("POST", "/spaces", `{"name":"Late"}`)
	for _, space := range []string{"Work", "Late"} {
		if srv := read[api.Server](t, w.must("GET", "/servers/github?space="+space, "")); !srv.EverySpace || srv.ID == first.ID || srv.SpaceName != space {
			t.Errorf("the copy in %s: %+v", space, srv)
		}
	}
	w.must("DELETE", "/servers/github?space=Work", "")
	w.must("GET", "/servers/github?space=Late", "")
}

func TestRequest_BadOnesSayWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "/servers", github)
	w.refused(400, `"nme"`, "POST", "/spaces", `{"nme":"Work"}`)
	w.refused(400, `"name" must be a text`, "POST", "/spaces", `{"name":7}`)
	w.refused(400, "not JSON", "POST", "/spaces", `{"name":`)
	w.refused(400, "follows the JSON", "POST", "/spaces", `{"name":"a"} {}`)
	w.refused(400, "has no body", "POST", "/spaces", "")
	w.refused(400, "takes no parameter", "GET", "/spaces?spcae=x", "")
	w.refused(400, "whole number", "GET", "/servers/github/logs?tail=-1", "")
	w.refused(400, "prefix", "PATCH", "/servers/github", `{"prefix":7}`)
	w.refused(404, "openapi.json", "GET", "/nothing", "")
	w.refused(405, "GET, POST", "DELETE", "/spaces", "")
	w.refused(413, "longer", "POST", "/spaces", `{"name":"`+strings.Repeat("x", maxBody)+`"}`)
	w.refused(404, "My Space", "GET", "/spaces/Nowhere", "")
	w.refused(409, "already", "POST", "/spaces", `{"name":"my space"}`)
	w.refused(400, "not a member", "POST", "/featuresets/Default/members", `{"members":["toool:x"]}`)
	w.refused(400, "not a connection mode", "POST", "/clients", `{"name":"c","mode":"x"}`)
	w.refused(400, "longer than 0", "POST", "/clients", `{"name":"c","expires_in":"-1h"}`)

	r := httptest.NewRequest(http.MethodPost, prefix+"/spaces", strings.NewReader(`{"name":"x"}`))
	r.Header.Set("Content-Type", "text/plain")
	if status, text := serve(w.socket, r); status != http.StatusUnsupportedMediaType {
		t.Errorf("text/plain: %d %s", status, text)
	}
	if _, text := w.ask("POST", "/servers", `{"alias":"a","values":[{"kind":"env","name":"A","value":{"hush":1}}]}`); strings.Contains(text, "hush") {
		t.Errorf("the error has the value: %s", text)
	}
}

func TestStatus_CountsWhatThereIs(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "/servers", github)
	w.must("POST", "/clients", `{"name":"cursor"}`)
	got := read[api.Status](t, w.must("POST", "/gateway/start", ""))
	if got.Gateway != "running" || got.ConnectedServers != 1 || got.RegisteredClients != 1 || got.Servers != 1 || got.Spaces != 1 ||
		got.ActiveSpace != "My Space" || got.GatewayURL != "http://localhost:45818/mcp" || got.Statements == 0 {
		t.Errorf("status %+v", got)
	}
	if got = read[api.Status](t, w.must("POST", "/gateway/stop", "")); got.Gateway != "stopped" {
		t.Errorf("status %+v", got)
	}
}

func TestClient_IsGrantedAllUnlessToldOtherwise(t *testing.T) {
	w := newWorld(t)
	made := read[api.CreatedClient](t, w.must("POST", "/clients", `{"name":"cursor"}`))
	if len(made.Grants) != 1 || made.Grants[0] != (api.Grant{Space: "My Space", Set: "All"}) || !strings.HasPrefix(made.AccessKey, "mm_key_") || !made.Approved {
		t.Errorf("made %+v", made)
	}
	if got := w.must("GET", "/clients/cursor", ""); strings.Contains(got, made.AccessKey) {
		t.Error("the key is shown twice")
	}
	made = read[api.CreatedClient](t, w.must("POST", "/clients", `{"name":"none","grants":[]}`))
	if len(made.Grants) != 0 {
		t.Errorf("grants %v", made.Grants)
	}
}

func TestKey_RotationKeepsItsLifeAndRevokesTheOld(t *testing.T) {
	w := newWorld(t)
	made := read[api.CreatedClient](t, w.must("POST", "/clients", `{"name":"cursor","expires_in":"1h"}`))
	next := read[api.CreatedKey](t, w.must("POST", "/clients/cursor/keys/"+string(made.Keys[0].ID)+"/rotate", ""))
	keys := read[[]mcpmux.AccessKey](t, w.must("GET", "/clients/cursor/keys", ""))
	if len(keys) != 1 || keys[0].ID != next.ID || next.ExpiresAt == nil || next.Secret == made.AccessKey {
		t.Errorf("keys %+v, made %+v", keys, next)
	}
}

func TestMembers_AreReadAndWrittenAlike(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "/featuresets", `{"name":"reading"}`)
	body := `{"members":["server:git*","tool:github/get_*","resource:web/file:///a/b","set:Default"],"exclude":false}`
	got := read[api.FeatureSet](t, w.must("POST", "/featuresets/reading/members", body))
	if strings.Join(got.Include, " ") != "server:git* tool:github/get_* resource:web/file:///a/b set:Default" {
		t.Errorf("include %q", got.Include)
	}
	if got = read[api.FeatureSet](t, w.must("DELETE", "/featuresets/reading/members", body)); len(got.Include) != 0 {
		t.Errorf("left: %q", got.Include)
	}
}

func TestSpace_NamesWithSlashesWork(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "/spaces", `{"name":"A/B c"}`)
	if got := read[api.Space](t, w.must("POST", "/spaces/A%2FB%20c/activate", "")); !got.Active {
		t.Errorf("space %+v", got)
	}
}

func TestQuestion_IsListedUntilAnswered(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "/clients", `{"name":"cursor","mode":"ask"}`)
	w.must("POST", "/spaces", `{"name":"Work"}`)
	w.must("POST", "/spaces/Work/activate", "")
	got := read[api.Status](t, w.must("GET", "/status", ""))
	if len(got.Questions) != 1 || got.Questions[0] != (api.Question{Client: "cursor", From: "My Space", To: "Work"}) {
		t.Fatalf("questions %v", got.Questions)
	}
	if c := read[api.Client](t, w.must("POST", "/clients/cursor/switch", `{"accept":true}`)); c.SpaceName != "Work" {
		t.Errorf("client %+v", c)
	}
	if got = read[api.Status](t, w.must("GET", "/status", "")); len(got.Questions) != 0 {
		t.Errorf("questions %v", got.Questions)
	}
}

func TestCall_BytesArePassedOnUntouched(t *testing.T) {
	w := newWorld(t)
	w.front.reply = `{"jsonrpc":"2.0","id":1,"result":{ "x": 12345678901234567890, "h":"<b>" }}`
	if got := w.must("POST", "/call", `{"name":"t","arguments":{"n": 12345678901234567890}}`); got != `{ "x": 12345678901234567890, "h":"<b>" }` {
		t.Errorf("result %s", got)
	}
	if w.front.params != `{"name":"t","arguments":{"n": 12345678901234567890}}` {
		t.Errorf("params %s", w.front.params)
	}
	w.front.reply = `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no tool t"}}`
	w.refused(400, "no tool t", "POST", "/call", `{"name":"t"}`)
}

func TestCall_SaysAsWhomAndOfWhat(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "/servers", github)
	w.must("POST", "/spaces", `{"name":"Work"}`)
	w.must("POST", "/clients", `{"name":"Editor"}`)
	work, editor := read[api.Space](t, w.must("GET", "/spaces/Work", "")), read[api.Client](t, w.must("GET", "/clients/Editor", ""))
	w.front.reply = `{"jsonrpc":"2.0","id":1,"result":{}}`
	for body, want := range map[string]string{
		`{"name":"t"}`:                   "||tools/call",
		`{"name":"t","server":"github"}`: "|github|tools/call",
		`{"name":"t","space":"Work"}`:    string(catalog.LocalIn(work.ID).ID) + "||tools/call",
		`{"name":"p","kind":"prompt","client":"editor","arguments":{"topic":"x"}}`: string(editor.ID) + "||prompts/get",
		`{"name":"file:///a","kind":"resource"}`:                                   "||resources/read",
	} {
		if w.must("POST", "/call", body); w.front.asked != want {
			t.Errorf("%s asks %s, want %s", body, w.front.asked, want)
		}
	}
	w.must("POST", "/call", `{"name":"file:///a","kind":"resource","arguments":{"ignored":1}}`)
	if w.front.params != `{"uri":"file:///a"}` {
		t.Errorf("a resource is read with %s", w.front.params)
	}
	w.refused(409, "not in Work", "POST", "/call", `{"name":"t","client":"Editor","space":"Work"}`)
	w.refused(400, "kind", "POST", "/call", `{"name":"t","kind":"server"}`)
	w.refused(400, "URI", "POST", "/call", `{"name":"t","kind":"template"}`)
	w.refused(404, "Spare", "POST", "/call", `{"name":"t","space":"Spare"}`)
}

func TestLogs_StreamBeginsWithTheTail(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "/servers", github)
	got := w.must("GET", "/servers/github/logs?tail=5&follow=1", "")
	if one, two := strings.Index(got, `"text":"one"`), strings.Index(got, `"text":"two"`); one < 0 || two < one || !strings.Contains(got, "event: line\n") {
		t.Errorf("stream %q", got)
	}
}

func TestDocument_HasEveryRouteAndResolves(t *testing.T) {
	w := newWorld(t)
	text := w.must("GET", "/openapi.json", "")
	doc := read[struct {
		OpenAPI    string
		Paths      map[string]map[string]any
		Components struct{ Schemas map[string]any }
	}](t, text)
	n := 0
	for _, methods := range doc.Paths {
		n += len(methods)
	}
	if n != len(w.admin.routes) || doc.OpenAPI != "3.1.0" {
		t.Errorf("%d operations for %d routes", n, len(w.admin.routes))
	}
	for _, ref := range strings.Split(text, `"$ref":"#/components/schemas/`)[1:] {
		if name, _, _ := strings.Cut(ref, `"`); doc.Components.Schemas[name] == nil {
			t.Errorf("no schema %s", name)
		}
	}
}

// listen opens the event stream and answers a function that reads the next event's lines.
func listen(t *testing.T, h http.Handler, last string) func() string {
	t.Helper()
	srv := httptest.NewServer(h)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); srv.Close() })
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+prefix+"/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	return func() string {
		var all []string
		for lines.Scan() && lines.Text() != "" {
			all = append(all, lines.Text())
		}
		return strings.Join(all, "\n")
	}
}

func TestEvents_TellOfEveryChangeInOrder(t *testing.T) {
	w := newWorld(t)
	next := listen(t, w.socket, "")
	if got := next(); !strings.HasPrefix(got, "event: ready\n") {
		t.Fatalf("first %q", got)
	}
	w.must("POST", "/spaces", `{"name":"Work"}`)
	w.must("POST", "/spaces/Work/activate", "")
	w.admin.Publish("server", map[string]string{"state": "idle"})
	for _, want := range []string{`"kind":"space.created"`, `"kind":"space.activated"`, "event: server\ndata: {\"state\":\"idle\"}"} {
		if got := next(); !strings.Contains(got, want) {
			t.Errorf("event %q, want %s", got, want)
		}
	}
	w.admin.Close()
	if got := next(); got != "" {
		t.Errorf("after the end: %q", got)
	}
}

func TestEvents_ReaderThatComesBackMissesNoChange(t *testing.T) {
	w := newWorld(t)
	before := read[api.Status](t, w.must("GET", "/status", "")).Revision
	w.must("POST", "/spaces", `{"name":"Work"}`)
	next := listen(t, w.socket, "0")
	_ = next()
	for range before { // the Changes of a new database
		_ = next()
	}
	if got := next(); !strings.Contains(got, `"kind":"space.created"`) {
		t.Errorf("event %q", got)
	}
}

func TestEvents_SubscriberThatFallsBehindIsCutOff(t *testing.T) {
	e := newEvents()
	queue, stop := e.subscribe()
	defer stop()
	for range queueLen + 1 {
		e.publish(event{name: "x"})
	}
	n := 0
	for range queue {
		n++
	}
	if n != queueLen {
		t.Errorf("%d events before the end, want %d", n, queueLen)
	}
}

func TestRecord_HasEveryRequestThatChangesSomethingAndNothingThatIsInIt(t *testing.T) {
	w := newWorld(t)
	var record []mcpmux.Activity
	w.admin.cfg.Audit = func(a mcpmux.Activity) { record = append(record, a) }
	const canary = "sk-canary-1234567890"
	w.must("GET", "/status", "")
	w.must("POST", "/servers", `{"alias":"files","definition":{"transport":"stdio","command":"x"},"values":[{"kind":"env","name":"KEY","value":"`+canary+`","secret":true}]}`)
	w.must("POST", "/clients", `{"name":"Cursor"}`)
	w.ask("POST", "/clients", `{"name":"`+canary+`","mode":"`+canary+`"}`)
	w.must("DELETE", "/clients/Cursor", "")
	want := []string{"admin/post /servers ok ", "admin/post /clients ok ", "admin/post /clients error invalid", "admin/delete /clients/Cursor ok "}
	var got []string
	for _, a := range record {
		got = append(got, a.Method+" "+a.Name+" "+a.Outcome+" "+a.Detail)
		if a.Actor != "user (command line)" || !a.Decision() || a.At.IsZero() {
			t.Errorf("%+v", a)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if text, err := json.Marshal(record); err != nil || strings.Contains(string(text), canary) {
		t.Errorf("%s %v", text, err)
	}
}

func TestServer_ValuesOfInputsAreCheckedAndOnlyPlainOnesAreShown(t *testing.T) {
	w := newWorld(t)
	w.must("POST", "/servers", `{"alias":"api","definition":{"transport":"stdio","command":"run","args":["${input:REGION}"],"title":"An API",
		"inputs":[{"id":"REGION","type":"select","options":[{"value":"eu"},{"value":"us"}],"default":"eu"},{"id":"TOKEN","type":"password","required":true}]}}`)
	w.refused(400, "one of eu, us", "PATCH", "/servers/api", `{"put":[{"kind":"input","name":"REGION","value":"asia","secret":false}]}`)
	w.refused(400, "${input:NONE}", "PATCH", "/servers/api", `{"definition":{"transport":"stdio","command":"run","args":["${input:NONE}"],"inputs":[{"id":"TOKEN"}]}}`)
	// A value of an input that is secret is one, whatever is said of it.
	w.must("PATCH", "/servers/api", `{"put":[{"kind":"input","name":"REGION","value":"us","secret":false},{"kind":"input","name":"TOKEN","value":"hush-hush-3","secret":false},
		{"kind":"env","name":"LEVEL","value":"debug","secret":false},{"kind":"env","name":"KEY","value":"hush-hush-4","secret":true}]}`)
	got := w.must("GET", "/servers/api/values", "")
	if strings.Contains(got, "hush") || !strings.Contains(got, `"name":"REGION","secret":false,"value":"us"`) || !strings.Contains(got, `"name":"TOKEN","secret":true}`) || strings.Contains(got, "debug") {
		t.Errorf("values %s", got)
	}
	// Another title makes no other connection; a changed definition keeps the values of inputs that are still there.
	before := w.must("GET", "/servers/api", "")
	w.must("PATCH", "/servers/api", `{"definition":{"transport":"stdio","command":"run","title":"Another","inputs":[{"id":"REGION"},{"id":"TOKEN","type":"password"}]}}`)
	if after := read[api.Server](t, w.must("GET", "/servers/api", "")); len(after.Values) != 4 || after.Definition.Title != "Another" {
		t.Errorf("before %s, after %+v", before, after)
	}
}

func TestLogs_AreChosenBySourceLevelAndText(t *testing.T) {
	lines := []api.LogLine{
		{Source: "stderr", Text: "Starting"},
		{Source: "server", Level: "info", Text: "ready"},
		{Source: "server", Level: "error", Text: "Could not START"},
		{Source: "connection", Text: "closed"},
	}
	for query, want := range map[string]string{
		"":                             "Starting, ready, Could not START, closed",
		"source=server":                "ready, Could not START",
		"level=warning":                "Could not START",
		"level=debug":                  "ready, Could not START",
		"search=start":                 "Starting, Could not START",
		"search=start&source=stderr":   "Starting",
		"search=nothing+of+the+kind":   "",
		"source=connection&level=info": "",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?"+query, nil)
		f, err := readLogFilter(r)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, l := range f.last(lines, 10) {
			texts = append(texts, l.Text)
		}
		if got := strings.Join(texts, ", "); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	if f, _ := readLogFilter(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?search=start", nil)); len(f.last(lines, 1)) != 1 || f.last(lines, 1)[0].Source != "server" {
		t.Error("the last of the lines that are chosen is another")
	}
	w := newWorld(t)
	w.must("POST", "/servers", github)
	w.refused(400, "parameter level", "GET", "/servers/github/logs?level=loud", "")
	w.refused(400, "parameter source", "GET", "/servers/github/logs?source=elsewhere", "")
	if got := w.must("GET", "/servers/github/logs?search=ONE", ""); !strings.Contains(got, `"one"`) {
		t.Errorf("lines %s", got)
	}
	if got := w.must("GET", "/servers/github/logs?search=two", ""); got != "[]" {
		t.Errorf("lines %s", got)
	}
}
