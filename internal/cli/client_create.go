package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// clientCreateCommand is `mcpmux client create`.
func (a *app) clientCreateCommand() *cobra.Command {
	var create api.NewClient
	var mode, expires string
	cmd := a.ask("create NAME [--mode follow|locked|ask] [--space S] [--grant SET]… [--expires D]",
		"create a client and its first access key, which is printed once", takes("NAME"), func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			if err := checkMode(cmd, mode); err != nil {
				return err
			}
			create.Name, create.Mode = args[0], mcpmux.Mode(mode)
			var err error
			if create.ExpiresIn, err = lifetime(cmd, "expires", expires); err != nil {
				return err
			}
			made, err := c.CreateClient(cmd.Context(), create)
			if err != nil {
				return err
			}
			return a.show(made, func(w io.Writer) { a.writeNewClient(cmd, w, c, made) })
		})
	f := cmd.Flags()
	f.StringVar(&mode, "mode", "", "how its Space is chosen: follow the active one, locked to one, or ask before it moves (default follow)")
	f.StringVar(&create.Space, "space", "", "its Space (default: the active one)")
	f.StringArrayVar(&create.Grants, "grant", nil, "FeatureSet it may use (repeatable; default All)")
	f.StringVar(&expires, "expires", "", "how long its access key works, like 720h or 30d (default: until it is revoked)")
	return cmd
}

// writeNewClient shows the key, which is never shown again, and what to write into the application's own
// settings.
func (a *app) writeNewClient(cmd *cobra.Command, w io.Writer, c *adminclient.Client, made api.CreatedClient) {
	fmt.Fprintf(w, "created the client %q\n\naccess key (shown this once): %s\n", oneLine(made.Name), made.AccessKey)
	status, err := c.Status(cmd.Context())
	if err != nil {
		return // the client is made and its key shown; the snippet was an extra
	}
	fmt.Fprintf(w, "\nFor applications that keep their servers as mcpServers in JSON:\n\n%s\n", snippet(status.GatewayURL, made.AccessKey))
}

// snippet is the entry of McpMux in an AI application's own settings.
func snippet(gateway, key string) string {
	entry := struct {
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
	}{gateway, map[string]string{"Authorization": "Bearer " + key}}
	text, _ := json.MarshalIndent(map[string]any{"mcpServers": map[string]any{"mcpmux": entry}}, "", "  ") // texts always marshal
	return string(text)
}
