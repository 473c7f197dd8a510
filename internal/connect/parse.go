package connect

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
	"go.yaml.in/yaml/v3"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Bounds of a text that is read, in bytes, and of what is in it. Readers of TOML and YAML recurse further for each level
// of a text.
const (
	maxText    = 4 << 20
	maxDeep    = 256 << 10
	maxServers = 500
)

// Value is a value that a Server is to get. It prints as its name.
type Value struct {
	mcpmux.ValueName
	// Text is the value, or a reference to one that is kept elsewhere.
	Text string
	// Hidden says that Text is not shown, From where it is kept where it is a reference.
	Hidden bool
	From   string
	// Missing says that the source does not have it; Prompt is how the source asks for it.
	Missing bool
	Prompt  string
}

// String names the value and hides its text.
func (v Value) String() string { return string(v.Kind) + " " + v.Name + " [redacted]" }

// GoString is String, so that %#v hides the text too.
func (v Value) GoString() string { return v.String() }

// Warning is something to look at before a server is added. One that Stops has it added switched off.
type Warning struct {
	Text  string
	Stops bool
}

// Proposal is a Server as a source has it.
type Proposal struct {
	Name       string // as the source calls it, "" where it does not
	Alias      string
	Definition mcpmux.Definition
	Values     []Value
	// Off says that the source has it switched off.
	Off      bool
	Warnings []Warning
	// DuplicateOf is the alias of a Server that is the same; "" is none.
	DuplicateOf string
	// Own says that it is McpMux itself.
	Own bool
}

// Stopped says whether it is to be added switched off.
func (p *Proposal) Stopped() bool {
	return p.Off || slices.ContainsFunc(p.Warnings, func(w Warning) bool { return w.Stops })
}

// Problem is an entry of a source that could not be read. It holds no value of it.
type Problem struct{ Name, Text string }

// Found is what a source has.
type Found struct {
	Proposals []Proposal
	Problems  []Problem
}

// errNothing says what is understood.
var errNothing = errors.New("no server is in this text: paste an entry of an application's configuration (JSON, TOML or YAML), an address, or a command")

var (
	tomlForm   = regexp.MustCompile(`(?m)^[ \t]*\[+[ \t]*"?mcp_servers"?[ \t]*[\].]`)
	yamlForm   = regexp.MustCompile(`(?m)^(mcpServers|extensions|servers|mcp|context_servers)[ \t]*:`)
	memberForm = regexp.MustCompile(`^"[^"\n]+"\s*:\s*[{[]`)
	fenceForm  = regexp.MustCompile("(?s)^```[^\n]*\n(.*?)\n?```$")
)

// Parse reads a text that has servers in it. Its errors are for people, and hold nothing of the text.
func Parse(text string) (Found, error) {
	switch {
	case len(text) > maxText:
		return Found{}, fmt.Errorf("the text is longer than %d MiB", maxText>>20)
	case !utf8.ValidString(text):
		return Found{}, errors.New("the text is not UTF-8")
	}
	text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	if m := fenceForm.FindStringSubmatch(text); m != nil {
		text = strings.TrimSpace(m[1])
	}
	switch {
	case text == "":
		return Found{}, errNothing
	case tomlForm.MatchString(text):
		return parseAs(TOML, text)
	case text[0] == '{' || text[0] == '[' || strings.HasPrefix(text, "//") || strings.HasPrefix(text, "/*"):
		return parseAs(JSON, text)
	case memberForm.MatchString(text):
		return parseAs(JSON, "{"+text+"}")
	case yamlForm.MatchString(text):
		return parseAs(YAML, text)
	}
	return parseLines(text)
}

// parseAs reads a configuration.
func parseAs(format Format, text string) (Found, error) {
	tree, err := decode(format, text)
	if err != nil {
		return Found{}, err
	}
	return fromTree(tree)
}

// decode reads a text of a format. What the readers say of a text may quote it, so it is not passed on.
func decode(format Format, text string) (tree any, err error) {
	if format != JSON && len(text) > maxDeep {
		return nil, fmt.Errorf("the text is longer than %d KiB", maxDeep>>10)
	}
	switch format {
	case TOML:
		table := map[string]any{}
		if _, err = toml.Decode(text, &table); err != nil {
			if bad, ok := errors.AsType[toml.ParseError](err); ok {
				return nil, fmt.Errorf("the text is not TOML: look at line %d", bad.Position.Line)
			}
			return nil, errors.New("the text is not TOML")
		}
		return table, nil
	case JSON:
	case YAML:
		if yaml.Unmarshal([]byte(text), &tree) != nil {
			return nil, errors.New("the text is not YAML")
		}
		return tree, nil
	}
	plain := withoutComments([]byte(text))
	if err = json.Unmarshal(plain, &tree); err != nil {
		if bad, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, fmt.Errorf("the text is not JSON: look at line %d", 1+strings.Count(string(plain[:min(int(bad.Offset), len(plain))]), "\n"))
		}
		return nil, errors.New("the text is not JSON")
	}
	return tree, nil
}

// keys are what applications call their servers.
var keys = []string{"mcpServers", "servers", "context_servers", "mcp_servers", "amp.mcpServers", "mcp", "extensions"}

