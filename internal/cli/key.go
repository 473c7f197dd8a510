package cli

import (
	"io"
	"slices"
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
		a.keyCreateCommand(),
		a.ask("list NAME", "list a client's keys", takes("NAME"), a.keyList),
		a.keyRotateCommand(),
		a.ask("revoke NAME [KEY]", "revoke a key at once; without KEY, the client's only one", atMost(2, "NAME"), a.keyRevoke),
	)
}

func (a *app) keyCreateCommand() *cobra.Command {
	var expires string
	var n api.NewKey
	cmd := a.ask("create NAME [--label TEXT] [--expires D]", "make another access key, which is printed once", takes("NAME"),
		func(cmd *cobra.Command, c *adminclient.Client, args []string) (err error) {
			if n.ExpiresIn, err = lifetime(cmd, "expires", expires); err != nil {
				return err
			}
			key, err := c.CreateKey(cmd.Context(), args[0], n)
			return a.replyKey(key, err, args[0])
		})
	keyFlags(cmd, &n, &expires)
	return cmd
}

func (a *app) keyRotateCommand() *cobra.Command {
	var expires, grace string
	var n api.RotatedKey
	cmd := a.ask("rotate NAME [KEY] [--grace D] [--label TEXT] [--expires D]", "replace a key by a new one, which is printed once; without KEY, the client's only one",
		atMost(2, "NAME"), func(cmd *cobra.Command, c *adminclient.Client, args []string) (err error) {
			if n.ExpiresIn, err = lifetime(cmd, "expires", expires); err != nil {
				return err
			}
			if n.Grace, err = lifetime(cmd, "grace", grace); err != nil {
				return err
			}
			id, err := keyID(cmd, c, args)
			if err != nil {
				return err
			}
			key, err := c.RotateKey(cmd.Context(), args[0], id, n)
			return a.replyKey(key, err, args[0])
		})
	keyFlags(cmd, &n.NewKey, &expires)
	cmd.Flags().StringVar(&grace, "grace", "", "how long the old key works on, like 24h or 7d (default: it ends at once)")
	return cmd
}

func keyFlags(cmd *cobra.Command, n *api.NewKey, expires *string) {
	cmd.Flags().StringVar(&n.Label, "label", "", "what the key is for")
	cmd.Flags().StringVar(expires, "expires", "", "how long the key works, like 720h or 30d (default: until it is revoked)")
}

func (a *app) replyKey(key api.CreatedKey, err error, name string) error {
	return a.reply(key, err, says("access key of %q (shown this once): %s", name, key.Secret))
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

// keyID is the key that the arguments mean: the second one, an id or a hint, else the client's only key that has not
// ended.
func keyID(cmd *cobra.Command, c *adminclient.Client, args []string) (mcpmux.KeyID, error) {
	keys, err := c.Keys(cmd.Context(), args[0])
	if err != nil {
		return "", err
	}
	if len(args) == 1 {
		good := slices.DeleteFunc(slices.Clone(keys), func(k mcpmux.AccessKey) bool { return k.ExpiresAt != nil && !time.Now().Before(*k.ExpiresAt) })
		switch {
		case len(good) == 1:
			return good[0].ID, nil
		case len(keys) == 1:
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

const keyHeading = "ID KEY LABEL CREATED EXPIRES LAST-USED"

func keyRows(keys []mcpmux.AccessKey) (rows [][]string) {
	for _, k := range keys {
		rows = append(rows, []string{string(k.ID), k.Hint + "…", or(k.Label, "-"), when(k.CreatedAt), whenOrNever(k.ExpiresAt), whenOrNever(k.LastUsed)})
	}
	return rows
}

// lifetime reads a flag that says how long something works: a duration of Go, or whole days.
func lifetime(cmd *cobra.Command, flag, text string) (*mcpmux.Duration, error) {
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
		return nil, misused(cmd, "--%s %q is not a time like 720h or 30d", flag, text)
	}
	d := mcpmux.Duration(life)
	return &d, nil
}
