package mcpmux

import "encoding/json"

// FeatureKind is one of the four kinds of Features.
type FeatureKind string

// The kinds of Features.
const (
	KindTool     FeatureKind = "tool"
	KindPrompt   FeatureKind = "prompt"
	KindResource FeatureKind = "resource"
	KindTemplate FeatureKind = "template"
)

// FeatureKinds lists the kinds in the order in which they are shown.
func FeatureKinds() [4]FeatureKind {
	return [4]FeatureKind{KindTool, KindPrompt, KindResource, KindTemplate}
}

// Feature is one tool, prompt, resource or resource template that a Server offered when last asked.
// Its key is (Server, Kind, Name).
type Feature struct {
	Server ServerID    `json:"server_id"`
	Kind   FeatureKind `json:"kind"`
	// Name is the Server's own name of it: a tool's or prompt's name, a resource's URI, a template's
	// uriTemplate.
	Name string `json:"name"`
	// Raw is the Feature as the Server listed it, byte for byte.
	Raw json.RawMessage `json:"raw"`
}
