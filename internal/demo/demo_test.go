package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const hello = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`

// modern is a request of the stateless era.
func modern(id int, method, params, caps string) string {
	if params != "" {
		params = "," + params
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":%s}%s}}`, id, method, caps, params)
}

func legacy(id int, method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params)
}

// reply is a response as a test looks at it.
type reply struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int             `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	} `json:"error"`
}

// conn is a connection to a running server.
type conn struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Scanner
}

// open starts a server; it is ended and waited for when the test ends.
func open(t *testing.T) *conn {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := Run(context.Background(), inR, outW)
		outW.Close()
		done <- err
	}()
	t.Cleanup(func() {
		inW.Close()
		io.Copy(io.Discard, outR)
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return &conn{t, inW, bufio.NewScanner(outR)}
}

func (c *conn) send(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c *conn) next() reply {
	c.t.Helper()
	if !c.out.Scan() {
		c.t.Fatalf("no message: %v", c.out.Err())
	}
	var r reply
	if err := json.Unmarshal(c.out.Bytes(), &r); err != nil {
		c.t.Fatalf("%s: %v", c.out.Bytes(), err)
	}
	return r
}

func (c *conn) ask(line string) reply {
	c.t.Helper()
	c.send(line)
	return c.next()
}

func (r reply) code() int {
	if r.Error == nil {
		return 0
	}
	return r.Error.Code
}

func (r reply) has(parts ...string) bool {
	var b bytes.Buffer
	if json.Compact(&b, r.Result) != nil {
		return false
	}
	for _, p := range parts {
		if !strings.Contains(b.String(), p) {
			return false
		}
	}
	return true
}

func TestRun_AnswersWhatWasAskedBeforeTheEnd(t *testing.T) {
	var out bytes.Buffer
	in := hello + "\n\n" + legacy(1, "tools/call", `{"name":"echo","arguments":{"text":"hi"}}`) + "\r\n" + legacy(2, "tools/call", `{"name":"countdown","arguments":{"from":300}}`)
	if err := Run(context.Background(), strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, `"text":"hi"`) {
		t.Errorf("answered %s", got)
	}
}

func TestRun_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	in, _ := io.Pipe()
	done := make(chan error)
	go func() { done <- Run(ctx, in, io.Discard) }()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// stuck is a reader and writer that nothing can interrupt.
type stuck struct{ release chan struct{} }

func (s stuck) Read([]byte) (int, error)  { <-s.release; return 0, io.EOF }
func (s stuck) Write([]byte) (int, error) { <-s.release; return 0, io.ErrClosedPipe }

func TestRun_EndsWithItsContextThoughReadingIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := stuck{make(chan struct{})}
		done := make(chan error)
		go func() { done <- Run(ctx, s, s) }()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		close(s.release)
	})
}

func TestRun_ReadsOnAfterALineThatIsTooLong(t *testing.T) {
	var out bytes.Buffer
	in := strings.Repeat("x", maxLine+10) + "\n" + legacy(1, "ping", "{}") + "\n"
	if err := Run(context.Background(), strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "too long") || !strings.Contains(got, `"id":1,"result":{}`) {
		t.Errorf("answered %s", got)
	}
}

func TestInitialize_AgreesOnARevision(t *testing.T) {
	for asked, want := range map[string]string{
		"2024-11-05": "2024-11-05", "2025-03-26": "2025-03-26", "2025-06-18": "2025-06-18",
		"2025-11-25": "2025-11-25", "2026-07-28": "2025-11-25", "1999-01-01": "2025-11-25",
	} {
		r := open(t).ask(strings.Replace(hello, "2025-11-25", asked, 1))
		if !r.has(`"protocolVersion":"`+want+`"`, `"serverInfo":{"name":"mcpmux-demo"`, `"tools":{}`) {
			t.Errorf("asked %s: %s", asked, r.Result)
		}
		if r.has(`"completions"`) != (want > "2024-11-05") {
			t.Errorf("asked %s: completion is of 2025-03-26: %s", asked, r.Result)
		}
	}
}

func TestAdmit_RefusesWhatTheEraDoesNotHave(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		code  int
	}{
		"no session":                 {[]string{legacy(1, "tools/list", "{}")}, -32602},
		"ping needs none":            {[]string{legacy(1, "ping", "{}")}, 0},
		"unknown":                    {[]string{hello, legacy(1, "tools/what", "{}")}, -32601},
		"modern method in a session": {[]string{hello, legacy(1, "server/discover", "{}")}, -32601},
		"initialized twice":          {[]string{hello, strings.Replace(hello, `"id":0`, `"id":1`, 1)}, -32600},
		"initialize without version": {[]string{legacy(1, "initialize", "{}")}, -32602},
		"modern ping":                {[]string{modern(1, "ping", "", "{}")}, -32601},
		"modern setLevel":            {[]string{modern(1, "logging/setLevel", `"level":"info"`, "{}")}, -32601},
		"modern unknown":             {[]string{modern(1, "x", "", "{}")}, -32601},
		"unknown revision":           {[]string{strings.Replace(modern(1, "tools/list", "", "{}"), "2026-07-28", "2030-01-01", 1)}, -32022},
		"revision of a handshake":    {[]string{strings.Replace(modern(1, "tools/list", "", "{}"), "2026-07-28", "2025-11-25", 1)}, -32022},
		"version no text":            {[]string{strings.Replace(modern(1, "tools/list", "", "{}"), `"2026-07-28"`, "1", 1)}, -32602},
		"no capabilities":            {[]string{strings.Replace(modern(1, "tools/list", "", "{}"), "clientCapabilities", "x", 1)}, -32602},
		"capabilities no object":     {[]string{modern(1, "tools/list", "", "[]")}, -32602},
		"unknown log level":          {[]string{strings.Replace(modern(1, "tools/list", "", "{}"), `"_meta":{`, `"_meta":{"io.modelcontextprotocol/logLevel":"loud",`, 1)}, -32602},
		"meta no object":             {[]string{hello, legacy(1, "tools/list", `{"_meta":1}`)}, -32602},
		"params an array":            {[]string{hello, legacy(1, "tools/list", `[]`)}, -32602},
		"cursor":                     {[]string{hello, legacy(1, "tools/list", `{"cursor":"x"}`)}, -32602},
		"unknown tool":               {[]string{hello, legacy(1, "tools/call", `{"name":"x"}`)}, -32602},
		"unknown prompt":             {[]string{hello, legacy(1, "prompts/get", `{"name":"x"}`)}, -32602},
		"prompt without argument":    {[]string{hello, legacy(1, "prompts/get", `{"name":"greet"}`)}, -32602},
		"unknown resource":           {[]string{hello, legacy(1, "resources/read", `{"uri":"demo://x"}`)}, -32002},
		"unknown resource, modern":   {[]string{modern(1, "resources/read", `"uri":"demo://x"`, "{}")}, -32602},
		"unknown reference":          {[]string{hello, legacy(1, "completion/complete", `{"ref":{"type":"ref/prompt","name":"x"},"argument":{"name":"n","value":""}}`)}, -32602},
		"unknown level":              {[]string{hello, legacy(1, "logging/setLevel", `{"level":"loud"}`)}, -32602},
		"not JSON":                   {[]string{`{"jsonrpc`}, -32700},
		"a batch":                    {[]string{`[` + hello + `]`}, -32600},
		"no envelope":                {[]string{`{"id":1,"method":"ping"}`}, -32600},
	} {
		conn := open(t)
		var r reply
		for _, line := range c.lines {
			r = conn.ask(line)
		}
		if r.code() != c.code {
			t.Errorf("%s: code %d, want %d (%+v)", name, r.code(), c.code, r.Error)
		}
	}
}

func TestModern_ResultsHaveWhatTheRevisionAsksFor(t *testing.T) {
	c := open(t)
	for method, params := range map[string]string{
		"server/discover": "", "tools/list": "", "prompts/list": "", "resources/list": "", "resources/templates/list": "",
		"resources/read": `"uri":"demo://readme"`, "tools/call": `"name":"echo","arguments":{"text":"x"}`,
	} {
		r := c.ask(modern(1, method, params, "{}"))
		if !r.has(`"resultType":"complete"`, `"io.modelcontextprotocol/serverInfo":{"name":"mcpmux-demo"`) {
			t.Errorf("%s: %s", method, r.Result)
		}
		if r.has(`"ttlMs":3600000`, `"cacheScope":"public"`) != (method != "tools/call") {
			t.Errorf("%s: cache hints of %s", method, r.Result)
		}
	}
	if r := c.ask(modern(2, "server/discover", "", "{}")); !r.has(`"supportedVersions":[`, `"2026-07-28"`, `"completions":{}`) {
		t.Errorf("discovered %s", r.Result)
	}
	if r := c.ask(strings.Replace(modern(3, "tools/list", "", "{}"), "2026-07-28", "2030-01-01", 1)); r.Error == nil || !strings.Contains(string(r.Error.Data), `"requested":"2030-01-01"`) {
		t.Errorf("unknown revision: %+v", r.Error)
	}
}

func TestLegacy_ResultsHaveNothingOfTheStatelessEra(t *testing.T) {
	c := open(t)
	c.ask(hello)
	for _, method := range []string{"tools/list", "prompts/list", "resources/list"} {
		if r := c.ask(legacy(1, method, "{}")); r.has("resultType") || r.has("ttlMs") || r.has("_meta") {
			t.Errorf("%s: %s", method, r.Result)
		}
	}
}

func TestListen_AcknowledgesAndEnds(t *testing.T) {
	c := open(t)
	c.send(modern(7, "subscriptions/listen", `"notifications":{"toolsListChanged":true}`, "{}"))
	if r := c.next(); r.Method != "notifications/subscriptions/acknowledged" || !strings.Contains(string(r.Params), `"io.modelcontextprotocol/subscriptionId":7`) {
		t.Errorf("first frame %s %s", r.Method, r.Params)
	}
	if r := c.next(); !r.has(`"io.modelcontextprotocol/subscriptionId":7`) {
		t.Errorf("last frame %s", r.Result)
	}
}

func TestTools_AnswerAndExplain(t *testing.T) {
	c := open(t)
	c.ask(hello)
	for args, want := range map[string]string{
		`{"name":"echo","arguments":{"text":"a <b> \u0000 é"}}`: `a \u003cb\u003e \u0000 é`,
		`{"name":"echo","arguments":{"text":""}}`:               `"text":""`,
		`{"name":"echo"}`:                                      `"isError":true`,
		`{"name":"echo","arguments":{"text":1}}`:               `the argument text is a number`,
		`{"name":"echo","arguments":{"text":"x","more":1}}`:    `unknown field`,
		`{"name":"echo","arguments":[]}`:                       `"isError":true`,
		`{"name":"add","arguments":{"a":2,"b":0.5}}`:           `"structuredContent":{"sum":2.5}`,
		`{"name":"add","arguments":{"a":2}}`:                   `"isError":true`,
		`{"name":"add","arguments":{"a":1.7e308,"b":1.7e308}}`: `too large`,
		`{"name":"now","arguments":{"zone":"Asia/Kolkata"}}`:   `+05:30`,
		`{"name":"now"}`:                                       `T`,
		`{"name":"now","arguments":{"zone":"Mars/Base"}}`:      `unknown time zone`,
		`{"name":"now","arguments":{"zone":"../etc/passwd"}}`:  `unknown time zone`,
		`{"name":"countdown","arguments":{"from":0}}`:          `from 1 to 300`,
		`{"name":"countdown","arguments":{"from":1.5}}`:        `"isError":true`,
		`{"name":"ask_name"}`:                                  `did not say that it can ask`,
	} {
		if r := c.ask(legacy(1, "tools/call", args)); !r.has(want) {
			t.Errorf("%s: %s %+v, want %s", args, r.Result, r.Error, want)
		}
	}
}

func TestPromptsResourcesAndCompletion(t *testing.T) {
	c := open(t)
	c.ask(hello)
	for _, x := range []struct{ method, params, want string }{
		{"prompts/get", `{"name":"greet","arguments":{"name":"Ada"}}`, "friendly greeting for Ada"},
		{"resources/read", `{"uri":"demo://readme"}`, "The McpMux demo server"},
		{"resources/read", `{"uri":"demo://note/7"}`, "This is the note 7."},
		{"completion/complete", `{"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"name","value":"a"}}`, `["Ada","Alan"]`},
		{"completion/complete", `{"ref":{"type":"ref/resource","uri":"demo://note/{id}"},"argument":{"name":"id","value":"tr"}}`, `["travel"]`},
		{"completion/complete", `{"ref":{"type":"ref/resource","uri":"demo://note/{id}"},"argument":{"name":"id","value":"zz"}}`, `"values":[]`},
	} {
		if r := c.ask(legacy(1, x.method, x.params)); !r.has(x.want) {
			t.Errorf("%s %s: %s %+v", x.method, x.params, r.Result, r.Error)
		}
	}
}

func TestCountdown_ReportsEachSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t)
		c.ask(hello)
		c.ask(legacy(1, "logging/setLevel", `{"level":"info"}`))
		start := time.Now()
		c.send(legacy(2, "tools/call", `{"name":"countdown","arguments":{"from":3},"_meta":{"progressToken":"tök"}}`))
		for i := 1; i <= 3; i++ {
			if r := c.next(); r.Method != "notifications/progress" || !strings.Contains(string(r.Params), fmt.Sprintf(`"progress":%d,"progressToken":"tök","total":3`, i)) {
				t.Errorf("step %d: %s %s", i, r.Method, r.Params)
			}
		}
		if r := c.next(); r.Method != "notifications/message" || !strings.Contains(string(r.Params), `"level":"info"`) {
			t.Errorf("log: %s %s", r.Method, r.Params)
		}
		if r := c.next(); !r.has("Counted down from 3.") || string(r.ID) != "2" {
			t.Errorf("result %s", r.Result)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestCountdown_EndsWhenCancelled(t *testing.T) {
	c := open(t)
	c.ask(hello)
	c.send(legacy(2, "tools/call", `{"name":"countdown","arguments":{"from":300}}`))
	if r := c.ask(legacy(2, "ping", "{}")); r.code() != -32600 {
		t.Errorf("an id in use: %+v", r.Error)
	}
	c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}`)
	if r := c.ask(legacy(3, "ping", "{}")); string(r.ID) != "3" || r.code() != 0 {
		t.Errorf("after the cancel: %+v", r)
	}
}

func TestAskName_AsksInTheCourseOfTheCall(t *testing.T) {
	for answer, want := range map[string]string{
		`"result":{"action":"accept","content":{"name":"Ada"}}`: "Hello, Ada!",
		`"result":{"action":"accept","content":{}}`:             "the answer has no name",
		`"result":{"action":"decline"}`:                         "would rather not",
		`"result":{"action":"cancel"}`:                          "Nobody answered.",
		`"result":{}`:                                           "isError",
		`"error":{"code":-32601,"message":"no"}`:                "answered with an error",
	} {
		c := open(t)
		c.ask(strings.Replace(hello, `"capabilities":{}`, `"capabilities":{"elicitation":{}}`, 1))
		q := c.ask(legacy(1, "tools/call", `{"name":"ask_name","arguments":{}}`))
		if q.Method != "elicitation/create" || !strings.Contains(string(q.Params), "requestedSchema") {
			t.Fatalf("asked %s %s", q.Method, q.Params)
		}
		if r := c.ask(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, q.ID, answer)); !r.has(want) {
			t.Errorf("%s: %s %+v", answer, r.Result, r.Error)
		}
	}
}

func TestAskName_ModernAsksInTheResult(t *testing.T) {
	c := open(t)
	const params = `"name":"ask_name","arguments":{}`
	if r := c.ask(modern(1, "tools/call", params, "{}")); r.code() != -32021 || !strings.Contains(string(r.Error.Data), `{"requiredCapabilities":{"elicitation":{}}}`) {
		t.Errorf("without the capability: %+v", r.Error)
	}
	if r := c.ask(modern(2, "tools/call", params, `{"elicitation":{}}`)); !r.has(`"resultType":"input_required"`, `"requestState":"ask_name/1"`, `"inputRequests":{"name":{"method":"elicitation/create"`) || r.has("ttlMs") {
		t.Errorf("asked %s", r.Result)
	}
	answer := params + `,"inputResponses":{"name":{"action":"accept","content":{"name":"Ada"}}}`
	if r := c.ask(modern(3, "tools/call", answer+`,"requestState":"ask_name/1"`, `{"elicitation":{}}`)); !r.has(`"resultType":"complete"`, "Hello, Ada!") {
		t.Errorf("answered %s %+v", r.Result, r.Error)
	}
	if r := c.ask(modern(4, "tools/call", answer+`,"requestState":"x"`, `{"elicitation":{}}`)); r.code() != -32602 {
		t.Errorf("another state: %+v", r.Error)
	}
}

func TestModern_LogsOnlyWhatTheRequestWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t)
		call := modern(1, "tools/call", `"name":"countdown","arguments":{"from":1}`, "{}")
		if r := c.ask(call); r.Method != "" {
			t.Errorf("unasked: %s", r.Method)
		}
		c.send(strings.Replace(call, `"_meta":{`, `"_meta":{"io.modelcontextprotocol/logLevel":"debug",`, 1))
		for _, want := range []string{"notifications/message", "notifications/message", ""} {
			if r := c.next(); r.Method != want {
				t.Errorf("%q, want %q", r.Method, want)
			}
		}
	})
}
