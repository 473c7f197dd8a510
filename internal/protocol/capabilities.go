package protocol

import (
	"encoding/json"

	"github.com/mcpmux/mcpmux/internal/wire"
)

// Capabilities is what a client can be asked by a Server.
type Capabilities struct {
	Roots, Sampling, Elicitation bool
	// Raw is the client's capabilities as it declared them.
	Raw json.RawMessage

	profile string
}

// FullProfile declares everything that the gateway can relay to some client.
const FullProfile = `{"elicitation":{},"roots":{},"sampling":{}}`

// ParseCapabilities reads a ClientCapabilities object. What is no object, or is there twice, or is spelt
// otherwise, declares nothing.
func ParseCapabilities(raw []byte) Capabilities {
	caps := Capabilities{Raw: raw}
	if wire.Valid(raw) != nil {
		return caps
	}
	profile := map[string]map[string]struct{}{}
	declare := func(kind string, parts ...string) bool {
		at, ok := object(raw, whole(raw), kind)
		if !ok {
			return false
		}
		profile[kind] = map[string]struct{}{}
		for _, part := range parts {
			if _, ok := object(raw, at, part); ok {
				profile[kind][part] = struct{}{}
			}
		}
		return true
	}
	caps.Roots = declare("roots")
	caps.Sampling = declare("sampling", "tools", "context")
	caps.Elicitation = declare("elicitation", "form", "url")
	if len(profile) > 0 {
		text, _ := json.Marshal(profile) // maps of maps always marshal, with sorted keys
		caps.profile = string(text)
	}
	return caps
}

// object is the only member of this name, where it is an object.
func object(raw []byte, obj wire.Span, name string) (wire.Span, bool) {
	at, ok := single(raw, obj, name)
	return at, ok && raw[at.Start] == '{'
}

// Profile is the canonical JSON of the kinds that matter to a Server; "" where there are none. Clients of the
// same profile may share a connection. roots.listChanged is left out: the gateway does not relay a client's
// roots/list_changed on shared connections.
func (c Capabilities) Profile() string { return c.profile }

// Allows says whether the client can be asked this request of a Server.
func (c Capabilities) Allows(method string) bool {
	switch method {
	case "roots/list":
		return c.Roots
	case "sampling/createMessage":
		return c.Sampling
	case "elicitation/create":
		return c.Elicitation
	}
	return false
}
