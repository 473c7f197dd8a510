package oauthtest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The well-known addresses: RFC 8414 §3, OpenID Connect Discovery 1.0 §4, RFC 9728 §3; and one that is not.
const (
	asmOAuth  = "/.well-known/oauth-authorization-server"
	asmOIDC   = "/.well-known/openid-configuration"
	prmRoot   = "/.well-known/oauth-protected-resource"
	prmCustom = "/custom/metadata"
)

// asmPath is where the metadata of an authorization server are, "" nowhere.
func (s *Server) asmPath(script *Script) string {
	switch script.ASMPlace {
	case ASMOAuth:
		return asmOAuth + s.issuerPath
	case ASMOIDC:
		return asmOIDC + s.issuerPath
	case ASMOIDCAppend:
		return s.issuerPath + asmOIDC
	}
	return ""
}

// asm are the metadata of an authorization server (RFC 8414 §2).
func (s *Server) asm(as int) map[string]any {
	script, issuer := s.says(), s.issuerOf(as)
	doc := map[string]any{
		"issuer":                                         issuer,
		"authorization_endpoint":                         issuer + "/authorize",
		"token_endpoint":                                 issuer + "/token",
		"registration_endpoint":                          issuer + "/register",
		"revocation_endpoint":                            issuer + "/revoke",
		"device_authorization_endpoint":                  issuer + "/device_authorization",
		"response_types_supported":                       []string{"code"},
		"grant_types_supported":                          grantTypes,
		"code_challenge_methods_supported":               []string{"S256"},
		"token_endpoint_auth_methods_supported":          script.authMethods(),
		"revocation_endpoint_auth_methods_supported":     script.authMethods(),
		"authorization_response_iss_parameter_supported": true,
		"client_id_metadata_document_supported":          true,
	}
	if slices.Contains(script.authMethods(), AuthJWT) {
		doc["token_endpoint_auth_signing_alg_values_supported"] = []string{"ES256", "RS256"}
	}
	if script.Scopes != nil {
		doc["scopes_supported"] = script.Scopes
	}
	return s.apply(doc, script.ASM)
}

// prmPath is where the metadata of the MCP server at path are, "" nowhere.
func (s *Server) prmPath(path string, script *Script) string {
	switch script.PRMPlace {
	case PRMHint, PRMPath:
		return prmRoot + path
	case PRMRoot:
		if path == s.paths[0] {
			return prmRoot
		}
	case PRMCustom:
		return prmCustom + path
	}
	return ""
}

// prmURL is the address of the metadata of the MCP server at path, if they are anywhere.
func (s *Server) prmURL(path string) string {
	return s.origin + prmRoot + path
}

// prm are the metadata of the MCP server at path (RFC 9728 §2).
func (s *Server) prm(path string, script *Script) map[string]any {
	doc := map[string]any{
		"resource":                 s.MCPAt(path),
		"authorization_servers":    []string{s.Issuer()},
		"bearer_methods_supported": []string{"header"},
	}
	if script.ResourceScopes != nil {
		doc["scopes_supported"] = script.ResourceScopes
	}
	return s.apply(doc, script.PRM)
}

// routeMCP finds the endpoint of the MCP servers.
func (s *Server) routeMCP(path string, script *Script) (string, http.HandlerFunc) {
	for _, p := range s.paths {
		switch path {
		case p:
			return MCP, func(w http.ResponseWriter, r *http.Request) { s.protected(w, r, p) }
		case s.prmPath(p, script):
			return PRM, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.prm(p, script)) }
		}
	}
	switch {
	case strings.HasPrefix(path, prmRoot):
		return PRM, http.NotFound
	case strings.Contains(path, asmOAuth), strings.Contains(path, asmOIDC):
		return ASM, http.NotFound // Where a client of 2025-03-26 looks.
	}
	return Other, http.NotFound
}

// sameResource says whether a resource indicator means the MCP server at path: its address, or what its metadata
// call it where that is of the same origin.
func (s *Server) sameResource(resource, path string, script *Script) bool {
	if resource == s.MCPAt(path) {
		return true
	}
	named, _ := s.prm(path, script)["resource"].(string)
	u, err := url.Parse(named)
	return err == nil && resource == named && u.Scheme+"://"+u.Host == s.origin
}

// knownResource says whether a resource indicator means one of the MCP servers.
func (s *Server) knownResource(resource string, script *Script) bool {
	return slices.ContainsFunc(s.paths, func(p string) bool { return s.sameResource(resource, p, script) })
}
