package api

import "github.com/mcpmux/mcpmux/internal/mcpmux"

// FeatureSet is a FeatureSet with its Space and its members as texts, like "tool:github/create_*".
type FeatureSet struct {
	mcpmux.FeatureSet
	SpaceName string   `json:"space"`
	Include   []string `json:"include"`
	Exclude   []string `json:"exclude"`
}

// NewFeatureSet is what a FeatureSet is made of.
type NewFeatureSet struct {
	Name string `json:"name"`
}

// Members are members to add or to take away: server:ALIAS, set:NAME, or one of tool, prompt, resource and
// template as KIND:ALIAS/NAME. Aliases and names may be globs (* and ?).
type Members struct {
	Members []string `json:"members"`
	Exclude bool     `json:"exclude"`
}
