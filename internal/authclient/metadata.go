package authclient

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// challenge is what a Server asks for when it refuses a request (RFC 6750 §3, RFC 9728 §5.1).
type challenge struct {
	bearer           bool // there was one
	resourceMetadata string
	scope            string
	err              string
}

// maxChallenge bounds what is read of one header; the SDK's parser takes time by its square.
const maxChallenge = 8 << 10

// parseChallenge reads WWW-Authenticate. What cannot be read asks for nothing in particular, and hides no other
// header.
func parseChallenge(header []string) challenge {
	for _, h := range header {
		if len(h) > maxChallenge {
			continue
		}
		all, err := oauthex.ParseWWWAuthenticate([]string{h})
		if err != nil {
			continue
		}
		for _, c := range all {
			if c.Scheme == "bearer" {
				return challenge{
					bearer: true, resourceMetadata: c.Params["resource_metadata"], scope: scopeText(c.Params["scope"]), err: c.Params["error"],
				}
			}
		}
	}
	return challenge{}
}

// scopeText keeps of a list of scopes what may stand in one (RFC 6749 §3.3).
func scopeText(text string) string {
	if len(text) > 4096 || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == '"' || c == '\\' || c >= 0x7f }) {
		return ""
	}
	return strings.Join(strings.Fields(text), " ")
}

// protectedResource is what a Server says of itself (RFC 9728), checked.
type protectedResource struct {
	Resource string
	Issuers  []string
	Scopes   []string
}

// findResource reads a Server's protected resource metadata: where the challenge says it is, and nowhere else; else
// at the well-known place of its path, else at that of its origin (RFC 9728 §3.1, MCP 2026-07-28
// basic/authorization §Protected Resource Metadata Discovery). Nil says that there is none. A document that is
// there and wrong ends the search.
func (w *web) findResource(ctx context.Context, server *url.URL, hint string) (*protectedResource, error) {
	places := []string{hint}
	if hint == "" {
		places = []string{wellKnown(server, "oauth-protected-resource")}
		if strings.Trim(server.Path, "/") != "" {
			places = append(places, wellKnown(originOf(server), "oauth-protected-resource"))
		}
	}
	for _, place := range places {
		var doc oauthex.ProtectedResourceMetadata
		found, err := w.getJSON(ctx, place, &doc)
		if err != nil {
			return nil, err
		}
		if found {
			return w.checkResource(server, &doc)
		}
	}
	if hint != "" {
		return nil, unusable("the server names %s for its metadata, and nothing is there", shown(hint))
	}
	return nil, nil
}

// wellKnown is the address of a well-known document: the name comes between the host and the path (RFC 8615,
// RFC 8414 §3.1, RFC 9728 §3.1).
func wellKnown(u *url.URL, name string) string {
	return originOf(u).String() + "/.well-known/" + name + strings.TrimSuffix(u.EscapedPath(), "/")
}

func originOf(u *url.URL) *url.URL { return &url.URL{Scheme: u.Scheme, Host: u.Host} }

func (w *web) checkResource(server *url.URL, doc *oauthex.ProtectedResourceMetadata) (*protectedResource, error) {
	if !covers(doc.Resource, server) {
		return nil, unusable("the metadata of this server is of another resource (%.200q), so its login is not trusted", doc.Resource)
	}
	if len(doc.AuthorizationServers) == 0 {
		return nil, unusable("the metadata of this server names no authorization server")
	}
	for _, issuer := range doc.AuthorizationServers {
		u, err := w.check(issuer)
		if err != nil {
			return nil, err
		}
		if u.RawQuery != "" || u.ForceQuery { // RFC 8414 §2
			return nil, unusable("the metadata of this server names an authorization server whose address has a query")
		}
	}
	scopes := slices.DeleteFunc(slices.Clone(doc.ScopesSupported), func(s string) bool { return s == "" || scopeText(s) != s || strings.Contains(s, " ") })
	return &protectedResource{Resource: doc.Resource, Issuers: doc.AuthorizationServers, Scopes: scopes}, nil
}

// covers says whether metadata of resource speaks for a Server: it is that Server, or one at the same origin whose
// path is above, segment by segment. RFC 9728 §3.3 wants equality; many servers name their origin.
func covers(resource string, server *url.URL) bool {
	u, err := url.Parse(resource)
	if err != nil || u.User != nil || u.Fragment != "" || u.Opaque != "" ||
		!strings.EqualFold(u.Scheme, server.Scheme) || !strings.EqualFold(u.Host, server.Host) {
		return false
	}
	if u.RawQuery != "" && u.RawQuery != server.RawQuery {
		return false
	}
	above, path := strings.TrimSuffix(u.EscapedPath(), "/"), strings.TrimSuffix(server.EscapedPath(), "/")
	if slices.Contains(strings.Split(above, "/"), "..") {
		return false
	}
	return above == path || strings.HasPrefix(path, above+"/")
}

// issuerMetadata is what an authorization server says of itself (RFC 8414, RFC 8628 §4, RFC 9207 §3).
type issuerMetadata struct {
	oauthex.AuthServerMeta

	DeviceAuthorizationEndpoint string `json:"device_authorization_endpoint"`
	SendsIss                    bool   `json:"authorization_response_iss_parameter_supported"`
}

// findIssuer reads the metadata of an authorization server, in the order of MCP 2026-07-28 basic/authorization
// §Authorization Server Metadata Discovery. Nil says that there is none. The issuer that a document names is
// compared byte by byte with the one that was asked for (RFC 8414 §3.3).
func (w *web) findIssuer(ctx context.Context, issuer string) (*issuerMetadata, error) {
	u, err := w.check(issuer)
	if err != nil {
		return nil, err
	}
	places := []string{wellKnown(u, "oauth-authorization-server"), wellKnown(u, "openid-configuration")}
	if path := strings.TrimSuffix(u.EscapedPath(), "/"); path != "" {
		places = append(places, originOf(u).String()+path+"/.well-known/openid-configuration")
	}
	for _, place := range places {
		m := &issuerMetadata{}
		found, err := w.getJSON(ctx, place, m)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		if err := w.checkIssuer(issuer, m); err != nil {
			return nil, err
		}
		return m, nil
	}
	return nil, nil
}

func (w *web) checkIssuer(issuer string, m *issuerMetadata) error {
	if m.Issuer != issuer {
		return unusable("the metadata of %s is that of another authorization server (%.200q)", hostOf(issuer), m.Issuer)
	}
	if m.TokenEndpoint == "" {
		return unusable("the metadata of %s names no token endpoint", hostOf(issuer))
	}
	for _, address := range []string{m.AuthorizationEndpoint, m.TokenEndpoint, m.RegistrationEndpoint, m.RevocationEndpoint, m.DeviceAuthorizationEndpoint} {
		if address == "" {
			continue
		}
		if _, err := w.check(address); err != nil {
			return err
		}
	}
	return nil
}

// requireCode says whether the authorization server can be trusted with a code: it proves who asked for it, by
// PKCE with S256, and must say so (OAuth 2.1 §7.5.2, MCP 2026-07-28 basic/authorization §Authorization Code
// Protection).
func (m *issuerMetadata) requireCode() error {
	if m.AuthorizationEndpoint == "" {
		return unusable("the metadata of %s names no authorization endpoint", hostOf(m.Issuer))
	}
	if !slices.Contains(m.CodeChallengeMethodsSupported, "S256") {
		return unusable("%s does not say that it protects logins by PKCE with S256 (code_challenge_methods_supported), so nobody is sent there", hostOf(m.Issuer))
	}
	return nil
}
