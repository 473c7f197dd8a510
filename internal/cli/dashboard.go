package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// dashboardCommand is `mcpmux dashboard`: open it, logged in by a ticket that works once; or see to who is logged in.
func (a *app) dashboardCommand() *cobra.Command {
	var (
		printOnly, list bool
		logout          string
	)
	cmd := a.ask("dashboard [--print | --sessions | --logout[=ID]]", "open the dashboard, already logged in; or list the browsers that are logged in, or log them out", takes(),
		func(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
			switch ending := cmd.Flags().Changed("logout"); {
			case printOnly && list, printOnly && ending, list && ending:
				return misused(cmd, "--print, --sessions and --logout are three commands: give one")
			case ending && logout == "":
				return misused(cmd, "--logout= needs the ID of a session; `mcpmux dashboard --sessions` shows them")
			case list:
				return a.dashboardSessions(cmd, c)
			case ending:
				return a.dashboardLogout(cmd, c, logout)
			}
			silent, err := a.noBrowser(cmd)
			if err != nil {
				return err
			}
			return a.openDashboard(cmd, c, !printOnly && !silent && !a.json)
		})
	cmd.Flags().BoolVar(&printOnly, "print", false, "print the address instead of opening it; it works once, for a minute")
	cmd.Flags().BoolVar(&list, "sessions", false, "list the browsers that are logged in")
	cmd.Flags().StringVar(&logout, "logout", "", "log every browser out, or with =ID the one of --sessions")
	cmd.Flags().Lookup("logout").NoOptDefVal = everyBrowser
	return cmd
}

// everyBrowser is what --logout means without an id.
const everyBrowser = "all"

func (a *app) dashboardSessions(cmd *cobra.Command, c *adminclient.Client) error {
	all, err := c.Sessions(cmd.Context())
	return a.reply(all, err, func(w io.Writer) {
		var rows [][]string
		for _, s := range all {
			rows = append(rows, []string{s.ID, s.Browser, s.Peer, when(s.CreatedAt), when(s.UsedAt), when(s.ExpiresAt)})
		}
		table(w, "no browser is logged in", "ID BROWSER FROM BEGAN USED ENDS", rows)
	})
}

func (a *app) dashboardLogout(cmd *cobra.Command, c *adminclient.Client, id string) error {
	if id == everyBrowser {
		gone, err := c.EndSessions(cmd.Context())
		return a.reply(gone, err, says("logged out %s", count(len(gone), "browser")))
	}
	gone, err := c.EndSession(cmd.Context(), id)
	return a.reply(gone, err, says("logged out %s", gone.Browser))
}

// loginCommand is `mcpmux login CODE`, for browsers that no terminal opens.
func (a *app) loginCommand() *cobra.Command {
	var remote bool
	cmd := a.ask("login CODE [--remote]", "log in the page of the dashboard that shows CODE; type only what you see on a page that you opened yourself", takes("CODE"),
		func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			p, err := c.ApprovePairing(cmd.Context(), api.PairingCode{Code: args[0], Remote: remote})
			return a.reply(p, err, says("logged in %s at %s; if that is not yours, `mcpmux dashboard --logout` ends it", p.Browser, p.Peer))
		})
	cmd.Flags().BoolVar(&remote, "remote", false, "the page may be on another machine")
	return cmd
}

// openDashboard shows the dashboard in a browser, or prints its address where it may not or cannot.
func (a *app) openDashboard(cmd *cobra.Command, c *adminclient.Client, open bool) error {
	ticket, err := c.DashboardTicket(cmd.Context())
	if err != nil {
		return err
	}
	if open && a.OpenBrowser != nil {
		if err := a.OpenBrowser(ticket.URL); err == nil {
			return a.show(ticket, says("opened the dashboard in your browser"))
		}
		fmt.Fprintln(a.Err, "mcpmux: no browser could be opened; open this address yourself, it works once:")
	}
	return a.show(ticket, func(w io.Writer) { fmt.Fprintln(w, ticket.URL) })
}
