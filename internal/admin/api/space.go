package api

import "github.com/mcpmux/mcpmux/internal/mcpmux"

// Space is a Space and how much is in it.
type Space struct {
	mcpmux.Space
	Counts SpaceCounts `json:"counts"`
}

// SpaceCounts counts what is in a Space. FeatureSets are those that the user made, Clients those that are in it now.
type SpaceCounts struct {
	Servers     int `json:"servers"`
	FeatureSets int `json:"feature_sets"`
	Clients     int `json:"clients"`
}

// NewSpace is what a Space is made of. Icon is an emoji or a letter or two.
type NewSpace struct {
	Name string `json:"name"`
	Icon string `json:"icon,omitempty"`
}

// SpacePatch says what to change about a Space; what is left out stays. An empty Icon takes it away.
type SpacePatch struct {
	Name *string `json:"name,omitempty"`
	Icon *string `json:"icon,omitempty"`
}

// SpaceDeletion says what deleting a Space would destroy, and who would notice.
type SpaceDeletion struct {
	Space string `json:"space"`
	// Refused says why it cannot be deleted; empty where it can.
	Refused string          `json:"refused,omitempty"`
	Servers []DeletedServer `json:"servers"`
	// Secrets and Logins are the sums over the servers.
	Secrets int `json:"secrets"`
	Logins  int `json:"logins"`
	// FeatureSets are those that the user made.
	FeatureSets []string `json:"feature_sets"`
	Grants      int      `json:"grants"`
	// Clients are those that lose something or end up elsewhere.
	Clients []DeletionEffect `json:"clients"`
	// NextActive is the Space that becomes active in its place; empty where it is not the active one.
	NextActive string `json:"next_active,omitempty"`
}

// DeletedServer is a Server that goes with its Space, with its stored values (Secrets of them secret) and its login.
type DeletedServer struct {
	Alias    string `json:"alias"`
	Values   int    `json:"values"`
	Secrets  int    `json:"secrets"`
	LoggedIn bool   `json:"logged_in"`
}

// What the deletion of a Space does to a Client.
const (
	// DeletionStrands: it is locked to the Space, or stays in it until asked, and sees nothing until it is given another.
	DeletionStrands = "strands"
	// DeletionMoves: it follows the active Space, and so goes on in the next one.
	DeletionMoves = "moves"
	// DeletionTakesGrants: it loses its grants there and sees the same as before.
	DeletionTakesGrants = "takes_grants"
)

// DeletionEffect is what the deletion of a Space does to one Client.
type DeletionEffect struct {
	Client string      `json:"client"`
	Mode   mcpmux.Mode `json:"mode"`
	// Effect is strands, moves or takes_grants.
	Effect string `json:"effect"`
	Grants int    `json:"grants"`
}
