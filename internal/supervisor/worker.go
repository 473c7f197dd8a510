package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/pool"
)

// worker keeps one enabled Server running. Its loop executes what is posted, one after the other; everything
// below the mailbox belongs to the loop alone.
type worker struct {
	s      *Supervisor
	id     mcpmux.ServerID
	ctx    context.Context //nolint:containedctx // ends with the worker; parent of all that it starts
	cancel context.CancelFunc
	done   chan struct{} // closed when the loop has ended
	box    *mailbox

	// changed collects the kinds of list_changed notifications that the loop has not seen yet.
	changed atomic.Uint32
	// turn is the number of the latest resolve; what earlier ones found is dropped.
	turn atomic.Int64
	// applied is what update was last told; Supervisor.desire guards it.
	applied mcpmux.Server

	srv    mcpmux.Server
	idle   time.Duration
	values []Value // as last opened

	resolved bool // target is what the pool has
	reprobe  bool // the era was set anew: what is known of it was found under the old one
	target   pool.Target
	digest   [32]byte

	conn      *backend.Conn // the live base connection
	key       pool.Key
	openedAt  time.Time
	examining bool
	pending   kindSet          // lists to read after that
	offered   []mcpmux.Feature // as last read; nil before that
	listedAt  time.Time
	listErr   error // of lists that could not be read; they are tried again with the next ping
	misses    int
	marked    bool   // interactive, in the store
	wish      string // what a connected Server would need a person for

	failures int // in a row
	backoff  *backoff.ExponentialBackOff

	retry, ping, relist *time.Timer
}

func newWorker(s *Supervisor, srv *mcpmux.Server, idle time.Duration) *worker {
	ctx, cancel := context.WithCancel(context.Background())
	return &worker{
		s: s, id: srv.ID, ctx: ctx, cancel: cancel, done: make(chan struct{}), box: newMailbox(),
		applied: *srv, srv: *srv, idle: idle, backoff: newBackoff(),
	}
}

// begin starts the loop. Requests wait from now on until the configuration is known.
func (w *worker) begin() {
	w.s.pool.Expect(w.id)
	w.s.setStatus(w.id, mcpmux.ServerStatus{State: mcpmux.StateConnecting, Attempts: 1})
	w.post(func() { w.resolve(nil) })
	w.s.tasks.Go(w.loop)
}

func (w *worker) loop() {
	defer close(w.done)
	defer func() { stop(&w.retry); stop(&w.ping); stop(&w.relist) }()
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-w.box.wake:
			for _, f := range w.box.take() {
				if w.ctx.Err() != nil {
					return
				}
				f()
			}
		}
	}
}

func (w *worker) post(f func()) { w.box.post(f) }

// async runs f in a goroutine and posts what f returns.
func (w *worker) async(f func(ctx context.Context) func()) {
	w.s.tasks.Go(func() { w.post(f(w.ctx)) })
}

// after posts f in d, instead of what t was set to do before.
func (w *worker) after(t **time.Timer, d time.Duration, f func()) {
	stop(t)
	var mine *time.Timer
	mine = time.AfterFunc(d, func() {
		w.post(func() {
			if *t == mine {
				*t = nil
				f()
			}
		})
	})
	*t = mine
}

func stop(t **time.Timer) {
	if *t != nil {
		(*t).Stop()
		*t = nil
	}
}

func (w *worker) set(st mcpmux.ServerStatus) {
	if w.ctx.Err() == nil {
		w.s.setStatus(w.id, st)
	}
}

func (w *worker) note(level, format string, args ...any) {
	w.s.note(w.id, SourceConnection, level, fmt.Sprintf(format, args...))
}

// update is told of every new desired state, from outside the loop. What a connection would be has changed when
// the stamp has; requests then wait for the new configuration.
func (w *worker) update(srv *mcpmux.Server, idle time.Duration) {
	desired := *srv
	stale := desired.Stamp != w.applied.Stamp || desired.Alias != w.applied.Alias
	w.applied = desired
	if stale {
		w.turn.Add(1)
		w.s.pool.Expect(w.id)
	}
	w.post(func() {
		if desired.Isolation != w.srv.Isolation {
			// What is shared otherwise from now on would stay open for nobody.
			w.s.pool.EndScope(w.id, func(scope string) bool { return scope != "" })
		}
		w.reprobe = w.reprobe || desired.Era != w.srv.Era
		tuned := idle != w.idle || desired.MaxProcesses != w.srv.MaxProcesses
		w.srv, w.idle = desired, idle
		switch {
		case stale:
			w.wish = ""
			w.startOver()
			w.set(mcpmux.ServerStatus{State: mcpmux.StateConnecting, Attempts: 1})
			w.resolve(nil)
		case tuned && w.resolved:
			w.target.IdleTimeout, w.target.MaxProcesses = idle, desired.MaxProcesses
			w.s.pool.Set(w.target)
		}
	})
}

