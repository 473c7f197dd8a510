package mcptest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// question is one thing to ask the client. Up to 2025-11-25 it is a request of the server's, from 2026-07-28 part
// of a result, under the key.
type question struct {
	key, method string
	params      string                        // an object, or "" for none
	since       string                        // the first revision that has it
	allowed     func(clientCapabilities) bool // whether the client can be asked
	needs       string                        // the ClientCapabilities object that it takes
}

func elicitation(key, params string) question {
	return question{key, "elicitation/create", params, protocol.V20250618, func(c clientCapabilities) bool {
		return c.Elicitation != nil && (c.Elicitation.Form != nil || c.Elicitation.URL == nil)
	}, `{"elicitation":{"form":{}}}`}
}

func urlElicitation(params string) question {
	return question{"url", "elicitation/create", params, protocol.V20251125, func(c clientCapabilities) bool {
		return c.Elicitation != nil && c.Elicitation.URL != nil
	}, `{"elicitation":{"url":{}}}`}
}

func sampling(params string) question {
	return question{"sample", "sampling/createMessage", params, protocol.V20241105, func(c clientCapabilities) bool { return c.Sampling != nil }, `{"sampling":{}}`}
}

func samplingWithTools(params string) question {
	return question{"sample", "sampling/createMessage", params, protocol.V20251125, func(c clientCapabilities) bool {
		return c.Sampling != nil && c.Sampling.Tools != nil
	}, `{"sampling":{"tools":{}}}`}
}

func rootsQuestion() question {
	return question{"roots", "roots/list", "", protocol.V20241105, func(c clientCapabilities) bool { return c.Roots != nil }, `{"roots":{}}`}
}

// form is the params of an elicitation by a form, as the revision writes them.
func (r *request) form(message, schema string) string {
	mode := ""
	if r.version >= protocol.V20251125 {
		mode = `"mode":"form",`
	}
	if schema == "" {
		schema = `{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}`
	}
	return `{` + mode + `"message":` + quote(message) + `,"requestedSchema":` + schema + `}`
}

// put asks the client all questions at once. answers are the texts of the client's results, in order; where they
// are nil, the request is to be answered with what else put returns.
func (r *request) put(questions ...question) (answers []string, result string, fail *failure) {
	for _, q := range questions {
		switch {
		case r.version < q.since:
			return nil, "", &failure{code: wire.CodeInternal, message: r.version + " has no such " + q.method, refused: true}
		case q.allowed(r.caps):
		case r.modern():
			return nil, "", missing(q.needs)
		default:
			return nil, "", &failure{code: wire.CodeInternal, message: "the client does not declare " + q.needs, refused: true}
		}
	}
	if r.modern() {
		return r.putInResult(questions)
	}
	return r.putOnStream(questions)
}

func missing(capabilities string) *failure {
	return &failure{code: wire.CodeMissingCapability, message: "the client lacks a capability", data: `{"requiredCapabilities":` + capabilities + `}`}
}

// putOnStream sends requests by the way that this request came, and waits for the answers.
func (r *request) putOnStream(questions []question) ([]string, string, *failure) {
	waiting := make([]<-chan wire.Message, len(questions))
	for i, q := range questions {
		answer, done := r.s.asking(r.p, q, r.out)
		defer done()
		waiting[i] = answer
	}
	answers := make([]string, len(questions))
	for i, answer := range waiting {
		select {
		case m := <-answer:
			if m.Kind == wire.Error {
				return nil, "", &failure{code: wire.CodeInternal, message: "the client refused: " + string(m.Bytes(m.Error)), refused: true}
			}
			answers[i] = string(m.Bytes(m.Result))
		case <-r.ctx.Done():
			return nil, "", nil
		}
	}
	return answers, "", nil
}

// asking sends one request to a peer. Its id is the next number of this peer, from 0: those of several peers, and
// those that clients choose, are the same on purpose.
func (s *Server) asking(p *peer, q question, send func([]byte)) (answer <-chan wire.Message, done func()) {
	c := make(chan wire.Message, 1)
	var key messageKey
	s.note(func() {
		key = messageKey{p, strconv.Itoa(p.asked)}
		p.asked++
		s.asks[key] = c
	})
	params := ""
	if q.params != "" {
		params = `,"params":` + q.params
	}
	send([]byte(`{"jsonrpc":"2.0","id":` + key.id + `,"method":` + quote(q.method) + params + `}`))
	return c, func() { s.note(func() { delete(s.asks, key) }) }
}

