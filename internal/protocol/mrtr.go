package protocol

import (
	"strconv"

	"github.com/mcpmux/mcpmux/internal/wire"
)

// From 2026-07-28 a Server asks in its result (resultType "input_required"), and the client repeats the
// request with its answers and the Server's state (MCP 2026-07-28 basic/patterns/mrtr).

// InputRequest is one question of a result that requires input. Params is nil where it has none.
type InputRequest struct {
	Key, Method string
	Params      []byte
}

// InputResponse is the answer to the question of the same key: an ElicitResult, CreateMessageResult or
// ListRootsResult object.
type InputResponse struct {
	Key    string
	Result []byte
}

// InputRequired is a result that asks for input. A state of "" is left out.
func InputRequired(requests []InputRequest, state string) []byte {
	b := []byte(`{"resultType":"input_required"`)
	if len(requests) > 0 {
		b = append(b, `,"inputRequests":{`...)
		for i, r := range requests {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(b, wire.Quote(r.Key)...), `:{"method":`...)
			b = append(b, wire.Quote(r.Method)...)
			if r.Params != nil {
				b = append(append(b, `,"params":`...), r.Params...)
			}
			b = append(b, '}')
		}
		b = append(b, '}')
	}
	if state != "" {
		b = append(append(b, `,"requestState":`...), wire.Quote(state)...)
	}
	return append(b, '}')
}

// ReadInputRequired reads a result that asks for input; state is the text of its requestState with the
// quotes, absent where it has none. False: it is no such result, or a malformed one. The result lies in valid
// text.
func ReadInputRequired(raw []byte, result wire.Span) (requests []InputRequest, state wire.Span, ok bool) {
	var found [3]wire.Span
	if err := wire.Find(raw, result, []string{"resultType", "inputRequests", "requestState"}, found[:]); err != nil {
		return nil, state, false
	}
	kind, _ := wire.String(raw, found[0])
	asked, state := found[1], found[2]
	if kind != "input_required" || !asked.OK() && !state.OK() || state.OK() && raw[state.Start] != '"' {
		return nil, wire.Span{}, false
	}
	if asked.OK() && raw[asked.Start] != '{' {
		return nil, wire.Span{}, false
	}
	seen := map[string]bool{}
	for key, v := range wire.Members(raw, asked) {
		r, ok := readInputRequest(raw, v)
		if !ok || seen[key] {
			return nil, wire.Span{}, false
		}
		seen[key], r.Key = true, key
		requests = append(requests, r)
	}
	return requests, state, true
}

func readInputRequest(raw []byte, at wire.Span) (InputRequest, bool) {
	var found [2]wire.Span
	if err := wire.Find(raw, at, []string{"method", "params"}, found[:]); err != nil {
		return InputRequest{}, false
	}
	method, ok := wire.String(raw, found[0])
	r := InputRequest{Method: method}
	if found[1].OK() {
		r.Params = raw[found[1].Start:found[1].End]
	}
	return r, ok
}

// ReadInputResponses reads the answers and the state of a request that repeats another. False: it repeats
// none. What is malformed or there twice reads as absent; still it is a repetition, and must not be taken for
// a new request. The params lie in valid text.
func ReadInputResponses(raw []byte, params wire.Span) (responses map[string][]byte, state string, ok bool) {
	for name := range wire.Members(raw, params) {
		ok = ok || name == "inputResponses" || name == "requestState"
	}
	if !ok {
		return nil, "", false
	}
	if at, single := single(raw, params, "requestState"); single {
		state, _ = wire.String(raw, at)
	}
	at, _ := single(raw, params, "inputResponses")
	responses = map[string][]byte{}
	for key, v := range wire.Members(raw, at) {
		if _, twice := responses[key]; twice {
			return nil, state, true
		}
		responses[key] = raw[v.Start:v.End]
	}
	return responses, state, true
}

// WithInputResponses is the request m, repeated with these answers. state is the text of the Server's
// requestState with the quotes, and goes back byte for byte; nil means that the Server gave none, and then
// none is sent (MCP 2026-07-28 basic/patterns/mrtr §Request State).
func WithInputResponses(m wire.Message, responses []InputResponse, state []byte) []byte {
	var set []wire.Member
	if len(responses) > 0 {
		b := []byte{'{'}
		for i, r := range responses {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(append(b, wire.Quote(r.Key)...), ':'), r.Result...)
		}
		set = append(set, wire.Member{Name: "inputResponses", Value: append(b, '}')})
	}
	if state != nil {
		set = append(set, wire.Member{Name: "requestState", Value: state})
	}
	remove := func(n string) bool { return n == "inputResponses" || n == "requestState" }
	if !m.Params.OK() {
		params := nested(m.Raw, wire.Span{}, "params", set, nil)
		return wire.Splice(nil, m.Raw, wire.ChangeMembers(m.Raw, whole(m.Raw), []wire.Member{params}, nil))
	}
	return wire.Splice(nil, m.Raw, wire.ChangeMembers(m.Raw, m.Params, set, remove))
}

// URLsRequired are the params of the elicitations that the error of 2025-11-25 names which wants URLs visited
// first (code -32042). errorRaw is the text of the error object; nil: it is no such error.
func URLsRequired(errorRaw []byte) [][]byte {
	at := whole(errorRaw)
	code, _ := single(errorRaw, at, "code")
	if string(errorRaw[code.Start:code.End]) != strconv.Itoa(CodeURLRequired) {
		return nil
	}
	data, _ := single(errorRaw, at, "data")
	list, _ := single(errorRaw, data, "elicitations")
	var urls [][]byte
	for e := range wire.Elements(errorRaw, list) {
		urls = append(urls, errorRaw[e.Start:e.End])
	}
	return urls
}

// FromURLRequired is URLsRequired as questions for a client of 2026-07-28. False: it is no such error.
func FromURLRequired(errorRaw []byte) ([]InputRequest, bool) {
	var requests []InputRequest
	for _, elicitation := range URLsRequired(errorRaw) {
		mode, _ := single(elicitation, whole(elicitation), "mode")
		if kind, _ := wire.String(elicitation, mode); kind != "url" {
			return nil, false
		}
		params, err := QuestionFor(V20260728, methodElicit, elicitation, false)
		if err != nil {
			return nil, false
		}
		key := "url-" + strconv.Itoa(len(requests)+1)
		requests = append(requests, InputRequest{Key: key, Method: methodElicit, Params: params})
	}
	return requests, len(requests) > 0
}

// WithElicitationID gives the params of an elicitation this elicitationId, which 2025-11-25 wants with a URL;
// "" takes it away.
func WithElicitationID(params []byte, id string) []byte {
	var set []wire.Member
	if id != "" {
		set = []wire.Member{{Name: "elicitationId", Value: wire.Quote(id)}}
	}
	edits := wire.ChangeMembers(params, whole(params), set, func(n string) bool { return n == "elicitationId" })
	if len(edits) == 0 {
		return params
	}
	return wire.Splice(nil, params, edits)
}

// ElicitationID is the elicitationId in the params of an elicitation or of its completion, "" where there is
// none.
func ElicitationID(params []byte) string {
	at, _ := single(params, whole(params), "elicitationId")
	id, _ := wire.String(params, at)
	return id
}
