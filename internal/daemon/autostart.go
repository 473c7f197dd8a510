package daemon

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/autostart"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// login is the start of this daemon when its user logs in, as the admin API asks for it.
type login struct{ opt *Options }

// entry is this program as it runs now: on this folder, and with what it was started with. Certificates and what goes
// with them are left to whoever opens McpMux to other machines.
func (l login) entry() (autostart.Entry, autostart.System, error) {
	program, err := os.Executable()
	if err != nil {
		return autostart.Entry{}, autostart.System{}, mcpmux.Errorf(mcpmux.CodeUnavailable, "this program does not know where it is: %v", err)
	}
	data, err := filepath.Abs(l.opt.DataDir)
	if err != nil {
		return autostart.Entry{}, autostart.System{}, err
	}
	if l.opt.Demo || l.opt.AllowRemote {
		return autostart.Entry{}, autostart.System{}, mcpmux.Errorf(mcpmux.CodeConflict, "a demo, and a McpMux that other machines reach, are not started at login from here; start it as you mean it, or write the entry yourself")
	}
	e := autostart.Entry{Program: program, Args: []string{"serve", "--no-browser", "--data-dir", data}}
	for _, flag := range [][2]string{{"--gateway-addr", l.opt.GatewayAddr}, {"--dashboard-addr", l.opt.DashboardAddr}, {"--log-level", l.opt.LogLevel}} {
		if flag[1] != "" {
			e.Args = append(e.Args, flag[0], flag[1])
		}
	}
	if l.opt.RequireKeychain {
		e.Args = append(e.Args, "--require-keychain")
	}
	const keyFile = "MCPMUX_MASTER_KEY_FILE" // a path, and no secret
	if path := os.Getenv(keyFile); path != "" {
		e.Env = append(e.Env, keyFile+"="+path)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return e, autostart.System{}, mcpmux.Errorf(mcpmux.CodeUnavailable, "the home folder is not known: %v", err)
	}
	_, err = os.Stat("/run/systemd/system") // sd_booted(3)
	s := autostart.System{OS: runtime.GOOS, Home: home, Config: os.Getenv("XDG_CONFIG_HOME"), AppData: os.Getenv("APPDATA"), Booted: err == nil, Temp: os.TempDir()}
	if !filepath.IsAbs(s.Config) { // XDG Base Directory Specification: a relative one is not one
		s.Config = filepath.Join(home, ".config")
	}
	return e, s, nil
}

func (l login) Status() (api.Service, error) {
	e, s, err := l.entry()
	if err != nil {
		return api.Service{}, err
	}
	st, err := s.Status(e)
	return api.Service{Installed: st.Installed, Kind: st.Kind, Path: st.Path, Current: st.Current, Command: append([]string{e.Program}, e.Args...)}, err
}

func (l login) Install() error {
	e, s, err := l.entry()
	if err != nil {
		return err
	}
	return s.Install(e)
}

func (l login) Remove() error {
	e, s, err := l.entry()
	if err != nil {
		return err
	}
	return s.Remove(e)
}
