package authclient

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

// callbackPath is where browsers come back.
const callbackPath = "/oauth/callback"

// redirectHost is our host as the redirect address of a Server's login names it.
func redirectHost(l mcpmux.LoginConfig) string {
	if l.RedirectHost != "" {
		return l.RedirectHost
	}
	return "127.0.0.1"
}

func (e *Engine) redirect(l mcpmux.LoginConfig) string {
	return e.cfg.Origin(redirectHost(l)) + callbackPath
}

// client is who McpMux is at an authorization server: what the user registered there, else the address of a client
// ID metadata document, else a dynamic registration, kept for later logins; else the user has to register it
// (MCP 2026-07-28 basic/authorization §Client Registration Approaches).
func (e *Engine) client(ctx context.Context, w *web, id mcpmux.ServerID, target Target, at *place) (client, error) {
	switch {
	case target.Login.ClientID != "":
		return e.byHand(ctx, id, target, at)
	case target.Login.ClientMetadataURL != "" && at.meta.ClientIDMetadataDocumentSupported:
		return client{ID: target.Login.ClientMetadataURL, Method: mcpmux.AuthNone, Origin: originDocument}, nil
	}
	redirect := e.redirect(target.Login)
	known, err := e.registrations(ctx, id)
	if err != nil {
		return client{}, err
	}
	if c := known[at.issuer]; c != nil && c.Origin == originDynamic && c.usable(redirect, e.cfg.Now()) {
		return *c, nil
	}
	if at.meta.RegistrationEndpoint == "" {
		return client{}, mcpmux.Errorf(mcpmux.CodeUnavailable,
			"%s registers no applications by itself: register McpMux there by hand with the redirect address %s, and give the server its client id with `mcpmux server set %s --client-id ID`",
			hostOf(at.issuer), redirect, target.Alias)
	}
	c, err := e.register(ctx, w, at, target.Login, redirect)
	if err != nil {
		return client{}, err
	}
	_, err = e.cfg.Store.SaveCredential(context.WithoutCancel(ctx), id, c.credential(at.issuer, e.cfg.Now()))
	return c, err
}

func (c *client) usable(redirect string, now time.Time) bool {
	return slices.Contains(c.Redirects, redirect) && (c.SecretEnds.IsZero() || now.Before(c.SecretEnds))
}

