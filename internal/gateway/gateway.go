package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/pool"
)

// Identity is who makes a request: a Client, and the access key or the Authorization by which it proved that.
type Identity struct {
	Client mcpmux.ClientID
	Key    mcpmux.KeyID
	// Only is the Server of the one endpoint /mcp/s/<alias> that the proof is good for; "" is every endpoint.
	Only string
}

// Config is what a Gateway needs.
type Config struct {
	// Pool holds the connections to Servers.
	Pool *pool.Pool[*backend.Conn]
	// Verify turns the Authorization header into an Identity.
	Verify func(authorization string) (Identity, error)
	// Challenge answers a request whose credential Verify refused with err (401 or 403).
	Challenge func(w http.ResponseWriter, r *http.Request, err error)
	// Seen notes that a Client was here, and by which credential. It must be cheap.
	Seen func(mcpmux.ClientID, mcpmux.KeyID)
	// Came notes that a session or a listen stream began or ended. It must not block. Nil: nobody wants to know.
	Came func()
	// Record takes the record of a request that was made or refused. It must not block.
	Record func(mcpmux.Activity)
	// Refused takes the record of a request that was refused because its Client has too many, or asks too often: such
	// requests come at any rate. It must not block. Nil is Record.
	Refused func(mcpmux.Activity)
	// Renew gets other credentials for a Server that refused those it was shown, after which the request may be made
	// again. Nil: there are no others.
	Renew func(context.Context, mcpmux.ServerID, *backend.LoginRequiredError) error
	// LoginURL is where a person logs in to a Server; "": nowhere now. Nil: there is no such place for any.
	LoginURL func(context.Context, mcpmux.ServerID) (string, error)
	// LoginEnded returns once the login that was begun last does not wait for its person any more, or ctx ends. It
	// goes with LoginURL.
	LoginEnded func(context.Context, mcpmux.ServerID)
	// Elicit puts an elicitation for a client that cannot be asked to whoever sits at the dashboard; false means
	// that nobody does. It may be nil.
	Elicit func(ctx context.Context, e mcpmux.Elicitation) (result []byte, ok bool)
	// Sessions keeps the sessions of initialize-based clients; nil: they end with the daemon.
	Sessions SessionStore
	// StateKey is what the ids of tasks are made with that clients are shown; who has the same one, such as the
	// next daemon, knows them again. Empty means a key that nobody else has.
	StateKey []byte
	// Version is what the gateway says of itself to clients.
	Version string
	Log     *slog.Logger
}

// Gateway is the MCP endpoint.
type Gateway struct {
	cfg      Config
	born     time.Time
	info     []byte // Implementation object of the gateway, JSON
	current  atomic.Pointer[snapshot]
	sessions *sessions
	keeper   *keeper
	hub      *hub
	streams  *streams
	parking  *parking
	tickets  *tickets
	owners   *owners
	emitted  *emitted
	tasks    *tasks
	drain    atomic.Pointer[latch]
}

// snapshot is everything a request reads of the State. It is replaced whole.
type snapshot struct {
	revision    int64
	views       map[mcpmux.ClientID]*catalog.View
	keys        map[mcpmux.KeyID]struct{}
	quotas      map[mcpmux.ClientID]*quota
	rate        rate
	callTimeout time.Duration
	pageSize    int
	owned       []mcpmux.ServerID // Servers with a connection for each session
}

