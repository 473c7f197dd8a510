package mcptest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// question is something that the server wants to know from the client.
type question struct {
	method, params string
	needs          string // the capabilities without which it is not put
}

func (r *request) elicitation(a arguments) question {
	message, schema := a.Message, string(a.Schema)
	if message == "" {
		message = "What is your name?"
	}
	if schema == "" {
		schema = `{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}`
	}
	mode := ""
	if r.has(protocol.ElicitationModes) {
		mode = `"mode":"form",`
	}
	return question{
		"elicitation/create", `{` + mode + `"message":` + quote(message) + `,"requestedSchema":` + schema + `}`, `{"elicitation":{}}`,
	}
}

func sampling(prompt string) question {
	params := `{"messages":[{"role":"user","content":{"type":"text","text":` + quote(prompt) + `}}],"maxTokens":100}`
	return question{"sampling/createMessage", params, `{"sampling":{}}`}
}

// samplingWithTools has what sampling has from 2025-11-25 on: a tool, and several blocks in a message.
func samplingWithTools(prompt string) question {
	params := `{"messages":[{"role":"user","content":[{"type":"text","text":` + quote(prompt) + `},{"type":"text","text":"Use the tool."}]}],` +
		`"maxTokens":100,"tools":[{"name":"add","inputSchema":{"type":"object"}}],"toolChoice":{"mode":"auto"}}`
	return question{"sampling/createMessage", params, `{"sampling":{"tools":{}}}`}
}

// choice asks for one of two, or several, as the revision writes choices with titles.
func (r *request) choice(several bool) question {
	const both = `[{"const":"r","title":"Red"},{"const":"g","title":"Green"}]`
	choice := `{"type":"string","oneOf":` + both + `}`
	switch {
	case several:
		choice = `{"type":"array","minItems":1,"items":{"anyOf":` + both + `}}`
	case !r.has(protocol.ElicitationEnums):
		choice = `{"type":"string","enum":["r","g"],"enumNames":["Red","Green"]}`
	}
	schema := `{"type":"object","properties":{"name":` + choice + `},"required":["name"]}`
	return r.elicitation(arguments{Message: "Which?", Schema: json.RawMessage(schema)})
}

func roots() question { return question{"roots/list", `{}`, `{"roots":{}}`} }

// byURL asks by a page; only 2025-11-25 has an id for it.
func (r *request) byURL(a arguments) question {
	id := ""
	if r.has(protocol.ElicitationIDs) {
		id = `,"elicitationId":"e-1"`
	}
	params := `{"mode":"url","message":"Open the page","url":` + quote(a.url()) + id + `}`
	return question{"elicitation/create", params, `{"elicitation":{"url":{}}}`}
}

func (a arguments) url() string {
	if a.URL == "" {
		return "https://example.com/e"
	}
	return a.URL
}

// questions are the tools that ask. Their answer is what the client answered, as text.
func (r *request) questions(name string, a arguments) (result string, fail *failure, ok bool) {
	rounds, ok := r.rounds(name, a)
	if !ok {
		return "", nil, false
	}
	answers, early, fail := r.put(name, rounds)
	if fail != nil || early != "" || answers == nil {
		return early, fail, true
	}
	return text(answerText(name, answers)), nil, true
}

func (r *request) rounds(name string, a arguments) (rounds [][]question, ok bool) {
	switch name {
	case "elicit":
		rounds = [][]question{{r.elicitation(a)}}
	case "sample":
		rounds = [][]question{{sampling(a.Prompt)}}
	case "roots":
		rounds = [][]question{{roots()}}
	case "elicit_enum", "elicit_multi":
		rounds = [][]question{{r.choice(name == "elicit_multi")}}
	case "sample_tools":
		rounds = [][]question{{samplingWithTools(a.Prompt)}}
	case "ask_two":
		rounds = [][]question{{r.elicitation(a), roots()}}
	case "ask_rounds":
		for i := range max(a.N, 1) {
			rounds = append(rounds, []question{r.elicitation(arguments{Message: "round " + strconv.Itoa(i+1)})})
		}
	case "elicit_url":
		rounds = [][]question{{r.byURL(a)}}
	default:
		return nil, false
	}
	return rounds, true
}

// answerText is the only answer as it came, or several as an array.
func answerText(name string, answers []string) string {
	if len(answers) == 1 && name != "ask_rounds" {
		return answers[0]
	}
	return "[" + strings.Join(answers, ",") + "]"
}

// put asks round after round and gives all answers in order. No answers and no failure: early is what to say
// to the client now, or, where it is "", nothing.
func (r *request) put(what string, rounds [][]question) (answers []string, early string, fail *failure) {
	for _, round := range rounds {
		for _, q := range round {
			if fail := r.allowed(q); fail != nil {
				return nil, "", fail
			}
		}
	}
	if r.modern {
		return r.putInResult(what, rounds)
	}
	for _, round := range rounds {
		got, ok := r.exchange(round, "")
		if !ok {
			return nil, "", nil
		}
		answers = append(answers, got...)
	}
	return answers, "", nil
}

// allowed says what is missing for a question (2026-07-28 basic, -32021). The older era has no code for it.
func (r *request) allowed(q question) *failure {
	known := q.method != "elicitation/create" || r.has(protocol.Elicitation)
	switch {
	case known && r.can(q.needs):
		return nil
	case r.modern:
		return &failure{wire.CodeMissingCapability, "the client cannot answer " + q.method, `{"requiredCapabilities":` + q.needs + `}`}
	}
	return &failure{wire.CodeInvalidParams, "the client cannot answer " + q.method, ""}
}

