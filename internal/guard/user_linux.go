package guard

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel's inet_diag (sock_diag(7)): one message asks for the socket with this pair of addresses, and the
// answer says who owns it. It works without rights, for sockets of every user.
const (
	diagRequestLen = 56 // struct inet_diag_req_v2
	diagMessageLen = 72 // struct inet_diag_msg
	// diagWait bounds the wait for the kernel, which answers before it returns from the request.
	diagWait = time.Second
)

// States of a TCP socket (the kernel's tcp_states.h).
const (
	tcpEstablished = 1
	tcpListening   = 10
)

// socket is what inet_diag says of one.
type socket struct {
	state      byte
	uid, inode uint32
}

// ownerOfSocket is who owns the socket at from that is connected to the one at to.
//
// A socket whose owner closed it lives on without an owner until everything is said, and the kernel then
// gives root as its owner; after a reset there is none at all. Both are seen here and are ownerGone. A socket
// that is not there although our end is connected is reached by other ways (address translation, another
// network namespace), and its owner is not known.
func ownerOfSocket(from, to netip.AddrPort) owner {
	s, err := diagnose(from, to)
	switch {
	case err == nil && s.inode != 0:
		return owner{kind: ownerKnown, uid: s.uid}
	case err == nil:
		return owner{kind: ownerGone}
	case !errors.Is(err, unix.ENOENT):
		return owner{}
	}
	if ours, err := diagnose(to, from); errors.Is(err, unix.ENOENT) || err == nil && ours.state != tcpEstablished {
		return owner{kind: ownerGone}
	}
	return owner{}
}

// diagnose asks for the socket at local that is connected to remote; unix.ENOENT means there is none.
func diagnose(local, remote netip.AddrPort) (socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return socket{}, err
	}
	defer func() { _ = unix.Close(fd) }() // nothing is left in it
	wait := unix.NsecToTimeval(diagWait.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return socket{}, err
	}
	request := diagRequest(local, remote)
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return socket{}, err
	}
	var buf [1024]byte
	n, sender, err := unix.Recvfrom(fd, buf[:], 0)
	if err != nil {
		return socket{}, err
	}
	if nl, ok := sender.(*unix.SockaddrNetlink); !ok || nl.Pid != 0 {
		return socket{}, errors.New("the answer is not the kernel's")
	}
	return diagAnswer(buf[:n], local, remote)
}

// diagRequest is a netlink message with a struct inet_diag_req_v2 that names one TCP socket.
func diagRequest(local, remote netip.AddrPort) []byte {
	family := byte(unix.AF_INET6)
	if local.Addr().Is4() {
		family = unix.AF_INET
	}
	m := make([]byte, unix.SizeofNlMsghdr+diagRequestLen)
	binary.NativeEndian.PutUint32(m[0:], uint32(len(m)))
	binary.NativeEndian.PutUint16(m[4:], unix.SOCK_DIAG_BY_FAMILY)
	binary.NativeEndian.PutUint16(m[6:], unix.NLM_F_REQUEST)
	r := m[unix.SizeofNlMsghdr:]
	r[0], r[1] = family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(r[4:], ^uint32(0)) // in every state
	binary.BigEndian.PutUint16(r[8:], local.Port())
	binary.BigEndian.PutUint16(r[10:], remote.Port())
	copy(r[12:28], local.Addr().AsSlice())
	copy(r[28:44], remote.Addr().AsSlice())
	binary.NativeEndian.PutUint64(r[48:], ^uint64(0)) // INET_DIAG_NOCOOKIE
	return m
}

// diagAnswer reads the kernel's answer about the socket at local that is connected to remote. A look-up that
// finds no connection may find a listener at the address, which is somebody else's: it counts as none.
func diagAnswer(m []byte, local, remote netip.AddrPort) (socket, error) {
	if len(m) < unix.SizeofNlMsghdr+4 {
		return socket{}, errors.New("the answer is cut short")
	}
	kind, body := binary.NativeEndian.Uint16(m[4:]), m[unix.SizeofNlMsghdr:]
	if kind == unix.NLMSG_ERROR {
		return socket{}, unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
	}
	if kind != unix.SOCK_DIAG_BY_FAMILY || len(body) < diagMessageLen {
		return socket{}, errors.New("the answer is of another kind")
	}
	from := netip.AddrPortFrom(diagAddr(body[0], body[8:24]), binary.BigEndian.Uint16(body[4:]))
	to := netip.AddrPortFrom(diagAddr(body[0], body[24:40]), binary.BigEndian.Uint16(body[6:]))
	if body[1] == tcpListening || from != local || to != remote {
		return socket{}, unix.ENOENT
	}
	return socket{
		state: body[1],
		uid:   binary.NativeEndian.Uint32(body[64:]),
		inode: binary.NativeEndian.Uint32(body[68:]),
	}, nil
}

// diagAddr reads an address of inet_diag. A socket of IPv6 that speaks IPv4 is found by its IPv4 addresses, and
// shown with mapped ones.
func diagAddr(family byte, b []byte) netip.Addr {
	if family == unix.AF_INET {
		return netip.AddrFrom4([4]byte(b))
	}
	return netip.AddrFrom16([16]byte(b)).Unmap()
}
