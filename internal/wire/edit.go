package wire

import (
	"bytes"
	"encoding/json"
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

// SetMember is the edit that gives the object at obj a member of this name and value, in place of the one it
// has.
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
	if !obj.OK() || raw[obj.Start] != '{' {
		return Edit{}, false
	}
	s := scanner{b: raw[:obj.End], pos: obj.Start + 1}
	first, before := true, obj.Start+1
	for {
		n, v, more := s.member()
		if !more {
			return Edit{}, false
		}
		if text, _ := String(raw, n); text != name {
			first, before = false, v.End
			continue
		}
		cut := Span{Start: before, End: v.End}
		if first {
			cut.Start = n.Start
			s.space()
			if s.pos < len(s.b) && s.b[s.pos] == ',' {
				s.pos++
				s.space()
				cut.End = s.pos
			}
		}
		return Edit{Span: cut}, true
	}
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
