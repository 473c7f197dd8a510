// Command mcpmux is the daemon, the command line and the dashboard of McpMux.
package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"github.com/mcpmux/mcpmux/internal/cli"
	"github.com/mcpmux/mcpmux/internal/daemon"
	"github.com/mcpmux/mcpmux/internal/demo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], cli.IO{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv,
		OpenBrowser: openBrowser, Serve: serve, DemoServer: demo.Run,
	})
	stop()
	os.Exit(code)
}

// serve runs the daemon as the command line wants it.
func serve(ctx context.Context, o cli.ServeOptions) error {
	return daemon.Run(ctx, daemon.Options{
		DataDir: o.DataDir, GatewayAddr: o.GatewayAddr, DashboardAddr: o.DashboardAddr, LogLevel: o.LogLevel,
		RequireKeychain: o.RequireKeychain, Demo: o.Demo,
		AllowRemote: o.AllowRemote, TLSCert: o.TLSCert, TLSKey: o.TLSKey, PublicURL: o.PublicURL, PublicDashboardURL: o.PublicDashboardURL,
		OpenDashboard: o.OpenDashboard, OpenBrowser: openBrowser, Out: o.Out, Log: os.Stderr, Version: buildVersion(),
	})
}

// version is set by the linker in builds that `make build` makes.
var version string

// buildVersion is that of the build: the linker's, else the module's.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

// openBrowser shows an address of ours in the user's browser. A ticket may be in it: other users see the arguments of
// programs on macOS and on Linux, so on macOS it is none of them; on Linux the dashboard refuses other users anyway.
func openBrowser(url string) error {
	name, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		script := exec.Command("osascript", "-") //nolint:noctx // it ends at once
		script.Stdin = strings.NewReader("open location " + strconv.Quote(url) + "\n")
		return script.Run()
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	}
	if runtime.GOOS == "linux" && os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return errors.New("there is no display to open a browser on")
	}
	return exec.Command(name, args...).Start() //nolint:noctx // the browser outlives us
}
