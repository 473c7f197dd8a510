package supervisor

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Value is one opened value of a Server. It prints as its name.
type Value struct {
	mcpmux.ValueName
	Text string
}

// String names the value and hides its text.
func (v Value) String() string { return string(v.Kind) + " " + v.Name + " [redacted]" }

// GoString is String, so that %#v hides the text too.
func (v Value) GoString() string { return v.String() }

// inputOpen and inputClose surround the ID of an Input in the texts of a Definition.
const (
	inputOpen  = "${input:"
	inputClose = "}"
)

// ResolveSpec is the final configuration of a Server with these values:
//   - ${input:ID} in any text of the Definition, and in the values of environment variables and headers, becomes
//     the Input's value, once: what an expanded value contains is not expanded again;
//   - an Input without a value has its default; one that is not required and has none is an empty text, and an argument,
//     header or environment variable that is nothing else is left out;
//   - a secret Input of a stdio Server is an environment variable of the same name too, unless one is declared;
//   - no secret gets into a command line, where every program of the machine could read it.
//
// Its errors are of mcpmux.CodeInvalid and name the text and the Input; none holds a value.
func ResolveSpec(srv mcpmux.Server, values []Value) (backend.Spec, error) {
	r := resolver{alias: srv.Alias, inputs: make(map[string]Value)}
	for _, v := range values {
		if _, declared := srv.Definition.Input(v.Name); v.Kind == mcpmux.ValueInput && (v.Text != "" || !declared) {
			r.inputs[v.Name] = v
		}
	}
	r.declared(srv.Definition.Inputs)
	spec := backend.Spec{Alias: srv.Alias, Transport: srv.Definition.Transport, Era: srv.Era, Roots: srv.Roots}
	if srv.About != nil {
		spec.Version = srv.About.ProtocolVersion
	}
	switch srv.Definition.Transport {
	case mcpmux.TransportStdio:
		r.stdio(&spec, srv.Definition, values)
	case mcpmux.TransportHTTP, mcpmux.TransportSSE:
		r.http(&spec, srv.Definition, values)
	default:
		r.invalid("its transport %q is not one of stdio, http and sse", srv.Definition.Transport)
	}
	if r.err != nil {
		return backend.Spec{}, r.err
	}
	return spec, nil
}

// resolver expands the texts of one Server and keeps the first error.
type resolver struct {
	alias  string
	inputs map[string]Value
	err    error
}

// declared fills in what the Definition says of Inputs that have no value.
func (r *resolver) declared(inputs []mcpmux.Input) {
	for i := range inputs {
		in := &inputs[i]
		if _, given := r.inputs[in.ID]; given {
			continue
		}
		if in.Default == "" && in.Required {
			r.invalid("the input %s has no value; set it in the server's settings, or with `mcpmux server set %s --input %s=VALUE`", in.Named(), r.alias, in.ID)
			return
		}
		r.inputs[in.ID] = Value{ValueName: mcpmux.ValueName{Kind: mcpmux.ValueInput, Name: in.ID, Secret: in.Hidden()}, Text: in.Default}
	}
}

// nothing says whether a text is an Input that has no value, and nothing else.
func (r *resolver) nothing(text string) bool {
	id, ok := strings.CutPrefix(text, inputOpen)
	id, closed := strings.CutSuffix(id, inputClose)
	v, known := r.inputs[id]
	return ok && closed && known && v.Text == ""
}

func (r *resolver) stdio(spec *backend.Spec, def mcpmux.Definition, values []Value) {
	if def.Command == "" {
		r.invalid("it has no command")
	}
	spec.Command = r.expand("the command", def.Command, public)
	for i, arg := range def.Args {
		if r.nothing(arg) {
			continue
		}
		spec.Args = append(spec.Args, r.expand(fmt.Sprintf("argument %d", i+1), arg, public))
	}
	spec.Cwd = r.expand("the working directory", def.Cwd, public)
	spec.Env = r.environment(values)
}

func (r *resolver) http(spec *backend.Spec, def mcpmux.Definition, values []Value) {
	if def.URL == "" {
		r.invalid("it has no URL")
	}
	spec.URL = r.expand("the URL", def.URL, private)
	spec.Header = make(http.Header)
	for _, v := range values {
		if v.Kind != mcpmux.ValueHeader || r.nothing(v.Text) {
			continue
		}
		where := "header " + v.Name
		text := r.expand(where, v.Text, private)
		if !headerName(v.Name) {
			r.invalid("%q is not a name of a header", v.Name)
		}
		if strings.ContainsAny(text, "\r\n\x00") {
			r.invalid("the value of %s has a line break in it", where)
		}
		spec.Header.Add(v.Name, text)
	}
}

// environment is the declared environment as NAME=VALUE, sorted, so that equal values give an equal Digest.
func (r *resolver) environment(values []Value) []string {
	env := make(map[string]string)
	for _, v := range values {
		if v.Kind == mcpmux.ValueInput && v.Secret {
			env[v.Name] = v.Text
		}
	}
	for _, v := range values {
		if v.Kind == mcpmux.ValueEnv && !r.nothing(v.Text) {
			env[v.Name] = r.expand("environment variable "+v.Name, v.Text, private)
		}
	}
	var lines []string
	for name, text := range env {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			r.invalid("%q is not a name of an environment variable", name)
		}
		if strings.Contains(text, "\x00") {
			r.invalid("the value of environment variable %s has a zero byte in it", name)
		}
		lines = append(lines, name+"="+text)
	}
	slices.Sort(lines)
	return lines
}

// visibility says whether other programs of this machine can read a text.
type visibility bool

const (
	public  visibility = true  // a command line
	private visibility = false // an environment, a header, a URL
)

// expand puts the values of Inputs into text. where names the text in errors.
func (r *resolver) expand(where, text string, seen visibility) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, inputOpen)
		out.WriteString(before)
		if !found {
			break
		}
		id, after, closed := strings.Cut(rest, inputClose)
		if !closed || id == "" {
			r.invalid("%s has %q without an input's name and %q after it", where, inputOpen, inputClose)
			return ""
		}
		v, known := r.inputs[id]
		switch {
		case !known:
			r.invalid("%s needs the input %q, which has no value; set it in the server's settings", where, id)
			return ""
		case v.Secret && seen == public:
			r.invalid("the input %q is secret and cannot be part of %s, which every program on this machine can read; "+
				"the server finds it in its environment variable %s", id, where, id)
			return ""
		}
		out.WriteString(v.Text)
		text = after
	}
	if seen == public && strings.Contains(out.String(), "\x00") {
		r.invalid("%s has a zero byte in it", where)
	}
	return out.String()
}

func (r *resolver) invalid(format string, args ...any) {
	if r.err == nil {
		r.err = mcpmux.Errorf(mcpmux.CodeInvalid, "server %s: %s", r.alias, fmt.Sprintf(format, args...))
	}
}

// headerName says whether s is a token of RFC 9110 §5.6.2.
func headerName(s string) bool {
	for _, c := range []byte(s) {
		alnum := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !alnum && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}
