package cli

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
)

// statusCommand is `mcpmux status`: three lines, then what needs attention.
func (a *app) statusCommand() *cobra.Command {
	return a.ask("status", "show what runs and what needs attention", takes(), func(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
		status, err := c.Status(cmd.Context())
		return a.reply(status, err, func(w io.Writer) { a.writeStatus(w, status) })
	})
}

func (a *app) writeStatus(w io.Writer, s api.Status) {
	colour := green
	if s.Gateway != api.GatewayRunning {
		colour = yellow
	}
	fmt.Fprintf(w, "gateway    %s  %s\n", a.paint(colour, oneLine(s.Gateway)), oneLine(s.GatewayURL))
	fmt.Fprintf(w, "dashboard  %s\n", oneLine(s.DashboardURL))
	fmt.Fprintf(w, "serving    %d of %s connected, %s, active Space %q\n",
		s.ConnectedServers, count(s.Servers, "server"), count(s.RegisteredClients, "client"), oneLine(s.ActiveSpace))
	if s.ReadyReason != "" && s.Gateway == api.GatewayRunning {
		fmt.Fprintf(w, "%s %s\n", a.paint(yellow, "not ready yet:"), oneLine(s.ReadyReason))
	}
	for _, warning := range s.Warnings {
		fmt.Fprintf(w, "%s %s\n", a.paint(yellow, "warning:"), oneLine(warning))
	}
	for _, q := range s.Questions {
		fmt.Fprintf(w, "%s shall %s move from %q to %q? `mcpmux client switch %s accept` or `decline`\n",
			a.paint(yellow, "question:"), oneLine(q.Client), oneLine(q.From), oneLine(q.To), oneLine(q.Client))
	}
}

// doctorCommand is `mcpmux doctor`; it fails when something is wrong.
func (a *app) doctorCommand() *cobra.Command {
	return a.ask("doctor", "look for what is wrong, and say what to do", takes(), func(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
		doctor, err := c.Doctor(cmd.Context())
		if err := a.reply(doctor, err, func(w io.Writer) { a.writeDoctor(w, doctor) }); err != nil {
			return err
		}
		if !doctor.OK {
			return errQuiet
		}
		return nil
	})
}

func (a *app) writeDoctor(w io.Writer, d api.Doctor) {
	for _, check := range d.Checks {
		mark := a.paint(green, "ok   ")
		if !check.OK {
			mark = a.paint(red, "wrong")
		}
		fmt.Fprintf(w, "%s  %s: %s\n", mark, oneLine(check.Name), oneLine(check.Message))
	}
}

// versionCommand is `mcpmux version`. It answers without a daemon too.
func (a *app) versionCommand() *cobra.Command {
	return a.ask("version", "show the version of the daemon, or of this program where none runs", takes(), func(cmd *cobra.Command, c *adminclient.Client, _ []string) error {
		v, err := c.Version(cmd.Context())
		if down := new(adminclient.NotRunningError); errors.As(err, &down) {
			v, err = ownVersion(), nil
		}
		return a.reply(v, err, says("mcpmux %s (%s)", v.Version, v.Go))
	})
}

// ownVersion is what the build says of this program.
func ownVersion() api.Version {
	v := api.Version{Version: "(devel)", Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	return v
}
