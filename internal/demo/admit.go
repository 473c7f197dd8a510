package demo

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// fields is a JSON object.
type fields map[string]any

// failure is a JSON-RPC error.
type failure struct {
	code    int
	message string
	data    any
}

func (f *failure) Error() string { return f.message }

func invalid(format string, args ...any) *failure {
	return &failure{code: wire.CodeInvalidParams, message: fmt.Sprintf(format, args...)}
}

// silent is the log level of a client that asked for no log messages.
const silent = 1 << 10

// request is an admitted request: what it says, and what its client is.
type request struct {
	server *server
	id     json.RawMessage
	params []byte // an object
	modern bool
	caps   protocol.Capabilities
	token  json.RawMessage // progress token, nil where no progress is wanted
	level  func() int      // the least severe log level that is wanted
}

// handler answers one method.
type handler func(ctx context.Context, r *request) (fields, error)

// method says which era has a method, and who answers it.
type method struct {
	legacy, modern bool
	run            handler
}

// lookup is the table of methods.
func lookup(name string) (method, bool) {
	both := func(h handler) (method, bool) { return method{true, true, h}, true }
	switch name {
	case "ping":
		return method{legacy: true, run: ping}, true
	case "logging/setLevel":
		return method{legacy: true, run: setLevel}, true
	case "server/discover":
		return method{modern: true, run: discover}, true
	case "subscriptions/listen":
		return method{modern: true, run: listen}, true
	case "tools/list":
		return both(listTools)
	case "tools/call":
		return both(callTool)
	case "prompts/list":
		return both(listPrompts)
	case "prompts/get":
		return both(getPrompt)
	case "resources/list":
		return both(listResources)
	case "resources/templates/list":
		return both(listTemplates)
	case "resources/read":
		return both(readResource)
	case "completion/complete":
		return both(complete)
	}
	return method{}, false
}

// admit decides about a request in four steps: (1) an initialize opens a session; (2) a request that says
// its revision in _meta is of the stateless era and must say what that era asks for; (3) any other one
// needs a session, but for a ping; (4) the era must have the method.
func (s *server) admit(m wire.Message) (*request, handler, error) {
	r := &request{server: s, id: m.Bytes(m.ID), params: m.Bytes(m.Params), level: func() int { return silent }}
	if len(r.params) == 0 {
		r.params = []byte("{}")
	}
	var p struct {
		Meta map[string]json.RawMessage `json:"_meta"`
	}
	if err := json.Unmarshal(r.params, &p); err != nil {
		return r, nil, invalid("params is not an object with an object _meta")
	}
	r.token = p.Meta["progressToken"]
	known, ok := lookup(m.Method)
	if raw, said := p.Meta[protocol.MetaVersion]; said && m.Method != "initialize" {
		r.modern = true
		if err := r.readMeta(raw, p.Meta); err != nil {
			return r, nil, err
		}
		ok = ok && known.modern
	} else {
		if m.Method == "initialize" {
			result, err := s.initialize(r.params)
			return r, func(context.Context, *request) (fields, error) { return result, err }, nil
		}
		now := s.current()
		if now == nil && m.Method != "ping" {
			return r, nil, invalid("_meta has no %s, and no initialize came before", protocol.MetaVersion)
		}
		if now != nil {
			r.caps, r.level = now.caps, func() int { return s.current().level }
		}
		ok = ok && known.legacy
	}
	if !ok {
		return r, nil, &failure{code: wire.CodeMethodNotFound, message: "unknown method " + m.Method}
	}
	return r, known.run, nil
}

// readMeta takes in what a request of the stateless era says of itself.
// MCP 2026-07-28 basic §_meta: version and capabilities are required, the log level is not.
func (r *request) readMeta(version json.RawMessage, meta map[string]json.RawMessage) error {
	var v string
	if json.Unmarshal(version, &v) != nil {
		return invalid("_meta %s is not a text", protocol.MetaVersion)
	}
	if !protocol.Known(v) || !protocol.Modern(v) {
		return &failure{
			code:    wire.CodeUnsupportedVersion,
			message: "unsupported protocol version",
			data:    fields{"supported": protocol.Supported(), "requested": v},
		}
	}
	raw, ok := meta[protocol.MetaCapabilities]
	if !ok || len(raw) == 0 || raw[0] != '{' {
		return invalid("_meta has no %s", protocol.MetaCapabilities)
	}
	r.caps = protocol.ParseCapabilities(raw)
	if raw, ok := meta[protocol.MetaLogLevel]; ok {
		var name string
		if json.Unmarshal(raw, &name) != nil {
			return invalid("_meta %s is not a text", protocol.MetaLogLevel)
		}
		level, ok := protocol.LogLevel(name)
		if !ok {
			return invalid("_meta %s: unknown level %q", protocol.MetaLogLevel, name)
		}
		r.level = func() int { return level }
	}
	return nil
}

// current is a copy of the session, nil before initialize.
func (s *server) current() *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session == nil {
		return nil
	}
	c := *s.session
	return &c
}

// initialize opens the session of the handshake era. MCP 2025-11-25 basic/lifecycle §Initialization.
func (s *server) initialize(params []byte) (fields, error) {
	var p struct {
		ProtocolVersion *string         `json:"protocolVersion"`
		Capabilities    json.RawMessage `json:"capabilities"`
	}
	if err := json.Unmarshal(params, &p); err != nil || p.ProtocolVersion == nil {
		return nil, invalid("protocolVersion is missing or not a text")
	}
	version := protocol.Negotiate(*p.ProtocolVersion)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session != nil {
		return nil, &failure{code: wire.CodeInvalidRequest, message: "already initialized"}
	}
	s.session = &session{version: version, caps: protocol.ParseCapabilities(p.Capabilities), level: silent}
	return fields{
		"protocolVersion": version,
		"capabilities":    capabilities(version),
		"serverInfo":      serverInfo,
		"instructions":    instructions,
	}, nil
}

// capabilities is what this server offers in a revision.
func capabilities(version string) fields {
	c := fields{"tools": fields{}, "prompts": fields{}, "resources": fields{}, "logging": fields{}}
	if version >= protocol.V20250326 {
		c["completions"] = fields{}
	}
	return c
}

// decode reads the params of a request.
func (r *request) decode(to any) error {
	if err := json.Unmarshal(r.params, to); err != nil {
		return invalid("params: %v", err)
	}
	return nil
}

// progress tells the client how far a call is, if it wants to know.
func (r *request) progress(done, total int, message string) {
	if r.token == nil {
		return
	}
	r.server.notify("notifications/progress", fields{"progressToken": r.token, "progress": done, "total": total, "message": message})
}

// log sends a log message, if the client wants any of this level.
func (r *request) log(level string, data any) {
	if n, ok := protocol.LogLevel(level); ok && n >= r.level() {
		r.server.notify("notifications/message", fields{"level": level, "logger": "demo", "data": data})
	}
}