// New returns a Gateway that shows nothing until the first Apply.
func New(cfg Config) (*Gateway, error) {
	if cfg.Pool == nil || cfg.Verify == nil || cfg.Challenge == nil || cfg.Log == nil {
		return nil, errors.New("gateway: Pool, Verify, Challenge and Log are needed")
	}
	if cfg.Seen == nil {
		cfg.Seen = func(mcpmux.ClientID, mcpmux.KeyID) {}
	}
	if cfg.Came == nil {
		cfg.Came = func() {}
	}
	if cfg.Record == nil {
		cfg.Record = func(mcpmux.Activity) {}
	}
	if cfg.Refused == nil {
		cfg.Refused = cfg.Record
	}
	g := &Gateway{
		cfg:      cfg,
		born:     time.Now(),
		info:     []byte(`{"name":"mcpmux","title":"McpMux","version":` + strconv.Quote(cfg.Version) + `}`),
		sessions: newSessions(),
		keeper:   newKeeper(cfg.Sessions, cfg.Log),
		streams:  newStreams(),
		parking:  newParking(),
		tickets:  newTickets(),
		owners:   newOwners(),
		emitted:  newEmitted(),
		tasks:    newTasks(cfg.StateKey, cfg.Pool),
	}
	g.hub = newHub(cfg.Pool, cfg.Log)
	g.current.Store(&snapshot{})
	g.Resume()
	return g, nil
}

// Handler serves /mcp and /mcp/s/{alias}, and the addresses of HTTP+SSE.
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/mcp", func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, "") })
	mux.HandleFunc("/mcp/s/{alias}", func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, r.PathValue("alias")) })
	// The addresses of HTTP+SSE (MCP 2024-11-05), which GET /mcp leads to as well.
	mux.HandleFunc("GET /sse", func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, "") })
	mux.HandleFunc("GET /sse/s/{alias}", func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, r.PathValue("alias")) })
	mux.HandleFunc("POST "+messagesPath, g.receive)
	return mux
}

// errElsewhere is the refusal of a credential that is for another endpoint (RFC 8707 §2, MCP 2025-11-25
// basic/authorization §Token Audience Binding).
var errElsewhere error = &mcpmux.Error{Code: mcpmux.CodeDenied, Message: "the token is for another endpoint"}

// receive takes what a client of HTTP+SSE posts.
func (g *Gateway) receive(w http.ResponseWriter, r *http.Request) {
	id, err := g.cfg.Verify(r.Header.Get("Authorization"))
	if err != nil {
		g.cfg.Challenge(w, r, err)
		return
	}
	g.cfg.Seen(id.Client, id.Key)
	g.serveMessages(w, r, id)
}

// serve authenticates, the first step of every request, and dispatches by HTTP method.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, alias string) {
	id, err := g.cfg.Verify(r.Header.Get("Authorization"))
	if err != nil {
		g.cfg.Challenge(w, r, err)
		return
	}
	if id.Only != "" && id.Only != alias {
		g.cfg.Challenge(w, r, errElsewhere)
		return
	}
	g.cfg.Seen(id.Client, id.Key)
	switch r.Method {
	case http.MethodPost:
		g.servePost(w, r, id, alias)
	case http.MethodGet:
		g.serveGet(w, r, id, alias)
	case http.MethodDelete:
		g.serveDelete(w, r, id, alias)
	default:
		w.Header().Set("Allow", "GET, POST, DELETE")
		writeError(w, nil, &rpcError{status: http.StatusMethodNotAllowed, code: codeInvalidRequest, message: "method " + r.Method + " is not allowed here: send MCP messages by POST"})
	}
}

// recovered keeps a fault in one request that has no HTTP handler of its own from ending the daemon; guard does
// so for the others.
func (g *Gateway) recovered() {
	if cause := recover(); cause != nil {
		g.cfg.Log.Error("a request failed inside", "cause", cause, "stack", string(debug.Stack()))
	}
}

// view is what the Client sees at this endpoint: steps 2 and 3 of a request. False means that the endpoint
// names a Server of which the Client sees nothing.
func (s *snapshot) view(client mcpmux.ClientID, alias string) (*catalog.View, bool) {
	v := s.views[client]
	if v == nil {
		v = emptyView
	}
	if alias == "" {
		return v, true
	}
	return v.Only(alias)
}

// emptyView is what a Client has that the State does not know (any more).
//
//nolint:gochecknoglobals // an immutable value
var emptyView = catalog.Build(mcpmux.Client{}, &mcpmux.State{}, nil)

// Sessions is the number of open sessions of initialize-based clients.
func (g *Gateway) Sessions() int { return g.sessions.len() }
