package mcpmux

import "time"

// LoginConfig says how McpMux logs in to an HTTP Server that asks for OAuth. The zero LoginConfig finds out
// everything from the Server. Its secrets are values of kind ValueLogin.
type LoginConfig struct {
	// ClientID is the client id that the authorization server gave the user by hand; Issuer is that server,
	// "" meaning the one that the first login meets.
	ClientID string `json:"client_id,omitempty"`
	Issuer   string `json:"issuer,omitempty"`

	// Grant is how tokens are got; "" is GrantCode.
	Grant LoginGrant `json:"grant,omitempty"`

	// AuthMethod is how McpMux proves itself at the token endpoint; "" is what the authorization server prefers.
	AuthMethod AuthMethod `json:"auth_method,omitempty"`

	// Scopes are asked for beside those that the Server asks for.
	Scopes []string `json:"scopes,omitempty"`

	// ClientMetadataURL is the address of a client ID metadata document that describes McpMux; it is then the
	// client id at authorization servers that take such a thing.
	ClientMetadataURL string `json:"client_metadata_url,omitempty"`

	// RedirectHost is the host of our callback, "127.0.0.1" or "localhost"; "" is 127.0.0.1 (RFC 8252 §8.3).
	RedirectHost string `json:"redirect_host,omitempty"`

	// Fallback allows what MCP 2025-03-26 had: no protected resource metadata, and endpoints at default paths.
	Fallback bool `json:"fallback,omitempty"`

	// KeepAlive refreshes once a day even what nobody uses.
	KeepAlive bool `json:"keep_alive,omitempty"`
}

// LoginGrant is a way to get tokens.
type LoginGrant string

// The grants: by a browser (RFC 6749 §4.1), by a code that is typed in elsewhere (RFC 8628), or without a
// person (RFC 6749 §4.4).
const (
	GrantCode   LoginGrant = "authorization_code"
	GrantDevice LoginGrant = "device_code"
	GrantClient LoginGrant = "client_credentials"
)

// AuthMethod is how a client proves itself at the token endpoint (RFC 8414 §2, RFC 7523 §2.2).
type AuthMethod string

// The methods.
const (
	AuthNone  AuthMethod = "none"
	AuthBasic AuthMethod = "client_secret_basic"
	AuthPost  AuthMethod = "client_secret_post"
	AuthJWT   AuthMethod = "private_key_jwt"
)

// The names of values of kind ValueLogin.
const (
	LoginClientSecret = "client_secret"
	LoginPrivateKey   = "private_key"
)

// LoggedIn is what people may know of the login that a Server has.
type LoggedIn struct {
	Issuer     string    `json:"issuer"`
	Scopes     []string  `json:"scopes,omitempty"`
	ObtainedAt time.Time `json:"obtained_at"`
	// ExpiresAt is when the access token ends; nil where the authorization server did not say.
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	// Renewable says that there is a refresh token, so that the end needs nobody.
	Renewable bool `json:"renewable"`
}
