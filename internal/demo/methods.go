package demo

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/protocol"
)

// cacheFor is how long a client may keep what never changes while the process lives.
const cacheFor = time.Hour

const instructions = "The demo server of McpMux. Every tool is harmless: try echo, then countdown for progress and ask_name for a question."

// serverInfo is how the server names itself. Its version is that of what it offers, not of the binary.
var serverInfo = json.RawMessage(`{"name":"mcpmux-demo","title":"McpMux demo","version":"1.0.0"}`)

func ping(context.Context, *request) (fields, error) { return fields{}, nil }

func discover(context.Context, *request) (fields, error) {
	return fields{
		"supportedVersions": protocol.Supported(),
		"capabilities":      capabilities(protocol.Newest),
		"instructions":      instructions,
	}, nil
}

// listen acknowledges that nothing of what was asked for will ever come, because nothing here changes, and
// ends at once. MCP 2026-07-28 basic/utilities/subscriptions.
func listen(_ context.Context, r *request) (fields, error) {
	meta := fields{protocol.MetaSubscription: r.id}
	r.server.notify("notifications/subscriptions/acknowledged", fields{"_meta": meta, "notifications": fields{}})
	return fields{"_meta": meta}, nil
}

func setLevel(_ context.Context, r *request) (fields, error) {
	var p struct {
		Level string `json:"level"`
	}
	if err := r.decode(&p); err != nil {
		return nil, err
	}
	level, ok := protocol.LogLevel(p.Level)
	if !ok {
		return nil, invalid("unknown log level %q", p.Level)
	}
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	if r.server.session != nil {
		r.server.session.level = level
	}
	return fields{}, nil
}

// list answers a list of one page.
func (r *request) list(member, items string) (fields, error) {
	var p struct {
		Cursor *string `json:"cursor"`
	}
	if err := r.decode(&p); err != nil {
		return nil, err
	}
	if p.Cursor != nil {
		return nil, invalid("unknown cursor %q", *p.Cursor)
	}
	return fields{member: json.RawMessage(items)}, nil
}

func listPrompts(_ context.Context, r *request) (fields, error) {
	return r.list("prompts", `[{
	"name": "greet", "title": "Greet someone", "description": "Asks the model for a short, friendly greeting.",
	"arguments": [{"name": "name", "description": "Who is greeted.", "required": true}]
}]`)
}

func getPrompt(_ context.Context, r *request) (fields, error) {
	var p struct {
		Name      string            `json:"name"`
		Arguments map[string]string `json:"arguments"`
	}
	if err := r.decode(&p); err != nil {
		return nil, err
	}
	if p.Name != "greet" {
		return nil, invalid("unknown prompt %q", p.Name)
	}
	name := strings.TrimSpace(p.Arguments["name"])
	if name == "" {
		return nil, invalid("the argument name is missing")
	}
	return fields{
		"description": "A greeting for " + name + ".",
		"messages": []fields{{
			"role":    "user",
			"content": fields{"type": "text", "text": "Write a short, friendly greeting for " + name + "."},
		}},
	}, nil
}

const readmeURI = "demo://readme"

const readme = `# The McpMux demo server

This text is a resource. The server that offers it is built into McpMux.

- Tools: echo, add, now, countdown, ask_name
- Prompt: greet
- Resources: this one, and a note for every id at demo://note/{id}
`

// notes are the ids that completion proposes; any other id has a note too.
var notes = [...]string{"birthday", "groceries", "ideas", "travel"}

const notePrefix = "demo://note/"

func listResources(_ context.Context, r *request) (fields, error) {
	return r.list("resources", `[{
	"uri": "demo://readme", "name": "readme", "title": "About this server",
	"description": "What the demo server offers.", "mimeType": "text/markdown"
}]`)
}

func listTemplates(_ context.Context, r *request) (fields, error) {
	return r.list("resourceTemplates", `[{
	"uriTemplate": "demo://note/{id}", "name": "note", "title": "A note",
	"description": "A note made up for the id.", "mimeType": "text/plain"
}]`)
}

func readResource(_ context.Context, r *request) (fields, error) {
	var p struct {
		URI string `json:"uri"`
	}
	if err := r.decode(&p); err != nil {
		return nil, err
	}
	content := fields{"uri": p.URI}
	if id, ok := strings.CutPrefix(p.URI, notePrefix); ok && id != "" && !strings.ContainsAny(id, "/?#") {
		content["mimeType"], content["text"] = "text/plain", "This is the note "+id+"."
	} else if p.URI == readmeURI {
		content["mimeType"], content["text"] = "text/markdown", readme
	} else {
		return nil, r.notFound(p.URI)
	}
	return fields{"contents": []fields{content}}, nil
}

// codeNotFound is the code for an unknown resource before 2026-07-28, where it became invalid params.
const codeNotFound = -32002

func (r *request) notFound(uri string) *failure {
	f := invalid("resource not found")
	f.data = fields{"uri": uri}
	if !r.modern {
		f.code = codeNotFound
	}
	return f
}

// names are who the prompt's completion proposes.
var names = [...]string{"Ada", "Alan", "Edsger", "Grace", "Katherine", "Margaret"}

func complete(_ context.Context, r *request) (fields, error) {
	var p struct {
		Ref      struct{ Type, Name, URI string } `json:"ref"`
		Argument struct{ Name, Value string }     `json:"argument"`
	}
	if err := r.decode(&p); err != nil {
		return nil, err
	}
	var from []string
	switch {
	case p.Ref.Type == "ref/prompt" && p.Ref.Name == "greet" && p.Argument.Name == "name":
		from = names[:]
	case p.Ref.Type == "ref/resource" && p.Ref.URI == notePrefix+"{id}" && p.Argument.Name == "id":
		from = notes[:]
	default:
		return nil, invalid("nothing to complete: unknown reference or argument")
	}
	values := []string{}
	for _, v := range from {
		if len(v) >= len(p.Argument.Value) && strings.EqualFold(v[:len(p.Argument.Value)], p.Argument.Value) {
			values = append(values, v)
		}
	}
	return fields{"completion": fields{"values": values, "total": len(values), "hasMore": false}}, nil
}
