package connect

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Host is the machine and the user whose applications are looked at.
type Host struct {
	OS     string // as runtime.GOOS
	Home   string
	Getenv func(string) string
}

// ThisHost is the machine and the user that the program runs as.
func ThisHost() Host {
	home, _ := os.UserHomeDir() // without one nothing is found
	return Host{OS: runtime.GOOS, Home: home, Getenv: os.Getenv}
}

// places are where a file may be, for each system; the first that is there counts. A place begins with ~ for the home
// folder, or with $NAME for a folder that an environment variable names: where that is set, no later place counts.
type places struct{ linux, mac, windows []string }

// same are places that all systems have.
func same(paths ...string) places { return places{paths, paths, paths} }

// appData are places in the folder that each system has for the files of applications.
func appData(paths ...string) (p places) {
	for _, path := range paths {
		p.linux = append(p.linux, "~/.config/"+path)
		p.mac = append(p.mac, "~/Library/Application Support/"+path)
		p.windows = append(p.windows, "$APPDATA/"+path)
	}
	return p
}

// of are the places of a host as paths.
func (h Host) of(p places) (paths []string) {
	list := p.linux
	switch h.OS {
	case "darwin":
		list = p.mac
	case "windows":
		list = p.windows
	}
	for _, place := range list {
		if rest, ok := strings.CutPrefix(place, "~/"); ok {
			if h.Home != "" {
				paths = append(paths, filepath.Join(h.Home, filepath.FromSlash(rest)))
			}
			continue
		}
		name, rest, _ := strings.Cut(strings.TrimPrefix(place, "$"), "/")
		if folder := h.Getenv(name); filepath.IsAbs(folder) {
			return append(paths, filepath.Join(folder, filepath.FromSlash(rest)))
		}
	}
	return paths
}
