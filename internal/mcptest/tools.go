package mcptest

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// builtin are the tools that every server has:
//
//	echo       answers with its arguments, byte for byte
//	hold       sends one progress notification, then waits for Release, the tool release, or the end of the call
//	release    lets all calls of hold answer
//	sleep      {"ms":n}: answers after that time
//	ask        {"method":m,"params":p}: puts any request to the client, answers with the response
//	log        {"level":l,"text":t}: sends a log message, if the client wants that level
//	exit       {"code":n}: ends the process; crash ends it by SIGKILL
//	junk       {"text":t}: writes a line to standard output
//	stderr     {"text":t}: writes a line to standard error
//	grandchild starts a process that holds standard output, answers with its id
//	env, cwd   {"name":n}: the process's environment variable; its working folder
//	drop       over HTTP: closes the connection without an answer
//	stats      how often each tool was called
//	big        {"bytes":n}: answers with a text so long
//	change     {"name":n}: offers one more tool, and says so
//	trigger    {"uri":u}: says that a resource was updated, to those who subscribed to it
//	odd        answers with members and numbers that no SDK would send, in every revision
var builtin = []string{
	"echo", "hold", "release", "sleep", "ask", "log", "exit", "crash", "junk", "stderr", "grandchild", "env", "cwd",
	"drop", "stats", "big", "change", "trigger", "odd",
}

// Odd is the result of the tool odd.
const Odd = `{"content":[],"structuredContent":null,"x-unknown":{"a":[1,2.50,12345678901234567890]},"e":"\u00e9é\/"}`

// tool is one of those that a server offers whose Script has a Version. All are there in every revision; what the
// revision cannot express they say in their result, with isError.
type tool struct {
	name, about string
	run         func(*request, arguments) (string, *failure)
}

// faithful are the tools besides builtin.
var faithful = []tool{
	{"progress", `{"steps":n}: sends n progress notifications, if a token was given`, (*request).progress},
	{"elicit", `{"message":m,"schema":s}: asks by a form, answers with the client's result`, (*request).elicit},
	{"elicit_enum", "asks for one of two choices with titles", (*request).elicitEnum},
	{"elicit_multi", "asks for several of two choices", (*request).elicitMulti},
	{"elicit_url", `{"url":u}: asks to visit a URL`, (*request).elicitURL},
	{"elicit_done", `{"id":i}: says that visits are complete, of all or of one id`, (*request).elicitDone},
	{"elicit_throws", `{"url":u}: demands a visit by an error, once for each url`, (*request).elicitThrows},
	{"ask_two", "asks two forms at once", (*request).askTwo},
	{"ask_rounds", `{"n":n}: asks n forms one after the other`, (*request).askRounds},
	{"sample", `{"prompt":p,"context":c}: asks for a message`, (*request).sample},
	{"sample_tools", `{"prompt":p}: asks for a message, with tools and two blocks`, (*request).sampleTools},
	{"roots", "asks for the roots", (*request).roots},
	{"start_roots", "the answer to the roots/list of the start", (*request).startRoots},
	{"start_elicit", "the answer to the elicitation of the start", (*request).startElicit},
	{"content", "answers with every kind of content that the revision has", (*request).content},
	{"structured", "answers with an object as structuredContent", (*request).structured},
	{"structured_any", "answers with an array as structuredContent", (*request).structuredAny},
	{"flood", `{"n":n,"per_second":s}: offers the tools flood_0 … one by one, and says so each time`, (*request).flood},
	{"delete_resource", `{"uri":u}: takes a resource away, and says so`, (*request).deleteResource},
	{"x_header", "answers with its arguments, which HTTP clients of 2026-07-28 repeat in headers", (*request).asGiven},
	{"x_header_bad", "is defined wrongly from 2026-07-28: clients must not offer it over HTTP", (*request).asGiven},
	{"drop_stream", "ends the response stream and answers when the client resumes it", (*request).dropStream},
	{"task_required", taskAbout, (*request).runTask},
	{"task_optional", taskAbout, (*request).runTask},
}

const taskAbout = `{"ms":n,"hold":b,"ask":b,"fail":b,"error":b,"text":t}: answers after that time or a release, having asked a form, with isError or an error`

