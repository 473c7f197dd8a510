package guard

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tcpListen is the state of a listening socket in /proc/net/tcp.
const tcpListen = "0A"

// holderOf finds the process that listens on port; pid 0 means that /proc does not tell, which is so for
// another user's process.
func holderOf(port int) (pid int, command string) {
	socks := make(map[string]bool)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if text, err := os.ReadFile(table); err == nil {
			addListening(socks, string(text), port)
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
// port, named as the links in /proc/PID/fd name them.
func addListening(socks map[string]bool, table string, port int) {
	suffix := fmt.Sprintf(":%04X", port)
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) > 9 && f[3] == tcpListen && strings.HasSuffix(f[1], suffix) {
			socks["socket:["+f[9]+"]"] = true
		}
	}
}

// commandOf is the name of a process. Its arguments are left out: they may hold secrets.
func commandOf(pid int) string {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(name))
}
