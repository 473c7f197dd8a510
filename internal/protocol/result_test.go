package protocol

import (
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/wire"
)

func TestNeedsDowngrade_OnlyToARevisionThatHasLess(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{V20251125, V20251125, false},
		{V20241105, V20251125, false},
		{V20251125, V20250618, false},
		{V20250618, V20251125, false},
		{V20251125, V20250326, true},
		{V20251125, V20241105, true},
		{V20250326, V20241105, true},
		{V20241105, V20241105, false},
		{V20260728, V20251125, true},
		{V20260728, V20260728, false},
		{V20241105, V20260728, false},
		{"", V20251125, true},
		{"", V20260728, false},
	} {
		if got := NeedsDowngrade(c.from, c.to); got != c.want {
			t.Errorf("from %q to %s: %v", c.from, c.to, got)
		}
	}
}

func TestDowngrade(t *testing.T) {
	const (
		link  = `{"type":"resource_link","name":"n","uri":"file:///a","mimeType":"text/plain","size":12345678901234567890,"annotations":{"priority":1},"v/x":1}`
		audio = `{"type":"audio","data":"AAAA","mimeType":"audio/wav","_meta":{"a":1}}`
	)
	for _, c := range []struct{ name, method, version, in, want string }{
		{"nothing applies", "tools/call", V20251125, `{ "content" : [` + link + `,` + audio + `], "structuredContent": {"a":1.0} , "vendor":"\ud800"}`, ``},
		{"the newest revision has all", "tools/call", V20260728, `{"resultType":"complete","structuredContent":[1]}`, ``},
		{"what only 2026-07-28 has", "tools/call", V20251125, `{"resultType":"complete","content":[],"_meta":{"io.modelcontextprotocol/serverInfo":{},"a":1}}`, `{"content":[],"_meta":{"a":1}}`},
		{"hints of a read", "resources/read", V20241105, `{"contents":[{"uri":"a:b","text":"resource_link"}],"ttlMs":1,"cacheScope":"public","resultType":"complete"}`, `{"contents":[{"uri":"a:b","text":"resource_link"}]}`},
		{"hints of a list", "tools/list", V20250618, `{"ttlMs":1,"tools":[],"cacheScope":"public"}`, `{"tools":[]}`},

		{"a link becomes text in its place", "tools/call", V20250326, `{"content":[{"type":"text","text":"1"}, ` + link + ` ,` + audio + `]}`, `{"content":[{"type":"text","text":"1"}, {"text":"n – file:///a (text/plain)","type":"text","annotations":{"priority":1},"v/x":1} ,` + audio + `]}`},
		{"a title goes before the name", "tools/call", V20250326, `{"content":[{"uri":"a:b","title":"T\ud83d\"","name":"n","icons":[],"type":"resource_link"}]}`, `{"content":[{"text":"T\ud83d\" – a:b","type":"text"}]}`},
		{"a link with little in it", "tools/call", V20250326, `{"content":[{"type":"resource_link","name":"a:b","uri":"a:b"},{"type":"resource_link","title":1,"uri":"a:b"},{"type":"resource_link"}]}`, `{"content":[{"text":"a:b","type":"text"},{"text":"a:b","type":"text"},{"text":"","type":"text"}]}`},
		{"2025-06-18 has links", "tools/call", V20250618, `{"content":[` + link + `]}`, ``},
		{"audio becomes a resource", "tools/call", V20241105, `{"content":[` + audio + `,{"type":"audio"}]}`, `{"content":[{"resource":{"uri":"mcpmux:audio/0","mimeType":"audio/wav","blob":"AAAA"},"type":"resource","_meta":{"a":1}},{"resource":{"uri":"mcpmux:audio/1","blob":""},"type":"resource"}]}`},
		{"of two types nobody knows which", "tools/call", V20241105, `{"content":[{"type":"audio","type":"text"}]}`, ``},
		{"unknown content stays", "tools/call", V20241105, `{"content":[{"type":"video"},null,[],"x"]}`, ``},

		{"structured content is told in text", "tools/call", V20250326, `{"content":[{"type":"text","text":"three"}],"structuredContent":{"a":9007199254740993,"b":"<\u00e9>"}}`, `{"content":[{"type":"text","text":"three"},{"type":"text","text":"{\"a\":9007199254740993,\"b\":\"<\\u00e9>\"}"}]}`},
		{"unless a text tells it", "tools/call", V20250326, `{"structuredContent":{"a":1,"b":"é"},"content":[{"type":"text","text":"{\n  \"b\": \"\\u00e9\", \"a\": 1}\n"}]}`, `{"content":[{"type":"text","text":"{\n  \"b\": \"\\u00e9\", \"a\": 1}\n"}]}`},
		{"numbers are compared as written", "tools/call", V20250326, `{"structuredContent":{"a":9007199254740993},"content":[{"type":"text","text":"{\"a\": 9007199254740992}"}]}`, `{"content":[{"type":"text","text":"{\"a\": 9007199254740992}"},{"type":"text","text":"{\"a\":9007199254740993}"}]}`},
		{"into empty content", "tools/call", V20250326, `{"content":[ ],"structuredContent":{}}`, `{"content":[ {"type":"text","text":"{}"}]}`},
		{"where there is no content", "tools/call", V20250326, `{"structuredContent":{}}`, `{"content":[{"type":"text","text":"{}"}]}`},
		{"where content is none", "tools/call", V20250326, `{"structuredContent":{},"isError":false,"content":null}`, `{"isError":false,"content":[{"type":"text","text":"{}"}]}`},
		{"any other value up to 2025-11-25", "tools/call", V20251125, `{"resultType":"complete","structuredContent":[1],"content":[{"type":"text","text":"[1]"}]}`, `{"content":[{"type":"text","text":"[1]"}]}`},
		{"and told", "tools/call", V20251125, `{"content":[{"type":"text","text":"one"}],"structuredContent":"x"}`, `{"content":[{"type":"text","text":"one"},{"type":"text","text":"\"x\""}]}`},
		{"null says nothing more", "tools/call", V20251125, `{"content":[{"type":"text","text":"one"}],"structuredContent":null}`, `{"content":[{"type":"text","text":"one"}]}`},
		{"unless nothing else is there", "tools/call", V20251125, `{"content":[],"structuredContent":null}`, `{"content":[{"type":"text","text":"null"}]}`},
		{"all at once", "tools/call", V20241105, `{"resultType":"complete","content":[` + audio + `,{"type":"resource_link","name":"n","uri":"a:b"}],"structuredContent":{"a":1},"ttlMs":1}`, `{"content":[{"resource":{"uri":"mcpmux:audio/0","mimeType":"audio/wav","blob":"AAAA"},"type":"resource","_meta":{"a":1}},{"text":"n – a:b","type":"text"},{"type":"text","text":"{\"a\":1}"}]}`},
		{"a task's result is a call's", "tasks/result", V20251125, `{"content":[],"structuredContent":1}`, `{"content":[{"type":"text","text":"1"}]}`},

		{"a prompt's link", "prompts/get", V20250326, `{"messages":[{"role":"user","content":{"type":"resource_link","name":"n","uri":"a:b"}}],"resultType":"complete"}`, `{"messages":[{"role":"user","content":{"text":"n – a:b","type":"text"}}]}`},
		{"a prompt's audio", "prompts/get", V20241105, `{"description":"d","messages":[{"role":"user","content":{"type":"text","text":"a"}},{"content":{"type":"audio","data":"AA==","mimeType":"audio/ogg"},"role":"user"}]}`, `{"description":"d","messages":[{"role":"user","content":{"type":"text","text":"a"}},{"content":{"resource":{"uri":"mcpmux:audio/1","mimeType":"audio/ogg","blob":"AA=="},"type":"resource"},"role":"user"}]}`},
		{"a prompt for 2025-06-18", "prompts/get", V20250618, `{"messages":[{"role":"user","content":{"type":"resource_link","name":"n","uri":"a:b"}}]}`, ``},
		{"odd results", "prompts/get", V20241105, `{"messages":{"content":{"type":"audio"}}}`, ``},
		{"no object", "tools/call", V20241105, `[1]`, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.want == "" {
				c.want = c.in
			}
			m := parse(t, response(c.in))
			if got := string(wire.Splice(nil, m.Raw, Downgrade(m.Raw, m.Result, c.method, c.version))); got != response(c.want) {
				t.Errorf("got  %s\nwant %s", got, response(c.want))
			}
		})
	}
}

