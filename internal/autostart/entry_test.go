package autostart

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

var update = flag.Bool("update", false, "write the golden files")

// odd has everything in it that the forms quote.
func odd() Entry {
	return Entry{
		Program: `/opt/my tools/100% "real"/mcp$mux`, Args: []string{"serve", "--data-dir", "/home/a b/`data`", `back\slash`},
		Env: []string{"MCPMUX_MASTER_KEY_FILE=/home/a b/<key>&"},
	}
}

func systems(t *testing.T) map[string]System {
	dir := t.TempDir()
	s := System{Home: dir, Config: filepath.Join(dir, "config"), AppData: filepath.Join(dir, "appdata"), Temp: filepath.Join(dir, "temp")}
	all := map[string]System{}
	for kind, change := range map[string]func(*System){
		KindSystemd: func(s *System) { s.OS, s.Booted = "linux", true },
		KindXDG:     func(s *System) { s.OS = "linux" },
		KindLaunchd: func(s *System) { s.OS = "darwin" },
		KindStartup: func(s *System) { s.OS = "windows" },
	} {
		one := s
		change(&one)
		all[kind] = one
	}
	return all
}

func TestEntry_IsWrittenAsEachSystemWantsIt(t *testing.T) {
	for kind, s := range systems(t) {
		f, err := s.file(odd())
		if err != nil || f.kind != kind {
			t.Fatalf("%s: %s, %v", kind, f.kind, err)
		}
		golden := filepath.Join("testdata", kind+".golden")
		if *update {
			if err := os.WriteFile(golden, []byte(f.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || string(want) != f.text {
			t.Errorf("%s: %v\n%s\nwant\n%s", kind, err, f.text, want)
		}
	}
	f, _ := systems(t)[KindLaunchd].file(odd())
	d := xml.NewDecoder(strings.NewReader(f.text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the agent is not XML: %v", err)
		}
	}
}

// systemd itself reads the unit, where it is there.
func TestEntry_UnitIsOneThatSystemdTakes(t *testing.T) {
	verify, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd here")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "mcpmux.service")
	e := odd()
	e.Program = self
	if err := os.WriteFile(path, []byte(unit(e)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(verify, "--user", "verify", path)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "mcpmux.service:") || err != nil && !strings.Contains(string(out), "initialize manager") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestEntry_IsInstalledOnceAndRemoved(t *testing.T) {
	for kind, s := range systems(t) {
		want := func(what string, installed, current bool, e Entry) {
			t.Helper()
			st, err := s.Status(e)
			if err != nil || st.Installed != installed || st.Current != current || st.Kind != kind || st.Path == "" {
				t.Errorf("%s, %s: %+v, %v", kind, what, st, err)
			}
		}
		e := odd()
		want("before", false, false, e)
		for range 2 {
			if err := s.Install(e); err != nil {
				t.Fatal(err)
			}
		}
		want("installed", true, true, e)
		other := odd()
		other.Program = "/elsewhere/mcpmux"
		want("seen by another program", true, false, other)
		for range 2 {
			if err := s.Remove(e); err != nil {
				t.Fatal(err)
			}
		}
		want("removed", false, false, e)
	}
}

func TestEntry_OfAProgramThatDoesNotStayIsRefused(t *testing.T) {
	s := systems(t)[KindXDG]
	e := Entry{Program: filepath.Join(s.Temp, "go-build123", "b001", "exe", "mcpmux")}
	if err := s.Install(e); mcpmux.CodeOf(err) != mcpmux.CodeConflict || !strings.Contains(err.Error(), "go run") {
		t.Errorf("installed: %v", err)
	}
	if st, err := s.Status(e); err != nil || st.Installed {
		t.Errorf("%+v, %v", st, err)
	}
	if _, err := s.Status(Entry{Program: "/a\nb"}); mcpmux.CodeOf(err) != mcpmux.CodeInvalid {
		t.Errorf("a line break: %v", err)
	}
	if err := (System{OS: "plan9"}).Install(Entry{Program: "/bin/mcpmux"}); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
		t.Errorf("an unknown system: %v", err)
	}
}
