package oauthtest

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
	grantClient  = "client_credentials"
	grantDevice  = "urn:ietf:params:oauth:grant-type:device_code"
)

var grantTypes = []string{grantCode, grantRefresh, grantClient, grantDevice}

// metadata are what a client says of itself: when it registers (RFC 7591 §2), or in a document.
type metadata struct {
	ClientID        string   `json:"client_id"`
	RedirectURIs    []string `json:"redirect_uris"`
	GrantTypes      []string `json:"grant_types"`
	AuthMethod      string   `json:"token_endpoint_auth_method"`
	ApplicationType string   `json:"application_type"`
}

// register is the registration endpoint (RFC 7591 §3).
func (s *Server) register(w http.ResponseWriter, r *http.Request, as int) {
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	var (
		said = map[string]any{}
		m    = metadata{AuthMethod: AuthBasic, GrantTypes: []string{grantCode}, ApplicationType: "web"} // its defaults
		raw  json.RawMessage
	)
	if json.NewDecoder(r.Body).Decode(&raw) != nil || json.Unmarshal(raw, &m) != nil || json.Unmarshal(raw, &said) != nil {
		refuse("invalid_client_metadata", "the body is no JSON object").write(w)
		return
	}
	script := s.says()
	if no := m.check(&script); no != nil {
		no.write(w)
		return
	}
	c := s.enroll(m, as, &script)
	said["client_id"], said["client_id_issued_at"] = c.ID, time.Now().Unix()
	said["token_endpoint_auth_method"], said["grant_types"] = c.AuthMethod, c.Grants
	if c.Secret != "" {
		said["client_secret"], said["client_secret_expires_at"] = c.Secret, 0
		if !c.SecretExpires.IsZero() {
			said["client_secret_expires_at"] = c.SecretExpires.Unix()
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusCreated, s.apply(said, script.Registered))
}

// check says what is wrong with what a client says of itself, nil nothing.
func (m *metadata) check(script *Script) *refusal {
	switch {
	case !slices.Contains(script.authMethods(), m.AuthMethod):
		return refuse("invalid_client_metadata", "token_endpoint_auth_method "+m.AuthMethod+" is not supported")
	case m.AuthMethod == AuthJWT:
		return refuse("invalid_client_metadata", "keys are registered in advance")
	case slices.ContainsFunc(m.GrantTypes, func(g string) bool { return !slices.Contains(grantTypes, g) }):
		return refuse("invalid_client_metadata", "a grant type is not known")
	case slices.Contains(m.GrantTypes, grantCode) && len(m.RedirectURIs) == 0:
		return refuse("invalid_redirect_uri", "there is none")
	}
	for _, address := range m.RedirectURIs {
		u, err := url.Parse(address)
		if err != nil || !u.IsAbs() || u.Fragment != "" {
			return refuse("invalid_redirect_uri", "not an address without a fragment: "+address)
		}
		// OpenID Connect Registration 1.0 §2: http is for native applications on loopback.
		if u.Scheme == "http" && (m.ApplicationType != "native" || !loopback(u)) {
			return refuse("invalid_redirect_uri", "http is for native applications on loopback: "+address)
		}
	}
	return nil
}

// enroll makes a client.
func (s *Server) enroll(m metadata, as int, script *Script) *Client {
	c := &Client{AuthMethod: m.AuthMethod, RedirectURIs: m.RedirectURIs, Grants: m.GrantTypes, as: as, registered: true}
	s.note(func() {
		s.serial++
		c.ID = "client-" + strconv.Itoa(s.serial)
		if m.AuthMethod != AuthNone {
			c.Secret = s.secret("cs")
			if script.SecretLife != 0 {
				c.SecretExpires = time.Now().Add(script.SecretLife)
			}
		}
		s.clients[c.ID] = c
	})
	return c
}

// client finds a client: registered in advance, by itself, or by the address of its document.
func (s *Server) client(id string, as int) *Client {
	script := s.says()
	for _, c := range script.Clients {
		if c.ID == id && as == 0 {
			return &c
		}
	}
	s.mu.Lock()
	c := s.clients[id]
	s.mu.Unlock()
	if c != nil && c.as == as {
		return c
	}
	if strings.HasPrefix(id, "https://") && s.asm(as)["client_id_metadata_document_supported"] == true {
		return documented(id, as, &script)
	}
	return nil
}

// documented is a client whose id is the address of its metadata document
// (draft-ietf-oauth-client-id-metadata-document §3, §4), nil where its document is wrong.
func documented(id string, as int, script *Script) *Client {
	u, err := url.Parse(id)
	if err != nil || u.Host == "" || u.Path == "" || u.Path == "/" || u.Fragment != "" || u.User != nil {
		return nil
	}
	c := &Client{ID: id, AuthMethod: AuthNone, as: as}
	doc, ok := script.Documents[id]
	if !ok {
		return c
	}
	m := metadata{AuthMethod: AuthNone, GrantTypes: []string{grantCode}}
	if json.Unmarshal([]byte(doc), &m) != nil || m.ClientID != id || m.AuthMethod != AuthNone {
		return nil
	}
	c.RedirectURIs, c.Grants = append([]string{}, m.RedirectURIs...), m.GrantTypes
	return c
}

// may says whether the client may use a grant type.
func (c *Client) may(grant string) bool { return c.Grants == nil || slices.Contains(c.Grants, grant) }

// redirects says whether the client may be redirected to an address. Ports on loopback do not count (RFC 8252 §7.3).
func (c *Client) redirects(address string) bool {
	u, err := url.Parse(address)
	if err != nil || !u.IsAbs() || u.Fragment != "" {
		return false
	}
	if c.RedirectURIs == nil {
		return loopback(u)
	}
	return slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		if registered == address {
			return true
		}
		v, err := url.Parse(registered)
		return err == nil && loopback(u) && u.Scheme == v.Scheme && u.Hostname() == v.Hostname() &&
			u.EscapedPath() == v.EscapedPath() && u.RawQuery == v.RawQuery
	})
}

func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// ForgetClients forgets every client that registered by itself: invalid_client from now on.
func (s *Server) ForgetClients() { s.note(func() { clear(s.clients) }) }

// ExpireSecrets ends the secrets of every client that registered by itself.
func (s *Server) ExpireSecrets() {
	s.note(func() {
		for id, c := range s.clients {
			expired := *c // Others may be reading this one.
			expired.SecretExpires = time.Now().Add(-time.Second)
			s.clients[id] = &expired
		}
	})
}
