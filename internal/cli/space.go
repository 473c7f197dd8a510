package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// spaceCommand is everything about Spaces.
func (a *app) spaceCommand() *cobra.Command {
	return group("space", "Spaces: what is kept apart",
		a.ask("list", "list the Spaces", takes(), a.spaceList),
		a.ask("create NAME", "create a Space", takes("NAME"), a.spaceCreate),
		a.ask("rename NAME NEW", "give a Space another name", takes("NAME", "NEW"), a.spaceRename),
		a.ask("activate NAME", "make a Space the active one, which following clients see", takes("NAME"), a.spaceActivate),
		a.ask("delete NAME", "delete a Space, its servers and their secrets", takes("NAME"), a.spaceDelete),
	)
}

func (a *app) spaceList(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
	spaces, err := c.Spaces(cmd.Context())
	return a.reply(spaces, err, func(w io.Writer) {
		var rows [][]string
		for _, s := range spaces {
			rows = append(rows, []string{s.Name, yesNo(s.Active), yesNo(s.Default), when(s.CreatedAt)})
		}
		table(w, "no Spaces", "NAME ACTIVE DEFAULT CREATED", rows)
	})
}

func (a *app) spaceCreate(cmd *cobra.Command, c *adminclient.Client, args []string) error {
	space, err := c.CreateSpace(cmd.Context(), args[0])
	return a.reply(space, err, says("created the Space %q; `mcpmux space activate` makes it the active one", args[0]))
}

func (a *app) spaceRename(cmd *cobra.Command, c *adminclient.Client, args []string) error {
	space, err := c.RenameSpace(cmd.Context(), args[0], args[1])
	return a.reply(space, err, says("the Space %q is now called %q", args[0], args[1]))
}

func (a *app) spaceActivate(cmd *cobra.Command, c *adminclient.Client, args []string) error {
	space, err := c.ActivateSpace(cmd.Context(), args[0])
	return a.reply(space, err, says("%q is the active Space", args[0]))
}

func (a *app) spaceDelete(cmd *cobra.Command, c *adminclient.Client, args []string) error {
	gone, err := c.DeleteSpace(cmd.Context(), args[0])
	return a.reply(gone, err, says("deleted the Space %q, with its servers and their secrets", args[0]))
}
