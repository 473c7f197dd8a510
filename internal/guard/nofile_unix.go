//go:build unix

package guard

import "golang.org/x/sys/unix"

// openFiles is how many files this process may have open; the Go runtime has raised the limit as far as it may.
func openFiles() uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1024 // the least that systems give
	}
	return uint64(limit.Cur) //nolint:unconvert // signed on some systems
}
