package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// passphraseVariable names the file that holds the passphrase, as the daemon has it too.
const passphraseVariable = "MCPMUX_PASSPHRASE_FILE" //nolint:gosec // It is the name of a variable.

// secretsCommand is everything about the master key.
func (a *app) secretsCommand() *cobra.Command {
	var to string
	rekey := a.ask("rekey [--to keychain|passphrase|keyfile|file:PATH]", "replace the master key by a new one", takes(),
		func(cmd *cobra.Command, c *adminclient.Client, _ []string) error { return a.secretsRekey(cmd, c, to) })
	rekey.Flags().StringVar(&to, "to", "", "where the new key goes: keychain, passphrase, keyfile (in the data folder) or file:PATH (default: where it is now)")
	return group("secrets", "secrets: the master key that stored values are sealed with",
		a.ask("status", "tell where the master key is and whether stored values are open", takes(), func(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
			s, err := c.Secrets(cmd.Context())
			return a.reply(s, err, showSecrets(s))
		}),
		rekey,
		a.ask("lock", "forget the master key until it is unlocked; servers that need a stored value are closed", takes(),
			func(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
				s, err := c.LockSecrets(cmd.Context())
				return a.reply(s, err, showSecrets(s))
			}),
		a.ask("unlock", "look for the master key again, or make it of its passphrase", takes(), a.secretsUnlock),
	)
}

func showSecrets(s api.Secrets) func(io.Writer) {
	return func(w io.Writer) {
		fmt.Fprintf(w, "%s; %d sealed; key %d in: %s\n", s.State, s.Sealed, s.KeyVersion, s.Source)
		for _, text := range []string{s.Reason, s.Warning} {
			if text != "" {
				fmt.Fprintln(w, printable(text))
			}
		}
	}
}

// secretsUnlock asks for a passphrase only where the key is made of one.
func (a *app) secretsUnlock(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
	s, err := c.Secrets(cmd.Context())
	if err != nil {
		return err
	}
	var passphrase string
	if s.Source == "passphrase" && s.State == "locked" {
		if passphrase, err = a.passphrase(cmd, "passphrase"); err != nil {
			return err
		}
	}
	s, err = c.UnlockSecrets(cmd.Context(), passphrase)
	return a.reply(s, err, showSecrets(s))
}

func (a *app) secretsRekey(cmd *cobra.Command, c *adminclient.Client, to string) error {
	switch path, isFile := strings.CutPrefix(to, "file:"); {
	case isFile && path == "":
		return misused(cmd, "--to file: names no file")
	case isFile:
		to = "file:" + absoluteFile(path)
	case to != "":
		if err := oneOf(cmd, "--to", to, "keychain", "passphrase", "keyfile"); err != nil {
			return err
		}
	}
	s, err := c.Secrets(cmd.Context())
	if err != nil {
		return err
	}
	var passphrase string
	if to == "passphrase" || to == "" && s.Source == "passphrase" {
		if passphrase, err = a.newPassphrase(cmd); err != nil {
			return err
		}
	}
	s, err = c.RekeySecrets(cmd.Context(), to, passphrase)
	return a.reply(s, err, showSecrets(s))
}

// passphrase is that of a file, or is asked for.
func (a *app) passphrase(cmd *cobra.Command, what string) (string, error) {
	path := a.Getenv(passphraseVariable)
	if path == "" {
		return a.in.secret(cmd.Context(), a.Err, what)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the passphrase of %s: %w", passphraseVariable, err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}

// newPassphrase asks twice where a person types: what is mistyped once is lost for good.
func (a *app) newPassphrase(cmd *cobra.Command) (string, error) {
	first, err := a.passphrase(cmd, "new passphrase")
	if err != nil || a.Getenv(passphraseVariable) != "" || !a.in.terminal() {
		return first, err
	}
	again, err := a.passphrase(cmd, "new passphrase, once more")
	if err == nil && again != first {
		err = errors.New("the two are not the same; nothing was changed")
	}
	return first, err
}

// absoluteFile is a path as the daemon finds it, which has another working folder.
func absoluteFile(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
