package authclient

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
)

func TestZoneOf_AddressesReachAsFarAsTheirRange(t *testing.T) {
	for text, want := range map[string]zone{
		"127.0.0.1": loopback, "127.255.255.254": loopback, "::1": loopback,
		"::ffff:127.0.0.1": loopback, "64:ff9b::7f00:1": loopback, "2002:7f00:1::": loopback, "::127.0.0.1": loopback,

		"10.0.0.0": private, "10.255.255.255": private, "172.16.0.1": private, "172.31.255.255": private, "192.168.0.1": private,
		"100.64.0.1": private, "100.100.100.200": private, "100.127.255.255": private, // carriers', tailnets', a cloud's metadata
		"fc00::1": private, "fd7a:115c:a1e0::1": private, "fd00:ec2::254": private,
		"::ffff:10.0.0.1": private, "64:ff9b::a00:1": private, "64:ff9b:1::c0a8:1": private, "64:ff9b:1:ffff::10.1.2.3": private,
		"2002:a00:1::": private, "2002:a00:1:2:3:4:5:6": private, "::10.0.0.1": private,

		"169.254.169.254": never, "169.254.0.1": never, "fe80::1": never, "fe80::1%eth0": never, "::1%lo": never, "2606:4700::1%eth0": never,
		"::ffff:169.254.169.254": never, "64:ff9b::a9fe:a9fe": never, "64:ff9b:1::a9fe:a9fe": never, "2002:a9fe:a9fe::1": never, "::169.254.169.254": never,
		"0.0.0.0": never, "0.1.2.3": never, "::": never, "::ffff:0.0.0.0": never, "224.0.0.1": never, "239.255.255.255": never, "ff02::1": never, "ff0e::1": never,
		"240.0.0.1": never, "255.255.255.255": never, "192.0.0.1": never, "192.0.2.1": never, "198.51.100.1": never, "203.0.113.1": never,
		"2001:db8::1": never, "3fff::1": never, "fec0::1": never, "100::1": never, "2001::1": never, "2001:0:a00:1::1": never,
		"64:ff9b:1:a00:0:100::": never, "64:ff9b:1:0:a:0:808:808": never, "64:ff9b:2::8.8.8.8": never, // RFC 6052 §2.2 puts IPv4 elsewhere
		"::ffff:0:a00:1": never, "5f00::1": never, "4000::1": never,

		"8.8.8.8": public, "172.15.255.255": public, "172.32.0.1": public, "100.63.255.255": public, "100.128.0.1": public, "192.0.1.1": public,
		"2606:4700:4700::1111": public, "2a00:1450:4001::1": public, "::ffff:8.8.8.8": public, "64:ff9b::808:808": public,
		"64:ff9b:1::808:808": public, "64:ff9b:1:abcd::8.8.8.8": public, "2002:808:808::1": public,
		"198.18.0.21": public, "198.19.255.255": public, // where proxies put names
	} {
		if got := zoneOf(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is of zone %v, want %v", text, got, want)
		}
	}
	if got := zoneOf(netip.Addr{}); got != never {
		t.Errorf("no address is of zone %v", got)
	}
}

func TestZoneOfHost_LiteralsAndLocalNamesAreKnown(t *testing.T) {
	for host, want := range map[string]zone{
		"127.0.0.1": loopback, "::1": loopback, "localhost": loopback, "LocalHost": loopback, "localhost.": loopback, "mcp.localhost": loopback,
		"10.1.2.3": private, "::ffff:10.0.0.1": private, "fd00::1": private,
		"169.254.169.254": never, "0.0.0.0": never, "::": never,
		"198.18.0.1": never, "::ffff:198.18.0.1": never, "64:ff9b::c612:1": never, // nobody writes these
		"1.1.1.1": public, "2606:4700:4700::1111": public,
	} {
		got, known, ok := zoneOfHost(host)
		if got != want || !known || !ok {
			t.Errorf("%s: zone %v (known %v, ok %v), want %v", host, got, known, ok, want)
		}
	}
}

func TestZoneOfHost_NamesAreUnknown(t *testing.T) {
	for _, host := range []string{
		"example.com", "EXAMPLE.com", "example.com.", "nas", "nas.local", "my_nas.lan", "xn--bcher-kva.example", "1.example", "0x7f.example", "4chan.org",
		"localhost.example.com", "notlocalhost", "10.0.0.1.nip.io", "a1", "0xg", strings.Repeat("a", 63) + ".example",
	} {
		if _, known, ok := zoneOfHost(host); known || !ok {
			t.Errorf("%s: known %v, ok %v, want a name", host, known, ok)
		}
	}
}

