package protocol

import (
	"encoding/json"
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

// ParseCapabilities reads a ClientCapabilities object; what is no object declares nothing.
func ParseCapabilities(raw []byte) Capabilities {
	var c struct {
		Roots    *map[string]json.RawMessage `json:"roots"`
		Sampling *struct {
			Tools   *json.RawMessage `json:"tools"`
			Context *json.RawMessage `json:"context"`
		} `json:"sampling"`
		Elicitation *struct {
			Form *json.RawMessage `json:"form"`
			URL  *json.RawMessage `json:"url"`
		} `json:"elicitation"`
	}
	caps := Capabilities{Raw: raw}
	if len(raw) == 0 || json.Unmarshal(raw, &c) != nil {
		return caps
	}
	caps.Roots, caps.Sampling, caps.Elicitation = c.Roots != nil, c.Sampling != nil, c.Elicitation != nil
	type object map[string]any
	profile := object{}
	if caps.Roots {
		profile["roots"] = object{}
	}
	if caps.Sampling {
		s := object{}
		mark(s, "tools", c.Sampling.Tools)
		mark(s, "context", c.Sampling.Context)
		profile["sampling"] = s
	}
	if caps.Elicitation {
		e := object{}
		mark(e, "form", c.Elicitation.Form)
		mark(e, "url", c.Elicitation.URL)
		profile["elicitation"] = e
	}
	if len(profile) > 0 {
		text, _ := json.Marshal(profile) // maps of maps always marshal, with sorted keys
		caps.profile = string(text)
	}
	return caps
}

func mark(into map[string]any, name string, declared *json.RawMessage) {
	if declared != nil {
		into[name] = map[string]any{}
	}
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
