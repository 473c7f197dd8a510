package cli

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// clientKeyCommand is everything about access keys.
func (a *app) clientKeyCommand() *cobra.Command {
	return group("key", "access keys of a client",
		a.keyMakeCommand("create NAME [--expires D]", "make another access key, which is printed once", takes("NAME"),
			func(cmd *cobra.Command, c *adminclient.Client, args []string, life *mcpmux.Duration) (api.CreatedKey, error) {
				return c.CreateKey(cmd.Context(), args[0], life)
			}),
		a.ask("list NAME", "list a client's keys", takes("NAME"), a.keyList),
		a.keyMakeCommand("rotate NAME [KEY] [--expires D]", "replace a key by a new one, which is printed once; without KEY, the client's only one", atMost(2, "NAME"),
			func(cmd *cobra.Command, c *adminclient.Client, args []string, life *mcpmux.Duration) (api.CreatedKey, error) {
				id, err := keyID(cmd, c, args)
				if err != nil {
					return api.CreatedKey{}, err
				}
				return c.RotateKey(cmd.Context(), args[0], id, life)
			}),
		a.ask("revoke NAME [KEY]", "revoke a key at once; without KEY, the client's only one", atMost(2, "NAME"), a.keyRevoke),
	)
}

// keyMakeCommand makes a command that ends in a new key.
func (a *app) keyMakeCommand(use, short string, takes cobra.PositionalArgs,
	make func(*cobra.Command, *adminclient.Client, []string, *mcpmux.Duration) (api.CreatedKey, error),
) *cobra.Command {
	var expires string
	cmd := a.ask(use, short, takes, func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
		life, err := lifetime(cmd, expires)
		if err != nil {
			return err
		}
		key, err := make(cmd, c, args, life)
		return a.reply(key, err, says("access key of %q (shown this once): %s", args[0], key.Secret))
	})
	cmd.Flags().StringVar(&expires, "expires", "", "how long the key works, like 720h or 30d (default: until it is revoked)")
	return cmd
}

func (a *app) keyList(cmd *cobra.Command, c *adminclient.Client, args []string) error {
	keys, err := c.Keys(cmd.Context(), args[0])
	return a.reply(keys, err, func(w io.Writer) { table(w, "no keys", keyHeading, keyRows(keys)) })
}

func (a *app) keyRevoke(cmd *cobra.Command, c *adminclient.Client, args []string) error {
	id, err := keyID(cmd, c, args)
	if err != nil {
		return err
	}
	gone, err := c.RevokeKey(cmd.Context(), args[0], id)
	return a.reply(gone, err, says("revoked the key %s of %q", id, args[0]))
}

// keyID is the key that the arguments mean: the second one, an id or a hint, else the client's only key.
func keyID(cmd *cobra.Command, c *adminclient.Client, args []string) (mcpmux.KeyID, error) {
	keys, err := c.Keys(cmd.Context(), args[0])
	if err != nil {
		return "", err
	}
	if len(args) == 1 {
		if len(keys) == 1 {
			return keys[0].ID, nil
		}
		return "", misused(cmd, "%q has %s, so KEY must say which; `mcpmux client key list` shows them", args[0], count(len(keys), "key"))
	}
	for _, k := range keys {
		if string(k.ID) == args[1] || k.Hint == args[1] {
			return k.ID, nil
		}
	}
	return "", mcpmux.Errorf(mcpmux.CodeNotFound, "%q has no key %q", args[0], args[1])
}

const keyHeading = "ID KEY CREATED EXPIRES"

func keyRows(keys []mcpmux.AccessKey) (rows [][]string) {
	for _, k := range keys {
		rows = append(rows, []string{string(k.ID), k.Hint + "…", when(k.CreatedAt), whenOrNever(k.ExpiresAt)})
	}
	return rows
}

// lifetime reads how long a key works: a duration of Go, or whole days.
func lifetime(cmd *cobra.Command, text string) (*mcpmux.Duration, error) {
	if text == "" {
		return nil, nil
	}
	life, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		life = time.Duration(n) * 24 * time.Hour
		if n > 36500 {
			life = 0
		}
	}
	if err != nil || life <= 0 {
		return nil, misused(cmd, "--expires %q is not a time like 720h or 30d", text)
	}
	d := mcpmux.Duration(life)
	return &d, nil
}
