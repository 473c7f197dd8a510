package cli

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// serverFlags are the flags of `server add`.
type serverFlags struct {
	tuning
	login loginFlags

	space, cwd, transport string
	recipe                string // a file with the definition
	disabled, everySpace  bool
	values                []valueArg
}

// serverAddCommand is `mcpmux server add`.
func (a *app) serverAddCommand() *cobra.Command {
	var s serverFlags
	cmd := a.ask("add ALIAS [flags] (URL | -- COMMAND ARG… | --definition FILE)", "add a server: a URL, or a command that speaks MCP on its standard streams",
		cobra.ArbitraryArgs, func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			return a.serverAdd(cmd, c, &s, args)
		})
	f := cmd.Flags()
	f.StringVar(&s.space, "space", "", "Space to add it to (default: the active one)")
	addValueFlags(f, &s.values)
	addDefinitionFlag(f, &s.recipe)
	f.StringVar(&s.cwd, "cwd", "", "working folder of the command")
	f.StringVar(&s.transport, "transport", "", "stdio, http or sse (default: what URL or COMMAND says)")
	f.BoolVar(&s.disabled, "disabled", false, "add it switched off")
	f.BoolVar(&s.everySpace, "every-space", false, "add it to every other Space too, and to those made later, as a server of their own; where the alias is taken it is left out")
	s.addFlags(f)
	s.login.addFlags(f)
	return cmd
}

// serverAdd understands the arguments first, then sees whether the daemon is there, and only then asks for
// secrets, so that nobody types one in vain.
func (a *app) serverAdd(cmd *cobra.Command, c *adminclient.Client, s *serverFlags, args []string) error {
	alias, def, err := s.definition(cmd, a.in, args)
	if err != nil {
		return err
	}
	if err := s.check(cmd, def); err != nil {
		return err
	}
	add := api.NewServer{
		Alias: alias, Definition: def, EverySpace: s.everySpace,
		Isolation: mcpmux.Isolation(s.isolation), Era: mcpmux.Era(s.era), MaxProcesses: s.maxProcesses, Roots: rootURIs(s.roots),
	}
	var login mcpmux.LoginConfig
	if s.login.apply(cmd, &login) {
		add.Login = &login
	}
	if s.disabled {
		off := false
		add.Enabled = &off
	}
	if cmd.Flags().Changed("prefix") {
		add.Prefix = &s.prefix
	}
	if cmd.Flags().Changed("idle-timeout") {
		d := mcpmux.Duration(s.idleTimeout)
		add.IdleTimeout = &d
	}
	if cmd.Flags().Changed("call-timeout") {
		d := mcpmux.Duration(s.callTimeout)
		add.CallTimeout = &d
	}
	if s.login.secret == "-" || slices.ContainsFunc(s.values, func(v valueArg) bool { return v.ask }) {
		if _, err := c.Version(cmd.Context()); err != nil {
			return err
		}
	}
	if add.Values, err = a.resolveValues(cmd, s.values); err != nil {
		return err
	}
	secrets, err := s.login.values(cmd, a)
	if err != nil {
		return err
	}
	add.Values = append(add.Values, secrets...)
	server, err := c.CreateServer(cmd.Context(), s.space, add)
	where := fmt.Sprintf("the Space %q", server.SpaceName)
	if s.everySpace {
		where += " and every other that has no " + alias
	}
	return a.reply(server, err, says("added %s to %s; `mcpmux server show %s` tells how it is doing", alias, where, alias))
}

