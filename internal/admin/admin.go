package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/connect"
	"github.com/mcpmux/mcpmux/internal/guard"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
	"github.com/mcpmux/mcpmux/internal/tally"
)

// Servers is what runs, as this package asks it. Its methods return at once.
type Servers interface {
	Status(mcpmux.ServerID) mcpmux.ServerStatus
	Restart(mcpmux.ServerID) error
	// Logs is the last tail lines, oldest first.
	Logs(id mcpmux.ServerID, tail int) []api.LogLine
	// Follow is Logs and, without a gap, a channel of all later lines, until stop is called.
	Follow(id mcpmux.ServerID, tail int) (lines []api.LogLine, more <-chan api.LogLine, stop func())
}

// Gateway is the gateway, as this package commands it.
type Gateway interface {
	Start(context.Context) error
	Stop(context.Context) error
	Running() bool
	// Addr is host:port of the listener, or of where it would be.
	Addr() string
	// Connected counts what each Client has open: sessions that are in use, and streams.
	Connected() map[mcpmux.ClientID]int
	// Call makes a request as a Client, "" being one that has everything in the active Space, and answers
	// the JSON-RPC response.
	Call(ctx context.Context, client mcpmux.ClientID, alias, method string, params []byte) ([]byte, error)
}

// Logins logs in to Servers. Its errors are for people.
type Logins interface {
	Begin(ctx context.Context, id mcpmux.ServerID, n api.NewLogin) (api.Login, error)
	// Paste ends a login by the address that a browser elsewhere was sent to.
	Paste(ctx context.Context, id mcpmux.ServerID, address string) error
	// Progress is how the login goes that was begun last, once it does not wait any more or ctx ends.
	Progress(ctx context.Context, id mcpmux.ServerID) api.LoginProgress
	// Logout answers the revision.
	Logout(ctx context.Context, id mcpmux.ServerID) (int64, error)
}

// Requests are the applications that wait to be let in. Its errors are for people.
type Requests interface {
	// Open are those that wait, oldest first.
	Open() []api.Request
	// Request is one of them, or one that was decided a short while ago.
	Request(ctx context.Context, id string) (api.Request, error)
	RequestBrowser
	Approve(ctx context.Context, id string, n store.NewClient, until *time.Time, by string) (mcpmux.ClientID, error)
	Deny(id, by string) error
}

// RequestBrowser is the browser that a request began in, and that alone learns its end.
type RequestBrowser interface {
	// Bound says whether r comes from it.
	Bound(r *http.Request, id string) bool
	// Location is where it goes once the request is decided.
	Location(id string) string
}

// Autostart has the system start this daemon when its user logs in. Its errors are for people.
type Autostart interface {
	Status() (api.Service, error)
	Install() error
	Remove() error
}

// Config is what an Admin needs. Log, Wait and Now may be nil.
type Config struct {
	Store    *store.Store
	Servers  Servers
	Gateway  Gateway
	Logins   Logins
	Requests Requests
	Secrets  Secrets
	// Undo is where restoring a backup puts one of what there was.
	Undo Undo
	// Autostart is nil where the system cannot be asked.
	Autostart Autostart
	// Wait returns once the revision is applied to everything that runs.
	Wait func(ctx context.Context, revision int64) error
	// NewKey makes an access key: the key itself, and what is kept of it.
	NewKey  func() (key, hint string, hash [32]byte)
	Process func() api.Process
	// Move has the gateway listen at another address; nil has it do so from its next start on.
	Move func(ctx context.Context, addr string) error
	// Audit keeps the record of a decision; nil keeps none.
	Audit func(mcpmux.Activity)
	// Hide takes secrets out of a text; nil takes out nothing.
	Hide func(string) string
	Log  *slog.Logger
	Now  func() time.Time
	// Host is where AI applications are looked for; without an OS it is this machine, as the user who runs the daemon.
	Host connect.Host
}

// Admin serves the admin API.
type Admin struct {
	cfg    Config
	log    *slog.Logger
	routes []route
	mux    *http.ServeMux
	logins *logins
	events *events
	// Limits by the machine that asks.
	pairings, failures *guard.Limiter
	tally              *tally.Tally
	// digests is the key of what stands for the servers of a preview.
	digests [32]byte
	// elicitations are those that wait for an answer.
	elicitations elicitations
	// arrivals tells of Clients that come and go.
	arrivals arrivals

	// restoring is held by each restoring of a backup: one at a time.
	restoring sync.Mutex

	// turn is held while Changes are read and broadcast; it guards the following.
	turn sync.Mutex
	// base is the revision up to which Changes were broadcast; begun says that there is one.
	base      int64
	begun     bool
	questions []api.Question
}

// New makes an Admin.
func New(cfg Config) (*Admin, error) {
	if cfg.Store == nil || cfg.Servers == nil || cfg.Gateway == nil || cfg.Logins == nil || cfg.Requests == nil || cfg.Secrets == nil || cfg.NewKey == nil || cfg.Process == nil {
		return nil, errors.New("admin: Store, Servers, Gateway, Logins, Requests, Secrets, NewKey and Process are required")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Wait == nil {
		cfg.Wait = func(context.Context, int64) error { return nil }
	}
	if cfg.Hide == nil {
		cfg.Hide = func(t string) string { return t }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Host.OS == "" {
		cfg.Host = connect.ThisHost()
	}
	if cfg.Audit == nil {
		cfg.Audit = func(mcpmux.Activity) {}
	}
	a := &Admin{
		cfg: cfg, log: cfg.Log, events: newEvents(), logins: newLogins(cfg.Store.Install(), cfg.Now),
		pairings: guard.NewLimiter(pairingsPerMinute, pairingsPerMinute).Clock(cfg.Now),
		failures: guard.NewLimiter(failuresPerMinute, failuresPerMinute).Clock(cfg.Now),
		tally:    tally.New(cfg.Store, cfg.Now),
	}
	_, _ = rand.Read(a.digests[:]) // it never fails
	a.routes = table()
	a.mux = a.serveMux()
	return a, nil
}

// Close ends every event stream, and lets no new one begin. What else the API does goes on.
func (a *Admin) Close() {
	a.arrivals.close()
	a.events.close()
	a.logins.close()
}

// Socket serves the API to whoever can open the control socket.
func (a *Admin) Socket() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		a.mux.ServeHTTP(w, r)
	})
}

// settled waits until a write is applied and reads the state that came of it. Revision 0 is a write that
// found nothing to do.
func (a *Admin) settled(ctx context.Context, revision int64, err error) (*mcpmux.State, error) {
	if err != nil {
		return nil, err
	}
	if revision > 0 {
		if err := a.cfg.Wait(ctx, revision); err != nil {
			return nil, err
		}
	}
	return a.cfg.Store.Load(ctx)
}
