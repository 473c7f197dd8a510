package cli

import (
	"errors"
	"path/filepath"
	"runtime"
)

// DataDir is the data folder: the flag, else $MCPMUX_DATA_DIR, else the platform's own.
func DataDir(flag string, getenv func(string) string) (string, error) {
	for _, named := range []string{flag, getenv("MCPMUX_DATA_DIR")} {
		if named != "" {
			return filepath.Abs(named)
		}
	}
	return platformDataDir(runtime.GOOS, getenv)
}

// platformDataDir is where programs of the platform keep a user's data. A relative $XDG_DATA_HOME is
// ignored (XDG Base Directory Specification §Basics).
func platformDataDir(goos string, getenv func(string) string) (string, error) {
	base := ""
	switch goos {
	case "windows":
		base = getenv("LOCALAPPDATA")
	case "darwin":
		if home := getenv("HOME"); home != "" {
			base = filepath.Join(home, "Library", "Application Support")
		}
	default:
		if dir := getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
			base = dir
		} else if home := getenv("HOME"); home != "" {
			base = filepath.Join(home, ".local", "share")
		}
	}
	if base == "" {
		return "", errors.New("no home folder is known, so neither is the data folder; give --data-dir or set MCPMUX_DATA_DIR")
	}
	return filepath.Join(base, "mcpmux"), nil
}
