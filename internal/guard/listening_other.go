//go:build !linux

package guard

// Listening names the program that listens at a port of this machine; this system does not tell.
func Listening(int) (name string, foreign bool) { return "", false }
