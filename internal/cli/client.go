package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// clientCommand is everything about Clients, their keys and their Grants.
func (a *app) clientCommand() *cobra.Command {
	return group("client", "clients: the applications that may call the gateway",
		a.ask("list", "list the clients", takes(), a.clientList),
		a.ask("show NAME", "show a client with its Space, grants and keys", takes("NAME"), a.clientShow),
		a.clientExplainCommand(),
		a.clientCreateCommand(),
		a.ask("rename NAME NEW", "give a client another name", takes("NAME", "NEW"), a.clientRename),
		a.ask("remove NAME", "remove a client; its keys stop working at once", takes("NAME"), a.clientRemove),
		a.clientApproveCommand(),
		a.ask("deny NAME", "deny what an application waits for (NAME is its name, or the code that its page shows), or let a client in no longer", takes("NAME"), a.clientDeny),
		a.ask("logout NAME", "end a client's logins: it has to ask to be let in again; its access keys stay", takes("NAME"), a.clientLogout),
		a.clientModeCommand(),
		a.clientGrantCommand(),
		a.clientUngrantCommand(),
		a.clientKeyCommand(),
		a.ask("switch NAME accept|decline", "answer whether a client moves to the Space that became active", takes("NAME", "accept|decline"), a.clientSwitch),
	)
}

func (a *app) clientList(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
	clients, err := c.Clients(cmd.Context())
	return a.reply(clients, err, func(w io.Writer) {
		var rows [][]string
		for _, cl := range clients {
			if cl.ID != "" {
				rows = append(rows, []string{cl.Name, string(cl.Mode), cl.SpaceName, yesNo(cl.Approved), seenLast(cl)})
			}
		}
		table(w, "no clients; `mcpmux client create NAME` makes one", "NAME MODE SPACE APPROVED LAST-SEEN", rows)
		writeWaiting(w, clients)
	})
}

// writeWaiting shows who waits to be let in, and by which code the page is known that asks for it.
func writeWaiting(w io.Writer, clients []api.Client) {
	var rows [][]string
	for _, cl := range clients {
		if q := cl.Request; q != nil && q.State == "waiting" {
			to := q.RedirectHost
			if q.Listener != "" {
				to += " (" + q.Listener + ")"
			}
			rows = append(rows, []string{q.ClientName, q.Code, to, strings.TrimPrefix(q.Resource, "http://"), when(q.CreatedAt)})
		}
	}
	if len(rows) > 0 {
		fmt.Fprintln(w, "\nwaiting to be let in; compare CODE with the page that the application opened, then `mcpmux client approve CODE` or `deny CODE`:")
		table(w, "", "APPLICATION CODE SENT-TO FOR SINCE", rows)
	}
}

func (a *app) clientShow(cmd *cobra.Command, c *adminclient.Client, args []string) error {
	client, err := c.Client(cmd.Context(), args[0])
	return a.reply(client, err, func(w io.Writer) { writeClient(w, client) })
}

func (a *app) clientRename(cmd *cobra.Command, c *adminclient.Client, args []string) error {
	client, err := c.RenameClient(cmd.Context(), args[0], args[1])
	return a.reply(client, err, says("the client %q is now called %q", args[0], args[1]))
}

func (a *app) clientRemove(cmd *cobra.Command, c *adminclient.Client, args []string) error {
	gone, err := c.DeleteClient(cmd.Context(), args[0])
	return a.reply(gone, err, says("removed the client %q and its keys", args[0]))
}

// clientApproveCommand is `mcpmux client approve`: the page of an application, answered without a browser.
func (a *app) clientApproveCommand() *cobra.Command {
	var d api.Decision
	var mode, expires string
	cmd := a.ask("approve NAME [--name N] [--mode follow|locked|ask] [--space S] [--grant SET]… [--expires D]",
		"let an application in that waits (NAME is its name, or the code that its page shows), or a client that was denied", takes("NAME"),
		func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			if err := checkMode(cmd, mode); err != nil {
				return err
			}
			d.Mode = mcpmux.Mode(mode)
			var err error
			if d.ExpiresIn, err = lifetime(cmd, "expires", expires); err != nil {
				return err
			}
			client, err := c.ApproveClient(cmd.Context(), args[0], d)
			return a.reply(client, err, says("%q may call the gateway", client.Name))
		})
	f := cmd.Flags()
	f.StringVar(&d.Name, "name", "", "what to call it (default: as it calls itself)")
	f.StringVar(&mode, "mode", "", "how its Space is chosen: follow the active one, locked to one, or ask before it moves (default follow)")
	f.StringVar(&d.Space, "space", "", "its Space (default: the active one)")
	f.StringArrayVar(&d.Grants, "grant", nil, "FeatureSet it may use (repeatable; default All)")
	f.StringVar(&expires, "expires", "", "when it has to ask again, like 720h or 30d (default: when that is taken back)")
	return cmd
}

