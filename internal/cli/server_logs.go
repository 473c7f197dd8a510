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
	var f api.LogFilter
	var follow bool
	cmd := spaceFlag(a.ask("logs ALIAS [-f] [--tail N] [--source S] [--level L] [--search TEXT] [--space S]", "show what a server wrote, and what happened to it", takes("ALIAS"),
		func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			if f.Tail < 0 {
				return misused(cmd, "--tail is negative")
			}
			if cmd.Flags().Changed("source") {
				if err := oneOf(cmd, "--source", f.Source, api.LogSources()...); err != nil {
					return err
				}
			}
			if cmd.Flags().Changed("level") {
				if err := oneOf(cmd, "--level", f.Level, api.LogLevels()...); err != nil {
					return err
				}
			}
			if follow {
				return c.FollowServerLogs(cmd.Context(), space, args[0], f, func(line api.LogLine) error {
					return a.showLine(line, func(w io.Writer) { writeLogLine(w, line) })
				})
			}
			lines, err := c.ServerLogs(cmd.Context(), space, args[0], f)
			return a.reply(lines, err, func(w io.Writer) {
				for _, line := range lines {
					writeLogLine(w, line)
				}
			})
		}), &space)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "keep showing new lines until interrupted")
	cmd.Flags().IntVar(&f.Tail, "tail", 100, "how many of the last lines to show")
	cmd.Flags().StringVar(&f.Source, "source", "", "only lines of stderr, server (its messages) or connection")
	cmd.Flags().StringVar(&f.Level, "level", "", "only messages of at least this level, debug to emergency")
	cmd.Flags().StringVar(&f.Search, "search", "", "only lines with this text, whatever its case")
	return cmd
}

func writeLogLine(w io.Writer, l api.LogLine) {
	level := ""
	if l.Level != "" {
		level = " " + l.Level
	}
	fmt.Fprintf(w, "%s  %s%s  %s\n", when(l.At), l.Source, level, oneLine(l.Text))
}
