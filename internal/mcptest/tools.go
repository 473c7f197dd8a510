package mcptest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/wire"
)

// OddResult is what the tool odd answers: members nobody knows, numbers no float64 holds, escapes and spaces
// that a re-encoder would change.
const OddResult = `{"content":[{"type":"hologram","data":[1,2]},{"type":"text","text":"\u00e9 \/ é <&>","annotations":{"priority":1.0e-0}}],` +
	`"structuredContent":null , "big":12345678901234567890,"tiny":-0.000, "x-unknown":{"z":1,"a":[]} }`

// toolNames are the built-in tools.
//
//nolint:gochecknoglobals // constant table
var toolNames = []string{
	"echo", "raw", "sleep", "block", "sample", "elicit", "roots", "log", "crash", "drop", "cut", "big", "env", "cwd",
	"grandchild", "odd", "add_tool", "touch", "count",
}

func (s *Server) tools() []string {
	s.mu.Lock()
	added := append([]string(nil), s.added...)
	s.mu.Unlock()
	var out []string
	for _, n := range append(append([]string(nil), toolNames...), added...) {
		out = append(out, `{"name":`+string(wire.Quote(n))+`,"inputSchema":{"type":"object"}}`)
	}
	for i := range s.script.Tools {
		out = append(out, fmt.Sprintf(`{"name":"tool_%04d","description":"Generated.","inputSchema":{"type":"object","properties":{"text":{"type":"string"}}}}`, i))
	}
	return out
}

// arguments are those of all tools.
type arguments struct {
	Text     string            `json:"text"`
	MS       int               `json:"ms"`
	Steps    int               `json:"steps"`
	Level    string            `json:"level"`
	Code     int               `json:"code"`
	Bytes    int               `json:"bytes"`
	Name     string            `json:"name"`
	URI      string            `json:"uri"`
	Hold     bool              `json:"hold"`
	Params   json.RawMessage   `json:"params"`
	Metadata map[string]string `json:"metadata"`
}

func (s *Server) call(ctx context.Context, x *exchange) ([]byte, *fault) {
	var p struct {
		Name      string    `json:"name"`
		Arguments arguments `json:"arguments"`
		Meta      struct {
			Token json.RawMessage `json:"progressToken"`
		} `json:"_meta"`
		State string `json:"requestState"`
	}
	if err := json.Unmarshal(x.m.Bytes(x.m.Params), &p); err != nil {
		return nil, faultf(wire.CodeInvalidParams, "params: %v", err)
	}
	a := p.Arguments
	switch p.Name {
	case "odd":
		return []byte(OddResult), nil
	case "sample", "elicit", "roots":
		if isModern(x.m) {
			return s.askModern(x, p.Name, p.State, a)
		}
		return s.askClient(ctx, x, p.Name, a)
	case "sleep":
		if !pause(ctx, x, a, p.Meta.Token) {
			return nil, nil // nobody waits any more
		}
		return s.text(x, "slept"), nil
	case "block": // answers when cancelled, and tells
		x.progress(p.Meta.Token, 0)
		<-ctx.Done()
		s.noteName("cancelled:"+a.Text, x.m.Raw, nil)
		return nil, nil
	case "log":
		level := a.Level
		if level == "" {
			level = "info"
		}
		x.write(wire.NewNotification("notifications/message", []byte(`{"level":"`+level+`","logger":"mcptest","data":`+string(wire.Quote(a.Text))+`}`)))
		return s.text(x, "logged"), nil
	case "crash":
		if !x.stdio {
			x.hang()
			return nil, nil
		}
		fmt.Fprintln(os.Stderr, "boom: code", a.Code)
		os.Exit(a.Code)
	case "drop": // the connection is closed without an answer
		x.hang()
		return nil, nil
	case "cut":
		return s.cut(x), nil
	}
	text, f := s.plainTool(x, p.Name, a)
	if f != nil {
		return nil, f
	}
	return s.text(x, text), nil
}

