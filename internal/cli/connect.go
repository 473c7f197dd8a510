package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// connectCommand is `mcpmux connect`.
func (a *app) connectCommand() *cobra.Command {
	var key bool
	cmd := a.ask("connect [APP] [--key]", "list the AI applications that are known, or say what to do in one to connect it", mayTake("APP"),
		func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			if len(args) == 0 {
				all, err := c.Applications(cmd.Context())
				return a.reply(all, err, func(w io.Writer) { writeApplications(w, all) })
			}
			app, err := c.Application(cmd.Context(), args[0])
			return a.reply(app, err, func(w io.Writer) { writeAdvice(w, app, key) })
		})
	cmd.Flags().BoolVar(&key, "key", false, "for an access key, instead of a login")
	return cmd
}

// mayTake allows one argument.
func mayTake(name string) cobra.PositionalArgs {
	one := takes(name)
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return one(cmd, args)
	}
}

func writeApplications(w io.Writer, all []api.Application) {
	rows := make([][]string, len(all))
	for i, app := range all {
		servers := ""
		if app.Servers > 0 {
			servers = count(app.Servers, "server") + " to import"
		}
		rows[i] = []string{app.ID, app.Name, string(app.State), servers}
	}
	table(w, "no application is known", "APP NAME STATE SERVERS", rows)
	fmt.Fprintln(w, "\n`mcpmux connect APP` says what to do in one; `mcpmux import APP` adds the servers that it has.")
}

// writeAdvice says what to do in an application. With key it is for one that has an access key.
func writeAdvice(w io.Writer, app api.Application, key bool) {
	fmt.Fprintf(w, "%s is %s.\n", app.Name, stateWord(app))
	if app.Note != "" {
		fmt.Fprintln(w, app.Note)
	}
	config := app.Config
	if key {
		config = app.ConfigWithKey
		if config == "" && app.Config != "" {
			fmt.Fprintln(w, "\nIt has no way to send an access key that is known; leave out --key.")
			return
		}
	}
	if config == "" {
		return
	}
	if !key && app.Command != "" {
		fmt.Fprintf(w, "\nIn a terminal:\n\n  %s\n", app.Command)
	}
	if !key && app.Link != "" {
		fmt.Fprintf(w, "\nBy a link:\n\n  %s\n", app.Link)
	}
	where := "its settings"
	if app.File != "" {
		where = printable(app.File)
	}
	fmt.Fprintf(w, "\nIn %s:\n\n%s\n\n%s\n", where, strings.TrimSpace(config), app.Next)
	if key {
		fmt.Fprintln(w, "`mcpmux client create NAME` makes an access key.")
	}
	if app.Unsure {
		fmt.Fprintln(w, "Nobody has tried this one yet.")
	}
}

func stateWord(app api.Application) string {
	switch app.State {
	case api.ApplicationAbsent:
	case api.ApplicationConfigured:
		return "connected already (" + printable(app.File) + ")"
	case api.ApplicationInstalled:
		return "on this machine"
	case api.ApplicationUnreadable:
		return "on this machine, but its settings cannot be read (" + printable(app.File) + ": " + printable(app.Reason) + ")"
	}
	return "not found on this machine"
}
