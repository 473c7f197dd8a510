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

	"github.com/mcpmux/mcpmux/internal/wire"
)

// builtin are the tools that every server has:
//
//	echo       answers with its arguments, byte for byte
//	hold       sends one progress notification, then waits for Release, the tool release, or the end of the call
//	release    lets all calls of hold answer
//	sleep      {"ms":n}: answers after that time
//	ask        {"method":m,"params":p}: puts a request to the client, answers with the response
//	log        {"level":l,"text":t}: sends a log message, if its level is wanted; else info, "logged"
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
//	odd        answers with members and numbers that no SDK would send
var builtin = []string{
	"echo", "hold", "release", "sleep", "ask", "log", "exit", "crash", "junk", "stderr", "grandchild", "env", "cwd",
	"drop", "stats", "big", "change", "trigger", "odd",
}

// Odd is the result of the tool odd.
const Odd = `{"content":[],"structuredContent":null,"x-unknown":{"a":[1,2.50,12345678901234567890]},"e":"\u00e9é\/"}`

func (r *request) tools() []string {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	var all []string
	for _, name := range builtin {
		all = append(all, `{"name":"`+name+`","inputSchema":{"type":"object"},"x-odd":12345678901234567890}`)
	}
	if !r.s.script.plain() {
		for _, name := range further {
			if r.lists(name) {
				all = append(all, r.definition(name))
			}
		}
	}
	for i := range r.s.script.Generated {
		all = append(all, `{"name":"tool_`+strconv.Itoa(i)+`","inputSchema":{"type":"object"}}`)
	}
	for _, name := range slices.Concat(r.s.added, r.s.offers()) {
		all = append(all, `{"name":`+string(wire.Quote(name))+`,"inputSchema":{"type":"object"}}`)
	}
	return all
}

// arguments of all tools together.
type arguments struct {
	MS     int             `json:"ms"`
	Code   int             `json:"code"`
	Bytes  int             `json:"bytes"`
	Text   string          `json:"text"`
	Name   string          `json:"name"`
	URI    string          `json:"uri"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`

	Message string          `json:"message"`
	Schema  json.RawMessage `json:"schema"`
	Prompt  string          `json:"prompt"`
	URL     string          `json:"url"`
	N       int             `json:"n"`
	Ask     bool            `json:"ask"`
	Hold    bool            `json:"hold"`
	Steps   int             `json:"steps"`
	Level   string          `json:"level"`
	Tool    string          `json:"tool"`

	PerSecond int  `json:"per_second"`
	Fail      bool `json:"fail"`
	Error     bool `json:"error"`

	raw json.RawMessage // all of them
}

func (r *request) call() (string, *failure) {
	var p struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if err := json.Unmarshal(r.m.Bytes(r.m.Params), &p); err != nil {
		return "", &failure{wire.CodeInvalidParams, err.Error(), ""}
	}
	r.s.note(func() { r.s.calls[p.Name]++ })
	a := arguments{raw: p.Arguments}
	if len(p.Arguments) > 0 {
		if err := json.Unmarshal(p.Arguments, &a); err != nil && p.Name != "echo" {
			return "", &failure{wire.CodeInvalidParams, err.Error(), ""}
		}
	}
	switch p.Name {
	case "echo":
		return `{"content":[],"structuredContent":` + string(p.Arguments) + `}`, nil
	case "odd":
		return Odd, nil
	case "hold":
		return r.hold(r.Meta.Token)
	case "release":
		r.s.Release()
	case "sleep":
		select {
		case <-time.After(time.Duration(a.MS) * time.Millisecond):
		case <-r.ctx.Done():
		}
	case "ask":
		return r.ask(a)
	case "drop":
		panic(http.ErrAbortHandler) // net/http's way to close a connection
	case "log":
		r.log(a)
	case "stats":
		r.s.mu.Lock()
		defer r.s.mu.Unlock()
		text, err := json.Marshal(r.s.calls)
		return `{"content":[],"structuredContent":` + string(text) + `}`, fail(err)
	case "big":
		return text(strings.Repeat("x", a.Bytes)), nil
	case "change":
		r.s.note(func() { r.s.added = append(r.s.added, a.Name) })
		r.s.toolsChanged()
	case "trigger":
		r.s.updated(a.URI)
	default:
		if result, ok := r.offer(p.Name); ok {
			return result, nil
		}
		return r.further(p.Name, a)
	}
	return text("done"), nil
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
	r.s.mu.Lock()
	added := slices.Contains(r.s.added, name)
	r.s.mu.Unlock()
	if added || strings.HasPrefix(name, "tool_") {
		return text(name), nil
	}
	return "", &failure{wire.CodeInvalidParams, "unknown tool " + name, ""}
}

func fail(err error) *failure {
	if err == nil {
		return nil
	}
	return &failure{wire.CodeInternal, err.Error(), ""}
}

func text(s string) string {
	return `{"content":[{"type":"text","text":` + string(wire.Quote(s)) + `}]}`
}

func (r *request) hold(token json.RawMessage) (string, *failure) {
	released := make(chan struct{})
	r.s.note(func() { r.s.holding[r.key] = released })
	defer r.s.note(func() { delete(r.s.holding, r.key) })
	if token != nil { // whoever hears of it may release the call
		r.out(wire.NewNotification("notifications/progress", []byte(`{"progressToken":`+string(token)+`,"progress":1,"x-odd":1.0}`)))
	}
	select {
	case <-released:
		return text("released"), nil
	case <-r.ctx.Done():
		return "", nil
	}
}

// ask puts a request to the client and answers with its response, under content as text.
func (r *request) ask(a arguments) (string, *failure) {
	params := a.Params
	if len(params) == 0 {
		params = json.RawMessage("{}")
	}
	answer, done := r.s.send(r.session, a.Method, string(params), r.out)
	defer done()
	select {
	case m := <-answer:
		return text(string(m.Raw)), nil
	case <-r.ctx.Done():
		return "", nil
	}
}
