package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// auditCommand is `mcpmux audit`: what clients did, and what they were refused.
func (a *app) auditCommand() *cobra.Command {
	var follow, security bool
	var limit int
	cmd := a.ask("audit [--security] [--follow] [--limit N]", "show what clients did and were refused, and who was let in or changed something", takes(), func(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
		if limit < 0 {
			return misused(cmd, "--limit is negative")
		}
		if follow {
			return c.FollowAudit(cmd.Context(), limit, security, func(e api.Activity) error {
				return a.showLine(e, func(w io.Writer) { writeActivity(w, e) })
			})
		}
		entries, err := c.Audit(cmd.Context(), 0, limit, security)
		return a.reply(entries, err, func(w io.Writer) {
			for _, e := range entries {
				writeActivity(w, e)
			}
		})
	})
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "keep showing new entries until interrupted")
	cmd.Flags().BoolVar(&security, "security", false, "only decisions about who may do what: logins, approvals, refusals, changes")
	cmd.Flags().IntVar(&limit, "limit", 100, "how many of the last entries to show")
	return cmd
}

// writeActivity is one entry for people: moment, who, how it went, what, and of what or how long.
func writeActivity(w io.Writer, e api.Activity) {
	what := e.Method
	if e.Name != "" {
		what += " " + e.Name
	}
	more := time.Duration(e.Duration).Round(time.Millisecond).String()
	if e.Decision() {
		more = e.Detail
	}
	if more != "" {
		more = "  (" + oneLine(more) + ")"
	}
	fmt.Fprintf(w, "%s  %-16s  %-10s  %s%s\n", when(e.At), oneLine(or(e.Actor, e.ClientName)), oneLine(e.Outcome), oneLine(what), more)
}
