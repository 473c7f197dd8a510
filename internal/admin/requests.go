package admin

import (
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

// openRequests are those that wait, as r may see them: a browser that did not begin one is not told its code, so that
// who decides there has to have looked at the page.
func (a *Admin) openRequests(st *mcpmux.State, r *http.Request) []api.Request {
	all := a.cfg.Requests.Open()
	for i := range all {
		a.complete(st, &all[i], r)
	}
	return all
}

// complete fills in what the user's own names are for.
func (a *Admin) complete(st *mcpmux.State, q *api.Request, r *http.Request) {
	for _, c := range st.Clients {
		if c.ID == q.Client {
			q.KnownClient, q.Wider = c.Name, !q.Agreed
		}
	}
	if r == nil || fromDashboard(r) && !a.cfg.Requests.Bound(r, q.ID) {
		q.Code = ""
	}
}

// RequestsChanged tells whoever listens who waits now.
func (a *Admin) RequestsChanged(st *mcpmux.State) {
	a.Publish("request", struct {
		Requests []api.Request `json:"requests"`
	}{a.openRequests(st, nil)})
}

// withRequests adds what waits to the Clients: to the one that it is, or as one that is not yet.
func withRequests(clients []api.Client, waiting []api.Request) []api.Client {
	for _, q := range waiting {
		i := slices.IndexFunc(clients, func(c api.Client) bool { return q.KnownClient != "" && c.Name == q.KnownClient })
		if i >= 0 {
			clients[i].Request = &q
			continue
		}
		clients = append(clients, api.Client{
			Client: mcpmux.Client{Name: q.ClientName, Mode: mcpmux.ModeFollow, CreatedAt: q.CreatedAt},
			Grants: []api.Grant{}, Keys: []mcpmux.AccessKey{}, Authorizations: []mcpmux.Authorization{}, Request: &q,
		})
	}
	return clients
}

func (a *Admin) listRequests(r *http.Request) ([]api.Request, error) {
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return nil, err
	}
	return append([]api.Request{}, a.openRequests(st, r)...), nil
}

// request is the one that the path names. In a browser it opens only where it was begun.
func (a *Admin) request(r *http.Request) (*mcpmux.State, api.Request, error) {
	id := r.PathValue("id")
	q, err := a.cfg.Requests.Request(r.Context(), id)
	if err == nil && fromDashboard(r) && !a.cfg.Requests.Bound(r, id) {
		err = mcpmux.Errorf(mcpmux.CodeNotFound, "there is no such request in this browser; open the page where the application opened it")
	}
	if err != nil {
		return nil, q, err
	}
	st, err := a.cfg.Store.Load(r.Context())
	if err == nil {
		a.complete(st, &q, r)
	}
	return st, q, err
}

func (a *Admin) showRequest(r *http.Request) (api.Request, error) {
	_, q, err := a.request(r)
	return q, err
}

func (a *Admin) approveRequest(r *http.Request, d api.Decision) (api.Decided, error) {
	st, q, err := a.toDecide(r, d.Code)
	if err != nil {
		return api.Decided{}, err
	}
	if _, err := a.approve(r, st, q, d); err != nil {
		return api.Decided{}, err
	}
	return a.decided(r, q.ID)
}

// toDecide is the request that the path names, for who may decide on it: the browser that began it, the command line,
// and another browser whose user types the code of the page.
func (a *Admin) toDecide(r *http.Request, code string) (*mcpmux.State, api.Request, error) {
	st, q, err := a.request(r)
	if err == nil || code == "" {
		return st, q, err
	}
	q, found := a.cfg.Requests.Request(r.Context(), r.PathValue("id"))
	if found != nil {
		return nil, q, found
	}
	if subtle.ConstantTimeCompare([]byte(plainCode(code)), []byte(plainCode(q.Code))) == 0 {
		return nil, q, mcpmux.Errorf(mcpmux.CodeDenied, "the code is not the one that the application's page shows")
	}
	if st, err = a.cfg.Store.Load(r.Context()); err == nil {
		a.complete(st, &q, r)
	}
	return st, q, err
}

