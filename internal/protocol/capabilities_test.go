package protocol

import "testing"

func TestAllowsQuestion_JudgesModeAndTools(t *testing.T) {
	const sampling, elicitation = "sampling/createMessage", "elicitation/create"
	for _, c := range []struct {
		caps, method, params string
		want                 bool
	}{
		{`{}`, elicitation, `{}`, false},
		{`{"elicitation":{}}`, elicitation, `{}`, true},
		{`{"elicitation":{}}`, elicitation, ``, true},
		{`{"elicitation":{}}`, elicitation, `{"mode":"form"}`, true},
		{`{"elicitation":{}}`, elicitation, `{"mode":"url"}`, false},
		{`{"elicitation":{"form":{}}}`, elicitation, `{"mode":"url"}`, false},
		{`{"elicitation":{"url":{}}}`, elicitation, `{"mode":"url"}`, true},
		{`{"elicitation":{"url":{}}}`, elicitation, `{"mode":"form"}`, false},
		{`{"elicitation":{"url":{}}}`, elicitation, `{}`, false},
		{FullProfile, elicitation, `{"mode":"url"}`, true},
		{FullProfile, elicitation, `{"mode":"other"}`, false},
		{FullProfile, elicitation, `{"mode":"form","mode":"url"}`, false},
		{FullProfile, elicitation, `{"Mode":"url"}`, false},
		{`{"sampling":{}}`, sampling, `{"tools":[{"name":"t"}]}`, false},
		{`{"sampling":{}}`, sampling, `{"tools":[]}`, true},
		{`{"sampling":{}}`, sampling, `{"tools":[],"tools":[1]}`, false},
		{`{"sampling":{}}`, sampling, `{}`, true},
		{`{"sampling":{"tools":{}}}`, sampling, `{"tools":[{"name":"t"}]}`, true},
		{`{"roots":{}}`, "roots/list", ``, true},
		{FullProfile, "tools/call", ``, false},
	} {
		if got := ParseCapabilities([]byte(c.caps)).AllowsQuestion(c.method, []byte(c.params)); got != c.want {
			t.Errorf("%s is asked %s %s: %v", c.caps, c.method, c.params, got)
		}
	}
}

func TestOwnerProfile_TellsOfChangingRoots(t *testing.T) {
	for in, want := range map[string]string{
		`{}`:                              ``,
		`{"roots":{}}`:                    `{"roots":{}}`,
		`{"roots":{"listChanged":false}}`: `{"roots":{}}`,
		`{"sampling":{},"roots":{"listChanged":true},"elicitation":{}}`: `{"elicitation":{},"roots":{"listChanged":true},"sampling":{}}`,
	} {
		if got := ParseCapabilities([]byte(in)).OwnerProfile(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestForRequest_DropsOnlyWhatTheRevisionDropped(t *testing.T) {
	for in, want := range map[string]string{
		``: `{}`, `[]`: `{}`, `{"a"`: `{}`, `null`: `{}`,
		`{ "roots" : {}, "extensions":{"v/x":{"n":1e400}},"experimental":{} }`:                                     `{ "roots" : {}, "extensions":{"v/x":{"n":1e400}},"experimental":{} }`,
		`{"tasks":{"list":{}},"roots":{"listChanged":true,"x":1},"sampling":{"tools":{},"context":{}},"vendor":1}`: `{"roots":{"x":1},"sampling":{"tools":{},"context":{}},"vendor":1}`,
		`{"roots":{"listChanged":true},"tasks":{}}`:                                                                `{"roots":{}}`,
	} {
		if got := string(ParseCapabilities([]byte(in)).ForRequest()); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestRequired_NamesWhatAQuestionNeeds(t *testing.T) {
	for _, c := range [][3]string{
		{"roots/list", ``, `{"roots":{}}`},
		{"sampling/createMessage", `{"messages":[]}`, `{"sampling":{}}`},
		{"sampling/createMessage", `{"messages":[],"tools":[{}]}`, `{"sampling":{"tools":{}}}`},
		{"elicitation/create", `{"message":"?"}`, `{"elicitation":{"form":{}}}`},
		{"elicitation/create", `{"mode":"url"}`, `{"elicitation":{"url":{}}}`},
		{"vendor/ask", `{}`, `{}`},
	} {
		if got := string(Required(c[0], []byte(c[1]))); got != c[2] {
			t.Errorf("%s %s: %s", c[0], c[1], got)
		}
	}
}
