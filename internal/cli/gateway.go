package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// gatewayCommand starts and stops the gateway inside a running daemon.
func (a *app) gatewayCommand() *cobra.Command {
	verb := func(name, short string) *cobra.Command {
		return a.ask(name, short, takes(), func(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
			status, err := c.Gateway(cmd.Context(), name)
			return a.reply(status, err, func(w io.Writer) { fmt.Fprintf(w, "the gateway is %s\n", status.Gateway) })
		})
	}
	return group("gateway", "start and stop the gateway of a running daemon",
		verb("start", "start the gateway: connect the servers and answer clients"),
		verb("stop", "stop the gateway: close all connections; the dashboard stays up"),
		verb("restart", "stop the gateway and start it again"),
	)
}
