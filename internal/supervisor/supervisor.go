package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/pool"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// Pool is the pool of connections to real servers.
type Pool = pool.Pool[*backend.Conn]

// defaultDialTimeout bounds one attempt to start a server and to greet it. A first start may download a package.
const defaultDialTimeout = 60 * time.Second

// Config is what a Supervisor needs. Values and Save are required; the callbacks may be nil.
type Config struct {
	// Options are the same for every dial but for Capabilities (these are the base connection's) and Events.
	Options backend.Options
	// DialTimeout bounds each dial; 0 means 60 s.
	DialTimeout time.Duration

	// Values opens the values of a Server. A mcpmux.CodeUnavailable (the key is locked) is tried again.
	Values func(context.Context, mcpmux.ServerID) ([]Value, error)
	// Save stores what a Server said of itself and what it offers.
	Save func(context.Context, mcpmux.ServerID, mcpmux.About, []mcpmux.Feature) error
	// Renew gets other credentials for a Server that refused those it was shown; nil: there are no others. Its error
	// is of mcpmux.CodeLoginRequired where a person is needed, and else it is worth trying again.
	Renew func(context.Context, mcpmux.ServerID, *backend.LoginRequiredError) error
	// MarkInteractive stores that a Server asks clients for something.
	MarkInteractive func(context.Context, mcpmux.ServerID) error

	// LogDir holds one file for each Server; "" keeps logs in memory only.
	LogDir string
	Log    *slog.Logger

	// The callbacks are called from workers and connections. They must return soon and must not call Apply,
	// Start, Stop or Close.

	// Updated hears notifications/resources/updated of any connection, with its scope.
	Updated func(server mcpmux.ServerID, scope, uri string, notification []byte)
	// Notified hears of notifications that name what they belong to by an id, on any connection.
	Notified func(server mcpmux.ServerID, method string, raw []byte)
	// Ask puts a Server's request that no call caused to the owner of the connection, or of the task that it
	// belongs to. A *backend.RPCError says that there is none.
	Ask func(ctx context.Context, server mcpmux.ServerID, scope string, req wire.Message) (wire.Message, error)
	// ClientInfo is the Implementation object of the owner of a scope, nil where it is not known.
	ClientInfo func(scope string) []byte
	// OnStatus hears every change of state or reason, in order for each Server.
	OnStatus func(mcpmux.ServerID, mcpmux.ServerStatus)
	// Reopened hears of every new base connection, the first included: what was agreed on the one before
	// (subscriptions, the log level) is to be agreed again.
	Reopened func(mcpmux.ServerID)
}

// Supervisor runs the workers. Its methods may be called from any goroutine.
type Supervisor struct {
	cfg  Config
	log  *slog.Logger
	pool *Pool
	dial func(context.Context, backend.Spec, backend.Options) (*backend.Conn, error)

	tasks sync.WaitGroup // goroutines of workers

	// desire is held by Apply, Start, Stop and Close: one change of mind at a time.
	desire sync.Mutex

	// mu guards the following.
	mu      sync.Mutex
	state   *mcpmux.State // nil before the first Apply
	running bool
	workers map[mcpmux.ServerID]*worker
	status  map[mcpmux.ServerID]mcpmux.ServerStatus
	logs    map[mcpmux.ServerID]*serverLog
}

