package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/protocol"
)

// hints: results of the stateless era say what they are and how long they hold, others do not.
func (p *pair) hints() {
	alone := p.alone()
	for _, q := range []struct {
		c              *rawClient
		method, params string
	}{
		{p.c, "tools/list", `{}`},
		{p.c, "prompts/list", `{}`},
		{p.c, "resources/list", `{}`},
		{p.c, "resources/templates/list", `{}`},
		{alone, "tools/list", `{}`},
		{alone, "resources/read", `{"uri":"test://a"}`},
	} {
		r := q.c.call(q.method, q.params)
		var members map[string]json.RawMessage
		if err := json.Unmarshal(r.Result, &members); err != nil {
			p.t.Errorf("%s: %s %+v", q.method, r.Result, r.Error)
			continue
		}
		for _, name := range []string{"resultType", "ttlMs", "cacheScope"} {
			if _, has := members[name]; has != protocol.Modern(p.c.version) {
				p.t.Errorf("%s: %s: %v", q.method, name, has)
			}
		}
		// Lists vary with the client, so nobody else may be given them (server/utilities/caching).
		if scope := string(members["cacheScope"]); protocol.Modern(p.c.version) && strings.HasSuffix(q.method, "/list") && scope != `"private"` {
			p.t.Errorf("%s: cacheScope %s", q.method, scope)
		}
	}
}

// question is the last that the client was asked, and how often it was asked since before.
func (c *rawClient) question(before int) (params string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n = len(c.asked) - before; n > 0 {
		params = string(c.asked[len(c.asked)-1].Params)
	}
	return params, n
}

// serverName: results of the stateless era name the server that made them.
func (p *pair) serverName() {
	r := p.tool("echo", `{}`)
	if has := strings.Contains(string(r.Result), `"io.modelcontextprotocol/serverInfo"`); has != protocol.Modern(p.c.version) {
		p.t.Errorf("serverInfo: %v in %s", has, r.Result)
	}
}

// batch: only 2025-03-26 has arrays of messages.
func (p *pair) batch() {
	if p.sse || protocol.Modern(p.c.version) {
		return // rawClient's m is the endpoint of a session.
	}
	reply := p.c.m.Post(fmt.Sprintf(`[{"jsonrpc":"2.0","id":"b1","method":"tools/call","params":{"name":%q,"arguments":{"batched":true}}},`+
		`{"jsonrpc":"2.0","id":"b2","method":"ping"}]`, p.s.alias+"_echo"))
	var text strings.Builder
	for _, m := range reply.Messages {
		text.Write(m)
	}
	answered := strings.Contains(text.String(), `"b1"`) && strings.Contains(text.String(), `"b2"`) && strings.Contains(text.String(), "batched")
	if has := protocol.Has(p.c.version, protocol.Batches); answered != has || !has && reply.Status != http.StatusBadRequest {
		p.t.Errorf("status %d: %s%s", reply.Status, text.String(), reply.Body)
	}
}

// nobody: a client that declared nothing is not asked, whatever other clients of the server declared, and the
// server hears so.
func (p *pair) nobody() {
	_, before := p.c.question(0)
	m := &MCP{URL: p.c.m.URL, Key: p.plain.Key, t: p.t}
	for _, tool := range []string{"elicit", "sample", "roots"} {
		name := p.s.alias + "_" + tool
		params := fmt.Sprintf(`{"name":%q,"arguments":{}}`, name)
		for era, reply := range map[string]*Reply{"legacy": p.plain.Legacy("tools/call", params), "modern": m.Modern("tools/call", params, name, `{}`)} {
			r := reply.Last(p.t)
			if r.Error == nil && !strings.Contains(string(r.Result), "-32") || strings.Contains(string(r.Result), "input_required") {
				p.t.Errorf("%s, %s: %s", tool, era, r.Result)
			}
		}
	}
	if _, n := p.c.question(before); n != 0 {
		p.t.Errorf("another was asked %d times", n)
	}
}

// refused checks that the client was not asked what its revision has no words for, and that the server was told so.
func (p *pair) refused(tool string) {
	p.t.Helper()
	_, before := p.c.question(0)
	r := p.tool(tool, `{}`)
	if _, n := p.c.question(before); n != 0 {
		p.t.Errorf("%s: asked %d times", tool, n)
	}
	if r.Error == nil && !strings.Contains(string(r.Result), "-32") {
		p.t.Errorf("%s: nobody could be asked, yet: %s", tool, r.Result)
	}
}

