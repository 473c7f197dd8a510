package autostart

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// The kinds of entries.
const (
	KindSystemd = "systemd" // systemd.unit(5), of the user's manager
	KindXDG     = "xdg"     // Desktop Application Autostart Specification
	KindLaunchd = "launchd" // launchd.plist(5), LaunchAgents
	KindStartup = "startup" // the Startup folder of Windows
)

// Entry is what is started at login.
type Entry struct {
	Program string   // absolute
	Args    []string // that it is started with
	Env     []string // NAME=VALUE that it needs
}

// System is the system and the folders of its user.
type System struct {
	OS      string // as runtime.GOOS
	Home    string
	Config  string // XDG_CONFIG_HOME, or Home/.config
	AppData string // %APPDATA%, on Windows
	Booted  bool   // by systemd
	Temp    string // where programs are that do not stay
}

// Status says how McpMux is started at login.
type Status struct {
	Installed bool
	Kind      string
	Path      string // of the file
	// Current says that the file starts just this program in just this way.
	Current bool
}

// file is an entry as it is written: a text, and for systemd the link that enables it.
type file struct {
	kind, path, text string
	link, target     string
}

// Status looks whether there is an entry.
func (s System) Status(e Entry) (Status, error) {
	f, err := s.file(e)
	if err != nil {
		return Status{}, err
	}
	text, err := os.ReadFile(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Status{Kind: f.kind, Path: f.path}, nil
	case err != nil:
		return Status{}, mcpmux.Errorf(mcpmux.CodeUnavailable, "what is started at login cannot be read: %v", err)
	}
	if f.link != "" {
		if _, err := os.Lstat(f.link); err != nil {
			return Status{Kind: f.kind, Path: f.path}, nil // written and not enabled: it is not started
		}
	}
	return Status{Installed: true, Kind: f.kind, Path: f.path, Current: string(text) == f.text}, nil
}

// Install writes the entry, over one that is there.
func (s System) Install(e Entry) error {
	if s.passing(e.Program) {
		return mcpmux.Errorf(mcpmux.CodeConflict, "McpMux runs as %s, which is gone once it ends, as after `go run`; build or install it first (`make build`), and start it as that", e.Program)
	}
	f, err := s.file(e)
	if err != nil {
		return err
	}
	if err := f.write(); err != nil {
		return mcpmux.Errorf(mcpmux.CodeUnavailable, "what is started at login cannot be written: %v", err)
	}
	return nil
}

// Remove removes the entry, if there is one.
func (s System) Remove(e Entry) error {
	f, err := s.file(e)
	if err != nil {
		return err
	}
	for _, path := range []string{f.link, f.path} {
		if path == "" {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return mcpmux.Errorf(mcpmux.CodeUnavailable, "what is started at login cannot be removed: %v", err)
		}
	}
	return nil
}

// passing says whether a program is one that the go command made for once.
func (s System) passing(program string) bool {
	temp, err := filepath.Rel(s.Temp, program)
	return err == nil && !strings.HasPrefix(temp, "..") && strings.Contains(filepath.ToSlash(temp), "go-build")
}

func (f file) write() error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	part := f.path + ".part"
	if err := os.WriteFile(part, []byte(f.text), 0o644); err != nil { //nolint:gosec // it holds no secret, and managers of sessions read it
		return err
	}
	if err := os.Rename(part, f.path); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if f.link == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(f.link), 0o700); err != nil {
		return err
	}
	if err := os.Symlink(f.target, f.link); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
