package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// maxBackup bounds what is read of a file, in bytes; the daemon takes no longer one.
const maxBackup = 3 << 20

// exportCommand is `mcpmux export`.
func (a *app) exportCommand() *cobra.Command {
	var n api.NewBackup
	var file string
	var plain bool
	const line = "export FILE [--no-secrets | --passphrase-file F] [--leave-out secrets|logins|keys]…"
	cmd := a.ask(line, "write everything that is set up to a file, with its secrets sealed by a passphrase that is asked for", takes("FILE"),
		func(cmd *cobra.Command, c *adminclient.Client, args []string) (err error) {
			for _, what := range n.LeaveOut {
				if err := oneOf(cmd, "--leave-out", what, "secrets", "logins", "keys"); err != nil {
					return err
				}
			}
			if plain && file != "" {
				return misused(cmd, "--no-secrets and --passphrase-file do not go together")
			}
			if !plain {
				if n.Passphrase, err = a.backupPassphrase(cmd, file, true); err != nil {
					return err
				}
				if n.Passphrase == "" {
					return errors.New("no passphrase was given; --no-secrets writes a file without secrets")
				}
			}
			return a.export(cmd, c, n, args[0])
		})
	f := cmd.Flags()
	f.BoolVar(&plain, "no-secrets", false, "seal nothing, and leave secrets out; their servers ask for them once it is restored")
	f.StringVar(&file, "passphrase-file", "", "file whose first line is the passphrase")
	f.StringArrayVar(&n.LeaveOut, "leave-out", nil, "what is not to be in it: secrets, logins to servers, access keys (repeatable)")
	return cmd
}

func (a *app) export(cmd *cobra.Command, c *adminclient.Client, n api.NewBackup, path string) error {
	text, lacks, err := c.Backup(cmd.Context(), n)
	if err != nil {
		return err
	}
	err = ownFile(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return err
	}
	return a.show(map[string]any{"file": path, "bytes": len(text), "lacks": lacks}, func(w io.Writer) {
		fmt.Fprintln(w, "written to "+oneLine(path))
		if n.Passphrase == "" {
			fmt.Fprintln(w, "no secret is in it: servers that need one ask for it once it is restored")
		}
		if lacks > 0 {
			fmt.Fprintf(w, "%s could not be opened and %s not in it; `mcpmux restore --dry-run` names them\n", count(lacks, "stored value"), isOrAre(lacks))
		}
	})
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// restoreCommand is `mcpmux restore`. A person at a terminal is shown what is in the file and asked; a script that says
// restore means it.
func (a *app) restoreCommand() *cobra.Command {
	var file string
	var dry, yes bool
	const line = "restore FILE [--dry-run] [--yes] [--passphrase-file F]"
	cmd := a.ask(line, "put what is in such a file in place of everything that is set up; on a terminal it shows what that is and asks", takes("FILE"),
		func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			text, err := readBackup(args[0])
			if err != nil {
				return err
			}
			found, err := c.Restore(cmd.Context(), text, "", true)
			if err != nil {
				return err
			}
			var passphrase string
			if found.Sealed {
				if passphrase, err = a.backupPassphrase(cmd, file, false); err != nil {
					return err
				}
			}
			if dry || !yes && a.in.terminal() {
				if found.Sealed {
					found, err = c.Restore(cmd.Context(), text, passphrase, true)
				}
				if err != nil || dry {
					return a.reply(found, err, func(w io.Writer) { writeBackup(w, &found) })
				}
				writeBackup(a.Err, &found)
				fmt.Fprint(a.Err, "\nIt replaces everything that is set up now. Type restore to go on: ")
				typed, err := a.in.next(cmd.Context())
				if err != nil || strings.TrimSpace(typed) != "restore" {
					return errors.New("nothing was restored")
				}
			}
			done, err := c.Restore(cmd.Context(), text, passphrase, false)
			return a.reply(done, err, func(w io.Writer) { writeRestored(w, &done) })
		})
	f := cmd.Flags()
	f.BoolVar(&dry, "dry-run", false, "only show what is in it")
	f.BoolVar(&yes, "yes", false, "do not ask")
	f.StringVar(&file, "passphrase-file", "", "file whose first line is the passphrase")
	return cmd
}

func readBackup(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	var text bytes.Buffer
	n, err := io.Copy(&text, io.LimitReader(f, maxBackup+1))
	if err == nil && n > maxBackup {
		err = fmt.Errorf("%s is longer than %d MiB; no backup is", path, maxBackup>>20)
	}
	return text.Bytes(), err
}

// backupPassphrase is that of a file, or is asked for: twice for a new one, where a person types.
func (a *app) backupPassphrase(cmd *cobra.Command, file string, isNew bool) (string, error) {
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read the passphrase: %w", err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		return strings.TrimSuffix(line, "\r"), nil
	}
	first, err := a.in.secret(cmd.Context(), a.Err, "passphrase of the backup")
	if err != nil || !isNew || !a.in.terminal() {
		return first, err
	}
	again, err := a.in.secret(cmd.Context(), a.Err, "the same once more")
	if err == nil && again != first {
		err = errors.New("the two are not the same; nothing was written")
	}
	return first, err
}

// writeBackup says what is in a file.
func writeBackup(w io.Writer, r *api.Restore) {
	how := "without secrets"
	switch {
	case r.Sealed:
		how = "sealed with a passphrase"
	case r.Own:
		how = "sealed with a key of this machine"
	}
	fmt.Fprintf(w, "made at %s by McpMux %s, %s\n", when(r.MadeAt), oneLine(r.Version), how)
	if !r.Opened {
		return
	}
	for _, sp := range r.Spaces {
		fmt.Fprintf(w, "  Space %s: %s\n", oneLine(sp.Name), or(oneLine(strings.Join(sp.Servers, ", ")), "no servers"))
	}
	fmt.Fprintf(w, "  %s, %s, %s, %s, %s\n", count(len(r.Clients), "client"), count(r.Keys, "access key"), count(r.FeatureSets, "FeatureSet"),
		count(r.Values, "value"), count(r.Logins, "login"))
	for _, m := range r.Missing {
		fmt.Fprintf(w, "  not in it: the %s %s of the server %s, which will ask for it\n", m.Kind, oneLine(m.Name), oneLine(m.Server))
	}
	for _, text := range r.Lacks {
		fmt.Fprintf(w, "  not in it: %s\n", oneLine(text))
	}
}

func writeRestored(w io.Writer, r *api.Restore) {
	fmt.Fprintf(w, "restored the backup of %s\n", when(r.MadeAt))
	for _, m := range r.Missing {
		fmt.Fprintf(w, "the server %s needs its %s %s: `mcpmux server set %s --secret %s`\n", oneLine(m.Server), m.Kind, oneLine(m.Name), oneLine(m.Server), oneLine(m.Name))
	}
	fmt.Fprintf(w, "what was there before is in %s; `mcpmux restore` brings it back\n", oneLine(r.Undo))
}
