package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// What is not a message is answered with the code that says what is wrong with it.
func TestBadInput_IsAnsweredWithTheRightCode(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	s := d.AddScripted("s", mcptest.Script{})
	m := d.Session(d.NewClient("a"))
	for _, c := range []struct {
		name, body   string
		status, code int
	}{
		{"malformed", `{"jsonrpc":"2.0","id":1,`, 400, -32700},
		{"trailing data", `{"jsonrpc":"2.0","id":1,"method":"ping"} {}`, 400, -32700},
		{"two methods", `{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}`, 400, -32600},
		{"two names", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"s_echo","name":"s_odd","arguments":{}}}`, 0, -32600},
		{"other case", `{"jsonrpc":"2.0","id":1,"Method":"ping"}`, 400, -32600},
		{"unknown method", `{"jsonrpc":"2.0","id":1,"method":"no/such"}`, 200, -32601},
		{"params of the wrong kind", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}`, 200, -32602},
		{"no name", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}`, 200, -32602},
	} {
		r := m.Post(c.body)
		if e := r.Last(t).Error; e == nil || e.Code != c.code || (c.status != 0 && r.Status != c.status) {
			t.Errorf("%s: status %d, %+v; want %d and %d", c.name, r.Status, e, c.status, c.code)
		}
	}
	if r := m.Post(`{"jsonrpc":"2.0","method":"notifications/nothing"}`); r.Status != http.StatusAccepted {
		t.Errorf("a notification: status %d", r.Status)
	}
	large := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"s_echo","arguments":{"x":"` + strings.Repeat("x", 5<<20) + `"}}}`
	if r := m.Post(large); r.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("a request over the limit: status %d", r.Status)
	}
	if n := s.Count("tools/call"); n != 0 {
		t.Errorf("the server heard %d calls", n)
	}
	m.Call("s_echo", `{}`).Result(t)
}

// Commands with names that do not exist fail and say which.
func TestBadInput_UnknownNamesAreTold(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.NewClient("a")
	for _, c := range []struct {
		code int
		args []string
	}{
		{1, []string{"server", "show", "nothing"}},
		{1, []string{"server", "remove", "nothing"}},
		{1, []string{"client", "show", "nothing"}},
		{1, []string{"client", "grant", "a", "nothing"}},
		{1, []string{"space", "activate", "nothing"}},
		{1, []string{"featureset", "show", "nothing"}},
		{1, []string{"call", "nothing"}},
		{1, []string{"settings", "get", "nothing"}},
		{2, []string{"nothing"}},
		{2, []string{"server", "add"}},
	} {
		out, text, code := d.TryCLI(c.args...)
		if code != c.code || !strings.Contains(text, c.args[len(c.args)-1]) && c.code == 1 || out != "" && c.code == 1 {
			t.Errorf("%v: exit code %d, want %d: %s%s", c.args, code, c.code, out, text)
		}
	}
	for _, c := range [][]string{
		{"settings", "set", "pool.idle_timeout", "soon"},
		{"client", "create", "a"},
		{"client", "mode", "a", "sideways"},
		{"server", "add", "bad alias!", "http://localhost:1/mcp"},
		{"space", "delete", "My Space"},
	} {
		if out, text, code := d.TryCLI(c...); code == 0 || code > 2 || text == "" {
			t.Errorf("%v: exit code %d: %s%s", c, code, out, text)
		}
	}
	m := d.ServerMCP("nothing", d.NewClient("b"))
	if r := m.Post(initialize); r.Status != http.StatusNotFound {
		t.Errorf("/mcp/s/nothing: status %d", r.Status)
	}
}

// A command that does not exist, and a program that is no MCP server, end in an error that says so.
func TestBadInput_ServersThatAreNoneAreInError(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.CLI("server", "add", "missing", "--", "no-such-program-anywhere")
	d.CLI("server", "add", "junk", "--", "sh", "-c", "echo this is no MCP; echo a last word >&2; exit 3")
	d.AddServer("chatty", process(t, mcptest.Script{})...)
	d.AwaitServer("missing", "error")
	d.AwaitServer("junk", "error")
	if s := d.serverStatus("missing"); !strings.Contains(s.Reason, "no-such-program-anywhere") {
		t.Errorf("reason: %q", s.Reason)
	}
	if s := d.serverStatus("junk"); s.Reason == "" || !strings.Contains(strings.Join(s.Stderr, "\n"), "a last word") {
		t.Errorf("status: %+v", s)
	}
	m := d.Session(d.NewClient("a"))
	m.Call("chatty_junk", `{"text":"Listening on port 3000 {"}`).Result(t)
	m.Call("chatty_echo", `{}`).Result(t)
}
