package gateway

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// onlyModern makes the demo server, which speaks both eras, one of the stateless era.
func onlyModern(st *mcpmux.State) { st.Servers[0].Era = mcpmux.EraModern }

const canElicit = `{"elicitation":{}}`

// ask is a tools/call of a stateless client that declares capabilities; more is further members of params.
func (r *rig) ask(client, tool, arguments, capabilities, more string, headers ...string) answer {
	r.t.Helper()
	body := `{"jsonrpc":"2.0","id":"m","method":"tools/call","params":{"name":"` + tool + `","arguments":` + arguments + more +
		`,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":` + capabilities + `}}}`
	headers = append(headers, "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: "+tool)
	return r.send("POST", "/mcp", client, body, headers...)
}

// inputs is what a result asks for.
type inputs struct {
	Result struct {
		ResultType    string
		InputRequests map[string]struct {
			Method string
			Params json.RawMessage
		}
		RequestState string
		Content      json.RawMessage
	}
	Error struct {
		Code    int
		Message string
	}
}

func (a answer) inputs(t *testing.T) inputs {
	t.Helper()
	var in inputs
	if err := json.Unmarshal([]byte(a.body), &in); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	return in
}

// answers is the further members of a retry that answers every question with this result.
func (in inputs) answers(result string) string {
	var parts []string
	for key := range in.Result.InputRequests {
		parts = append(parts, `"`+key+`":`+result)
	}
	return `,"requestState":"` + in.Result.RequestState + `","inputResponses":{` + strings.Join(parts, ",") + `}`
}

const ada = `{"action":"accept","content":{"name":"Ada"}}`

func TestPark_AnOlderServersQuestionIsAResultAndTheRetryGetsTheAnswer(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	in := r.ask("c", "be_ask_name", `{}`, canElicit, "").inputs(t)
	if in.Result.ResultType != "input_required" || len(in.Result.InputRequests) != 1 || in.Result.RequestState == "" {
		t.Fatalf("asked %+v", in)
	}
	for _, q := range in.Result.InputRequests {
		if q.Method != "elicitation/create" || !strings.Contains(string(q.Params), "requestedSchema") {
			t.Errorf("question %s %s", q.Method, q.Params)
		}
	}
	again := r.ask("c", "be_ask_name", `{}`, canElicit, `,"requestState":"`+in.Result.RequestState+`","inputResponses":{"other":`+ada+`}`).inputs(t)
	if len(again.Result.InputRequests) != 1 {
		t.Errorf("an answer that is missing was not asked for again: %+v", again)
	}
	a := r.ask("c", "be_ask_name", ` { } `, canElicit, again.answers(ada))
	if in = a.inputs(t); in.Result.ResultType != "complete" || !strings.Contains(a.body, "Ada") || !strings.Contains(a.body, `"id":"m"`) {
		t.Errorf("answer %s", a.body)
	}
	if late := r.ask("c", "be_ask_name", `{}`, canElicit, again.answers(ada)).inputs(t); late.Error.Code != -32602 {
		t.Errorf("a ticket was good twice: %+v", late)
	}
}

