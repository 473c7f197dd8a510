package authclient

import (
	"net/netip"
	"strings"
)

// zone is how far an address reaches. A login may lead from a Server to addresses of its own zone and to public
// ones, never from a public one into somebody's network or machine (server-side request forgery).
type zone int

const (
	never    zone = iota // link-local, multicast, unspecified, reserved: nobody's login is there
	loopback             // this machine
	private              // a local network
	public
)

// may says whether what a Server of zone z names may be in zone other.
func (z zone) may(other zone) bool {
	return other == public || other != never && other == z
}

// The ranges that netip has no word for.
//
//nolint:gochecknoglobals // constant tables
var (
	// shared is the carriers' part of the private ranges (RFC 6598).
	shared = netip.MustParsePrefix("100.64.0.0/10")

	// reserved are "this network" and class E (RFC 1122 §3.2.1.3, RFC 1112 §4), documentation (RFC 5737, RFC 3849,
	// RFC 9637), and protocol assignments, Teredo among them (RFC 6890, RFC 4380).
	reserved = prefixes("0.0.0.0/8", "240.0.0.0/4", "192.0.0.0/24", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24",
		"2001::/23", "2001:db8::/32", "3fff::/20")

	// unicast is all of IPv6 that anybody was given for the whole Internet (RFC 4291 §2.4 and IANA's registry of it).
	unicast = netip.MustParsePrefix("2000::/3")

	// benchmark is for tests of network devices (RFC 2544 §C.2.2) and what proxies that take all of a machine's
	// traffic give out for every name (Clash, sing-box, Surge: "fake IP"). Where a name is there it is public, as
	// far as can be seen; who writes such an address means something else.
	benchmark = netip.MustParsePrefix("198.18.0.0/15")

	// embedding are the ranges of IPv6 that stand for an address of IPv4, with its place in them in bytes:
	// NAT64 (RFC 6052 §2.1, RFC 8215), 6to4 (RFC 3056 §2), IPv4-compatible (RFC 4291 §2.5.5.1).
	embedding = []struct {
		prefix netip.Prefix
		at     int
	}{
		{netip.MustParsePrefix("64:ff9b::/96"), 12},
		{netip.MustParsePrefix("64:ff9b:1::/48"), 12},
		{netip.MustParsePrefix("2002::/16"), 2},
		{netip.MustParsePrefix("::/96"), 12},
	}
)

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

// unwrapped is the address of IPv4 that an address stands for, or the address itself. It is the zero Addr for what
// may stand for several: within RFC 8215's prefix a network chooses where it puts the four bytes (RFC 6052 §2.2).
func unwrapped(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if !a.Is6() || a.IsLoopback() || a.IsUnspecified() {
		return a
	}
	b := a.As16()
	for _, e := range embedding {
		switch {
		case !e.prefix.Contains(a):
		case e.at == 12 && [4]byte(b[8:12]) != [4]byte{}:
			return netip.Addr{}
		default:
			return netip.AddrFrom4([4]byte(b[e.at : e.at+4]))
		}
	}
	return a
}

// zoneOf is the zone of an address.
func zoneOf(a netip.Addr) zone {
	if a.Zone() != "" {
		return never // an interface of this machine: link-local
	}
	a = unwrapped(a)
	switch {
	case !a.IsValid(), a.IsUnspecified(), a.IsMulticast(), a.IsLinkLocalUnicast():
		return never
	case a.IsLoopback():
		return loopback
	case a.IsPrivate(), shared.Contains(a):
		return private
	case a.Is6() && !unicast.Contains(a):
		return never
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return never
		}
	}
	return public
}

// zoneOfHost is the zone that a host shows without being looked up; known is false for a name. ok is false for what
// is no host: an address in an odd spelling, which one program reads so and another otherwise.
func zoneOfHost(host string) (z zone, known, ok bool) {
	if a, err := netip.ParseAddr(host); err == nil {
		if benchmark.Contains(unwrapped(a)) {
			return never, true, true
		}
		return zoneOf(a), true, true
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") { // RFC 6761 §6.3
		return loopback, true, true
	}
	return 0, false, validName(name)
}

// validName says whether a host is a name: its labels are letters, digits and hyphens, and the last is no number
// (WHATWG URL §3.5 "ends in a number": such a host is an IPv4 address in some spelling).
func validName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(c rune) bool {
			return c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z')
		}) {
			return false
		}
		last = label
	}
	hex := strings.HasPrefix(last, "0x") && strings.Trim(last[2:], "0123456789abcdef") == ""
	return !hex && strings.Trim(last, "0123456789") != ""
}
