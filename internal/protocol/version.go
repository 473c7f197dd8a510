package protocol

import "slices"

// The revisions of MCP. They are dates and compare as text.
const (
	V20241105 = "2024-11-05"
	V20250326 = "2025-03-26"
	V20250618 = "2025-06-18"
	V20251125 = "2025-11-25"
	V20260728 = "2026-07-28"

	// Newest is the newest revision, NewestLegacy the newest with initialize.
	Newest       = V20260728
	NewestLegacy = V20251125
)

// Supported lists the revisions, newest first.
func Supported() []string { return []string{V20260728, V20251125, V20250618, V20250326, V20241105} }

// Known says whether v is a revision that we speak.
func Known(v string) bool { return slices.Contains(Supported(), v) }

// Modern says whether v is of the stateless era, known to us or not.
func Modern(v string) bool { return len(v) == len(V20260728) && v >= V20260728 && v[0] == '2' }

// Negotiate answers the revision that a client asks for in initialize: the same where we know it as one with
// initialize, else the newest such (MCP 2025-11-25 basic/lifecycle §Version Negotiation).
func Negotiate(asked string) string {
	if Known(asked) && !Modern(asked) {
		return asked
	}
	return NewestLegacy
}

// Members of _meta that 2026-07-28 defines.
const (
	MetaVersion      = "io.modelcontextprotocol/protocolVersion"
	MetaCapabilities = "io.modelcontextprotocol/clientCapabilities"
	MetaClientInfo   = "io.modelcontextprotocol/clientInfo"
	MetaLogLevel     = "io.modelcontextprotocol/logLevel"
	MetaServerInfo   = "io.modelcontextprotocol/serverInfo"
	MetaSubscription = "io.modelcontextprotocol/subscriptionId"
)
