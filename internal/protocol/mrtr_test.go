package protocol

import (
	"fmt"
	"testing"

	"github.com/mcpmux/mcpmux/internal/wire"
)

func TestInputRequired_IsReadAsItWasWritten(t *testing.T) {
	requests := []InputRequest{{Key: "b\"", Method: "elicitation/create", Params: []byte(`{"n":1e400}`)}, {Key: "a", Method: "roots/list"}}
	raw := InputRequired(requests, "é\n")
	const want = `{"resultType":"input_required","inputRequests":{"b\"":{"method":"elicitation/create","params":{"n":1e400}},"a":{"method":"roots/list"}},"requestState":"é\n"}`
	if string(raw) != want {
		t.Fatalf("got  %s\nwant %s", raw, want)
	}
	got, state, ok := ReadInputRequired(raw, whole(raw))
	if text, _ := wire.String(raw, state); !ok || text != "é\n" || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", requests) {
		t.Errorf("read back as %q, %v, %v", got, state, ok)
	}
	if got := string(InputRequired(nil, "s")); got != `{"resultType":"input_required","requestState":"s"}` {
		t.Errorf("only a state: %s", got)
	}
}

func TestReadInputRequired(t *testing.T) {
	for in, want := range map[string]string{
		`{"resultType":"input_required","requestState":"\u00e9"}`:                                              `[] "\u00e9" true`,
		`{"inputRequests":{},"resultType":"input_required"}`:                                                   `[]  true`,
		`{"resultType":"input_required","inputRequests":{"k":{"params":{"a":1},"method":"new/kind","x":1}}}`:   `[{k new/kind {"a":1}}]  true`,
		`{"resultType":"input_required"}`:                                                                      `[]  false`,
		`{"resultType":"complete","requestState":"s"}`:                                                         `[]  false`,
		`{"requestState":"s"}`:                                                                                 `[]  false`,
		`{"resultType":"input_required","requestState":1}`:                                                     `[]  false`,
		`{"resultType":"input_required","requestState":"a","requestState":"b"}`:                                `[]  false`,
		`{"resultType":"input_required","inputRequests":[]}`:                                                   `[]  false`,
		`{"resultType":"input_required","inputRequests":{"k":1}}`:                                              `[]  false`,
		`{"resultType":"input_required","inputRequests":{"k":{"method":"a"},"k":{"method":"b"}}}`:              `[]  false`,
		`{"resultType":"input_required","inputRequests":{"k":{"method":"a","Method":"b"}},"requestState":"s"}`: `[]  false`,
		`[]`: `[]  false`,
	} {
		raw := []byte(in)
		requests, state, ok := ReadInputRequired(raw, whole(raw))
		if got := fmt.Sprintf("%s %s %v", requests, raw[state.Start:state.End], ok); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestReadInputResponses_AMalformedRetryIsNoNewRequest(t *testing.T) {
	for in, want := range map[string]string{
		`{"name":"a"}`: `map[] "" false`,
		``:             `map[] "" false`,
		`{"name":"a","inputResponses":{"k":{"action":"accept"},"l":1},"requestState":"s\u00e9"}`: `map[k:{"action":"accept"} l:1] "sé" true`,
		`{"requestState":""}`:                                 `map[] "" true`,
		`{"requestState":1}`:                                  `map[] "" true`,
		`{"requestState":"a","requestState":"b"}`:             `map[] "" true`,
		`{"inputResponses":[1]}`:                              `map[] "" true`,
		`{"inputResponses":{"k":1,"k":2},"requestState":"s"}`: `map[] "s" true`,
	} {
		responses, state, ok := ReadInputResponses([]byte(in), whole([]byte(in)))
		if got := fmt.Sprintf("%s %q %v", responses, state, ok); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestWithInputResponses_StateGoesBackByteForByte(t *testing.T) {
	const first = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}`
	answers := []InputResponse{{"b", []byte(`{"x":1.0}`)}, {"a", []byte(`{}`)}}
	again := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"inputResponses":{"b":{"x":1.0},"a":{}},"requestState":"\u00e9","name":"a"}}`
	for _, c := range []struct {
		name, in, want string
		answers        []InputResponse
		state          []byte
	}{
		{"both", first, again, answers, []byte(`"\u00e9"`)},
		{"absent stays absent", again, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"inputResponses":{"a":{}},"name":"a"}}`, answers[1:], nil},
		{"a state alone", again, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"requestState":"t","name":"a"}}`, nil, []byte(`"t"`)},
		{"no params", `{"jsonrpc":"2.0","id":1,"method":"tools/call"}`, `{"params":{"requestState":"t"},"jsonrpc":"2.0","id":1,"method":"tools/call"}`, nil, []byte(`"t"`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(WithInputResponses(parse(t, c.in), c.answers, c.state)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestFromURLRequired(t *testing.T) {
	const one = `{"mode":"url","elicitationId":"1","url":"https://a/?q=\u00e9","message":"m"}`
	for in, want := range map[string]string{
		`{"code":-32042,"message":"x","data":{"elicitations":[` + one + `,{"message":"n","url":"https://b","mode":"url"}]}}`: `[{url-1 elicitation/create {"mode":"url","url":"https://a/?q=\u00e9","message":"m"}} {url-2 elicitation/create {"message":"n","url":"https://b","mode":"url"}}] true`,
		`{"code":-32042,"message":"x","data":{"elicitations":[]}}`:                                                           `[] false`,
		`{"code":-32042,"message":"x"}`: `[] false`,
		`{"code":-32042,"message":"x","data":{"elicitations":[` + one + `,{"mode":"form"}]}}`: `[] false`,
		`{"code":-32002,"message":"x","data":{"elicitations":[` + one + `]}}`:                 `[] false`,
		`null`: `[] false`,
		``:     `[] false`,
	} {
		requests, ok := FromURLRequired([]byte(in))
		if got := fmt.Sprintf("%s %v", requests, ok); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestWithElicitationID(t *testing.T) {
	for _, c := range []struct{ in, id, want string }{
		{`{"mode":"url"}`, "x\"", `{"elicitationId":"x\"","mode":"url"}`},
		{`{"elicitationId":"a","mode":"url"}`, "b", `{"elicitationId":"b","mode":"url"}`},
		{`{"elicitationId":"a","mode":"url"}`, "", `{"mode":"url"}`},
		{`{"mode":"url"}`, "", `{"mode":"url"}`},
		{`1`, "a", `1`},
	} {
		got := WithElicitationID([]byte(c.in), c.id)
		if string(got) != c.want {
			t.Errorf("%s with %q: %s, want %s", c.in, c.id, got, c.want)
		}
		if id := ElicitationID(got); c.in != "1" && id != c.id {
			t.Errorf("%s has the id %q, want %q", got, id, c.id)
		}
	}
}
