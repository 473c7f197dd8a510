package mcptest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// strict says whether requests of the newer era are checked as 2026-07-28 demands.
func (s Script) strict() bool { return s.Version == protocol.V20260728 }

// refusal is a failure, and its HTTP status.
type refusal struct {
	failure
	status int
}

func refused(code int, message string) *refusal {
	return &refusal{failure{code, message, ""}, protocol.HTTPStatus(code, true)}
}

func malformed(message string) *refusal {
	return &refusal{failure{wire.CodeInvalidParams, message, ""}, http.StatusBadRequest}
}

// reply is the error response to m.
func (f *refusal) reply(m wire.Message) []byte {
	var data []byte
	if f.data != "" {
		data = []byte(f.data)
	}
	return wire.NewError(m.Bytes(m.ID), f.code, f.message, data)
}

// claims are what a request of the newer era says of itself.
type claims struct {
	Name, URI, TaskID string
	Arguments         json.RawMessage
	InputResponses    map[string]json.RawMessage
	RequestState      *string
	Notifications     filter
	Meta              struct {
		Version  *string                          `json:"io.modelcontextprotocol/protocolVersion"`
		Caps     json.RawMessage                  `json:"io.modelcontextprotocol/clientCapabilities"`
		Info     *struct{ Name, Version *string } `json:"io.modelcontextprotocol/clientInfo"`
		LogLevel *string                          `json:"io.modelcontextprotocol/logLevel"`
	} `json:"_meta"`
}

// admit checks a request as 2026-07-28 demands: the headers mirror the body, _meta has what it must, the version
// and the method are of this revision (basic/transports/streamable-http §Server Validation, basic/index §_meta).
// header is nil on pipes.
func (s *Server) admit(header http.Header, m wire.Message) *refusal {
	var c claims
	bad := json.Unmarshal(m.Bytes(m.Params), &c) != nil
	if m.Method == "initialize" && c.Meta.Version == nil {
		var p struct{ ProtocolVersion string }
		_ = json.Unmarshal(m.Bytes(m.Params), &p) // A malformed one asked for nothing.
		return unsupported(p.ProtocolVersion)
	}
	if header != nil {
		if f := c.mirrored(header, m.Method); f != nil {
			return f
		}
	}
	if f := c.described(bad); f != nil {
		return f
	}
	switch version := *c.Meta.Version; {
	case header != nil && header.Get("Mcp-Protocol-Version") != version:
		return refused(wire.CodeHeaderMismatch, "MCP-Protocol-Version is not the version in _meta")
	case version != protocol.V20260728:
		return unsupported(version)
	case slices.Contains([]string{"initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"}, m.Method):
		return refused(wire.CodeMethodNotFound, "this revision has no "+m.Method)
	case header != nil && m.Method == "tools/call" && c.Name == "x_header":
		if f := c.paramHeaders(header); f != nil {
			return f
		}
	}
	if m.Method == "subscriptions/listen" && len(c.Notifications.Tasks) > 0 && !covers(c.Meta.Caps, json.RawMessage(protocol.TasksRequired)) {
		f := missingTasks()
		return &refusal{*f, protocol.HTTPStatus(f.code, true)}
	}
	return s.retried(&c, m)
}

// agreed says whether a POST of the older era is of a session, and of the revision that was agreed on there:
// 2025-06-18 and later say so in a header (basic/transports §Session Management, §Protocol Version Header). Only
// servers of one revision mind.
func (s *Server) agreed(header http.Header, session string, m wire.Message) bool {
	if s.script.Version == "" || s.script.modern() || m.Method == "initialize" || m.Method == "server/discover" {
		return true
	}
	if session == "" && !s.script.NoSession {
		return false
	}
	s.mu.Lock()
	version := s.peer(session).version
	s.mu.Unlock()
	sent := header.Get("Mcp-Protocol-Version")
	return sent == "" || sent == version
}

func unsupported(version string) *refusal {
	f := refused(wire.CodeUnsupportedVersion, "only 2026-07-28")
	f.data = `{"supported":["` + protocol.V20260728 + `"],"requested":` + quote(version) + `}`
	return f
}

// mirrored checks the standard headers.
func (c *claims) mirrored(header http.Header, method string) *refusal {
	if len(header.Values("Mcp-Protocol-Version")) != 1 {
		return refused(wire.CodeHeaderMismatch, "MCP-Protocol-Version must be sent once")
	}
	want := [][2]string{{"Mcp-Method", method}}
	switch method {
	case "tools/call", "prompts/get":
		want = append(want, [2]string{"Mcp-Name", c.Name})
	case "resources/read":
		want = append(want, [2]string{"Mcp-Name", c.URI})
	case "tasks/get", "tasks/update", "tasks/cancel":
		want = append(want, [2]string{"Mcp-Name", c.TaskID})
	}
	for _, w := range want {
		sent := header.Values(w[0])
		if len(sent) != 1 {
			return refused(wire.CodeHeaderMismatch, w[0]+" must be sent once")
		}
		if text, ok := decoded(sent[0]); !ok || text != w[1] {
			return refused(wire.CodeHeaderMismatch, w[0]+" is not what the body says")
		}
	}
	return nil
}

