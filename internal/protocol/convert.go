package protocol

import (
	"strconv"

	"github.com/mcpmux/mcpmux/internal/wire"
)

// The converters between the eras are edits of one message, for wire.Splice together with others outside
// their objects. They change like to like only: what one era cannot express is its caller's business.

// Hints are the caching hints that 2026-07-28 wants in complete results of cacheable methods.
type Hints struct {
	TTL   int64  // milliseconds
	Scope string // "private" or "public"; "" means private
}

// ModernizeResult makes a result of an older revision one of 2026-07-28: a resultType where there is none,
// and caching hints where the method wants them. serverInfo, where given, is put in _meta.
func ModernizeResult(raw []byte, result wire.Span, method string, hints Hints, serverInfo []byte) []wire.Edit {
	var kind, meta, ttl, scope wire.Span
	for n, v := range wire.Members(raw, result) {
		switch n {
		case "resultType":
			kind = v
		case "_meta":
			meta = v
		case "ttlMs":
			ttl = v
		case "cacheScope":
			scope = v
		}
	}
	var set []wire.Member
	if !kind.OK() {
		set = append(set, wire.Member{Name: "resultType", Value: []byte(`"complete"`)})
	}
	complete := true
	if kind.OK() {
		text, _ := wire.String(raw, kind)
		complete = text == "complete"
	}
	if m, ok := Lookup(method); ok && m.Cacheable && complete {
		if !ttl.OK() {
			set = append(set, wire.Member{Name: "ttlMs", Value: strconv.AppendInt(nil, hints.TTL, 10)})
		}
		if !scope.OK() {
			if hints.Scope == "" {
				hints.Scope = "private"
			}
			set = append(set, wire.Member{Name: "cacheScope", Value: wire.Quote(hints.Scope)})
		}
	}
	if serverInfo != nil {
		set = append(set, nested(raw, meta, "_meta", []wire.Member{{Name: MetaServerInfo, Value: serverInfo}}, nil))
	}
	return wire.ChangeMembers(raw, result, set, nil)
}

// LegacyResult makes a result of 2026-07-28 one of an older revision: without resultType, caching hints and
// the server's information in _meta. Only a complete result can become one (Complete).
func LegacyResult(raw []byte, result wire.Span) []wire.Edit {
	return legacyResult(raw, result, nil, "")
}

// legacyResult is LegacyResult with more to set and one more member to remove, which may be "".
func legacyResult(raw []byte, result wire.Span, set []wire.Member, remove string) []wire.Edit {
	if meta, ok := single(raw, result, "_meta"); ok && raw[meta.Start] == '{' {
		if _, ok := single(raw, meta, MetaServerInfo); ok {
			set = append(set, nested(raw, meta, "_meta", nil, func(n string) bool { return n == MetaServerInfo }))
		}
	}
	return wire.ChangeMembers(raw, result, set, func(n string) bool {
		return n == "resultType" || n == "ttlMs" || n == "cacheScope" || n == remove && n != ""
	})
}

// Complete says whether a result is one: of an older revision, or of resultType "complete". Others ask for
// input, or belong to an extension.
func Complete(raw []byte, result wire.Span) bool {
	for n, v := range wire.Members(raw, result) {
		if n == "resultType" {
			text, _ := wire.String(raw, v)
			return text == "complete"
		}
	}
	return true
}

// Envelope is what every request of 2026-07-28 says in its _meta. ClientInfo and Capabilities are JSON
// objects; the level may be "".
type Envelope struct {
	Version                  string
	ClientInfo, Capabilities []byte
	LogLevel                 string
}

