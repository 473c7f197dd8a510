package cli

import (
	"path/filepath"
	"testing"
)

func env(pairs map[string]string) func(string) string {
	return func(k string) string { return pairs[k] }
}

func TestDataDir_FlagThenEnvironmentThenPlatform(t *testing.T) {
	for _, test := range []struct {
		name, flag string
		env        map[string]string
		want       string
	}{
		{"flag wins", "/flag", map[string]string{"MCPMUX_DATA_DIR": "/env", "HOME": "/home/u"}, "/flag"},
		{"environment", "", map[string]string{"MCPMUX_DATA_DIR": "/env", "HOME": "/home/u"}, "/env"},
	} {
		t.Run(test.name, func(t *testing.T) {
			want, _ := filepath.Abs(test.want)
			if got, err := DataDir(test.flag, env(test.env)); err != nil || got != want {
				t.Errorf("DataDir = %q, %v; want %q", got, err, want)
			}
		})
	}
}

func TestPlatformDataDir_IsThePlatformsOwn(t *testing.T) {
	home := map[string]string{"HOME": "/home/u"}
	for _, test := range []struct {
		name, goos string
		env        map[string]string
		want       string // "" for an error
	}{
		{"linux", "linux", home, "/home/u/.local/share/mcpmux"},
		{"XDG", "linux", map[string]string{"HOME": "/home/u", "XDG_DATA_HOME": "/xdg"}, "/xdg/mcpmux"},
		{"relative XDG is ignored", "linux", map[string]string{"HOME": "/home/u", "XDG_DATA_HOME": "xdg"}, "/home/u/.local/share/mcpmux"},
		{"macOS", "darwin", home, "/home/u/Library/Application Support/mcpmux"},
		{"Windows", "windows", map[string]string{"LOCALAPPDATA": "/Local"}, "/Local/mcpmux"},
		{"no home", "linux", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := platformDataDir(test.goos, env(test.env))
			if filepath.ToSlash(got) != test.want || (err == nil) != (test.want != "") {
				t.Errorf("platformDataDir = %q, %v; want %q", got, err, test.want)
			}
		})
	}
}
