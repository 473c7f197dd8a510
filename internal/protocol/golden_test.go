package protocol

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

const goldenDir = "testdata/golden"

// What servers and clients send that have all that their revision has.
const (
	newestCall = `{"resultType":"complete","content":[{"type":"text","text":"one","annotations":{"audience":["user"],"priority":0.5}},` +
		`{"type":"image","data":"AAAA","mimeType":"image/png"},{"type":"audio","data":"UklGRg==","mimeType":"audio/wav","_meta":{"example.com/n":1}},` +
		`{"type":"resource_link","name":"notes","title":"Notes \u2013 \"today\"","uri":"file:///notes.txt","mimeType":"text/plain","size":12,"annotations":{"priority":1}},` +
		`{"type":"resource","resource":{"uri":"file:///a","mimeType":"text/plain","text":"a"}}],` +
		`"structuredContent":{"id":9007199254740993,"name":"\u00e9"},"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"},"example.com/x":[1.0]}}`
	newestList   = `{"resultType":"complete","content":[{"type":"text","text":"three of them"}],"structuredContent":[1,2.50,{"a":null}],"isError":false}`
	newestPrompt = `{"resultType":"complete","description":"d","messages":[{"role":"user","content":{"type":"resource_link","name":"notes","uri":"file:///notes.txt"}},` +
		`{"role":"assistant","content":{"type":"audio","data":"UklGRg==","mimeType":"audio/wav"}},{"role":"user","content":{"type":"text","text":"go on"}}]}`
	newestRead = `{"resultType":"complete","ttlMs":60000,"cacheScope":"public","contents":[{"uri":"file:///a","mimeType":"text/plain","text":"a"},{"uri":"file:///b","blob":"AAAA"}]}`

	legacyTool = `{"name":"add","title":"Add","description":"adds","inputSchema":{"type":"object","properties":{"a":{"type":"number"}},"required":["a"]},` +
		`"outputSchema":{"type":"object","properties":{"sum":{"type":"number"}},"required":["sum"]},"annotations":{"readOnlyHint":true},` +
		`"execution":{"taskSupport":"optional"},"icons":[{"src":"https://example.com/i.png","sizes":["48x48"]}]}`
	newestTool  = `{"name":"list","inputSchema":{"type":"object","properties":{"in":{"type":"string","x-mcp-header":"In"}}},"outputSchema":{"type":"array","items":{"type":"string"}}}`
	invalidTool = `{"name":"odd","inputSchema":{"type":"object","properties":{"in":{"type":"object","x-mcp-header":"In"}}}}`

	form = `{"mode":"form","message":"Which?","requestedSchema":{"type":"object","properties":{` +
		`"colour":{"type":"string","title":"Colour","oneOf":[{"const":"r","title":"Red"},{"const":"g","title":"Green"}],"default":"g"},` +
		`"name":{"type":"string","minLength":1,"default":"Ada"},"age":{"type":"integer","minimum":0},"sure":{"type":"boolean","default":true}},"required":["colour"]},"task":{"ttl":60000}}`
	manyForm = `{"message":"Which ones?","requestedSchema":{"type":"object","properties":{"c":{"type":"array","items":{"anyOf":[{"const":"r","title":"Red"}]},"minItems":1}}}}`
	urlForm  = `{"mode":"url","message":"Log in","url":"https://example.com/login?a=1","elicitationId":"e-1"}`
	sample   = `{"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]},{"role":"assistant","content":{"type":"image","data":"AAAA","mimeType":"image/png"}}],` +
		`"maxTokens":100,"includeContext":"allServers","temperature":0.5,"tools":[],"task":{}}`
	toolSample = `{"messages":[{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"text","text":"again"}]}],"maxTokens":100,"tools":[{"name":"t","inputSchema":{"type":"object"}}],"toolChoice":{"mode":"auto"}}`
	sampled    = `{"role":"assistant","content":[{"type":"text","text":"Hello"},{"type":"text","text":"there"}],"model":"m","stopReason":"endTurn","resultType":"complete"}`
	elicited   = `{"action":"accept","content":{"colour":"r","age":36,"sure":true},"resultType":"complete"}`

	requestMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":"p"}`
	retry       = `{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"add","arguments":{"a":1e2},"inputResponses":{"k":{"action":"decline"}},"requestState":"s",` + requestMeta + `}}`
	taskCall    = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"add","arguments":{"a":1e2},"task":{"ttl":1000},"_meta":{"progressToken":7}}}`
	complete    = `{"jsonrpc":"2.0","id":3,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":"b"},"context":{"arguments":{"c":"d"}},` + requestMeta + `}}`
)

