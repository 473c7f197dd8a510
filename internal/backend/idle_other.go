//go:build !unix

package backend

import "net"

// canCheckIdle says that nobody can look at an idle connection without waiting: http.Transport, which reads
// on all of them, serves every endpoint.
const canCheckIdle = false

type idleProbe struct{}

func (*idleProbe) init(net.Conn) {}

func (*idleProbe) quiet() bool { return false }
