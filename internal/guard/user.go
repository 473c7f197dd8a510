package guard

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/user"
	"strconv"
)

// owner is who has the other end of a connection, as far as the system tells.
type owner struct {
	kind ownerKind
	uid  uint32
}

type ownerKind uint8

const (
	ownerUnknown ownerKind = iota // the system does not tell
	ownerKnown                    // uid says who
	// ownerGone is a connection whose other end is closed already: nobody has it, and nobody hears the answer.
	// It counts as somebody else's, for who sends a request and closes at once is not to pass as nobody.
	ownerGone
)

// OtherUser says whether a request comes from another user of this machine, who is neither ours nor root, and
// who that is. Connections over loopback tell it, on Linux; what is not known is not other. It is looked up
// once for each connection.
func OtherUser(r *http.Request) (name string, other bool) {
	switch o := ownerOf(r); {
	case o.kind == ownerGone:
		return "nobody (the connection was closed at once)", true
	case o.kind == ownerKnown && o.uid != 0 && !ourUID(o.uid):
		return userName(o.uid), true
	}
	return "", false
}

func ownerOf(r *http.Request) owner {
	if c := connOf(r); c != nil {
		return c.peerOwner()
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return owner{}
	}
	return ownerOfAddrs(r.RemoteAddr, local.String())
}

// ownerOfAddrs looks up who owns the end at remote of the TCP connection from remote to local.
func ownerOfAddrs(remote, local string) owner {
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return owner{}
	}
	to, err := netip.ParseAddrPort(local)
	if err != nil {
		return owner{}
	}
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if !from.Addr().IsLoopback() || !to.Addr().IsLoopback() {
		return owner{}
	}
	return ownerOfSocket(from, to)
}

// userName is how to call a user in a log: by name where the machine has one for the number.
func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "uid " + id
}

// ourUID says whether a user is the one we run as. Where users have no numbers, both of ours are -1.
func ourUID(uid uint32) bool { return int(uid) == os.Geteuid() || int(uid) == os.Getuid() }
