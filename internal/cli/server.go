package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// serverCommand is everything about Servers.
func (a *app) serverCommand() *cobra.Command {
	cmd := group("server", "servers: what the gateway offers to clients",
		a.serverAddCommand(),
		a.serverSetCommand(),
		a.serverListCommand(),
		a.serverOne("show", "show a server: how it is doing and what it is", a.serverShow),
		a.serverOne("enable", "switch a server on", a.serverDo("enable", "switched on %s")),
		a.serverOne("disable", "switch a server off; its connections close", a.serverDo("disable", "switched off %s")),
		a.serverOne("restart", "close a server's connections and connect again", a.serverDo("restart", "%s connects again")),
		a.serverOne("remove", "remove a server and its secrets", a.serverRemove),
		a.serverLoginCommand(),
		a.serverOne("logout", "log out of a server: revoke and forget what its login gave", a.serverDo("logout", "logged out of %s")),
		a.serverLogsCommand(),
		a.serverOne("features", "list what a server offers: tools, prompts, resources and templates", a.serverFeatures),
	)
	return cmd
}

// spaceFlag is the Space that a command is about.
func spaceFlag(cmd *cobra.Command, space *string) *cobra.Command {
	cmd.Flags().StringVar(space, "space", "", "the Space (default: the active one)")
	return cmd
}

// serverRun is what a command does with one Server.
type serverRun func(cmd *cobra.Command, c *adminclient.Client, space, alias string) error

// serverOne makes a command about one Server.
func (a *app) serverOne(verb, short string, run serverRun) *cobra.Command {
	var space string
	return spaceFlag(a.ask(verb+" ALIAS [--space S]", short, takes("ALIAS"), func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
		return run(cmd, c, space, args[0])
	}), &space)
}

// serverDo asks the daemon to do the verb to a Server.
func (a *app) serverDo(verb, done string) serverRun {
	return func(cmd *cobra.Command, c *adminclient.Client, space, alias string) error {
		server, err := c.DoServer(cmd.Context(), space, alias, verb)
		return a.reply(server, err, says(done, alias))
	}
}

func (a *app) serverListCommand() *cobra.Command {
	var space string
	return spaceFlag(a.ask("list [--space S]", "list the servers of a Space", takes(), func(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
		servers, err := c.Servers(cmd.Context(), space)
		return a.reply(servers, err, func(w io.Writer) {
			var rows [][]string
			for _, s := range servers {
				rows = append(rows, []string{s.Alias, string(s.Status.State), string(s.Definition.Transport), strconv.Itoa(s.Features.Tools), short(target(s.Definition), 60)})
			}
			table(w, "no servers; `mcpmux server add` adds one", "ALIAS STATE TRANSPORT TOOLS TARGET", rows)
		})
	}), &space)
}

// target is what a Server is, in one line.
func target(d mcpmux.Definition) string {
	if d.URL != "" {
		return d.URL
	}
	return strings.Join(append([]string{d.Command}, d.Args...), " ")
}

func (a *app) serverShow(cmd *cobra.Command, c *adminclient.Client, space, alias string) error {
	server, err := c.Server(cmd.Context(), space, alias)
	return a.reply(server, err, func(w io.Writer) { writeServer(w, server) })
}

// loginText is what a Server's login gave, in one line.
func loginText(l *mcpmux.LoggedIn) string {
	if l == nil {
		return ""
	}
	text := "at " + l.Issuer + " since " + when(l.ObtainedAt)
	if len(l.Scopes) > 0 {
		text += ", for " + strings.Join(l.Scopes, " ")
	}
	switch {
	case l.Renewable:
		text += ", renewed by itself"
	case l.ExpiresAt != nil:
		text += ", until " + when(*l.ExpiresAt)
	}
	return text
}

// writeServer is a Server for people.
func writeServer(w io.Writer, s api.Server) {
	names := map[mcpmux.ValueKind][]string{}
	for _, v := range s.Values {
		names[v.Kind] = append(names[v.Kind], v.Name)
	}
	prefix, idle, call, version := "", "", "", ""
	if s.Prefix != nil {
		prefix = fmt.Sprintf("%q", *s.Prefix)
	}
	if s.IdleTimeout != nil {
		idle = durationText(*s.IdleTimeout)
	}
	if s.CallTimeout != nil {
		call = durationText(*s.CallTimeout)
	}
	every := ""
	if s.EverySpace {
		every = "yes"
	}
	if s.About != nil {
		version = s.About.ProtocolVersion
	}
	processes := ""
	if s.MaxProcesses > 0 {
		processes = strconv.Itoa(s.MaxProcesses)
	}
	facts(w,
		[2]string{"server", s.Alias},
		[2]string{"space", s.SpaceName},
		[2]string{"every space", every},
		[2]string{"state", string(s.Status.State) + " since " + when(s.Status.Since)},
		[2]string{"reason", s.Status.Reason},
		[2]string{"transport", string(s.Definition.Transport)},
		[2]string{"target", target(s.Definition)},
		[2]string{"folder", s.Definition.Cwd},
		[2]string{"environment", strings.Join(names[mcpmux.ValueEnv], ", ")},
		[2]string{"secrets", strings.Join(names[mcpmux.ValueInput], ", ")},
		[2]string{"headers", strings.Join(names[mcpmux.ValueHeader], ", ")},
		[2]string{"login secrets", strings.Join(names[mcpmux.ValueLogin], ", ")},
		[2]string{"logged in", loginText(s.LoggedIn)},
		[2]string{"prefix", prefix},
		[2]string{"idle timeout", idle},
		[2]string{"call timeout", call},
		[2]string{"isolation", string(s.Isolation)},
		[2]string{"era", string(s.Era)},
		[2]string{"max processes", processes},
		[2]string{"roots", strings.Join(s.Roots, ", ")},
		[2]string{"MCP", version},
		[2]string{"offers", offers(s.Features)},
	)
	for _, line := range s.Status.Stderr {
		fmt.Fprintln(w, "  "+oneLine(line))
	}
}

// durationText is a timeout for people.
func durationText(d mcpmux.Duration) string {
	if d == 0 {
		return "never"
	}
	text, _ := d.MarshalJSON() // a duration always marshals
	return strings.Trim(string(text), `"`)
}

func offers(n api.FeatureCounts) string {
	return strings.Join([]string{count(n.Tools, "tool"), count(n.Prompts, "prompt"), count(n.Resources, "resource"), count(n.Templates, "template")}, ", ")
}

func (a *app) serverRemove(cmd *cobra.Command, c *adminclient.Client, space, alias string) error {
	gone, err := c.DeleteServer(cmd.Context(), space, alias)
	return a.reply(gone, err, says("removed %s and its secrets", alias))
}

func (a *app) serverFeatures(cmd *cobra.Command, c *adminclient.Client, space, alias string) error {
	features, err := c.ServerFeatures(cmd.Context(), space, alias)
	return a.reply(features, err, func(w io.Writer) {
		var rows [][]string
		for _, f := range features {
			rows = append(rows, []string{string(f.Kind), f.Name, short(f.Description, 80)})
		}
		table(w, alias+" offers nothing, or was never connected", "KIND NAME DESCRIPTION", rows)
	})
}
