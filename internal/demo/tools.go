package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // so that zones are known on systems without a zone database, Windows above all

	"github.com/mcpmux/mcpmux/internal/wire"
)

// maxCountdown is the longest countdown, in seconds.
const maxCountdown = 300

const tools = `[
{
	"name": "echo", "title": "Echo", "description": "Returns the text it is given.",
	"inputSchema": {"type": "object", "properties": {"text": {"type": "string", "description": "What to return."}}, "required": ["text"], "additionalProperties": false},
	"annotations": {"readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false}
},
{
	"name": "add", "title": "Add", "description": "Adds two numbers.",
	"inputSchema": {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"], "additionalProperties": false},
	"outputSchema": {"type": "object", "properties": {"sum": {"type": "number"}}, "required": ["sum"]},
	"annotations": {"readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false}
},
{
	"name": "now", "title": "Time", "description": "Tells the time of this computer's clock, in RFC 3339.",
	"inputSchema": {"type": "object", "properties": {"zone": {"type": "string", "description": "An IANA time zone such as Europe/Berlin; the computer's own if absent."}}, "additionalProperties": false},
	"annotations": {"readOnlyHint": true, "destructiveHint": false, "idempotentHint": false, "openWorldHint": false}
},
{
	"name": "countdown", "title": "Countdown", "description": "Counts down to zero, one step a second, and reports each step as progress. Can be cancelled.",
	"inputSchema": {"type": "object", "properties": {"from": {"type": "integer", "minimum": 1, "maximum": 300, "description": "Seconds to count."}}, "required": ["from"], "additionalProperties": false},
	"annotations": {"readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false}
},
{
	"name": "ask_name", "title": "Ask for a name", "description": "Asks the user for a name and greets them. Needs a client that can show a form (elicitation).",
	"inputSchema": {"type": "object", "properties": {}, "additionalProperties": false},
	"annotations": {"readOnlyHint": true, "destructiveHint": false, "idempotentHint": false, "openWorldHint": false}
}
]`

func listTools(_ context.Context, r *request) (fields, error) { return r.list("tools", tools) }

// call is the params of a tools/call.
type call struct {
	Name           string                     `json:"name"`
	Arguments      json.RawMessage            `json:"arguments"`
	InputResponses map[string]json.RawMessage `json:"inputResponses"`
	RequestState   *string                    `json:"requestState"`
}

// refusal is a failure that the model should read, such as an argument that is no good; it becomes a result
// with isError. MCP 2025-11-25 server/tools §Error Handling.
type refusal string

func (r refusal) Error() string { return string(r) }

func callTool(ctx context.Context, r *request) (fields, error) {
	var c call
	if err := r.decode(&c); err != nil {
		return nil, err
	}
	var run func(context.Context, *request, *call) (fields, error)
	switch c.Name {
	case "echo":
		run = echo
	case "add":
		run = add
	case "now":
		run = now
	case "countdown":
		run = countdown
	case "ask_name":
		run = askName
	default:
		return nil, invalid("unknown tool %q", c.Name)
	}
	result, err := run(ctx, r, &c)
	if no, ok := errors.AsType[refusal](err); ok {
		result, err = text(string(no)), nil
		result["isError"] = true
	}
	return result, err
}