// choices have titles beside their values in either of two ways.
func (p *pair) choices() {
	if !p.both(protocol.Elicitation) {
		p.refused("elicit_enum")
		return
	}
	_, before := p.c.question(0)
	p.want(p.tool("elicit_enum", `{}`), `\"r\"`)
	params, n := p.c.question(before)
	if old, titled := strings.Contains(params, `"enumNames":["Red","Green"]`), strings.Contains(params, `"title":"Red"`); n != 1 || old == titled ||
		titled && !p.both(protocol.ElicitationEnums) {
		p.t.Errorf("asked %d times, last %s", n, params)
	}
	if !p.both(protocol.ElicitationEnums) {
		p.refused("elicit_multi")
		return
	}
	p.want(p.tool("elicit_multi", `{}`), "accept")
	if params, _ := p.c.question(0); !strings.Contains(params, `"array"`) {
		p.t.Errorf("asked %s", params)
	}
}

func (p *pair) sampleTools() {
	if !p.both(protocol.SamplingTools) {
		p.refused("sample_tools")
		return
	}
	p.want(p.tool("sample_tools", `{"prompt":"hi"}`), "sampled")
	if params, _ := p.c.question(0); !strings.Contains(params, `"toolChoice"`) || !strings.Contains(params, "Use the tool.") {
		p.t.Errorf("asked %s", params)
	}
}

// headers: a server of 2026-07-28 over HTTP wants some arguments in headers as well, and so does the gateway of a
// client of that revision.
func (p *pair) headers() {
	const args = `{"region":"Å€","count":3,"dry":false,"deep":{"zone":" z"},"free":"x"}`
	lines := []string{"Mcp-Param-Region: =?base64?w4Xigqw=?=", "Mcp-Param-Count: 3", "Mcp-Param-Dry: false", "Mcp-Param-Zone: =?base64?IHo=?="}
	name := p.s.alias + "_x_header"
	params := fmt.Sprintf(`{"name":%q,"arguments":%s}`, name, args)
	if !protocol.Modern(p.c.version) {
		p.want(p.c.call("tools/call", params), "Å€")
	} else {
		m := &MCP{URL: p.c.m.URL, Key: p.c.m.Key, t: p.t}
		if !protocol.Modern(p.s.version) {
			lines = nil // Its tool says nothing of headers.
		}
		p.want(m.Modern("tools/call", params, name, `{}`, lines...).Last(p.t), "Å€")
		if lines != nil {
			short := m.Modern("tools/call", params, name, `{}`, lines[1:]...)
			if got := short.Last(p.t); short.Status != http.StatusBadRequest || got.Error == nil || got.Error.Code != -32020 {
				p.t.Errorf("without a header: status %d: %s %+v", short.Status, got.Result, got.Error)
			}
		}
	}
	// A tool that defines its headers wrongly cannot be called over HTTP by the rules of that revision.
	names := toolNames(p.t, p.alone().call("tools/list", `{}`).Result)
	if listed := slices.Contains(names, "x_header_bad"); listed != (protocol.Modern(p.s.version) && p.s.transport == "stdio" && !protocol.Modern(p.c.version)) {
		p.t.Errorf("x_header_bad is listed: %v", listed)
	}
}

// page: only 2025-11-25 has an id for a page that is to be visited.
func (p *pair) page() {
	_, before := p.c.question(0)
	r := p.tool("elicit_url", `{"url":"https://example.com/visit"}`)
	params, n := p.c.question(before)
	if !p.both(protocol.ElicitationModes) {
		if n > 0 || (r.Error == nil && protocol.Has(p.s.version, protocol.ElicitationModes) && !strings.Contains(string(r.Result), "-3260")) {
			p.t.Errorf("asked %d times; the server was told %s %+v", n, r.Result, r.Error)
		}
		return
	}
	p.want(r, "accept")
	if n != 1 || !strings.Contains(params, `"https://example.com/visit"`) {
		p.t.Errorf("asked %d times, last %s", n, params)
	}
	if has := strings.Contains(params, "elicitationId"); has != protocol.Has(p.c.version, protocol.ElicitationIDs) {
		p.t.Errorf("elicitationId: %v in %s", has, params)
	}
}

