package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// dashboardCommand is `mcpmux dashboard`: open it, logged in by a ticket that works once.
func (a *app) dashboardCommand() *cobra.Command {
	var printOnly bool
	cmd := a.ask("dashboard [--print]", "open the dashboard, already logged in", takes(), func(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
		silent, err := a.noBrowser(cmd)
		if err != nil {
			return err
		}
		return a.openDashboard(cmd, c, !printOnly && !silent && !a.json)
	})
	cmd.Flags().BoolVar(&printOnly, "print", false, "print the address instead of opening it; it works once")
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