// exchange puts questions to the client at once and waits for all answers: results, or error objects.
func (r *request) exchange(qs []question, task string) (answers []string, ok bool) {
	waiting := make([]chan wire.Message, len(qs))
	for i, q := range qs {
		params := q.params
		if task != "" {
			params = string(protocol.WithRelatedTask([]byte(params), task))
		}
		answer, done := r.s.send(r.session, q.method, params, r.out)
		defer done()
		waiting[i] = answer
	}
	for _, answer := range waiting {
		select {
		case m := <-answer:
			if m.Kind == wire.Error {
				answers = append(answers, string(m.Bytes(m.Error)))
				continue
			}
			answers = append(answers, string(m.Bytes(m.Result)))
		case <-r.ctx.Done():
			return nil, false
		}
	}
	return answers, true
}

// send puts a request to the client of a session, which alone can answer it; done forgets it. The ids count in
// each session, so that those of two collide; where the script names a Version they are numbers from 0, which
// clients use, too.
func (s *Server) send(session, method, params string, out func([]byte)) (answer chan wire.Message, done func()) {
	answer = make(chan wire.Message, 1)
	var id, key string
	s.note(func() {
		p := s.peer(session)
		id = strconv.Itoa(p.asked)
		p.asked++
		if s.script.Version == "" {
			id = `"ask-` + strconv.Itoa(p.asked) + `"`
		}
		key = session + "/" + id
		s.asks[key] = answer
	})
	out([]byte(`{"jsonrpc":"2.0","id":` + id + `,"method":` + quote(method) + `,"params":` + params + `}`))
	return answer, func() { s.note(func() { delete(s.asks, key) }) }
}

// state is what requestState says to the server itself.
type state struct {
	What    string   `json:"what"`
	Of      string   `json:"of"` // the request, see mark
	Round   int      `json:"round"`
	Answers []string `json:"answers"`
}

// putInResult asks in the result and reads the answers from the retry (2026-07-28 basic/patterns/mrtr).
func (r *request) putInResult(what string, rounds [][]question) (answers []string, early string, fail *failure) {
	st := state{What: what, Of: r.s.mark(r.m)}
	if r.State == "" && len(r.Responses) == 0 {
		return nil, inputRequired(rounds[0], st), nil
	}
	if !st.open(r.State) || st.What != what || st.Of != r.s.mark(r.m) || st.Round >= len(rounds) {
		return nil, "", &failure{wire.CodeInvalidParams, "the requestState is not ours", ""}
	}
	var got []string
	for i := range rounds[st.Round] {
		answer, ok := r.Responses["q"+strconv.Itoa(i+1)]
		if !ok {
			return nil, inputRequired(rounds[st.Round], st), nil
		}
		got = append(got, string(answer))
	}
	st.Answers = append(st.Answers, got...)
	if st.Round++; st.Round < len(rounds) {
		return nil, inputRequired(rounds[st.Round], st), nil
	}
	return st.Answers, "", nil
}

func inputRequired(qs []question, st state) string {
	return `{"resultType":"input_required","inputRequests":` + inputRequests(qs) + `,"requestState":` + quote(st.seal()) + `}`
}

func inputRequests(qs []question) string {
	var all []string
	for i, q := range qs {
		all = append(all, `"q`+strconv.Itoa(i+1)+`":{"method":`+quote(q.method)+`,"params":`+q.params+`}`)
	}
	return "{" + strings.Join(all, ",") + "}"
}

// mark says which request a state is of: the server's name, the method, what it is about, and its arguments.
func (s *Server) mark(m wire.Message) string {
	var p struct {
		Name, URI string
		Arguments json.RawMessage
	}
	_ = json.Unmarshal(m.Bytes(m.Params), &p) // A malformed one is like no other.
	sum := sha256.Sum256([]byte(strings.Join([]string{s.script.Name, m.Method, p.Name, p.URI, string(p.Arguments)}, "\n")))
	return hex.EncodeToString(sum[:])
}

// seal is a state as text that only open reads. The key is fixed: another process of the server may have to
// read it.
func (st state) seal() string {
	raw, _ := json.Marshal(st) // Strings and numbers.
	return base64.RawURLEncoding.EncodeToString(append(mac(raw), raw...))
}

func (st *state) open(sealed string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(raw) < sha256.Size || !hmac.Equal(raw[:sha256.Size], mac(raw[sha256.Size:])) {
		return false
	}
	return json.Unmarshal(raw[sha256.Size:], st) == nil
}

func mac(raw []byte) []byte {
	h := hmac.New(sha256.New, []byte("mcptest"))
	_, _ = h.Write(raw) // A hash takes everything.
	return h.Sum(nil)
}

// elicitThrows is the error of 2025-11-25 that asks for a page to be visited first (client/elicitation §URL
// Elicitation Required Error): once in a session for each page that was named, or every time.
func (r *request) elicitThrows(a arguments) (string, *failure) {
	if !r.has(protocol.ElicitationIDs) {
		return text("done"), nil
	}
	var again bool
	r.s.note(func() {
		p := r.s.peer(r.session)
		again = a.URL != "" && p.thrown[a.URL]
		p.thrown[a.URL] = true
	})
	if again {
		return text("done"), nil
	}
	return "", &failure{-32042, "Open the page first", `{"elicitations":[` + r.byURL(a).params + `]}`}
}

func quote(s string) string { return string(wire.Quote(s)) }
