package authclient

import (
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
	"github.com/mcpmux/mcpmux/internal/store"
)

// tokens is what a login gave, and what is needed to renew it without asking anybody again.
type tokens struct {
	mcpmux.LoggedIn `json:"-"`

	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token,omitempty"`

	TokenEndpoint string `json:"token_endpoint"`
	Revocation    string `json:"revocation_endpoint,omitempty"`
	// Resource is the resource indicator (RFC 8707) that the tokens are for.
	Resource string `json:"resource"`
	// Requested are the scopes that were asked for in all, whatever was granted.
	Requested []string `json:"requested,omitempty"`
	Client    client   `json:"client"`
}

// client is McpMux as an authorization server knows it.
type client struct {
	ID     string            `json:"client_id"`
	Secret string            `json:"client_secret,omitempty"`
	Method mcpmux.AuthMethod `json:"auth_method"`
	// Origin says how the client id was got.
	Origin clientOrigin `json:"origin"`
	// Redirects are those that were registered, for a dynamic registration.
	Redirects []string `json:"redirect_uris,omitempty"`
	// SecretEnds is when the secret expires, zero meaning never.
	SecretEnds time.Time `json:"secret_ends,omitzero"`
}

// clientOrigin is where a client id came from.
type clientOrigin string

const (
	originHand     clientOrigin = "hand"     // the user's
	originDocument clientOrigin = "document" // a client ID metadata document
	originDynamic  clientOrigin = "dynamic"  // RFC 7591
)

// The secrets in these do not print.

func (tokens) String() string   { return "tokens [redacted]" }
func (tokens) GoString() string { return "tokens [redacted]" }
func (client) String() string   { return "client [redacted]" }
func (client) GoString() string { return "client [redacted]" }

// digest is that of the header that bears the access token.
func (t *tokens) digest() [32]byte { return digestOf(Bearer(t.Access)) }

// Bearer is the Authorization header of an access token (RFC 6750 §2.1).
func Bearer(access string) string { return "Bearer " + access }

// good says whether the tokens are for where a Server is: values of its Inputs may have led it elsewhere. Those of a
// Server of MCP 2025-03-26 name no resource, but it is its own authorization server.
func (t *tokens) good(target Target) bool {
	u, err := url.Parse(target.URL)
	if err != nil {
		return false
	}
	if t.Resource == "" {
		return t.Issuer == originOf(u).String()
	}
	return covers(t.Resource, u)
}

// maxSkew is how long before their end tokens count as over: the clocks of others and the way to them. Of short
// lives it is a tenth.
const maxSkew = 60 * time.Second

// over says that the access token's time has come.
func (t *tokens) over(now time.Time) bool {
	if t.ExpiresAt == nil {
		return false
	}
	skew := min(maxSkew, t.ExpiresAt.Sub(t.ObtainedAt)/10)
	return !now.Before(t.ExpiresAt.Add(-skew))
}

func (t *tokens) credential() store.Credential {
	body, _ := json.Marshal(t) //nolint:gosec // G117: it is sealed; texts and times always marshal
	return store.Credential{Kind: store.CredentialTokens, LoggedIn: t.LoggedIn, Body: secret.NewValue(string(body))}
}

// errUnreadable is no more precise, since a JSON error may quote its input.
var errUnreadable = errors.New("a stored login is not readable; log out of the server and log in again")

func readTokens(c store.Credential) (*tokens, error) {
	t := &tokens{}
	if err := json.Unmarshal([]byte(c.Body.Reveal()), t); err != nil {
		return nil, errUnreadable
	}
	t.LoggedIn = c.LoggedIn
	return t, nil
}

func (c *client) credential(issuer string, now time.Time) store.Credential {
	body, _ := json.Marshal(c) //nolint:gosec // as above
	return store.Credential{
		Kind: store.CredentialRegistration, LoggedIn: mcpmux.LoggedIn{Issuer: issuer, ObtainedAt: now}, Body: secret.NewValue(string(body)),
	}
}

func readClient(c store.Credential) (*client, error) {
	out := &client{}
	if err := json.Unmarshal([]byte(c.Body.Reveal()), out); err != nil {
		return nil, errUnreadable
	}
	return out, nil
}

// pending is a login between the browser's leaving and its coming back.
type pending struct {
	Verifier string   `json:"verifier"`
	Cookie   [32]byte `json:"cookie"` // sha256 of the flow cookie; zero where the person pastes
	Redirect string   `json:"redirect_uri"`
	Issuer   string   `json:"issuer"`
	// SendsIss is authorization_response_iss_parameter_supported (RFC 9207 §3).
	SendsIss      bool     `json:"sends_iss,omitempty"`
	TokenEndpoint string   `json:"token_endpoint"`
	Revocation    string   `json:"revocation_endpoint,omitempty"`
	Resource      string   `json:"resource"`
	Scopes        []string `json:"scopes,omitempty"`
	Client        client   `json:"client"`
}

func (pending) String() string   { return "pending login [redacted]" }
func (pending) GoString() string { return "pending login [redacted]" }
