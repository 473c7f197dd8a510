package daemon

import (
	"os"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// TestMain makes the test binary a scripted server, or what changes the master key until it is killed.
func TestMain(m *testing.M) {
	switch {
	case mcptest.IsChild():
		os.Exit(mcptest.Main())
	case os.Getenv(rekeyVariable) != "":
		os.Exit(rekeyForEver(os.Getenv(rekeyVariable)))
	}
	os.Exit(m.Run())
}
