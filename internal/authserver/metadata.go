package authserver

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

const (
	// MetadataPath is where a client looks for the metadata of a protected resource; the path of the resource
	// follows it (RFC 9728 §3.1).
	MetadataPath = "/.well-known/oauth-protected-resource"

	// serverMetadataPath is where it looks for ours (RFC 8414 §3.1).
	serverMetadataPath = "/.well-known/oauth-authorization-server"
)

// The scopes. scopeMCP is needed to call the gateway; scopeOffline is what clients ask for that want a refresh
// token, which they get in any case.
const (
	scopeMCP     = "mcp"
	scopeOffline = "offline_access"
)

// resource is the document of RFC 9728 §2.
type resource struct {
	Resource string   `json:"resource"`
	Servers  []string `json:"authorization_servers"`
	Scopes   []string `json:"scopes_supported"`
	Methods  []string `json:"bearer_methods_supported"`
	Name     string   `json:"resource_name"`
}

// serveResource tells of the very address that the client uses, which it compares with its own (RFC 9728 §3.3).
func (s *Server) serveResource(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, MetadataPath)
	if path == "" || path == "/" {
		path = "/mcp"
	}
	if _, ok := aliasOfPath(path); !ok {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "not_found", "error_description": "no MCP endpoint has the path " + path})
		return
	}
	writeJSON(w, http.StatusOK, resource{
		Resource: s.originOf(r) + path, Servers: []string{s.issuer()}, Scopes: []string{scopeMCP}, Methods: []string{"header"}, Name: "McpMux",
	})
}

// originOf is the origin that a client used; its Host was checked.
func (s *Server) originOf(r *http.Request) string {
	all := s.cfg.Origins()
	for _, o := range all {
		if _, host, _ := strings.Cut(o, "://"); strings.EqualFold(host, r.Host) {
			return o
		}
	}
	return all[0]
}

// aliasForm is the form of an alias; the store insists on it too. What is asked for is shown to the user and kept, so
// no other text gets that far.
var aliasForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// aliasOfPath is the Server of an endpoint of the gateway, "" where it is all of them; ok is false for a path that
// is no endpoint.
func aliasOfPath(path string) (alias string, ok bool) {
	path = strings.TrimSuffix(path, "/")
	switch path {
	case "", "/mcp", "/sse", "/messages":
		return "", true
	}
	for _, prefix := range []string{"/mcp/s/", "/sse/s/"} {
		if alias, ok := strings.CutPrefix(path, prefix); ok && aliasForm.MatchString(alias) {
			return alias, true
		}
	}
	return "", false
}

// aliasOfResource reads the resource parameter (RFC 8707 §2): an address of the gateway, with any of its names.
func (s *Server) aliasOfResource(text string) (alias string, ok bool) {
	if text == "" {
		return "", true // a client of before MCP 2025-06-18
	}
	u, err := url.Parse(text)
	if err != nil || u.Fragment != "" || u.RawQuery != "" || u.User != nil || strings.Contains(text, "#") {
		return "", false
	}
	origin := strings.ToLower(u.Scheme + "://" + u.Host)
	if !slices.Contains(s.cfg.Origins(), origin) {
		return "", false
	}
	return aliasOfPath(u.Path)
}

// metadata is the document of RFC 8414 §2.
type metadata struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Registration  string   `json:"registration_endpoint"`
	Revocation    string   `json:"revocation_endpoint"`
	ResponseTypes []string `json:"response_types_supported"`
	ResponseModes []string `json:"response_modes_supported"`
	GrantTypes    []string `json:"grant_types_supported"`
	Challenges    []string `json:"code_challenge_methods_supported"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
	RevokeMethods []string `json:"revocation_endpoint_auth_methods_supported"`
	Scopes        []string `json:"scopes_supported"`
	Documents     bool     `json:"client_id_metadata_document_supported"`
	Iss           bool     `json:"authorization_response_iss_parameter_supported"`
}

func (s *Server) serveMetadata(w http.ResponseWriter, _ *http.Request) {
	iss, none := s.issuer(), []string{"none"}
	writeJSON(w, http.StatusOK, metadata{
		Issuer: iss, Authorization: iss + authorizePath, Token: iss + tokenPath, Registration: iss + registerPath, Revocation: iss + revokePath,
		ResponseTypes: []string{"code"}, ResponseModes: []string{"query"}, GrantTypes: []string{grantCode, grantRefresh},
		Challenges: []string{"S256"}, AuthMethods: none, RevokeMethods: none, Scopes: []string{scopeMCP, scopeOffline}, Documents: s.cfg.Documents(), Iss: true,
	})
}

// Challenge sets WWW-Authenticate for a request that was refused with err (one of Verify's): where the metadata of the
// resource is (RFC 9728 §5.1), the scope to ask for, and, where there was a credential, what is wrong with it
// (RFC 6750 §3.1). It answers the status that belongs to it; the caller writes status and body.
func (s *Server) Challenge(w http.ResponseWriter, r *http.Request, err error) (status int) {
	path := r.URL.Path
	if _, ok := aliasOfPath(path); !ok || path == "/messages" {
		path = "/mcp"
	}
	challenge := `Bearer resource_metadata="` + s.originOf(r) + MetadataPath + (&url.URL{Path: path}).EscapedPath() + `", scope="` + scopeMCP + `"`
	status = http.StatusUnauthorized
	switch {
	case errors.Is(err, ErrNoCredential):
	case errors.Is(err, ErrScope):
		challenge += `, error="insufficient_scope"`
		status = http.StatusForbidden
	case errors.Is(err, ErrNotApproved):
		return http.StatusForbidden // Another token would not help.
	default:
		challenge += `, error="invalid_token"`
	}
	w.Header().Set("WWW-Authenticate", challenge)
	return status
}

// writeJSON answers a client. Nothing of it is to be kept by whoever stands between.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // Our own types always marshal.
	}
	writeBody(w, status, append(body, '\n'))
}

func writeBody(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache") // RFC 6749 §5.1 asks for it
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // A client that is gone needs no answer.
}
