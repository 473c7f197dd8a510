package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// serveCommand is `mcpmux serve`: the daemon in the foreground.
func (a *app) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve [--demo] [--require-keychain] [--gateway-addr A] [--dashboard-addr A] [--no-browser] [--log-level L] [--allow-remote [--tls-cert F --tls-key F] [--public-url U] [--public-dashboard-url U]]",
		Short: "run the daemon in the foreground: gateway, dashboard and admin API",
		Args:  takes(),

		DisableFlagsInUseLine: true,
	}
	a.addServeFlags(cmd, false)
	return cmd
}

// addServeFlags gives cmd the flags of a daemon, and its run.
func (a *app) addServeFlags(cmd *cobra.Command, openDashboard bool) {
	o := ServeOptions{OpenDashboard: openDashboard}
	f := cmd.Flags()
	f.StringVar(&o.GatewayAddr, "gateway-addr", "", "address of the MCP endpoint (MCPMUX_GATEWAY_ADDR); port 0 picks a free one")
	f.StringVar(&o.DashboardAddr, "dashboard-addr", "", "address of dashboard and admin API (MCPMUX_DASHBOARD_ADDR)")
	f.StringVar(&o.LogLevel, "log-level", "", "debug, info, warn or error (MCPMUX_LOG_LEVEL)")
	f.BoolVar(&o.NoBrowser, "no-browser", false, "never open a browser (MCPMUX_NO_BROWSER=1)")
	f.BoolVar(&o.RequireKeychain, "require-keychain", false, "refuse to start without the OS keychain")
	f.BoolVar(&o.AllowRemote, "allow-remote", false, "let other machines reach the addresses (MCPMUX_ALLOW_REMOTE=1); needs TLS, or the public URL of a proxy that speaks it")
	f.StringVar(&o.TLSCert, "tls-cert", "", "certificate in PEM for addresses that other machines reach (MCPMUX_TLS_CERT)")
	f.StringVar(&o.TLSKey, "tls-key", "", "its key in PEM (MCPMUX_TLS_KEY)")
	f.StringVar(&o.PublicURL, "public-url", "", "https://HOST[:PORT] by which other machines reach the gateway (MCPMUX_PUBLIC_URL)")
	f.StringVar(&o.PublicDashboardURL, "public-dashboard-url", "", "the same for the dashboard, with the same host (MCPMUX_PUBLIC_DASHBOARD_URL)")
	f.BoolVar(&o.Demo, "demo", false, "add a built-in demo server, to try things out")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args)
		}
		return a.serve(cmd, o)
	}
}

// serve runs the daemon. Plain `mcpmux` beside a daemon that runs already shows that one's dashboard.
func (a *app) serve(cmd *cobra.Command, o ServeOptions) error {
	if err := a.completeServe(cmd, &o); err != nil {
		return err
	}
	if o.OpenDashboard && !flagsSet(cmd, "demo", "require-keychain", "gateway-addr", "dashboard-addr", "log-level", "allow-remote", "tls-cert", "tls-key", "public-url", "public-dashboard-url") {
		if shown, err := a.showRunning(cmd, o.DataDir); shown || err != nil {
			return err
		}
	}
	if a.Serve == nil {
		return errors.New("this program has no daemon in it")
	}
	return a.Serve(cmd.Context(), o)
}

// showRunning opens the dashboard of the daemon that runs already, if one does.
func (a *app) showRunning(cmd *cobra.Command, dataDir string) (bool, error) {
	c := adminclient.New(adminclient.SocketPath(dataDir))
	defer c.Close()
	err := a.openDashboard(cmd, c, true)
	if down := new(adminclient.NotRunningError); errors.As(err, &down) {
		return false, nil
	}
	if err == nil {
		fmt.Fprintln(a.Err, "McpMux is running already")
	}
	return true, err
}

// completeServe fills in from the environment what the flags do not say.
func (a *app) completeServe(cmd *cobra.Command, o *ServeOptions) (err error) {
	o.Out = a.Out
	for _, v := range []struct {
		to  *string
		env string
	}{
		{&o.GatewayAddr, "MCPMUX_GATEWAY_ADDR"},
		{&o.DashboardAddr, "MCPMUX_DASHBOARD_ADDR"},
		{&o.LogLevel, "MCPMUX_LOG_LEVEL"},
		{&o.TLSCert, "MCPMUX_TLS_CERT"},
		{&o.TLSKey, "MCPMUX_TLS_KEY"},
		{&o.PublicURL, "MCPMUX_PUBLIC_URL"},
		{&o.PublicDashboardURL, "MCPMUX_PUBLIC_DASHBOARD_URL"},
	} {
		if *v.to == "" {
			*v.to = a.Getenv(v.env)
		}
	}
	if o.LogLevel = strings.ToLower(o.LogLevel); o.LogLevel != "" {
		if err := oneOf(cmd, "the log level", o.LogLevel, "debug", "info", "warn", "error"); err != nil {
			return err
		}
	}
	if !cmd.Flags().Changed("no-browser") {
		if o.NoBrowser, err = a.noBrowser(cmd); err != nil {
			return err
		}
	}
	if !cmd.Flags().Changed("allow-remote") {
		if o.AllowRemote, err = a.envBool(cmd, "MCPMUX_ALLOW_REMOTE"); err != nil {
			return err
		}
	}
	o.OpenDashboard = o.OpenDashboard && !o.NoBrowser
	o.DataDir, err = DataDir(a.dataDir, a.Getenv)
	return err
}

// noBrowser is $MCPMUX_NO_BROWSER.
func (a *app) noBrowser(cmd *cobra.Command) (bool, error) { return a.envBool(cmd, "MCPMUX_NO_BROWSER") }

// envBool is a variable that is 1 or 0; absent, it is 0.
func (a *app) envBool(cmd *cobra.Command, name string) (bool, error) {
	value := a.Getenv(name)
	if value == "" {
		return false, nil
	}
	yes, err := strconv.ParseBool(value)
	if err != nil {
		return false, misused(cmd, "%s is %q, but must be 1 or 0", name, value)
	}
	return yes, nil
}

// demoServerCommand is the MCP server that `serve --demo` adds. People do not call it.
func (a *app) demoServerCommand() *cobra.Command {
	cmd := command("demo-server", "be the demo MCP server, on standard input and output", takes(), func(cmd *cobra.Command, _ []string) error {
		if a.DemoServer == nil {
			return errors.New("this program has no demo server in it")
		}
		return a.DemoServer(cmd.Context(), a.In, a.Out)
	})
	cmd.Hidden = true
	return cmd
}

// flagsSet says whether any of the flags was given.
func flagsSet(cmd *cobra.Command, names ...string) bool {
	return slices.ContainsFunc(names, cmd.Flags().Changed)
}
