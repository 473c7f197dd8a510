package protocol

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"

	"github.com/mcpmux/mcpmux/internal/wire"
)

// NeedsDowngrade says whether a result of a server of revision from may hold what a client of revision to
// cannot read, so that it must go through Downgrade. An unknown from, "", may hold anything.
func NeedsDowngrade(from, to string) bool {
	if from == "" {
		from = Newest
	}
	for _, f := range [...]Feature{Audio, ResourceLinks, Structured, StructuredAny, ResultTypes, CacheHints} {
		if Has(from, f) && !Has(to, f) {
			return true
		}
	}
	return false
}

// Downgrade are the edits that make a complete result one that a client of this revision can read: content
// that its revision lacks becomes content that it has, in the same place. Everything else stays, members that
// an older revision does not define too: clients ignore what they do not know. Clients of 2026-07-28 need
// none of it.
func Downgrade(raw []byte, result wire.Span, method, version string) []wire.Edit {
	if Has(version, ResultTypes) {
		return nil
	}
	switch method {
	case "tools/call", "tasks/result":
		return downgradeCall(raw, result, version)
	case "prompts/get":
		return sorted(append(LegacyResult(raw, result), downgradeMessages(raw, result, version)...))
	}
	return LegacyResult(raw, result)
}

// downgradeMessages changes the content of a prompt's messages, each of which is one block.
func downgradeMessages(raw []byte, result wire.Span, version string) []wire.Edit {
	messages, ok := single(raw, result, "messages")
	if !ok || Has(version, ResourceLinks) {
		return nil
	}
	var edits []wire.Edit
	n := 0
	for message := range wire.Elements(raw, messages) {
		if block, ok := single(raw, message, "content"); ok {
			edits = append(edits, downgradeBlock(raw, block, version, n)...)
		}
		n++
	}
	return edits
}

// downgradeCall changes the content of a tool's result. What structuredContent said is then said by a text.
func downgradeCall(raw []byte, result wire.Span, version string) []wire.Edit {
	var content, structured wire.Span
	for n, v := range wire.Members(raw, result) {
		switch n {
		case "content":
			content = v
		case "structuredContent":
			structured = v
		}
	}
	var edits []wire.Edit
	if !Has(version, ResourceLinks) {
		n := 0
		for block := range wire.Elements(raw, content) {
			edits = append(edits, downgradeBlock(raw, block, version, n)...)
			n++
		}
	}
	if !structured.OK() || Has(version, Structured) && raw[structured.Start] == '{' {
		return sorted(append(edits, LegacyResult(raw, result)...))
	}
	edit, set := tellInText(raw, content, structured)
	edits = append(append(edits, edit...), legacyResult(raw, result, set, "structuredContent")...)
	return sorted(edits)
}

// downgradeBlock changes one block of content, the nth, where the revision lacks its type.
func downgradeBlock(raw []byte, block wire.Span, version string, n int) []wire.Edit {
	at, ok := single(raw, block, "type")
	if !ok {
		return nil
	}
	switch kind, _ := wire.String(raw, at); {
	case kind == "resource_link" && !Has(version, ResourceLinks):
		return linkToText(raw, block)
	case kind == "audio" && !Has(version, Audio):
		return audioToResource(raw, block, n)
	}
	return nil
}

// linkToText makes a resource_link a text, "title – uri (type)". Annotations and _meta stay.
func linkToText(raw []byte, block wire.Span) []wire.Edit {
	var title, name, uri, mime []byte // as JSON wrote them, so that every escape stays what it was
	for n, v := range wire.Members(raw, block) {
		switch n {
		case "title":
			title = inner(raw, v)
		case "name":
			name = inner(raw, v)
		case "uri":
			uri = inner(raw, v)
		case "mimeType":
			mime = inner(raw, v)
		}
	}
	if len(title) == 0 {
		title = name
	}
	text := append([]byte{'"'}, title...)
	if len(uri) > 0 && !bytes.Equal(title, uri) {
		if len(title) > 0 {
			text = append(text, " – "...)
		}
		text = append(text, uri...)
	}
	if len(mime) > 0 {
		text = append(append(append(text, " ("...), mime...), ')')
	}
	set := []wire.Member{{Name: "type", Value: []byte(`"text"`)}, {Name: "text", Value: append(text, '"')}}
	return wire.ChangeMembers(raw, block, set, func(n string) bool {
		switch n {
		case "title", "name", "uri", "mimeType", "description", "size", "icons":
			return true
		}
		return false
	})
}

