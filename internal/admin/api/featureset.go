package api

import "github.com/mcpmux/mcpmux/internal/mcpmux"

// FeatureSet is a FeatureSet with its Space and its members as texts, like "tool:github/create_*".
type FeatureSet struct {
	mcpmux.FeatureSet
	SpaceName string   `json:"space"`
	Include   []string `json:"include"`
	Exclude   []string `json:"exclude"`
	// Resolves counts the Features that it selects now, those of disabled servers too.
	Resolves FeatureCounts `json:"resolves"`
	// GrantedTo names the clients that it is granted to, MemberOf the sets that it is a member of.
	GrantedTo []string `json:"granted_to"`
	MemberOf  []string `json:"member_of"`
}

// NewFeatureSet is what a FeatureSet is made of.
type NewFeatureSet struct {
	Name string `json:"name"`
}

// FeatureSetPatch gives a FeatureSet another name.
type FeatureSetPatch struct {
	Name string `json:"name"`
}

// Members are members to add or to take away: server:ALIAS, set:NAME, or one of tool, prompt, resource and
// template as KIND:ALIAS/NAME. Aliases and names may be globs (* and ?).
type Members struct {
	Members []string `json:"members"`
	Exclude bool     `json:"exclude"`
}

// MemberList is all members that a FeatureSet is to have, written as in Members.
type MemberList struct {
	Include []string `json:"include"`
	Exclude []string `json:"exclude"`
}

// PreviewMembers is a MemberList to try out. New says that there is no set of that name yet.
type PreviewMembers struct {
	MemberList
	New bool `json:"new,omitempty"`
}

// SetPreview is what a FeatureSet would be with other members, and whom that would touch.
type SetPreview struct {
	// In counts what the set would have, Gained and Lost what differs from now.
	In       int               `json:"in"`
	Gained   int               `json:"gained"`
	Lost     int               `json:"lost"`
	Features []SelectedFeature `json:"features"`
	Clients  []ClientEffect    `json:"clients"`
	// Idle are the members that name nothing that is there now. They count again when it is.
	Idle []string `json:"idle"`
}

// FeatureName names a Feature of a Space.
type FeatureName struct {
	Server string             `json:"server"`
	Kind   mcpmux.FeatureKind `json:"kind"`
	Name   string             `json:"name"`
	// Qualified is the name that clients see, where it is another one.
	Qualified string `json:"qualified,omitempty"`
	// Member is how a FeatureSet names exactly this.
	Member string `json:"member"`
	// Off says that its server is switched off, so that no client sees it.
	Off bool `json:"off,omitempty"`
}

// SelectedFeature says whether a set would have a Feature, and whether it has it now.
type SelectedFeature struct {
	FeatureName
	In  bool `json:"in"`
	Was bool `json:"was"`
}

// ClientEffect is what a client would gain and lose, under the names that it knows. Now says that it happens at once;
// else it is so from when the client is approved and in the Space.
type ClientEffect struct {
	Client string   `json:"client"`
	Now    bool     `json:"now"`
	Gains  []string `json:"gains"`
	Loses  []string `json:"loses"`
}
