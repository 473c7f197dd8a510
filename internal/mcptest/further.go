package mcptest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// further are the tools of a server whose script names a revision or an era; other servers have them, but do
// not list them:
//
//	elicit       {"message":m,"schema":s}: asks the user, answers with the client's result as text
//	sample       {"prompt":p}: asks the client's model
//	roots        asks for the client's roots
//	ask_two      asks the user and for the roots at once, answers with both results as an array
//	ask_rounds   {"n":n}: asks the user n times, one after the other, answers with an array
//	elicit_url   {"url":u}: sends the user to a page, as elicitation e-1
//	elicit_done  says that elicitation e-1 is complete (2025-11-25)
//	elicit_throws {"url":u}: fails with the error that sends the user to a page (2025-11-25)
//	progress     {"steps":n}: sends n progress notifications, then answers
//	content      answers with one block of each kind that the revision has
//	structured   answers with an object in structuredContent, where the revision has it
//	structured_any the same with an array (2026-07-28)
//	elicit_enum  asks the user for one of two choices with titles; elicit_multi for several of them
//	sample_tools asks the client's model, with a tool and two blocks in the message
//	x_header     answers with its arguments, of which HTTP clients of 2026-07-28 repeat some in headers
//	x_header_bad is defined wrongly (2026-07-28): clients must not offer it over HTTP
//	delete_resource {"uri":u}: takes a resource away, and says so
//	drop_stream  ends the stream of its answer, and answers when the client resumes it (Script.Resumable)
//	flood        {"n":n,"tool":p,"per_second":s}: offers the tools p_0, p_1 …, and says so each time
//	start_roots, start_elicit answer with what the client answered at the start (Script.RootsAtStart, ElicitAtStart)
//	task_required, task_optional {"ask":true,"hold":true,"fail":true,"error":true}: run as a task; one that asks
//	             wants an answer of the user before it ends, one that is held waits for Release; one that fails ends
//	             with isError, and one with an error by a JSON-RPC error
var further = []string{
	"elicit", "sample", "roots", "ask_two", "ask_rounds", "elicit_url", "elicit_done", "elicit_throws",
	"progress", "content", "structured", "structured_any", "flood",
	"elicit_enum", "elicit_multi", "sample_tools", "x_header", "x_header_bad", "delete_resource", "drop_stream",
	"start_roots", "start_elicit", "task_required", "task_optional",
}

// definition is a tool as it is listed.
func (r *request) definition(name string) string {
	extra, schema := "", `{"type":"object"}`
	switch {
	case strings.HasPrefix(name, "x_header") && r.has(protocol.MirroredHeaders):
		schema = headerSchemas[name]
	case name == "structured" && r.has(protocol.Structured):
		extra = `,"outputSchema":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`
	case name == "structured_any" && r.has(protocol.StructuredAny):
		extra = `,"outputSchema":{"type":"array","items":{"type":"integer"}}`
	case strings.HasPrefix(name, "task_") && r.has(protocol.ToolExecution):
		extra = `,"execution":{"taskSupport":"` + strings.TrimPrefix(name, "task_") + `"}`
	}
	return `{"name":"` + name + `","inputSchema":` + schema + extra + `}`
}

// headerSchemas are the inputSchemas of the tools whose arguments are repeated in headers. That of x_header_bad
// is wrong: items of lists have no header (2026-07-28 basic/transports/streamable-http §Schema Extension).
var headerSchemas = map[string]string{
	"x_header": `{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},"count":{"type":"integer","x-mcp-header":"Count"},` +
		`"dry":{"type":"boolean","x-mcp-header":"Dry"},"deep":{"type":"object","properties":{"zone":{"type":"string","x-mcp-header":"Zone"}}},"free":{"type":"string"}}}`,
	"x_header_bad": `{"type":"object","properties":{"list":{"type":"array","items":{"type":"string","x-mcp-header":"Item"}}}}`,
}

