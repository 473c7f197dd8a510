//go:build darwin || freebsd

package guard

import "golang.org/x/sys/unix"

// solLocal is SOL_LOCAL, the level of the options of unix sockets (sys/un.h).
const solLocal = 0

// unixPeer asks for who called connect(2): LOCAL_PEERCRED, unix(4).
func unixPeer(fd uintptr) owner {
	cred, err := unix.GetsockoptXucred(int(fd), solLocal, unix.LOCAL_PEERCRED)
	if err != nil {
		return owner{}
	}
	return owner{kind: ownerKnown, uid: cred.Uid}
}
