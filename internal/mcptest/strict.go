package mcptest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// failure is a JSON-RPC error.
type failure struct {
	code    int
	message string
	data    string // JSON, or ""
	// envelope says that the request was refused for what surrounds it, refused that the client did not answer
	// what it was asked; tools tell that in their result.
	envelope, refused bool
}

func failed(code int, message string) *failure { return &failure{code: code, message: message} }

// status is the HTTP status of the error in 2026-07-28 (basic/transports §Request Metadata, basic/index §_meta).
func (f *failure) status() int {
	switch {
	case f == nil:
		return http.StatusOK
	case f.code == wire.CodeMethodNotFound:
		return http.StatusNotFound
	case f.envelope, f.code == wire.CodeHeaderMismatch, f.code == wire.CodeMissingCapability, f.code == wire.CodeUnsupportedVersion:
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// requestMeta is what a request says of itself in params._meta.
type requestMeta struct {
	Version       *string                          `json:"io.modelcontextprotocol/protocolVersion"`
	Capabilities  json.RawMessage                  `json:"io.modelcontextprotocol/clientCapabilities"`
	ClientInfo    *struct{ Name, Version *string } `json:"io.modelcontextprotocol/clientInfo"`
	LogLevel      *string                          `json:"io.modelcontextprotocol/logLevel"`
	ProgressToken json.RawMessage                  `json:"progressToken"`
}

// admit checks a request of 2026-07-28 as that revision demands: the headers mirror the body (HTTP only), _meta
// has what it must, the version is the one that is spoken (basic/transports/streamable-http §Server Validation,
// basic/index §_meta).
func (r *request) admit() *failure {
	if f := r.mirrored(); f != nil {
		return f
	}
	if f := r.described(); f != nil {
		return f
	}
	if r.header != nil && r.header.Get("Mcp-Protocol-Version") != *r.params.Meta.Version {
		return failed(wire.CodeHeaderMismatch, "MCP-Protocol-Version is not the version in _meta")
	}
	if v := *r.params.Meta.Version; v != protocol.V20260728 {
		return r.unsupported(v)
	}
	if f := r.paramHeaders(); f != nil {
		return f
	}
	return r.readState()
}

func (r *request) unsupported(version string) *failure {
	data := `{"supported":["` + protocol.V20260728 + `"],"requested":` + quote(version) + `}`
	return &failure{code: wire.CodeUnsupportedVersion, message: "only 2026-07-28", data: data, envelope: true}
}

// mirrored checks the standard headers.
func (r *request) mirrored() *failure {
	if r.header == nil {
		return nil
	}
	want := map[string]string{"Mcp-Method": r.m.Method}
	if name, ok := r.target(); ok {
		want["Mcp-Name"] = name
	}
	if v := r.header.Values("Mcp-Protocol-Version"); len(v) != 1 {
		return failed(wire.CodeHeaderMismatch, "MCP-Protocol-Version must be sent once")
	}
	for header, value := range want {
		sent := r.header.Values(header)
		if len(sent) != 1 {
			return failed(wire.CodeHeaderMismatch, header+" must be sent once")
		}
		if decoded, ok := decoded(sent[0]); !ok || decoded != value {
			return failed(wire.CodeHeaderMismatch, header+" is not what the body says")
		}
	}
	return nil
}

// target is what Mcp-Name must say. Of tasks it is the id, by the extension.
func (r *request) target() (string, bool) {
	switch r.m.Method {
	case "tools/call", "prompts/get":
		return r.params.Name, true
	case "resources/read":
		return r.params.URI, true
	case "tasks/get", "tasks/update", "tasks/cancel":
		return r.params.TaskID, true
	}
	return "", false
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
func (r *request) described() *failure {
	meta := r.params.Meta
	wrong := ""
	switch {
	case meta.Version == nil:
		wrong = protocol.MetaVersion + " is missing"
	case len(meta.Capabilities) == 0 || meta.Capabilities[0] != '{':
		wrong = protocol.MetaCapabilities + " is no object"
	case meta.ClientInfo != nil && (meta.ClientInfo.Name == nil || meta.ClientInfo.Version == nil):
		wrong = protocol.MetaClientInfo + " has no name or version"
	case meta.LogLevel != nil && rank(*meta.LogLevel) < 0:
		wrong = protocol.MetaLogLevel + " is no level"
	default:
		return nil
	}
	return &failure{code: wire.CodeInvalidParams, message: wrong, envelope: true}
}

// paramHeaders checks that the arguments of x_header are repeated in headers, and no others.
func (r *request) paramHeaders() *failure {
	if r.header == nil || r.m.Method != "tools/call" || r.params.Name != "x_header" {
		return nil
	}
	var args struct {
		Region, Count, Dry json.RawMessage
		Deep               struct{ Zone json.RawMessage }
	}
	_ = json.Unmarshal(r.params.Arguments, &args) // What is malformed counts as absent.
	for header, value := range map[string]json.RawMessage{"Region": args.Region, "Count": args.Count, "Dry": args.Dry, "Zone": args.Deep.Zone} {
		sent := r.header.Values("Mcp-Param-" + header)
		if len(value) == 0 || string(value) == "null" {
			if len(sent) > 0 {
				return failed(wire.CodeHeaderMismatch, "Mcp-Param-"+header+" is sent, but there is no such argument")
			}
			continue
		}
		if len(sent) != 1 || !sameValue(sent[0], value) {
			return failed(wire.CodeHeaderMismatch, "Mcp-Param-"+header+" is not the argument")
		}
	}
	return nil
}

func sameValue(sent string, value json.RawMessage) bool {
	text, ok := decoded(sent)
	if !ok {
		return false
	}
	var want string
	if json.Unmarshal(value, &want) == nil {
		return text == want
	}
	got, err := strconv.ParseFloat(text, 64)
	number, wrong := strconv.ParseFloat(string(value), 64)
	if err == nil && wrong == nil {
		return got == number
	}
	return text == string(value)
}

// finished is a result as the revision wants it: from 2026-07-28 with a resultType, caching hints where they
// belong, and the server's name.
func (r *request) finished(result string) string {
	if !r.s.script.strict() || !r.modern() {
		return result
	}
	raw := []byte(result)
	var set []wire.Member
	have := make(map[string]bool)
	var meta wire.Span
	for name, value := range wire.Members(raw, wire.Span{End: len(raw)}) {
		have[name] = true
		if name == "_meta" {
			meta = value
		}
	}
	if !have["resultType"] {
		set = append(set, wire.Member{Name: "resultType", Value: []byte(`"complete"`)})
	}
	switch r.m.Method {
	case "server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read":
		if !have["requestState"] {
			set = append(set, wire.Member{Name: "ttlMs", Value: []byte("1000")}, wire.Member{Name: "cacheScope", Value: []byte(`"private"`)})
		}
	}
	info := []byte(`{}`)
	if meta.OK() {
		info = raw[meta.Start:meta.End]
	}
	info = wire.Splice(nil, info, []wire.Edit{wire.SetMember(info, wire.Span{End: len(info)}, protocol.MetaServerInfo, []byte(r.s.info()))})
	set = append(set, wire.Member{Name: "_meta", Value: info})
	return string(wire.Splice(nil, raw, wire.ChangeMembers(raw, wire.Span{End: len(raw)}, set, nil)))
}