// RequestToModern makes a request of an older revision one of 2026-07-28. What its _meta holds besides stays;
// the wish to run a tool as a task, which core tasks had in params.task, does not.
func RequestToModern(m *wire.Message, e Envelope) []wire.Edit {
	capabilities := e.Capabilities
	if capabilities == nil {
		capabilities = []byte("{}")
	}
	set := []wire.Member{{Name: MetaVersion, Value: wire.Quote(e.Version)}, {Name: MetaCapabilities, Value: capabilities}}
	if e.ClientInfo != nil {
		set = append(set, wire.Member{Name: MetaClientInfo, Value: e.ClientInfo})
	}
	if e.LogLevel != "" {
		set = append(set, wire.Member{Name: MetaLogLevel, Value: wire.Quote(e.LogLevel)})
	}
	if !m.Params.OK() {
		params := nested(m.Raw, wire.Span{}, "params", []wire.Member{nested(m.Raw, wire.Span{}, "_meta", set, nil)}, nil)
		return wire.ChangeMembers(m.Raw, whole(m.Raw), []wire.Member{params}, nil)
	}
	meta, _ := single(m.Raw, m.Params, "_meta")
	return wire.ChangeMembers(m.Raw, m.Params, []wire.Member{nested(m.Raw, meta, "_meta", set, requestKey)}, func(n string) bool {
		return n == "task" && m.Method == "tools/call"
	})
}

// RequestToLegacy takes from a request what only 2026-07-28 has: its members of _meta, and in the methods
// whose results may ask for input the answers and the state.
func RequestToLegacy(m *wire.Message) []wire.Edit { return RequestFor(NewestLegacy, true, m) }

// RequestFor takes from a request what a Server of this revision, one with initialize, does not know; tasks
// says whether the Server declared core tasks. A request of a client of that revision loses nothing.
func RequestFor(version string, tasks bool, m *wire.Message) []wire.Edit {
	if Has(version, RequestMeta) {
		return nil
	}
	method, _ := Lookup(m.Method)
	edits := wire.ChangeMembers(m.Raw, m.Params, nil, func(n string) bool {
		switch n {
		case "inputResponses", "requestState":
			return method != nil && method.Interactive && method.Modern
		case "context":
			return m.Method == "completion/complete" && !Has(version, CompletionContext)
		case "task":
			return m.Method == "tools/call" && (!tasks || !Has(version, TasksCore))
		}
		return false
	})
	if meta, ok := single(m.Raw, m.Params, "_meta"); ok {
		edits = append(edits, wire.ChangeMembers(m.Raw, meta, nil, requestKey)...)
	}
	return sorted(edits)
}

// WithSubscription gives a notification the id of the listen request on whose stream it goes out, as the client
// wrote it; nil takes the id away, which older revisions do not have.
func WithSubscription(m *wire.Message, id []byte) []byte {
	meta, ok := single(m.Raw, m.Params, "_meta")
	switch {
	case !m.Params.OK():
		return m.Raw
	case id != nil:
		set := []wire.Member{nested(m.Raw, meta, "_meta", []wire.Member{{Name: MetaSubscription, Value: id}}, nil)}
		return wire.Splice(nil, m.Raw, wire.ChangeMembers(m.Raw, m.Params, set, nil))
	case !ok:
		return m.Raw
	}
	edits := wire.ChangeMembers(m.Raw, meta, nil, func(n string) bool { return n == MetaSubscription })
	return wire.Splice(nil, m.Raw, edits)
}

// requestKey says whether a member of _meta is one that 2026-07-28 defines. It goes by name, not by prefix:
// io.modelcontextprotocol/related-task is of 2025-11-25.
func requestKey(name string) bool {
	switch name {
	case MetaVersion, MetaCapabilities, MetaClientInfo, MetaLogLevel, MetaSubscription:
		return true
	}
	return false
}

// nested is the member name with the object at obj as its value, changed; an absent or other value counts as
// an empty object.
func nested(raw []byte, obj wire.Span, name string, set []wire.Member, remove func(string) bool) wire.Member {
	if !obj.OK() || raw[obj.Start] != '{' {
		raw, obj = []byte("{}"), wire.Span{Start: 0, End: 2}
	}
	text := raw[obj.Start:obj.End]
	return wire.Member{Name: name, Value: wire.Splice(nil, text, wire.ChangeMembers(text, whole(text), set, remove))}
}
