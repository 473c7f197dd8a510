package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/protocol"
)

// pairServer is a server of one revision on one transport.
type pairServer struct {
	version, transport string
	alias              string
	inside             *mcptest.Server // nil for a process
}

// addPairServers installs a server of every revision on every transport that the revision has.
func addPairServers(t *testing.T, d *Daemon) []pairServer {
	t.Helper()
	var all []pairServer
	for _, version := range protocol.Supported() {
		script := mcptest.Script{Version: version, PageSize: 9}
		short := strings.ReplaceAll(version, "-", "")
		d.AddServer("p"+short, process(t, script)...)
		all = append(all, pairServer{version: version, transport: "stdio", alias: "p" + short})
		s := pairServer{version: version, transport: "HTTP", alias: "h" + short}
		script.SSE = protocol.Has(version, protocol.HTTPSSE)
		if script.SSE {
			s.transport = "HTTP+SSE"
		}
		inside := mcptest.New(script)
		h := httptest.NewServer(inside)
		t.Cleanup(func() {
			inside.Release()
			h.CloseClientConnections()
			h.Close()
		})
		d.AddServer(s.alias, h.URL+"/mcp")
		s.inside = inside
		all = append(all, s)
	}
	return all
}

// pair is a client of one revision and a server of another.
type pair struct {
	t *testing.T
	c *rawClient
	s pairServer
	// sse says that the client uses HTTP+SSE.
	sse bool
	// plain is a client that cannot be asked, so that it is on the connection that all share.
	plain *MCP
}

// TestPairs_EveryRevisionUsesEveryOther: the cells are the rows of what MCP can do. Where one side cannot
// express a thing, the cell says what happens instead.
func TestPairs_EveryRevisionUsesEveryOther(t *testing.T) {
	d := Start(t, Options{})
	servers := addPairServers(t, d)
	key := d.NewClient("raw")
	plain := d.NewClient("plain")
	for _, client := range []struct {
		version string
		sse     bool
	}{
		{protocol.V20241105, false},
		{protocol.V20241105, true},
		{protocol.V20250326, false},
		{protocol.V20250618, false},
		{protocol.V20251125, false},
		{protocol.V20260728, false},
	} {
		name := "client " + client.version
		if client.sse {
			name += " over HTTP+SSE"
		}
		t.Run(name, func(t *testing.T) {
			for _, s := range servers {
				t.Run("server "+s.version+" over "+s.transport, func(t *testing.T) {
					t.Parallel() // A call that is cancelled on a connection of its own lasts as long as the server may still ask for it.
					url := "http://" + d.Gateway + "/mcp"
					p := &pair{t: t, s: s, sse: client.sse, plain: &MCP{URL: url, Key: plain, t: t}, c: newRaw(t, url, key, client.version, client.sse)}
					p.plain.Open(`{}`)
					for _, row := range []struct {
						name string
						run  func()
					}{
						{"list", p.list},
						{"call", p.call},
						{"progress", p.progress},
						{"log", p.log},
						{"elicit", p.elicit},
						{"sample", p.sample},
						{"roots", p.roots},
						{"ask twice", p.askTwice},
						{"content", p.content},
						{"structured", p.structured},
						{"prompt", p.prompt},
						{"read", p.read},
						{"complete", p.complete},
						{"subscribe", p.subscribe},
						{"cancel", p.cancel},
						{"not found", p.notFound},
						{"hints", p.hints},
						{"server's name", p.serverName},
						{"batch", p.batch},
						{"nobody to ask", p.nobody},
						{"choices", p.choices},
						{"sample with tools", p.sampleTools},
						{"arguments in headers", p.headers},
						{"page to visit", p.page},
						{"page to visit first", p.pageFirst},
						{"task", p.task},
						{"list changed", p.listChanged},
						{"ping", p.ping},
						{"unknown method", p.unknownMethod},
					} {
						t.Run(row.name, func(t *testing.T) {
							p.t, p.c.t, p.c.m.t, p.plain.t = t, t, t, t
							row.run()
						})
					}
				})
			}
		})
	}
}