func TestZoneOfHost_OddSpellingsAreNoHosts(t *testing.T) {
	for _, host := range []string{
		"2130706433", "0x7f000001", "0X7F000001", "0x7f.1", "127.1", "127.0.1", "0177.0.0.1", "017700000001", "127.0.0.01", "127.0.0.1.", "127.0.0.0x1",
		"1.2.3.4.5", "256.256.256.256", "10.0.0.1.", "0x", "foo.0x", "example.0", "example.1.", "127.0.0.1%25", "127.0.0.1%eth0",
		"", ".", "..", "a..b", ".example.com", "example.com..", "exa mple.com", "example.com\x00", "example.com\n", "$(calc)", "--flag;x", "a/b", "a@b", "a:b", "[::1]",
		"bücher.example", "127。0。0。1", "①②⑦.0.0.1", "ⅼocalhost", "a\u009bb", strings.Repeat("a", 64) + ".example", strings.Repeat("a.", 127) + "com",
	} {
		if z, known, ok := zoneOfHost(host); ok {
			t.Errorf("%q passes: zone %v, known %v", host, z, known)
		}
	}
}

func TestZone_NothingLeadsInward(t *testing.T) {
	all := []zone{never, loopback, private, public}
	for _, from := range all[1:] {
		for _, to := range all {
			want := to == public || to == from
			if got := from.may(to); got != want {
				t.Errorf("from %v to %v: %v, want %v", from, to, got, want)
			}
		}
	}
	for _, to := range all[:3] {
		if never.may(to) {
			t.Errorf("from never to %v", to)
		}
	}
}

func TestZoneOfAll_TheMostPublicCountsAndLinkLocalDoesNot(t *testing.T) {
	for texts, want := range map[string]zone{
		"8.8.8.8": public, "8.8.8.8 10.0.0.1": public, "10.0.0.1 127.0.0.1 8.8.8.8": public, "127.0.0.1 10.0.0.1": private,
		"192.168.1.5 fe80::1": private, "fe80::1 192.168.1.5": private, "169.254.1.1 8.8.8.8": public,
		"169.254.169.254": never, "0.0.0.0 ::": never, "": never,
	} {
		var all []netip.Addr
		for text := range strings.FieldsSeq(texts) {
			all = append(all, netip.MustParseAddr(text))
		}
		if got := zoneOfAll(all); got != want {
			t.Errorf("%q: zone %v, want %v", texts, got, want)
		}
	}
}

// FuzzZoneOf_WrappingWidensNothing writes addresses of IPv4 in every way that IPv6 has for them.
func FuzzZoneOf_WrappingWidensNothing(f *testing.F) {
	for _, seed := range []string{"0a000001", "a9fea9fe", "7f000001", "08080808", "c0a80101", "64646464"} {
		b, _ := hex.DecodeString(seed)
		f.Add(b[0], b[1], b[2], b[3], uint16(0))
	}
	f.Fuzz(func(t *testing.T, a, b, c, d byte, rest uint16) {
		v4 := netip.AddrFrom4([4]byte{a, b, c, d})
		hi, lo := byte(rest>>8), byte(rest)
		for _, w := range [][16]byte{
			{10: 0xff, 11: 0xff, 12: a, 13: b, 14: c, 15: d},
			{1: 0x64, 2: 0xff, 3: 0x9b, 12: a, 13: b, 14: c, 15: d},
			{1: 0x64, 2: 0xff, 3: 0x9b, 5: 1, 6: hi, 7: lo, 12: a, 13: b, 14: c, 15: d},
			{0: 0x20, 1: 0x02, 2: a, 3: b, 4: c, 5: d, 14: hi, 15: lo},
		} {
			got, want := zoneOf(netip.AddrFrom16(w)), zoneOf(v4)
			if got != want {
				t.Errorf("%v is of zone %v, and %v, which it stands for, of %v", netip.AddrFrom16(w), got, v4, want)
			}
		}
		// RFC 6052 §2.2: a prefix of 48 bits, with the four bytes around an eighth that is 0.
		within := zoneOf(netip.AddrFrom16([16]byte{1: 0x64, 2: 0xff, 3: 0x9b, 5: 1, 6: a, 7: b, 9: c, 10: d, 12: 8, 13: 8, 14: 8, 15: 8}))
		if (c != 0 || d != 0) && within != never {
			t.Errorf("%v within the local prefix of NAT64 is of zone %v", v4, within)
		}
	})
}
