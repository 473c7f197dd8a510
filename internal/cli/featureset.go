package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// featureSetCommand is everything about FeatureSets.
func (a *app) featureSetCommand() *cobra.Command {
	var space string
	cmd := group("featureset", "FeatureSets: named selections of what servers offer",
		a.ask("list [--space S]", "list the FeatureSets of a Space", takes(), func(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
			sets, err := c.FeatureSets(cmd.Context(), space)
			return a.reply(sets, err, func(w io.Writer) { writeSets(w, sets) })
		}),
		a.ask("show NAME [--space S]", "show a FeatureSet with its members", takes("NAME"), func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			set, err := c.FeatureSet(cmd.Context(), space, args[0])
			return a.reply(set, err, func(w io.Writer) { writeSet(w, set) })
		}),
		a.ask("create NAME [--space S]", "create an empty FeatureSet", takes("NAME"), func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			set, err := c.CreateFeatureSet(cmd.Context(), space, args[0])
			return a.reply(set, err, says("created the set %q", args[0]))
		}),
		a.ask("rename NAME NEW [--space S]", "give a FeatureSet another name", takes("NAME", "NEW"), func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			set, err := c.RenameFeatureSet(cmd.Context(), space, args[0], args[1])
			return a.reply(set, err, says("the set %q is now called %q", args[0], args[1]))
		}),
		a.ask("delete NAME [--space S]", "delete a FeatureSet", takes("NAME"), func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			gone, err := c.DeleteFeatureSet(cmd.Context(), space, args[0])
			return a.reply(gone, err, says("deleted the set %q", args[0]))
		}),
		a.membersCommand(&space, "include", "add members to a FeatureSet", false),
		a.membersCommand(&space, "exclude", "add exclusions to a FeatureSet; they win over every inclusion", true),
		a.membersSetCommand(&space),
	)
	cmd.PersistentFlags().StringVar(&space, "space", "", "Space of the set (default: the active one)")
	return cmd
}

// memberForms is what a MEMBER looks like.
const memberForms = "server:ALIAS, tool:ALIAS/NAME, prompt:ALIAS/NAME, resource:ALIAS/URI, template:ALIAS/URI or set:NAME; * and ? stand for anything"

// membersCommand is `featureset include` or `exclude`; with --remove it takes such members away.
func (a *app) membersCommand(space *string, verb, short string, exclude bool) *cobra.Command {
	var remove bool
	cmd := a.ask(verb+" NAME MEMBER… [--remove] [--space S]", short+" ("+memberForms+")", takes("NAME", "MEMBER…"), func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
		for _, m := range args[1:] {
			if err := checkMember(cmd, m); err != nil {
				return err
			}
		}
		change := c.AddMembers
		if remove {
			change = c.RemoveMembers
		}
		set, err := change(cmd.Context(), *space, args[0], args[1:], exclude)
		return a.reply(set, err, func(w io.Writer) { writeSet(w, set) })
	})
	cmd.Flags().BoolVar(&remove, "remove", false, "take the members away instead")
	return cmd
}

// checkMember refuses a word that is no member. What it names, the daemon judges.
func checkMember(cmd *cobra.Command, member string) error {
	kind, rest, _ := strings.Cut(member, ":")
	_, name, slash := strings.Cut(rest, "/")
	switch kind {
	case "server", "set":
		if rest != "" {
			return nil
		}
	case "tool", "prompt", "resource", "template":
		if slash && name != "" {
			return nil
		}
	}
	return misused(cmd, "%q is no member: %s", member, memberForms)
}

// writeSets lists FeatureSets.
func writeSets(w io.Writer, sets []api.FeatureSet) {
	var rows [][]string
	for _, s := range sets {
		rows = append(rows, []string{s.Name, string(s.Kind), strconv.Itoa(len(s.Members)), selects(s.Resolves), or(strings.Join(s.GrantedTo, ", "), "-")})
	}
	table(w, "no sets", "NAME KIND MEMBERS SELECTS GRANTED-TO", rows)
}

// selects is what a set comes to, in words.
func selects(n api.FeatureCounts) string {
	var parts []string
	for _, p := range []struct {
		n    int
		noun string
	}{{n.Tools, "tool"}, {n.Prompts, "prompt"}, {n.Resources, "resource"}, {n.Templates, "template"}} {
		if p.n > 0 {
			parts = append(parts, count(p.n, p.noun))
		}
	}
	return or(strings.Join(parts, ", "), "nothing")
}

// writeSet is a FeatureSet for people.
func writeSet(w io.Writer, s api.FeatureSet) {
	facts(w, [2]string{"set", s.Name}, [2]string{"space", s.SpaceName}, [2]string{"kind", string(s.Kind)}, [2]string{"selects", selects(s.Resolves)},
		[2]string{"granted to", strings.Join(s.GrantedTo, ", ")}, [2]string{"member of", strings.Join(s.MemberOf, ", ")})
	for _, m := range s.Include {
		fmt.Fprintln(w, "  include "+oneLine(m))
	}
	for _, m := range s.Exclude {
		fmt.Fprintln(w, "  exclude "+oneLine(m))
	}
}
