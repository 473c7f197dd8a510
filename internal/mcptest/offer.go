package mcptest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// What a faithful server offers besides tools: the prompts greet and ask_name, the resources test://a, test://b
// and test://asking, and the template test://item/{name}.

func (r *request) prompts() []string {
	if !r.s.script.strict() {
		return []string{`{"name":"greet","x-odd":null}`}
	}
	title := ""
	if r.version >= protocol.V20250618 {
		title = `,"title":"Greet"`
	}
	return []string{
		`{"name":"greet"` + title + `,"description":"Greets.","arguments":[{"name":"name","required":false}],"x-odd":null}`,
		`{"name":"ask_name","description":"Asks the client for a name."}`,
	}
}

func (r *request) resources() []string {
	if !r.s.script.strict() {
		return []string{`{"uri":"test://a","name":"a"}`}
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	var all []string
	for _, name := range []string{"a", "b", "asking"} {
		if uri := "test://" + name; !r.s.removed[uri] {
			all = append(all, `{"uri":`+quote(uri)+`,"name":`+quote(name)+`,"mimeType":"text/plain"}`)
		}
	}
	return all
}

const itemPrefix = "test://item/"

func (r *request) templates() []string {
	if !r.s.script.strict() {
		return []string{`{"uriTemplate":"test://{name}","name":"t"}`}
	}
	return []string{`{"uriTemplate":"` + itemPrefix + `{name}","name":"item","mimeType":"text/plain"}`}
}

// readable says whether there is a resource of this URI.
func (r *request) readable(uri string) bool {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return !r.s.removed[uri] && (slices.Contains([]string{"test://a", "test://b", "test://asking"}, uri) || strings.HasPrefix(uri, itemPrefix))
}

func (r *request) notFound() *failure {
	code := protocol.CodeResourceNotFound
	if r.modern() {
		code = wire.CodeInvalidParams
	}
	return &failure{code: code, message: "Resource not found", data: `{"uri":` + quote(r.params.URI) + `}`}
}

func (r *request) read() (string, *failure) {
	uri := r.params.URI
	if !r.s.script.strict() {
		return `{"contents":[{"uri":"test://a","text":"a"}]}`, nil
	}
	if !r.readable(uri) {
		return "", r.notFound()
	}
	body := uri[strings.LastIndex(uri, "/")+1:]
	if uri == "test://asking" {
		answers, result, fail := r.put(elicitation("name", r.form("Who reads?", "")))
		if answers == nil {
			return result, fail
		}
		body = answers[0]
	}
	return `{"contents":[{"uri":` + quote(uri) + `,"mimeType":"text/plain","text":` + quote(body) + `}]}`, nil
}

// deleteResource takes a resource away and says that there is one less.
func (r *request) deleteResource(a arguments) (string, *failure) {
	r.s.note(func() { r.s.removed[a.URI] = true })
	r.s.news("notifications/resources/list_changed", "{}", func(*peer) bool { return true }, func(f filter) bool { return f.ResourceLists })
	return text("done"), nil
}

func (r *request) prompt() (string, *failure) {
	if !r.s.script.strict() {
		return `{"messages":[{"role":"user","content":{"type":"text","text":"hello"}}]}`, nil
	}
	body := ""
	switch r.params.Name {
	case "greet":
		var a struct{ Name string }
		_ = json.Unmarshal(r.params.Arguments, &a) // Without a name everybody is greeted.
		body = "hello " + or(a.Name, "all")
	case "ask_name":
		answers, result, fail := r.put(elicitation("name", r.form("Who asks?", "")))
		if answers == nil {
			return result, fail
		}
		body = answers[0]
	default:
		return "", failed(wire.CodeInvalidParams, "unknown prompt "+r.params.Name)
	}
	return `{"messages":[{"role":"user","content":{"type":"text","text":` + quote(body) + `}}]}`, nil
}

// complete answers with what it was asked: the prompt or template, the argument and what is typed of it, and from
// 2025-06-18 the arguments that are known.
func (r *request) complete() (string, *failure) {
	if !r.s.script.strict() {
		return `{"completion":{"values":["one"]}}`, nil
	}
	var p struct {
		Ref      struct{ Type, Name, URI string }
		Argument struct{ Name, Value string }
		Context  struct{ Arguments map[string]string }
	}
	if err := json.Unmarshal(r.m.Bytes(r.m.Params), &p); err != nil {
		return "", failed(wire.CodeInvalidParams, err.Error())
	}
	known := p.Ref.Type == "ref/prompt" && (p.Ref.Name == "greet" || p.Ref.Name == "ask_name") || p.Ref.Type == "ref/resource" && p.Ref.URI == itemPrefix+"{name}"
	if !known {
		return "", failed(wire.CodeInvalidParams, "nothing of this name has arguments")
	}
	values := []string{quote(p.Ref.Name + p.Ref.URI + " " + p.Argument.Name + " " + p.Argument.Value)}
	if r.version >= protocol.V20250618 {
		for _, name := range slices.Sorted(maps.Keys(p.Context.Arguments)) {
			values = append(values, quote(name+"="+p.Context.Arguments[name]))
		}
	}
	return `{"completion":{"values":[` + strings.Join(values, ",") + `],"hasMore":false}}`, nil
}
