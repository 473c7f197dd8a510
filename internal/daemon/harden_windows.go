package daemon

import (
	"log/slog"
	"runtime/debug"
)

// harden keeps other goroutines' variables out of a crash report.
func harden(*slog.Logger) { debug.SetTraceback("single") }
