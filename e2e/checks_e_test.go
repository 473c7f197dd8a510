package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// The checks of what clients send, by the numbers that docs/security.md has them under. Many of them are also those
// of the package gateway, where every case is one line; here is what has to hold on the wire.

// wantJSONRPC checks a reply: its status, and the code of its error.
func wantJSONRPC(t *testing.T, what string, r *Reply, status, code int) {
	t.Helper()
	var m response
	if len(r.Messages) > 0 {
		_ = json.Unmarshal(r.Messages[len(r.Messages)-1], &m) // what is none has no error
	}
	if r.Status != status || m.Error == nil || m.Error.Code != code {
		t.Errorf("%s: %d %.300s, want %d and %d", what, r.Status, r.Body, status, code)
	}
}

func TestCheck_E1_E8_WhatIsNoMessageIsRefusedWhole(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	s := d.AddScripted("s", mcptest.Script{})
	key := d.NewClient("a")
	m := d.Session(key)
	call := func(members string) string {
		return `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"s_echo","arguments":{}}` + members + `}`
	}
	deep := strings.Repeat(`{"a":`, 129) + "1" + strings.Repeat("}", 129)
	for _, tc := range []struct {
		what, body   string
		status, code int
	}{
		{"E1 empty", "", 400, -32700},
		{"E1 no JSON", "hello", 400, -32700},
		{"E1 cut off", `{"jsonrpc":"2.0","id":7,"method":"tools/`, 400, -32700},
		{"E2 an array", "[" + call("") + "]", 400, -32600},
		{"E2 an empty array", "[]", 400, -32600},
		{"E4 two ids", call(`,"id":8`), 400, -32600},
		{"E4 two methods", call(`,"method":"tools/list"`), 400, -32600},
		{"E4 two params", call(`,"params":{"name":"s_odd"}`), 400, -32600},
		{"E4 two names", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"s_echo","name":"s_odd"}}`, 400, -32600},
		{"E5 Method", `{"jsonrpc":"2.0","id":7,"Method":"tools/call","params":{"name":"s_echo"}}`, 400, -32600},
		{"E5 a method beside a Method", call(`,"METHOD":"tools/list"`), 400, -32600},
		{"E5 a long s", `{"jsonrpc":"2.0","id":7,"method":"tools/call","param` + "\u017f" + `":{"name":"s_echo"}}`, 400, -32600},
		{"E5 a name with a zero", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name\u0000":"s_echo"}}`, 200, -32602},
		{"E5 a tool with a zero", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"s_echo\u0000"}}`, 200, -32602},
		{"E5 Name", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"Name":"s_echo","arguments":{}}}`, 400, -32600},
		{"E6 a second object", call("") + call(""), 400, -32700},
		{"E6 a word behind", call("") + "x", 400, -32700},
		{"E7 too deep", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"s_echo","arguments":` + deep + `}}`, 400, -32700},
		{"E8 no UTF-8", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"s_echo","arguments":{"x":"` + "\xff\xfe" + `"}}}`, 400, -32700},
		{"E8 half a surrogate in a name", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"s_echo\ud800"}}`, 200, -32602},
	} {
		wantJSONRPC(t, tc.what, m.Post(tc.body), tc.status, tc.code)
		if strings.HasPrefix(tc.what, "E8 half") {
			continue // a value that no header can have
		}
		if r := d.MCP(key).Post(tc.body, "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: s_echo"); r.Status != http.StatusBadRequest {
			t.Errorf("%s, stateless: %d %.300s", tc.what, r.Status, r.Body)
		}
	}
	large := call(`,"x":"` + strings.Repeat("x", 4<<20) + `"`)
	if r := m.Post(large); r.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("E7 more than 4 MiB: %d", r.Status)
	}
	if n := s.Count("tools/call"); n != 0 {
		t.Errorf("the server heard %d calls", n)
	}
	m.Call("s_echo", `{}`).Result(t)
}

// An id comes back as it was sent, or the request is refused: nobody is answered under another's id.
func TestCheck_E3_AnIDComesBackAsItWasSentOrNotAtAll(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	m := d.Session(d.NewClient("a"))
	for _, id := range []string{"null", "{}", "[1]", "true", `"` + strings.Repeat("x", 1<<20) + `"`, "1.5", "1e400", "99999999999999999999", "-0.0"} {
		r := m.Post(`{"jsonrpc":"2.0","id":` + id + `,"method":"ping"}`)
		if r.Status != http.StatusBadRequest {
			t.Errorf("id %.30s: %d %.200s", id, r.Status, r.Body)
		}
		if len(r.Messages) != 1 {
			continue
		}
		if got := r.Last(t); got.Error == nil || got.Error.Code != -32600 || string(got.ID) != "null" && string(got.ID) != id && got.ID != nil {
			t.Errorf("id %.30s is answered: %.200s", id, r.Body)
		}
	}
	for _, id := range []string{"1", "-1", "0", "9007199254740993", `"x"`, `""`, `"\u0041"`} {
		if got := m.Post(`{"jsonrpc":"2.0","id":` + id + `,"method":"ping"}`).Last(t); string(got.ID) != id || got.Error != nil {
			t.Errorf("id %s is answered under %s: %+v", id, got.ID, got.Error)
		}
	}
}

func TestCheck_E9_E13_TheStatelessEraIsTakenAtItsWord(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	m := d.MCP(d.NewClient("a"))
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"e","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`
	body := func(method, params string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{%s}}`, method, strings.TrimSuffix(params+","+meta, ","))
	}
	list, call := strings.Replace(body("tools/list", ""), "{,", "{", 1), body("tools/call", `"name":"s_echo"`)
	const version, method = "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/list"
	for _, tc := range []struct {
		what, body   string
		lines        []string
		status, code int
	}{
		{"E9 no version", list, []string{method}, 400, -32020},
		{"E9 another version", list, []string{"MCP-Protocol-Version: 2025-11-25", method}, 400, -32020},
		{"E10 a version to come", strings.ReplaceAll(list, "2026-07-28", "2099-01-01"), []string{"MCP-Protocol-Version: 2099-01-01", method}, 400, -32022},
		{"E11 no method", list, []string{version}, 400, -32020},
		{"E11 another method", list, []string{version, "Mcp-Method: tools/call"}, 400, -32020},
		{"E11 no name", call, []string{version, "Mcp-Method: tools/call"}, 400, -32020},
		{"E11 another name", call, []string{version, "Mcp-Method: tools/call", "Mcp-Name: s_odd"}, 400, -32020},
		{"E11 bad base64", call, []string{version, "Mcp-Method: tools/call", "Mcp-Name: =?base64?%%%?="}, 400, -32020},
		{"E12 no _meta", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, []string{version, method}, 400, -32602},
		{"E12 no capabilities", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`, []string{version, method}, 400, -32602},
		{"E13 unknown method", strings.Replace(list, "tools/list", "no/such", 1), []string{version, "Mcp-Method: no/such"}, 404, -32601},
	} {
		r := m.Post(tc.body, tc.lines...)
		wantJSONRPC(t, tc.what, r, tc.status, tc.code)
		if tc.code == -32022 && !strings.Contains(string(r.Body), `"supported"`) {
			t.Errorf("%s: what is supported is not said: %s", tc.what, r.Body)
		}
	}
	old := d.Session(m.Key)
	wantJSONRPC(t, "E13 in a session", old.Legacy("no/such", `{}`), 200, -32601)
	for _, verb := range []string{"GET", "DELETE"} {
		if status, header := raw(t, d.Gateway, verb, "/mcp", "Host: "+d.Gateway, "Authorization: Bearer "+m.Key, version); status != http.StatusMethodNotAllowed || header.Get("Allow") != "POST" {
			t.Errorf("E25 %s: %d", verb, status)
		}
	}
}

