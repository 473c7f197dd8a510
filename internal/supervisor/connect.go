package supervisor

import (
	"context"
	"encoding/json"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/pool"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// open is the pool's dial. scope "" is the base connection; see backend.Scope
// for others.
func (s *Supervisor) open(ctx context.Context, t pool.Target, scope string) (*backend.Conn, error) {
	spec, opt := backend.Scoped(t.Spec, s.cfg.Options, scope)
	opt.Events = s.events(t.Server, scope)
	if owned(scope) && s.cfg.ClientInfo != nil {
		if info := s.cfg.ClientInfo(scope); len(info) > 0 {
			opt.ClientInfo = info
		}
	}
	conn, err := s.dial(ctx, spec, opt)
	return conn, s.scrub(t.Server).error(err)
}

// events takes what a connection says without being asked.
func (s *Supervisor) events(id mcpmux.ServerID, scope string) backend.Events {
	e := backend.Events{
		ListChanged: func(kinds ...mcpmux.FeatureKind) {
			// Features are read on the base connection, whichever connection tells of a change.
			if w := s.worker(id); w != nil {
				w.listChanged(kinds, scope == "")
			}
		},
		Notified: func(method string, raw []byte) { s.cfg.Notified(id, method, raw) },
		Updated:  func(uri string, notification []byte) { s.cfg.Updated(id, scope, uri, notification) },
		Log: func(level, logger string, raw []byte) {
			s.note(id, SourceServer, level, logText(logger, raw))
		},
		Stderr: func(line string) { s.note(id, SourceStderr, "", line) },
		Interactive: func() {
			if w := s.worker(id); w != nil {
				w.post(w.interactive)
			}
		},
	}
	if s.cfg.Ask != nil {
		e.Ask = func(ctx context.Context, req wire.Message) (wire.Message, error) {
			return s.cfg.Ask(ctx, id, scope, req)
		}
	}
	return e
}

// owned says whether a connection of this scope belongs to one client.
func owned(scope string) bool { return backend.ParseScope(scope).Owner != "" }

// logText is the data of a log notification as text: a string as it is, anything else as JSON.
func logText(logger string, data []byte) string {
	text := string(data)
	var s string
	if json.Unmarshal(data, &s) == nil {
		text = s
	}
	if logger != "" {
		text = logger + ": " + text
	}
	return text
}

// opened, closed and failed pass on what the pool observes. Only the base connection decides the state of a
// Server; of the others the log tells.

func (s *Supervisor) opened(key pool.Key, conn *backend.Conn) {
	if key.Scope != "" {
		s.note(key.Server, SourceConnection, "info", "one more connection opened, of scope "+key.Scope)
		return
	}
	if w := s.worker(key.Server); w != nil {
		w.post(func() { w.opened(key, conn) })
	}
}

func (s *Supervisor) closed(key pool.Key, conn *backend.Conn, why error) {
	if key.Scope != "" {
		s.note(key.Server, SourceConnection, "info", "the connection of scope "+key.Scope+" closed"+because(why))
		return
	}
	if why == nil {
		s.note(key.Server, SourceConnection, "info", "connection closed")
	}
	if w := s.worker(key.Server); w != nil {
		w.post(func() { w.closed(conn, why) })
	}
}

func (s *Supervisor) failed(key pool.Key, err error) {
	w := s.worker(key.Server)
	if w == nil {
		return
	}
	if key.Scope != "" && !loginRequired(err) {
		s.note(key.Server, SourceConnection, "error", "no connection of scope "+key.Scope+because(err))
		return
	}
	w.post(func() { w.dialFailed(key, err) })
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}