// fromTree finds the servers of a configuration.
func fromTree(tree any) (Found, error) {
	r := reader{}
	switch t := tree.(type) {
	case []any:
		r.list(t)
	case map[string]any:
		r.top(t)
	}
	switch {
	case len(r.found.Proposals)+len(r.found.Problems) == 0:
		return Found{}, errNothing
	case len(r.found.Proposals) > maxServers:
		return Found{}, fmt.Errorf("the text has more than %d servers", maxServers)
	}
	return r.found, nil
}

// reader collects what a configuration has.
type reader struct {
	inputs map[string]input
	found  Found
}

// input is one of VS Code's inputs.
type input struct {
	prompt, text string
	options      []string
	secret       bool
}

func (r *reader) top(m map[string]any) {
	r.readInputs(m["inputs"])
	if isEntry(m) {
		name, _ := m["name"].(string)
		r.entry(name, m)
		return
	}
	found := false
	for _, key := range keys {
		switch list := m[key].(type) {
		case map[string]any:
			found = true
			if inner, ok := list["servers"].(map[string]any); ok && !isEntry(inner) { // VS Code's settings, OpenCode 2
				r.readInputs(list["inputs"])
				list = inner
			}
			r.table(list)
		case []any:
			found = true
			r.list(list)
		}
	}
	if projects, ok := m["projects"].(map[string]any); ok { // Claude Code: those of one folder
		for _, folder := range slices.Sorted(maps.Keys(projects)) {
			if p, ok := projects[folder].(map[string]any); ok {
				if list, ok := p["mcpServers"].(map[string]any); ok {
					found = true
					r.table(list)
				}
			}
		}
	}
	if !found && len(m) > 0 && allEntries(m) {
		r.table(m)
	}
}

func (r *reader) readInputs(list any) {
	all, _ := list.([]any)
	for _, one := range all {
		m, ok := one.(map[string]any)
		id := textOf(m["id"])
		if !ok || id == "" {
			continue
		}
		if r.inputs == nil {
			r.inputs = map[string]input{}
		}
		secret, _ := m["password"].(bool)
		options, _ := textsOf(m["options"])
		options = slices.DeleteFunc(options, func(o string) bool { return o == "" })
		r.inputs[inputName(id)] = input{prompt: textOf(m["description"]), text: textOf(m["default"]), options: options, secret: secret}
	}
}

func (r *reader) table(m map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if e, ok := m[name].(map[string]any); ok {
			r.entry(name, e)
		} else {
			r.problem(name, "it is not an object")
		}
	}
}

func (r *reader) list(all []any) {
	for _, one := range all {
		if e, ok := one.(map[string]any); ok {
			r.entry(textOf(e["name"]), e)
		} else {
			r.problem("", "it is not an object")
		}
	}
}

func (r *reader) problem(name, text string) {
	r.found.Problems = append(r.found.Problems, Problem{Name: cut(name), Text: text})
}

// addresses are what applications call the URL of a server.
var addresses = []string{"url", "serverUrl", "httpUrl", "uri", "endpoint"}

// isEntry says whether m is one server, and not a table of them.
func isEntry(m map[string]any) bool {
	switch c := m["command"].(type) {
	case string, []any:
		return true
	case map[string]any:
		_, ok := c["path"].(string)
		return ok
	}
	return slices.ContainsFunc(addresses, func(name string) bool { _, ok := m[name].(string); return ok })
}

func allEntries(m map[string]any) bool {
	for _, v := range m {
		if e, ok := v.(map[string]any); !ok || !isEntry(e) {
			return false
		}
	}
	return true
}

// entry reads one server.
func (r *reader) entry(name string, m map[string]any) {
	name = cut(name)
	if kind := textOf(m["type"]); (kind == "builtin" || kind == "platform" || kind == "frontend" || kind == "inline_python") && !isEntry(m) {
		r.problem(name, "it is part of the application ("+kind+"), so no other can use it")
		return
	}
	b := builder{inputs: r.inputs, p: Proposal{Name: name}}
	if err := b.read(m); err != nil {
		r.problem(name, err.Error())
		return
	}
	r.found.Proposals = append(r.found.Proposals, b.done())
}

// textOf is a scalar as text; anything else is "".
func textOf(v any) string {
	switch t := v.(type) {
	case string:
		return t
	case bool, int, int64, uint64, float64:
		return fmt.Sprint(t)
	}
	return ""
}

// textsOf is a list of scalars.
func textsOf(v any) (out []string, ok bool) {
	switch t := v.(type) {
	case nil:
		return nil, true
	case []any:
		for _, one := range t {
			switch one.(type) {
			case map[string]any, []any, nil:
				return nil, false
			}
			out = append(out, textOf(one))
		}
		return out, true
	}
	return nil, false
}

// cut bounds a name that is shown.
func cut(name string) string {
	if r := []rune(name); len(r) > 100 {
		return string(r[:100]) + "…"
	}
	return name
}

// isAddress says whether a text is one to connect to.
func isAddress(text string) bool {
	if strings.ContainsAny(text, " \t\n\"'`") {
		return false
	}
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