func TestErrorFor_NotFoundIsAnInvalidParameterSince20260728(t *testing.T) {
	const old = `{"jsonrpc":"2.0","id":1,"error":{"code":-32002,"message":"Resource not found","data":{"uri":"a:b","x":1}}}`
	for _, c := range []struct{ name, version, method, in, want string }{
		{"with its URI", V20260728, "resources/read", old, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Resource not found","data":{"uri":"q:\"","x":1}}}`},
		{"without data", V20260728, "resources/read", `{"jsonrpc":"2.0","id":1,"error":{"code":-32002,"message":"x"}}`, `{"jsonrpc":"2.0","id":1,"error":{"data":{"uri":"q:\""},"code":-32602,"message":"x"}}`},
		{"with data of its own", V20260728, "resources/read", `{"jsonrpc":"2.0","id":1,"error":{"code":-32002,"message":"x","data":"y"}}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"x","data":"y"}}`},
		{"as it is for older clients", V20251125, "resources/read", old, old},
		{"another method", V20260728, "tools/call", old, old},
		{"another code", V20260728, "resources/read", `{"jsonrpc":"2.0","id":1,"error":{"code":-32042,"message":"x"}}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32042,"message":"x"}}`},
		{"no error", V20260728, "resources/read", response(`{"code":-32002}`), response(`{"code":-32002}`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := parse(t, c.in)
			if got := string(wire.Splice(nil, m.Raw, ErrorFor(c.version, c.method, `q:"`, &m))); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestItemFor(t *testing.T) {
	const (
		tool   = `{"name":"t","inputSchema":{"type":"object"},"outputSchema":{"type":"object","properties":{"a":true}},"execution":{"taskSupport":"optional"},"icons":[],"v":1e400}`
		anyOut = `{"name":"t","inputSchema":{"type":"object"},"outputSchema":{"type":"array"}}`
		header = `{"name":"t","inputSchema":{"type":"object","properties":{"a":{"type":"array","x-mcp-header":"A"}}}}`
	)
	for _, c := range []struct {
		name, version, in, want string
		kind                    mcpmux.FeatureKind
	}{
		{"2025-11-25 has all of it", V20251125, tool, tool, mcpmux.KindTool},
		{"older ones have an object's schema", V20250618, tool, tool, mcpmux.KindTool},
		{"the oldest none", V20250326, tool, `{"name":"t","inputSchema":{"type":"object"},"execution":{"taskSupport":"optional"},"icons":[],"v":1e400}`, mcpmux.KindTool},
		{"2026-07-28 has no execution", V20260728, tool, `{"name":"t","inputSchema":{"type":"object"},"outputSchema":{"type":"object","properties":{"a":true}},"icons":[],"v":1e400}`, mcpmux.KindTool},
		{"any schema since 2026-07-28", V20260728, anyOut, anyOut, mcpmux.KindTool},
		{"and none before", V20251125, anyOut, `{"name":"t","inputSchema":{"type":"object"}}`, mcpmux.KindTool},
		{"no schema at all", V20251125, `{"outputSchema":null,"name":"t"}`, `{"name":"t"}`, mcpmux.KindTool},
		{"a header that cannot be", V20260728, header, "", mcpmux.KindTool},
		{"means nothing before", V20251125, header, header, mcpmux.KindTool},
		{"prompts stay", V20241105, `{"name":"p","execution":1,"outputSchema":1,"title":"T"}`, `{"name":"p","execution":1,"outputSchema":1,"title":"T"}`, mcpmux.KindPrompt},
		{"resources stay", V20260728, `{"uri":"a:b","execution":1}`, `{"uri":"a:b","execution":1}`, mcpmux.KindResource},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := ItemFor(c.kind, []byte(c.in), c.version)
			if string(got) != c.want || ok != (c.want != "") {
				t.Errorf("got  %s, %v\nwant %s", got, ok, c.want)
			}
		})
	}
}
