package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// selection checks that a client sees exactly these tools.
func selection(t *testing.T, m *MCP, want ...string) {
	t.Helper()
	got := m.Tools()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("tools: got %v, want %v", got, want)
	}
}

// What a client was not granted does not exist: it is in no list, using it is answered like an unknown name, and
// the server hears nothing of it.
func TestFeatureSets_HiddenIsUnknownAndTheServerHearsNothing(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	s := d.AddScripted("s", mcptest.Script{})
	d.CLI("featureset", "create", "some")
	d.CLI("featureset", "include", "some", "tool:s/echo")
	m := d.Session(d.NewClient("a", "--grant", "some"))
	selection(t, m, "s_echo")
	for _, method := range []string{"prompts/list", "resources/list", "resources/templates/list"} {
		if names := m.Names(method); len(names) > 0 {
			t.Errorf("%s: %v", method, names)
		}
	}
	hidden(t, m, "tools/call", `{"name":"s_odd","arguments":{}}`, "s_odd")
	hidden(t, m, "prompts/get", `{"name":"s_greet"}`, "s_greet")
	hidden(t, m, "resources/read", `{"uri":"test://a"}`, "test://a")
	hidden(t, m, "resources/read", `{"uri":"test://b"}`, "test://b")
	hidden(t, m, "resources/subscribe", `{"uri":"test://a"}`, "test://a")
	hidden(t, m, "completion/complete", `{"ref":{"type":"ref/prompt","name":"s_greet"},"argument":{"name":"x","value":""}}`, "s_greet")
	hidden(t, m, "completion/complete", `{"ref":{"type":"ref/resource","uri":"test://{name}"},"argument":{"name":"name","value":""}}`, "test://{name}")
	for _, method := range []string{"tools/call", "prompts/get", "resources/read", "resources/subscribe", "completion/complete"} {
		if n := s.Count(method); n != 0 {
			t.Errorf("the server heard %s %d times", method, n)
		}
	}
}

// Two clients with different grants see and reach exactly their own, at the same time.
func TestFeatureSets_TwoClientsAtOnceSeeExactlyTheirOwn(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	s := d.AddScripted("s", mcptest.Script{})
	tools := map[string]string{"a": "echo", "b": "odd"}
	var clients []*MCP
	for _, name := range []string{"a", "b"} {
		d.CLI("featureset", "create", name)
		d.CLI("featureset", "include", name, "tool:s/"+tools[name])
		clients = append(clients, d.Session(d.NewClient(name, "--grant", name)))
	}
	own, foreign := []string{"s_echo", "s_odd"}, []string{"s_odd", "s_echo"}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			// A copy, since the client counts its requests.
			k := i % 2
			m := *clients[k]
			m.lastID = 1000 * (i + 1)
			switch i / 2 % 3 {
			case 0:
				if got := m.Tools(); !slices.Equal(got, own[k:k+1]) {
					t.Errorf("client %d sees %v", k, got)
				}
			case 1:
				if got := m.Call(own[k], `{}`).Last(t); got.Error != nil {
					t.Errorf("client %d: %+v", k, *got.Error)
				}
			default:
				if got := m.Call(foreign[k], `{}`).Last(t); got.Error == nil || got.Error.Code != -32602 {
					t.Errorf("client %d reached what is another's: %+v", k, got)
				}
			}
		})
	}
	wg.Wait()
	if n := s.Count("tools/call"); n != 34 {
		t.Errorf("the server heard %d calls, want the 34 that are granted", n)
	}
}

// A client without grants has precisely the Default set, and what is put into it live.
func TestFeatureSets_ClientWithoutGrantsHasTheDefaultSetLive(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("s", mcptest.Script{})
	m := d.Session(d.NewClient("a"))
	d.CLI("client", "ungrant", "a", "All")
	selection(t, m)
	told := m.Listen()
	d.CLI("featureset", "include", "Default", "tool:s/echo", "tool:s/odd")
	within(t, soon, told, listChanged)
	selection(t, m, "s_echo", "s_odd")
	d.CLI("featureset", "include", "Default", "tool:s/odd", "--remove")
	within(t, soon, told, listChanged)
	selection(t, m, "s_echo")
}

// The set of a server follows the tools it adds; a custom one does not.
func TestFeatureSets_ServerSetFollowsNewToolsCustomDoesNot(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("s", mcptest.Script{})
	d.CLI("featureset", "create", "custom")
	d.CLI("featureset", "include", "custom", "tool:s/echo", "tool:s/change")
	follows, custom := d.Session(d.NewClient("follows", "--grant", "server:s")), d.Session(d.NewClient("custom", "--grant", "custom"))
	told, quiet := follows.Listen(), custom.Listen()
	custom.Call("s_change", `{"name":"brand_new"}`).Result(t)
	within(t, soon, told, listChanged)
	if got := follows.Tools(); !slices.Contains(got, "s_brand_new") {
		t.Errorf("the server's set lacks the new tool: %v", got)
	}
	selection(t, custom, "s_echo", "s_change")
	if told := drain(quiet); len(told) > 0 {
		t.Errorf("the client of the custom set was told %s", told)
	}
}

