//go:build unix && !linux

package daemon

// undumpable has nothing to do: these systems let no unprivileged process read another's memory.
func undumpable() error { return nil }