func (a *app) clientDeny(cmd *cobra.Command, c *adminclient.Client, args []string) error {
	client, err := c.DenyClient(cmd.Context(), args[0])
	return a.reply(client, err, says("%q may not call the gateway", client.Name))
}

func (a *app) clientLogout(cmd *cobra.Command, c *adminclient.Client, args []string) error {
	client, err := c.LogoutClient(cmd.Context(), args[0])
	return a.reply(client, err, says("%q has to ask to be let in again", client.Name))
}

func (a *app) clientModeCommand() *cobra.Command {
	var space string
	cmd := a.ask("mode NAME follow|locked|ask [--space S]", "choose how a client's Space is chosen", takes("NAME", "MODE"),
		func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			if err := checkMode(cmd, args[1]); err != nil {
				return err
			}
			client, err := c.SetClientMode(cmd.Context(), args[0], mcpmux.Mode(args[1]), space)
			return a.reply(client, err, says("the mode of %q is %s", args[0], args[1]))
		})
	cmd.Flags().StringVar(&space, "space", "", "its Space, for locked and ask (default: the active one)")
	return cmd
}

func (a *app) clientGrantCommand() *cobra.Command {
	var space string
	cmd := a.ask("grant NAME SET [--space S]", "let a client use a FeatureSet", takes("NAME", "SET"),
		func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			client, err := c.Grant(cmd.Context(), args[0], args[1], space)
			return a.reply(client, err, says("%q may use the set %q", args[0], args[1]))
		})
	cmd.Flags().StringVar(&space, "space", "", "Space of the set (default: the active one)")
	return cmd
}

func (a *app) clientUngrantCommand() *cobra.Command {
	var space string
	cmd := a.ask("ungrant NAME SET [--space S]", "take a FeatureSet from a client", takes("NAME", "SET"),
		func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			client, err := c.Ungrant(cmd.Context(), args[0], args[1], space)
			return a.reply(client, err, says("%q no longer has the set %q", args[0], args[1]))
		})
	cmd.Flags().StringVar(&space, "space", "", "Space of the set (default: the active one)")
	return cmd
}

func (a *app) clientSwitch(cmd *cobra.Command, c *adminclient.Client, args []string) error {
	if err := oneOf(cmd, "the answer", args[1], "accept", "decline"); err != nil {
		return err
	}
	client, err := c.AnswerSwitch(cmd.Context(), args[0], args[1] == "accept")
	return a.reply(client, err, says("%q is in the Space %q", args[0], client.SpaceName))
}

// checkMode refuses a word that is no connection mode; none is fine.
func checkMode(cmd *cobra.Command, mode string) error {
	if mode == "" {
		return nil
	}
	return oneOf(cmd, "the mode", mode, string(mcpmux.ModeFollow), string(mcpmux.ModeLocked), string(mcpmux.ModeAsk))
}

// seenLast is when a Client was here.
func seenLast(c api.Client) string {
	if c.Connected > 0 {
		return "now"
	}
	return whenOrNever(c.LastSeen)
}

func or(text, absent string) string {
	if text == "" {
		return absent
	}
	return text
}

// writeClient is a Client for people.
func writeClient(w io.Writer, c api.Client) {
	var grants []string
	for _, g := range c.Grants {
		grants = append(grants, g.Set+" of "+g.Space)
	}
	facts(w,
		[2]string{"client", c.Name},
		[2]string{"approved", yesNo(c.Approved)},
		[2]string{"mode", string(c.Mode)},
		[2]string{"space", c.SpaceName},
		[2]string{"grants", strings.Join(grants, ", ")},
		[2]string{"created", when(c.CreatedAt)},
		[2]string{"last seen", seenLast(c)},
	)
	if len(c.Keys) > 0 {
		fmt.Fprintln(w)
		table(w, "", keyHeading, keyRows(c.Keys))
	}
	if len(c.Authorizations) > 0 {
		var rows [][]string
		for _, l := range c.Authorizations {
			rows = append(rows, []string{l.RedirectHost, or(l.Alias, "everything"), when(l.CreatedAt), when(l.ExpiresAt), whenOrNever(l.LastUsed)})
		}
		fmt.Fprintln(w)
		table(w, "", "LOGIN FOR SINCE UNTIL LAST-USED", rows)
	}
	writeWaiting(w, []api.Client{c})
}
