package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/authserver"
	"github.com/mcpmux/mcpmux/internal/gateway"
	"github.com/mcpmux/mcpmux/internal/guard"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/supervisor"
)

// failedRate is how many credentials in a minute another machine may try that are no good.
const failedRate = 30

// How long the gateway takes to stop, in this order. Each step has its own time: a call that uses up the first
// must not leave the processes without any.
const (
	shutdownGrace = 5 * time.Second  // calls in flight may finish
	serversGrace  = 10 * time.Second // processes end; longer than a backend takes from asking to killing
)

// front is the gateway as the user sees it: started or stopped. Started, its listener is open and enabled
// Servers are connected; stopped, neither is.
type front struct {
	gateway    *gateway.Gateway
	supervisor *supervisor.Supervisor
	log        *slog.Logger
	other      func() []string              // origins of the dashboard
	consentAt  func(hostname string) string // the dashboard's origin for who knows this machine by that name
	health     http.Handler
	authority  *authserver.Server
	audit      func(mcpmux.Activity)
	identify   func(authorization string) (gateway.Identity, error)
	failed     *guard.Limiter // credentials that were no good, by the machine they came from
	changed    func(running bool)

	// turn is held by Start, Stop and Move: one change of mind at a time.
	turn sync.Mutex
	// moved are the listeners that Move left, which close in their own time.
	moved sync.WaitGroup

	// mu guards the following.
	mu       sync.Mutex
	binding  guard.Binding // as asked for; the port may be 0
	listener *guard.Listener
	server   *http.Server
	served   chan struct{}
	origins  []string // of the listener that was opened last
}

// Start opens the listener and connects the Servers. Started already, it does nothing.
func (f *front) Start(ctx context.Context) error {
	f.turn.Lock()
	defer f.turn.Unlock()
	if f.Running() {
		return nil
	}
	l, err := guard.Listen(ctx, f.asked())
	if err != nil {
		return mcpmux.Errorf(mcpmux.CodeUnavailable, "the gateway did not start: %v", err)
	}
	f.gateway.Resume() // before the first request
	f.serve(l)
	f.supervisor.Start()
	f.log.Info("gateway started", "addr", l.Addr())
	f.changed(true)
	return nil
}

// serve serves what is open from now on.
func (f *front) serve(l *guard.Listener) {
	cfg := l.Config()
	cfg.Origins, cfg.Audit, cfg.Log = f.other, f.audit, f.log
	srv := guard.Server(guard.Guard(cfg)(f.routes()), f.log)
	served := make(chan struct{})
	f.mu.Lock()
	f.listener, f.server, f.served = l, srv, served
	f.origins = l.Origins()
	f.mu.Unlock()
	go func() {
		defer close(served)
		if err := l.Serve(srv); !errors.Is(err, http.ErrServerClosed) {
			f.log.Error("gateway listener ended", "err", err)
		}
	}()
}

func (f *front) asked() guard.Binding {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.binding
}

// Move has the gateway listen elsewhere: at once where it runs, and else once it is started. The new address is open
// before the old one closes, and what cannot be opened changes nothing. Sessions go on at the new address; calls in
// flight at the old one may finish.
func (f *front) Move(ctx context.Context, to guard.Binding) error {
	f.turn.Lock()
	defer f.turn.Unlock()
	f.mu.Lock()
	from, before := f.binding, f.listener
	srv, served := f.server, f.served
	f.mu.Unlock()
	if to.Addr == from.Addr {
		return nil
	}
	if before != nil && !samePort(before, to) {
		l, err := guard.Listen(ctx, to)
		if err != nil {
			return taken(ctx, to, err)
		}
		f.serve(l)
		f.moved.Go(func() {
			grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
			defer cancel()
			if err := srv.Shutdown(grace); err != nil {
				_ = srv.Close() // what did not finish in time is cut
			}
			<-served
		})
		f.log.Info("gateway moved", "addr", l.Addr())
		f.changed(true)
	}
	f.mu.Lock()
	f.binding = to
	f.mu.Unlock()
	return nil
}

// samePort says whether an address is the one that is open: the loopback hosts are one place (guard.Listen).
func samePort(l *guard.Listener, to guard.Binding) bool {
	_, port, err := net.SplitHostPort(to.Addr)
	return err == nil && to.Loopback() && port == strconv.Itoa(l.Port())
}

// portsTried is how many ports after one that is taken are looked at for one that is free.
const portsTried = 20

// taken says of an address that could not be opened what to choose instead.
func taken(ctx context.Context, to guard.Binding, err error) error {
	var other *guard.TakenError
	if !errors.As(err, &other) {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "%v", err)
	}
	holder := "another program"
	if other.PID != 0 {
		holder = fmt.Sprintf("%s (process %d)", other.Command, other.PID)
	}
	text := fmt.Sprintf("%s is taken by %s; the gateway stays where it is", to.Addr, holder)
	host, first, _ := net.SplitHostPort(to.Addr) // it was opened, or tried to
	port, _ := strconv.Atoi(first)
	for next := port + 1; next <= min(port+portsTried, 65535); next++ {
		free := to
		free.Addr = net.JoinHostPort(host, strconv.Itoa(next))
		if l, err := guard.Listen(ctx, free); err == nil {
			_ = l.Close() // it was only looked at
			return mcpmux.Errorf(mcpmux.CodeConflict, "%s. %s is free", text, free.Addr)
		}
	}
	return mcpmux.Errorf(mcpmux.CodeConflict, "%s", text)
}

