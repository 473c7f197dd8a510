package protocol

import (
	"testing"

	"github.com/mcpmux/mcpmux/internal/wire"
)

func parse(t *testing.T, raw string) wire.Message {
	t.Helper()
	m, err := wire.Parse([]byte(raw))
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return m
}

// response is a response with this result, as text before and after it.
func response(result string) string { return `{"jsonrpc":"2.0","id":1,"result":` + result + `}` }

func TestModernizeResult(t *testing.T) {
	for _, c := range []struct{ name, method, in, info, want string }{
		{"a call is complete", "tools/call", `{"content":[],"structuredContent":null}`, "", `{"resultType":"complete","content":[],"structuredContent":null}`},
		{"empty", "tools/call", `{}`, "", `{"resultType":"complete"}`},
		{"a list gets hints", "tools/list", `{"tools":[],"nextCursor":"x"}`, "", `{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[],"nextCursor":"x"}`},
		{"what is there stays", "resources/read", `{"ttlMs":5,"resultType":"complete","contents":[]}`, "", `{"cacheScope":"private","ttlMs":5,"resultType":"complete","contents":[]}`},
		{"a question is not cached", "resources/read", `{"resultType":"input_required"}`, "", `{"resultType":"input_required"}`},
		{"an extension's kind stays", "tools/call", `{"resultType":"task","taskId":"1"}`, "", `{"resultType":"task","taskId":"1"}`},
		{"server info in a new _meta", "tools/call", `{"content":[]}`, `{"name":"s"}`, `{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}},"content":[]}`},
		{"server info beside others", "tools/call", `{"_meta":{"v/x":12345678901234567890}}`, `{}`, `{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{},"v/x":12345678901234567890}}`},
		{"unknown method", "vendor/x", `{"a":1}`, "", `{"resultType":"complete","a":1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := parse(t, response(c.in))
			var info []byte
			if c.info != "" {
				info = []byte(c.info)
			}
			got := string(wire.Splice(nil, m.Raw, ModernizeResult(m.Raw, m.Result, c.method, Hints{}, info)))
			if got != response(c.want) {
				t.Errorf("got  %s\nwant %s", got, response(c.want))
			}
		})
	}
	m := parse(t, response(`{}`))
	got := string(wire.Splice(nil, m.Raw, ModernizeResult(m.Raw, m.Result, "server/discover", Hints{TTL: 60000, Scope: "public"}, nil)))
	if want := response(`{"resultType":"complete","ttlMs":60000,"cacheScope":"public"}`); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLegacyResult(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"nothing to take", `{"content":[ ]}`, `{"content":[ ]}`},
		{"all of it", `{"resultType":"complete","ttlMs":0,"cacheScope":"private"}`, `{}`},
		{"neighbours", `{"resultType":"complete","ttlMs":0,"tools":[{"ttlMs":1}],"cacheScope":"private"}`, `{"tools":[{"ttlMs":1}]}`},
		{"only the server info of _meta", `{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"},"v/x":1},"content":[]}`, `{"_meta":{"v/x":1},"content":[]}`},
		{"an emptied _meta", `{"content":[],"_meta":{"io.modelcontextprotocol/serverInfo":{}},"resultType":"complete"}`, `{"content":[],"_meta":{}}`},
		{"odd _meta", `{"_meta":null,"ttlMs":1}`, `{"_meta":null}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := parse(t, response(c.in))
			if got := string(wire.Splice(nil, m.Raw, LegacyResult(m.Raw, m.Result))); got != response(c.want) {
				t.Errorf("got  %s\nwant %s", got, response(c.want))
			}
		})
	}
}

func TestComplete(t *testing.T) {
	for in, want := range map[string]bool{`{}`: true, `{"resultType":"complete"}`: true, `{"resultType":"input_required"}`: false, `{"resultType":"task"}`: false, `{"resultType":null}`: false} {
		if got := Complete([]byte(in), wire.Span{Start: 0, End: len(in)}); got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
}

func TestRequestBetweenEras(t *testing.T) {
	const keys = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}},"io.modelcontextprotocol/clientInfo":{"name":"c"}`
	e := Envelope{Version: V20260728, ClientInfo: []byte(`{"name":"c"}`), Capabilities: []byte(`{"roots":{}}`)}
	for _, c := range []struct{ name, legacy, modern, back string }{
		{
			"no params",
			`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`,
			`{"params":{"_meta":{` + keys + `}},"jsonrpc":"2.0","id":1,"method":"tools/list"}`,
			`{"params":{"_meta":{}},"jsonrpc":"2.0","id":1,"method":"tools/list"}`,
		},
		{
			"no _meta",
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}`,
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{` + keys + `},"name":"a"}}`,
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{},"name":"a"}}`,
		},
		{
			"_meta of others stays",
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a", "_meta": {"progressToken":1.0,"io.modelcontextprotocol/related-task":{"taskId":"t"}} }}`,
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a", "_meta": {` + keys + `,"progressToken":1.0,"io.modelcontextprotocol/related-task":{"taskId":"t"}} }}`,
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a", "_meta": {"progressToken":1.0,"io.modelcontextprotocol/related-task":{"taskId":"t"}} }}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := parse(t, c.legacy)
			modern := string(wire.Splice(nil, m.Raw, RequestToModern(&m, e)))
			if modern != c.modern {
				t.Errorf("modern:\ngot  %s\nwant %s", modern, c.modern)
			}
			m = parse(t, modern)
			if back := string(wire.Splice(nil, m.Raw, RequestToLegacy(&m))); back != c.back {
				t.Errorf("back:\ngot  %s\nwant %s", back, c.back)
			}
		})
	}
}

func TestRequestToModern_ReplacesWhatTheSenderClaimed(t *testing.T) {
	m := parse(t, `{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"io.modelcontextprotocol/clientInfo":{"name":"other"},"io.modelcontextprotocol/protocolVersion":"1","a":1}}}`)
	got := string(wire.Splice(nil, m.Raw, RequestToModern(&m, Envelope{Version: V20260728, LogLevel: "info"})))
	want := `{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/logLevel":"info","io.modelcontextprotocol/protocolVersion":"2026-07-28","a":1}}}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRequestToLegacy_LeavesOtherRequestsAlone(t *testing.T) {
	for _, in := range []string{`{"jsonrpc":"2.0","id":1,"method":"x"}`, `{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":[1]}}`} {
		m := parse(t, in)
		if got := string(wire.Splice(nil, m.Raw, RequestToLegacy(&m))); got != in {
			t.Errorf("got %s", got)
		}
	}
}

func TestWithSubscription_KeepsTheRestOfMeta(t *testing.T) {
	for _, c := range []struct{ in, id, want string }{
		{`{"uri":"a:1"}`, `"x"`, `{"_meta":{"io.modelcontextprotocol/subscriptionId":"x"},"uri":"a:1"}`},
		{`{"uri":"a:1","_meta":{"io.modelcontextprotocol/subscriptionId":7,"v/x":1.0}}`, `8`, `{"uri":"a:1","_meta":{"io.modelcontextprotocol/subscriptionId":8,"v/x":1.0}}`},
		{`{"uri":"a:1","_meta":{"io.modelcontextprotocol/subscriptionId":7,"v/x":1.0}}`, ``, `{"uri":"a:1","_meta":{"v/x":1.0}}`},
		{`{"uri":"a:1"}`, ``, `{"uri":"a:1"}`},
	} {
		m := parse(t, `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":`+c.in+`}`)
		var id []byte
		if c.id != "" {
			id = []byte(c.id)
		}
		if got, want := string(WithSubscription(&m, id)), `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":`+c.want+`}`; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
