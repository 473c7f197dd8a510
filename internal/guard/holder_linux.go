package guard

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tcpListen is the state of a listening socket in /proc/net/tcp.
const tcpListen = "0A"

// holderOf finds the process that listens on port and keeps others from addr, which is not valid where every address
// is meant; pid 0 means that /proc does not tell, which is so for another user's process.
func holderOf(addr netip.Addr, port int) (pid int, command string) {
	socks := make(map[string]bool)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if text, err := os.ReadFile(table); err == nil {
			addListening(socks, string(text), addr, port)
		}
	}
	if len(socks) == 0 {
		return 0, ""
	}
	// A pattern without a mistake in it never fails; what cannot be read is not listed.
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		if link, err := os.Readlink(fd); err == nil && socks[link] {
			pid, _ = strconv.Atoi(strings.Split(fd, "/")[2]) // The pattern lets only digits through.
			return pid, commandOf(pid)
		}
	}
	return 0, ""
}

// addListening adds to socks the sockets of table (the format of proc_pid_net(5), net/tcp) that listen on
// port and keep others from addr, named as the links in /proc/PID/fd name them.
func addListening(socks map[string]bool, table string, addr netip.Addr, port int) {
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) <= 9 || f[3] != tcpListen {
			continue
		}
		if at, ok := tableAddr(f[1]); ok && int(at.Port()) == port && (!addr.IsValid() || excludes(at.Addr(), addr)) {
			socks["socket:["+f[9]+"]"] = true
		}
	}
}

// excludes says whether a socket that listens at one address keeps others from another at the same port: the same
// one, or where either is every address of the family, of both where it is that of IPv6.
func excludes(at, addr netip.Addr) bool {
	if at.Is4() != addr.Is4() {
		return at.Is6() && at.IsUnspecified()
	}
	return at == addr || at.IsUnspecified() || addr.IsUnspecified()
}

// tableAddr reads an address of the table: words of four bytes as the machine has them, in hexadecimal.
func tableAddr(text string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	p, errPort := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || errPort != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr, uint16(p)), ok
}

// commandOf is the name of a process. Its arguments are left out: they may hold secrets.
func commandOf(pid int) string {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(name))
}
