package mcpmux

import "time"

// RegistrationKind says how an application made itself known to our authorization server.
type RegistrationKind string

// The kinds of Registration.
const (
	// RegistrationDynamic is a registration by request (RFC 7591).
	RegistrationDynamic RegistrationKind = "dynamic"
	// RegistrationDocument is a client id that is the address of a metadata document
	// (draft-ietf-oauth-client-id-metadata-document).
	RegistrationDocument RegistrationKind = "document"
)

// Registration is what an application says of itself to our authorization server. Nothing in it is proven.
type Registration struct {
	// ID is the client_id of OAuth.
	ID           string           `json:"client_id"`
	Kind         RegistrationKind `json:"kind"`
	Name         string           `json:"client_name"`
	URI          string           `json:"client_uri,omitempty"`
	RedirectURIs []string         `json:"redirect_uris"`
}

// Authorization is one login of a Client: all tokens that came of one consent's code. Its streams and sessions end
// when it does.
type Authorization struct {
	ID     KeyID    `json:"id"`
	Client ClientID `json:"client_id"`
	// Registration is the client_id of OAuth.
	Registration string `json:"-"`
	// RedirectHost is where the code was sent.
	RedirectHost string `json:"redirect_host"`
	// Alias is the Server of the endpoint /mcp/s/<alias> that it is good for, "" for the whole gateway.
	Alias     string    `json:"alias,omitempty"`
	Scopes    []string  `json:"scopes"`
	CreatedAt time.Time `json:"created_at"`
	// ExpiresAt is when it ends whatever happens.
	ExpiresAt time.Time  `json:"expires_at"`
	LastUsed  *time.Time `json:"last_used,omitempty"`
}

// AccessToken is a short-lived bearer of an Authorization.
type AccessToken struct {
	Hash          [32]byte
	Authorization KeyID
	Scopes        []string
	ExpiresAt     time.Time
}