// plainCode is a code as people may type it: in any case, with or without the hyphen.
func plainCode(code string) string {
	return strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(code))
}

func (a *Admin) denyRequest(r *http.Request) (api.Decided, error) {
	_, q, err := a.request(r)
	if err != nil {
		return api.Decided{}, err
	}
	if err := a.cfg.Requests.Deny(q.ID, actor(r)); err != nil {
		return api.Decided{}, err
	}
	return a.decided(r, q.ID)
}

func (a *Admin) decided(r *http.Request, id string) (api.Decided, error) {
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return api.Decided{}, err
	}
	q, err := a.cfg.Requests.Request(r.Context(), id)
	if err != nil {
		return api.Decided{}, err
	}
	a.complete(st, &q, r)
	out := api.Decided{Request: q}
	if a.cfg.Requests.Bound(r, id) {
		out.Redirect = a.cfg.Requests.Location(id)
	}
	return out, nil
}

// approve carries a decision out, and answers the Client that the application is. What the decision says of a Client
// that is known is written first: the application may call the moment it is let in.
func (a *Admin) approve(r *http.Request, st *mcpmux.State, q api.Request, d api.Decision) (mcpmux.ClientID, error) {
	until, err := a.expiry(d.ExpiresIn)
	if err != nil {
		return "", err
	}
	n, err := newClient(st, api.NewClient{Name: d.Name, Mode: d.Mode, Space: d.Space, Grants: d.Grants})
	if err != nil {
		return "", err
	}
	if q.KnownClient != "" && q.State == waitingState { // Approve says what is wrong with one that does not wait.
		if until == nil && q.Agreed {
			until = q.AgreedUntil
		}
		if err := a.change(r, q.Client, n, d); err != nil {
			return "", err
		}
	}
	return a.cfg.Requests.Approve(r.Context(), q.ID, n, until, actor(r))
}

// waitingState is that of a Request that nobody has decided on.
const waitingState = "waiting"

// change gives a known Client what a decision says.
func (a *Admin) change(r *http.Request, id mcpmux.ClientID, n store.NewClient, d api.Decision) error {
	if d.Mode != "" {
		if _, err := a.cfg.Store.SetClientMode(r.Context(), id, n.Mode, n.Space); err != nil {
			return err
		}
	}
	if d.Grants == nil {
		return nil
	}
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return err
	}
	sp, err := findSpace(st, d.Space)
	if err != nil {
		return err
	}
	sets := make([]mcpmux.FeatureSetID, len(n.Grants))
	for i, g := range n.Grants {
		sets[i] = g.Set
	}
	_, err = a.cfg.Store.SetGrants(r.Context(), id, sp.ID, sets)
	return err
}

// waiting finds the request that a name means: a Client's or an application's name, an id, or a code. What an application
// calls itself does not stand for a request where a Client has that name: whoever names the Client means it.
func (a *Admin) waiting(st *mcpmux.State, r *http.Request, name string) (found api.Request, ok bool, err error) {
	for _, q := range a.openRequests(st, r) {
		if q.ID == name || q.Code != "" && plainCode(q.Code) == plainCode(name) {
			return q, true, nil
		}
		if strings.EqualFold(q.KnownClient, name) || isNamesake(q, name) && !isClient(st, name) {
			if ok {
				err = mcpmux.Errorf(mcpmux.CodeConflict, "more than one application %q waits; say which by the code that its page shows: %s, %s …", name, found.Code, q.Code)
			}
			found, ok = q, true
		}
	}
	return found, ok, err
}

// isNamesake says whether an application that is no Client calls itself so.
func isNamesake(q api.Request, name string) bool {
	return q.KnownClient == "" && strings.EqualFold(q.ClientName, name)
}