// arguments reads the arguments of a call into a struct of pointers; what the schema does not name is
// refused, as the schema says.
func (c *call) arguments(to any) error {
	raw := c.Arguments
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err := d.Decode(to)
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return refusal(fmt.Sprintf("the argument %s is a %s", kind.Field, kind.Value))
	}
	if err != nil {
		return refusal("arguments: " + strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// text is a tool result of one text.
func text(s string) fields {
	return fields{"content": []fields{{"type": "text", "text": s}}}
}

func echo(_ context.Context, _ *request, c *call) (fields, error) {
	var a struct {
		Text *string `json:"text"`
	}
	if err := c.arguments(&a); err != nil {
		return nil, err
	}
	if a.Text == nil {
		return nil, refusal("the argument text is missing")
	}
	return text(*a.Text), nil
}

func add(_ context.Context, _ *request, c *call) (fields, error) {
	var in struct {
		A *float64 `json:"a"`
		B *float64 `json:"b"`
	}
	if err := c.arguments(&in); err != nil {
		return nil, err
	}
	if in.A == nil || in.B == nil {
		return nil, refusal("the arguments a and b are both needed")
	}
	sum := *in.A + *in.B
	if math.IsInf(sum, 0) {
		return nil, refusal("the sum is too large for a number")
	}
	result := text(strconv.FormatFloat(sum, 'f', -1, 64))
	result["structuredContent"] = fields{"sum": sum}
	return result, nil
}

func now(_ context.Context, _ *request, c *call) (fields, error) {
	var a struct {
		Zone string `json:"zone"`
	}
	if err := c.arguments(&a); err != nil {
		return nil, err
	}
	if a.Zone == "" {
		a.Zone = "Local"
	}
	zone, err := time.LoadLocation(a.Zone)
	if err != nil {
		return nil, refusal(fmt.Sprintf("unknown time zone %q; give one such as Europe/Berlin", a.Zone))
	}
	return text(time.Now().In(zone).Format(time.RFC3339)), nil
}

func countdown(ctx context.Context, r *request, c *call) (fields, error) {
	var a struct {
		From *int `json:"from"`
	}
	if err := c.arguments(&a); err != nil {
		return nil, err
	}
	if a.From == nil || *a.From < 1 || *a.From > maxCountdown {
		return nil, refusal(fmt.Sprintf("the argument from is a number of seconds from 1 to %d", maxCountdown))
	}
	from := *a.From
	r.log("debug", fmt.Sprintf("counting down from %d", from))
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for done := 1; done <= from; done++ {
		select {
		case <-tick.C:
			r.progress(done, from, strconv.Itoa(from-done))
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	r.log("info", "the countdown is over")
	return text(fmt.Sprintf("Counted down from %d.", from)), nil
}

// The question of ask_name, and its state in the stateless era. The state says nothing; it is there because
// a client has to give it back.
const (
	question = "name"
	askState = "ask_name/1"
)

// form is the params of an elicitation of one name.
func form() fields {
	return fields{
		"message":         "What is your name?",
		"requestedSchema": json.RawMessage(`{"type":"object","properties":{"name":{"type":"string","title":"Name","minLength":1}},"required":["name"]}`),
	}
}

// askName asks a client of the handshake era by a request, one of the stateless era by a result that it
// repeats the call after (MCP 2026-07-28 basic/patterns §Multi Round-Trip Requests).
func askName(ctx context.Context, r *request, c *call) (fields, error) {
	if err := c.arguments(&struct{}{}); err != nil {
		return nil, err
	}
	if !r.modern {
		if !r.caps.Elicitation {
			return nil, refusal("this client did not say that it can ask its user (elicitation)")
		}
		raw, err := r.server.ask(ctx, "elicitation/create", form())
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, refusal(err.Error())
		}
		return greeting(raw)
	}
	if raw, ok := c.InputResponses[question]; ok {
		if c.RequestState == nil || *c.RequestState != askState {
			return nil, invalid("requestState is not the one that was given")
		}
		return greeting(raw)
	}
	if !r.caps.Elicitation {
		return nil, &failure{
			code:    wire.CodeMissingCapability,
			message: "ask_name needs a client with elicitation",
			data:    fields{"requiredCapabilities": fields{"elicitation": fields{}}},
		}
	}
	params := form()
	params["mode"] = "form"
	return fields{
		"resultType":    "input_required",
		"inputRequests": fields{question: fields{"method": "elicitation/create", "params": params}},
		"requestState":  askState,
	}, nil
}

// greeting is what the user's answer leads to.
func greeting(raw []byte) (fields, error) {
	var answer struct {
		Action  string `json:"action"`
		Content struct {
			Name string `json:"name"`
		} `json:"content"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, refusal("the answer is not one to the question")
	}
	switch name := strings.TrimSpace(answer.Content.Name); {
	case answer.Action == "accept" && name != "":
		return text("Hello, " + name + "!"), nil
	case answer.Action == "accept":
		return nil, refusal("the answer has no name")
	case answer.Action == "decline":
		return text("You would rather not say. Hello all the same!"), nil
	case answer.Action == "cancel":
		return text("Nobody answered."), nil
	}
	return nil, refusal("the answer is not one to the question")
}
