package mcpmux

import (
	"strings"
	"time"
)

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
	// Name is a Feature's own name, or a glob over names; * also matches '/'. A backslash makes the character
	// after it plain (catalog.Literal writes a name that way: a URI may have a '?').
	Name string `json:"name,omitempty"`
	// Set is the nested FeatureSet of a MemberSet.
	Set FeatureSetID `json:"set_id,omitempty"`
}

// TakesMembers is the error of writing members to a set whose content is computed.
func (s *FeatureSet) TakesMembers() error {
	if s.Kind != SetCustom && s.Kind != SetDefault {
		return Errorf(CodeConflict, "%q is a built-in FeatureSet whose content follows from the Servers; it takes no members", s.Name)
	}
	return nil
}

// RefuseCycle is the error of FeatureSet set having the members add, where it would be part of a cycle then.
func RefuseCycle(sets []FeatureSet, set FeatureSetID, add []Member) error {
	if way := FindCycle(sets, set, add); way != nil {
		return Errorf(CodeConflict, "a FeatureSet cannot be a member of itself: %s", strings.Join(way, " → "))
	}
	return nil
}

// FindCycle reports the cycle that FeatureSet set would be part of once the members add were added to it,
// as the names of the sets along it, from set back to set; nil means there is none. Includes and excludes
// count alike: either way the value of one set would need its own.
func FindCycle(sets []FeatureSet, set FeatureSetID, add []Member) []string {
	byID := make(map[FeatureSetID]*FeatureSet, len(sets))
	for i := range sets {
		byID[sets[i].ID] = &sets[i]
	}
	name := func(id FeatureSetID) string {
		if s := byID[id]; s != nil {
			return s.Name
		}
		return string(id)
	}
	seen := make(map[FeatureSetID]bool)
	var path []string
	var walk func(id FeatureSetID, members []Member) bool
	walk = func(id FeatureSetID, members []Member) bool {
		path = append(path, name(id))
		for _, m := range members {
			if m.Kind != MemberSet {
				continue
			}
			if m.Set == set {
				path = append(path, name(set))
				return true
			}
			// A set that was walked without meeting the start cannot lead to it.
			if s := byID[m.Set]; s != nil && !seen[m.Set] {
				seen[m.Set] = true
				if walk(m.Set, s.Members) {
					return true
				}
			}
		}
		path = path[:len(path)-1]
		return false
	}
	if walk(set, add) {
		return path
	}
	return nil
}
