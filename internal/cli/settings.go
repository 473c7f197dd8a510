package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// settingsCommand is everything about settings.
func (a *app) settingsCommand() *cobra.Command {
	return group("settings", "settings of the daemon",
		a.ask("list", "list the settings with their values", takes(), func(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
			settings, err := c.Settings(cmd.Context())
			return a.reply(settings, err, func(w io.Writer) {
				var rows [][]string
				for _, s := range settings {
					rows = append(rows, []string{s.Name, s.Value, s.Default, s.Doc})
				}
				table(w, "no settings", "KEY VALUE DEFAULT MEANING", rows)
			})
		}),
		a.ask("get KEY", "show one setting", takes("KEY"), func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			setting, err := c.Setting(cmd.Context(), args[0])
			return a.reply(setting, err, says("%s", setting.Value))
		}),
		a.ask("set KEY VALUE", "change one setting", takes("KEY", "VALUE"), func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			setting, err := c.SetSetting(cmd.Context(), args[0], args[1])
			return a.reply(setting, err, func(w io.Writer) {
				fmt.Fprintf(w, "%s is %s\n", args[0], args[1])
				if setting.Overridden != "" {
					fmt.Fprintf(w, "it does not count as long as McpMux is started with %s\n", setting.Overridden)
				} else if setting.Restart {
					fmt.Fprintln(w, "it counts from the next start of McpMux on")
				}
			})
		}),
	)
}
