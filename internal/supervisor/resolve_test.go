package supervisor

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func value(kind mcpmux.ValueKind, name, text string, secret bool) Value {
	return Value{ValueName: mcpmux.ValueName{Kind: kind, Name: name, Secret: secret}, Text: text}
}

func stdioDefinition(command string, args ...string) mcpmux.Definition {
	return mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: command, Args: args}
}

func httpDefinition(url string) mcpmux.Definition {
	return mcpmux.Definition{Transport: mcpmux.TransportHTTP, URL: url}
}

func TestResolveSpec_ExpandsInputsOnce(t *testing.T) {
	const token = "s3cret-token"
	tests := []struct {
		name   string
		def    mcpmux.Definition
		values []Value
		want   backend.Spec
	}{
		{
			name: "nothing to expand",
			def:  mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: "npx", Args: []string{"-y", "pkg"}, Cwd: "/srv"},
			want: backend.Spec{Transport: mcpmux.TransportStdio, Command: "npx", Args: []string{"-y", "pkg"}, Cwd: "/srv"},
		},
		{
			name:   "in command, arguments and working directory",
			def:    mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: "${input:bin}", Args: []string{"--dir=${input:dir}/a", "${input:dir}${input:dir}"}, Cwd: "${input:dir}"},
			values: []Value{value(mcpmux.ValueInput, "bin", "run", false), value(mcpmux.ValueInput, "dir", "/d", false)},
			want:   backend.Spec{Transport: mcpmux.TransportStdio, Command: "run", Args: []string{"--dir=/d/a", "/d/d"}, Cwd: "/d"},
		},
		{
			name: "what a value contains is not expanded again",
			def:  stdioDefinition("run", "${input:a}"),
			values: []Value{
				value(mcpmux.ValueInput, "a", "${input:b}", false), value(mcpmux.ValueInput, "b", "never", false),
			},
			want: backend.Spec{Transport: mcpmux.TransportStdio, Command: "run", Args: []string{"${input:b}"}},
		},
		{
			name: "a secret input is an environment variable, a plain one is not, a declared one wins",
			def:  stdioDefinition("run"),
			values: []Value{
				value(mcpmux.ValueInput, "TOKEN", token, true), value(mcpmux.ValueInput, "REGION", "eu", false),
				value(mcpmux.ValueInput, "KEY", "from the input", true), value(mcpmux.ValueEnv, "KEY", "declared ${input:REGION}", true),
			},
			want: backend.Spec{Transport: mcpmux.TransportStdio, Command: "run", Env: []string{"KEY=declared eu", "TOKEN=" + token}},
		},
		{
			name:   "other dollar signs stay",
			def:    stdioDefinition("run", "${HOME} $input:a ${input}"),
			values: nil,
			want:   backend.Spec{Transport: mcpmux.TransportStdio, Command: "run", Args: []string{"${HOME} $input:a ${input}"}},
		},
		{
			name: "URL and headers",
			def:  httpDefinition("https://${input:host}/mcp"),
			values: []Value{
				value(mcpmux.ValueInput, "host", "example.com", false), value(mcpmux.ValueInput, "token", token, true),
				value(mcpmux.ValueHeader, "authorization", "Bearer ${input:token}", true),
			},
			want: backend.Spec{Transport: mcpmux.TransportHTTP, URL: "https://example.com/mcp", Header: http.Header{"Authorization": {"Bearer " + token}}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ResolveSpec(mcpmux.Server{Alias: "github", Definition: tt.def}, tt.values)
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Alias = "github"
			if tt.want.Header == nil && got.Header != nil && len(got.Header) == 0 {
				got.Header = nil
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestResolveSpec_ErrorsNameWhatIsWrongAndNoValue(t *testing.T) {
	const token = "s3cret-token"
	secret := value(mcpmux.ValueInput, "token", token, true)
	tests := []struct {
		name   string
		def    mcpmux.Definition
		values []Value
		want   []string
	}{
		{"missing input", stdioDefinition("run", "a", "${input:dir}"), nil, []string{"argument 2", `input "dir"`, "has no value", "settings"}},
		{"missing input in a header", httpDefinition("http://x"), []Value{value(mcpmux.ValueHeader, "X-Key", "${input:key}", true)}, []string{"header X-Key", `"key"`}},
		{"unfinished", stdioDefinition("run", "${input:dir"), nil, []string{"argument 1", "${input:"}},
		{"without a name", stdioDefinition("run", "${input:}"), nil, []string{"argument 1"}},
		{"a secret in a command line", stdioDefinition("run", "--key=${input:token}"), []Value{secret}, []string{`input "token"`, "argument 1", "environment variable token"}},
		{"no command", stdioDefinition(""), nil, []string{"no command"}},
		{"no URL", httpDefinition(""), nil, []string{"no URL"}},
		{"unknown transport", mcpmux.Definition{Transport: "smoke"}, nil, []string{`"smoke"`}},
		{"a header of two lines", httpDefinition("http://x"), []Value{value(mcpmux.ValueHeader, "X-Key", token+"\r\nEvil: 1", true)}, []string{"header X-Key", "line break"}},
		{"no header name", httpDefinition("http://x"), []Value{value(mcpmux.ValueHeader, "X Key", token, true)}, []string{`"X Key"`}},
		{"no environment name", stdioDefinition("run"), []Value{value(mcpmux.ValueEnv, "A=B", token, true)}, []string{`"A=B"`}},
		{"a zero byte", stdioDefinition("run"), []Value{value(mcpmux.ValueEnv, "A", token+"\x00", true)}, []string{"variable A", "zero byte"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ResolveSpec(mcpmux.Server{Alias: "github", Definition: tt.def}, tt.values)
			if mcpmux.CodeOf(err) != mcpmux.CodeInvalid {
				t.Fatalf("err = %v, want one of code invalid", err)
			}
			for _, part := range append(tt.want, "server github") {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			if strings.Contains(err.Error(), token) {
				t.Errorf("error %q holds the secret", err)
			}
		})
	}
}

func TestResolveSpec_OrderOfValuesDoesNotMatter(t *testing.T) {
	srv := mcpmux.Server{Alias: "a", Definition: stdioDefinition("run")}
	values := []Value{value(mcpmux.ValueEnv, "B", "2", false), value(mcpmux.ValueEnv, "A", "1", false), value(mcpmux.ValueInput, "C", "3", true)}
	one, err := ResolveSpec(srv, values)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(values)
	two, err := ResolveSpec(srv, values)
	if err != nil {
		t.Fatal(err)
	}
	if one.Digest() != two.Digest() {
		t.Error("the same values in another order give another connection")
	}
}

func TestValue_PrintsAsItsName(t *testing.T) {
	v := value(mcpmux.ValueEnv, "TOKEN", "s3cret-token", true)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(format, v); strings.Contains(text, "s3cret") || !strings.Contains(text, "TOKEN") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

func TestResolveSpec_DeclaredInputsHaveDefaultsOrAreLeftOut(t *testing.T) {
	def := stdioDefinition("run", "--region", "${input:REGION}", "${input:EXTRA}", "--x=${input:EXTRA}", "${input:KEY}")
	def.Inputs = []mcpmux.Input{{ID: "REGION", Default: "eu", Required: true}, {ID: "EXTRA"}, {ID: "KEY", Label: "The key", Required: true}}
	srv := mcpmux.Server{Alias: "gh", Definition: def}
	_, err := ResolveSpec(srv, nil)
	if mcpmux.CodeOf(err) != mcpmux.CodeInvalid || !strings.Contains(fmt.Sprint(err), "The key (KEY) has no value") || !strings.Contains(fmt.Sprint(err), "--input KEY=") {
		t.Fatalf("a required input without a value: %v", err)
	}
	values := []Value{
		value(mcpmux.ValueInput, "KEY", "k", false), value(mcpmux.ValueInput, "EXTRA", "", false),
		value(mcpmux.ValueEnv, "LEFT_OUT", "${input:EXTRA}", false), value(mcpmux.ValueEnv, "KEPT", "a${input:EXTRA}b", false),
	}
	spec, err := ResolveSpec(srv, values)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"--region", "eu", "--x=", "k"}; !slices.Equal(spec.Args, want) {
		t.Errorf("arguments %q, want %q", spec.Args, want)
	}
	if want := []string{"KEPT=ab"}; !slices.Equal(spec.Env, want) {
		t.Errorf("environment %q, want %q", spec.Env, want)
	}
	values[1].Text = "more"
	values = append(values, value(mcpmux.ValueInput, "REGION", "us", false))
	if spec, err = ResolveSpec(srv, values); err != nil || !slices.Equal(spec.Args, []string{"--region", "us", "more", "--x=more", "k"}) {
		t.Errorf("arguments %q, %v", spec.Args, err)
	}
}

// Whatever texts and inputs there are, no placeholder of a declared input and no secret reaches a command line.
func FuzzResolveSpec_DeclaredInputs(f *testing.F) {
	f.Add("--k=${input:A}", "x", true)
	f.Add("${input:A}${input:B}", "${input:B}", false)
	f.Add("${input:", "}", false)
	f.Fuzz(func(t *testing.T, arg, text string, hidden bool) {
		def := stdioDefinition("run", arg)
		def.Inputs = []mcpmux.Input{{ID: "A", Secret: hidden}, {ID: "B", Default: "b"}}
		spec, err := ResolveSpec(mcpmux.Server{Alias: "f", Definition: def}, []Value{value(mcpmux.ValueInput, "A", text, hidden)})
		if err != nil {
			return
		}
		for _, a := range spec.Args {
			if !strings.Contains(text, inputOpen) && strings.Contains(a, "${input:A}") {
				t.Errorf("%q became %q", arg, a)
			}
			if hidden && len(text) > 3 && strings.Contains(a, text) && !strings.Contains(arg, text) {
				t.Errorf("the secret is in %q", a)
			}
		}
	})
}