// plainTool is a tool that answers one text.
func (s *Server) plainTool(x *exchange, name string, a arguments) (string, *fault) {
	switch name {
	case "echo":
		return a.Text, nil
	case "raw":
		return string(x.m.Raw), nil
	case "big":
		return strings.Repeat("x", a.Bytes), nil
	case "env":
		return strings.Join(os.Environ(), "\n"), nil
	case "cwd":
		dir, err := os.Getwd()
		if err != nil {
			return "", faultf(wire.CodeInternal, "%v", err)
		}
		return dir, nil
	case "grandchild":
		return grandchild(a.Hold)
	case "add_tool":
		s.mu.Lock()
		s.added = append(s.added, a.Name)
		s.mu.Unlock()
		s.Notify("notifications/tools/list_changed", `{}`)
		return "added", nil
	case "touch":
		params := `{"uri":` + string(wire.Quote(a.URI)) + `}`
		s.mu.Lock()
		all := make([]*session, 0, len(s.sessions))
		for _, sess := range s.sessions {
			all = append(all, sess)
		}
		s.mu.Unlock()
		for _, sess := range all {
			sess.notify("notifications/resources/updated", params, a.URI)
		}
		return "touched", nil
	case "count":
		s.mu.Lock()
		defer s.mu.Unlock()
		text, _ := json.Marshal(s.counts) // a map of numbers always marshals
		return string(text), nil
	}
	if strings.HasPrefix(name, "tool_") {
		return name, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.added {
		if n == name {
			return name, nil
		}
	}
	return "", faultf(wire.CodeInvalidParams, "unknown tool %s", name)
}

func (s *Server) text(x *exchange, text string) []byte {
	return s.modernize(x.m, []byte(`{"content":[{"type":"text","text":`+string(wire.Quote(text))+`}]}`))
}

func (x *exchange) progress(token json.RawMessage, n int) {
	if len(token) > 0 {
		x.write(wire.NewNotification("notifications/progress", []byte(`{"progressToken":`+string(token)+`,"progress":`+strconv.Itoa(n)+`}`)))
	}
}

// pause waits, with progress in between, false where the client cancelled.
func pause(ctx context.Context, x *exchange, a arguments, token json.RawMessage) bool {
	steps := max(1, a.Steps)
	for i := range steps {
		x.progress(token, i+1)
		t := time.NewTimer(time.Duration(a.MS) * time.Millisecond / time.Duration(steps))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return false
		}
	}
	return true
}

// question is what a tool asks its client.
func question(tool string, a arguments) (method, params string) {
	switch tool {
	case "sample":
		method, params = "sampling/createMessage", `{"messages":[{"role":"user","content":{"type":"text","text":"Hi"}}],"maxTokens":10}`
	case "elicit":
		method, params = "elicitation/create", `{"message":"Who?","requestedSchema":{"type":"object","properties":{"who":{"type":"string"}}}}`
	default:
		method, params = "roots/list", `{}`
	}
	if len(a.Params) > 0 {
		params = string(a.Params)
	}
	return method, params
}

// askClient asks and answers with the client's response, as text.
func (s *Server) askClient(ctx context.Context, x *exchange, tool string, a arguments) ([]byte, *fault) {
	method, params := question(tool, a)
	m, err := x.ask(ctx, method, params)
	if err != nil {
		return nil, nil // nobody waits any more
	}
	return s.text(x, string(m.Raw)), nil
}

// askModern asks in the result and takes the answers from the retry (MCP 2026-07-28 basic/patterns/mrtr).
func (s *Server) askModern(x *exchange, tool, state string, a arguments) ([]byte, *fault) {
	if state == "" {
		method, params := question(tool, a)
		return []byte(`{"resultType":"input_required","requestState":"state of ` + tool + `","inputRequests":{"q1":{"method":"` + method + `","params":` + params + `}}}`), nil
	}
	var found [1]wire.Span
	if wire.Find(x.m.Raw, x.m.Params, []string{"inputResponses"}, found[:]) != nil || !found[0].OK() {
		return nil, faultf(wire.CodeInvalidParams, "inputResponses are missing")
	}
	return s.text(x, string(x.m.Bytes(found[0]))), nil
}

// cut ends the stream of the call after an event with an id; the answer comes when the client resumes there.
func (s *Server) cut(x *exchange) []byte {
	s.mu.Lock()
	s.nextID++
	id := "cut-" + strconv.Itoa(s.nextID)
	s.events[id] = wire.NewResult(x.m.Bytes(x.m.ID), s.text(x, "resumed"))
	s.mu.Unlock()
	x.write([]byte("id:" + id))
	x.hang()
	return nil
}

// grandchild starts a process that lives until it is killed, in the group of this one.
func grandchild(hold bool) (string, *fault) {
	self, err := os.Executable()
	if err != nil {
		return "", faultf(wire.CodeInternal, "%v", err)
	}
	cmd := exec.Command(self) //nolint:noctx // it is to outlive everything
	cmd.Env = append(os.Environ(), grandchildVar+"=1")
	if hold {
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	}
	if err := cmd.Start(); err != nil {
		return "", faultf(wire.CodeInternal, "%v", err)
	}
	return strconv.Itoa(cmd.Process.Pid), nil
}
