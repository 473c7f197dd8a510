package authclient

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// place is where a Server's login happens.
type place struct {
	issuer   string
	meta     *issuerMetadata
	resource string   // "" for a Server of MCP 2025-03-26, which knew none
	offered  []string // scopes_supported of the resource
}

// tokens is what will be kept of a login here, but for the tokens.
func (p *place) tokens(c client) tokens {
	return tokens{
		LoggedIn: mcpmux.LoggedIn{Issuer: p.issuer}, TokenEndpoint: p.meta.TokenEndpoint, Revocation: p.meta.RevocationEndpoint,
		Resource: p.resource, Client: c,
	}
}

// discover finds out where a Server's login happens; nil says that the Server asks for none.
func (e *Engine) discover(ctx context.Context, w *web, id mcpmux.ServerID, target Target) (*place, error) {
	u, err := url.Parse(target.URL)
	if err != nil {
		return nil, err
	}
	asked, refusing := e.challenge(ctx, w, id, u)
	res, err := w.findResource(ctx, u, asked.resourceMetadata)
	if err != nil {
		return nil, err
	}
	at := &place{resource: resourceOf(u)}
	switch {
	case res != nil:
		at.resource, at.offered = res.Resource, res.Scopes
		if at.issuer, err = e.chooseIssuer(ctx, id, target, res.Issuers); err != nil {
			return nil, err
		}
	case target.Login.Issuer != "":
		at.issuer = target.Login.Issuer
	case target.Login.Fallback:
		return w.fallback(ctx, u)
	case refusing:
		return nil, mcpmux.Errorf(mcpmux.CodeUnavailable, "the server asks for a login and does not say where: it has no protected resource metadata (RFC 9728). "+
			"If it is of MCP 2025-03-26, allow its ways with `mcpmux server set %[1]s --login-fallback`; if you have a token for it, set a header Authorization", target.Alias)
	default:
		return nil, nil
	}
	if at.meta, err = w.findIssuer(ctx, at.issuer); err != nil {
		return nil, err
	}
	if at.meta == nil {
		return nil, mcpmux.Errorf(mcpmux.CodeUnavailable, "the authorization server %s has no metadata (RFC 8414, OpenID Connect Discovery), so nobody can log in there", hostOf(at.issuer))
	}
	return at, nil
}

// challenge is what the Server last asked for; where that is not known, it is asked now, without a credential.
func (e *Engine) challenge(ctx context.Context, w *web, id mcpmux.ServerID, u *url.URL) (asked challenge, refusing bool) {
	e.mu.Lock()
	asked = e.of(id).asked
	e.mu.Unlock()
	if asked.bearer {
		return asked, true
	}
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	a, err := w.post(ctx, u.String(), "application/json", []byte(ping), http.Header{"Accept": {"application/json, text/event-stream"}})
	if err != nil || a.status != http.StatusUnauthorized {
		return asked, false
	}
	asked = parseChallenge(a.header.Values("Www-Authenticate"))
	e.remember(id, asked)
	return asked, true
}

// resourceOf is the canonical address of a Server (RFC 8707 §2, MCP 2026-07-28 basic/authorization §Canonical
// Server URI).
func resourceOf(u *url.URL) string {
	c := *u
	c.Fragment, c.RawFragment, c.User, c.RawQuery = "", "", nil, ""
	c.Host = strings.ToLower(c.Host)
	if c.Path == "/" {
		c.Path = ""
	}
	return c.String()
}

// chooseIssuer takes the authorization server that the user names, else one that McpMux is known at, else the
// first.
func (e *Engine) chooseIssuer(ctx context.Context, id mcpmux.ServerID, target Target, issuers []string) (string, error) {
	if want := target.Login.Issuer; want != "" {
		if !slices.Contains(issuers, want) {
			return "", &NeedsLogin{Reason: "the server does not name the authorization server that is set for it; it names " + hosts(issuers)}
		}
		return want, nil
	}
	known, err := e.registrations(ctx, id)
	if err != nil {
		return "", err
	}
	for _, issuer := range issuers {
		if known[issuer] != nil {
			return issuer, nil
		}
	}
	return issuers[0], nil
}

func hosts(addresses []string) string {
	var all []string
	for _, a := range addresses {
		all = append(all, hostOf(a))
	}
	return strings.Join(all, ", ")
}

// fallback is what MCP 2025-03-26 did: the Server's own origin is its authorization server, and where that has no
// metadata its endpoints are at default paths (basic/authorization §Fallbacks for Servers without Metadata
// Discovery). The user has allowed it.
func (w *web) fallback(ctx context.Context, u *url.URL) (*place, error) {
	origin := u.Scheme + "://" + u.Host
	at := &place{issuer: origin}
	var err error
	if at.meta, err = w.findIssuer(ctx, origin); err != nil || at.meta != nil {
		return at, err
	}
	at.meta = &issuerMetadata{}
	at.meta.Issuer = origin
	at.meta.AuthorizationEndpoint, at.meta.TokenEndpoint, at.meta.RegistrationEndpoint = origin+"/authorize", origin+"/token", origin+"/register"
	at.meta.CodeChallengeMethodsSupported = []string{"S256"} // nobody says so; it is sent all the same
	at.meta.TokenEndpointAuthMethodsSupported = []string{string(mcpmux.AuthNone)}
	return at, nil
}

// wanted is the scopes to ask for: those that the Server asks for now, else all that its metadata names, else none;
// with those asked for before, so that nothing is lost, and the user's own.
func (e *Engine) wanted(id mcpmux.ServerID, target Target, at *place, have *tokens) []string {
	e.mu.Lock()
	asked := e.of(id).asked
	e.mu.Unlock()
	scopes := strings.Fields(asked.scope)
	if len(scopes) == 0 {
		scopes = at.offered
	}
	var before []string
	if have != nil {
		before = union(have.Requested, have.Scopes)
	}
	return union(scopes, before, target.Login.Scopes)
}

// offline adds offline_access, which OpenID providers want for a refresh token, only where they list it
// (MCP 2026-07-28 basic/authorization §Scope Selection Strategy).
func offline(scopes []string, meta *issuerMetadata) []string {
	if slices.Contains(meta.ScopesSupported, "offline_access") && len(scopes) > 0 {
		return union(scopes, []string{"offline_access"})
	}
	return scopes
}

// forPeople makes errors of the way to a login something that the admin API shows.
func forPeople(err error) error {
	switch e, later := errors.AsType[*TemporaryError](err); {
	case err == nil:
		return nil
	case later:
		return mcpmux.Errorf(mcpmux.CodeUnavailable, "%v; try again later", e)
	}
	if e, ok := errors.AsType[*NeedsLogin](refused(err)); ok {
		return mcpmux.Errorf(mcpmux.CodeUnavailable, "%s", e.Reason)
	}
	return err
}
