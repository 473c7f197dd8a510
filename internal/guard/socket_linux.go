package guard

import "golang.org/x/sys/unix"

// unixPeer asks for who called connect(2): SO_PEERCRED, unix(7).
func unixPeer(fd uintptr) owner {
	cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return owner{}
	}
	return owner{kind: ownerKnown, uid: cred.Uid}
}