// requestState is what a server of 2026-07-28 knows of a request that it asked something for: all of it travels
// through the client.
type requestState struct {
	Method  string            `json:"m"`
	Target  string            `json:"t"`
	Digest  string            `json:"d"` // of the arguments
	Asked   []string          `json:"k"` // keys of the questions that are open
	Answers map[string]string `json:"a"` // by key
}

// key signs states. It is the same in all processes of a name: a stateless server answers a retry wherever it
// comes in.
func (s *Server) key() []byte {
	sum := sha256.Sum256([]byte("mcptest " + s.script.name()))
	return sum[:]
}

func (s *Server) sealed(st requestState) string {
	text, _ := json.Marshal(st) // Strings always marshal.
	mac := hmac.New(sha256.New, s.key())
	_, _ = mac.Write(text) // A hash takes everything.
	return base64.RawURLEncoding.EncodeToString(text) + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (s *Server) unsealed(state string) (st requestState, ok bool) {
	body, seal, _ := strings.Cut(state, ".")
	text, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return st, false
	}
	sum, err := base64.RawURLEncoding.Strict().DecodeString(seal)
	if err != nil {
		return st, false
	}
	mac := hmac.New(sha256.New, s.key())
	_, _ = mac.Write(text) // A hash takes everything.
	return st, hmac.Equal(sum, mac.Sum(nil)) && json.Unmarshal(text, &st) == nil
}

// fresh is the state of a request that was asked nothing yet.
func (r *request) fresh() requestState {
	sum := sha256.Sum256(r.params.Arguments)
	return requestState{Method: r.m.Method, Target: r.params.Name + r.params.URI, Digest: hex.EncodeToString(sum[:]), Answers: make(map[string]string)}
}

// readState takes up a retry: the state must be ours, and of this very request (MCP 2026-07-28
// basic/patterns/mrtr §Server Requirements).
func (r *request) readState() *failure {
	if r.m.Method == "tasks/update" { // It has responses of its own.
		return nil
	}
	if r.params.RequestState == nil {
		if r.params.InputResponses != nil {
			return failed(wire.CodeInvalidParams, "inputResponses without the requestState that they belong to")
		}
		return nil
	}
	st, ok := r.s.unsealed(*r.params.RequestState)
	want := r.fresh()
	if !ok || st.Method != want.Method || st.Target != want.Target || st.Digest != want.Digest {
		return failed(wire.CodeInvalidParams, "requestState is not of this request")
	}
	for _, key := range st.Asked {
		raw, ok := r.params.InputResponses[key]
		if !ok {
			continue
		}
		if !answers(raw) {
			return failed(wire.CodeInvalidParams, "the response to "+key+" is malformed")
		}
		st.Answers[key] = string(raw)
	}
	r.state = &st
	return nil
}

// answers says whether a text is an ElicitResult, a CreateMessageResult or a ListRootsResult.
func answers(raw json.RawMessage) bool {
	var a struct {
		Action, Role, Model *string
		Content             json.RawMessage
		Roots               *[]struct{ URI *string }
	}
	if json.Unmarshal(raw, &a) != nil {
		return false
	}
	switch {
	case a.Action != nil:
		return slices.Contains([]string{"accept", "decline", "cancel"}, *a.Action)
	case a.Roots != nil:
		return true
	}
	return a.Role != nil && a.Model != nil && a.Content != nil
}

// putInResult answers with the questions, unless the state has all answers. What asks in several rounds is run
// from its start by every retry, and gets the answers that are known again.
func (r *request) putInResult(questions []question) ([]string, string, *failure) {
	st := r.fresh()
	if r.state != nil {
		st.Answers = r.state.Answers
	}
	found := make([]string, len(questions))
	var open []string
	for i, q := range questions {
		var ok bool
		if found[i], ok = st.Answers[q.key]; ok {
			continue
		}
		st.Asked = append(st.Asked, q.key)
		open = append(open, quote(q.key)+`:`+q.object())
	}
	if len(open) == 0 {
		return found, "", nil
	}
	return nil, `{"resultType":"input_required","inputRequests":{` + strings.Join(open, ",") + `},"requestState":` + quote(r.s.sealed(st)) + `}`, nil
}

