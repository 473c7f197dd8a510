package connect

import (
	"errors"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// builder makes one Proposal.
type builder struct {
	inputs map[string]input
	p      Proposal
}

// The errors of an entry.
var (
	errNeither = errors.New("it has neither a command nor an address")
	errArgs    = errors.New("its arguments are not a list of texts")
	errPairs   = errors.New("its environment or its headers are not a table of texts")
)

// read reads the members of an entry that applications have; others mean nothing to a server.
func (b *builder) read(m map[string]any) error {
	b.p.Off = isFalse(m["enabled"]) || isTrue(m["disabled"])
	if at := address1(m); at != "" && m["command"] == nil {
		return b.readHTTP(m, at)
	}
	return b.readStdio(m)
}

func isTrue(v any) bool  { t, ok := v.(bool); return ok && t }
func isFalse(v any) bool { t, ok := v.(bool); return ok && !t }

func address1(m map[string]any) string {
	for _, name := range addresses {
		if at := textOf(m[name]); at != "" {
			return at
		}
	}
	return ""
}

func (b *builder) readStdio(m map[string]any) error {
	var words []string
	switch c := m["command"].(type) {
	case string:
		words = []string{c}
	case []any: // OpenCode: the arguments too
		words, _ = textsOf(c)
	case map[string]any: // Zed's older form
		words = []string{textOf(c["path"])}
		m = c
	}
	if len(words) == 0 || strings.TrimSpace(words[0]) == "" {
		return errNeither
	}
	args, ok := textsOf(m["args"])
	if !ok {
		return errArgs
	}
	env, err := pairsOf(m, "env", "environment", "envs")
	if err != nil {
		return err
	}
	b.setCommand(append(words, args...), textOf(m["cwd"]))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		b.value(mcpmux.ValueEnv, name, env[name])
	}
	b.referred(m["env_keys"], func(string) string { return "" }) // Goose keeps them in a keychain of its own
	b.referred(m["env_vars"], func(name string) string { return "${env:" + name + "}" })
	if m["envFile"] != nil {
		b.warn(true, "it reads environment variables from a file (envFile), which McpMux does not: add them here")
	}
	return nil
}

// referred adds environment variables of which the entry has the names alone.
func (b *builder) referred(list any, text func(string) string) {
	names, _ := textsOf(list)
	for _, name := range names {
		if name != "" && !b.has(mcpmux.ValueEnv, name) {
			b.value(mcpmux.ValueEnv, name, text(name))
		}
	}
}

func (b *builder) has(kind mcpmux.ValueKind, name string) bool {
	return slices.ContainsFunc(b.p.Values, func(v Value) bool { return v.Kind == kind && v.Name == name })
}

// setCommand takes a command and its arguments. A secret in an argument becomes an Input, so that it is sealed.
func (b *builder) setCommand(words []string, cwd string) {
	def := mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: b.expand(words[0], true), Cwd: b.expand(cwd, true)}
	for i, word := range words[1:] {
		def.Args = append(def.Args, b.argument(words, i+1, word))
	}
	b.p.Definition = def
}

func (b *builder) readHTTP(m map[string]any, at string) error {
	def := mcpmux.Definition{Transport: mcpmux.TransportHTTP, URL: b.address(at)}
	kind := textOf(m["type"]) + textOf(m["transport"])
	if strings.EqualFold(kind, "sse") {
		def.Transport = mcpmux.TransportSSE
	}
	b.p.Definition = def
	headers, err := pairsOf(m, "headers", "http_headers")
	if err != nil {
		return err
	}
	if more, ok := m["requestOptions"].(map[string]any); ok {
		others, err := pairsOf(more, "headers")
		if err != nil {
			return err
		}
		maps.Copy(headers, others)
	}
	byName, err := pairsOf(m, "env_http_headers")
	if err != nil {
		return err
	}
	for name, env := range byName {
		headers[name] = "${env:" + env + "}"
	}
	if env := textOf(m["bearer_token_env_var"]); env != "" {
		headers["Authorization"] = "Bearer ${env:" + env + "}"
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		b.value(mcpmux.ValueHeader, name, headers[name])
	}
	if m["headersHelper"] != nil {
		b.warn(true, "a command makes its headers (headersHelper), which McpMux does not run: add them here, or log in")
	}
	return nil
}

