package guard

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// Listening names the program that listens at a port of this machine, "" where the system does not tell. foreign says
// that a program of another user, and not of root, does.
func Listening(port int) (name string, foreign bool) {
	suffix := fmt.Sprintf(":%04X", port)
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(table)) {
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != tcpListen || !strings.HasSuffix(f[1], suffix) {
				continue
			}
			uid, err := strconv.Atoi(f[7])
			foreign = foreign || err == nil && uid != 0 && uid != os.Geteuid()
		}
	}
	_, name = holderOf(netip.Addr{}, port)
	return name, foreign
}