// object is the question as part of a result.
func (q question) object() string {
	if q.params == "" {
		return `{"method":` + quote(q.method) + `}`
	}
	return `{"method":` + quote(q.method) + `,"params":` + q.params + `}`
}

// asText puts the questions and answers a tool call with the client's result; several as an array.
func (r *request) asText(questions ...question) (string, *failure) {
	answers, result, fail := r.put(questions...)
	if answers == nil {
		return result, fail
	}
	if len(answers) == 1 {
		return text(answers[0]), nil
	}
	return text("[" + strings.Join(answers, ",") + "]"), nil
}

func (r *request) elicit(a arguments) (string, *failure) {
	return r.asText(elicitation("answer", r.form(or(a.Message, "Who are you?"), string(a.Schema))))
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (r *request) elicitEnum(arguments) (string, *failure) {
	choice := `{"type":"string","oneOf":[{"const":"r","title":"Red"},{"const":"g","title":"Green"}]}`
	if r.version < protocol.V20251125 {
		choice = `{"type":"string","enum":["r","g"],"enumNames":["Red","Green"]}`
	}
	return r.asText(elicitation("answer", r.form("Which colour?", `{"type":"object","properties":{"colour":`+choice+`},"required":["colour"]}`)))
}

func (r *request) elicitMulti(arguments) (string, *failure) {
	const schema = `{"type":"object","properties":{"colours":{"type":"array","minItems":1,"items":{"anyOf":[{"const":"r","title":"Red"},{"const":"g","title":"Green"}]}}},"required":["colours"]}`
	q := elicitation("answer", r.form("Which colours?", schema))
	q.since = protocol.V20251125
	return r.asText(q)
}

// urlParams are the params of an elicitation by URL; 2025-11-25 gives it an id.
func (r *request) urlParams(url string) string {
	id := ""
	if !r.modern() {
		r.s.note(func() {
			r.s.elicited++
			name := "elicitation-" + strconv.Itoa(r.s.elicited)
			r.p.elicitation = append(r.p.elicitation, name)
			id = `"elicitationId":` + quote(name) + `,`
		})
	}
	return `{"mode":"url",` + id + `"message":"Please visit this page.","url":` + quote(or(url, "https://example.com/visit")) + `}`
}

// visit is the question for a URL. What cannot be asked gets no id.
func (r *request) visit(url string) question {
	q := urlElicitation("")
	if r.version >= q.since && q.allowed(r.caps) {
		q.params = r.urlParams(url)
	}
	return q
}

func (r *request) elicitURL(a arguments) (string, *failure) { return r.asText(r.visit(a.URL)) }

// elicitDone says that the elicitations by URL of this client are complete, or the one that is named.
func (r *request) elicitDone(a arguments) (string, *failure) {
	var ids []string
	r.s.note(func() {
		ids = r.p.elicitation
		r.p.elicitation = nil
		if a.ID != "" {
			r.p.elicitation = slices.DeleteFunc(ids, func(id string) bool { return id == a.ID })
			ids = []string{a.ID}
		}
	})
	for _, id := range ids {
		note := wire.NewNotification("notifications/elicitation/complete", []byte(`{"elicitationId":`+quote(id)+`}`))
		if !r.s.tell(r.p, note) {
			r.out(note)
		}
	}
	return text("done"), nil
}

// elicitThrows demands that a URL be visited, once for each URL and client: by an error in 2025-11-25, which is
// the only revision that has it, else like elicit_url.
func (r *request) elicitThrows(a arguments) (string, *failure) {
	if r.version != protocol.V20251125 {
		answers, result, fail := r.put(r.visit(a.URL))
		if answers == nil {
			return result, fail
		}
		return text("done"), nil
	}
	if r.caps.Elicitation == nil || r.caps.Elicitation.URL == nil {
		return "", &failure{code: wire.CodeInternal, message: "the client cannot visit URLs", refused: true}
	}
	var thrown bool
	r.s.note(func() {
		thrown = r.p.thrown[a.URL]
		r.p.thrown[a.URL] = true
	})
	if thrown {
		return text("done"), nil
	}
	return "", &failure{code: protocol.CodeURLRequired, message: "visit a page first", data: `{"elicitations":[` + r.urlParams(a.URL) + `]}`}
}

func (r *request) sample(a arguments) (string, *failure) {
	context := ""
	if a.Context != "" {
		context = `,"includeContext":` + quote(a.Context)
	}
	return r.asText(sampling(`{"messages":[{"role":"user","content":{"type":"text","text":` + quote(or(a.Prompt, "Say hello.")) + `}}],"maxTokens":100` + context + `}`))
}

func (r *request) sampleTools(a arguments) (string, *failure) {
	return r.asText(samplingWithTools(`{"messages":[{"role":"user","content":[{"type":"text","text":` + quote(or(a.Prompt, "Say hello.")) + `},{"type":"text","text":"Use the tool."}]}],` +
		`"maxTokens":100,"tools":[{"name":"add","inputSchema":{"type":"object"}}],"toolChoice":{"mode":"auto"}}`))
}

func (r *request) roots(arguments) (string, *failure) { return r.asText(rootsQuestion()) }

func (r *request) askTwo(arguments) (string, *failure) {
	return r.asText(elicitation("first", r.form("The first?", "")), elicitation("second", r.form("The second?", "")))
}

func (r *request) askRounds(a arguments) (string, *failure) {
	all := make([]string, 0, a.N)
	for i := range a.N {
		n := strconv.Itoa(i + 1)
		answers, result, fail := r.put(elicitation("round_"+n, r.form("Round "+n+"?", "")))
		if answers == nil {
			return result, fail
		}
		all = append(all, answers...)
	}
	return text("[" + strings.Join(all, ",") + "]"), nil
}

// ask puts any request to the client, whether it may be asked or not, and answers with the whole response. From
// 2026-07-28 it asks like all others, and answers with the result.
func (r *request) ask(a arguments) (string, *failure) {
	if r.s.script.strict() && r.modern() {
		return r.asText(question{key: "ask", method: a.Method, params: string(a.Params), allowed: func(clientCapabilities) bool { return true }})
	}
	answer := make(chan wire.Message, 1)
	var key messageKey
	r.s.note(func() {
		r.s.asked++
		key = messageKey{r.p, `"ask-` + strconv.Itoa(r.s.asked) + `"`}
		r.s.asks[key] = answer
	})
	defer r.s.note(func() { delete(r.s.asks, key) })
	params := a.Params
	if len(params) == 0 {
		params = json.RawMessage("{}")
	}
	r.out([]byte(`{"jsonrpc":"2.0","id":` + key.id + `,"method":` + quote(a.Method) + `,"params":` + string(params) + `}`))
	select {
	case m := <-answer:
		return text(string(m.Raw)), nil
	case <-r.ctx.Done():
		return "", nil
	}
}

// askAtStart asks what the script wants to know of a client that is initialized and has a stream.
func (s *Server) askAtStart(p *peer) {
	questions := make(map[string]question)
	s.mu.Lock()
	if s.script.RootsAtStart && p.caps.Roots != nil {
		questions["start_roots"] = rootsQuestion()
	}
	if s.script.ElicitAtStart && p.version >= protocol.V20250618 && p.caps.Elicitation != nil {
		r := request{version: p.version}
		questions["start_elicit"] = elicitation("", r.form("Who are you?", ""))
	}
	ask := p.ready && p.unsolicited != nil && !p.started
	p.started = p.started || ask
	s.mu.Unlock()
	if !ask {
		return
	}
	for tool, q := range questions {
		answer, done := s.asking(p, q, func(raw []byte) { s.tell(p, raw) })
		go func() {
			defer done()
			select {
			case m := <-answer:
				s.note(func() { p.start[tool] = string(m.Raw) })
			case <-p.ctx.Done():
			}
		}()
	}
}

// atStart answers with the whole response to what was asked at the start, once it is there.
func (r *request) atStart(tool string, asked bool) (string, *failure) {
	if !asked || r.modern() {
		return "", &failure{code: wire.CodeInternal, message: "nothing was asked at the start", refused: true}
	}
	found := func() (answer string) {
		r.s.mu.Lock()
		defer r.s.mu.Unlock()
		return r.p.start[tool]
	}
	if !r.s.Await(r.ctx, func() bool { return found() != "" }) {
		return "", nil
	}
	return text(found()), nil
}

func (r *request) startRoots(arguments) (string, *failure) {
	return r.atStart("start_roots", r.s.script.RootsAtStart && r.caps.Roots != nil)
}

func (r *request) startElicit(arguments) (string, *failure) {
	return r.atStart("start_elicit", r.s.script.ElicitAtStart && r.version >= protocol.V20250618 && r.caps.Elicitation != nil)
}
