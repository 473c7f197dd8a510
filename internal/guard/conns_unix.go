//go:build unix

package guard

import (
	"net"

	"golang.org/x/sys/unix"
)

// readable says whether something can be read from c without waiting.
func readable(c *net.TCPConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	there := false
	if err := raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		there = err == nil && n > 0
	}); err != nil {
		return false
	}
	return there
}
