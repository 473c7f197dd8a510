package mcpmux

import "time"

// FeatureSetID identifies a FeatureSet.
type FeatureSetID string

// SetKind is one of the four kinds of FeatureSets.
type SetKind string

// The kinds of FeatureSets. All and Default exist once in each Space, ServerAll once for each Server.
const (
	SetAll       SetKind = "all"
	SetDefault   SetKind = "default"
	SetServerAll SetKind = "server_all"
	SetCustom    SetKind = "custom"
)

// Names of the built-in FeatureSets. A ServerAll set is named ServerSetPrefix + alias.
const (
	AllSetName      = "All"
	DefaultSetName  = "Default"
	ServerSetPrefix = "server:"
)

// FeatureSet is a named selection in one Space.
type FeatureSet struct {
	ID    FeatureSetID `json:"id"`
	Space SpaceID      `json:"space_id"`
	Name  string       `json:"name"`
	Kind  SetKind      `json:"kind"`
	// Server is the alias that a ServerAll set selects.
	Server    string    `json:"server,omitempty"`
	Members   []Member  `json:"members"`
	CreatedAt time.Time `json:"created_at"`
}

// MemberKind is a FeatureKind, MemberServer or MemberSet.
type MemberKind string

// The kinds of members besides the four FeatureKinds.
const (
	MemberServer MemberKind = "server"
	MemberSet    MemberKind = "set"
)

// Member is one line of a FeatureSet. Features and Servers are kept by alias and name, so that a member
// survives the reinstallation of its Server.
type Member struct {
	Exclude bool       `json:"exclude"`
	Kind    MemberKind `json:"kind"`
	// Server is an alias, or a glob over aliases (path.Match syntax without classes: * and ?).
	Server string `json:"server,omitempty"`
	// Name is a Feature's own name, or a glob over names; * also matches '/'.
	Name string `json:"name,omitempty"`
	// Set is the nested FeatureSet of a MemberSet.
	Set FeatureSetID `json:"set_id,omitempty"`
}
