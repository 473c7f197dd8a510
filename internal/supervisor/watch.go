package supervisor

import (
	"context"
	"errors"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/pool"
)

// This file is what a worker does about a connection that lives, and about one that ended.

// elsewhere is, beside the kinds of a kindSet, that the change was told on another than the base connection.
const elsewhere kindSet = 1 << 4

// listChanged is called by a connection's reader. A flood of notifications is one task at a time. Lists are those
// of the base connection, whichever connection tells of their change.
func (w *worker) listChanged(list []mcpmux.FeatureKind, base bool) {
	set := kinds(list)
	if !base {
		set |= elsewhere
	}
	if w.changed.Or(uint32(set)) == 0 {
		w.post(func() { w.noticed(kindSet(w.changed.Swap(0))) })
	}
}

func (w *worker) noticed(set kindSet) {
	if w.conn == nil && set&elsewhere == 0 {
		return // The last words of a connection that has ended; the next one is asked for everything.
	}
	w.pending |= set & allKinds
	if !w.examining {
		w.listSoon()
	}
}

// listSoon reads the changed lists after listDelay, and not before listInterval has passed since the last time.
// What changes while they are read is read again, so the last state is always seen. An idle Server is connected
// for it; one that is down for another reason is asked when it is back.
func (w *worker) listSoon() {
	if w.relist != nil || w.pending == 0 || w.conn == nil && !w.asleep() {
		return
	}
	d := max(listDelay, listInterval-time.Since(w.listedAt))
	w.after(&w.relist, d, func() {
		switch {
		case w.conn != nil:
			w.examine(0)
		case w.asleep():
			w.connect()
		}
	})
}

// asleep says that there is no base connection since nobody used it.
func (w *worker) asleep() bool { return w.s.Status(w.id).State == mcpmux.StateIdle }

// busyError is a ping without an answer from a server that was at work when it came, or is now.
type busyError struct{ error }

func (e busyError) Unwrap() error { return e.error }

func pingOnce(ctx context.Context, conn *backend.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	busy := conn.InFlight() > 0
	err := conn.Ping(ctx)
	if err != nil && (busy || conn.InFlight() > 0) {
		return busyError{err}
	}
	return err
}

func (w *worker) pingNow() {
	conn := w.conn
	if conn == nil {
		return
	}
	w.async(func(ctx context.Context) func() {
		err := pingOnce(ctx, conn)
		return func() { w.pinged(conn, err) }
	})
}

// pinged decides whether the Server is connected: it is while it answers. One that does not answer twice is dead
// and is replaced, except while it works on requests: a server may do one thing at a time, and the requests have
// their own time limit.
func (w *worker) pinged(conn *backend.Conn, err error) {
	if conn != w.conn {
		return
	}
	if err == nil {
		w.misses = 0
		st := mcpmux.ServerStatus{State: mcpmux.StateConnected}
		if w.listErr != nil {
			st.Reason = reason(w.listErr)
		} else {
			st.Reason, st.LoginWanted = w.wish, w.wish != ""
		}
		w.set(st)
		w.after(&w.ping, pingInterval, w.tick)
		return
	}
	if loginRequired(err) {
		w.s.pool.Discard(w.key, conn, err)
		return
	}
	if errors.As(err, new(busyError)) {
		w.misses = 0
	} else if w.misses++; w.misses >= maxMisses {
		w.s.pool.Discard(w.key, conn, errSilent)
		return
	}
	w.note("warning", "no answer to a ping: %s", reason(err))
	w.set(mcpmux.ServerStatus{State: mcpmux.StateConnecting, Reason: "does not answer pings", Attempts: 1})
	w.after(&w.ping, time.Second, w.pingNow)
}

var errSilent = errors.New("the server does not answer pings")

// tick is the regular ping. Lists that could not be read are tried again before it.
func (w *worker) tick() {
	if w.listErr != nil && !w.examining {
		w.examine(allKinds)
		return
	}
	w.pingNow()
}

