package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// serviceCommand is everything about the start at login.
func (a *app) serviceCommand() *cobra.Command {
	return group("service", "start McpMux when you log in to this machine",
		a.serviceDo("install", "have the system start McpMux at login: the program that runs now, on its data folder", (*adminclient.Client).InstallService),
		a.serviceDo("uninstall", "have it started no more", (*adminclient.Client).RemoveService),
		a.serviceDo("status", "say whether it is, and how", (*adminclient.Client).Service),
	)
}

func (a *app) serviceDo(use, short string, do func(*adminclient.Client, context.Context) (api.Service, error)) *cobra.Command {
	return a.ask(use, short, takes(), func(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
		s, err := do(c, cmd.Context())
		return a.reply(s, err, func(w io.Writer) { writeService(w, s) })
	})
}

func writeService(w io.Writer, s api.Service) {
	switch {
	case !s.Installed:
		fmt.Fprintln(w, "McpMux is not started at login; `mcpmux service install` has it started")
	case !s.Current:
		fmt.Fprintf(w, "something else is started at login than what runs now (%s): %s\n`mcpmux service install` has this one started\n", s.Path, strings.Join(s.Command, " "))
	default:
		fmt.Fprintf(w, "McpMux is started at login (%s, %s): %s\n", s.Kind, s.Path, strings.Join(s.Command, " "))
	}
}
