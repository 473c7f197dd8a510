package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// A tool is listed under its server's alias and called under its own name, with the same arguments; definition
// and result arrive byte for byte, but for the name.
func TestNames_PrefixIsAllThatChanges(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	s := d.AddScripted("github", mcptest.Script{})
	m := d.Session(d.NewClient("a"))
	list := m.Legacy("tools/list", `{}`).Result(t)
	if want := `{"name":"github_echo","inputSchema":{"type":"object"},"x-odd":12345678901234567890}`; !bytes.Contains(list, []byte(want)) {
		t.Errorf("the list lacks %s: %s", want, list)
	}
	args := `{"z":1.0,"a":12345678901234567890,"A":"é\u00e9\/","n":null,"deep":{"x":[1e2,[]]}}`
	if got, want := string(m.Call("github_echo", args).Result(t)), `{"content":[],"structuredContent":`+args+`}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := string(m.Call("github_odd", `{}`).Result(t)); got != mcptest.Odd {
		t.Errorf("got %s, want %s", got, mcptest.Odd)
	}
	if n := s.Calls("echo"); n != 1 {
		t.Errorf("the server was called %d times by its own name", n)
	}
}

// Names that collide stay apart, and stay the same over a restart, in whatever order the servers come up.
func TestNames_CollisionsAreResolvedAlikeAfterARestart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shortTempDir(t), "data")
	d := Start(t, Options{Dir: dir})
	one, urlOne := scripted(t, mcptest.Script{})
	two, urlTwo := scripted(t, mcptest.Script{})
	d.AddServer("a", urlOne)
	d.AddServer("a_b", urlTwo)
	key := d.NewClient("e2e")
	m := d.Session(key)
	// a + b_c and a_b + c would both be a_b_c.
	m.Call("a_change", `{"name":"b_c"}`).Result(t)
	m.Call("a_b_change", `{"name":"c"}`).Result(t)
	var clash []string
	eventually(t, soon, "two names", func() bool {
		clash = slices.DeleteFunc(m.Tools(), func(n string) bool {
			return !strings.HasPrefix(n, "a_b_c") || n == "a_b_crash" || n == "a_b_cwd" || n == "a_b_change"
		})
		return len(clash) == 2 && clash[0] != clash[1]
	})
	route := func(m *MCP) string {
		var calls strings.Builder
		for _, name := range clash {
			before := [2]int{one.Calls("b_c"), two.Calls("c")}
			m.Call(name, `{}`)
			fmt.Fprint(&calls, one.Calls("b_c")-before[0], two.Calls("c")-before[1], ";")
		}
		return calls.String()
	}
	before := route(m)
	if !strings.Contains(before, "1 0") || !strings.Contains(before, "0 1") {
		t.Errorf("the names %v reach %s", clash, before)
	}
	all := m.Tools()
	slices.Sort(all)
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	d = Start(t, Options{Dir: dir})
	d.AwaitServer("a", "connected")
	d.AwaitServer("a_b", "connected")
	m = d.Session(key)
	again := m.Tools()
	slices.Sort(again)
	if !slices.Equal(all, again) {
		t.Errorf("the names changed:\n%v\n%v", all, again)
	}
	if after := route(m); after != before {
		t.Errorf("the names %v reach %s, before the restart %s", clash, after, before)
	}
}

// 4,000 tools have names of at most 64 letters, digits, _ and -, each once; pages give each exactly once.
func TestNames_AreShortPlainUniqueAndPagedOnce(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.CLI("settings", "set", "gateway.page_size", "300")
	const alias = "an-alias-as-long-as-it-may-be-32"
	d.AddScripted(alias, mcptest.Script{Generated: 2000, PageSize: 170})
	d.AddScripted("short", mcptest.Script{Generated: 2000})
	m := d.Session(d.NewClient("a"))
	m.Call("short_change", `{"name":"odd name, with spaces/and é and a length that is more than sixty-four characters"}`).Result(t)
	eventually(t, startTime, "one more tool", func() bool { return len(m.Tools()) == 2*2000+2*len(builtinTools(m))+1 })
	names := m.Tools()
	plain := regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	seen := make(map[string]bool)
	for _, n := range names {
		if !plain.MatchString(n) {
			t.Errorf("name %q", n)
		}
		if seen[n] {
			t.Errorf("name %q twice", n)
		}
		seen[n] = true
	}
	var page struct {
		Tools      []json.RawMessage
		NextCursor string
	}
	if err := json.Unmarshal(m.Legacy("tools/list", `{}`).Result(t), &page); err != nil || len(page.Tools) > 300 || page.NextCursor == "" {
		t.Errorf("the first page has %d tools (%v)", len(page.Tools), err)
	}
	if e := m.Legacy("tools/list", `{"cursor":"rubbish"}`).Last(t).Error; e == nil || e.Code != -32602 {
		t.Errorf("a bad cursor: %+v", e)
	}
}

// builtinTools are the tools of a scripted server that generates none.
func builtinTools(m *MCP) []string {
	return slices.DeleteFunc(m.Tools(), func(n string) bool {
		return !strings.HasPrefix(n, "short_") || strings.HasPrefix(n, "short_tool_") || strings.HasPrefix(n, "short_odd") && n != "short_odd"
	})
}

// One URI at two servers: the resource is readable, whichever of the two is granted; a URI of none is an error.
func TestNames_OneURIAtTwoServers(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	one, two := d.AddScripted("one", mcptest.Script{}), d.AddScripted("two", mcptest.Script{})
	key := d.NewClient("a")
	m := d.Session(key)
	m.Legacy("resources/read", `{"uri":"test://a"}`).Result(t)
	if n := one.Count("resources/read") + two.Count("resources/read"); n != 1 {
		t.Errorf("read %d times", n)
	}
	for alias, s := range map[string]*mcptest.Server{"one": one, "two": two} {
		before := s.Count("resources/read")
		alone := d.ServerMCP(alias, key)
		alone.Open(`{}`)
		alone.Legacy("resources/read", `{"uri":"test://a"}`).Result(t)
		only := d.Session(d.NewClient("only-"+alias, "--grant", "server:"+alias))
		only.Legacy("resources/read", `{"uri":"test://a"}`).Result(t)
		if n := s.Count("resources/read") - before; n != 2 {
			t.Errorf("server %s was read %d times, want 2", alias, n)
		}
	}
	if e := m.Legacy("resources/read", `{"uri":"nowhere://a"}`).Last(t).Error; e == nil {
		t.Error("a URI of no server was read")
	}
}

// A server that hangs, and one that does not come up, delay neither lists nor calls to others.
func TestNames_AHangingServerDelaysNobody(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	hangs := d.AddScripted("hangs", mcptest.Script{})
	d.AddScripted("works", mcptest.Script{})
	_, url := scripted(t, mcptest.Script{HangInitialize: true})
	d.CLI("server", "add", "never", url)
	m := d.Session(d.NewClient("a"))
	var replies []<-chan *Reply
	for i := range 20 {
		caller := *m
		caller.lastID = 1000 + i
		replies = append(replies, later(t, func() *Reply { return caller.Call("hangs_hold", `{}`) }))
	}
	awaitScripted(t, hangs, soon, "20 calls that hang", func() bool { return hangs.Holding() == 20 })
	start := time.Now()
	for range 50 {
		m.Tools()
		m.Call("works_echo", `{}`).Result(t)
	}
	if took := time.Since(start); took > 50*100*time.Millisecond {
		t.Errorf("50 lists and calls took %s", took)
	}
	hangs.Release()
	for _, r := range replies {
		(<-r).Result(t)
	}
}
