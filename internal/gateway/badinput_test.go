package gateway

import (
	"strconv"
	"strings"
	"testing"
)

func TestPost_BadInputIsAnsweredWithTheRightCode(t *testing.T) {
	r := newRig(t, oneServer(), nil)
	sid := r.open("c", "/mcp", "{}")
	foreign := r.open("d", "/mcp", "{}")
	alias := r.open("c", "/mcp/s/be", "{}")
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	cases := []struct {
		name, body string
		headers    []string
		status     int
		code       int
		says       string
	}{
		{"malformed JSON", `{"jsonrpc":"2.0",`, []string{sid}, 400, -32700, "JSON"},
		{"trailing data", call + `{}`, []string{sid}, 400, -32700, "after the message"},
		{"empty body", ``, []string{sid}, 400, -32700, "empty"},
		{"invalid UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", []string{sid}, 400, -32700, "UTF-8"},
		{"nested too deeply", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}}`, []string{sid}, 400, -32700, "deep"},
		{"duplicate method", `{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}`, []string{sid}, 400, -32600, "twice"},
		{"duplicate name", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"be_echo","name":"be_hidden"}}`, []string{sid}, 400, -32600, "twice"},
		{"escaped duplicate", `{"jsonrpc":"2.0","id":1,"method":"ping","\u006dethod":"tools/list"}`, []string{sid}, 400, -32600, "twice"},
		{"look-alike member", `{"jsonrpc":"2.0","id":1,"Method":"ping"}`, []string{sid}, 400, -32600, "case"},
		{"batch", `[` + call + `]`, []string{sid}, 400, -32600, "batch"},
		{"wrong version of JSON-RPC", `{"jsonrpc":"1.0","id":1,"method":"ping"}`, []string{sid}, 400, -32600, "2.0"},
		{"null id", `{"jsonrpc":"2.0","id":null,"method":"ping"}`, []string{sid}, 400, -32600, "null"},
		{"no session", call, nil, 400, -32600, "Mcp-Session-Id"},
		{"unknown session", call, []string{"Mcp-Session-Id: nonsense"}, 404, -32600, "session"},
		{"another client's session", call, []string{foreign}, 404, -32600, "session"},
		{"session of another endpoint", call, []string{alias}, 404, -32600, "session"},
		{"unknown version header", call, []string{sid, "MCP-Protocol-Version: 1999-01-01"}, 400, -32600, "1999-01-01"},
		{"content type", call, []string{sid, "Content-Type: text/plain"}, 415, -32600, "application/json"},
		{"unknown method", `{"jsonrpc":"2.0","id":1,"method":"no/such"}`, []string{sid}, 200, -32601, "no/such"},
		{"bad cursor", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"AAAA"}}`, []string{sid}, 200, -32602, "cursor"},
		{"bad level", `{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"loud"}}`, []string{sid}, 200, -32602, "level"},
		{"initialize without version", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}`, nil, 200, -32602, "protocolVersion"},
		{"oversized", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"` + strings.Repeat("x", 5<<20) + `"}}`, []string{sid}, 413, -32600, "larger"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := r.send("POST", "/mcp", "c", c.body, c.headers...)
			if a.status != c.status || !strings.Contains(a.body, `"code":`+strconv.Itoa(c.code)) || !strings.Contains(a.body, c.says) {
				t.Errorf("got %d %s, want %d, code %d, text %q", a.status, a.body, c.status, c.code, c.says)
			}
		})
	}
	if a := r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":7,"method":"ping"}`, sid); a.body != `{"jsonrpc":"2.0","id":7,"result":{}}` {
		t.Errorf("after all that the session does not answer: %d %s", a.status, a.body)
	}
	if a := r.send("POST", "/mcp/s/nobody", "c", call, sid); a.status != 404 || !strings.Contains(a.body, "nobody") {
		t.Errorf("unknown alias: %d %s", a.status, a.body)
	}
	if a := r.send("POST", "/mcp", "", call); a.status != 401 {
		t.Errorf("no credential: %d", a.status)
	}
	if a := r.send("PUT", "/mcp", "c", call); a.status != 405 || a.header.Get("Allow") == "" {
		t.Errorf("PUT: %d", a.status)
	}
}