// goldens is what the converters produce for peers of each revision: path to text. A file is named for the
// type that the revision's schema has of it.
func goldens(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, v := range Supported() {
		put := func(name string, text []byte) { out[v+"/"+name+".json"] = text }
		if Has(v, ResultTypes) {
			putModern(t, put)
			continue
		}
		putResults(put, v)
		putQuestions(t, put, v)
		putRequests(t, put, v)
	}
	return out
}

func downgraded(text, method, version string) []byte {
	raw := []byte(text)
	return wire.Splice(nil, raw, Downgrade(raw, whole(raw), method, version))
}

func modernized(text, method string) []byte {
	raw := []byte(text)
	return wire.Splice(nil, raw, ModernizeResult(raw, whole(raw), method, Hints{TTL: 1000}, []byte(`{"name":"s","version":"1"}`)))
}

func toolList(version string) []byte {
	var items [][]byte
	for _, tool := range []string{legacyTool, newestTool, invalidTool} {
		if item, ok := ItemFor(mcpmux.KindTool, []byte(tool), version); ok {
			items = append(items, item)
		}
	}
	return append(append([]byte(`{"tools":`), array(items)...), '}')
}

// putResults: answers of a newer Server, for a client of this older revision.
func putResults(put func(string, []byte), v string) {
	put("CallToolResult-all-content", downgraded(newestCall, "tools/call", v))
	put("CallToolResult-structured-array", downgraded(newestList, "tools/call", v))
	put("GetPromptResult-all-content", downgraded(newestPrompt, "prompts/get", v))
	put("ReadResourceResult-cacheable", downgraded(newestRead, "resources/read", v))
	put("ListToolsResult-all-tools", toolList(v))
	put("ClientCapabilities-full", []byte(FullProfile))
	put("CreateMessageResult-texts", AnswerFor(v, methodSampling, []byte(sampled)))
}

// asked is a question's params for a client of this revision.
func asked(t *testing.T, version, method, params string) []byte {
	t.Helper()
	out, err := QuestionFor(version, method, []byte(params), true)
	if err != nil {
		t.Fatalf("%s for %s: %v", method, version, err)
	}
	return out
}

// putQuestions: questions of a newer Server, for a client of this older revision.
func putQuestions(t *testing.T, put func(string, []byte), v string) {
	t.Helper()
	put("CreateMessageRequest-one-block", wire.NewRequest(1, methodSampling, asked(t, v, methodSampling, sample)))
	put("ListRootsRequest-plain", wire.NewRequest(1, methodRoots, asked(t, v, methodRoots, `{"_meta":{"progressToken":1}}`)))
	if Has(v, Elicitation) {
		put("ElicitRequest-titled-enum", wire.NewRequest(1, methodElicit, asked(t, v, methodElicit, form)))
		put("ElicitResult-accepted", AnswerFor(v, methodElicit, []byte(elicited)))
	}
	if Has(v, ElicitationModes) {
		params := WithElicitationID([]byte(`{"mode":"url","message":"Log in","url":"https://example.com/login"}`), "e-2")
		put("ElicitRequest-url", wire.NewRequest(1, methodElicit, asked(t, v, methodElicit, string(params))))
		put("ElicitRequest-several-choices", wire.NewRequest(1, methodElicit, asked(t, v, methodElicit, manyForm)))
		put("CreateMessageRequest-tools", wire.NewRequest(1, methodSampling, asked(t, v, methodSampling, toolSample)))
	}
}

