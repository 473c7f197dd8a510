package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

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
