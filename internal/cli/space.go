package cli

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// spaceCommand is everything about Spaces.
func (a *app) spaceCommand() *cobra.Command {
	return group("space", "Spaces: what is kept apart",
		a.ask("list", "list the Spaces", takes(), a.spaceList),
		a.spaceCreateCommand(),
		a.ask("rename NAME NEW", "give a Space another name", takes("NAME", "NEW"), a.spaceRename),
		a.ask("icon NAME [ICON]", "show a Space with an icon: an emoji or a letter or two; without ICON, with none", atMost(2, "NAME"), a.spaceIcon),
		a.ask("activate NAME", "make a Space the active one, which following clients see", takes("NAME"), a.spaceActivate),
		a.spaceDeleteCommand(),
	)
}

func (a *app) spaceList(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
	spaces, err := c.Spaces(cmd.Context())
	return a.reply(spaces, err, func(w io.Writer) {
		var rows [][]string
		for _, s := range spaces {
			rows = append(rows, []string{s.Name, or(s.Icon, "-"), yesNo(s.Active), yesNo(s.Default), strconv.Itoa(s.Counts.Servers), strconv.Itoa(s.Counts.Clients), when(s.CreatedAt)})
		}
		table(w, "no Spaces", "NAME ICON ACTIVE DEFAULT SERVERS CLIENTS CREATED", rows)
	})
}

func (a *app) spaceCreateCommand() *cobra.Command {
	var icon string
	cmd := a.ask("create NAME [--icon ICON]", "create a Space", takes("NAME"), func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
		space, err := c.CreateSpace(cmd.Context(), api.NewSpace{Name: args[0], Icon: icon})
		return a.reply(space, err, says("created the Space %q; `mcpmux space activate` makes it the active one", args[0]))
	})
	cmd.Flags().StringVar(&icon, "icon", "", "an emoji or a letter or two to show it with")
	return cmd
}

func (a *app) spaceRename(cmd *cobra.Command, c *adminclient.Client, args []string) error {
	space, err := c.PatchSpace(cmd.Context(), args[0], api.SpacePatch{Name: &args[1]})
	return a.reply(space, err, says("the Space %q is now called %q", args[0], args[1]))
}

func (a *app) spaceIcon(cmd *cobra.Command, c *adminclient.Client, args []string) error {
	icon := ""
	if len(args) == 2 {
		icon = args[1]
	}
	space, err := c.PatchSpace(cmd.Context(), args[0], api.SpacePatch{Icon: &icon})
	return a.reply(space, err, says("the icon of the Space %q is %s", space.Name, or(space.Icon, "none")))
}

func (a *app) spaceActivate(cmd *cobra.Command, c *adminclient.Client, args []string) error {
	space, err := c.ActivateSpace(cmd.Context(), args[0])
	return a.reply(space, err, says("%q is the active Space", args[0]))
}

// spaceDeleteCommand is `mcpmux space delete`. A person at a terminal is shown what goes and types the name; a script
// that says delete means it, as with every other command.
func (a *app) spaceDeleteCommand() *cobra.Command {
	var dry, yes bool
	cmd := a.ask("delete NAME [--dry-run] [--yes]", "delete a Space, its servers and their secrets; on a terminal it shows what goes and asks", takes("NAME"),
		func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			if dry || !yes && a.in.asked() {
				d, err := c.SpaceDeletion(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if dry {
					return a.show(d, func(w io.Writer) { writeDeletion(w, d) })
				}
				writeDeletion(a.Err, d)
				if d.Refused != "" {
					return errors.New(d.Refused)
				}
				fmt.Fprintf(a.Err, "\nType the name of the Space to delete it: ")
				typed, err := a.in.next(cmd.Context())
				if err != nil || !strings.EqualFold(strings.TrimSpace(typed), d.Space) {
					return errors.New("that is not the name: nothing was deleted")
				}
			}
			gone, err := c.DeleteSpace(cmd.Context(), args[0])
			return a.reply(gone, err, says("deleted the Space %q, with its servers and their secrets", args[0]))
		})
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only show what would be destroyed")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// writeDeletion is what goes with a Space, for people.
func writeDeletion(w io.Writer, d api.SpaceDeletion) {
	fmt.Fprintln(w, printable(fmt.Sprintf("Deleting the Space %q destroys, for good:", d.Space)))
	var aliases []string
	for _, s := range d.Servers {
		aliases = append(aliases, s.Alias)
	}
	part := func(n int, noun string, names []string) {
		line := "  " + count(n, noun)
		if len(names) > 0 {
			line += ": " + strings.Join(names, ", ")
		}
		fmt.Fprintln(w, printable(line))
	}
	part(len(aliases), "server", aliases)
	part(d.Secrets, "stored secret", nil)
	part(d.Logins, "login", nil)
	part(len(d.FeatureSets), "FeatureSet", d.FeatureSets)
	part(d.Grants, "grant", nil)
	for _, c := range d.Clients {
		switch c.Effect {
		case api.DeletionStrands:
			fmt.Fprintln(w, printable(fmt.Sprintf("The client %q is in it (mode %s) and sees nothing until it is given another Space.", c.Client, c.Mode)))
		case api.DeletionMoves:
			fmt.Fprintln(w, printable(fmt.Sprintf("The client %q follows the active Space and goes on in %q.", c.Client, d.NextActive)))
		default:
			fmt.Fprintln(w, printable(fmt.Sprintf("The client %q loses %s there.", c.Client, count(c.Grants, "grant"))))
		}
	}
	if d.NextActive != "" {
		fmt.Fprintln(w, printable(fmt.Sprintf("It is the active Space: %q becomes active.", d.NextActive)))
	}
	if d.Refused != "" {
		fmt.Fprintln(w, printable("It is not deleted: "+d.Refused+"."))
	}
}