func isClient(st *mcpmux.State, name string) bool {
	_, err := findClient(st, name)
	return err == nil
}

// approveClient approves what the named Client waits for; where it waits for nothing it takes a denial back.
func (a *Admin) approveClient(r *http.Request, d api.Decision) (api.Client, error) {
	ctx, name := r.Context(), r.PathValue("name")
	st, err := a.cfg.Store.Load(ctx)
	if err != nil {
		return api.Client{}, err
	}
	q, ok, err := a.waiting(st, r, name)
	if err != nil {
		return api.Client{}, err
	}
	if ok {
		if fromDashboard(r) && !a.cfg.Requests.Bound(r, q.ID) {
			return api.Client{}, mcpmux.Errorf(mcpmux.CodeDenied, "approve the application on the page that it opened, or here with the code that the page shows")
		}
		if q, err = a.cfg.Requests.Request(ctx, q.ID); err != nil { // as it is now
			return api.Client{}, err
		}
		a.complete(st, &q, r)
		id, err := a.approve(r, st, q, d)
		return a.clientAfter(r, id, 0, err)
	}
	if q, ok := a.namesake(st, r, name); ok {
		return api.Client{}, mcpmux.Errorf(mcpmux.CodeConflict, "there is a client %q, and another application that calls itself so waits to be let in: approve that by the code that its page shows (%s)", name, q.Code)
	}
	if d.Mode != "" || d.Space != "" || d.Grants != nil || d.ExpiresIn != nil || d.Name != "" {
		return api.Client{}, mcpmux.Errorf(mcpmux.CodeInvalid, "no application %q waits to be let in, so there is nothing that mode, Space, grants or an end could be of", name)
	}
	c, err := findClient(st, name)
	if err != nil {
		return api.Client{}, err
	}
	rev, err := a.cfg.Store.SetClientApproved(ctx, c.ID, true)
	return a.clientAfter(r, c.ID, rev, err)
}

// namesake is an application that waits and calls itself as a Client is called that is let in already.
func (a *Admin) namesake(st *mcpmux.State, r *http.Request, name string) (api.Request, bool) {
	if c, err := findClient(st, name); err != nil || !c.Approved {
		return api.Request{}, false
	}
	all := a.openRequests(st, r)
	i := slices.IndexFunc(all, func(q api.Request) bool { return isNamesake(q, name) })
	if i < 0 {
		return api.Request{}, false
	}
	return all[i], true
}

// denyClient denies what the named Client waits for; where it waits for nothing it is let in no longer.
func (a *Admin) denyClient(r *http.Request) (api.Client, error) {
	ctx, name := r.Context(), r.PathValue("name")
	st, err := a.cfg.Store.Load(ctx)
	if err != nil {
		return api.Client{}, err
	}
	q, ok, err := a.waiting(st, r, name)
	if err != nil {
		return api.Client{}, err
	}
	if ok {
		if err := a.cfg.Requests.Deny(q.ID, actor(r)); err != nil {
			return api.Client{}, err
		}
		q.State = "denied"
		shown := withRequests(nil, []api.Request{q})[0]
		if c, err := findClient(st, q.KnownClient); err == nil && q.KnownClient != "" {
			shown = clientResource(st, c, a.cfg.Gateway.Connected())
			shown.Request = &q
		}
		return shown, nil
	}
	c, err := findClient(st, name)
	if err != nil {
		return api.Client{}, err
	}
	rev, err := a.cfg.Store.SetClientApproved(ctx, c.ID, false)
	return a.clientAfter(r, c.ID, rev, err)
}

// logoutClient ends a Client's logins, and forgets what the user agreed to.
func (a *Admin) logoutClient(r *http.Request) (api.Client, error) {
	_, c, err := a.client(r)
	if err != nil {
		return api.Client{}, err
	}
	rev, err := a.cfg.Store.ForgetConsents(r.Context(), c.ID)
	return a.clientAfter(r, c.ID, rev, err)
}
