package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// newRoot builds the tree of commands. Plain `mcpmux` is `mcpmux serve` that also opens the dashboard.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "mcpmux [COMMAND]",
		Short: "run the daemon in the foreground, and open the dashboard",
		Long: "McpMux is a local gateway for the Model Context Protocol: AI applications connect to one address,\n" +
			"and it manages the servers behind it. Without a command it runs the daemon in the foreground and\n" +
			"opens the dashboard.",
		Args:          cobra.ArbitraryArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	a.addServeFlags(root, true)
	root.PersistentFlags().StringVar(&a.dataDir, "data-dir", "", "data folder (MCPMUX_DATA_DIR; default: the platform's own)")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print the admin API's resource as JSON")
	root.AddCommand(
		a.serveCommand(), a.demoServerCommand(),
		a.statusCommand(), a.doctorCommand(), a.versionCommand(),
		a.gatewayCommand(), a.dashboardCommand(), a.loginCommand(),
		a.serverCommand(), a.spaceCommand(), a.featureSetCommand(), a.clientCommand(), a.elicitationCommand(), a.secretsCommand(),
		a.connectCommand(), a.importCommand(),
		a.callCommand(), a.toolsCommand(),
		a.settingsCommand(), a.serviceCommand(), a.auditCommand(),
		a.exportCommand(), a.restoreCommand(),
	)
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetUsageTemplate(usageTemplate)
	root.SetFlagErrorFunc(misusedFlag)
	root.SetHelpCommand(helpCommand(root))
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}

// usageTemplate is cobra's without its second usage line: a group's first one names its commands already.
const usageTemplate = `Usage:
  {{.UseLine}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every command:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

` + "`{{.CommandPath}} COMMAND --help`" + ` tells more about a command.{{end}}
`

// helpCommand is `mcpmux help COMMAND`; unlike cobra's own, it calls an unknown command an error.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:    "help [COMMAND]…",
		Short:  "explain a command",
		Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || (len(rest) > 0 && cmd.HasSubCommands()) {
				return unknownCommand(cmd, rest)
			}
			return cmd.Help()
		},
	}
}

// command makes a command that takes the named arguments.
func command(use, short string, args cobra.PositionalArgs, run func(cmd *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: args, RunE: run, DisableFlagsInUseLine: true}
}

// ask makes a command that needs the daemon.
func (a *app) ask(use, short string, args cobra.PositionalArgs, run func(cmd *cobra.Command, c *adminclient.Client, args []string) error) *cobra.Command {
	return command(use, short, args, func(cmd *cobra.Command, args []string) error {
		dir, err := DataDir(a.dataDir, a.Getenv)
		if err != nil {
			return err
		}
		c := adminclient.New(adminclient.SocketPath(dir))
		defer c.Close()
		return run(cmd, c, args)
	})
}

// says is the human form of an answer that needs one line.
func says(format string, args ...any) func(io.Writer) {
	return func(w io.Writer) { fmt.Fprintln(w, printable(fmt.Sprintf(format, args...))) }
}
