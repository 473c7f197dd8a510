package wire

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// Edit replaces a span of a message by Text; an empty span inserts before Start.
type Edit struct {
	Span
	Text []byte
}

// Splice appends raw with the edits made to dst. The edits are sorted and do not overlap.
func Splice(dst, raw []byte, edits []Edit) []byte {
	at := 0
	for _, e := range edits {
		dst = append(dst, raw[at:e.Start]...)
		dst = append(dst, e.Text...)
		at = e.End
	}
	return append(dst, raw[at:]...)
}

// Member is a member of an object: its name and the text of its value.
type Member struct {
	Name  string
	Value []byte
}

// SetMember is the edit that gives the object at obj a member of this name and value, in place of the one it
// has. Several changes of one object are for ChangeMembers: edits made apart may overlap.
func SetMember(raw []byte, obj Span, name string, value []byte) Edit {
	empty := true
	for n, v := range Members(raw, obj) {
		if n == name {
			return Edit{Span: v, Text: value}
		}
		empty = false
	}
	text := append(append(Quote(name), ':'), value...)
	if !empty {
		text = append(text, ',')
	}
	at := obj.Start + 1
	return Edit{Span: Span{Start: at, End: at}, Text: text}
}

// RemoveMember is the edit that removes the member of this name with its comma. False: there is none.
func RemoveMember(raw []byte, obj Span, name string) (Edit, bool) {
	edits := ChangeMembers(raw, obj, nil, func(n string) bool { return n == name })
	if len(edits) == 0 {
		return Edit{}, false
	}
	return edits[0], true
}

// ChangeMembers are the edits, ready for Splice, that remove some members of the object at obj and set
// others: a member that is there keeps its place and gets the value, the rest come first. remove may be nil;
// a name that is set is not removed.
func ChangeMembers(raw []byte, obj Span, set []Member, remove func(name string) bool) []Edit {
	if !obj.OK() || raw[obj.Start] != '{' {
		return nil
	}
	edits := []Edit{{Span: Span{Start: obj.Start + 1, End: obj.Start + 1}}} // what comes first, filled in below
	done := make([]bool, len(set))
	kept := false           // a member before this one stays
	before := obj.Start + 1 // the end of the member before
	s := scanner{b: raw[:obj.End], pos: obj.Start + 1}
	for {
		n, v, more := s.member()
		if !more {
			break
		}
		name, _ := String(raw, n)
		at := slices.IndexFunc(set, func(m Member) bool { return m.Name == name })
		switch {
		case at >= 0:
			edits = append(edits, Edit{Span: v, Text: set[at].Value})
			done[at], kept = true, true
		case remove == nil || !remove(name):
			kept = true
		case kept:
			edits = append(edits, Edit{Span: Span{Start: before, End: v.End}})
		default:
			edits = append(edits, Edit{Span: Span{Start: n.Start, End: s.pastComma()}})
		}
		before = v.End
	}
	var first []byte
	for i, m := range set {
		if done[i] {
			continue
		}
		if first != nil {
			first = append(first, ',')
		}
		first = append(append(append(first, Quote(m.Name)...), ':'), m.Value...)
	}
	switch {
	case first == nil:
		return edits[1:]
	case kept:
		first = append(first, ',')
	}
	edits[0].Text = first
	return edits
}

// pastComma is where the next member begins, or where the last one ended.
func (s *scanner) pastComma() int {
	end := s.pos
	s.space()
	if s.pos < len(s.b) && s.b[s.pos] == ',' {
		s.pos++
		s.space()
		return s.pos
	}
	return end
}

// Quote is s as a JSON string, with nothing escaped that need not be.
func Quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// NewRequest is a request of our own.
func NewRequest(id int64, method string, params []byte) []byte {
	b := append([]byte(`{"jsonrpc":"2.0","id":`), strconv.AppendInt(nil, id, 10)...)
	return finish(b, method, params)
}

// NewNotification is a notification of our own.
func NewNotification(method string, params []byte) []byte {
	return finish([]byte(`{"jsonrpc":"2.0"`), method, params)
}

func finish(b []byte, method string, params []byte) []byte {
	b = append(append(b, `,"method":`...), Quote(method)...)
	if params != nil {
		b = append(append(b, `,"params":`...), params...)
	}
	return append(b, '}')
}

// NewResult is a response with a result. id is text as the asker wrote it.
func NewResult(id, result []byte) []byte {
	b := make([]byte, 0, len(id)+len(result)+40)
	b = append(append(b, `{"jsonrpc":"2.0","id":`...), id...)
	b = append(append(b, `,"result":`...), result...)
	return append(b, '}')
}

// NewError is a response with an error; id nil is written as null, data nil not at all.
func NewError(id []byte, code int, message string, data []byte) []byte {
	if id == nil {
		id = []byte("null")
	}
	b := append([]byte(`{"jsonrpc":"2.0","id":`), id...)
	b = strconv.AppendInt(append(b, `,"error":{"code":`...), int64(code), 10)
	b = append(append(b, `,"message":`...), Quote(message)...)
	if data != nil {
		b = append(append(b, `,"data":`...), data...)
	}
	return append(b, '}', '}')
}
