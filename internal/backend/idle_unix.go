//go:build unix

package backend

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// canCheckIdle says that an idle connection can be looked at without waiting.
const canCheckIdle = true

// idleProbe looks at a connection that should have nothing to read.
type idleProbe struct {
	raw     syscall.RawConn
	look    func(fd uintptr)
	fds     [1]unix.PollFd
	nothing bool
}

func (p *idleProbe) init(conn net.Conn) {
	if s, ok := conn.(syscall.Conn); ok {
		p.raw, _ = s.SyscallConn() // without it the connection is not used again
	}
	p.look = p.poll
}

// quiet says whether the connection is open and has nothing to read. Its end can be read too.
func (p *idleProbe) quiet() bool {
	p.nothing = false
	return p.raw != nil && p.raw.Control(p.look) == nil && p.nothing
}

func (p *idleProbe) poll(fd uintptr) {
	p.fds[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	n, err := unix.Poll(p.fds[:], 0)
	p.nothing = n == 0 && err == nil
}