func TestCheck_E15_ASessionThatIsNoneIsSaidToBe(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	m := d.MCP(d.NewClient("a"))
	const list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	for what, tc := range map[string]struct {
		line string
		want int
	}{
		"a bogus one": {"Mcp-Session-Id: bogus", 404}, "one of 10 KiB": {"Mcp-Session-Id: " + strings.Repeat("x", 10<<10), 400}, "none": {"X-Nothing: x", 400},
	} {
		if r := m.Post(list, tc.line); r.Status != tc.want && (tc.want != 400 || r.Status != 404 || what == "none") {
			t.Errorf("%s: %d %s, want %d", what, r.Status, r.Body, tc.want)
		}
	}
	for _, id := range []string{"a\rb", "a\nX-Evil: 1", "a\x00b"} {
		nc, err := new(net.Dialer).DialContext(t.Context(), "tcp", d.Gateway)
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintf(nc, "POST /mcp HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nMcp-Session-Id: %s\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", d.Gateway, m.Key, id, len(list), list)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusNotFound {
			t.Errorf("%q: %d", id, resp.StatusCode)
		}
		_ = nc.Close()
	}
}

// The stateless era hides what was not granted as the older one does (E16 to E19), and tells caches that lists are a
// client's own.
func TestCheck_E16_E20_WhatIsHiddenIsUnknownAndListsArePrivate(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	s := d.AddScripted("s", mcptest.Script{Era: "both", Generated: 30, PageSize: 10})
	d.CLI("featureset", "create", "some")
	d.CLI("featureset", "include", "some", "tool:s/echo")
	m := d.MCP(d.NewClient("a", "--grant", "some"))
	ask := func(method, params, name string) string {
		r := m.Modern(method, params, name, `{}`)
		got := r.Last(t)
		if got.Error == nil {
			t.Fatalf("%s %s: %s", method, params, got.Result)
		}
		return fmt.Sprintf("%d %d %s %s", r.Status, got.Error.Code, strings.ReplaceAll(got.Error.Message, name, "NAME"), strings.ReplaceAll(string(got.Error.Data), name, "NAME"))
	}
	for _, tc := range [][4]string{
		{"tools/call", `{"name":"NAME","arguments":{}}`, "s_odd", "s_none"},
		{"resources/read", `{"uri":"NAME"}`, "test://a", "test://none"},
		{"prompts/get", `{"name":"NAME"}`, "s_greet", "s_none"},
	} {
		hidden := ask(tc[0], strings.ReplaceAll(tc[1], "NAME", tc[2]), tc[2])
		if unknown := ask(tc[0], strings.ReplaceAll(tc[1], "NAME", tc[3]), tc[3]); hidden != unknown || !strings.Contains(hidden, "-32602") {
			t.Errorf("%s: hidden %s\nunknown %s", tc[0], hidden, unknown)
		}
	}
	for _, method := range []string{"tools/call", "prompts/get", "resources/read"} {
		if n := s.Count(method); n != 0 {
			t.Errorf("the server heard %s %d times", method, n)
		}
	}
	d.CLI("settings", "set", "gateway.page_size", "10")
	whole := d.MCP(d.NewClient("b"))
	pages := 0
	for _, c := range []*MCP{m, whole} {
		for _, method := range []string{"tools/list", "prompts/list", "resources/list", "resources/templates/list"} {
			params := `{}`
			for params != "" {
				var page struct{ CacheScope, NextCursor string }
				raw := c.Modern(method, params, "", `{}`).Result(t)
				if err := json.Unmarshal(raw, &page); err != nil || page.CacheScope != "private" {
					t.Errorf("%s: %.300s", method, raw)
				}
				if params = ""; page.NextCursor != "" {
					params = fmt.Sprintf(`{"cursor":%q}`, page.NextCursor)
				}
				pages++
			}
		}
		if c == whole {
			if raw := c.Modern("resources/read", `{"uri":"test://a"}`, "test://a", `{}`).Result(t); strings.Contains(string(raw), `"public"`) {
				t.Errorf("resources/read: %s", raw)
			}
		}
	}
	if pages < 10 {
		t.Errorf("only %d pages", pages)
	}
}

