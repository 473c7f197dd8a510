package adminclient

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestSocketPath_IsInTheDataFolder(t *testing.T) {
	dir := filepath.Join(string(filepath.Separator)+"data", "mcpmux")
	if runtime.GOOS == "windows" {
		dir = `C:` + dir
	}
	if got, want := SocketPath(dir), filepath.Join(dir, "control.sock"); got != want {
		t.Errorf("SocketPath = %q, want %q", got, want)
	}
}

func TestSocketPath_RelativeFolderIsTheSameAsItsAbsoluteName(t *testing.T) {
	t.Chdir(t.TempDir())
	abs, err := filepath.Abs("data")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := SocketPath("data"), SocketPath(abs); got != want {
		t.Errorf("SocketPath = %q, want %q", got, want)
	}
}

func TestSocketPath_LongFolderGetsAShortNameOfItsOwn(t *testing.T) {
	run := filepath.Join(os.TempDir(), "run")
	long := filepath.Join(os.TempDir(), strings.Repeat("long", 30))
	for _, test := range []struct{ name, runtimeDir, prefix string }{
		{"runtime folder", run, filepath.Join(run, "mcpmux") + string(filepath.Separator)},
		{"no runtime folder", "", filepath.Join(os.TempDir(), "mcpmux-")},
		{"relative runtime folder", "run", filepath.Join(os.TempDir(), "mcpmux-")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("XDG_RUNTIME_DIR", test.runtimeDir)
			got := SocketPath(long)
			if !strings.HasPrefix(got, test.prefix) || len(got) > maxSocketPath {
				t.Errorf("SocketPath = %q (%d bytes), want a short path under %q", got, len(got), test.prefix)
			}
			if got != SocketPath(long) {
				t.Error("a second question got another answer")
			}
			if got == SocketPath(long+"er") {
				t.Error("two data folders got one socket")
			}
		})
	}
}

func TestPrepareSocket_ShortFolderIsForItsOwnerAlone(t *testing.T) {
	if !strictModes {
		t.Skip("permission bits say nothing here")
	}
	run := shortTempDir(t)
	t.Setenv("XDG_RUNTIME_DIR", run)
	long := filepath.Join(run, strings.Repeat("long", 30))
	path, err := PrepareSocket(long)
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(filepath.Dir(path))
	if err != nil || st.Mode().Perm() != 0o700 {
		t.Fatalf("folder is %v, %v; want mode 0700", st, err)
	}

	if err := os.Chmod(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := PrepareSocket(long); err == nil || !strings.Contains(err.Error(), "not trusted") {
		t.Errorf("a folder open to everybody: %v, want it refused", err)
	}
}

func TestPrepareSocket_LinkInPlaceOfTheShortFolderIsRefused(t *testing.T) {
	run, elsewhere := shortTempDir(t), t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", run)
	if err := os.Symlink(elsewhere, filepath.Join(run, "mcpmux")); err != nil {
		t.Skip(err)
	}
	if _, err := PrepareSocket(filepath.Join(run, strings.Repeat("long", 30))); err == nil {
		t.Error("a link was taken for the folder")
	}
}

// shortTempDir is a folder whose name leaves room for a socket's, which t.TempDir's does not.
func shortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mux") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
