package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// program is the path of the built mcpmux.
var program string

func TestMain(m *testing.M) {
	if mcptest.IsChild() {
		os.Exit(mcptest.Main())
	}
	if tell := os.Getenv(openVar); tell != "" {
		os.Exit(asBrowser(tell, os.Args[1:]))
	}
	flag.Parse()
	// A daemon with its servers takes more than one core: more than two at once only make each other late.
	_ = flag.Set("test.parallel", strconv.Itoa(min(2, runtime.GOMAXPROCS(0)))) // It is a flag of every test binary.
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "mcpmux-e2e")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "mcpmux"+exeSuffix())
	if err := goBuild(program, mainPackage); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

const mainPackage = "github.com/mcpmux/mcpmux/cmd/mcpmux"

// goBuild builds a program; with the race detector when the tests have it.
func goBuild(out, pkg string) error {
	if raceEnabled {
		return goBuildWith(out, pkg, "-race")
	}
	return goBuildWith(out, pkg)
}

func goBuildWith(out, pkg string, flags ...string) error {
	args := append([]string{"build", "-o", out}, flags...)
	if text, err := exec.Command("go", append(args, pkg)...).CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, text)
	}
	return nil
}

func exeSuffix() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}