// startOver forgives all failures.
func (w *worker) startOver() {
	w.failures = 0
	w.backoff.Reset()
	stop(&w.retry)
}

// restart is what a user asks for: a new process and connection, now.
func (w *worker) restart() {
	w.note("info", "restart")
	w.startOver()
	w.lost()
	gone := w.s.pool.Remove(w.id)
	w.s.pool.Expect(w.id)
	w.resolved = false
	w.set(mcpmux.ServerStatus{State: mcpmux.StateConnecting, Attempts: 1})
	w.resolve(gone)
}

// lost forgets the base connection.
func (w *worker) lost() {
	w.conn = nil
	w.misses = 0
	stop(&w.ping)
	stop(&w.relist)
}

// resolve opens the values and expands them, after the connections before are gone (nil: at once).
func (w *worker) resolve(gone <-chan struct{}) {
	stop(&w.retry)
	w.s.pool.Expect(w.id)
	turn, srv := w.turn.Add(1), w.srv
	if w.reprobe {
		srv.About = nil
	}
	w.async(func(ctx context.Context) func() {
		if gone != nil {
			select {
			case <-gone:
			case <-ctx.Done():
			}
		}
		var spec backend.Spec
		values, err := w.s.cfg.Values(ctx, w.id)
		if err == nil {
			spec, err = ResolveSpec(srv, values)
		}
		return func() {
			if turn == w.turn.Load() {
				w.configure(spec, values, err)
			}
		}
	})
}

// configure gives the pool the new configuration and connects, unless the live connection has it already.
func (w *worker) configure(spec backend.Spec, values []Value, err error) {
	if err != nil {
		w.unresolved(err)
		return
	}
	// The values before are hidden too: the process that has them may still be writing.
	w.hide(values)
	digest := spec.Digest()
	same := w.resolved && digest == w.digest
	w.target = pool.Target{Space: w.srv.Space, Server: w.id, Spec: spec, IdleTimeout: w.idle, MaxProcesses: w.srv.MaxProcesses}
	w.digest, w.resolved = digest, true
	if !same {
		w.lost()
	}
	w.s.pool.Set(w.target)
	if same && w.conn != nil {
		w.examine(0)
		return
	}
	w.connect()
}

func (w *worker) hide(values []Value) {
	l := w.s.knownLog(w.id)
	if l != nil {
		l.hide(newScrubber(values, w.values))
	}
	w.values = values
}

// unresolved is the end of a configuration that cannot be used: what runs with the one before ends too.
func (w *worker) unresolved(err error) {
	w.lost()
	w.resolved = false
	why := w.s.scrub(w.id).Text(reason(err))
	w.s.pool.Remove(w.id)
	w.s.pool.Refuse(w.id, refusal(w.srv.Alias, "%s", why))
	w.note("error", "cannot connect: %s", why)
	w.set(mcpmux.ServerStatus{State: mcpmux.StateError, Reason: why, Attempts: w.failures})
	if mcpmux.CodeOf(err) != mcpmux.CodeInvalid {
		w.after(&w.retry, lockedRetry, func() { w.resolve(nil) })
	}
}

// connect makes sure that there is a base connection. How that went, opened and dialFailed hear from the pool.
func (w *worker) connect() {
	w.s.pool.Refuse(w.id, nil)
	if !w.tireless() {
		st := w.s.Status(w.id)
		st.State, st.Attempts = mcpmux.StateConnecting, w.failures+1
		w.set(st)
	}
	turn := w.turn.Load()
	w.async(func(ctx context.Context) func() {
		lease, err := w.s.pool.Acquire(ctx, w.id, "", false)
		if err == nil {
			lease.Release()
		}
		return func() {
			// Only an error that was no dial's is news here; a refusal always is one, and is being seen to (login).
			if err != nil && !loginRequired(err) && turn == w.turn.Load() && w.conn == nil && w.retry == nil &&
				w.s.Status(w.id).State == mcpmux.StateConnecting {
				w.fail(err)
			}
		}
	})
}