// routes is what the gateway's listener serves.
func (f *front) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/mcp", f.gateway.Handler())
	mux.Handle("/mcp/", f.gateway.Handler())
	mux.Handle("/sse", f.gateway.Handler())
	mux.Handle("/sse/", f.gateway.Handler())
	mux.Handle("/messages", f.gateway.Handler())
	authority := f.authority.Handler()
	mux.Handle("/.well-known/", authority)
	mux.Handle("/oauth/", authority)
	mux.Handle("/oauth/authorize", f.nearby(authority))
	mux.Handle("/healthz", f.health)
	mux.Handle("/readyz", f.health)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeAnswer(w, http.StatusNotFound, map[string]string{"error": "nothing is here: the MCP endpoint is /mcp"})
	})
	return mux
}

// Stop closes the listener at once, lets calls in flight finish for a while, ends every session and stream,
// and closes every Server connection.
func (f *front) Stop(ctx context.Context) error {
	f.turn.Lock()
	defer f.turn.Unlock()
	f.mu.Lock()
	srv, served := f.server, f.served
	f.listener, f.server = nil, nil
	f.mu.Unlock()
	if srv == nil {
		return nil
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	f.gateway.Drain()
	if err := srv.Shutdown(grace); err != nil {
		_ = srv.Close() // what did not finish in time is cut
	}
	<-served
	f.moved.Wait()
	f.gateway.Close()
	ending, stop := context.WithTimeout(context.WithoutCancel(ctx), serversGrace)
	defer stop()
	err := f.supervisor.Stop(ending)
	f.log.Info("gateway stopped")
	f.changed(false)
	return err
}

// Running says whether the listener is open.
func (f *front) Running() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.server != nil
}

// Addr is host:port of the open listener, else what it would be asked for.
func (f *front) Addr() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listener != nil {
		return f.listener.Addr()
	}
	return f.binding.Addr
}

// URL is the origin of the open listener, "" while it is closed.
func (f *front) URL() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listener == nil {
		return ""
	}
	return f.listener.URL()
}

// Origins are those by which clients reach the gateway, or reached it before it was stopped; the first is the one
// that people are told.
func (f *front) Origins() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.origins) == 0 {
		return []string{f.binding.Origin()}
	}
	return f.origins
}

// challenge answers a request whose credential was refused: 401 with the metadata link, or 403 for a Client that is
// known and not approved, or a token that is for something else (MCP 2025-11-25 basic/authorization §Error Handling,
// RFC 6750 §3).
//
// Another machine is told 429 when too many of its credentials were no good. One that is good is never refused for
// those that were not: on loopback, and behind a proxy, all have the same address. Credentials are 256 random bits; the
// limit is for the work that guessing makes.
func (f *front) challenge(w http.ResponseWriter, r *http.Request, err error) {
	f.recordRefused(r, err)
	if errors.Is(err, authserver.ErrInvalid) && !guard.Near(r) {
		if ok, after := f.failed.Allow(guard.Peer(r)); !ok {
			guard.TooMany(w, after, "too many credentials that are no good came from your machine; try again later")
			return
		}
	}
	status := f.authority.Challenge(w, r, err)
	writeAnswer(w, status, map[string]string{"error": err.Error()})
}

// recordRefused keeps the record of a credential that was refused, of its Client where it is one's. A request without
// any is how an application begins, and nothing was refused.
func (f *front) recordRefused(r *http.Request, err error) {
	if errors.Is(err, authserver.ErrNoCredential) {
		return
	}
	id, _ := f.identify(r.Header.Get("Authorization")) // why it is refused is known
	f.audit(mcpmux.Activity{At: time.Now(), Method: "auth/refused", Outcome: "denied", Client: id.Client, Actor: "peer " + guard.Peer(r), Detail: err.Error()})
}

// health serves /healthz (the process is alive) and /readyz (enabled Servers have settled).
func health(ready func() (bool, string)) http.Handler {
	return guard.Methods(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			writeAnswer(w, http.StatusOK, map[string]string{"status": "alive"})
			return
		}
		if ok, reason := ready(); !ok {
			w.Header().Set("Retry-After", "1")
			writeAnswer(w, http.StatusServiceUnavailable, map[string]string{"status": "not ready", "reason": reason})
			return
		}
		writeAnswer(w, http.StatusOK, map[string]string{"status": "ready"})
	}), http.MethodGet)
}

func writeAnswer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"internal error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that went away hears nothing
}