func TestModern_HeadersAndBodyMustAgree(t *testing.T) {
	r := newRig(t, oneServer(), nil)
	meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
	list := `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` + meta + `}}`
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"be_none",` + meta + `}}`
	version, method := "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/list"
	cases := []struct {
		name, body string
		headers    []string
		status     int
		code       int
	}{
		{"no version header", list, []string{method}, 400, -32020},
		{"doubled version header", list, []string{version, version, method}, 400, -32020},
		{"no method header", list, []string{version}, 400, -32020},
		{"wrong method header", list, []string{version, "Mcp-Method: tools/call"}, 400, -32020},
		{"no name header", call, []string{version, "Mcp-Method: tools/call"}, 400, -32020},
		{"wrong name header", call, []string{version, "Mcp-Method: tools/call", "Mcp-Name: other"}, 400, -32020},
		{"encoded name header", call, []string{version, "Mcp-Method: tools/call", "Mcp-Name: =?base64?YmVfbm9uZQ==?="}, 200, -32602},
		{"no meta", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, []string{version, method}, 400, -32602},
		{"no capabilities", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`, []string{version, method}, 400, -32602},
		{"versions differ", strings.Replace(list, "2026-07-28", "2026-07-29", 1), []string{version, method}, 400, -32020},
		{"unknown version", strings.Replace(list, "2026-07-28", "2099-01-01", 1), []string{"MCP-Protocol-Version: 2099-01-01", method}, 400, -32022},
		{"removed method", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{` + meta + `}}`, []string{version, "Mcp-Method: ping"}, 404, -32601},
		{"unknown method", `{"jsonrpc":"2.0","id":1,"method":"no/such","params":{` + meta + `}}`, []string{version, "Mcp-Method: no/such"}, 404, -32601},
		{"unknown tool", call, []string{version, "Mcp-Method: tools/call", "Mcp-Name: be_none"}, 200, -32602},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := r.send("POST", "/mcp", "c", c.body, c.headers...)
			if a.status != c.status || !strings.Contains(a.body, `"code":`+strconv.Itoa(c.code)) {
				t.Errorf("got %d %s, want %d and code %d", a.status, a.body, c.status, c.code)
			}
		})
	}
	for _, m := range []string{"GET", "DELETE"} {
		if a := r.send(m, "/mcp", "c", "", version); a.status != 405 || a.header.Get("Allow") != "POST" {
			t.Errorf("%s: %d, Allow %q", m, a.status, a.header.Get("Allow"))
		}
	}
}

func TestView_HiddenIsAnsweredLikeUnknown(t *testing.T) {
	r := newRig(t, oneServer(), nil)
	sid := r.open("c", "/mcp", "{}")
	for method, param := range map[string]string{
		"tools/call": `"name":"be_NAME"`, "prompts/get": `"name":"be_NAME"`, "resources/read": `"uri":"test://NAME"`,
		"resources/subscribe": `"uri":"test://NAME"`,
		"completion/complete": `"ref":{"type":"ref/prompt","name":"be_NAME"},"argument":{"name":"a","value":""}`,
	} {
		ask := func(name string) string {
			body := `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{` + strings.ReplaceAll(param, "NAME", name) + `}}`
			return strings.ReplaceAll(r.send("POST", "/mcp", "c", body, sid).body, name, "NAME")
		}
		hidden, unknown := ask("hidden"), ask("no_such")
		if hidden != unknown || !strings.Contains(hidden, `"error"`) {
			t.Errorf("%s: hidden %s\nunknown %s", method, hidden, unknown)
		}
	}
	for _, list := range []string{"tools/list", "prompts/list", "resources/list"} {
		if a := r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":1,"method":"`+list+`"}`, sid); strings.Contains(a.body, "hidden") || strings.Contains(a.body, "error") {
			t.Errorf("%s: %s", list, a.body)
		}
	}
}
