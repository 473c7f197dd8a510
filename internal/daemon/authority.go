package daemon

import (
	"context"
	"net/http"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/authclient"
	"github.com/mcpmux/mcpmux/internal/authserver"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

// newAuthority makes the authorization server that AI applications log in to.
func (d *daemon) newAuthority(ctx context.Context) (*authserver.Server, error) {
	key, err := d.store.RegistrationKey(ctx)
	if err != nil {
		return nil, err
	}
	return authserver.New(authserver.Config{
		Store: d.store, Key: key, Origins: func() []string { return d.front.Origins() },
		ConsentURL: func(hostname, request string) string { return d.desk.consentURL(hostname, request) },
		Fetch:      authclient.FetchPublic, Listening: func(port int) (string, bool) { return d.front.listening(port) },
		OtherUser: func(r *http.Request) (string, bool) { return d.front.otherUser(r) },
		Documents: func() bool { return d.state.Load().SettingBool(mcpmux.SettingClientDocuments) },
		Applied: func(ctx context.Context, revision int64) error {
			ctx, cancel := context.WithTimeout(ctx, appliedWithin)
			defer cancel()
			return d.follow.wait(ctx, revision)
		},
		Changed: func() { d.desk.requestsChanged() }, Audit: d.audit, Log: d.log, Now: time.Now,
	}), nil
}

// audit keeps the record of a decision.
func (d *daemon) audit(a mcpmux.Activity) { d.ledger.decided.record(a) }

// consentURL is the page on which the user decides on a request. Its host is the one by which the browser came, since
// cookies belong to hosts, whatever the port.
func (k *desk) consentURL(hostname, request string) string {
	return first(k.originAt(hostname), k.url()) + "/consent/" + request
}

// requestsChanged tells the dashboard who waits to be let in.
func (k *desk) requestsChanged() {
	if st := k.d.state.Load(); st != nil {
		k.admin.RequestsChanged(st)
	}
}

// requests is the authorization server as the admin API asks it.
type requests struct{ *authserver.Server }

func shownRequest(q authserver.Request) api.Request {
	out := api.Request{
		ID: q.ID, Code: q.Code, ClientName: q.Registration.Name, Kind: q.Registration.Kind, ClientURI: q.Registration.URI,
		RedirectURI: q.RedirectURI, RedirectHost: q.RedirectHost, Loopback: q.Loopback, Listener: q.Listener,
		CustomScheme: q.CustomScheme(), Resource: q.Resource, Alias: q.Alias, Scopes: q.Scopes, Agreed: q.Agreed, AgreedUntil: q.AgreedUntil,
		Client: q.Client, State: string(q.State), CreatedAt: q.CreatedAt, ExpiresAt: q.ExpiresAt,
	}
	if q.Registration.Kind == mcpmux.RegistrationDocument {
		out.ClientID = q.Registration.ID // the other kind's say nothing to people
	}
	return out
}

func (s requests) Open() []api.Request {
	var all []api.Request
	for _, q := range s.Requests() {
		all = append(all, shownRequest(q))
	}
	return all
}

func (s requests) Request(ctx context.Context, id string) (api.Request, error) {
	q, err := s.Server.Request(ctx, id)
	return shownRequest(q), err
}

func (s requests) Bound(r *http.Request, id string) bool { return s.Server.Bound(r, id) }

func (s requests) Approve(ctx context.Context, id string, n store.NewClient, until *time.Time, by string) (mcpmux.ClientID, error) {
	return s.Server.Approve(ctx, id, authserver.Approval{New: n, Until: until, By: by})
}
