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
	// Connected counts what it has open to the gateway now: sessions that are in use, and streams.
	Connected int `json:"connected"`
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

// ClientPatch gives a Client another name.
type ClientPatch struct {
	Name string `json:"name"`
}

// ClientFeatures says of every Feature of a Space why a Client sees it or does not.
type ClientFeatures struct {
	Client string `json:"client"`
	Space  string `json:"space"`
	// Here says that the client is in the Space now.
	Here bool `json:"here"`
	// Refusal says why the client sees nothing at all; empty where it may see something.
	Refusal  string             `json:"refusal,omitempty"`
	Visible  int                `json:"visible"`
	Features []ExplainedFeature `json:"features"`
}

// ExplainedFeature is one Feature with the reason. Reason is granted, excluded, not_granted, server_disabled, refused (the
// client sees nothing at all) or elsewhere (it is in another Space). Included is the way from a granted set to the member
// that names the Feature, Excluded the one to the member that takes it away.
type ExplainedFeature struct {
	FeatureName
	Visible  bool   `json:"visible"`
	Reason   string `json:"reason"`
	Included []Step `json:"included,omitempty"`
	Excluded []Step `json:"excluded,omitempty"`
}

// Step is one member of one set on such a way. Member is empty in a set that has everything: All, or that of a server.
type Step struct {
	Set     string `json:"set"`
	Member  string `json:"member,omitempty"`
	Exclude bool   `json:"exclude,omitempty"`
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