// decoded reads a header's value, which may be in base64 between markers (§Value Encoding).
func decoded(v string) (string, bool) {
	const before, after = "=?base64?", "?="
	if !strings.HasPrefix(v, before) || !strings.HasSuffix(v, after) || len(v) < len(before)+len(after) {
		return v, true
	}
	text, err := base64.StdEncoding.DecodeString(v[len(before) : len(v)-len(after)])
	return string(text), err == nil
}

// described checks _meta.
func (c *claims) described(bad bool) *refusal {
	level := ""
	if c.Meta.LogLevel != nil {
		level = *c.Meta.LogLevel
	}
	_, named := protocol.LogLevel(level)
	switch {
	case c.Meta.Version == nil:
		return malformed(protocol.MetaVersion + " is missing")
	case len(c.Meta.Caps) == 0 || c.Meta.Caps[0] != '{':
		return malformed(protocol.MetaCapabilities + " is no object")
	case c.Meta.Info != nil && (c.Meta.Info.Name == nil || c.Meta.Info.Version == nil):
		return malformed(protocol.MetaClientInfo + " has no name or version")
	case c.Meta.LogLevel != nil && !named:
		return malformed(protocol.MetaLogLevel + " is no level")
	case bad:
		return malformed("the params are malformed")
	}
	return nil
}

// paramHeaders checks that the arguments of x_header are repeated in headers, and no others.
func (c *claims) paramHeaders(header http.Header) *refusal {
	var args struct {
		Region, Count, Dry json.RawMessage
		Deep               struct{ Zone json.RawMessage }
	}
	_ = json.Unmarshal(c.Arguments, &args) // What is malformed counts as absent.
	for name, value := range map[string]json.RawMessage{"Region": args.Region, "Count": args.Count, "Dry": args.Dry, "Zone": args.Deep.Zone} {
		sent := header.Values("Mcp-Param-" + name)
		absent := len(value) == 0 || string(value) == "null"
		if absent && len(sent) == 0 {
			continue
		}
		if absent || len(sent) != 1 || !sameValue(sent[0], value) {
			return refused(wire.CodeHeaderMismatch, "Mcp-Param-"+name+" is not the argument in the body")
		}
	}
	return nil
}

// sameValue compares a header with an argument: texts as such, numbers as numbers.
func sameValue(sent string, value json.RawMessage) bool {
	text, ok := decoded(sent)
	var want string
	if json.Unmarshal(value, &want) == nil {
		return ok && text == want
	}
	got, err := strconv.ParseFloat(text, 64)
	number, wrong := strconv.ParseFloat(string(value), 64)
	if err == nil && wrong == nil {
		return ok && got == number
	}
	return ok && text == string(value)
}

// retried checks a request that repeats another: its state is ours and of this very request, and its answers are
// some (basic/patterns/mrtr §Server Requirements, §Error Handling). State on any other request has leaked.
func (s *Server) retried(c *claims, m wire.Message) *refusal {
	switch {
	case m.Method == "tasks/update": // It has answers of its own.
		return nil
	case c.RequestState == nil && c.InputResponses == nil:
		return nil
	case c.RequestState == nil:
		return refused(wire.CodeInvalidParams, "inputResponses without the requestState that they belong to")
	}
	var st state
	if !st.open(*c.RequestState) || st.Of != s.mark(m) {
		return refused(wire.CodeInvalidParams, "the requestState is not of this request")
	}
	for key, raw := range c.InputResponses {
		if strings.HasPrefix(key, "q") && !answers(raw) {
			return refused(wire.CodeInvalidParams, "the response to "+key+" is malformed")
		}
	}
	return nil
}

// answers says whether a text is an ElicitResult, a CreateMessageResult or a ListRootsResult.
func answers(raw json.RawMessage) bool {
	var a struct {
		Action, Role, Model *string
		Content             json.RawMessage
		Roots               *[]struct{ URI *string }
	}
	switch {
	case json.Unmarshal(raw, &a) != nil || !bytes.HasPrefix(raw, []byte("{")):
		return false
	case a.Action != nil:
		return slices.Contains([]string{"accept", "decline", "cancel"}, *a.Action)
	case a.Roots != nil:
		return true
	}
	return a.Role != nil && a.Model != nil && len(a.Content) > 0
}
