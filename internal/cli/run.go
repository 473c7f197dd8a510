package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mcpmux/mcpmux/internal/adminclient"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// The exit codes of every command. What the daemon refuses is exitFailed, whatever its reason: exitUsage
// means that the command line was not understood and nothing was asked.
const (
	exitDone       = 0
	exitFailed     = 1
	exitUsage      = 2
	exitNotRunning = 3
)

// IO is the world as a command sees it, and what it is allowed to start there.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string

	// OpenBrowser shows url to the user. Nil, or an error, makes the commands print the address instead.
	OpenBrowser func(url string) error

	// Serve runs the daemon until ctx is cancelled.
	Serve func(ctx context.Context, o ServeOptions) error

	// DemoServer is the MCP server of `serve --demo`, on standard input and output.
	DemoServer func(ctx context.Context, in io.Reader, out io.Writer) error
}

// ServeOptions is what the command line and the environment say about a daemon to be started. Empty
// addresses and LogLevel leave the choice to the settings.
type ServeOptions struct {
	DataDir         string
	GatewayAddr     string
	DashboardAddr   string
	LogLevel        string
	NoBrowser       bool
	RequireKeychain bool
	Demo            bool
	// AllowRemote lets other machines reach the addresses, by TLS or by the public origin of a proxy.
	AllowRemote                   bool
	TLSCert, TLSKey               string
	PublicURL, PublicDashboardURL string

	// OpenDashboard asks for the dashboard in a browser once it is up: plain `mcpmux`, without serve.
	OpenDashboard bool

	// Out is where the daemon tells the user its addresses.
	Out io.Writer
}

// Run executes one command line, without the program's name, and returns its exit code.
func Run(ctx context.Context, args []string, stdio IO) int {
	a := &app{IO: stdio, in: newLines(stdio.In)}
	root := newRoot(a) //nolint:contextcheck // cobra hands the context of ExecuteContext to each command
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return a.finish(err)
}

// app is one run of the program: its streams and the flags that every command has.
type app struct {
	IO
	in      *lines
	dataDir string
	json    bool
}

// errQuiet is a failure of which everything is said already: only its exit code is left.
var errQuiet = errors.New("failed")

// finish tells what went wrong, in one or two lines, and translates it to an exit code.
func (a *app) finish(err error) int {
	var usage *usageError
	var down *adminclient.NotRunningError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errQuiet):
		return exitFailed
	case errors.As(err, &usage):
		a.complain(mcpmux.CodeInvalid, usage.Error())
		if !a.json {
			fmt.Fprintf(a.Err, "usage: %s   (more: %s --help)\n", usage.line, usage.command)
		}
		return exitUsage
	case errors.As(err, &down):
		a.complain(mcpmux.CodeUnavailable, "McpMux is not running; start it with `mcpmux serve` (or plain `mcpmux`, which also opens the dashboard)")
		return exitNotRunning
	case errors.Is(err, context.Canceled):
		a.complain(mcpmux.CodeInternal, "interrupted")
		return exitFailed
	default:
		a.complain(mcpmux.CodeOf(err), err.Error())
		return exitFailed
	}
}

// complain writes one error: as the admin API would with --json, else as a line.
func (a *app) complain(code mcpmux.Code, message string) {
	if a.json {
		body, _ := json.Marshal(map[string]*mcpmux.Error{"error": {Code: code, Message: message}}) // two strings always marshal
		fmt.Fprintf(a.Err, "%s\n", body)
		return
	}
	fmt.Fprintf(a.Err, "mcpmux: %s\n", printable(message))
}