// pageFirst: the error by which 2025-11-25 wants a page visited is a question in the stateless era, and an error of
// some meaning to older clients.
func (p *pair) pageFirst() {
	if !protocol.Has(p.s.version, protocol.ElicitationIDs) {
		return // Only that revision has it.
	}
	params := fmt.Sprintf(`{"name":%q,"arguments":{}}`, p.s.alias+"_elicit_throws")
	if !protocol.Modern(p.c.version) {
		r := p.c.call("tools/call", params)
		if r.Error == nil || r.Error.Code != -32042 || !strings.Contains(string(r.Error.Data), `"elicitationId"`) {
			p.t.Fatalf("%s %+v", r.Result, r.Error)
		}
		if !protocol.Has(p.c.version, protocol.ElicitationIDs) {
			return
		}
		p.tool("elicit_done", `{}`)
		p.c.await("that the page was visited", func(n response) bool {
			return n.Method == "notifications/elicitation/complete" && strings.Contains(string(r.Error.Data), string(idOf(n.Params)))
		})
		return
	}
	r := p.c.modernOnce(p.t.Context(), p.c.id(), "tools/call", params, `{}`, "")
	for _, want := range []string{`"input_required"`, `"mode":"url"`, `"https://example.com/e"`} {
		p.want(r, want)
	}
	if strings.Contains(string(r.Result), "elicitationId") {
		p.t.Errorf("%s", r.Result)
	}
}

// idOf is the elicitationId in params, as text.
func idOf(params []byte) []byte {
	var it struct{ ElicitationID json.RawMessage }
	_ = json.Unmarshal(params, &it) // None is found nowhere.
	return it.ElicitationID
}

// task: this client has none, so the gateway waits for the end of one in its place.
func (p *pair) task() {
	switch {
	case protocol.Has(p.s.version, protocol.TasksCore):
		p.want(p.tool("task_required", `{}`), "task done")
		p.want(p.tool("task_optional", `{}`), "task done")
		if p.both(protocol.Elicitation) {
			p.want(p.tool("task_required", `{"ask":true}`), "Ada")
		}
	case protocol.Has(p.s.version, protocol.TasksExtension):
		p.want(p.tool("task_optional", `{}`), "task done")
	}
}

func (p *pair) listChanged() {
	alone := p.alone()
	if protocol.Modern(p.c.version) {
		alone.listen("test://a")
	}
	name := fmt.Sprintf("more_for_%s_%v", strings.ReplaceAll(p.c.version, "-", ""), p.sse)
	p.plain.Call(p.s.alias+"_change", fmt.Sprintf(`{"name":%q}`, name)).Result(p.t)
	alone.await("the change", func(n response) bool { return n.Method == listChanged })
	names := toolNames(p.t, alone.call("tools/list", `{}`).Result)
	if !slices.Contains(names, name) || len(names) != len(slices.Compact(slices.Sorted(slices.Values(names)))) {
		p.t.Errorf("the list is %v", names)
	}
	p.want(alone.call("tools/call", fmt.Sprintf(`{"name":"echo","arguments":{"is":%q}}`, name)), name)
}

// ping is gone in the stateless era.
func (p *pair) ping() {
	r := p.c.call("ping", `{}`)
	if modern := protocol.Modern(p.c.version); (r.Error == nil) == modern || modern && r.Error.Code != -32601 {
		p.t.Errorf("%s %+v", r.Result, r.Error)
	}
}

// unknownMethod has the status that the client's era gives it.
func (p *pair) unknownMethod() {
	if protocol.Modern(p.c.version) {
		m := &MCP{URL: p.c.m.URL, Key: p.c.m.Key, t: p.t}
		reply := m.Modern("made/up", `{}`, "", `{}`)
		if got := reply.Last(p.t); reply.Status != http.StatusNotFound || got.Error == nil || got.Error.Code != -32601 {
			p.t.Errorf("status %d: %+v", reply.Status, got.Error)
		}
		return
	}
	if r := p.c.call("made/up", `{}`); r.Error == nil || r.Error.Code != -32601 {
		p.t.Errorf("%s %+v", r.Result, r.Error)
	}
}
