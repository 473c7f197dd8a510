package guard

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"testing"
)

func TestAddListening_TakesListeningSocketsOfThePortOnly(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:B2FA 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 111 1 0000000000000000 100 0 0 10 0
   1: 0100007F:B2FA 0100007F:C000 01 00000000:00000000 00:00000000 00000000  1000        0 222 1 0000000000000000 100 0 0 10 0
   2: 0100007F:B2FB 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 333 1 0000000000000000 100 0 0 10 0
   3: broken
`
	got := make(map[string]bool)
	addListening(got, table, netip.Addr{}, 0xB2FA)
	if want := map[string]bool{"socket:[111]": true}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// We hold the one family when the other turns out to be taken: we are not the holder to name.
func TestAddListening_NamesWhoKeepsUsFromTheAddress(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:B2FA 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4 1 0000000000000000 100 0 0 10 0
   1: 00000000:B2FB 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 40 1 0000000000000000 100 0 0 10 0
   2: 00000000000000000000000001000000:B2FA 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 6 1 0000000000000000 100 0 0 10 0
   3: 00000000000000000000000000000000:B2FC 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 60 1 0000000000000000 100 0 0 10 0
`
	for _, tc := range []struct {
		addr, want string
		port       int
	}{
		{"127.0.0.1", "socket:[4]", 0xB2FA},
		{"::1", "socket:[6]", 0xB2FA},
		{"0.0.0.0", "socket:[4]", 0xB2FA},
		{"::", "socket:[6]", 0xB2FA},
		{"127.0.0.2", "", 0xB2FA},
		{"127.0.0.1", "socket:[40]", 0xB2FB},
		{"::1", "", 0xB2FB},
		{"127.0.0.1", "socket:[60]", 0xB2FC},
		{"::1", "socket:[60]", 0xB2FC},
	} {
		got, want := make(map[string]bool), make(map[string]bool)
		if addListening(got, table, netip.MustParseAddr(tc.addr), tc.port); tc.want != "" {
			want[tc.want] = true
		}
		if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 && !maps.Equal(got, want) { // the table is one of such a machine
			t.Errorf("%s at %d: %v, want %v", tc.addr, tc.port, got, want)
		}
	}
}
