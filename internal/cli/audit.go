package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// auditOptions are the flags of audit.
type auditOptions struct {
	adminclient.AuditQuery
	follow, summary      bool
	file, format, window string
}

// auditCommand is `mcpmux audit`: what clients did, and what they were refused.
func (a *app) auditCommand() *cobra.Command {
	var o auditOptions
	const line = "audit [--follow | --export FILE | --summary] [--client C] [--server ALIAS] [--space S] [--since T] [--limit N]"
	cmd := a.ask(line, "show what clients did and were refused, and who was let in or changed something", takes(), func(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
		if err := o.check(cmd); err != nil {
			return err
		}
		switch {
		case o.summary:
			s, err := c.ActivitySummary(cmd.Context(), o.window, o.Space)
			return a.reply(s, err, func(w io.Writer) { writeSummary(w, &s) })
		case o.file != "":
			return a.exportAudit(cmd, c, &o)
		case o.follow:
			return c.FollowAudit(cmd.Context(), o.AuditQuery, func(e api.Activity) error {
				return a.showLine(e, func(w io.Writer) { writeActivity(w, e) })
			})
		}
		entries, err := c.Audit(cmd.Context(), o.AuditQuery)
		return a.reply(entries, err, func(w io.Writer) {
			for _, e := range entries {
				writeActivity(w, e)
			}
		})
	})
	f := cmd.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "keep showing new entries until interrupted")
	f.BoolVar(&o.Decisions, "security", false, "only decisions about who may do what: logins, approvals, refusals, changes")
	f.BoolVar(&o.Requests, "requests", false, "only requests of clients")
	f.StringVar(&o.Client, "client", "", "only of this client")
	f.StringVar(&o.Server, "server", "", "only of the server with this alias")
	f.StringVar(&o.Space, "space", "", "only of this Space (default: all)")
	f.StringVar(&o.Outcome, "outcome", "", "only what ended so: ok, tool_error, error, denied or cancelled")
	f.StringVar(&o.Search, "search", "", "only what has this text in its method, name or detail")
	f.StringVar(&o.Since, "since", "", "only what began at this moment or later, like 2026-01-31T12:00:00Z, 2026-01-31, or 90m or 7d for how long ago")
	f.StringVar(&o.Until, "until", "", "only what began before this moment, written likewise")
	f.IntVar(&o.Limit, "limit", 100, "how many of the last entries to show")
	f.Int64Var(&o.Before, "before", 0, "only entries before the one with this id")
	f.StringVar(&o.file, "export", "", "write all entries that are asked for to this file, - for the terminal")
	f.StringVar(&o.format, "format", "", "of the file: jsonl or csv (default jsonl)")
	f.BoolVar(&o.summary, "summary", false, "count the calls, by server, tool and client")
	f.StringVar(&o.window, "window", "", "how long the counts reach back: 1h, 24h or 7d (default 1h)")
	return cmd
}

// check finds flags that do not go together.
func (o *auditOptions) check(cmd *cobra.Command) error {
	given := cmd.Flags().Changed
	ways := 0
	for _, way := range []string{"follow", "export", "summary"} {
		if given(way) {
			ways++
		}
	}
	switch {
	case o.Limit < 0:
		return misused(cmd, "--limit is negative")
	case o.Before < 0:
		return misused(cmd, "--before is negative")
	case ways > 1:
		return misused(cmd, "--follow, --export and --summary do not go together")
	case given("export") && o.file == "":
		return misused(cmd, "--export is empty; it takes the name of a file")
	case given("format") && o.file == "":
		return misused(cmd, "--format goes with --export")
	case given("window") && !o.summary:
		return misused(cmd, "--window goes with --summary")
	}
	if o.summary {
		for _, other := range []string{"security", "requests", "client", "server", "outcome", "search", "since", "until", "limit", "before"} {
			if given(other) {
				return misused(cmd, "--%s does not go with --summary", other)
			}
		}
		return oneOf(cmd, "--window", cmp.Or(o.window, "1h"), "1h", "24h", "7d")
	}
	if o.file != "" && (given("limit") || given("before")) {
		return misused(cmd, "--export writes all entries; --limit and --before do not go with it")
	}
	return oneOf(cmd, "--format", cmp.Or(o.format, "jsonl"), "jsonl", "csv")
}

// exportAudit writes a file, or to the terminal.
func (a *app) exportAudit(cmd *cobra.Command, c *adminclient.Client, o *auditOptions) error {
	fill := func(w io.Writer) error { return c.ExportAudit(cmd.Context(), o.AuditQuery, o.format, w) }
	if o.file == "-" {
		return fill(a.Out)
	}
	if err := ownFile(o.file, fill); err != nil {
		return err
	}
	return a.show(map[string]string{"file": o.file}, func(w io.Writer) { fmt.Fprintln(w, "written to "+oneLine(o.file)) })
}

// ownFile writes a file that is for its owner alone. One that is there is replaced, once the new one is whole.
func ownFile(path string, fill func(io.Writer) error) error {
	part := path + ".part"
	_ = os.Remove(part) // what is left of an earlier one may be readable to others; where it stays, opening it says so
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = fill(f)
	if end := f.Close(); err == nil {
		err = end
	}
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		_ = os.Remove(part) // why it is of no use is known
	}
	return err
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
	} else if e.Detail != "" {
		more += ", " + e.Detail
	}
	if more != "" {
		more = "  (" + oneLine(more) + ")"
	}
	fmt.Fprintf(w, "%s  %-16s  %-10s  %s%s\n", when(e.At), oneLine(or(e.Actor, e.ClientName)), oneLine(e.Outcome), oneLine(what), more)
}

// writeSummary is the counts of a window for people.
func writeSummary(w io.Writer, s *api.ActivitySummary) {
	rows := [][]string{counts("total", s.Total)}
	for _, list := range []struct {
		what string
		of   []api.ActivityOf
	}{{"server", s.Servers}, {"tool", s.Tools}, {"client", s.Clients}} {
		for _, n := range list.of {
			rows = append(rows, counts(list.what+" "+or(n.Name, "(gone)"), n.ActivityCount))
		}
	}
	table(w, "no calls", "OF CALLS ERRORS DENIED MEDIAN P95 LAST", rows)
}

func counts(of string, c api.ActivityCount) []string {
	return []string{of, strconv.Itoa(c.Calls), strconv.Itoa(c.Errors), strconv.Itoa(c.Denied), took(c.Median), took(c.P95), whenOrNever(c.Last)}
}

// took is a duration to three digits.
func took(d mcpmux.Duration) string {
	t := time.Duration(d)
	for unit := time.Microsecond; unit < time.Hour; unit *= 10 {
		if t < 1000*unit {
			return t.Round(unit).String()
		}
	}
	return t.Round(time.Minute).String()
}
