package daemon

import (
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
)

// Options is what the command line and the environment say. Empty addresses and LogLevel leave the choice to
// the settings.
type Options struct {
	DataDir         string
	GatewayAddr     string
	DashboardAddr   string
	LogLevel        string
	RequireKeychain bool
	// AllowRemote and what follows are for addresses that other machines reach (bindings).
	AllowRemote                   bool
	TLSCert, TLSKey               string // files in PEM
	PublicURL, PublicDashboardURL string // origins by which others reach the gateway and the dashboard
	// Demo runs on a throw-away data folder with the built-in server and a ready client.
	Demo bool
	// OpenDashboard shows the dashboard in a browser, by OpenBrowser, once everything is up.
	OpenDashboard bool
	OpenBrowser   func(url string) error
	// Out is where people read, Log where the log goes.
	Out, Log io.Writer
	Version  string
}

// logger makes the daemon's log: text for a person at the terminal, without secrets.
func (o *Options) logger(level *slog.LevelVar, known *secret.Known) *slog.Logger {
	return slog.New(slog.NewTextHandler(&scrubbed{o.Log, known}, &slog.HandlerOptions{Level: level, ReplaceAttr: hideAttr}))
}

// scrubbed is a writer that known secrets do not get through. Each record of a log is one Write.
type scrubbed struct {
	to    io.Writer
	known *secret.Known
}

func (s *scrubbed) Write(p []byte) (int, error) {
	if _, err := io.WriteString(s.to, s.known.Text(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// secretAttrs are the names of attributes that nobody should log; should somebody do it, they are not shown.
//
//nolint:gochecknoglobals // constant table
var secretAttrs = []string{
	"authorization", "cookie", "set_cookie", "set-cookie", "code", "state", "verifier", "token", "access_token", "refresh_token",
	"secret", "client_secret", "password", "passphrase", "assertion", "key", "access_key", "ticket",
}

func hideAttr(_ []string, a slog.Attr) slog.Attr {
	if slices.Contains(secretAttrs, strings.ToLower(a.Key)) {
		return slog.String(a.Key, "[redacted]")
	}
	return a
}

// parseLevel reads a log level as the setting log.level has it.
func parseLevel(text string) (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(strings.ToUpper(text))); err != nil {
		return 0, mcpmux.Errorf(mcpmux.CodeInvalid, "log level %q is not one of debug, info, warn, error", text)
	}
	return l, nil
}

// prepareDataDir makes the data folder, for its owner alone, and refuses one that others can write to: who
// can write there can replace the database and the key.
func prepareDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return mcpmux.Errorf(mcpmux.CodeUnavailable, "the data folder cannot be made: %v; choose another with --data-dir", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the data folder %s is not a folder; choose another with --data-dir", dir)
	}
	if anothers(info) {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the data folder %s belongs to another user; run McpMux as that user, or choose another folder with --data-dir", dir)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 && os.PathSeparator == '/' {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the data folder %s can be written by others (mode %o); run `chmod 700 %s`", dir, mode, dir)
	}
	return nil
}
