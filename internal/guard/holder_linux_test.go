package guard

import (
	"maps"
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
	addListening(got, table, 0xB2FA)
	if want := map[string]bool{"socket:[111]": true}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
