package admin

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

// client is the state and the Client that the path names.
func (a *Admin) client(r *http.Request) (*mcpmux.State, mcpmux.Client, error) {
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return nil, mcpmux.Client{}, err
	}
	c, err := findClient(st, r.PathValue("name"))
	return st, c, err
}

// clientResource is a Client as the API shows it. open is what each has open to the gateway.
func clientResource(st *mcpmux.State, c mcpmux.Client, open map[mcpmux.ClientID]int) api.Client {
	out := api.Client{Client: c, Connected: open[c.ID], Grants: []api.Grant{}, Keys: keysOf(st, c.ID), Authorizations: []mcpmux.Authorization{}}
	for _, l := range st.Authorizations {
		if l.Client == c.ID {
			out.Authorizations = append(out.Authorizations, l)
		}
	}
	if id, _, err := catalog.SpaceOf(c, st); err == nil {
		out.SpaceName = spaceName(st, id)
	}
	for _, g := range st.Grants {
		if g.Client == c.ID {
			out.Grants = append(out.Grants, api.Grant{Space: spaceName(st, g.Space), Set: setName(st, g.Set)})
		}
	}
	return out
}

func clientName(st *mcpmux.State, id mcpmux.ClientID) string {
	for i := range st.Clients {
		if st.Clients[i].ID == id {
			return st.Clients[i].Name
		}
	}
	return string(id)
}

func keysOf(st *mcpmux.State, client mcpmux.ClientID) []mcpmux.AccessKey {
	out := []mcpmux.AccessKey{}
	for _, k := range st.Keys {
		if k.Client == client {
			out = append(out, k)
		}
	}
	return out
}

func (a *Admin) clientAfter(r *http.Request, id mcpmux.ClientID, revision int64, err error) (api.Client, error) {
	st, err := a.settled(r.Context(), revision, err)
	if err != nil {
		return api.Client{}, err
	}
	for _, c := range st.Clients {
		if c.ID == id {
			return clientResource(st, c, a.cfg.Gateway.Connected()), nil
		}
	}
	return api.Client{}, mcpmux.Errorf(mcpmux.CodeNotFound, "the client was removed meanwhile")
}

func (a *Admin) listClients(r *http.Request) ([]api.Client, error) {
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return nil, err
	}
	out, open := []api.Client{}, a.cfg.Gateway.Connected()
	for _, c := range st.Clients {
		out = append(out, clientResource(st, c, open))
	}
	return withRequests(out, a.openRequests(st, r)), nil
}

func (a *Admin) showClient(r *http.Request) (api.Client, error) {
	st, c, err := a.client(r)
	if st == nil {
		return api.Client{}, err
	}
	name := r.PathValue("name")
	var known []api.Client
	if err == nil {
		known, name = []api.Client{clientResource(st, c, a.cfg.Gateway.Connected())}, c.Name
	}
	for _, found := range withRequests(known, a.openRequests(st, r)) {
		if strings.EqualFold(found.Name, name) {
			return found, nil
		}
	}
	return api.Client{}, err
}

// createClient makes a Client that is approved, since its maker is the user, and its first access key.
func (a *Admin) createClient(r *http.Request, body api.NewClient) (api.CreatedClient, error) {
	ctx := r.Context()
	st, err := a.cfg.Store.Load(ctx)
	if err != nil {
		return api.CreatedClient{}, err
	}
	n, err := newClient(st, body)
	if err != nil {
		return api.CreatedClient{}, err
	}
	expires, err := a.expiry(body.ExpiresIn)
	if err != nil {
		return api.CreatedClient{}, err
	}
	c, _, err := a.cfg.Store.CreateClient(ctx, n)
	if err != nil {
		return api.CreatedClient{}, err
	}
	key, hint, hash := a.cfg.NewKey()
	_, rev, err := a.cfg.Store.CreateKey(ctx, c.ID, store.NewKey{Hash: hash, Hint: hint, ExpiresAt: expires})
	if err != nil {
		// Without its key the Client is of no use, and its name would be taken.
		_, _ = a.cfg.Store.DeleteClient(context.WithoutCancel(ctx), c.ID) // the first error is the one to tell
		return api.CreatedClient{}, err
	}
	made, err := a.clientAfter(r, c.ID, rev, nil)
	return api.CreatedClient{Client: made, AccessKey: key}, err
}

// newClient resolves the names in body and fills in what was left out.
func newClient(st *mcpmux.State, body api.NewClient) (store.NewClient, error) {
	n := store.NewClient{Name: body.Name, Mode: body.Mode, Approved: true}
	if n.Mode == "" {
		n.Mode = mcpmux.ModeFollow
	}
	sp, err := findSpace(st, body.Space)
	if err != nil {
		return n, err
	}
	if n.Mode != mcpmux.ModeFollow {
		n.Space = sp.ID
	}
	names := body.Grants
	if names == nil {
		names = []string{mcpmux.AllSetName}
	}
	for _, name := range names {
		set, err := findSet(st, sp, name)
		if err != nil {
			return n, err
		}
		n.Grants = append(n.Grants, mcpmux.Grant{Space: sp.ID, Set: set.ID})
	}
	return n, nil
}

// expiry is when something made now ends that lives this long; nil never ends.
func (a *Admin) expiry(life *mcpmux.Duration) (*time.Time, error) {
	if life == nil {
		return nil, nil
	}
	if *life <= 0 {
		return nil, mcpmux.Errorf(mcpmux.CodeInvalid, "\"expires_in\" must be longer than 0; leave it out for a key that does not expire")
	}
	at := a.cfg.Now().Add(time.Duration(*life))
	return &at, nil
}

