package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// valueArg is one --env, --secret or --header as it was typed. text is the value, "@FILE", or nothing where
// the value comes from standard input.
type valueArg struct {
	kind   mcpmux.ValueKind
	secret bool
	name   string
	text   string
	ask    bool
}

// valueFlag collects flags of one kind into a list that all kinds share, so that values from standard input
// are read in the order of the command line.
type valueFlag struct {
	kind   mcpmux.ValueKind
	secret bool
	list   *[]valueArg
}

func (f *valueFlag) String() string { return "" }

// Type is what the flag's argument is called in help.
func (f *valueFlag) Type() string {
	if f.kind == mcpmux.ValueHeader {
		return "'K: V'"
	}
	return "K=V"
}

// Set takes one flag's argument. Its errors never repeat a value, which may be a secret.
func (f *valueFlag) Set(arg string) error {
	separator := "="
	if f.kind == mcpmux.ValueHeader {
		separator = ":"
		if colon, equals := strings.Index(arg, ":"), strings.Index(arg, "=@"); equals > 0 && (colon < 0 || equals < colon) {
			separator = "="
		}
	}
	name, text, found := strings.Cut(arg, separator)
	name, v := strings.TrimSpace(name), valueArg{kind: f.kind, secret: f.secret}
	if f.kind == mcpmux.ValueHeader {
		text = strings.TrimSpace(text)
	}
	switch {
	case name == "" || strings.ContainsAny(name, " \t\r\n"):
		return fmt.Errorf("it must be %s, and the name is empty or has a space in it", f.Type())
	case !found && !f.secret:
		return fmt.Errorf("%s has no value: write %s=VALUE", name, name)
	}
	v.name, v.text, v.ask = name, text, !found
	*f.list = append(*f.list, v)
	return nil
}

// addValueFlags adds the flags that give a Server values.
func addValueFlags(f *pflag.FlagSet, list *[]valueArg) {
	f.Var(&valueFlag{kind: mcpmux.ValueEnv, list: list}, "env", "environment variable of the command (repeatable)")
	f.Var(&valueFlag{kind: mcpmux.ValueInput, list: list}, "input", "value of an input that the definition asks for; one that is secret may be given by --secret instead (repeatable)")
	f.Var(&valueFlag{kind: mcpmux.ValueInput, secret: true, list: list}, "secret",
		"secret: environment variable of the command, and ${input:K} anywhere; K alone reads it from standard input, K=@FILE from a file; "+
			"env:NAME, file:/PATH, keychain:SERVICE/ACCOUNT and op://VAULT/ITEM/FIELD name one that is kept elsewhere (repeatable)")
	f.Var(&valueFlag{kind: mcpmux.ValueHeader, secret: true, list: list}, "header",
		"HTTP header of a URL; K alone and 'K: @FILE' as for --secret (repeatable)")
}

// resolveValues are the values of a list, for the admin API.
func (a *app) resolveValues(cmd *cobra.Command, list []valueArg) ([]api.Value, error) {
	var values []api.Value
	for _, v := range list {
		text, err := v.resolve(cmd.Context(), a, cmd)
		if err != nil {
			return nil, err
		}
		values = append(values, api.Value{Kind: v.kind, Name: v.name, Secret: v.secret, Value: text})
	}
	return values, nil
}

// maxDefinition bounds a definition, in bytes.
const maxDefinition = 1 << 20

func addDefinitionFlag(f *pflag.FlagSet, file *string) {
	f.StringVar(file, "definition", "", "file with the definition as JSON, as `mcpmux server show ALIAS --json` has it; - reads it from standard input")
}

// definition reads a Definition as JSON from a file, or from standard input for "-".
func (l *lines) definition(file string) (def mcpmux.Definition, err error) {
	var text []byte
	if file == "-" {
		text, err = l.all(maxDefinition)
	} else {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return def, fmt.Errorf("read the definition: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&def); err != nil {
		return def, fmt.Errorf("read the definition in %s: %w", file, err)
	}
	return def, nil
}

// resolve is the value itself. "@FILE" is the content of a file without its last line end; "@@" stands for
// one @ at the beginning. Only values that may be secret are looked for elsewhere.
func (v valueArg) resolve(ctx context.Context, a *app, cmd *cobra.Command) (string, error) {
	switch {
	case v.ask:
		return a.in.secret(ctx, a.Err, v.name)
	case !v.secret || !strings.HasPrefix(v.text, "@"):
		return v.text, nil
	case strings.HasPrefix(v.text, "@@"):
		return v.text[1:], nil
	case v.text == "@":
		return "", misused(cmd, "the value of %s names no file after the @ (a value that begins with @ is written @@)", v.name)
	}
	text, err := os.ReadFile(v.text[1:])
	if err != nil {
		return "", fmt.Errorf("read the value of %s: %w (a value that begins with @ is written @@)", v.name, err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
}
