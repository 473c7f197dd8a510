package wire

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Parse scans one message strictly: exactly one JSON object, all of it valid, no doubled, misspelt or
// contradictory members in the envelope (JSON-RPC 2.0 §4, §5). What it does not know it leaves alone. On an
// error the message holds the id where one could be read, so that the answer can carry it.
func Parse(raw []byte) (Message, error) {
	m := Message{Raw: raw}
	s := scanner{b: raw}
	s.space()
	if s.pos >= len(raw) {
		return m, &SyntaxError{Offset: s.pos, Reason: "the message is empty", Code: CodeParse}
	}
	switch raw[s.pos] {
	case '{':
	case '[':
		return m, &SyntaxError{Offset: s.pos, Reason: "batches are not allowed: send one message at a time", Code: CodeInvalidRequest}
	default:
		if s.value(0) {
			return m, &SyntaxError{Offset: 0, Reason: "a message is a JSON object", Code: CodeInvalidRequest}
		}
		return m, s.err
	}
	var e envelope
	if !s.object(0, &e) {
		return m, s.err
	}
	s.space()
	if s.pos != len(raw) {
		s.fail("there is more after the message")
		return m, s.err
	}
	return m, m.fill(&e)
}

// IsBatch says whether the text is an array, which only MCP 2025-03-26 allows.
func IsBatch(raw []byte) bool {
	s := scanner{b: raw}
	s.space()
	return s.pos < len(raw) && raw[s.pos] == '['
}

// Valid checks that raw is one JSON value and nothing else.
func Valid(raw []byte) error {
	s := scanner{b: raw}
	s.space()
	if !s.value(0) {
		return s.err
	}
	s.space()
	if s.pos != len(raw) {
		s.fail("there is more after the value")
		return s.err
	}
	return nil
}

// The members of the envelope.
const (
	memberJSONRPC = iota
	memberID
	memberMethod
	memberParams
	memberResult
	memberError
	memberCount
)

//nolint:gochecknoglobals // constant table
var envelopeNames = [memberCount]string{"jsonrpc", "id", "method", "params", "result", "error"}

type envelope struct {
	at    [memberCount]Span
	fault *SyntaxError // the first offence against the envelope; the rest is still scanned, for the id
}

// note files one member under its name.
func (e *envelope) note(raw []byte, name, value Span) {
	i, verdict := match(raw, name, envelopeNames[:])
	switch {
	case verdict == noMatch:
		return
	case verdict == lookAlike:
		e.blame(name.Start, "a member's name differs from \""+envelopeNames[i]+"\" only by case")
	case e.at[i].OK():
		e.blame(name.Start, "member \""+envelopeNames[i]+"\" appears twice")
	default:
		e.at[i] = value
	}
}

func (e *envelope) blame(offset int, reason string) {
	if e.fault == nil {
		e.fault = &SyntaxError{Offset: offset, Reason: reason, Code: CodeInvalidRequest}
	}
}

type verdict uint8

const (
	noMatch verdict = iota
	exact
	lookAlike
)

// match compares a member's name, as written, with the wanted names.
func match(raw []byte, name Span, wanted []string) (int, verdict) {
	text := raw[name.Start+1 : name.End-1]
	if bytes.IndexByte(text, '\\') < 0 {
		for i, w := range wanted {
			if len(text) == len(w) && string(text) == w {
				return i, exact
			}
		}
		for i, w := range wanted {
			if resembles(text, w) {
				return i, lookAlike
			}
		}
		return 0, noMatch
	}
	plain, ok := String(raw, name)
	if !ok {
		return 0, noMatch
	}
	for i, w := range wanted {
		if plain == w {
			return i, exact
		}
	}
	for i, w := range wanted {
		if strings.EqualFold(plain, w) {
			return i, lookAlike
		}
	}
	return 0, noMatch
}

// resembles is strings.EqualFold for an ASCII w, without its copy of text. Letters beyond ASCII count too:
// some of them fold to ASCII ones (K, ſ).
func resembles(text []byte, w string) bool {
	for i := range min(len(text), len(w)) {
		switch a, b := text[i], w[i]; {
		case a >= utf8.RuneSelf || b >= utf8.RuneSelf:
			return strings.EqualFold(string(text), w)
		case lower(a) != lower(b):
			return false
		}
	}
	return len(text) == len(w)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// fill makes sense of the envelope.
func (m *Message) fill(e *envelope) error {
	bad := func(at Span, reason string) error {
		return &SyntaxError{Offset: at.Start, Reason: reason, Code: CodeInvalidRequest}
	}
	id := e.at[memberID]
	null := false
	if id.OK() {
		switch c := m.Raw[id.Start]; {
		case c == '"' || c == '-' || c >= '0' && c <= '9':
			m.ID = id
		case c == 'n':
			null = true
		default:
			return bad(id, "id must be a string or a number")
		}
	}
	if e.fault != nil {
		return e.fault
	}
	if v := e.at[memberJSONRPC]; string(m.Raw[v.Start:v.End]) != `"2.0"` {
		return bad(v, `member "jsonrpc" must be "2.0"`)
	}
	m.Result, m.Error = e.at[memberResult], e.at[memberError]
	if method := e.at[memberMethod]; method.OK() {
		return m.fillRequest(e, method, null, bad)
	}
	switch {
	case m.Result.OK() == m.Error.OK():
		return bad(Span{}, "a message has a method, or else exactly one of result and error")
	case m.Result.OK():
		m.Kind = Response
		if !m.ID.OK() {
			return bad(id, "a response needs the id of its request")
		}
	default:
		m.Kind = Error
		if m.Raw[m.Error.Start] != '{' {
			return bad(m.Error, "error must be an object")
		}
	}
	return nil
}

func (m *Message) fillRequest(e *envelope, method Span, nullID bool, bad func(Span, string) error) error {
	name, ok := methodName(m.Raw, method)
	if !ok {
		return bad(method, "method must be a string")
	}
	m.Method = name
	m.Params = e.at[memberParams]
	switch {
	case nullID:
		return bad(e.at[memberID], "the id of a request must not be null")
	case m.Result.OK() || m.Error.OK():
		return bad(method, "a message has a method, or else exactly one of result and error")
	case m.Params.OK() && m.Raw[m.Params.Start] != '{' && m.Raw[m.Params.Start] != '[':
		return bad(m.Params, "params must be an object")
	}
	m.Kind = Notification
	if m.ID.OK() {
		m.Kind = Request
	}
	return nil
}

// methodName is the method as a string, without allocating for the common ones.
func methodName(raw []byte, s Span) (string, bool) {
	if raw[s.Start] != '"' {
		return "", false
	}
	switch text := raw[s.Start+1 : s.End-1]; string(text) {
	case "tools/call":
		return "tools/call", true
	case "tools/list":
		return "tools/list", true
	case "prompts/get":
		return "prompts/get", true
	case "resources/read":
		return "resources/read", true
	case "notifications/progress":
		return "notifications/progress", true
	case "notifications/message":
		return "notifications/message", true
	}
	return String(raw, s)
}
