package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// maxQualified is the longest qualified name. Several AI applications cut or refuse tool names of more
// than 64 characters.
const maxQualified = 64

// maxVerbatim is the longest name that a Server without a prefix keeps.
// MCP 2025-11-25 server/tools §Tool Names allows 1 to 128 of [A-Za-z0-9_.-].
const maxVerbatim = 128

// hashDigits is how many hexadecimal digits of a hash a shortened name ends with.
const hashDigits = 8

// Qualify is the name under which a Client sees name of a Server with that prefix, before collisions are
// resolved: prefix_name, at most 64 of [A-Za-z0-9_-]. A longer or odd one is cleaned, cut and ended with a
// hash of what it was, the same way every time. With an empty prefix a name stays as it is, when the
// specification allows it.
func Qualify(prefix, name string) string {
	full := name
	if prefix == "" {
		if len(name) <= maxVerbatim && name != "" && clean(name, true) == name {
			return name
		}
	} else {
		full = prefix + "_" + name
		if len(full) <= maxQualified && clean(full, false) == full {
			return full
		}
	}
	return shorten(full, prefix+"\x00"+name)
}

// shorten cleans and cuts text and ends it with a hash of identity.
func shorten(text, identity string) string {
	sum := sha256.Sum256([]byte(identity))
	text = clean(text, false)
	if max := maxQualified - 1 - hashDigits; len(text) > max {
		text = text[:max]
	}
	return text + "_" + hex.EncodeToString(sum[:hashDigits/2])
}

// clean replaces each character that a name may not have by '_'.
func clean(s string, dot bool) string {
	legal := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || dot && r == '.'
	}
	return strings.Map(func(r rune) rune {
		if legal(r) {
			return r
		}
		return '_'
	}, s)
}

// claim is one wish for a name.
type claim struct {
	alias, prefix, name string
}

// assign gives each claim its own name. Every name goes to the first who claims it, in the order of the
// claims; who comes later gets a name ended with a hash of alias and name. So a name depends on the
// Features of the Space and their order alone, never on who is asking, and nobody who lost takes a name
// that another one claims.
func assign(claims []claim) []string {
	out := make([]string, len(claims))
	taken := make(map[string]bool, len(claims))
	var lost []int
	for i, c := range claims {
		q := Qualify(c.prefix, c.name)
		if taken[q] {
			lost = append(lost, i)
			continue
		}
		taken[q], out[i] = true, q
	}
	for _, i := range lost {
		c := claims[i]
		full := c.name
		if c.prefix != "" {
			full = c.prefix + "_" + c.name
		}
		identity := c.alias + "\x00" + c.name
		for n := 0; out[i] == ""; n++ {
			if q := shorten(full, identity+"\x00"+strconv.Itoa(n)); !taken[q] {
				taken[q], out[i] = true, q
			}
		}
	}
	return out
}
