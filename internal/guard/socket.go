package guard

import "net"

// OneUser is a listener of a unix socket that only we and root can talk to: who else gets that far, by whatever
// mistake in the modes of files, is hung up on and told to refused, which may be nil. Where the system does not say
// who it is, the modes of files alone decide.
func OneUser(l net.Listener, refused func(name string)) net.Listener {
	return &oneUser{Listener: l, refused: refused}
}

type oneUser struct {
	net.Listener
	refused func(name string)
}

// Accept waits for the next connection of ours.
func (l *oneUser) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		o := ownerOfUnix(nc)
		if o.kind != ownerKnown || o.uid == 0 || ourUID(o.uid) {
			return nc, nil
		}
		_ = nc.Close() // it hears nothing
		if l.refused != nil {
			l.refused(userName(o.uid))
		}
	}
}

// ownerOfUnix is who connected to a unix socket.
func ownerOfUnix(nc net.Conn) owner {
	c, ok := nc.(*net.UnixConn)
	if !ok {
		return owner{}
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return owner{}
	}
	var o owner
	if err := raw.Control(func(fd uintptr) { o = unixPeer(fd) }); err != nil {
		return owner{}
	}
	return o
}
