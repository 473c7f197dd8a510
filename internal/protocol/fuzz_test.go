package protocol

import (
	"bytes"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// FuzzConverters: what every converter makes of valid JSON is valid JSON, whatever it holds.
func FuzzConverters(f *testing.F) {
	for _, s := range []string{
		`{"content":[{"type":"audio","data":"AA==","mimeType":"a/b"},{"type":"resource_link","uri":"a:b","name":"\ud800","mimeType":1}],"structuredContent":{"a":[1e400]},"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{}}}`,
		`{"messages":[{"role":"user","content":{"type":"resource_link"}},{"content":[{"type":"text","text":"a"}]}],"tools":[],"includeContext":"allServers","task":{}}`,
		`{"mode":"url","elicitationId":"1","requestedSchema":{"properties":{"a":{"oneOf":[{"const":1,"title":"t"}]},"b":{"type":"array"}}}}`,
		`{"name":"t","execution":{},"outputSchema":{"type":"array"},"inputSchema":{"properties":{"a":{"x-mcp-header":"A","type":"string"}}}}`,
		`{"resultType":"input_required","inputRequests":{"a":{"method":"roots/list","params":{}}},"requestState":"s","inputResponses":{"a":1}}`,
		`{"code":-32042,"data":{"elicitations":[{"mode":"url","url":"x"}]}}`, `{"code":-32002,"data":null}`, `{"roots":{"listChanged":true},"tasks":{}}`,
		"\t{ \"content\" : [ ] , \"structuredContent\" : null } ", `{"a":1,"a":2,"content":1,"content":[],"structuredContent":1,"structuredContent":2}`, `[]`, `null`, `"x"`, `1`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		// What converters wrap may nest a little deeper, and wire takes no more than 128 levels.
		if wire.Valid(in) != nil || bytes.Count(in, []byte("["))+bytes.Count(in, []byte("{")) > 100 {
			return
		}
		check := func(what string, out []byte) {
			if err := wire.Valid(out); err != nil {
				t.Errorf("%s of %q: %q: %v", what, in, out, err)
			}
		}
		for _, v := range Supported() {
			convertAll(v, in, check)
		}
	})
}

func convertAll(v string, in []byte, check func(string, []byte)) {
	at := whole(in)
	for _, method := range []string{"tools/call", "prompts/get", "resources/read"} {
		check("Downgrade", wire.Splice(nil, in, Downgrade(in, at, method, v)))
		check("ModernizeResult", wire.Splice(nil, in, ModernizeResult(in, at, method, Hints{}, []byte("{}"))))
	}
	for _, kind := range mcpmux.FeatureKinds() {
		if out, ok := ItemFor(kind, in, v); ok {
			check("ItemFor", out)
		}
	}
	for _, method := range []string{methodElicit, methodSampling, methodRoots} {
		if out, err := QuestionFor(v, method, in, true); err == nil {
			check("QuestionFor", out)
		}
		check("AnswerFor", AnswerFor(v, method, in))
		ParseCapabilities(in).AllowsQuestion(method, in)
	}
	if requests, state, ok := ReadInputRequired(in, at); ok {
		check("InputRequired", InputRequired(requests, string(in[state.Start:state.End])))
	}
	_, _, _ = ReadInputResponses(in, at)
	if requests, ok := FromURLRequired(in); ok {
		check("FromURLRequired", InputRequired(requests, ""))
	}
	check("WithElicitationID", WithElicitationID(in, "x"))
	check("ForRequest", ParseCapabilities(in).ForRequest())
	convertMessages(v, in, check)
}

// convertMessages puts the text into messages, where the envelope allows it.
func convertMessages(v string, in []byte, check func(string, []byte)) {
	for _, method := range []string{"tools/call", "completion/complete"} {
		m, err := wire.Parse(wire.NewRequest(1, method, in))
		if err != nil {
			continue
		}
		check("RequestFor", wire.Splice(nil, m.Raw, RequestFor(v, false, &m)))
		check("RequestToModern", wire.Splice(nil, m.Raw, RequestToModern(&m, Envelope{Version: v, LogLevel: "info"})))
		check("WithInputResponses", WithInputResponses(m, []InputResponse{{Key: "k", Result: in}}, []byte(`"s"`)))
	}
	m, err := wire.Parse(append(append([]byte(`{"jsonrpc":"2.0","id":1,"error":`), in...), '}'))
	if err == nil {
		check("ErrorFor", wire.Splice(nil, m.Raw, ErrorFor(v, "resources/read", "a:b", &m)))
	}
}