// New makes a Supervisor that is stopped.
func New(cfg Config) (*Supervisor, error) {
	if cfg.Values == nil || cfg.Save == nil {
		return nil, errors.New("supervisor: Values and Save are required")
	}
	if cfg.LogDir != "" {
		if err := os.MkdirAll(cfg.LogDir, 0o700); err != nil {
			return nil, fmt.Errorf("make the folder for server logs: %w", err)
		}
	}
	s := &Supervisor{
		cfg: withDefaults(cfg), log: cfg.Log, dial: backend.Dial,
		workers: make(map[mcpmux.ServerID]*worker),
		status:  make(map[mcpmux.ServerID]mcpmux.ServerStatus),
		logs:    make(map[mcpmux.ServerID]*serverLog),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.pool = pool.New(s.open, pool.Observer[*backend.Conn]{
		Opened: s.opened, Closed: s.closed, Failed: s.failed,
	}, s.cfg.DialTimeout)
	return s, nil
}

func withDefaults(cfg Config) Config {
	if cfg.DialTimeout == 0 {
		cfg.DialTimeout = defaultDialTimeout
	}
	if cfg.MarkInteractive == nil {
		cfg.MarkInteractive = func(context.Context, mcpmux.ServerID) error { return nil }
	}
	if cfg.Updated == nil {
		cfg.Updated = func(mcpmux.ServerID, string, string, []byte) {}
	}
	if cfg.Notified == nil {
		cfg.Notified = func(mcpmux.ServerID, string, []byte) {}
	}
	if cfg.OnStatus == nil {
		cfg.OnStatus = func(mcpmux.ServerID, mcpmux.ServerStatus) {}
	}
	if cfg.Reopened == nil {
		cfg.Reopened = func(mcpmux.ServerID) {}
	}
	return cfg
}

// Pool is where the gateway leases connections.
func (s *Supervisor) Pool() *Pool { return s.pool }

// Apply makes st the desired state. When it returns, no request gets a connection that st does not want: one to
// a disabled or deleted Server, or one with a configuration that was replaced. It does not wait for new ones.
func (s *Supervisor) Apply(st *mcpmux.State) {
	s.desire.Lock()
	defer s.desire.Unlock()
	s.mu.Lock()
	s.state = st
	s.mu.Unlock()
	s.reconcile()
}

// Start connects every enabled Server, all at once.
func (s *Supervisor) Start() {
	s.desire.Lock()
	defer s.desire.Unlock()
	s.mu.Lock()
	s.running = true
	s.mu.Unlock()
	s.reconcile()
}

// Stop closes every connection and waits until the processes are gone, or for ctx.
func (s *Supervisor) Stop(ctx context.Context) error {
	s.desire.Lock()
	defer s.desire.Unlock()
	s.mu.Lock()
	s.running = false
	s.mu.Unlock()
	for _, gone := range s.reconcile() {
		select {
		case <-gone:
		case <-ctx.Done():
			return fmt.Errorf("wait for servers to end: %w", context.Cause(ctx))
		}
	}
	return nil
}

// Close ends everything for good and waits for it.
func (s *Supervisor) Close() error {
	s.desire.Lock()
	defer s.desire.Unlock()
	s.mu.Lock()
	s.running = false
	s.mu.Unlock()
	s.reconcile()
	s.pool.Close()
	s.tasks.Wait()
	s.mu.Lock()
	logs := slices.Collect(maps.Values(s.logs))
	s.mu.Unlock()
	var err error
	for _, l := range logs {
		err = errors.Join(err, l.close(false))
	}
	return err
}

// reconcile gives every Server that should run a worker and ends the others. It returns what to wait for until
// the connections of those are gone.
func (s *Supervisor) reconcile() []<-chan struct{} {
	s.mu.Lock()
	st, running := s.state, s.running
	s.mu.Unlock()
	if st == nil {
		return nil
	}
	var ends []<-chan struct{}
	known := make(map[mcpmux.ServerID]bool, len(st.Servers))
	for i := range st.Servers {
		srv := &st.Servers[i]
		known[srv.ID] = true
		s.serverLog(srv.ID).retain(st.SettingDuration(mcpmux.SettingLogsRetention))
		switch {
		case !srv.Enabled:
			ends = append(ends, s.end(srv.ID)...)
			s.setStatus(srv.ID, mcpmux.ServerStatus{State: mcpmux.StateDisabled})
		case !running:
			ends = append(ends, s.end(srv.ID)...)
			s.setStatus(srv.ID, mcpmux.ServerStatus{State: mcpmux.StateStopped})
		default:
			s.run(srv, idleTimeout(st, srv))
		}
	}
	for _, id := range s.forgotten(known) {
		ends = append(ends, s.end(id)...)
		s.forget(id)
	}
	return ends
}

// run starts the worker of a Server, or tells the one it has.
func (s *Supervisor) run(srv *mcpmux.Server, idle time.Duration) {
	s.mu.Lock()
	w := s.workers[srv.ID]
	if w == nil {
		w = newWorker(s, srv, idle)
		s.workers[srv.ID] = w
		s.mu.Unlock()
		w.begin()
		return
	}
	s.mu.Unlock()
	w.update(srv, idle)
}

// end ends the worker of a Server, if it has one, and its connections.
func (s *Supervisor) end(id mcpmux.ServerID) []<-chan struct{} {
	s.mu.Lock()
	w := s.workers[id]
	delete(s.workers, id)
	s.mu.Unlock()
	if w == nil {
		return nil
	}
	w.cancel()
	<-w.done
	return []<-chan struct{}{s.pool.Remove(id)}
}

// forgotten lists the Servers that are not desired any more.
func (s *Supervisor) forgotten(known map[mcpmux.ServerID]bool) []mcpmux.ServerID {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []mcpmux.ServerID
	for id := range s.logs {
		if !known[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// forget removes what is kept of a deleted Server.
func (s *Supervisor) forget(id mcpmux.ServerID) {
	s.mu.Lock()
	l := s.logs[id]
	delete(s.logs, id)
	delete(s.status, id)
	s.mu.Unlock()
	if err := l.close(true); err != nil {
		s.log.Warn("cannot remove the log of a deleted server", "server", id, "err", err)
	}
}

// Restart gives a Server a new process and connection, whatever state it is in. Calls in flight fail.
func (s *Supervisor) Restart(id mcpmux.ServerID) error {
	s.mu.Lock()
	w, status := s.workers[id], s.status[id]
	_, known := s.status[id]
	s.mu.Unlock()
	switch {
	case w != nil:
		w.post(w.restart)
		return nil
	case !known:
		return mcpmux.Errorf(mcpmux.CodeNotFound, "no such server")
	case status.State == mcpmux.StateDisabled:
		return mcpmux.Errorf(mcpmux.CodeConflict, "the server is disabled; enable it first")
	default:
		return mcpmux.Errorf(mcpmux.CodeConflict, "the gateway is stopped; start it first")
	}
}

// Reload makes the Servers that match open their values again: others may be there now, or none may be open any
// more. Connections whose configuration stays the same stay open.
func (s *Supervisor) Reload(match func(*mcpmux.Server) bool) {
	s.mu.Lock()
	workers := slices.Collect(maps.Values(s.workers))
	s.mu.Unlock()
	for _, w := range workers {
		w.post(func() {
			if match(&w.srv) {
				w.startOver()
				w.resolve(nil)
			}
		})
	}
}

// RequireLogin tells of a Server that a person has to log in to. Where it still works for some of what it offers
// it stays connected, and its status says why. Calls in flight finish.
func (s *Supervisor) RequireLogin(id mcpmux.ServerID, err error, works bool) {
	if w := s.worker(id); w != nil {
		w.post(func() { w.required(err, works) })
	}
}

// Status is the state of one Server.
func (s *Supervisor) Status(id mcpmux.ServerID) mcpmux.ServerStatus {
	s.mu.Lock()
	st := s.status[id]
	s.mu.Unlock()
	st.Connections, st.PID = s.pool.Count(id)
	return st
}

// Statuses is the state of every Server.
func (s *Supervisor) Statuses() map[mcpmux.ServerID]mcpmux.ServerStatus {
	s.mu.Lock()
	all := maps.Clone(s.status)
	s.mu.Unlock()
	for id, st := range all {
		st.Connections, st.PID = s.pool.Count(id)
		all[id] = st
	}
	return all
}

// Settled says whether it is known of every enabled Server how its first attempt to connect went, and lists the
// aliases of which it is not.
func (s *Supervisor) Settled() (bool, []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == nil {
		return false, nil
	}
	var waiting []string
	for i := range s.state.Servers {
		srv := &s.state.Servers[i]
		st := s.status[srv.ID]
		if srv.Enabled && s.running && st.State == mcpmux.StateConnecting && st.Reason == "" {
			waiting = append(waiting, srv.Alias)
		}
	}
	return len(waiting) == 0, waiting
}

// Logs is the last lines of a Server's log, oldest first; a negative tail means all that are kept.
func (s *Supervisor) Logs(id mcpmux.ServerID, tail int) []LogLine {
	if l := s.knownLog(id); l != nil {
		return l.tail(tail)
	}
	return nil
}

// Follow is Logs and, without a gap, a channel of all later lines. It is closed by stop, which the caller must
// call, and when the Server is deleted. A reader that is slow misses lines.
func (s *Supervisor) Follow(id mcpmux.ServerID, tail int) (lines []LogLine, more <-chan LogLine, stop func()) {
	if l := s.knownLog(id); l != nil {
		return l.follow(tail)
	}
	none := make(chan LogLine)
	close(none)
	return nil, none, func() {}
}

func (s *Supervisor) knownLog(id mcpmux.ServerID) *serverLog {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logs[id]
}

// serverLog is the log of a Server, made if need be. Only reconcile makes one.
func (s *Supervisor) serverLog(id mcpmux.ServerID) *serverLog {
	if l := s.knownLog(id); l != nil {
		return l
	}
	s.mu.Lock()
	retention := s.state.SettingDuration(mcpmux.SettingLogsRetention)
	s.mu.Unlock()
	l := newServerLog(s.cfg.LogDir, id, retention)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs[id] = l
	return l
}

// note writes a line into a Server's log.
func (s *Supervisor) note(id mcpmux.ServerID, source, level, text string) {
	l := s.knownLog(id)
	if l == nil {
		return
	}
	if err := l.add(source, level, text); err != nil {
		s.log.Warn("cannot write the log of a server", "server", id, "err", err)
	}
}

// scrub is what takes a Server's values out of texts.
func (s *Supervisor) scrub(id mcpmux.ServerID) scrubber {
	if l := s.knownLog(id); l != nil {
		return l.scrubber()
	}
	return scrubber{}
}

// setStatus publishes a state if it is another one than before.
func (s *Supervisor) setStatus(id mcpmux.ServerID, st mcpmux.ServerStatus) {
	s.mu.Lock()
	old, known := s.status[id]
	same := known && old.State == st.State && old.Reason == st.Reason && old.LoginWanted == st.LoginWanted && old.Attempts == st.Attempts
	st.Since = time.Now().UTC()
	if known && old.State == st.State {
		st.Since = old.Since
	}
	if !same {
		s.status[id] = st
	}
	s.mu.Unlock()
	if same {
		return
	}
	st.Connections, st.PID = s.pool.Count(id)
	s.cfg.OnStatus(id, st)
}

func (s *Supervisor) worker(id mcpmux.ServerID) *worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.workers[id]
}

// idleTimeout is how long an unused connection of a Server stays open: its own setting, else that of all.
func idleTimeout(st *mcpmux.State, srv *mcpmux.Server) time.Duration {
	if srv.IdleTimeout != nil {
		return time.Duration(*srv.IdleTimeout)
	}
	return st.SettingDuration(mcpmux.SettingPoolIdleTimeout)
}
