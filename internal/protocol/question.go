package protocol

import (
	"bytes"

	"github.com/mcpmux/mcpmux/internal/wire"
)

// The questions that a Server may put to a client.
const (
	methodRoots    = "roots/list"
	methodSampling = "sampling/createMessage"
	methodElicit   = "elicitation/create"
)

// UnaskableError says why a question cannot be put to a client of a revision.
type UnaskableError struct{ Version, Needs string }

func (e *UnaskableError) Error() string {
	return "the client speaks MCP " + e.Version + ", which has no " + e.Needs
}

// QuestionFor is the params of a question, as a client of this revision may be asked it; params itself where
// nothing needs to change. An *UnaskableError says that the revision cannot express it. Where several Servers
// are behind one endpoint (aggregated), a Server's wish to have the context of "this server" or of all is
// dropped: the client would give it that of others.
func QuestionFor(version, method string, params []byte, aggregated bool) ([]byte, error) {
	q := question{version: version, raw: params, at: whole(params), aggregated: aggregated}
	if !q.at.OK() || params[q.at.Start] != '{' {
		return params, q.lacking(method)
	}
	var err error
	switch method {
	case methodElicit:
		err = q.elicitation()
	case methodSampling:
		err = q.sampling()
	}
	if err != nil {
		return nil, err
	}
	q.edits = append(q.edits, wire.ChangeMembers(q.raw, q.at, nil, q.drops(method))...)
	if len(q.edits) == 0 {
		return params, nil
	}
	return wire.Splice(nil, params, sorted(q.edits)), nil
}

// question is params on their way to a client.
type question struct {
	version    string
	raw        []byte
	at         wire.Span
	aggregated bool
	edits      []wire.Edit
}

func (q *question) needs(f Feature, what string) error {
	if Has(q.version, f) {
		return nil
	}
	return &UnaskableError{Version: q.version, Needs: what}
}

// lacking says whether the revision lacks the whole method.
func (q *question) lacking(method string) error {
	if method == methodElicit {
		return q.needs(Elicitation, "elicitation")
	}
	return nil
}

// text is the string member name of params, "" where it is none.
func (q *question) text(name string) string {
	at, _ := single(q.raw, q.at, name)
	s, _ := wire.String(q.raw, at)
	return s
}

// drops says which members of params the client's revision has no use for.
func (q *question) drops(method string) func(string) bool {
	return func(name string) bool {
		switch name {
		case "task":
			return !Has(q.version, TasksCore)
		case "mode":
			return method == methodElicit && !Has(q.version, ElicitationModes)
		case "elicitationId":
			return method == methodElicit && !Has(q.version, ElicitationIDs)
		case "tools", "toolChoice":
			return method == methodSampling && !Has(q.version, SamplingTools)
		case "includeContext":
			return method == methodSampling && q.aggregated && q.text(name) != "none"
		}
		return false
	}
}

func (q *question) elicitation() error {
	if err := q.lacking(methodElicit); err != nil {
		return err
	}
	if mode := q.text("mode"); mode != "" && mode != "form" {
		if err := q.needs(ElicitationModes, "elicitation of mode "+mode); err != nil {
			return err
		}
	}
	if Has(q.version, ElicitationEnums) {
		return nil
	}
	schema, _ := single(q.raw, q.at, "requestedSchema")
	properties, _ := single(q.raw, schema, "properties")
	for _, property := range wire.Members(q.raw, properties) {
		if err := q.plainEnum(property); err != nil {
			return err
		}
	}
	return nil
}

// plainEnum writes a choice with titles (oneOf of const and title) as 2025-06-18 does: enum and enumNames.
func (q *question) plainEnum(property wire.Span) error {
	kind, _ := single(q.raw, property, "type")
	if s, _ := wire.String(q.raw, kind); s == "array" {
		return q.needs(ElicitationEnums, "elicitation of several choices")
	}
	choices, ok := single(q.raw, property, "oneOf")
	if !ok {
		return nil
	}
	var values, names [][]byte
	for choice := range wire.Elements(q.raw, choices) {
		value, ok := single(q.raw, choice, "const")
		if !ok {
			return q.needs(ElicitationEnums, "elicitation of choices other than by a value each")
		}
		name, ok := single(q.raw, choice, "title")
		if !ok {
			name = value
		}
		values = append(values, q.raw[value.Start:value.End])
		names = append(names, q.raw[name.Start:name.End])
	}
	set := []wire.Member{{Name: "enum", Value: array(values)}, {Name: "enumNames", Value: array(names)}}
	q.edits = append(q.edits, wire.ChangeMembers(q.raw, property, set, func(n string) bool { return n == "oneOf" })...)
	return nil
}

