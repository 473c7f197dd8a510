package authserver

import (
	"encoding/json"
	"net/http"
	"net/url"
)

// MetadataPath is where a client looks for the metadata of a protected resource; the path of the resource
// follows it (RFC 9728 §3.1). Metadata is to be served at MetadataPath and at MetadataPath + "/mcp".
const MetadataPath = "/.well-known/oauth-protected-resource"

// metadata is the document of RFC 9728 §2. authorization_servers is not in it: access keys come from the
// user, and no authorization server issues them.
type metadata struct {
	Resource      string   `json:"resource"`
	BearerMethods []string `json:"bearer_methods_supported"`
	Name          string   `json:"resource_name"`
}

// Metadata answers with the protected-resource metadata of resourceURL, for example
// http://localhost:45818/mcp. It is asked for on each request, since the port is known only at run time.
func Metadata(resourceURL func() string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		body, err := json.Marshal(metadata{Resource: resourceURL(), BearerMethods: []string{"header"}, Name: "McpMux"})
		if err != nil {
			panic(err) // Strings always marshal.
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(body) // A client that is gone needs no answer.
	})
}

// Challenge sets WWW-Authenticate for a 401: where the metadata of the resource is (RFC 9728 §5.1), and,
// when the request had a credential and it is invalid, that it is so (RFC 6750 §3.1). The caller writes
// status and body.
func Challenge(w http.ResponseWriter, resourceURL string, invalid bool) {
	challenge := `Bearer resource_metadata="` + metadataURL(resourceURL) + `"`
	if invalid {
		challenge += `, error="invalid_token"`
	}
	w.Header().Set("WWW-Authenticate", challenge)
}

// metadataURL puts MetadataPath between the origin and the path of a resource (RFC 9728 §3.1).
func metadataURL(resource string) string {
	u, err := url.Parse(resource)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: MetadataPath + u.Path}).String()
}