func TestPark_ATicketIsGoodForItsClientAndItsRequestOnly(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	in := r.ask("c", "be_ask_name", `{}`, canElicit, "").inputs(t)
	forged := in
	forged.Result.RequestState = "A" + in.Result.RequestState[1:]
	for name, a := range map[string]answer{
		"another client":     r.ask("d", "be_ask_name", `{}`, canElicit, in.answers(ada)),
		"another tool":       r.ask("c", "be_echo", `{}`, canElicit, in.answers(ada)),
		"other arguments":    r.ask("c", "be_ask_name", `{"x":1}`, canElicit, in.answers(ada)),
		"a forged one":       r.ask("c", "be_ask_name", `{}`, canElicit, forged.answers(ada)),
		"none, but answers":  r.ask("c", "be_ask_name", `{}`, canElicit, `,"inputResponses":{"q1":`+ada+`}`),
		"no text at all":     r.ask("c", "be_ask_name", `{}`, canElicit, `,"requestState":"%%%"`),
		"one of the servers": r.ask("c", "be_ask_name", `{}`, canElicit, `,"requestState":""`),
	} {
		if e := a.inputs(t).Error; e.Code != -32602 || a.status != http.StatusOK {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := r.ask("c", "be_ask_name", `{}`, canElicit, in.answers(ada)); !strings.Contains(a.body, "Ada") {
		t.Errorf("the call did not survive the tries of others: %s", a.body)
	}
}

func TestPark_AClientThatCannotBeAskedGetsTheAnswerAtOnce(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	a := r.ask("c", "be_ask_name", `{}`, `{}`, "")
	if in := a.inputs(t); in.Result.ResultType == "input_required" || !strings.Contains(a.body, `"id":"m"`) {
		t.Errorf("%s", a.body)
	}
}

func TestPark_AClientThatStaysAwayGivesItsCallUp(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	in := r.ask("c", "be_ask_name", `{}`, canElicit, "").inputs(t)
	calls := r.gw.parking.all()
	if len(calls) != 1 {
		t.Fatalf("%d calls are parked", len(calls))
	}
	calls[0].expire() // as its timer does
	<-calls[0].done
	if late := r.ask("c", "be_ask_name", `{}`, canElicit, in.answers(ada)).inputs(t); late.Error.Code != -32602 {
		t.Errorf("%+v", late)
	}
	if n := len(r.gw.parking.all()); n != 0 {
		t.Errorf("%d calls are still parked", n)
	}
}

func TestPark_ARevokedClientsCallEnds(t *testing.T) {
	r := demoRig(t, "2025-11-25", nil)
	r.ask("c", "be_ask_name", `{}`, canElicit, "")
	call := r.gw.parking.all()[0]
	st := *r.state
	st.Revision, st.Keys = 2, nil
	r.gw.Apply(&st)
	<-call.done
}

func TestPark_LimitsAreForEachClientAndEachServer(t *testing.T) {
	lot := newParking()
	away := func(client mcpmux.ClientID, server mcpmux.ServerID, id byte) *parked {
		p := &parked{lot: lot, id: [16]byte{id}, first: &exchange{id: Identity{Client: client}}, route: routeTo(server)}
		lot.calls[p.id] = p
		return p
	}
	for i := range maxParkedPerClient - 1 {
		away("c", "v", byte(i))
	}
	next := away("c", "w", 200)
	if !lot.admits(next) {
		t.Error("refused below the limit")
	}
	away("c", "x", 201)
	if lot.admits(next) {
		t.Error("a client may have more than the limit")
	}
	if !lot.admits(away("d", "v", 202)) {
		t.Error("another client is refused")
	}
}

func TestBridge_AnOlderClientCallsAStatelessServer(t *testing.T) {
	r := demoRig(t, "2026-07-28", onlyModern)
	sid := r.open("c", "/mcp", canElicit)
	a := r.send("POST", "/mcp", "c", callBody(`"é"`, "be_echo", `{"text":"12345678901234567890 \ud83d\ude00"}`, `{"vendor/x":1.50}`), sid)
	if !strings.Contains(a.body, `"id":"é"`) || !strings.Contains(a.body, "12345678901234567890") || strings.Contains(a.body, "resultType") || strings.Contains(a.body, "serverInfo") {
		t.Errorf("%s", a.body)
	}
	if a = r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":2,"method":"resources/read","params":{"uri":"demo://readme"}}`, sid); !strings.Contains(a.body, `"contents"`) || strings.Contains(a.body, "ttlMs") {
		t.Errorf("%s", a.body)
	}
	if a = r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":3,"method":"tools/list"}`, sid); strings.Contains(a.body, "resultType") || !strings.Contains(a.body, "be_echo") {
		t.Errorf("%s", a.body)
	}
}

func TestLoop_AStatelessServersQuestionIsPutToTheOlderClientOnItsStream(t *testing.T) {
	r := demoRig(t, "2026-07-28", onlyModern)
	mine, others := r.open("c", "/mcp", canElicit), r.open("d", "/mcp", canElicit)
	other := r.events("GET", "/mcp", "d", "", others)
	s := r.events("POST", "/mcp", "c", callBody(`"call"`, "be_ask_name", `{}`, ""), mine)
	var ask struct {
		ID     json.Number `json:"id"`
		Method string      `json:"method"`
	}
	if err := json.Unmarshal([]byte(s.next()), &ask); err != nil || ask.Method != "elicitation/create" {
		t.Fatalf("asked %+v, %v", ask, err)
	}
	if a := r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":`+ask.ID.String()+`,"result":`+ada+`}`, mine); a.status != 202 {
		t.Fatalf("answer: %d %s", a.status, a.body)
	}
	if e := s.next(); !strings.Contains(e, "Ada") || !strings.Contains(e, `"id":"call"`) || strings.Contains(e, "resultType") {
		t.Errorf("result: %s", e)
	}
	other.end()
	if e := other.next(); e != "" {
		t.Errorf("another client was asked: %s", e)
	}
}

func TestLoop_AClientThatRefusesEndsTheCallWithAnError(t *testing.T) {
	r := demoRig(t, "2026-07-28", onlyModern)
	sid := r.open("c", "/mcp", canElicit)
	s := r.events("POST", "/mcp", "c", callBody(`1`, "be_ask_name", `{}`, ""), sid)
	var ask struct {
		ID json.Number `json:"id"`
	}
	if err := json.Unmarshal([]byte(s.next()), &ask); err != nil {
		t.Fatal(err)
	}
	r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":`+ask.ID.String()+`,"error":{"code":-1,"message":"not today"}}`, sid)
	if e := s.next(); !strings.Contains(e, `"error"`) || !strings.Contains(e, "not today") {
		t.Errorf("result: %s", e)
	}
}

func TestTicket_IsNoneWhenItsTimeIsOver(t *testing.T) {
	tickets := newTickets()
	x := &exchange{id: Identity{Client: "c", Key: "k"}}
	text := tickets.text(ticket{kind: ticketPark, id: [16]byte{1}, expires: 100}, x)
	if _, ok := tickets.read(text, &exchange{id: Identity{Client: "c", Key: "another"}}, time.Unix(100, 0)); ok {
		t.Error("good with another key: what waits ends with the first")
	}
	if _, ok := tickets.read(text, x, time.Unix(100, 0)); !ok {
		t.Error("refused in time")
	}
	if _, ok := tickets.read(text, x, time.Unix(101, 0)); ok {
		t.Error("good for ever")
	}
	if _, ok := newTickets().read(text, x, time.Unix(100, 0)); ok {
		t.Error("good at another daemon")
	}
}

func routeTo(server mcpmux.ServerID) *catalog.Route {
	return &catalog.Route{Server: &mcpmux.Server{ID: server}}
}
