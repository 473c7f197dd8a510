package api

import (
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Client is a Client: the answer of clients and clients/{name}.
type Client struct {
	mcpmux.Client
	// SpaceName is the Space it is in now, "" where that was deleted.
	SpaceName string `json:"space"`
	// Problem says why the Client sees nothing.
	Problem string             `json:"problem,omitempty"`
	Grants  []Grant            `json:"grants"`
	Keys    []mcpmux.AccessKey `json:"keys"`
	// Question is the open question whether it moves to another Space.
	Question *Question `json:"question,omitempty"`
}

// Grant names a FeatureSet that a Client may use, and its Space.
type Grant struct {
	Space string `json:"space"`
	Set   string `json:"set"`
}

// NewClient makes a Client with an access key: POST clients. It is approved: the user makes it.
type NewClient struct {
	Name string `json:"name"`
	// Mode is follow if it is left out.
	Mode mcpmux.Mode `json:"mode,omitempty"`
	// Space is where the Grants are, and what a locked Client is locked to; the active one if it is left out.
	Space string `json:"space,omitempty"`
	// Grants are names of FeatureSets; All if they are left out.
	Grants []string `json:"grants,omitempty"`
	NewKey
}

// CreatedClient is a new Client with its access key, which is shown this once.
type CreatedClient struct {
	Client
	AccessKey string `json:"access_key"`
}

// NewKey says how long a new access key works: POST clients/{name}/keys and its rotate. At most one of the
// two is given; without either a new key works until it is revoked, and one made by rotation for as long as
// the old one was made for.
type NewKey struct {
	ExpiresIn *mcpmux.Duration `json:"expires_in,omitempty"`
	ExpiresAt *time.Time       `json:"expires_at,omitempty"`
}

// CreatedKey is a new access key; Secret is shown this once.
type CreatedKey struct {
	mcpmux.AccessKey
	Secret string `json:"access_key"`
}

// ClientMode chooses how a Client's Space is chosen: PUT clients/{name}/mode. Space is the active one if it is
// left out, and of no meaning to mode follow.
type ClientMode struct {
	Mode  mcpmux.Mode `json:"mode"`
	Space string      `json:"space,omitempty"`
}

// ClientGrant names a FeatureSet: POST and DELETE clients/{name}/grants. Space is the active one if it is left
// out.
type ClientGrant struct {
	Set   string `json:"set"`
	Space string `json:"space,omitempty"`
}

// SwitchAnswer answers a Question: POST clients/{name}/switch.
type SwitchAnswer struct {
	Accept bool `json:"accept"`
}
