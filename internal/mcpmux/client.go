package mcpmux

import "time"

// ClientID identifies a Client.
type ClientID string

// KeyID identifies an access key.
type KeyID string

// Mode is a Client's connection mode: how its Space is chosen.
type Mode string

// The connection modes.
const (
	ModeFollow Mode = "follow"
	ModeLocked Mode = "locked"
	ModeAsk    Mode = "ask"
)

// Client is an application that may call the gateway, once it is approved.
type Client struct {
	ID       ClientID `json:"id"`
	Name     string   `json:"name"`
	Mode     Mode     `json:"mode"`
	Approved bool     `json:"approved"`
	// Space is the Space a locked Client is bound to, or the one a Client in mode ask is in. It may name
	// a Space that was deleted; such a Client sees nothing.
	Space SpaceID `json:"space_id,omitempty"`
	// Declined is the active Space that a Client in mode ask was told not to move to; it is asked again
	// when another Space becomes active.
	Declined  SpaceID    `json:"declined_space_id,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	LastSeen  *time.Time `json:"last_seen,omitempty"`
}

// Grant says: this Client may use this FeatureSet in this Space.
type Grant struct {
	Client ClientID     `json:"client_id"`
	Space  SpaceID      `json:"space_id"`
	Set    FeatureSetID `json:"set_id"`
}

// AccessKey is a long-lived bearer for one Client. The key itself is shown once and never kept.
type AccessKey struct {
	ID     KeyID    `json:"id"`
	Client ClientID `json:"client_id"`
	// Hint is the beginning of the key, enough to tell keys apart and too little to guess one.
	Hint string   `json:"hint"`
	Hash [32]byte `json:"-"`
	// Label is what the key is for, in the user's words.
	Label     string     `json:"label,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	LastUsed  *time.Time `json:"last_used,omitempty"`
}
