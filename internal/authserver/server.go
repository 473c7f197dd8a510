package authserver

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/mcpmux/mcpmux/internal/guard"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

// The addresses on the gateway's listener. Those of tokens take forms, that of registration JSON.
const (
	authorizePath = "/oauth/authorize"
	tokenPath     = "/oauth/token" //nolint:gosec // G101: an address
	revokePath    = "/oauth/revoke"
	registerPath  = "/oauth/register"
)

// How much is asked of us in a minute, by whom: requests beyond it are answered 429.
const (
	registerRate  = 20
	authorizeRate = 30
	tokenRate     = 60
	fetchRate     = 30 // client metadata documents
)

// Config is what a Server needs. What is a func, from Documents on, and Log may be nil.
type Config struct {
	Store *store.Store
	// Key is what client ids are made with (store.RegistrationKey).
	Key []byte
	// Origins are those by which clients reach the gateway; the first is the issuer. It is asked for on each
	// request, since ports are known only at run time.
	Origins func() []string
	// ConsentURL is the address of the page on which the user decides on a request, given the host name by which
	// the browser came.
	ConsentURL func(hostname, request string) string
	// Fetch gets a client metadata document from the public Internet, without following a redirect, and says for
	// how long it may be kept.
	Fetch func(ctx context.Context, address string) (body []byte, keep time.Duration, err error)
	// Documents says whether such documents are read; where they are not, applications register.
	Documents func() bool
	// Listening names the program that waits at a port of this machine, "" where that is not known. foreign says
	// that another user runs it.
	Listening func(port int) (name string, foreign bool)
	// OtherUser says that a request comes from another user of this machine, and names them.
	OtherUser func(r *http.Request) (name string, other bool)
	// Applied returns once a revision counts for everything that runs.
	Applied func(ctx context.Context, revision int64) error
	// Changed is called when requests that wait for the user begin or end.
	Changed func()
	Audit   func(mcpmux.Activity)
	Log     *slog.Logger
	Now     func() time.Time
}

// Server is the authorization server.
type Server struct {
	cfg       Config
	ids       clientIDs
	documents *documents
	requests  *requests
	codes     *codes
	// Limits by client_id and peer, so that none can lock out another.
	registering, authorizing, tokens, fetching *guard.Limiter
}

// New makes a Server.
func New(cfg Config) *Server {
	if cfg.OtherUser == nil {
		cfg.OtherUser = func(*http.Request) (string, bool) { return "", false }
	}
	if cfg.Listening == nil {
		cfg.Listening = func(int) (string, bool) { return "", false }
	}
	if cfg.Documents == nil {
		cfg.Documents = func() bool { return true }
	}
	if cfg.Audit == nil {
		cfg.Audit = func(mcpmux.Activity) {}
	}
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	if cfg.Applied == nil {
		cfg.Applied = func(context.Context, int64) error { return nil }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Server{
		cfg: cfg, ids: clientIDs{key: cfg.Key},
		documents: newDocuments(cfg.Fetch, cfg.Now), requests: newRequests(cfg.Now, cfg.Changed), codes: newCodes(cfg.Now),
		registering: guard.NewLimiter(registerRate, registerRate).Clock(cfg.Now),
		authorizing: guard.NewLimiter(authorizeRate, authorizeRate).Clock(cfg.Now),
		tokens:      guard.NewLimiter(tokenRate, tokenRate).Clock(cfg.Now),
		fetching:    guard.NewLimiter(fetchRate, fetchRate).Clock(cfg.Now),
	}
}

// Handler serves what clients ask on the gateway's listener. Whoever mounts it has checked Host and Origin.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, route := range []struct {
		method, path string
		serve        http.HandlerFunc
	}{
		{http.MethodGet, MetadataPath, s.serveResource},
		{http.MethodGet, MetadataPath + "/{path...}", s.serveResource},
		{http.MethodGet, serverMetadataPath, s.serveMetadata},
		{http.MethodGet, serverMetadataPath + "/mcp", s.serveMetadata},
		{http.MethodGet, authorizePath, s.serveAuthorize},
		{http.MethodPost, tokenPath, s.serveToken},
		{http.MethodPost, revokePath, s.serveRevoke},
		{http.MethodPost, registerPath, s.serveRegister},
	} {
		mux.Handle(route.path, guard.Methods(route.serve, route.method))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "not_found", "error_description": "nothing is here; " + serverMetadataPath + " says what is where"})
	})
	return mux
}

func (s *Server) issuer() string { return s.cfg.Origins()[0] }

// who is the client_id and where it was sent from: nobody else's limit suffers.
func (s *Server) who(r *http.Request, client string) string {
	user, _ := s.cfg.OtherUser(r)
	return client + " " + user + " " + guard.Peer(r)
}

// audit records a decision. Nothing in it is a secret.
func (s *Server) audit(method, outcome, actor, detail string, client mcpmux.ClientID) {
	s.cfg.Audit(mcpmux.Activity{At: s.cfg.Now(), Method: method, Outcome: outcome, Actor: actor, Detail: detail, Client: client})
}
