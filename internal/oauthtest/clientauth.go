package oauthtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// assertionType is that of RFC 7523 §2.2.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// proof is by what a client says who it is.
type proof struct {
	method, id, secret, assertion string
}

// authenticate finds out which client a request is of (RFC 6749 §2.3).
func (s *Server) authenticate(r *http.Request, q url.Values, as int, script *Script) (*Client, *refusal) {
	p, no := proofOf(r, q)
	if no != nil {
		return nil, no
	}
	unproven := func(why string) (*Client, *refusal) {
		return nil, &refusal{Code: "invalid_client", Description: why, status: http.StatusUnauthorized, basic: p.method == AuthBasic}
	}
	c := s.client(p.id, as)
	switch {
	case c == nil:
		return unproven("the client is not known")
	case !slices.Contains(script.authMethods(), p.method):
		return unproven(p.method + " is not supported")
	case c.AuthMethod != "" && c.AuthMethod != p.method:
		return unproven("the client is registered for " + c.AuthMethod)
	}
	switch p.method {
	case AuthNone:
		if c.Secret != "" || c.PublicKey != "" {
			return unproven("the client has a secret or a key")
		}
	case AuthJWT:
		if why := s.badAssertion(p.assertion, c, as); why != "" {
			return unproven(why)
		}
	default:
		if c.Secret == "" || subtle.ConstantTimeCompare([]byte(p.secret), []byte(c.Secret)) != 1 {
			return unproven("the secret is wrong")
		}
		if !c.SecretExpires.IsZero() && time.Now().After(c.SecretExpires) {
			return unproven("the secret has expired")
		}
	}
	return c, nil
}

// proofOf reads what a request has; more than one way is an error (RFC 6749 §2.3).
func proofOf(r *http.Request, q url.Values) (proof, *refusal) {
	p, ways := proof{method: AuthNone, id: q.Get("client_id")}, 0
	if user, password, ok := r.BasicAuth(); ok {
		// Both are form-encoded first (RFC 6749 §2.3.1).
		id, err := url.QueryUnescape(user)
		secret, err2 := url.QueryUnescape(password)
		if err != nil || err2 != nil || p.id != "" && p.id != id {
			return p, refuse("invalid_request", "the credentials in the header are malformed")
		}
		p, ways = proof{method: AuthBasic, id: id, secret: secret}, ways+1
	} else if r.Header.Get("Authorization") != "" {
		return p, refuse("invalid_request", "Authorization is not Basic")
	}
	if q.Has("client_secret") {
		p, ways = proof{method: AuthPost, id: q.Get("client_id"), secret: q.Get("client_secret")}, ways+1
	}
	if q.Has("client_assertion") {
		if q.Get("client_assertion_type") != assertionType {
			return p, refuse("invalid_request", "client_assertion_type is not known")
		}
		p, ways = proof{method: AuthJWT, id: q.Get("client_id"), assertion: q.Get("client_assertion")}, ways+1
		if p.id == "" {
			p.id = subject(p.assertion)
		}
	}
	if ways > 1 {
		return p, refuse("invalid_request", "the client proves itself in two ways")
	}
	return p, nil
}

// claims are those of a client's assertion (RFC 7523 §3).
type claims struct {
	Iss string          `json:"iss"`
	Sub string          `json:"sub"`
	Aud json.RawMessage `json:"aud"`
	Exp float64         `json:"exp"`
	Nbf float64         `json:"nbf"`
	Jti string          `json:"jti"`
}

func subject(assertion string) string {
	var c claims
	if parts := strings.Split(assertion, "."); len(parts) == 3 {
		_ = part(parts[1], &c) // What is unreadable has no subject.
	}
	return c.Sub
}

// part reads the header or the claims of a JWT.
func part(text string, into any) error {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// assertionLife is how long an assertion may be valid.
const assertionLife = 5 * time.Minute

// badAssertion says what is wrong with the assertion of a client, "" nothing.
func (s *Server) badAssertion(assertion string, c *Client, as int) string {
	parts := strings.Split(assertion, ".")
	var (
		head struct{ Alg, Typ string }
		said claims
	)
	if len(parts) != 3 || part(parts[0], &head) != nil || part(parts[1], &said) != nil {
		return "the assertion is no JWT"
	}
	if !signed(parts, head.Alg, c.PublicKey) {
		return "the signature is wrong"
	}
	now, end := time.Now(), time.Unix(int64(said.Exp), 0)
	switch {
	case said.Iss != c.ID || said.Sub != c.ID:
		return "iss and sub must be the client"
	case !meant(said.Aud, s.issuerOf(as)):
		return "aud must be the issuer alone"
	case said.Exp == 0 || now.After(end) || end.After(now.Add(assertionLife+5*time.Second)):
		return "exp must be within five minutes"
	case said.Nbf != 0 && time.Unix(int64(said.Nbf), 0).After(now.Add(5*time.Second)):
		return "nbf is in the future"
	case said.Jti == "" || s.seen(c.ID+" "+said.Jti):
		return "jti must be new"
	}
	return ""
}

// meant says whether aud is the issuer and nothing else, as a string or as a list
// (draft-ietf-oauth-rfc7523bis §4: nothing but the issuer).
func meant(aud json.RawMessage, issuer string) bool {
	var one string
	if json.Unmarshal(aud, &one) == nil {
		return one == issuer
	}
	var list []string
	return json.Unmarshal(aud, &list) == nil && len(list) == 1 && list[0] == issuer
}

// seen says whether an assertion came before, and remembers it.
func (s *Server) seen(jti string) (before bool) {
	s.note(func() { before, s.jtis[jti] = s.jtis[jti], true })
	return before
}

// signed verifies the signature of a JWT (RFC 7518 §3.3, §3.4).
func signed(parts []string, alg, publicKey string) bool {
	block, _ := pem.Decode([]byte(publicKey))
	if block == nil {
		return false
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return alg == "ES256" && len(signature) == 64 &&
			ecdsa.Verify(k, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case *rsa.PublicKey:
		return alg == "RS256" && rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], signature) == nil
	}
	return false
}
