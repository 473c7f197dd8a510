package daemon

import "golang.org/x/sys/unix"

// undumpable closes /proc/PID/mem and ptrace to other processes of the user (prctl(2), PR_SET_DUMPABLE). Children
// are what their own program makes them.
func undumpable() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