// tireless says that the Server is in a crash loop and yet still tried: its state stays error meanwhile.
func (w *worker) tireless() bool {
	return w.failures >= maxFailures
}

// opened takes up a new base connection.
func (w *worker) opened(key pool.Key, conn *backend.Conn) {
	if !w.resolved || key.Digest != w.digest {
		return
	}
	w.lost()
	stop(&w.retry)
	w.reprobe = false
	w.conn, w.key, w.openedAt = conn, key, time.Now()
	w.note("info", "connected: %s", describe(conn.About()))
	w.s.log.Info("server connected", "server", w.srv.Alias, "space", w.srv.Space)
	w.s.cfg.Reopened(w.id)
	w.examine(allKinds)
}

func describe(about mcpmux.About) string {
	text := "MCP " + about.ProtocolVersion
	if len(about.ServerInfo) > 0 {
		text += " " + string(about.ServerInfo)
	}
	return text
}

// examine reads the lists in want, saves them, and has a ping answered, while it holds a lease: a connection
// that is being examined is not idle and does not end under it.
func (w *worker) examine(want kindSet) {
	w.pending |= want
	if w.examining || w.conn == nil {
		return
	}
	w.examining = true
	want, w.pending = w.pending, 0
	w.listedAt = time.Now()
	conn, about, offered := w.conn, w.srv.About, w.offered
	if offered == nil {
		offered = w.s.features(w.id)
	}
	w.async(func(ctx context.Context) func() {
		lease, err := w.s.pool.Acquire(ctx, w.id, "", false)
		if err != nil {
			return func() { w.examined(conn, offered, nil, err) }
		}
		defer lease.Release()
		if lease.Conn != conn {
			return func() { w.examined(conn, offered, nil, errReplaced) }
		}
		offered, listErr := w.takeStock(ctx, conn, want, about, offered)
		pingErr := pingOnce(ctx, conn)
		return func() { w.examined(conn, offered, listErr, pingErr) }
	})
}

// errReplaced is met by an examination that came too late for its connection.
var errReplaced = errors.New("the connection was replaced")

// takeStock reads the lists in want and saves them, with the others as they were and what the Server said of itself.
func (w *worker) takeStock(ctx context.Context, conn *backend.Conn, want kindSet, before *mcpmux.About, offered []mcpmux.Feature) ([]mcpmux.Feature, error) {
	if want == 0 {
		return offered, nil
	}
	offered, listErr := discover(ctx, conn, w.id, want, offered)
	about := conn.About()
	about.Interactive = about.Interactive || before != nil && before.Interactive
	if err := w.s.cfg.Save(ctx, w.id, about, offered); err != nil {
		return offered, errors.Join(listErr, fmt.Errorf("save what the server offers: %w", err))
	}
	return offered, listErr
}

// features is what the desired state has of a Server's Features.
func (s *Supervisor) features(id mcpmux.ServerID) []mcpmux.Feature {
	s.mu.Lock()
	st := s.state
	s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(st.Features), func(f mcpmux.Feature) bool { return f.Server != id })
}

func (w *worker) examined(conn *backend.Conn, offered []mcpmux.Feature, listErr, pingErr error) {
	w.examining = false
	w.offered = offered
	if w.conn == conn {
		w.listed(listErr)
		w.pinged(conn, pingErr)
	}
	if w.pending != 0 {
		w.listSoon()
	}
}

func (w *worker) listed(err error) {
	w.listErr = w.s.scrub(w.id).error(err)
	if err != nil {
		w.note("warning", "%s", reason(err))
	}
}

// interactive stores, once, that the Server asks clients for something.
func (w *worker) interactive() {
	if w.marked || w.srv.About != nil && w.srv.About.Interactive {
		return
	}
	w.marked = true
	w.async(func(ctx context.Context) func() {
		err := w.s.cfg.MarkInteractive(ctx, w.id)
		return func() {
			if err != nil {
				w.s.log.Warn("cannot store that a server is interactive", "server", w.srv.Alias, "err", err)
			}
		}
	})
}
