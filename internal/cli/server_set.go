package cli

import (
	"encoding/json"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// tuning are the flags of a Server that can be changed once it is there.
type tuning struct {
	prefix, isolation, era   string
	idleTimeout, callTimeout time.Duration
	maxProcesses             int
	roots                    []string
}

func (t *tuning) addFlags(f *pflag.FlagSet) {
	f.StringVar(&t.prefix, "prefix", "", "what the names of its tools begin with (default: the alias; empty: nothing)")
	f.DurationVar(&t.idleTimeout, "idle-timeout", 0, "close its connection after this long without use, like 10m; 0: never (default: the setting pool.idle_timeout)")
	f.DurationVar(&t.callTimeout, "call-timeout", 0, "end a call to it after this long without a sign of progress, like 2m; 0: never (default: the setting pool.call_timeout)")
	f.StringVar(&t.isolation, "isolation", "", "who shares a connection to it: shared (everybody), auto (everybody, until it asks a client for something), session (nobody) or none (a fresh one for each call) (default: auto)")
	f.StringVar(&t.era, "era", "", "which MCP revisions it speaks: legacy (up to 2025-11-25), modern (from 2026-07-28) or auto, which asks it (default: auto)")
	f.IntVar(&t.maxProcesses, "max-processes", 0, "how many connections calls may hold alone, for each set of client capabilities (default: 4)")
	f.StringArrayVar(&t.roots, "root", nil, "folder or file:// URI that it hears when it asks for roots and no client can be asked (repeatable)")
}

// settable are the names of the flags above, in the order of the admin API's document.
var settable = []string{"prefix", "idle-timeout", "call-timeout", "isolation", "era", "max-processes", "root"}

func (t *tuning) checkTuning(cmd *cobra.Command) error {
	switch {
	case t.idleTimeout < 0:
		return misused(cmd, "--idle-timeout is negative")
	case t.callTimeout < 0:
		return misused(cmd, "--call-timeout is negative")
	case t.maxProcesses < 0:
		return misused(cmd, "--max-processes is negative")
	case slices.Contains(t.roots, ""):
		return misused(cmd, "--root is empty")
	}
	if cmd.Flags().Changed("isolation") {
		if err := oneOf(cmd, "--isolation", t.isolation, "shared", "auto", "session", "none"); err != nil {
			return err
		}
	}
	if cmd.Flags().Changed("era") {
		return oneOf(cmd, "--era", t.era, "auto", "legacy", "modern")
	}
	return nil
}

// rootURIs are roots as a Server hears them: a path of this machine becomes a file:// URI (RFC 8089 §2).
func rootURIs(roots []string) []string {
	var uris []string
	for _, root := range roots {
		if !strings.Contains(root, "://") {
			root = fileURI(root)
		}
		uris = append(uris, root)
	}
	return uris
}

func fileURI(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/… on Windows
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// serverSetCommand is `mcpmux server set`.
func (a *app) serverSetCommand() *cobra.Command {
	var (
		t        tuning
		login    loginFlags
		space    string
		defaults []string
		v        values
	)
	cmd := a.ask("set ALIAS [--isolation M] [--era E] [--max-processes N] [--root PATH]… [--idle-timeout D] [--call-timeout D] [--prefix P] [--default FLAG]… [--input K=V]… [--secret K=V]… [--env K=V]… [--header 'K: V']… [--unset KIND:NAME]… [--definition FILE] [LOGIN FLAGS] [--space S]",
		"change what a server is, what it is given, and how it is connected and named; what is not given stays", takes("ALIAS"),
		func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			patch, given, err := t.patch(cmd, defaults)
			if err != nil {
				return err
			}
			err = login.patch(cmd, a, &patch, func() (api.Server, error) { return c.Server(cmd.Context(), space, args[0]) })
			if err != nil {
				return err
			}
			if err := v.patch(cmd, a, &patch); err != nil {
				return err
			}
			if !given && patch.Login == nil && len(patch.Put) == 0 && len(patch.Drop) == 0 && patch.Definition == nil {
				return misused(cmd, "nothing to change: give one of --%s, --default, --input, --secret, --env, --header, --unset, --definition, --%s", strings.Join(settable, ", --"), strings.Join(loginNames, ", --"))
			}
			server, err := c.PatchServer(cmd.Context(), space, args[0], patch)
			return a.reply(server, err, says("changed %s; `mcpmux server show %s` shows it", args[0], args[0]))
		})
	t.addFlags(cmd.Flags())
	login.addFlags(cmd.Flags())
	v.addFlags(cmd.Flags())
	cmd.Flags().StringArrayVar(&defaults, "default", nil, "put the default of this flag back: "+strings.Join(settable, ", ")+" (repeatable)")
	return spaceFlag(cmd, &space)
}

// patch is what the flags change, and whether any was given.
func (t *tuning) patch(cmd *cobra.Command, defaults []string) (p api.ServerPatch, given bool, err error) {
	if err := t.checkTuning(cmd); err != nil {
		return p, false, err
	}
	members := map[string]struct {
		to    *json.RawMessage
		value any
	}{
		"prefix":        {&p.Prefix, t.prefix},
		"idle-timeout":  {&p.IdleTimeout, mcpmux.Duration(t.idleTimeout)},
		"call-timeout":  {&p.CallTimeout, mcpmux.Duration(t.callTimeout)},
		"isolation":     {&p.Isolation, t.isolation},
		"era":           {&p.Era, t.era},
		"max-processes": {&p.MaxProcesses, t.maxProcesses},
		"root":          {&p.Roots, rootURIs(t.roots)},
	}
	for _, name := range settable {
		if !cmd.Flags().Changed(name) {
			continue
		}
		given = true
		if *members[name].to, err = json.Marshal(members[name].value); err != nil {
			return p, given, err
		}
	}
	for _, name := range defaults {
		name = strings.TrimPrefix(name, "--")
		if err := oneOf(cmd, "--default", name, settable...); err != nil {
			return p, given, err
		}
		if cmd.Flags().Changed(name) {
			return p, given, misused(cmd, "--%s is given and put back", name)
		}
		given = true
		*members[name].to = json.RawMessage("null")
	}
	return p, given, nil
}

// values are the flags that change what a Server is and what it is given.
type values struct {
	list   []valueArg
	unset  []string
	recipe string
}

func (v *values) addFlags(f *pflag.FlagSet) {
	addValueFlags(f, &v.list)
	f.StringArrayVar(&v.unset, "unset", nil, "forget a value: input:NAME, env:NAME or header:NAME (repeatable)")
	addDefinitionFlag(f, &v.recipe)
}

func (v *values) patch(cmd *cobra.Command, a *app, p *api.ServerPatch) error {
	for _, text := range v.unset {
		kind, name, found := strings.Cut(text, ":")
		if !found || name == "" {
			return misused(cmd, "--unset %q is not KIND:NAME, like input:TOKEN", text)
		}
		if err := oneOf(cmd, "--unset", kind, "input", "env", "header"); err != nil {
			return err
		}
		p.Drop = append(p.Drop, api.ValueRef{Kind: mcpmux.ValueKind(kind), Name: name})
	}
	if v.recipe != "" {
		def, err := a.in.definition(v.recipe)
		if err != nil {
			return err
		}
		p.Definition = &def
	}
	put, err := a.resolveValues(cmd, v.list)
	p.Put = append(p.Put, put...)
	return err
}