func (a *Admin) renameClient(r *http.Request, body api.ClientPatch) (api.Client, error) {
	_, c, err := a.client(r)
	if err != nil {
		return api.Client{}, err
	}
	rev, err := a.cfg.Store.RenameClient(r.Context(), c.ID, body.Name)
	return a.clientAfter(r, c.ID, rev, err)
}

func (a *Admin) deleteClient(r *http.Request) (api.Client, error) {
	st, c, err := a.client(r)
	if err != nil {
		return api.Client{}, err
	}
	rev, err := a.cfg.Store.DeleteClient(r.Context(), c.ID)
	_, err = a.settled(r.Context(), rev, err)
	return clientResource(st, c, nil), err
}

func (a *Admin) setMode(r *http.Request, body api.ClientMode) (api.Client, error) {
	st, c, err := a.client(r)
	if err != nil {
		return api.Client{}, err
	}
	var space mcpmux.SpaceID
	if body.Mode != mcpmux.ModeFollow || body.Space != "" {
		sp, err := findSpace(st, body.Space)
		if err != nil {
			return api.Client{}, err
		}
		space = sp.ID
	}
	if body.Mode == mcpmux.ModeFollow && space != "" {
		return api.Client{}, mcpmux.Errorf(mcpmux.CodeInvalid, "a client in mode follow is in the active Space; leave \"space\" out, or use mode locked")
	}
	rev, err := a.cfg.Store.SetClientMode(r.Context(), c.ID, body.Mode, space)
	return a.clientAfter(r, c.ID, rev, err)
}

func (a *Admin) answerSwitch(r *http.Request, body api.SwitchAnswer) (api.Client, error) {
	_, c, err := a.client(r)
	if err != nil {
		return api.Client{}, err
	}
	rev, err := a.cfg.Store.AnswerSwitch(r.Context(), c.ID, body.Accept)
	return a.clientAfter(r, c.ID, rev, err)
}

// changeGrant makes the handler of a grant's making or taking back.
func changeGrant(write func(*store.Store, context.Context, mcpmux.Grant) (int64, error)) func(*Admin, *http.Request, api.ClientGrant) (api.Client, error) {
	return func(a *Admin, r *http.Request, body api.ClientGrant) (api.Client, error) {
		st, c, err := a.client(r)
		if err != nil {
			return api.Client{}, err
		}
		sp, err := findSpace(st, body.Space)
		if err != nil {
			return api.Client{}, err
		}
		set, err := findSet(st, sp, body.Set)
		if err != nil {
			return api.Client{}, err
		}
		rev, err := write(a.cfg.Store, r.Context(), mcpmux.Grant{Client: c.ID, Space: sp.ID, Set: set.ID})
		return a.clientAfter(r, c.ID, rev, err)
	}
}

func (a *Admin) listKeys(r *http.Request) ([]mcpmux.AccessKey, error) {
	st, c, err := a.client(r)
	if err != nil {
		return nil, err
	}
	return keysOf(st, c.ID), nil
}

func (a *Admin) createKey(r *http.Request, body api.NewKey) (api.CreatedKey, error) {
	_, c, err := a.client(r)
	if err != nil {
		return api.CreatedKey{}, err
	}
	expires, err := a.expiry(body.ExpiresIn)
	if err != nil {
		return api.CreatedKey{}, err
	}
	key, hint, hash := a.cfg.NewKey()
	made, rev, err := a.cfg.Store.CreateKey(r.Context(), c.ID, store.NewKey{Hash: hash, Hint: hint, Label: strings.TrimSpace(body.Label), ExpiresAt: expires})
	_, err = a.settled(r.Context(), rev, err)
	return api.CreatedKey{AccessKey: made, Secret: key}, err
}

func (a *Admin) revokeKey(r *http.Request) (mcpmux.AccessKey, error) {
	st, c, err := a.client(r)
	if err != nil {
		return mcpmux.AccessKey{}, err
	}
	key, err := findKey(st, c, r.PathValue("id"))
	if err != nil {
		return key, err
	}
	rev, err := a.cfg.Store.RevokeKey(r.Context(), key.ID)
	_, err = a.settled(r.Context(), rev, err)
	return key, err
}

// rotateKey makes a key in place of another. The new one lives as long as the old one was to, if nothing else
// is said: rotation is no way to a key that does not expire.
func (a *Admin) rotateKey(r *http.Request, body api.RotatedKey) (api.CreatedKey, error) {
	st, c, err := a.client(r)
	if err != nil {
		return api.CreatedKey{}, err
	}
	old, err := findKey(st, c, r.PathValue("id"))
	if err != nil {
		return api.CreatedKey{}, err
	}
	if body.ExpiresIn == nil && old.ExpiresAt != nil {
		life := mcpmux.Duration(old.ExpiresAt.Sub(old.CreatedAt))
		body.ExpiresIn = &life
	}
	expires, err := a.expiry(body.ExpiresIn)
	if err != nil {
		return api.CreatedKey{}, err
	}
	var grace time.Duration
	if body.Grace != nil {
		grace = time.Duration(*body.Grace)
	}
	if grace < 0 || grace > maxGrace {
		return api.CreatedKey{}, mcpmux.Errorf(mcpmux.CodeInvalid, "\"grace\" is from 0s to %s", maxGrace)
	}
	key, hint, hash := a.cfg.NewKey()
	n := store.NewKey{Hash: hash, Hint: hint, Label: cmp.Or(strings.TrimSpace(body.Label), old.Label), ExpiresAt: expires}
	made, rev, err := a.cfg.Store.RotateKey(r.Context(), old.ID, n, grace)
	_, err = a.settled(r.Context(), rev, err)
	return api.CreatedKey{AccessKey: made, Secret: key}, err
}

// maxGrace bounds for how long a key may be used that was rotated.
const maxGrace = 30 * 24 * time.Hour
