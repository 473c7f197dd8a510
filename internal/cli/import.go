package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// maxImport bounds what is read of a file or of standard input, in bytes.
const maxImport = 3 << 20

// importFlags are the flags of `import`.
type importFlags struct {
	space    string
	only     []string
	yes, dry bool
}

// importCommand is `mcpmux import`.
func (a *app) importCommand() *cobra.Command {
	var f importFlags
	cmd := a.ask("import (APP | FILE | -) [--only SERVER]… [--dry-run] [--yes] [--space S]",
		"add the servers of an AI application, of a file, or of what is pasted: it shows them, and asks", takes("APP"),
		func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			return a.importFrom(cmd, c, &f, args[0])
		})
	cmd.Flags().StringVar(&f.space, "space", "", "Space to add them to (default: the active one)")
	cmd.Flags().StringArrayVar(&f.only, "only", nil, "alias of a server to add, as the preview has it (repeatable; default: all that are not there yet)")
	cmd.Flags().BoolVar(&f.dry, "dry-run", false, "only show what there is")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) importFrom(cmd *cobra.Command, c *adminclient.Client, f *importFlags, from string) error {
	source, err := a.importSource(cmd, c, from)
	if err != nil {
		return err
	}
	preview, err := c.PreviewImport(cmd.Context(), f.space, source)
	if err != nil || f.dry {
		return a.reply(preview, err, func(w io.Writer) { writeImport(w, preview, nil) })
	}
	chosen, err := choose(cmd, preview, f.only)
	if err != nil {
		return err
	}
	w := a.Out
	if a.json {
		w = a.Err
	}
	writeImport(w, preview, chosen)
	if len(chosen) == 0 {
		return a.show(api.Imported{Servers: []api.ImportResult{}}, func(w io.Writer) { fmt.Fprintln(w, "nothing to add") })
	}
	if !f.yes {
		if from == "-" || !a.in.terminal() {
			return misused(cmd, "nobody can be asked here: give --yes to add them, or --dry-run to look only")
		}
		fmt.Fprintf(a.Err, "Add %s? [y/N] ", count(len(chosen), "server"))
		answer, err := a.in.next(cmd.Context())
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if word := strings.ToLower(strings.TrimSpace(answer)); word != "y" && word != "yes" {
			fmt.Fprintln(a.Err, "nothing was added")
			return errQuiet
		}
	}
	made, err := c.Import(cmd.Context(), f.space, api.Import{Text: source.Text, Application: source.Application, Servers: chosen})
	if err := a.reply(made, err, func(w io.Writer) { writeImported(w, made) }); err != nil {
		return err
	}
	if slices.ContainsFunc(made.Servers, func(r api.ImportResult) bool { return !r.Added }) {
		return errQuiet
	}
	return nil
}

// importSource is an application by its id, or the text of a file or of standard input: a file is read here, with the
// rights of who asks.
func (a *app) importSource(cmd *cobra.Command, c *adminclient.Client, from string) (api.ImportSource, error) {
	if from == "-" {
		text, err := a.in.all(maxImport)
		return api.ImportSource{Text: string(text)}, err
	}
	text, err := readImport(from)
	switch {
	case err == nil:
		return api.ImportSource{Text: text}, nil
	case !errors.Is(err, fs.ErrNotExist):
		return api.ImportSource{}, fmt.Errorf("read %s: %w", from, err)
	case strings.ContainsAny(from, `/\.`):
		return api.ImportSource{}, mcpmux.Errorf(mcpmux.CodeNotFound, "there is no file %s", from)
	}
	_, err = c.Application(cmd.Context(), from)
	return api.ImportSource{Application: from}, err
}

func readImport(path string) (string, error) {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case st.IsDir() && !strings.ContainsAny(path, `/\.`):
		return "", fs.ErrNotExist // a folder that is called like an application
	case st.IsDir():
		return "", errors.New("it is a folder")
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, maxImport+1))
	if err == nil && len(text) > maxImport {
		err = fmt.Errorf("it is longer than %d MiB", maxImport>>20)
	}
	return string(text), err
}

// choose are the servers of a preview that are added: those that are named, or all that are not there yet.
func choose(cmd *cobra.Command, p api.ImportPreview, only []string) ([]api.ImportChoice, error) {
	var chosen []api.ImportChoice
	for _, name := range only {
		if !slices.ContainsFunc(p.Servers, func(s api.ImportServer) bool { return s.Alias == name && !s.Own }) {
			return nil, misused(cmd, "--only %q is none of them; --dry-run lists them", name)
		}
	}
	for _, s := range p.Servers {
		if len(only) == 0 && s.DuplicateOf == "" && !s.Own || slices.Contains(only, s.Alias) {
			chosen = append(chosen, api.ImportChoice{Digest: s.Digest, Alias: s.Alias})
		}
	}
	return chosen, nil
}

// writeImport shows each server in full: what runs, or where it is, and what it is given.
func writeImport(w io.Writer, p api.ImportPreview, chosen []api.ImportChoice) {
	if p.File != "" {
		fmt.Fprintln(w, printable(p.File))
	}
	for _, s := range p.Servers {
		how := ""
		switch {
		case s.Own:
			how = " (McpMux itself; left out)"
		case s.DuplicateOf != "":
			how = fmt.Sprintf(" (like %s, which is there)", s.DuplicateOf)
		case !s.Enabled:
			how = " (will be switched off)"
		}
		if chosen != nil && !slices.ContainsFunc(chosen, func(c api.ImportChoice) bool { return c.Digest == s.Digest }) && how == "" {
			how = " (not chosen)"
		}
		fmt.Fprintf(w, "%s%s\n  %s\n", s.Alias, how, printable(recipe(s.Definition)))
		for _, v := range s.Values {
			fmt.Fprintf(w, "  %s %s %s\n", v.Kind, printable(v.Name), printable(valueWord(v)))
		}
		for _, warning := range s.Warnings {
			fmt.Fprintf(w, "  ! %s\n", printable(warning.Text))
		}
	}
	for _, problem := range p.Problems {
		name := ""
		if problem.Name != "" {
			name = problem.Name + ": "
		}
		fmt.Fprintln(w, printable("left out: "+name+problem.Text))
	}
}

// recipe is what a definition runs, or its address, with every character.
func recipe(def mcpmux.Definition) string {
	if def.URL != "" {
		return def.URL
	}
	words := append([]string{def.Command}, def.Args...)
	for i, word := range words {
		if word == "" || strings.ContainsAny(word, " \t\n'\"\\$`;&|<>()*?#~") {
			words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

func valueWord(v api.ImportValue) string {
	asked := ""
	if v.Prompt != "" {
		asked = " (" + v.Prompt + ")"
	}
	switch {
	case v.From != "":
		return "is looked up: " + v.From
	case v.Missing:
		return "is missing: set it once it is added" + asked
	case v.Secret:
		return "is a secret, and stays hidden"
	case v.Hidden:
		return "stays hidden"
	}
	return "= " + v.Value
}

func writeImported(w io.Writer, made api.Imported) {
	for _, r := range made.Servers {
		switch {
		case !r.Added:
			fmt.Fprintf(w, "%s was not added: %s\n", r.Alias, printable(r.Error))
		case r.Enabled:
			fmt.Fprintf(w, "added %s\n", r.Alias)
		default:
			fmt.Fprintf(w, "added %s, switched off: look at it, then `mcpmux server enable %s`\n", r.Alias, r.Alias)
		}
	}
}