// both says whether client and server have a feature.
func (p *pair) both(f protocol.Feature) bool {
	return protocol.Has(p.c.version, f) && protocol.Has(p.s.version, f)
}

func (p *pair) tool(name, args string) response {
	p.t.Helper()
	return p.c.tool(p.s.alias+"_"+name, args)
}

// want checks that a result holds a text.
func (p *pair) want(r response, text string) {
	p.t.Helper()
	if r.Error != nil || !strings.Contains(string(r.Result), text) {
		p.t.Errorf("want %s, got %s %+v", text, r.Result, r.Error)
	}
}

func (p *pair) list() {
	r := p.c.call("tools/list", `{}`)
	var list struct{ Tools []map[string]json.RawMessage }
	if err := json.Unmarshal(r.Result, &list); err != nil {
		p.t.Fatal(err)
	}
	found := false
	for _, tool := range list.Tools {
		switch string(tool["name"]) {
		case `"` + p.s.alias + `_echo"`:
			found = true
		case `"` + p.s.alias + `_structured"`:
			if _, has := tool["outputSchema"]; has != p.both(protocol.Structured) {
				p.t.Errorf("outputSchema listed: %v", has)
			}
		case `"` + p.s.alias + `_structured_any"`:
			if _, has := tool["outputSchema"]; has != p.both(protocol.StructuredAny) {
				p.t.Errorf("outputSchema of any type listed: %v", has)
			}
		case `"` + p.s.alias + `_task_required"`:
			if _, has := tool["execution"]; has != p.both(protocol.ToolExecution) && protocol.Modern(p.c.version) {
				p.t.Errorf("execution listed: %v", has)
			}
		}
	}
	if !found {
		p.t.Errorf("no %s_echo", p.s.alias)
	}
	for method, want := range map[string]string{"prompts/list": p.s.alias + "_greet", "resources/list": "test://a", "resources/templates/list": "test://{name}"} {
		p.want(p.c.call(method, `{}`), want)
	}
}

func (p *pair) call() {
	args := `{"n":12345678901234567890,"é":"\ud83d\ude00","x":null}`
	r := p.tool("echo", args)
	if protocol.Has(p.c.version, protocol.Structured) {
		p.want(r, args)
		return
	}
	p.want(r, "12345678901234567890") // as text
}

func (p *pair) progress() {
	r := p.c.callWith(p.t.Context(), p.c.id(), "tools/call", fmt.Sprintf(`{"name":%q,"arguments":{"steps":2}}`, p.s.alias+"_progress"), `{"progressToken":"my token"}`)
	if r.Error != nil || r.Result == nil {
		p.t.Errorf("%s %+v", r.Result, r.Error)
	}
	p.c.await("progress", func(n response) bool {
		return n.Method == "notifications/progress" && strings.Contains(string(n.Params), `"my token"`)
	})
}

func (p *pair) log() {
	meta, quiet := `{}`, fmt.Sprintf("quiet from %s to %s", p.s.alias, p.c.version)
	loud := "loud" + strings.TrimPrefix(quiet, "quiet")
	if protocol.Modern(p.c.version) {
		meta = `{"io.modelcontextprotocol/logLevel":"warning"}`
	} else if r := p.c.call("logging/setLevel", `{"level":"warning"}`); r.Error != nil {
		p.t.Errorf("setLevel: %+v", r.Error)
	}
	for _, m := range []struct{ level, text string }{{"info", quiet}, {"error", loud}} {
		params := fmt.Sprintf(`{"name":%q,"arguments":{"level":%q,"text":%q}}`, p.s.alias+"_log", m.level, m.text)
		if r := p.c.callWith(p.t.Context(), p.c.id(), "tools/call", params, meta); r.Error != nil {
			p.t.Errorf("%+v", r.Error)
		}
	}
	heard := func(text string) func(response) bool {
		return func(n response) bool {
			return n.Method == "notifications/message" && strings.Contains(string(n.Params), text)
		}
	}
	p.c.await("the loud log message", heard(loud))
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	for _, n := range p.c.notes {
		if heard(quiet)(n) {
			p.t.Error("a message below the level was heard")
		}
	}
}

