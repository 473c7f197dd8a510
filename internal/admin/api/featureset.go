package api

import "github.com/mcpmux/mcpmux/internal/mcpmux"

// FeatureSet is a FeatureSet: the answer of featuresets and featuresets/{name}. Include and Exclude are its
// members as texts, as AddMembers takes them.
type FeatureSet struct {
	mcpmux.FeatureSet
	SpaceName string   `json:"space"`
	Include   []string `json:"include"`
	Exclude   []string `json:"exclude"`
	// Missing are those of them that stand for nothing at present: the Server is not installed, or does not
	// offer the Feature. They are kept for the day it does.
	Missing []string `json:"missing,omitempty"`
}

// NewFeatureSet makes an empty FeatureSet: POST featuresets.
type NewFeatureSet struct {
	Name string `json:"name"`
}

// Members adds or removes members of a FeatureSet: POST and DELETE featuresets/{name}/members. A member is
// server:ALIAS, tool:ALIAS/NAME, prompt:ALIAS/NAME, resource:ALIAS/URI, template:ALIAS/URITEMPLATE or
// set:NAME. In ALIAS, NAME and URI, * and ? stand for anything and a backslash makes the next character plain.
type Members struct {
	Members []string `json:"members"`
	Exclude bool     `json:"exclude"`
}
