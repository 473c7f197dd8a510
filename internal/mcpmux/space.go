package mcpmux

import "time"

// SpaceID identifies a Space.
type SpaceID string

// Space is the isolation boundary: it owns Servers, credentials, Features and FeatureSets, and nothing
// crosses. Exactly one Space is active (what following Clients see), exactly one is the default, which
// cannot be deleted.
type Space struct {
	ID   SpaceID `json:"id"`
	Name string  `json:"name"`
	// Icon is an emoji or a letter or two that the Space is shown with; empty for none.
	Icon      string    `json:"icon,omitempty"`
	Active    bool      `json:"active"`
	Default   bool      `json:"default"`
	CreatedAt time.Time `json:"created_at"`
}
