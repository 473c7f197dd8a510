//go:build unix

package daemon

import (
	"log/slog"
	"runtime/debug"
	"syscall"

	"golang.org/x/sys/unix"
)

// harden keeps what is in this process's memory to it: no core file, no memory that other processes of the user may
// read or trace (Linux), no other goroutine's variables in a crash report; and what it writes to its user.
func harden(log *slog.Logger) {
	debug.SetTraceback("single")
	syscall.Umask(0o077)
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		log.Warn("a crash of this process could leave a core file", "err", err)
	}
	if err := undumpable(); err != nil {
		log.Warn("other processes of this user can read the memory of this one", "err", err)
	}
}