// putRequests: requests of a newer client, for a Server of this older revision.
func putRequests(t *testing.T, put func(string, []byte), v string) {
	t.Helper()
	for name, text := range map[string]string{"CallToolRequest-retry": retry, "CallToolRequest-task": taskCall, "CompleteRequest-context": complete} {
		m := parse(t, text)
		put(name, wire.Splice(nil, m.Raw, RequestFor(v, true, &m)))
	}
}

// putModern: what older peers say, for peers of 2026-07-28.
func putModern(t *testing.T, put func(string, []byte)) {
	t.Helper()
	put("CallToolResult-all-content", modernized(string(downgraded(newestCall, "tools/call", V20251125)), "tools/call"))
	put("GetPromptResult-all-content", modernized(string(downgraded(newestPrompt, "prompts/get", V20251125)), "prompts/get"))
	put("ReadResourceResult-cacheable", modernized(string(downgraded(newestRead, "resources/read", V20251125)), "resources/read"))
	put("ListToolsResult-all-tools", modernized(string(toolList(V20260728)), "tools/list"))
	put("CompleteResult-plain", modernized(`{"completion":{"values":["a"],"hasMore":false}}`, "completion/complete"))
	put("ClientCapabilities-full", []byte(FullProfile))
	put("ClientCapabilities-of-a-session", ParseCapabilities([]byte(
		`{"roots":{"listChanged":true},"sampling":{"tools":{}},"elicitation":{},"tasks":{"list":{}},"experimental":{"x":{}}}`)).ForRequest())
	put("InputRequiredResult-all-questions", InputRequired([]InputRequest{
		{"form", methodElicit, asked(t, V20260728, methodElicit, form)},
		{"many", methodElicit, asked(t, V20260728, methodElicit, manyForm)},
		{"url", methodElicit, asked(t, V20260728, methodElicit, urlForm)},
		{"sample", methodSampling, asked(t, V20260728, methodSampling, sample)},
		{"tools", methodSampling, asked(t, V20260728, methodSampling, toolSample)},
		{"roots", methodRoots, nil},
	}, "state"))
	required, _ := FromURLRequired([]byte(`{"code":-32042,"message":"log in first","data":{"elicitations":[` + urlForm + `]}}`))
	put("InputRequiredResult-url-required", InputRequired(required, "state"))

	call := parse(t, taskCall)
	envelope := Envelope{Version: V20260728, ClientInfo: []byte(`{"name":"c","version":"1"}`), Capabilities: []byte(`{"roots":{}}`), LogLevel: "info"}
	modern := parse(t, string(wire.Splice(nil, call.Raw, RequestToModern(&call, envelope))))
	put("CallToolRequest-of-a-session", modern.Raw)
	answers := []InputResponse{
		{"form", AnswerFor(V20260728, methodElicit, []byte(`{"action":"accept","content":{"colour":"r","many":["a"]}}`))},
		{"sample", AnswerFor(V20260728, methodSampling, []byte(`{"role":"assistant","content":{"type":"text","text":"a"},"model":"m"}`))},
		{"roots", []byte(`{"roots":[{"uri":"file:///a"}]}`)},
	}
	put("CallToolRequest-retry", WithInputResponses(modern, answers, []byte(`"st\u00e4te"`)))
	missing := parse(t, `{"jsonrpc":"2.0","id":1,"error":{"code":-32002,"message":"Resource not found"}}`)
	put("JSONRPCErrorResponse-not-found", wire.Splice(nil, missing.Raw, ErrorFor(V20260728, "resources/read", "file:///a", &missing)))
}

// TestGoldens_AreWhatTheConvertersProduce: the files are held against the schemas of their revisions in e2e.
func TestGoldens_AreWhatTheConvertersProduce(t *testing.T) {
	want := goldens(t)
	if *update {
		writeGoldens(t, want)
	}
	err := filepath.WalkDir(goldenDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, filepath.FromSlash(goldenDir)+string(filepath.Separator)))
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(text, append(want[name], '\n')) {
			t.Errorf("%s:\nhas      %s\nproduced %s", name, text, want[name])
		}
		delete(want, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		t.Errorf("%s is missing: run go test ./internal/protocol -update", name)
	}
}

func writeGoldens(t *testing.T, files map[string][]byte) {
	t.Helper()
	if err := os.RemoveAll(goldenDir); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(goldenDir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