// pairsOf are the texts of the tables of these names.
func pairsOf(m map[string]any, names ...string) (map[string]string, error) {
	out := map[string]string{}
	for _, name := range names {
		switch t := m[name].(type) {
		case nil:
		case map[string]any:
			for k, v := range t {
				switch v.(type) {
				case map[string]any, []any:
					return nil, errPairs
				}
				out[k] = textOf(v)
			}
		default:
			return nil, errPairs
		}
	}
	return out, nil
}

func (b *builder) warn(stops bool, text string) {
	w := Warning{Text: text, Stops: stops}
	if !slices.Contains(b.p.Warnings, w) {
		b.p.Warnings = append(b.p.Warnings, w)
	}
}

// done is the Proposal, judged.
func (b *builder) done() Proposal {
	b.declare()
	b.judge()
	return b.p
}

// declare says what the Inputs are, for whoever configures the Server later.
func (b *builder) declare() {
	for _, v := range b.p.Values {
		if v.Kind != mcpmux.ValueInput {
			continue
		}
		in := mcpmux.Input{ID: v.Name, Description: v.Prompt, Required: true, Secret: v.Secret}
		for _, option := range b.inputs[v.Name].options {
			in.Type = mcpmux.InputSelect
			in.Options = append(in.Options, mcpmux.InputOption{Value: option})
		}
		if v.Secret || in.CheckValue(v.Text) != nil {
			in.Options, in.Type = nil, map[bool]mcpmux.InputType{true: mcpmux.InputPassword}[v.Secret]
		}
		b.p.Definition.Inputs = append(b.p.Definition.Inputs, in)
	}
}

var (
	// wholeForm is a value that is a reference and nothing else.
	wholeForm = regexp.MustCompile(`^\$(?:\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))$`)
	// bareForm is Gemini CLI's reference after a word.
	bareForm = regexp.MustCompile(`^(Bearer |Token |Basic )\$([A-Za-z_][A-Za-z0-9_]*)$`)
	// blankForm is what stands where people are to write their own.
	blankForm = regexp.MustCompile(`(?i)^(<.*>|\[.*\]|\{\{.*\}\}|your[-_ ].*|my[-_ ](api|token|key).*|xx+|\.\.\.|…|changeme|replace[-_ ]?me|(sk|ghp|pat)?[-_]?x{3,})$`)
)

// value adds an environment variable or a header.
func (b *builder) value(kind mcpmux.ValueKind, name, text string) {
	v := Value{ValueName: mcpmux.ValueName{Kind: kind, Name: name}}
	if m := bareForm.FindStringSubmatch(text); m != nil {
		text = m[1] + "${env:" + m[2] + "}"
	}
	switch m := wholeForm.FindStringSubmatch(text); {
	case m != nil:
		v.Secret, v.From = true, "env:"+m[1]+m[2]
		v.Text = v.From
	case text == "" && looksSecret(name, "") || blankForm.MatchString(strings.TrimPrefix(text, "Bearer ")):
		v.Secret, v.Missing, v.Prompt = looksSecret(name, ""), true, cut(text)
		if rest, ok := strings.CutPrefix(text, "Bearer "); ok {
			id := inputName(name)
			b.need(id, rest, true)
			v.Text, v.Missing, v.Secret = "Bearer ${input:"+id+"}", false, true
		}
	default:
		before := len(b.p.Values)
		v.Text = b.expand(text, false)
		v.Secret = looksSecret(name, text)
		v.Hidden = v.Secret && v.Text == text
		if v.Text != text || len(b.p.Values) > before {
			v.Secret = false // what is secret in it is an Input of its own
		}
		if v.Secret {
			v.Text = literal(v.Text)
		}
	}
	b.p.Values = append(b.p.Values, v)
}

// literal is a secret of a source as the store takes it: none of a source's texts names a file or a keychain of this
// machine, whatever it looks like.
func literal(text string) string {
	for _, prefix := range []string{"env:", "file:", "keychain:", "op://", "literal:"} {
		if strings.HasPrefix(text, prefix) {
			return "literal:" + text
		}
	}
	return text
}

// need makes sure that there is an Input which the source does not have the value of.
func (b *builder) need(id, prompt string, secret bool) {
	if !b.has(mcpmux.ValueInput, id) {
		b.p.Values = append(b.p.Values, Value{ValueName: mcpmux.ValueName{Kind: mcpmux.ValueInput, Name: id, Secret: secret}, Missing: true, Prompt: cut(prompt)})
	}
}

var inputBad = regexp.MustCompile(`[^A-Za-z0-9_.-]`)