// schemas are the inputSchemas of those tools for which they matter.
func (r *request) schema(name string) string {
	switch {
	case !r.modern():
	case name == "x_header":
		return `{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},"count":{"type":"integer","x-mcp-header":"Count"},` +
			`"dry":{"type":"boolean","x-mcp-header":"Dry"},"deep":{"type":"object","properties":{"zone":{"type":"string","x-mcp-header":"Zone"}}},"text":{"type":"string"}}}`
	case name == "x_header_bad":
		return `{"type":"object","properties":{"list":{"type":"array","items":{"type":"string","x-mcp-header":"Item"}}}}`
	}
	return `{"type":"object"}`
}

// definition is a tool as the revision may describe it.
func (r *request) definition(t tool) string {
	text := `{"name":` + quote(t.name) + `,"description":` + quote(t.about) + `,"inputSchema":` + r.schema(t.name)
	if t.name == "structured" && r.version >= protocol.V20250618 {
		text += `,"outputSchema":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`
	}
	if t.name == "structured_any" && r.modern() {
		text += `,"outputSchema":{"type":"array"}`
	}
	if t.name == "content" {
		text += r.trimmings()
	}
	if support, ok := strings.CutPrefix(t.name, "task_"); ok && r.version == protocol.V20251125 {
		text += `,"execution":{"taskSupport":` + quote(support) + `}`
	}
	return text + `,"x-odd":12345678901234567890}`
}

// trimmings are the members that later revisions added to tools.
func (r *request) trimmings() (text string) {
	if r.version >= protocol.V20250326 {
		text += `,"annotations":{"title":"Content","readOnlyHint":true}`
	}
	if r.version >= protocol.V20250618 {
		text += `,"title":"Content"`
	}
	if r.version >= protocol.V20251125 {
		text += `,"icons":[{"src":"data:image/png;base64,` + pixel + `","mimeType":"image/png","sizes":["1x1"]}]`
	}
	return text
}

func (r *request) tools() []string {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	var all []string
	for _, name := range builtin {
		all = append(all, `{"name":"`+name+`","inputSchema":{"type":"object"},"x-odd":12345678901234567890}`)
	}
	if r.s.script.strict() {
		for _, t := range faithful {
			all = append(all, r.definition(t))
		}
	}
	for i := range r.s.script.Generated {
		all = append(all, `{"name":"tool_`+strconv.Itoa(i)+`","inputSchema":{"type":"object"}}`)
	}
	for _, name := range r.s.added {
		all = append(all, `{"name":`+quote(name)+`,"inputSchema":{"type":"object"}}`)
	}
	return all
}

// arguments of all tools together.
type arguments struct {
	MS        int             `json:"ms"`
	Code      int             `json:"code"`
	Bytes     int             `json:"bytes"`
	Text      string          `json:"text"`
	Name      string          `json:"name"`
	URI       string          `json:"uri"`
	Method    string          `json:"method"`
	Params    json.RawMessage `json:"params"`
	Steps     int             `json:"steps"`
	Level     string          `json:"level"`
	Message   string          `json:"message"`
	Schema    json.RawMessage `json:"schema"`
	Prompt    string          `json:"prompt"`
	Context   string          `json:"context"`
	URL       string          `json:"url"`
	ID        string          `json:"id"`
	N         int             `json:"n"`
	PerSecond int             `json:"per_second"`
	Hold      bool            `json:"hold"`
	Ask       bool            `json:"ask"`
	Fail      bool            `json:"fail"`
	Error     bool            `json:"error"`
}

func (r *request) call() (string, *failure) {
	name := r.params.Name
	r.s.note(func() { r.s.calls[name]++ })
	var a arguments
	if len(r.params.Arguments) > 0 {
		if err := json.Unmarshal(r.params.Arguments, &a); err != nil && name != "echo" && !strings.HasPrefix(name, "x_header") {
			return "", failed(wire.CodeInvalidParams, err.Error())
		}
	}
	if r.version == protocol.V20251125 && r.params.Task != nil && r.s.script.strict() && !strings.HasPrefix(name, "task_") {
		return "", failed(wire.CodeMethodNotFound, "this tool does not run as a task")
	}
	at := slices.IndexFunc(faithful, func(t tool) bool { return t.name == name })
	if at < 0 {
		return r.builtin(name, a)
	}
	result, fail := faithful[at].run(r, a)
	if fail != nil && fail.refused {
		return toolError(fail.message), nil
	}
	return result, fail
}

