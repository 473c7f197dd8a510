package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// membersSetCommand is `featureset set`: all members at once. With --dry-run it says what that would lead to.
func (a *app) membersSetCommand(space *string) *cobra.Command {
	var list api.MemberList
	var dry bool
	cmd := a.ask("set NAME [--include MEMBER]… [--exclude MEMBER]… [--dry-run] [--space S]", "replace all members of a FeatureSet in one step ("+memberForms+")", takes("NAME"),
		func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			if len(list.Include)+len(list.Exclude) == 0 && !dry {
				return misused(cmd, "say what it is to have; `include --remove` takes members away")
			}
			for _, m := range append(append([]string{}, list.Include...), list.Exclude...) {
				if err := checkMember(cmd, m); err != nil {
					return err
				}
			}
			list := api.MemberList{Include: append([]string{}, list.Include...), Exclude: append([]string{}, list.Exclude...)} // arrays, not null
			if dry {
				p, err := c.PreviewMembers(cmd.Context(), *space, args[0], api.PreviewMembers{MemberList: list})
				return a.reply(p, err, func(w io.Writer) { writePreview(w, p) })
			}
			set, err := c.SetMembers(cmd.Context(), *space, args[0], list)
			return a.reply(set, err, func(w io.Writer) { writeSet(w, set) })
		})
	f := cmd.Flags()
	f.StringArrayVar(&list.Include, "include", nil, "member to include (repeatable)")
	f.StringArrayVar(&list.Exclude, "exclude", nil, "member to exclude (repeatable)")
	f.BoolVar(&dry, "dry-run", false, "only say what it would have, and what clients would gain and lose")
	return cmd
}

// writePreview is what a set would be, for people: the counts, then what differs from now.
func writePreview(w io.Writer, p api.SetPreview) {
	fmt.Fprintf(w, "it would have %s: %d gained, %d lost\n", count(p.In, "feature"), p.Gained, p.Lost)
	for _, f := range p.Features {
		switch {
		case f.In && !f.Was:
			fmt.Fprintln(w, "  + "+oneLine(f.Member))
		case f.Was && !f.In:
			fmt.Fprintln(w, "  - "+oneLine(f.Member))
		}
	}
	for _, m := range p.Idle {
		fmt.Fprintln(w, "  "+oneLine(m)+" names nothing that is there now")
	}
	for _, c := range p.Clients {
		parts := []string{fmt.Sprintf("client %q", c.Client)}
		if !c.Now {
			parts = append(parts, "(once it is approved and in this Space)")
		}
		if len(c.Gains) > 0 {
			parts = append(parts, "gains "+strings.Join(c.Gains, ", "))
		}
		if len(c.Loses) > 0 {
			parts = append(parts, "loses "+strings.Join(c.Loses, ", "))
		}
		fmt.Fprintln(w, oneLine(strings.Join(parts, " ")))
	}
}