// registrations are the clients that McpMux is at authorization servers, by issuer.
func (e *Engine) registrations(ctx context.Context, id mcpmux.ServerID) (map[string]*client, error) {
	all, err := e.cfg.Store.Credentials(ctx, id)
	if err != nil {
		return nil, err
	}
	known := make(map[string]*client)
	for _, c := range all {
		if c.Kind != store.CredentialRegistration {
			continue
		}
		if known[c.Issuer], err = readClient(c); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// byHand is the client that the user registered. It is of the issuer that the user names, or else of the first
// that it was used with, and is never shown to another.
func (e *Engine) byHand(ctx context.Context, id mcpmux.ServerID, target Target, at *place) (client, error) {
	c := client{ID: target.Login.ClientID, Secret: target.Secret.Reveal(), Origin: originHand}
	c.Method = methodByHand(target, at.meta.TokenEndpointAuthMethodsSupported)
	if target.Login.Issuer != "" {
		return c, nil // discover has compared it
	}
	known, err := e.registrations(ctx, id)
	if err != nil {
		return client{}, err
	}
	for issuer, k := range known {
		if k.Origin == originHand && k.ID == c.ID && issuer != at.issuer {
			return client{}, &NeedsLogin{Reason: "the server names another authorization server (" + hostOf(at.issuer) + ") than the one its client id was used with (" +
				hostOf(issuer) + "); if that is right, set the new client id with `mcpmux server set " + target.Alias + " --client-id ID --issuer URL`"}
		}
	}
	if known[at.issuer] != nil {
		return c, nil
	}
	kept := client{ID: c.ID, Method: c.Method, Origin: originHand} // the secret is among the Server's values
	_, err = e.cfg.Store.SaveCredential(ctx, id, kept.credential(at.issuer, e.cfg.Now()))
	return c, err
}

// methodByHand is how a client that the user registered proves itself: as the user says, else by what it has.
func methodByHand(target Target, offered []string) mcpmux.AuthMethod {
	switch {
	case target.Login.AuthMethod != "":
		return target.Login.AuthMethod
	case target.Key.Reveal() != "":
		return mcpmux.AuthJWT
	case target.Secret.Reveal() == "":
		return mcpmux.AuthNone
	case len(offered) > 0 && !slices.Contains(offered, string(mcpmux.AuthBasic)) && slices.Contains(offered, string(mcpmux.AuthPost)):
		return mcpmux.AuthPost
	}
	return mcpmux.AuthBasic // what RFC 8414 §2 assumes where nothing is said
}

// registrable are the methods that a dynamic registration can have, the best first.
//
//nolint:gochecknoglobals // constant table
var registrable = []mcpmux.AuthMethod{mcpmux.AuthNone, mcpmux.AuthBasic, mcpmux.AuthPost}

// register makes McpMux known to an authorization server (RFC 7591 §3).
func (e *Engine) register(ctx context.Context, w *web, at *place, l mcpmux.LoginConfig, redirect string) (client, error) {
	method := methodToRegister(l, at.meta.TokenEndpointAuthMethodsSupported)
	grants := []string{string(mcpmux.GrantCode), "refresh_token"}
	if at.meta.DeviceAuthorizationEndpoint != "" {
		grants = append(grants, deviceGrant)
	}
	body, _ := json.Marshal(map[string]any{ // texts always marshal
		"client_name": "McpMux", "application_type": "native", "redirect_uris": []string{redirect},
		"grant_types": grants, "response_types": []string{"code"}, "token_endpoint_auth_method": method,
	})
	a, err := w.post(ctx, at.meta.RegistrationEndpoint, "application/json", body, http.Header{"Accept": {"application/json"}})
	if err != nil {
		return client{}, err
	}
	if a.status != http.StatusOK && a.status != http.StatusCreated {
		return client{}, mcpmux.Errorf(mcpmux.CodeUnavailable, "%s did not register McpMux: %v; try another --redirect-host, or register it by hand and give its --client-id",
			hostOf(at.issuer), refusalOf(a))
	}
	var r struct {
		ID     string            `json:"client_id"`
		Secret string            `json:"client_secret"`
		Method mcpmux.AuthMethod `json:"token_endpoint_auth_method"`
		Ends   float64           `json:"client_secret_expires_at"`
	}
	if json.Unmarshal(a.body, &r) != nil || r.ID == "" || !visible(r.ID) || !visible(r.Secret) {
		return client{}, mcpmux.Errorf(mcpmux.CodeUnavailable, "%s answered the registration of McpMux with something that is none", hostOf(at.issuer))
	}
	c := client{ID: r.ID, Secret: r.Secret, Method: method, Origin: originDynamic, Redirects: []string{redirect}}
	if slices.Contains(registrable, r.Method) {
		c.Method = r.Method
	}
	if c.Method != mcpmux.AuthNone && c.Secret == "" {
		c.Method = mcpmux.AuthNone
	}
	if r.Ends > 0 && r.Ends < 1<<40 {
		c.SecretEnds = time.Unix(int64(r.Ends), 0)
	}
	return c, nil
}

// methodToRegister prefers a public client: what runs on a user's machine keeps no secret from its user
// (RFC 8252 §8.4).
func methodToRegister(l mcpmux.LoginConfig, offered []string) mcpmux.AuthMethod {
	if l.AuthMethod != "" && l.AuthMethod != mcpmux.AuthJWT {
		return l.AuthMethod
	}
	for _, m := range registrable {
		if slices.Contains(offered, string(m)) {
			return m
		}
	}
	if len(offered) == 0 {
		return mcpmux.AuthBasic // RFC 8414 §2: the default where nothing is listed
	}
	return mcpmux.AuthNone
}

func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Host
	}
	return "the authorization server"
}