// lists says whether the revision has what a tool is there for.
func (r *request) lists(name string) bool {
	switch name {
	case "elicit_done", "elicit_throws":
		return r.has(protocol.ElicitationIDs)
	case "elicit_url":
		return r.has(protocol.ElicitationModes)
	case "elicit", "ask_two", "ask_rounds", "elicit_enum":
		return r.has(protocol.Elicitation)
	case "elicit_multi":
		return r.has(protocol.ElicitationEnums)
	case "sample_tools":
		return r.has(protocol.SamplingTools)
	case "x_header_bad":
		return r.has(protocol.MirroredHeaders)
	case "start_elicit":
		return r.s.script.ElicitAtStart && r.has(protocol.Elicitation)
	case "structured_any":
		return r.has(protocol.StructuredAny)
	case "start_roots":
		return r.s.script.RootsAtStart
	case "task_required":
		return r.has(protocol.TasksCore)
	case "task_optional":
		return r.has(protocol.TasksCore) || r.has(protocol.TasksExtension)
	}
	return true
}

// further calls one of the tools of that name.
func (r *request) further(name string, a arguments) (string, *failure) {
	if result, fail, ok := r.questions(name, a); ok {
		return result, fail
	}
	switch name {
	case "elicit_done":
		r.out(wire.NewNotification("notifications/elicitation/complete", []byte(`{"elicitationId":"e-1"}`)))
	case "elicit_throws":
		return r.elicitThrows(a)
	case "progress":
		r.steps(a.Steps)
	case "content":
		return r.contents(), nil
	case "structured":
		return r.structured(`{"n":1}`, protocol.Structured), nil
	case "structured_any":
		return r.structured(`[1,2]`, protocol.StructuredAny), nil
	case "x_header", "x_header_bad":
		return text(string(a.raw)), nil
	case "drop_stream":
		r.dropStream()
	case "delete_resource":
		r.s.deleteResource(a.URI)
	case "flood":
		r.flood(a)
	case "start_roots", "start_elicit":
		return r.atStart(name)
	case "task_required", "task_optional":
		return r.taskCall(name == "task_required", a)
	default:
		return r.process(name, a)
	}
	return text("done"), nil
}

// more are the entries of a list; the last one only where the script names a revision or an era.
func (r *request) more(first, last string) []string {
	if r.s.script.plain() {
		return []string{first}
	}
	return []string{first, last}
}

func (r *request) prompt() (string, *failure) {
	said := "hello"
	var p struct{ Name string }
	_ = json.Unmarshal(r.m.Bytes(r.m.Params), &p) // No name, no question.
	if p.Name == "ask_name" {
		answers, early, fail := r.put("ask_name", [][]question{{r.elicitation(arguments{})}})
		if answers == nil {
			return early, fail
		}
		said = answers[0]
	}
	return `{"messages":[{"role":"user","content":{"type":"text","text":` + quote(said) + `}}]}`, nil
}

func (r *request) read() (string, *failure) {
	var p struct{ URI string }
	_ = json.Unmarshal(r.m.Bytes(r.m.Params), &p) // No URI, the usual resource.
	switch {
	case p.URI == "test://missing" || r.s.isDeleted(p.URI):
		if r.has(protocol.NotFoundCode) {
			return "", &failure{-32002, "Resource not found", `{"uri":` + quote(p.URI) + `}`}
		}
		return "", &failure{wire.CodeInvalidParams, "Resource not found", `{"uri":` + quote(p.URI) + `}`}
	case p.URI != "test://asking":
		return `{"contents":[{"uri":"test://a","text":"a"}]}`, nil
	}
	answers, early, fail := r.put("asking", [][]question{{r.elicitation(arguments{})}})
	if answers == nil {
		return early, fail
	}
	return `{"contents":[{"uri":"test://asking","text":` + quote(answers[0]) + `}]}`, nil
}

// completeArgument is "one", and, where the revision has a context, the names and values in it.
func (r *request) completeArgument() string {
	var p struct {
		Context struct {
			Arguments map[string]string `json:"arguments"`
		} `json:"context"`
	}
	_ = json.Unmarshal(r.m.Bytes(r.m.Params), &p) // No context, no more values.
	values := []string{`"one"`}
	if r.has(protocol.CompletionContext) {
		for _, name := range slices.Sorted(maps.Keys(p.Context.Arguments)) {
			values = append(values, quote(name+"="+p.Context.Arguments[name]))
		}
	}
	return `{"completion":{"values":[` + strings.Join(values, ",") + `]}}`
}