// audioToResource makes audio an embedded resource, which 2024-11-05 has. Such a resource needs a URI; this
// one names nothing that could be read.
func audioToResource(raw []byte, block wire.Span, n int) []wire.Edit {
	resource := append([]byte(`{"uri":"mcpmux:audio/`), strconv.Itoa(n)...)
	resource = append(resource, '"')
	if at, ok := single(raw, block, "mimeType"); ok && raw[at.Start] == '"' {
		resource = append(append(resource, `,"mimeType":`...), raw[at.Start:at.End]...)
	}
	blob := []byte(`""`)
	if at, ok := single(raw, block, "data"); ok && raw[at.Start] == '"' {
		blob = raw[at.Start:at.End]
	}
	resource = append(append(append(resource, `,"blob":`...), blob...), '}')
	set := []wire.Member{{Name: "type", Value: []byte(`"resource"`)}, {Name: "resource", Value: resource}}
	return wire.ChangeMembers(raw, block, set, func(n string) bool { return n == "data" || n == "mimeType" })
}

// tellInText says what is needed so that a text block says what structuredContent did: nothing where one does
// (MCP 2025-06-18 server/tools §Structured Content wants it there), an edit of the content, or content where
// there is none. A null says nothing that content beside it does not.
func tellInText(raw []byte, content, structured wire.Span) ([]wire.Edit, []wire.Member) {
	value := raw[structured.Start:structured.End]
	block := append(append([]byte(`{"type":"text","text":`), wire.Quote(string(value))...), '}')
	if !content.OK() || raw[content.Start] != '[' {
		return nil, []wire.Member{{Name: "content", Value: append(append([]byte{'['}, block...), ']')}}
	}
	empty := true
	for b := range wire.Elements(raw, content) {
		empty = false
		if textSays(raw, b, value) {
			return nil, nil
		}
	}
	switch {
	case empty:
	case string(value) == "null":
		return nil, nil
	default:
		block = append([]byte{','}, block...)
	}
	end := content.End - 1
	return []wire.Edit{{Span: wire.Span{Start: end, End: end}, Text: block}}, nil
}

// textSays says whether a block is a text that is this JSON value, however it is spaced or ordered.
func textSays(raw []byte, block wire.Span, value []byte) bool {
	kind, ok := single(raw, block, "type")
	if k, _ := wire.String(raw, kind); !ok || k != "text" {
		return false
	}
	at, ok := single(raw, block, "text")
	if !ok {
		return false
	}
	s, _ := wire.String(raw, at)
	text := bytes.TrimSpace([]byte(s))
	if len(text) == 0 || text[0] != value[0] {
		return false
	}
	if bytes.Equal(text, value) {
		return true
	}
	a, okA := decode(text)
	b, okB := decode(value)
	return okA && okB && reflect.DeepEqual(a, b)
}

// decode reads a JSON value for comparing; numbers stay as they were written.
func decode(raw []byte) (v any, ok bool) {
	if wire.Valid(raw) != nil {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err := d.Decode(&v)
	return v, err == nil
}

// inner is the text between the quotes of the JSON string at s, as it was written; nil where it is none.
func inner(raw []byte, s wire.Span) []byte {
	if s.End-s.Start < 2 || raw[s.Start] != '"' {
		return nil
	}
	return raw[s.Start+1 : s.End-1]
}

// sorted brings edits of one text that were made apart, and do not overlap, in the order that Splice needs.
func sorted(edits []wire.Edit) []wire.Edit {
	slices.SortStableFunc(edits, func(a, b wire.Edit) int { return a.Start - b.Start })
	return edits
}

// Codes of errors that 2026-07-28 has no more.
const (
	CodeResourceNotFound = -32002 // up to 2025-11-25
	CodeURLRequired      = -32042 // 2025-11-25 only
)

// ErrorFor are the edits that make the error response m, to a request of this method, one that a client of
// this revision understands: from 2026-07-28 a resource that is not there is an invalid parameter, and
// data.uri says which (server/resources §Error Handling). Other codes go through as they are.
func ErrorFor(version, method, uri string, m *wire.Message) []wire.Edit {
	if method != "resources/read" || Has(version, NotFoundCode) || m.Kind != wire.Error {
		return nil
	}
	code, ok := single(m.Raw, m.Error, "code")
	if !ok || string(m.Bytes(code)) != strconv.Itoa(CodeResourceNotFound) {
		return nil
	}
	set := []wire.Member{{Name: "code", Value: []byte(strconv.Itoa(wire.CodeInvalidParams))}}
	data, ok := single(m.Raw, m.Error, "data")
	if !ok || m.Raw[data.Start] == '{' || string(m.Bytes(data)) == "null" {
		set = append(set, nested(m.Raw, data, "data", []wire.Member{{Name: "uri", Value: wire.Quote(uri)}}, nil))
	}
	return wire.ChangeMembers(m.Raw, m.Error, set, nil)
}
