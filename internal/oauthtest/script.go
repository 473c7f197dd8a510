package oauthtest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// The endpoints, as Log, Count and Script.Answers name them. Every request to a well-known address is PRM or ASM,
// the fruitless ones too.
const (
	PRM       = "prm" // protected resource metadata
	ASM       = "asm" // authorization server metadata
	Register  = "register"
	Authorize = "authorize"
	Token     = "token"
	Revoke    = "revoke"
	Device    = "device" // where a device asks for a code
	Verify    = "verify" // where the person enters it
	MCP       = "mcp"
	Other     = "other"
)

// Places of the protected resource metadata: Script.PRMPlace.
const (
	PRMHint   = ""       // named by the challenge, at the well-known address of the path
	PRMPath   = "path"   // there, but named by no challenge
	PRMRoot   = "root"   // at the well-known address of the origin, named by no challenge
	PRMCustom = "custom" // at an address of its own, which the challenge names
	PRMNone   = "none"   // nowhere, as before MCP 2025-06-18
)

// Places of the authorization server metadata: Script.ASMPlace.
const (
	ASMOAuth      = ""            // RFC 8414 §3: inserted before the path of the issuer
	ASMOIDC       = "oidc"        // openid-configuration, inserted likewise
	ASMOIDCAppend = "oidc-append" // openid-configuration after the path (OpenID Connect Discovery 1.0 §4)
	ASMNone       = "none"        // nowhere
)

// The ways by which clients prove themselves at the token endpoint.
const (
	AuthNone  = "none"
	AuthBasic = "client_secret_basic"
	AuthPost  = "client_secret_post"
	AuthJWT   = "private_key_jwt"
)

// Members are members of a JSON object that replace those that the server would send, or come on top of them; nil
// takes one away. Strings may have the placeholders {issuer} (the issuer's address), {as} and {origin} (without a
// path: the authorization server, the MCP server), {mcp} and {prm} (the MCP server's address, and that of its
// metadata). json.RawMessage sends what no encoder would.
type Members map[string]any

// Script says how the servers behave. The zero Script is a correct pair.
type Script struct {
	// Fixed when the servers start: Shared is one listener for both, as before MCP 2025-06-18; Host is the name of
	// this machine in every address, "" is 127.0.0.1; IssuerPath, e.g. "/tenant", is the path of the issuer and of its
	// endpoints; Paths are those of the MCP servers, each a resource of its own, nil is /mcp alone; MCP is what they
	// offer besides the tools whoami, slow and admin.
	Shared     bool
	Host       string
	IssuerPath string
	Paths      []string
	MCP        mcptest.Script

	// Account is who logs in, "" is alice.
	Account string
	// Open makes the MCP servers ask for no token.
	Open bool

	// PRMPlace is where the protected resource metadata are, PRM changes them. ResourceScopes are its
	// scopes_supported. Challenge replaces WWW-Authenticate of a 401, ChallengeScope is the scope in it.
	PRMPlace       string
	PRM            Members
	ResourceScopes []string
	Challenge      string
	ChallengeScope string

	// ASMPlace is where the authorization server metadata are, ASM changes them. The server behaves accordingly: an
	// endpoint that is not named does not exist, and what is not named as supported is refused.
	ASMPlace string
	ASM      Members

	// Clients are registered in advance, at the first authorization server alone (see Migrate).
	Clients []Client
	// Documents are client metadata documents, as JSON by their address. Of one that is not here everything is
	// believed, and any loopback address is its redirect address: the server fetches nothing.
	Documents map[string]string
	// AuthMethods are those of the token endpoint; nil is all four.
	AuthMethods []string
	// SecretLife is how long a secret of a registered client is valid, 0 for ever. Registered changes what a client
	// is told when it registers.
	SecretLife time.Duration
	Registered Members

	// Scopes are those that there are at the authorization server; others are refused (invalid_scope). nil: all are
	// known, and none is listed. Granted is what every token gets, "" is what was asked for.
	Scopes  []string
	Granted string
	// Deny redirects with that error, e.g. access_denied. Callback changes the parameters of every redirect, with the
	// placeholders of Members; nil takes one away.
	Deny     string
	Callback url.Values
	// AnyResource does not ask for the parameter resource, as servers did before MCP 2025-06-18. A token without it
	// is then good for every path.
	AnyResource bool

	// Life is how many seconds a token lives, 0 is 3600. Tokens changes the answers with tokens.
	Life   int
	Tokens Members
	// NoRefresh gives no refresh tokens, OfflineOnly gives them for the scope offline_access alone. KeepRefresh keeps
	// one when it is used and does not repeat it; Grace accepts one that was used before, if it is the last.
	NoRefresh   bool
	OfflineOnly bool
	KeepRefresh bool
	Grace       bool

	// Polls are the errors that a device hears before it gets its token, one for each time that it asks, e.g.
	// authorization_pending, slow_down. After access_denied and expired_token there is nothing more. DeviceWaits is
	// authorization_pending until somebody opened the verification address with the code. Interval is in seconds, 0
	// is 1, -1 names none. DeviceAnswer changes the answer of the device endpoint.
	Polls        []string
	DeviceWaits  bool
	Interval     int
	DeviceAnswer Members

	// Needs says which scope a tool needs, "" is every request; nil is admin for the tool admin. Forbid refuses those
	// calls whatever scope the token has.
	Needs  map[string]string
	Forbid bool

	// DateSkew is by how much the header Date is wrong.
	DateSkew time.Duration
	// Answers replace what an endpoint would say; the first that fits counts.
	Answers map[string][]Answer
}

