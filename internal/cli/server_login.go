package cli

import (
	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// serverLogin starts a login and shows its page in the browser.
func (a *app) serverLogin(cmd *cobra.Command, c *adminclient.Client, space, alias string) error {
	silent, err := a.noBrowser(cmd)
	if err != nil {
		return err
	}
	login, err := c.LoginServer(cmd.Context(), space, alias)
	if err != nil {
		return err
	}
	if login.URL == "" {
		return a.show(login, says("%s needs no login", alias))
	}
	if !silent && !a.json && a.OpenBrowser != nil && a.OpenBrowser(login.URL) == nil {
		return a.show(login, says("opened the login page of %s in your browser", alias))
	}
	return a.show(login, says("open this address to log in to %s:\n%s", alias, login.URL))
}
