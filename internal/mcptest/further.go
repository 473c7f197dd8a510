package mcptest

import (
	"encoding/json"

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
var further = []string{
	"elicit", "sample", "roots", "ask_two", "ask_rounds", "elicit_url", "elicit_done", "elicit_throws",
}

// definition is a tool as it is listed.
func (r *request) definition(name string) string {
	return `{"name":"` + name + `","inputSchema":{"type":"object"}}`
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
	if p.URI != "test://asking" {
		return `{"contents":[{"uri":"test://a","text":"a"}]}`, nil
	}
	answers, early, fail := r.put("asking", [][]question{{r.elicitation(arguments{})}})
	if answers == nil {
		return early, fail
	}
	return `{"contents":[{"uri":"test://asking","text":` + quote(answers[0]) + `}]}`, nil
}
