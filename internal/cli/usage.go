package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError is a command line that was not understood: what was wrong, and the line that would be right.
type usageError struct {
	problem string
	command string
	line    string
}

func (e *usageError) Error() string { return e.problem }

// misused says what is wrong with the use of cmd.
func misused(cmd *cobra.Command, format string, args ...any) error {
	where := "" // the command's words; none for mcpmux itself
	if cmd.HasParent() {
		where = strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ") + ": "
	}
	return &usageError{
		problem: where + fmt.Sprintf(format, args...),
		command: cmd.CommandPath(),
		line:    cmd.UseLine(),
	}
}

// misusedFlag says what is wrong with a flag, with the flag that was probably meant. It does not repeat what
// was given to a flag of secret values.
func misusedFlag(cmd *cobra.Command, err error) error {
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		if _, secret := invalid.GetFlag().Value.(*valueFlag); secret {
			return misused(cmd, "--%s: %s", invalid.GetFlag().Name, invalid.Unwrap())
		}
		return misused(cmd, "--%s %q: %s", invalid.GetFlag().Name, invalid.GetValue(), invalid.Unwrap())
	}
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return misused(cmd, "%s", err)
	}
	var flags []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { flags = append(flags, f.Name) })
	if near := nearest(unknown.GetSpecifiedName(), flags); near != "" {
		return misused(cmd, "%s; did you mean --%s?", err, near)
	}
	return misused(cmd, "%s", err)
}

// takes requires one argument for each of names; a last name that ends in … takes one or more.
func takes(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		many := len(names) > 0 && strings.HasSuffix(names[len(names)-1], "…")
		switch {
		case len(args) < len(names):
			return misused(cmd, "%s is missing", strings.TrimSuffix(names[len(args)], "…"))
		case len(args) > len(names) && !many:
			return misused(cmd, "%q is one argument too many", args[len(names)])
		}
		for i, arg := range args {
			if arg == "" {
				return misused(cmd, "%s is empty", strings.TrimSuffix(names[min(i, len(names)-1)], "…"))
			}
		}
		return nil
	}
}

// oneOf requires word to be one of allowed.
func oneOf(cmd *cobra.Command, what, word string, allowed ...string) error {
	if slices.Contains(allowed, word) {
		return nil
	}
	hint := ""
	if near := nearest(word, allowed); near != "" {
		hint = fmt.Sprintf("; did you mean %s?", near)
	}
	return misused(cmd, "%s is %q, but must be one of %s%s", what, word, strings.Join(allowed, ", "), hint)
}

// group makes a command that only holds others. Called alone or with a word that is none of them, it says so.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs, RunE: unknownCommand}
	cmd.AddCommand(children...)
	var names []string
	for _, c := range children {
		names = append(names, c.Name())
	}
	cmd.Use = use + " " + strings.Join(names, "|")
	cmd.DisableFlagsInUseLine = true
	return cmd
}

// unknownCommand is the run of a group: no child took the command line.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return misused(cmd, "a command is missing")
	}
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
			names = append(names, c.SuggestFor...)
		}
	}
	near := nearest(args[0], names)
	if near == "" {
		return misused(cmd, "unknown command %q", args[0])
	}
	if meant, _, err := cmd.Find([]string{near}); err != nil || meant == cmd {
		near = suggestedName(cmd, near)
	}
	return misused(cmd, "unknown command %q; did you mean %s?", args[0], near)
}

// suggestedName is the child of cmd that word is another word for.
func suggestedName(cmd *cobra.Command, word string) string {
	for _, c := range cmd.Commands() {
		if slices.Contains(c.SuggestFor, word) {
			return c.Name()
		}
	}
	return word
}

// nearest is the candidate that word was probably meant to be, or "": at most two slips away, and fewer for
// short words, or the only one that word begins.
func nearest(word string, candidates []string) string {
	best, slips := "", min(2, len(word)/2)+1
	begun := ""
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), c); d < slips {
			best, slips = c, d
		}
		if len(word) > 1 && strings.HasPrefix(c, strings.ToLower(word)) {
			if begun != "" {
				begun = "-" // more than one: no guess
				continue
			}
			begun = c
		}
	}
	if best == "" && begun != "-" {
		return begun
	}
	return best
}

// distance counts the slips between two words (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
