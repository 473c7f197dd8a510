package mcptest

import (
	"encoding/json"
	"slices"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// peer is what a client of the older era said in its session, or on its pipe.
type peer struct {
	version  string
	caps     json.RawMessage
	level    string                       // of logging/setLevel; "" sends everything
	uris     map[string]bool              // subscribed resources
	ready    bool                         // notifications/initialized came
	asked    int                          // questions to it
	thrown   map[string]bool              // pages that elicit_throws sent it to
	started  bool                         // what the script asks at the start was asked
	tapes    map[string]*tape             // its streams, by name
	standing func()                       // takes back its stream for what no request causes, of a Script.Resumable
	start    map[string]chan wire.Message // the answers, by the tool that tells them
}

// peer is the state of a session; s.mu is held.
func (s *Server) peer(session string) *peer {
	p := s.peers[session]
	if p == nil {
		p = &peer{uris: make(map[string]bool), thrown: make(map[string]bool), tapes: make(map[string]*tape), start: make(map[string]chan wire.Message)}
		s.peers[session] = p
	}
	return p
}

// envelope is what every request may say beside its arguments.
type envelope struct {
	Meta struct {
		Version  string          `json:"io.modelcontextprotocol/protocolVersion"`
		Caps     json.RawMessage `json:"io.modelcontextprotocol/clientCapabilities"`
		LogLevel string          `json:"io.modelcontextprotocol/logLevel"`
		Token    json.RawMessage `json:"progressToken"`
	} `json:"_meta"`
	Responses map[string]json.RawMessage `json:"inputResponses"`
	State     string                     `json:"requestState"`
	Task      json.RawMessage            `json:"task"`
}

// know reads the envelope and which revision the request is of.
func (r *request) know() {
	_ = json.Unmarshal(r.m.Bytes(r.m.Params), &r.envelope) // No params, nothing said.
	if r.s.script.modern() && (r.Meta.Version != "" || !r.s.script.legacy()) {
		r.modern, r.version, r.caps = true, protocol.V20260728, r.Meta.Caps
		return
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	p := r.s.peer(r.session)
	r.version, r.caps = p.version, p.caps
}

// has says whether the revision of the request has a feature.
func (r *request) has(f protocol.Feature) bool { return protocol.Has(r.version, f) }

// plain says whether the script names no revision: then definitions and capabilities are the same for all.
func (s Script) plain() bool { return s.Version == "" && s.Era == "" }

// can says whether the client declared capabilities at least those of want, objects both.
func (r *request) can(want string) bool { return covers(r.caps, json.RawMessage(want)) }

func covers(have, want json.RawMessage) bool {
	var h, w map[string]json.RawMessage
	if json.Unmarshal(want, &w) != nil || json.Unmarshal(have, &h) != nil {
		return false
	}
	for name, inner := range w {
		got, ok := h[name]
		if !ok || !covers(got, inner) {
			return false
		}
	}
	return true
}

// complete is a result of the newer era: it says that it is complete, how long a list may be kept, and, of a
// strict server, who made it.
func (r *request) complete(result string) string {
	if !r.modern || result == Odd || wire.Valid([]byte(result)) != nil {
		return result
	}
	raw := []byte(result)
	add := r.completion()
	if r.s.script.strict() {
		add = append(add, wire.Member{Name: "_meta", Value: []byte(`{"` + protocol.MetaServerInfo + `":` + r.s.serverInfo() + `}`)})
	}
	for name, value := range wire.Members(raw, wire.Span{End: len(raw)}) {
		if name == "resultType" && string(raw[value.Start:value.End]) != `"complete"` {
			return result // A question or a task has no more than it says.
		}
		add = slices.DeleteFunc(add, func(m wire.Member) bool { return m.Name == name })
	}
	return string(wire.Splice(nil, raw, wire.ChangeMembers(raw, wire.Span{End: len(raw)}, add, nil)))
}

func (r *request) completion() []wire.Member {
	add := []wire.Member{{Name: "resultType", Value: []byte(`"complete"`)}}
	switch r.m.Method {
	case "server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read":
		add = append(add, wire.Member{Name: "ttlMs", Value: []byte("0")}, wire.Member{Name: "cacheScope", Value: []byte(`"private"`)})
	}
	return add
}