func (r *request) builtin(name string, a arguments) (string, *failure) {
	switch name {
	case "echo":
		return r.structuredText(or(string(r.params.Arguments), "{}")), nil
	case "odd":
		return Odd, nil
	case "hold":
		return r.hold()
	case "release":
		r.s.Release()
	case "sleep":
		r.sleep(a.MS)
	case "ask":
		return r.ask(a)
	case "drop":
		if r.drop == nil {
			panic(http.ErrAbortHandler) // net/http's way to close a connection
		}
		r.drop()
		return "", nil
	case "log":
		return r.log(a)
	case "stats":
		r.s.mu.Lock()
		defer r.s.mu.Unlock()
		text, err := json.Marshal(r.s.calls)
		return r.structuredText(string(text)), fail(err)
	case "big":
		return text(strings.Repeat("x", a.Bytes)), nil
	case "change":
		return r.change(a)
	case "trigger":
		return r.trigger(a)
	default:
		return r.process(name, a)
	}
	return text("done"), nil
}

func (r *request) sleep(ms int) {
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
	case <-r.ctx.Done():
	}
}

// process are the tools that do something to the process.
func (r *request) process(name string, a arguments) (string, *failure) {
	switch name {
	case "exit":
		os.Exit(a.Code)
	case "crash":
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			return "", fail(err)
		}
		_ = self.Signal(syscall.SIGKILL) // It does not return.
		select {}
	case "junk":
		_, err := os.Stdout.WriteString(a.Text + "\n")
		return text("done"), fail(err)
	case "stderr":
		_, err := os.Stderr.WriteString(a.Text + "\n")
		return text("done"), fail(err)
	case "grandchild":
		cmd := exec.Command("sleep", "600") //nolint:noctx // it is to outlive everything but its group
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Start(); err != nil {
			return "", fail(err)
		}
		return text(strconv.Itoa(cmd.Process.Pid)), nil
	case "env":
		return text(os.Getenv(a.Name)), nil
	case "cwd":
		dir, err := os.Getwd()
		return text(dir), fail(err)
	}
	if strings.HasPrefix(name, "tool_") || strings.HasPrefix(name, "flood_") {
		return text(name), nil
	}
	return "", failed(wire.CodeInvalidParams, "unknown tool "+name)
}

func fail(err error) *failure {
	if err == nil {
		return nil
	}
	return failed(wire.CodeInternal, err.Error())
}

func text(s string) string {
	return `{"content":[{"type":"text","text":` + quote(s) + `}]}`
}

func toolError(s string) string {
	return `{"content":[{"type":"text","text":` + quote(s) + `}],"isError":true}`
}

func (r *request) hold() (string, *failure) {
	released := make(chan struct{})
	if token := r.params.Meta.ProgressToken; token != nil {
		r.out(wire.NewNotification("notifications/progress", []byte(`{"progressToken":`+string(token)+`,"progress":1,"x-odd":1.0}`)))
	}
	r.s.note(func() { r.s.holding[r] = released })
	defer r.s.note(func() { delete(r.s.holding, r) })
	select {
	case <-released:
		return text("released"), nil
	case <-r.ctx.Done():
		return "", nil
	}
}

func (r *request) progress(a arguments) (string, *failure) {
	token := r.params.Meta.ProgressToken
	for i := range a.Steps {
		if token == nil {
			break
		}
		n, message := strconv.Itoa(i+1), ""
		if r.version >= protocol.V20250326 {
			message = `,"message":` + quote("step "+n)
		}
		r.out(wire.NewNotification("notifications/progress", []byte(`{"progressToken":`+string(token)+`,"progress":`+n+`,"total":`+strconv.Itoa(a.Steps)+message+`}`)))
	}
	return text("done"), nil
}

// asGiven answers with the arguments as they came.
func (r *request) asGiven(arguments) (string, *failure) { return text(string(r.params.Arguments)), nil }

// dropStream ends the stream of this call after its first event, where it can be resumed, and answers on the one
// that resumes it. Elsewhere it just answers.
func (r *request) dropStream(arguments) (string, *failure) {
	if r.cut != nil {
		r.cut(r.ctx)
	}
	return text("done"), nil
}

func floodName(i int) string { return "flood_" + strconv.Itoa(i) }