// array is these values as a JSON array.
func array(values [][]byte) []byte {
	return append(append([]byte{'['}, bytes.Join(values, []byte{','})...), ']')
}

func (q *question) sampling() error {
	if usesTools(q.raw, q.at) {
		if err := q.needs(SamplingTools, "tools in sampling"); err != nil {
			return err
		}
	}
	messages, _ := single(q.raw, q.at, "messages")
	for message := range wire.Elements(q.raw, messages) {
		content, ok := single(q.raw, message, "content")
		if !ok {
			continue
		}
		if q.raw[content.Start] == '[' && !Has(q.version, SamplingTools) {
			block, n := firstElement(q.raw, content)
			if n != 1 {
				return q.needs(SamplingTools, "sampling messages of several blocks")
			}
			q.edits = append(q.edits, wire.Edit{Span: content, Text: q.raw[block.Start:block.End]})
			content = block
		}
		if err := q.block(content); err != nil {
			return err
		}
	}
	return nil
}

// block refuses content that the revision cannot have in a sampling message, where nothing can stand for it.
func (q *question) block(content wire.Span) error {
	at, _ := single(q.raw, content, "type")
	switch kind, _ := wire.String(q.raw, at); kind {
	case "tool_use", "tool_result":
		return q.needs(SamplingTools, "tools in sampling")
	case "audio":
		return q.needs(Audio, "audio")
	}
	return nil
}

// usesTools says whether a sampling request gives the model tools. An empty list is none.
func usesTools(raw []byte, params wire.Span) bool {
	for name, v := range wire.Members(raw, params) {
		if name != "tools" || string(raw[v.Start:v.End]) == "null" {
			continue
		}
		if _, n := firstElement(raw, v); raw[v.Start] != '[' || n > 0 {
			return true
		}
	}
	return false
}

// firstElement is the first element of an array, and how many there are.
func firstElement(raw []byte, arr wire.Span) (first wire.Span, n int) {
	for e := range wire.Elements(raw, arr) {
		if n == 0 {
			first = e
		}
		n++
	}
	return first, n
}

// AnswerFor is a client's answer to a question, as a Server of this revision may be given it; result itself
// where nothing needs to change. Up to 2025-06-18 a sampled message is one block: one alone is taken out of
// its list, texts are joined by line ends; what cannot be joined stays as the client sent it.
func AnswerFor(version, method string, result []byte) []byte {
	at := whole(result)
	if !at.OK() || result[at.Start] != '{' || Has(version, ResultTypes) {
		return result
	}
	var edits []wire.Edit
	if content, ok := single(result, at, "content"); ok && method == methodSampling && !Has(version, SamplingTools) {
		if block := oneBlock(result, content); block != nil {
			edits = append(edits, wire.Edit{Span: content, Text: block})
		}
	}
	edits = append(edits, wire.ChangeMembers(result, at, nil, func(n string) bool { return n == "resultType" })...)
	if len(edits) == 0 {
		return result
	}
	return wire.Splice(nil, result, sorted(edits))
}

// oneBlock is a list of blocks as one; nil where it is none, or cannot be one.
func oneBlock(raw []byte, content wire.Span) []byte {
	block, n := firstElement(raw, content)
	switch n {
	case 0:
		return nil
	case 1:
		return raw[block.Start:block.End]
	}
	text := []byte{'"'}
	for b := range wire.Elements(raw, content) {
		at, _ := single(raw, b, "type")
		part, ok := single(raw, b, "text")
		if kind, _ := wire.String(raw, at); kind != "text" || !ok || raw[part.Start] != '"' {
			return nil
		}
		if len(text) > 1 {
			text = append(text, `\n`...)
		}
		text = append(text, inner(raw, part)...)
	}
	return append(append([]byte(`{"type":"text","text":`), text...), '"', '}')
}
