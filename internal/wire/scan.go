package wire

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// maxDepth bounds the nesting of arrays and objects.
const maxDepth = 128

// scanner walks over JSON text. It checks everything and decodes nothing.
type scanner struct {
	b   []byte
	pos int
	err *SyntaxError
}

func (s *scanner) fail(reason string) bool {
	if s.err == nil {
		s.err = &SyntaxError{Offset: s.pos, Reason: reason, Code: CodeParse}
	}
	return false
}

func (s *scanner) space() {
	for s.pos < len(s.b) {
		switch s.b[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// value walks over one value.
func (s *scanner) value(depth int) bool {
	if s.pos >= len(s.b) {
		return s.fail("the text ends where a value should begin")
	}
	switch c := s.b[s.pos]; {
	case c == '"':
		return s.str()
	case c == '{':
		return s.object(depth, nil)
	case c == '[':
		return s.array(depth)
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	}
	return s.fail("a value cannot begin with this character")
}

func (s *scanner) literal(word string) bool {
	if len(s.b)-s.pos < len(word) || string(s.b[s.pos:s.pos+len(word)]) != word {
		return s.fail("a value cannot begin with this character")
	}
	s.pos += len(word)
	return true
}

func (s *scanner) digits() bool {
	from := s.pos
	for s.pos < len(s.b) && s.b[s.pos] >= '0' && s.b[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > from
}

func (s *scanner) number() bool {
	if s.b[s.pos] == '-' {
		s.pos++
	}
	switch {
	case s.pos < len(s.b) && s.b[s.pos] == '0':
		s.pos++
	case !s.digits():
		return s.fail("a number needs a digit")
	}
	if s.pos < len(s.b) && s.b[s.pos] == '.' {
		s.pos++
		if !s.digits() {
			return s.fail("a number needs a digit after the point")
		}
	}
	if s.pos < len(s.b) && (s.b[s.pos] == 'e' || s.b[s.pos] == 'E') {
		s.pos++
		if s.pos < len(s.b) && (s.b[s.pos] == '+' || s.b[s.pos] == '-') {
			s.pos++
		}
		if !s.digits() {
			return s.fail("a number needs a digit in its exponent")
		}
	}
	return true
}

// str walks over a string: no control characters, known escapes, valid UTF-8. Escaped lone surrogates pass:
// they are text to be forwarded.
func (s *scanner) str() bool {
	s.pos++
	quote := -1 // the nearest quote is looked for once, not again after each escape before it
	for {
		if quote < s.pos {
			i := bytes.IndexByte(s.b[s.pos:], '"')
			if i < 0 {
				s.pos = len(s.b)
				return s.fail("a string is not closed")
			}
			quote = s.pos + i
		}
		run := s.b[s.pos:quote]
		slash := bytes.IndexByte(run, '\\')
		if slash >= 0 {
			run = run[:slash]
		}
		if !plain(run) {
			return s.fail("a string holds a control character or is not UTF-8")
		}
		s.pos += len(run) + 1
		if slash < 0 {
			return true
		}
		if !s.escape() {
			return false
		}
	}
}

// plain says whether the inside of a string is without control characters and valid UTF-8.
func plain(b []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	rest := b
	for len(rest) >= 8 {
		// Eight bytes at once: the top bit of a byte of w-0x20… is set where that byte, or a borrow from one
		// below it, is under 0x20; a false alarm costs the slow way and no more.
		w := binary.LittleEndian.Uint64(rest)
		if ((w-0x20*ones)|w)&tops != 0 {
			break
		}
		rest = rest[8:]
	}
	ascii := true
	for _, c := range rest {
		if c < 0x20 {
			return false
		}
		if c >= utf8.RuneSelf {
			ascii = false
		}
	}
	return ascii || utf8.Valid(rest)
}

// escape walks over what follows a backslash.
func (s *scanner) escape() bool {
	if s.pos >= len(s.b) {
		return s.fail("a string is not closed")
	}
	switch s.b[s.pos] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return true
	case 'u':
		if len(s.b)-s.pos < 5 {
			return s.fail("a \\u escape needs four hexadecimal digits")
		}
		for _, c := range s.b[s.pos+1 : s.pos+5] {
			if !hexadecimal(c) {
				return s.fail("a \\u escape needs four hexadecimal digits")
			}
		}
		s.pos += 5
		return true
	}
	return s.fail("unknown escape in a string")
}

func hexadecimal(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// object walks over an object and notes its members in e, where that is not nil.
func (s *scanner) object(depth int, e *envelope) bool {
	if depth >= maxDepth {
		return s.fail("nested too deeply")
	}
	s.pos++
	s.space()
	if s.pos < len(s.b) && s.b[s.pos] == '}' {
		s.pos++
		return true
	}
	for {
		name := Span{Start: s.pos}
		if !s.key(&name) {
			return false
		}
		value := Span{Start: s.pos}
		if !s.value(depth + 1) {
			return false
		}
		value.End = s.pos
		if e != nil {
			e.note(s.b, name, value)
		}
		s.space()
		if s.pos >= len(s.b) {
			return s.fail("an object is not closed")
		}
		switch s.b[s.pos] {
		case ',':
			s.pos++
			s.space()
		case '}':
			s.pos++
			return true
		default:
			return s.fail("an object needs , or } here")
		}
	}
}

// key walks over a member's name, whose end it notes, the colon, and the space around it.
func (s *scanner) key(name *Span) bool {
	if s.pos >= len(s.b) || s.b[s.pos] != '"' {
		return s.fail("a member's name must be a string")
	}
	if !s.str() {
		return false
	}
	name.End = s.pos
	s.space()
	if s.pos >= len(s.b) || s.b[s.pos] != ':' {
		return s.fail("a member needs a colon after its name")
	}
	s.pos++
	s.space()
	return true
}

func (s *scanner) array(depth int) bool {
	if depth >= maxDepth {
		return s.fail("nested too deeply")
	}
	s.pos++
	s.space()
	if s.pos < len(s.b) && s.b[s.pos] == ']' {
		s.pos++
		return true
	}
	for {
		if !s.value(depth + 1) {
			return false
		}
		s.space()
		if s.pos >= len(s.b) {
			return s.fail("an array is not closed")
		}
		switch s.b[s.pos] {
		case ',':
			s.pos++
			s.space()
		case ']':
			s.pos++
			return true
		default:
			return s.fail("an array needs , or ] here")
		}
	}
}
