package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// loginRun is one `server login`.
type loginRun struct {
	device, again, noBrowser bool
	space                    string
}

// serverLoginCommand is `mcpmux server login`.
func (a *app) serverLoginCommand() *cobra.Command {
	var l loginRun
	cmd := a.ask("login ALIAS [--device] [--no-browser] [--again] [--space S]", "log in to a server that asks for it, in the browser; with --no-browser in one elsewhere, whose last address is pasted",
		takes("ALIAS"), func(cmd *cobra.Command, c *adminclient.Client, args []string) error {
			return a.serverLogin(cmd, c, l, args[0])
		})
	cmd.Flags().BoolVar(&l.device, "device", false, "log in by a code that is typed in on any device, where the server's login offers that")
	cmd.Flags().BoolVar(&l.noBrowser, "no-browser", false, "print the address instead of opening it, and ask for the one that the browser ends at (MCPMUX_NO_BROWSER=1)")
	cmd.Flags().BoolVar(&l.again, "again", false, "log in although several logins of late did not give the server what it asks for")
	return spaceFlag(cmd, &l.space)
}

// serverLogin begins a login, shows its person the way, and waits for its end. With --json it only begins it.
func (a *app) serverLogin(cmd *cobra.Command, c *adminclient.Client, l loginRun, alias string) error {
	silent, err := a.noBrowser(cmd)
	if err != nil {
		return err
	}
	silent = silent || l.noBrowser
	n := api.NewLogin{Again: l.again}
	switch {
	case l.device:
		n.Method = "device"
	case silent && !a.json:
		n.Method = "paste"
	}
	login, err := c.LoginServer(cmd.Context(), l.space, alias, n)
	switch {
	case err != nil:
		return err
	case a.json:
		return a.show(login, nil)
	case login.URL == "":
		return a.show(login, says("%s needs no login", alias))
	case login.UserCode != "":
		fmt.Fprintf(a.Err, "open %s\nand type in: %s\n", login.URL, login.UserCode)
	case n.Method == "paste":
		if err := a.pasteLogin(cmd, c, l.space, alias, login.URL); err != nil {
			return err
		}
	case a.OpenBrowser != nil && a.OpenBrowser(login.URL) == nil:
		fmt.Fprintf(a.Err, "your browser shows the login of %s; waiting for its end …\n", alias)
	default:
		fmt.Fprintf(a.Err, "open this address in a browser on this machine to log in to %s:\n%s\n", alias, login.URL)
	}
	return a.waitForLogin(cmd, c, l.space, alias)
}

// pasteLogin is for a machine without a browser: the browser elsewhere ends at an address of ours that it cannot
// reach, and its person copies that.
func (a *app) pasteLogin(cmd *cobra.Command, c *adminclient.Client, space, alias, address string) error {
	fmt.Fprintf(a.Err, "open this address in any browser to log in to %s:\n%s\n"+
		"At the end the browser shows a page, or says that it finds none; paste its address here: ", alias, address)
	line, err := a.in.next(cmd.Context())
	if err != nil {
		return err
	}
	line = strings.TrimSpace(line)
	if line == "" {
		return errors.New("no address was pasted; the login waits for ten minutes, after that begin it again")
	}
	_, err = c.EndLogin(cmd.Context(), space, alias, line)
	return err
}

// waitForLogin tells how the login ended.
func (a *app) waitForLogin(cmd *cobra.Command, c *adminclient.Client, space, alias string) error {
	for {
		p, err := c.LoginProgress(cmd.Context(), space, alias)
		if err != nil {
			return err
		}
		switch p.State {
		case "waiting":
			continue
		case "done":
			return a.show(p, says("logged in to %s", alias))
		}
		return errors.New(p.Reason)
	}
}
