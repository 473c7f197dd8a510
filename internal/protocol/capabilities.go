package protocol

import (
	"encoding/json"

	"github.com/mcpmux/mcpmux/internal/wire"
)

// Capabilities is what a client can be asked by a Server.
type Capabilities struct {
	Roots, Sampling, Elicitation bool
	// SamplingTools says that tools may be given in sampling; Form and URL say how the client elicits.
	SamplingTools, Form, URL bool
	// RootsListChanged says that the client tells when its roots change.
	RootsListChanged bool
	// Raw is the client's capabilities as it declared them.
	Raw json.RawMessage

	profile string
}

// FullProfile declares everything that the gateway can relay to some client.
const FullProfile = `{"elicitation":{"form":{},"url":{}},"roots":{},"sampling":{"tools":{}}}`

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
	caps.Sampling = declare("sampling", "tools")
	caps.Elicitation = declare("elicitation", "form", "url")
	_, caps.SamplingTools = profile["sampling"]["tools"]
	_, caps.Form = profile["elicitation"]["form"]
	_, caps.URL = profile["elicitation"]["url"]
	// MCP 2025-11-25 client/elicitation §Capabilities: an empty object means form only.
	caps.Form = caps.Form || caps.Elicitation && !caps.URL
	caps.RootsListChanged = rootsListChanged(raw)
	caps.profile = canonical(profile)
	return caps
}

func rootsListChanged(raw []byte) bool {
	roots, _ := single(raw, whole(raw), "roots")
	told, _ := single(raw, roots, "listChanged")
	return string(raw[told.Start:told.End]) == "true"
}

// canonical is the JSON of a profile with sorted keys, "" where it is empty.
func canonical(profile map[string]map[string]struct{}) string {
	if len(profile) == 0 {
		return ""
	}
	text, _ := json.Marshal(profile) // maps always marshal
	return string(text)
}

// object is the only member of this name, where it is an object.
func object(raw []byte, obj wire.Span, name string) (wire.Span, bool) {
	at, ok := single(raw, obj, name)
	return at, ok && raw[at.Start] == '{'
}

// Profile is the canonical JSON of the kinds that matter to a Server; "" where there are none. Clients of the
// same profile may share a connection. roots.listChanged is left out: on shared connections the gateway does
// not relay a client's roots/list_changed. So is sampling.context: a Server is given no context of others.
func (c Capabilities) Profile() string { return c.profile }

// OwnerProfile is the profile for a connection that only this client uses: there a change of its roots is
// told to the Server.
func (c Capabilities) OwnerProfile() string {
	if !c.Roots || !c.RootsListChanged {
		return c.profile
	}
	profile := []byte(c.profile)
	roots, _ := single(profile, whole(profile), "roots")
	return string(wire.Splice(nil, profile, []wire.Edit{{Span: roots, Text: []byte(`{"listChanged":true}`)}}))
}

// ForRequest is the capabilities of a session as the clientCapabilities of a request of 2026-07-28, which has
// no roots.listChanged and no core tasks. Everything else, known or not, is as the client declared it.
func (c Capabilities) ForRequest() []byte {
	raw := []byte(c.Raw)
	if at := whole(raw); wire.Valid(raw) != nil || raw[at.Start] != '{' {
		return []byte("{}")
	}
	edits := wire.ChangeMembers(raw, whole(raw), nil, func(n string) bool { return n == "tasks" })
	if roots, ok := object(raw, whole(raw), "roots"); ok {
		edits = append(edits, wire.ChangeMembers(raw, roots, nil, func(n string) bool { return n == "listChanged" })...)
	}
	if len(edits) == 0 {
		return raw
	}
	return wire.Splice(nil, raw, sorted(edits))
}

// Allows says whether the client can be asked some request of this method.
func (c Capabilities) Allows(method string) bool {
	switch method {
	case methodRoots:
		return c.Roots
	case methodSampling:
		return c.Sampling
	case methodElicit:
		return c.Elicitation
	}
	return false
}

// AllowsQuestion says whether the client can be asked this very request: in the mode it wants, with the tools
// it gives. The params are valid JSON or nil.
func (c Capabilities) AllowsQuestion(method string, params []byte) bool {
	if !c.Allows(method) {
		return false
	}
	switch method {
	case methodSampling:
		return c.SamplingTools || !usesTools(params, whole(params))
	case methodElicit:
		return c.allowsMode(params)
	}
	return true
}

// allowsMode: no mode means a form. A mode that is there twice, or that nobody knows, is none.
func (c Capabilities) allowsMode(params []byte) bool {
	var mode [1]wire.Span
	if err := wire.Find(params, whole(params), []string{"mode"}, mode[:]); err != nil {
		return false
	}
	if !mode[0].OK() {
		return c.Form
	}
	switch text, _ := wire.String(params, mode[0]); text {
	case "form":
		return c.Form
	case "url":
		return c.URL
	}
	return false
}

// Required is the ClientCapabilities object that a question needs, for the error of 2026-07-28 that names it.
func Required(method string, params []byte) []byte {
	switch method {
	case methodRoots:
		return []byte(`{"roots":{}}`)
	case methodSampling:
		if usesTools(params, whole(params)) {
			return []byte(`{"sampling":{"tools":{}}}`)
		}
		return []byte(`{"sampling":{}}`)
	case methodElicit:
		mode, _ := single(params, whole(params), "mode")
		if text, _ := wire.String(params, mode); text == "url" {
			return []byte(`{"elicitation":{"url":{}}}`)
		}
		return []byte(`{"elicitation":{"form":{}}}`)
	}
	return []byte("{}")
}
