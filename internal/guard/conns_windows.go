package guard

import "net"

// readable does not know: here nothing looks without taking.
func readable(*net.TCPConn) bool { return false }
