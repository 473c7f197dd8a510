package wire

import (
	"fmt"
)

// Span is a piece [Start,End) of a message's text. The zero Span is absent.
type Span struct{ Start, End int }

// OK says whether the piece is there.
func (s Span) OK() bool { return s.End > s.Start }

// Kind says what a message is.
type Kind uint8

// The kinds of messages.
const (
	Request Kind = iota + 1
	Notification
	Response
	Error
)

// Codes of JSON-RPC 2.0 §5.1 and of MCP 2026-07-28.
const (
	CodeParse              = -32700
	CodeInvalidRequest     = -32600
	CodeMethodNotFound     = -32601
	CodeInvalidParams      = -32602
	CodeInternal           = -32603
	CodeHeaderMismatch     = -32020
	CodeMissingCapability  = -32021
	CodeUnsupportedVersion = -32022
)

// Message is one JSON-RPC message as it was sent, and where its members are.
type Message struct {
	Raw                       []byte
	Kind                      Kind
	ID, Params, Result, Error Span
	Method                    string
}

// Bytes is the text of a span of the message, nil where it is absent.
func (m *Message) Bytes(s Span) []byte {
	if !s.OK() || s.End > len(m.Raw) {
		return nil
	}
	return m.Raw[s.Start:s.End]
}

// SyntaxError says where and why a text is no JSON (CodeParse) or no JSON-RPC message (CodeInvalidRequest).
type SyntaxError struct {
	Offset int
	Reason string
	Code   int
}

func (e *SyntaxError) Error() string {
	what := "invalid message"
	if e.Code == CodeParse {
		what = "invalid JSON"
	}
	return fmt.Sprintf("%s at byte %d: %s", what, e.Offset, e.Reason)
}