// aliasForm is the form of an alias; the store insists on it too.
var aliasForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// definition is the alias and the recipe that the arguments describe: one URL, a command after "--", or a file with it.
func (s *serverFlags) definition(cmd *cobra.Command, in *lines, args []string) (string, mcpmux.Definition, error) {
	before, command := args, []string(nil)
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		before, command = args[:dash], args[dash:]
	}
	var def mcpmux.Definition
	fail := func(format string, a ...any) (string, mcpmux.Definition, error) {
		return "", def, misused(cmd, format, a...)
	}
	switch {
	case len(before) == 0:
		return fail("ALIAS is missing")
	case !aliasForm.MatchString(before[0]):
		return fail("the alias %q must be 1 to 32 of a-z, 0-9, _ and -, and begin with a letter or digit", before[0])
	case s.recipe != "" && (len(before) > 1 || len(command) > 0):
		return fail("--definition says what the server is; give no URL or command beside it")
	case s.recipe != "":
		var err error
		def, err = in.definition(s.recipe)
		return before[0], s.withTransport(def), err
	case len(before) > 1 && len(command) > 0:
		return fail("give a URL or a command, not both")
	case len(before) == 1 && len(command) == 0:
		return fail("a URL is missing, or -- and a command, or --definition")
	case len(before) > 2 || len(before) == 2 && !isURL(before[1]):
		return fail("%q is not an http or https URL; a command comes after --", before[1])
	case len(before) == 2:
		def = mcpmux.Definition{Transport: mcpmux.TransportHTTP, URL: before[1]}
	case command[0] == "":
		return fail("COMMAND is empty")
	case len(command) == 1 && isURL(command[0]):
		return fail("%q is a URL; write it without --", command[0])
	default:
		def = mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: absolute(command[0]), Args: command[1:], Cwd: s.cwd}
		if s.cwd != "" && !strings.HasPrefix(s.cwd, "${") {
			def.Cwd, _ = filepath.Abs(s.cwd) // the daemon has another working folder; where ours is gone, it says so
		}
	}
	return before[0], s.withTransport(def), nil
}

// withTransport is def with what --transport says, which check looks at.
func (s *serverFlags) withTransport(def mcpmux.Definition) mcpmux.Definition {
	if s.transport != "" {
		def.Transport = mcpmux.Transport(s.transport)
	}
	return def
}

// check refuses flags that do not go with the transport.
func (s *serverFlags) check(cmd *cobra.Command, def mcpmux.Definition) error {
	t, isCommand := def.Transport, def.Command != ""
	if err := oneOf(cmd, "--transport", string(t), string(mcpmux.TransportStdio), string(mcpmux.TransportHTTP), string(mcpmux.TransportSSE)); err != nil {
		return err
	}
	switch {
	case isCommand != (t == mcpmux.TransportStdio):
		return misused(cmd, "--transport %s does not go with %s", t, map[bool]string{true: "a command", false: "a URL"}[isCommand])
	case !isCommand && s.cwd != "":
		return misused(cmd, "--cwd is for a command, not for a URL")
	case s.everySpace && s.disabled:
		return misused(cmd, "--disabled does not go with --every-space; add it switched on, and switch it off in the Spaces that do not want it")
	}
	if err := s.checkTuning(cmd); err != nil {
		return err
	}
	if isCommand {
		if err := s.login.forbidden(cmd); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	for _, v := range s.values {
		key := fmt.Sprint(v.kind, " ", v.name)
		switch {
		case v.kind == mcpmux.ValueHeader && isCommand:
			return misused(cmd, "--header is for a URL; a command has --env and --secret")
		case v.kind == mcpmux.ValueEnv && !isCommand:
			return misused(cmd, "--env is for a command; a URL has --header and --secret")
		case seen[key]:
			return misused(cmd, "%s is given twice", v.name)
		}
		seen[key] = true
	}
	return nil
}

// isURL says whether s is an address to connect to. One with an Input in it is not looked at closely.
func isURL(s string) bool {
	if strings.Contains(s, "${") {
		return strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// absolute is a command as the daemon finds it, which has another working folder: a path from here, any
// other word as it is.
func absolute(command string) string {
	if !strings.ContainsRune(command, filepath.Separator) || strings.HasPrefix(command, "${") {
		return command
	}
	if abs, err := filepath.Abs(command); err == nil {
		return abs
	}
	return command
}