// inputName is the name of an Input that the store takes.
func inputName(id string) string {
	id = inputBad.ReplaceAllString(id, "_")
	if id == "" {
		id = "VALUE"
	}
	return id[:min(len(id), 64)]
}

// placeholder is what stands for something else in a configuration.
var placeholder = regexp.MustCompile(`\$\{([^{}]*)\}`)

// expand writes the placeholders of applications as those of McpMux: an Input for each. public says that the text is
// part of a command line, which no secret may be part of.
func (b *builder) expand(text string, public bool) string {
	out := placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := found[2 : len(found)-1]
		id, isInput := strings.CutPrefix(name, "input:")
		env, isEnv := strings.CutPrefix(name, "env:")
		plain, fallback, hasDefault := strings.Cut(name, ":-")
		switch {
		case isInput:
			return b.input(id, public)
		case isEnv && envName.MatchString(env), envName.MatchString(name):
			return b.fromEnv(env, found, public)
		case hasDefault && envName.MatchString(plain):
			b.warn(false, "it took the default of "+found+", which McpMux does not look up")
			return fallback
		}
		b.warn(true, "only the application knows what "+cut(found)+" is: change it before you switch it on")
		return found
	})
	if strings.Contains(placeholder.ReplaceAllString(out, ""), "${input:") {
		b.warn(true, "it has ${input: without an end in it")
	}
	return out
}

// input writes ${input:ID}, and sees that the Input is there.
func (b *builder) input(id string, public bool) string {
	id = inputName(id)
	in, known := b.inputs[id]
	secret := in.secret || !known && looksSecret(id, "")
	if secret && public {
		b.warnOfCommandLine(id)
	}
	if !b.has(mcpmux.ValueInput, id) {
		v := Value{ValueName: mcpmux.ValueName{Kind: mcpmux.ValueInput, Name: id, Secret: secret}, Text: in.text, Prompt: cut(in.prompt), Missing: in.text == ""}
		if secret {
			v.Text, v.Hidden = literal(v.Text), v.Text != ""
		}
		b.p.Values = append(b.p.Values, v)
	}
	return "${input:" + id + "}"
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// fromEnv writes a reference to an environment variable as a secret Input, which is looked up when it is needed.
func (b *builder) fromEnv(name, found string, public bool) string {
	if public {
		b.warn(true, "its command line has "+cut(found)+" in it, which McpMux does not look up there: write what it stands for")
		return found
	}
	if !b.has(mcpmux.ValueInput, name) {
		b.p.Values = append(b.p.Values, Value{ValueName: mcpmux.ValueName{Kind: mcpmux.ValueInput, Name: name, Secret: true}, Text: "env:" + name, From: "env:" + name})
	}
	return "${input:" + name + "}"
}

// address takes the secrets out of a URL: they become Inputs.
func (b *builder) address(at string) string {
	at = b.expand(at, false)
	u, err := url.Parse(at)
	if err != nil || strings.Contains(at, "${") {
		return at
	}
	if word, _ := u.User.Password(); word != "" && strings.Contains(at, ":"+word+"@") {
		at = strings.Replace(at, ":"+word+"@", ":"+b.hideIn("PASSWORD", word)+"@", 1)
	}
	query := u.Query()
	for name, values := range query {
		if len(values) == 1 && values[0] != "" && looksSecret(name, values[0]) {
			for _, as := range []string{url.QueryEscape(values[0]), values[0]} {
				if from := name + "=" + as; strings.Contains(at, from) {
					at = strings.Replace(at, from, name+"="+b.hideIn(name, as), 1)
					break
				}
			}
		}
	}
	return at
}

// hideIn is hide for the text alone.
func (b *builder) hideIn(name, text string) string {
	out, _ := b.hide(name, text)
	return out
}

// hide makes a secret Input of a part of another text, and answers what stands for it, and its id.
func (b *builder) hide(name, text string) (out, id string) {
	base := inputName(strings.ToUpper(strings.ReplaceAll(strings.TrimLeft(name, "-"), "-", "_")))
	id = base
	for n := 2; b.has(mcpmux.ValueInput, id); n++ {
		id = base[:min(len(base), 60)] + "_" + strconv.Itoa(n)
	}
	b.p.Values = append(b.p.Values, Value{ValueName: mcpmux.ValueName{Kind: mcpmux.ValueInput, Name: id, Secret: true}, Text: literal(text), Hidden: true})
	return "${input:" + id + "}", id
}
