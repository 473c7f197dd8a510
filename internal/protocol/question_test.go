package protocol

import (
	"errors"
	"testing"

	"github.com/mcpmux/mcpmux/internal/wire"
)

func TestQuestionFor(t *testing.T) {
	const titled = `{"mode":"form","message":"m","requestedSchema":{"type":"object","properties":{"c":{"type":"string","title":"C","oneOf":[{"const":"r\ud800","title":"Red"},{"title":"Green","const":"g","x":1},{"const":"b"}],"default":"g"},"n":{"type":"integer","minimum":9007199254740993}}}}`
	for _, c := range []struct {
		name, version, method, in, want, err string
		aggregated                           bool
	}{
		{name: "a form stays", version: V20251125, method: "elicitation/create", in: titled, want: titled},
		{name: "for 2026-07-28 too", version: V20260728, method: "elicitation/create", in: titled, want: titled},
		{name: "titled choices as 2025-06-18 writes them", version: V20250618, method: "elicitation/create", in: titled, want: `{"message":"m","requestedSchema":{"type":"object","properties":{"c":{"enum":["r\ud800","g","b"],"enumNames":["Red","Green","b"],"type":"string","title":"C","default":"g"},"n":{"type":"integer","minimum":9007199254740993}}}}`},
		{name: "a choice without a value", version: V20250618, method: "elicitation/create", in: `{"message":"m","requestedSchema":{"properties":{"c":{"oneOf":[{"title":"x"}]}}}}`, err: "the client speaks MCP 2025-06-18, which has no elicitation of choices other than by a value each"},
		{name: "several choices", version: V20250618, method: "elicitation/create", in: `{"message":"m","requestedSchema":{"properties":{"c":{"type":"array","items":{"type":"string","enum":["a"]}}}}}`, err: "the client speaks MCP 2025-06-18, which has no elicitation of several choices"},
		{name: "a URL", version: V20250618, method: "elicitation/create", in: `{"mode":"url","message":"m","url":"https://a","elicitationId":"1"}`, err: "the client speaks MCP 2025-06-18, which has no elicitation of mode url"},
		{name: "a URL for 2025-11-25", version: V20251125, method: "elicitation/create", in: `{"mode":"url","message":"m","url":"https://a","elicitationId":"1"}`, want: `{"mode":"url","message":"m","url":"https://a","elicitationId":"1"}`},
		{name: "a URL has no id since 2026-07-28", version: V20260728, method: "elicitation/create", in: `{"elicitationId":"1","mode":"url","message":"m","url":"https://a"}`, want: `{"mode":"url","message":"m","url":"https://a"}`},
		{name: "no elicitation yet", version: V20250326, method: "elicitation/create", in: titled, err: "the client speaks MCP 2025-03-26, which has no elicitation"},
		{name: "nor without params", version: V20241105, method: "elicitation/create", in: ``, err: "the client speaks MCP 2024-11-05, which has no elicitation"},
		{name: "as a task", version: V20251125, method: "elicitation/create", in: `{"message":"m","task":{"ttl":1}}`, want: `{"message":"m","task":{"ttl":1}}`},
		{name: "not as a task", version: V20260728, method: "elicitation/create", in: `{"message":"m","task":{"ttl":1}}`, want: `{"message":"m"}`},
		{name: "odd properties", version: V20250618, method: "elicitation/create", in: `{"message":"m","requestedSchema":{"properties":{"a":true,"b":{"oneOf":1}}}}`, want: `{"message":"m","requestedSchema":{"properties":{"a":true,"b":{"enum":[],"enumNames":[]}}}}`},

		{name: "one block is taken out of its list", version: V20250618, method: "sampling/createMessage", in: `{"messages":[{"role":"user","content":[ {"type":"text","text":"a"} ]},{"role":"assistant","content":{"type":"audio"}}],"maxTokens":1,"tools":[],"toolChoice":{"mode":"none"}}`, want: `{"messages":[{"role":"user","content":{"type":"text","text":"a"}},{"role":"assistant","content":{"type":"audio"}}],"maxTokens":1}`},
		{name: "lists stay since 2025-11-25", version: V20251125, method: "sampling/createMessage", in: `{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"maxTokens":1,"tools":[{"name":"t"}]}`, want: `{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"maxTokens":1,"tools":[{"name":"t"}]}`},
		{name: "several blocks", version: V20250618, method: "sampling/createMessage", in: `{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}`, err: "the client speaks MCP 2025-06-18, which has no sampling messages of several blocks"},
		{name: "no block", version: V20250618, method: "sampling/createMessage", in: `{"messages":[{"role":"user","content":[]}]}`, err: "the client speaks MCP 2025-06-18, which has no sampling messages of several blocks"},
		{name: "tools", version: V20250618, method: "sampling/createMessage", in: `{"messages":[],"tools":[{"name":"t"}]}`, err: "the client speaks MCP 2025-06-18, which has no tools in sampling"},
		{name: "a tool's result", version: V20250618, method: "sampling/createMessage", in: `{"messages":[{"role":"user","content":[{"type":"tool_result"}]}]}`, err: "the client speaks MCP 2025-06-18, which has no tools in sampling"},
		{name: "audio", version: V20241105, method: "sampling/createMessage", in: `{"messages":[{"role":"user","content":{"type":"audio"}}]}`, err: "the client speaks MCP 2024-11-05, which has no audio"},
		{name: "context of others", version: V20251125, method: "sampling/createMessage", in: `{"messages":[],"includeContext":"allServers","maxTokens":1}`, want: `{"messages":[],"maxTokens":1}`, aggregated: true},
		{name: "context of none", version: V20251125, method: "sampling/createMessage", in: `{"messages":[],"includeContext":"none","maxTokens":1}`, want: `{"messages":[],"includeContext":"none","maxTokens":1}`, aggregated: true},
		{name: "context of this server alone", version: V20241105, method: "sampling/createMessage", in: `{"messages":[],"includeContext":"thisServer"}`, want: `{"messages":[],"includeContext":"thisServer"}`},

		{name: "roots", version: V20241105, method: "roots/list", in: ` {"_meta":{"progressToken":1}}`, want: ` {"_meta":{"progressToken":1}}`},
		{name: "roots without params", version: V20260728, method: "roots/list", in: ``, want: ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := QuestionFor(c.version, c.method, []byte(c.in), c.aggregated)
			if c.err != "" {
				if _, ok := errors.AsType[*UnaskableError](err); !ok || err.Error() != c.err {
					t.Fatalf("error %v, want %s", err, c.err)
				}
				return
			}
			if err != nil || string(got) != c.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

func TestAnswerFor(t *testing.T) {
	const list = `{"role":"assistant","content":[ {"type":"text","text":"a"} ],"model":"m","v":1.0}`
	for _, c := range []struct{ name, version, method, in, want string }{
		{"one block of a list", V20250618, "sampling/createMessage", list, `{"role":"assistant","content":{"type":"text","text":"a"},"model":"m","v":1.0}`},
		{"a list since 2025-11-25", V20251125, "sampling/createMessage", list, list},
		{"texts are joined", V20241105, "sampling/createMessage", `{"content":[{"type":"text","text":"a\ud83d"},{"text":"b","type":"text"}]}`, `{"content":{"type":"text","text":"a\ud83d\nb"}}`},
		{"others cannot be", V20241105, "sampling/createMessage", `{"content":[{"type":"text","text":"a"},{"type":"image"}]}`, `{"content":[{"type":"text","text":"a"},{"type":"image"}]}`},
		{"nothing in the list", V20241105, "sampling/createMessage", `{"content":[]}`, `{"content":[]}`},
		{"one block already", V20241105, "sampling/createMessage", `{"content":{"type":"text","text":"a"}}`, `{"content":{"type":"text","text":"a"}}`},
		{"what only 2026-07-28 has", V20251125, "elicitation/create", `{"resultType":"complete","action":"accept","content":[1]}`, `{"action":"accept","content":[1]}`},
		{"for 2026-07-28 as it is", V20260728, "elicitation/create", `{"resultType":"complete","action":"accept"}`, `{"resultType":"complete","action":"accept"}`},
		{"an elicitation's content is no sampling's", V20241105, "elicitation/create", `{"action":"accept","content":[1]}`, `{"action":"accept","content":[1]}`},
		{"no object", V20241105, "roots/list", `null`, `null`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(AnswerFor(c.version, c.method, []byte(c.in))); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestRequestFor_TakesWhatTheServerDoesNotKnow(t *testing.T) {
	const completion = `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{},"context":{"arguments":{}},"argument":{}}}`
	for _, c := range []struct {
		name, version string
		tasks         bool
		in, want      string
	}{
		{"context", V20250326, false, completion, `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{},"argument":{}}}`},
		{"context since 2025-06-18", V20250618, false, completion, completion},
		{"a task", V20251125, false, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"task":{},"name":"a"}}`, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}`},
		{"a task where there are tasks", V20251125, true, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"task":{},"name":"a"}}`, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"task":{},"name":"a"}}`},
		{"a task where the revision has none", V20250618, true, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","task":{}}}`, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}`},
		{
			"answers, state and _meta", V20251125, true,
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"inputResponses":{"a":{}},"name":"a","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":1},"requestState":"s"}}`,
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","_meta":{"progressToken":1}}}`,
		},
		{"a method of others", V20241105, false, `{"jsonrpc":"2.0","id":1,"method":"x","params":{"task":1,"context":2,"requestState":3}}`, `{"jsonrpc":"2.0","id":1,"method":"x","params":{"task":1,"context":2,"requestState":3}}`},
		{"2026-07-28", V20260728, false, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","requestState":"s"}}`, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","requestState":"s"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := parse(t, c.in)
			if got := string(wire.Splice(nil, m.Raw, RequestFor(c.version, c.tasks, &m))); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	m := parse(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","task":{"ttl":1},"_meta":{}}}`)
	const want = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	if got := string(wire.Splice(nil, m.Raw, RequestToModern(&m, Envelope{Version: V20260728}))); got != want {
		t.Errorf("to 2026-07-28:\ngot  %s\nwant %s", got, want)
	}
}