func TestCheck_E23_NamesThatLookAlikeReachNobody(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	s := d.AddScripted("s", mcptest.Script{})
	m := d.Session(d.NewClient("a"))
	for _, name := range []string{
		"s__echo", "s.echo", "s/echo", "s:echo", "S_echo", "s_Echo", "s_ech\u043e", "\uff53_echo", "s_echo ", " s_echo", "s_echo\u200b", "s_\u0065\u0301cho", "../s_echo", "s_echo\r\n", strings.Repeat("s_echo", 200), "echo", "_echo", "s_", "",
	} {
		if got := m.Legacy("tools/call", mustJSON(t, map[string]any{"name": name, "arguments": map[string]any{}})).Last(t); got.Error == nil || got.Error.Code != -32602 {
			t.Errorf("%.30q: %s", name, got.Result)
		}
	}
	if n := s.Count("tools/call"); n != 0 {
		t.Errorf("the server heard %d calls", n)
	}
}

func TestCheck_E24_NobodyIsWhoTheySayTheyAre(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("s", mcptest.Script{})
	d.CLI("space", "create", "Secret")
	d.CLI("featureset", "create", "none")
	other := d.NewClient("other")
	_ = other
	m := d.Session(d.NewClient("a", "--grant", "none"))
	var shown struct{ ID string }
	d.JSON(&shown, "client", "show", "other")
	for _, line := range []string{
		"X-Mcpmux-Client-Id: " + shown.ID, "X-Mcpmux-Client: other", "X-Mcpmux-Workspace: Secret", "X-Mcpmux-Space: Secret", "X-Forwarded-User: other", "Mcp-Name: s_echo", "X-Original-URL: /api/v1/clients",
	} {
		got := m.Post(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}`, line).Result(t)
		if names := toolNames(t, got); len(names) != 0 {
			t.Errorf("%s: %v", line, names)
		}
	}
}

// What two programs could read differently is not read at all.
func TestCheck_E26_RequestsThatAreNotOneRequestAreRefused(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	auth := "Authorization: Bearer " + d.NewClient("a") + "\r\nContent-Type: application/json\r\n"
	host := "Host: " + d.Gateway + "\r\n"
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	smuggled := "GET /healthz HTTP/1.1\r\n" + host + "\r\n"
	for what, text := range map[string]string{
		"two lengths":              "POST /mcp HTTP/1.1\r\n" + host + auth + "Content-Length: 3\r\nContent-Length: 5\r\n\r\n{}   ",
		"a length that is none":    "POST /mcp HTTP/1.1\r\n" + host + auth + "Content-Length: +2\r\n\r\n{}",
		"a chunk that is none":     "POST /mcp HTTP/1.1\r\n" + host + auth + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + ping + "\r\n0\r\n\r\n",
		"an unknown encoding":      "POST /mcp HTTP/1.1\r\n" + host + auth + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		"a space before the colon": "POST /mcp HTTP/1.1\r\n" + host + auth + "X-A : b\r\n\r\n",
		"a name that is none":      "POST /mcp HTTP/1.1\r\n" + host + auth + "X(A): b\r\n\r\n",
		"10,000 headers":           "POST /mcp HTTP/1.1\r\n" + host + auth + strings.Repeat("X-A: b\r\n", 10000) + "\r\n",
		"a length and an encoding": "POST /mcp HTTP/1.1\r\n" + host + auth + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
	} {
		nc, err := new(net.Dialer).DialContext(t.Context(), "tcp", d.Gateway)
		if err != nil {
			t.Fatal(err)
		}
		sent := later(t, func() int {
			n, _ := io.WriteString(nc, text) // It may be cut off on the way.
			return n
		})
		in := bufio.NewReader(nc)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body) // to its end, or that of the connection
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge && resp.StatusCode != http.StatusNotImplemented {
			t.Errorf("%s: %d", what, resp.StatusCode)
		}
		if second, err := http.ReadResponse(in, nil); err == nil {
			_ = second.Body.Close()
			t.Errorf("%s: what came behind it was answered %d", what, second.StatusCode)
		}
		_ = nc.Close()
		if n := <-sent; n == 0 {
			t.Errorf("%s: nothing was sent", what)
		}
	}
}