// closed takes notice of the end of a base connection.
func (w *worker) closed(conn *backend.Conn, why error) {
	if conn != w.conn {
		return
	}
	w.lost()
	switch {
	case why == nil:
		w.set(mcpmux.ServerStatus{State: mcpmux.StateIdle})
		w.listSoon()
	case loginRequired(why):
		w.login(why)
	case time.Since(w.openedAt) >= goodLife:
		w.note("error", "connection lost: %s", reason(why))
		w.s.log.Warn("server lost", "server", w.srv.Alias, "space", w.srv.Space)
		w.startOver()
		w.set(w.failing(mcpmux.StateConnecting, why, ""))
		w.connect()
	default:
		w.fail(why)
	}
}

// dialFailed takes notice of a dial that failed, whoever asked for it.
func (w *worker) dialFailed(key pool.Key, err error) {
	if !w.resolved || key.Digest != w.digest || w.ctx.Err() != nil {
		return
	}
	if loginRequired(err) {
		w.lost()
		w.login(err)
		return
	}
	w.fail(err)
}

// login asks for other credentials, while requests wait; where nobody but a person has some, it waits for that.
func (w *worker) login(err error) {
	stop(&w.retry)
	refused, ok := errors.AsType[*backend.LoginRequiredError](err)
	if !ok || w.s.cfg.Renew == nil {
		w.loginRequired(err)
		return
	}
	w.s.pool.Expect(w.id)
	turn := w.turn.Load()
	w.async(func(ctx context.Context) func() {
		err := w.s.cfg.Renew(ctx, w.id, refused)
		return func() {
			switch {
			case turn != w.turn.Load(): // There is another configuration already.
			case err == nil:
				w.resolve(nil)
			case mcpmux.CodeOf(err) == mcpmux.CodeLoginRequired:
				w.loginRequired(err)
			default:
				w.fail(err)
			}
		}
	})
}

// required is told by others, who met a refusal.
func (w *worker) required(err error, works bool) {
	if !works {
		w.lost()
		w.s.pool.EndScope(w.id, func(string) bool { return true })
		w.loginRequired(err)
		return
	}
	w.wish = w.s.scrub(w.id).Text(reason(err))
	if w.s.Status(w.id).State == mcpmux.StateConnected {
		w.set(mcpmux.ServerStatus{State: mcpmux.StateConnected, Reason: w.wish, LoginWanted: true})
	}
}

// loginRequired waits for the user: a login, a new value (a new stamp) or a restart is what brings the Server back.
func (w *worker) loginRequired(err error) {
	stop(&w.retry)
	err = w.s.scrub(w.id).error(err)
	w.s.pool.Refuse(w.id, err)
	w.note("warning", "login required: %s", reason(err))
	w.set(mcpmux.ServerStatus{State: mcpmux.StateLoginRequired, Reason: reason(err), LoginWanted: true})
}

// fail counts a failure and tries again later; a process that keeps failing stays down. Clients are answered at
// once meanwhile.
func (w *worker) fail(err error) {
	err = w.s.scrub(w.id).error(err)
	w.failures++
	w.note("error", "%s", reason(err))
	if w.failures >= maxFailures && w.srv.Definition.Transport == mcpmux.TransportStdio {
		stop(&w.retry)
		w.s.log.Warn("server given up", "server", w.srv.Alias, "space", w.srv.Space)
		w.s.pool.Refuse(w.id, refusal(w.srv.Alias, "%s; its log says more, `mcpmux server restart %s` tries again", reason(err), w.srv.Alias))
		w.set(w.failing(mcpmux.StateError, err, ""))
		return
	}
	d := min(w.backoff.NextBackOff(), maxBackoff)
	w.s.pool.Refuse(w.id, refusal(w.srv.Alias, "%s; it is started again shortly", reason(err)))
	state := mcpmux.StateConnecting
	if w.tireless() {
		state = mcpmux.StateError
	}
	w.set(w.failing(state, err, "; trying again"))
	w.after(&w.retry, d, w.reconnect)
}

func (w *worker) failing(state mcpmux.ServerState, err error, then string) mcpmux.ServerStatus {
	scrub := w.s.scrub(w.id)
	return mcpmux.ServerStatus{
		State: state, Reason: scrub.Text(reason(err)) + then, Attempts: w.failures, Stderr: scrub.lines(stderrOf(err)),
	}
}

// reconnect tries again without what may have made the last try fail: the revision that the Server spoke before.
func (w *worker) reconnect() {
	if w.target.Spec.Version != "" {
		w.target.Spec.Version = ""
		w.s.pool.Set(w.target)
	}
	w.connect()
}