// elicit: a client that cannot be asked makes the server hear so at once; a server too old to ask does not.
func (p *pair) elicit() {
	r := p.tool("elicit", `{"message":"who"}`)
	switch {
	case p.both(protocol.Elicitation):
		p.want(r, "Ada")
	case r.Error == nil && !strings.Contains(string(r.Result), "-3260"):
		p.t.Errorf("nobody could be asked, yet: %s", r.Result)
	}
}

func (p *pair) sample() { p.want(p.tool("sample", `{"prompt":"hi"}`), "sampled") }
func (p *pair) roots()  { p.want(p.tool("roots", `{}`), "file:///r") }

// askTwice is several rounds in one call.
func (p *pair) askTwice() {
	if p.both(protocol.Elicitation) {
		p.want(p.tool("ask_rounds", `{"n":3}`), "Ada")
		p.want(p.tool("ask_two", `{}`), "file:///r")
	}
}

// content arrives in kinds that the client's revision has.
func (p *pair) content() {
	r := p.tool("content", `{}`)
	var result struct {
		Content []struct {
			Type, Text string
			Resource   struct{ MimeType string }
		}
	}
	if err := json.Unmarshal(r.Result, &result); err != nil {
		p.t.Fatalf("%s %+v", r.Result, r.Error)
	}
	kinds := map[string]int{}
	for _, block := range result.Content {
		kinds[block.Type]++
		if strings.HasPrefix(block.Resource.MimeType, "audio/") {
			kinds["audio as resource"]++
		}
		if block.Type == "text" && strings.Contains(block.Text, "test://") {
			kinds["link as text"]++
		}
	}
	expect := func(kind string, want bool) {
		p.t.Helper()
		if (kinds[kind] > 0) != want {
			p.t.Errorf("%s: %v in %s", kind, !want, r.Result)
		}
	}
	expect("text", true)
	expect("image", true)
	expect("resource", true)
	expect("audio", p.both(protocol.Audio))
	expect("audio as resource", protocol.Has(p.s.version, protocol.Audio) && !protocol.Has(p.c.version, protocol.Audio))
	expect("resource_link", p.both(protocol.ResourceLinks))
	expect("link as text", protocol.Has(p.s.version, protocol.ResourceLinks) && !protocol.Has(p.c.version, protocol.ResourceLinks))
}

func (p *pair) structured() {
	if !protocol.Has(p.s.version, protocol.Structured) {
		return // the server has no such tool
	}
	r := p.tool("structured", `{}`)
	if has := strings.Contains(string(r.Result), `"structuredContent"`); has != p.both(protocol.Structured) {
		p.t.Errorf("structuredContent: %v in %s", has, r.Result)
	}
	if !protocol.Has(p.s.version, protocol.StructuredAny) {
		return
	}
	r = p.tool("structured_any", `{}`)
	if has := strings.Contains(string(r.Result), `"structuredContent"`); has != p.both(protocol.StructuredAny) {
		p.t.Errorf("structuredContent of any type: %v in %s", has, r.Result)
	}
	p.want(r, `"text"`)
}

func (p *pair) prompt() {
	p.want(p.c.call("prompts/get", fmt.Sprintf(`{"name":%q}`, p.s.alias+"_greet")), "hello")
	if p.both(protocol.Elicitation) {
		p.want(p.c.call("prompts/get", fmt.Sprintf(`{"name":%q}`, p.s.alias+"_ask_name")), "Ada")
	}
}