// Answer is what an endpoint says instead of its own. Header values and Body may have the placeholders of Members.
type Answer struct {
	Status int // 0 is 200
	Header map[string]string
	Body   string
	Size   int // blanks before the body
	// Times is how many requests get this answer, 0 is all.
	Times int
	// Grant is the grant_type that this answer is for, "" is any.
	Grant string
	// Hold waits for Release.
	Hold bool
	// Drop ends the connection without an answer.
	Drop bool
	// After does what was asked for, first. What Status, Header and Body do not say remains.
	After bool
}

// Refusal is an error of the token endpoint and those like it (RFC 6749 §5.2), for each request.
func Refusal(code string) Answer {
	status := http.StatusBadRequest
	if code == "invalid_client" {
		status = http.StatusUnauthorized
	}
	return Answer{Status: status, Header: map[string]string{"Content-Type": "application/json"}, Body: `{"error":"` + code + `"}`}
}

// Redirect sends every request to another address, with one of the statuses 301, 302, 303, 307 and 308.
func Redirect(status int, address string) Answer {
	return Answer{Status: status, Header: map[string]string{"Location": address}}
}

// Busy is 429 or 503 for each request, with Retry-After where it is not "": seconds or a date (RFC 9110 §10.2.3).
func Busy(status int, retryAfter string) Answer {
	a := Answer{Status: status, Header: map[string]string{}}
	if retryAfter != "" {
		a.Header["Retry-After"] = retryAfter
	}
	return a
}

// Client is a client of the authorization server.
type Client struct {
	ID, Secret string
	// AuthMethod is how it proves itself; "" is any way that fits what it has.
	AuthMethod string
	// RedirectURIs are where it may be redirected to, of whatever port on loopback; nil is anywhere on loopback.
	RedirectURIs []string
	// Grants are the grant types it may use; nil is all.
	Grants []string
	// PublicKey is the PEM of the key of its assertions: PKIX, of ECDSA P-256 or RSA.
	PublicKey string
	// SecretExpires is the end of its secret; zero is never.
	SecretExpires time.Time

	as         int  // where it is registered
	registered bool // by itself
}

// authMethods are those of the token endpoint.
func (s *Script) authMethods() []string {
	if s.AuthMethods == nil {
		return []string{AuthNone, AuthBasic, AuthPost, AuthJWT}
	}
	return s.AuthMethods
}

func (s *Script) account() string {
	if s.Account == "" {
		return "alice"
	}
	return s.Account
}

func (s *Script) life() time.Duration {
	if s.Life == 0 {
		return time.Hour
	}
	return time.Duration(s.Life) * time.Second
}

// need is the scope that a call needs, "" none.
func (s *Script) need(tool string) string {
	if s.Needs == nil {
		return map[string]string{"admin": "admin"}[tool]
	}
	return s.Needs[tool]
}

// clone is a Script whose maps are its own, so that it may be changed while others read the old one.
func (s *Script) clone() Script {
	c := *s
	c.PRM, c.ASM, c.Registered = maps.Clone(s.PRM), maps.Clone(s.ASM), maps.Clone(s.Registered)
	c.Tokens, c.DeviceAnswer = maps.Clone(s.Tokens), maps.Clone(s.DeviceAnswer)
	c.Documents, c.Needs, c.Callback = maps.Clone(s.Documents), maps.Clone(s.Needs), maps.Clone(s.Callback)
	c.Answers = maps.Clone(s.Answers)
	for name, answers := range c.Answers {
		c.Answers[name] = slices.Clone(answers)
	}
	c.Clients = slices.Clone(s.Clients)
	return c
}
