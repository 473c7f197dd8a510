package wire

import (
	"bytes"
	"encoding/json"
	"iter"
)

// Find puts the spans of the values of the named members of the object at obj into out, one for each name;
// absent ones get the zero Span. obj lies in text that Parse or Valid accepted. A wanted member that is
// doubled, or that another one resembles but for case, is a *SyntaxError: who reads the message after us
// might choose the other.
func Find(raw []byte, obj Span, names []string, out []Span) error {
	for i := range out {
		out[i] = Span{}
	}
	if !obj.OK() || raw[obj.Start] != '{' {
		return nil
	}
	s := scanner{b: raw[:obj.End], pos: obj.Start + 1}
	for {
		name, value, more := s.member()
		if !more {
			return nil
		}
		i, verdict := match(raw, name, names)
		switch {
		case verdict == noMatch:
		case verdict == lookAlike:
			return &SyntaxError{Offset: name.Start, Reason: "a member's name differs from \"" + names[i] + "\" only by case", Code: CodeInvalidRequest}
		case out[i].OK():
			return &SyntaxError{Offset: name.Start, Reason: "member \"" + names[i] + "\" appears twice", Code: CodeInvalidRequest}
		default:
			out[i] = value
		}
	}
}

// member walks over the next member of a valid object, false after the last.
func (s *scanner) member() (name, value Span, ok bool) {
	s.space()
	if s.pos < len(s.b) && s.b[s.pos] == ',' {
		s.pos++
		s.space()
	}
	if s.pos >= len(s.b) || s.b[s.pos] != '"' {
		return name, value, false
	}
	name.Start = s.pos
	s.skip()
	name.End = s.pos
	s.space()
	if s.pos >= len(s.b) {
		return name, value, false
	}
	s.pos++ // the colon
	s.space()
	value.Start = s.pos
	s.skip()
	value.End = s.pos
	return name, value, value.OK()
}

// skip passes over one value of valid text, faster than checking it again.
func (s *scanner) skip() {
	if s.pos >= len(s.b) { // the text was not valid
		s.pos = len(s.b)
		return
	}
	switch s.b[s.pos] {
	case '"':
		s.skipString()
	case '{', '[':
		s.skipNested()
	default:
		for s.pos < len(s.b) {
			switch s.b[s.pos] {
			case ',', '}', ']', ' ', '\t', '\n', '\r', ':':
				return
			}
			s.pos++
		}
	}
}

func (s *scanner) skipString() {
	s.pos++
	for {
		i := bytes.IndexByte(s.b[s.pos:], '"')
		if i < 0 {
			s.pos = len(s.b)
			return
		}
		end := s.pos + i
		slashes := 0
		for end-1-slashes >= s.pos && s.b[end-1-slashes] == '\\' {
			slashes++
		}
		s.pos = end + 1
		if slashes%2 == 0 {
			return
		}
	}
}

func (s *scanner) skipNested() {
	depth := 0
	for s.pos < len(s.b) {
		switch s.b[s.pos] {
		case '"':
			s.skipString()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.pos++
		if depth == 0 {
			return
		}
	}
}

// Members are the members of the object at obj, which lies in valid text: unquoted name and span of the value.
func Members(raw []byte, obj Span) iter.Seq2[string, Span] {
	return func(yield func(string, Span) bool) {
		if !obj.OK() || raw[obj.Start] != '{' {
			return
		}
		s := scanner{b: raw[:obj.End], pos: obj.Start + 1}
		for {
			name, value, more := s.member()
			if !more {
				return
			}
			text, _ := String(raw, name)
			if !yield(text, value) {
				return
			}
		}
	}
}

// Elements are the spans of the elements of the array at arr, which lies in valid text.
func Elements(raw []byte, arr Span) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		if !arr.OK() || raw[arr.Start] != '[' {
			return
		}
		s := scanner{b: raw[:arr.End], pos: arr.Start + 1}
		for {
			s.space()
			if s.pos < len(s.b) && s.b[s.pos] == ',' {
				s.pos++
				s.space()
			}
			if s.pos >= len(s.b) || s.b[s.pos] == ']' {
				return
			}
			e := Span{Start: s.pos}
			s.skip()
			e.End = s.pos
			if !e.OK() || !yield(e) {
				return
			}
		}
	}
}

// String unquotes the JSON string at s. False: it is none.
func String(raw []byte, s Span) (string, bool) {
	if s.End-s.Start < 2 || raw[s.Start] != '"' {
		return "", false
	}
	text := raw[s.Start+1 : s.End-1]
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text), true
	}
	var out string
	if err := json.Unmarshal(raw[s.Start:s.End], &out); err != nil {
		return "", false
	}
	return out, true
}