// alone is the same client at the endpoint of the server alone. All the servers have the same resources, and at the
// endpoint of all the first one's are read.
func (p *pair) alone() *rawClient {
	p.t.Helper()
	return newRaw(p.t, p.c.m.URL+"/s/"+p.s.alias, p.c.m.Key, p.c.version, p.sse)
}

func (p *pair) read() {
	alone := p.alone()
	p.want(alone.call("resources/read", `{"uri":"test://a"}`), `"a"`)
	if p.both(protocol.Elicitation) {
		p.want(alone.call("resources/read", `{"uri":"test://asking"}`), "Ada")
	}
}

func (p *pair) complete() {
	r := p.c.call("completion/complete", fmt.Sprintf(`{"ref":{"type":"ref/prompt","name":%q},"argument":{"name":"x","value":"o"},"context":{"arguments":{"y":"z"}}}`, p.s.alias+"_greet"))
	p.want(r, "one")
	if has := strings.Contains(string(r.Result), "y=z"); has != p.both(protocol.CompletionContext) && protocol.Has(p.c.version, protocol.CompletionContext) {
		p.t.Errorf("the server knew of the context: %v", has)
	}
}

func (p *pair) subscribe() {
	alone := p.alone()
	if protocol.Modern(p.c.version) {
		alone.listen("test://a")
	} else if r := alone.call("resources/subscribe", `{"uri":"test://a"}`); r.Error != nil {
		p.t.Fatalf("%+v", r.Error)
	}
	p.plain.Call(p.s.alias+"_trigger", `{"uri":"test://a"}`)
	alone.await("the update", func(n response) bool {
		return n.Method == "notifications/resources/updated" && strings.Contains(string(n.Params), "test://a")
	})
}

// cancel: the older eras say so, a stateless client closes its stream.
func (p *pair) cancel() {
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*soon)
	defer cancel()
	id := p.c.id()
	calling, hangUp := context.WithCancel(ctx)
	defer hangUp()
	token := fmt.Sprintf("cancelled %s %d", p.s.alias, id)
	ended := later(p.t, func() response {
		return p.c.callWith(calling, id, "tools/call", fmt.Sprintf(`{"name":%q,"arguments":{}}`, p.s.alias+"_hold"), fmt.Sprintf(`{"progressToken":%q}`, token))
	})
	p.c.await("the call's progress", func(n response) bool {
		return n.Method == "notifications/progress" && strings.Contains(string(n.Params), token)
	})
	if protocol.Modern(p.c.version) {
		hangUp()
	} else {
		p.c.notify("notifications/cancelled", fmt.Sprintf(`{"requestId":%d}`, id))
	}
	// Nobody can look into a process, but it goes on working.
	if p.s.inside != nil && !p.s.inside.Await(ctx, func() bool { return p.s.inside.Holding() == 0 }) {
		p.t.Error("the server did not hear of it")
	}
	if p.sse {
		hangUp() // There is no stream of the call's own that could end.
	}
	if r := <-ended; r.Result != nil {
		p.t.Errorf("a cancelled call has the result %s", r.Result)
	}
	p.want(p.tool("echo", `{"after":"cancel"}`), "cancel")
}

// notFound is an error of the client's revision.
func (p *pair) notFound() {
	alone := p.alone()
	r := alone.call("resources/read", `{"uri":"test://missing"}`)
	if r.Error == nil {
		p.t.Fatalf("%s", r.Result)
	}
	switch code := r.Error.Code; {
	case protocol.Modern(p.c.version) && code != -32602:
		p.t.Errorf("code %d", code)
	case !protocol.Modern(p.c.version) && code != -32002 && code != -32602:
		p.t.Errorf("code %d", code)
	}
	if r := p.tool("nothing", `{}`); r.Error == nil || r.Error.Code != -32602 {
		p.t.Errorf("an unknown tool: %s %+v", r.Result, r.Error)
	}
}
