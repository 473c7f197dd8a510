package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// serverLogsCommand is `mcpmux server logs`.
func (a *app) serverLogsCommand() *cobra.Command {
	var space string
	var tail int
	var follow bool
	cmd := spaceFlag(a.ask("logs ALIAS [-f] [--tail N] [--space S]", "show what a server wrote, and what happened to it", takes("ALIAS"),
		func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			if tail < 0 {
				return misused(cmd, "--tail is negative")
			}
			if follow {
				return c.FollowServerLogs(cmd.Context(), space, args[0], tail, func(line api.LogLine) error {
					return a.showLine(line, func(w io.Writer) { writeLogLine(w, line) })
				})
			}
			lines, err := c.ServerLogs(cmd.Context(), space, args[0], tail)
			return a.reply(lines, err, func(w io.Writer) {
				for _, line := range lines {
					writeLogLine(w, line)
				}
			})
		}), &space)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "keep showing new lines until interrupted")
	cmd.Flags().IntVar(&tail, "tail", 100, "how many of the last lines to show")
	return cmd
}

func writeLogLine(w io.Writer, l api.LogLine) {
	level := ""
	if l.Level != "" {
		level = " " + l.Level
	}
	fmt.Fprintf(w, "%s  %s%s  %s\n", when(l.At), l.Source, level, oneLine(l.Text))
}