// Exclude wins over All and over a server's set.
func TestFeatureSets_ExcludeWins(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("s", mcptest.Script{})
	all := d.Session(d.NewClient("a"))
	n := len(all.Tools())
	d.CLI("featureset", "create", "without")
	d.CLI("featureset", "exclude", "without", "tool:s/odd")
	d.CLI("client", "grant", "a", "without")
	if got := all.Tools(); len(got) != n-1 || slices.Contains(got, "s_odd") {
		t.Errorf("All and a set that excludes one tool: %d of %d: %v", len(got), n, got)
	}
	d.CLI("featureset", "create", "most")
	d.CLI("featureset", "include", "most", "server:s")
	d.CLI("featureset", "exclude", "most", "tool:s/odd", "tool:s/echo", "tool:s/exit")
	if got := d.Session(d.NewClient("b", "--grant", "most")).Tools(); len(got) != n-3 || slices.Contains(got, "s_echo") {
		t.Errorf("a server without three tools: %d of %d: %v", len(got), n, got)
	}
}

// Sets nest; a diamond is fine, a cycle is refused.
func TestFeatureSets_NestAndRefuseCycles(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("s", mcptest.Script{})
	for _, name := range []string{"bottom", "left", "right", "top"} {
		d.CLI("featureset", "create", name)
	}
	d.CLI("featureset", "include", "bottom", "tool:s/echo", "tool:s/odd", "tool:s/env")
	d.CLI("featureset", "include", "left", "set:bottom", "tool:s/cwd")
	d.CLI("featureset", "exclude", "left", "tool:s/env")
	d.CLI("featureset", "include", "right", "set:bottom")
	d.CLI("featureset", "exclude", "right", "tool:s/env")
	d.CLI("featureset", "include", "top", "set:left", "set:right")
	selection(t, d.Session(d.NewClient("a", "--grant", "top")), "s_echo", "s_odd", "s_cwd")
	for _, exclude := range []string{"include", "exclude"} {
		_, text, code := d.TryCLI("featureset", exclude, "bottom", "set:top")
		if code != 1 || !strings.Contains(text, "top") || !strings.Contains(text, "bottom") {
			t.Errorf("a cycle by %s: exit code %d: %s", exclude, code, text)
		}
	}
	if _, _, code := d.TryCLI("featureset", "include", "top", "set:top"); code != 1 {
		t.Errorf("a set in itself: exit code %d", code)
	}
}

// Members are kept by alias and name: they hold again when the server is installed again.
func TestFeatureSets_MembersSurviveReinstallation(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	_, url := scripted(t, mcptest.Script{})
	d.AddServer("s", url)
	d.CLI("featureset", "create", "some")
	d.CLI("featureset", "include", "some", "tool:s/echo")
	m := d.Session(d.NewClient("a", "--grant", "some"))
	selection(t, m, "s_echo")
	d.CLI("server", "remove", "s")
	selection(t, m)
	d.AddServer("s", url)
	d.Await("tools of s", func() bool { return len(m.Tools()) > 0 })
	selection(t, m, "s_echo")
}

// A change of the grants holds in the open session, and lets a call that runs end.
func TestFeatureSets_GrantsChangeLiveAndLetRunningCallsEnd(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	s := d.AddScripted("s", mcptest.Script{})
	d.CLI("featureset", "create", "some")
	d.CLI("featureset", "include", "some", "tool:s/echo")
	m := d.Session(d.NewClient("a"))
	told := m.Listen()
	caller := *m
	reply := later(t, func() *Reply { return caller.Call("s_hold", `{}`) })
	awaitScripted(t, s, soon, "call", func() bool { return s.Holding() == 1 })
	m.lastID = 100
	d.CLI("client", "grant", "a", "some")
	d.CLI("client", "ungrant", "a", "All")
	within(t, soon, told, listChanged)
	selection(t, m, "s_echo")
	hidden(t, m, "tools/call", `{"name":"s_hold","arguments":{}}`, "s_hold")
	s.Release()
	if got := string((<-reply).Result(t)); !strings.Contains(got, "released") {
		t.Errorf("the call that ran: %s", got)
	}
}

// Globs select by name.
func TestFeatureSets_GlobsSelectByName(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("s", mcptest.Script{Generated: 12})
	d.CLI("featureset", "create", "some")
	d.CLI("featureset", "include", "some", "tool:s/tool_1*")
	var want []string
	for _, n := range []int{1, 10, 11} {
		want = append(want, fmt.Sprintf("s_tool_%d", n))
	}
	selection(t, d.Session(d.NewClient("a", "--grant", "some")), want...)
}
