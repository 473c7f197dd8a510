package api

import (
	"encoding/json"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Client is a Client with the Space it is in, its grants and its keys.
type Client struct {
	mcpmux.Client
	// SpaceName is the Space it is in now; empty where that was deleted.
	SpaceName string             `json:"space"`
	Grants    []Grant            `json:"grants"`
	Keys      []mcpmux.AccessKey `json:"keys"`
	// Authorizations are its logins.
	Authorizations []mcpmux.Authorization `json:"authorizations"`
	// Request is what it waits for; a Client with an empty id is none before that is approved.
	Request *Request `json:"request,omitempty"`
}

// Grant names a FeatureSet of a Space.
type Grant struct {
	Space string `json:"space"`
	Set   string `json:"set"`
}

// NewClient is what a Client is made of. Mode is follow, Space the active one and Grants All of it where they
// are left out. An empty array of Grants grants nothing.
type NewClient struct {
	Name      string           `json:"name"`
	Mode      mcpmux.Mode      `json:"mode,omitempty"`
	Space     string           `json:"space,omitempty"`
	Grants    []string         `json:"grants,omitempty"`
	ExpiresIn *mcpmux.Duration `json:"expires_in,omitempty"`
}

// CreatedClient is a new Client and its access key, which is never shown again.
type CreatedClient struct {
	Client
	AccessKey string `json:"access_key"`
}

// ClientMode is how a Client's Space is chosen. Space is the active one where it is left out.
type ClientMode struct {
	Mode  mcpmux.Mode `json:"mode"`
	Space string      `json:"space,omitempty"`
}

// ClientGrant names a FeatureSet to grant or to take back. Space is the active one where it is left out.
type ClientGrant struct {
	Set   string `json:"set"`
	Space string `json:"space,omitempty"`
}

// NewKey is what an access key is made of; where ExpiresIn is left out, it does not expire.
type NewKey struct {
	Label     string           `json:"label,omitempty"`
	ExpiresIn *mcpmux.Duration `json:"expires_in,omitempty"`
}

// RotatedKey is what an access key is made of that takes another's place. Label is the other's and it lives as long as
// that was to, where they are left out. The other ends after Grace, at once where that is left out.
type RotatedKey struct {
	NewKey
	Grace *mcpmux.Duration `json:"grace,omitempty"`
}

// CreatedKey is a new access key, which is never shown again.
type CreatedKey struct {
	mcpmux.AccessKey
	Secret string `json:"access_key"`
}

// SwitchAnswer says whether a Client in mode ask moves to the active Space.
type SwitchAnswer struct {
	Accept bool `json:"accept"`
}

// Call is one use of a Feature, as a Client, or as nobody with everything of a Space.
type Call struct {
	Client string `json:"client,omitempty"`
	// Space is the active one where it is left out. A Client is in the Space that its mode says.
	Space string `json:"space,omitempty"`
	// Server is the alias of a Server whose Features go by their own names then, as at /mcp/s/<alias>.
	Server string `json:"server,omitempty"`
	// Kind is tool where it is left out, prompt or resource.
	Kind mcpmux.FeatureKind `json:"kind,omitempty"`
	// Name is the qualified name of a tool or prompt, or the URI of a resource.
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments,omitempty"`
}

// Tool is one tool as a Client sees it.
type Tool struct {
	Name        string          `json:"name"`
	Title       string          `json:"title,omitempty"`
	Description string          `json:"description,omitempty"`
	Server      string          `json:"server"`
	InputSchema json.RawMessage `json:"input_schema,omitempty"`
}
