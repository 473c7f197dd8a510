package gateway

import (
	"context"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/pool"
	"github.com/mcpmux/mcpmux/internal/protocol"
)

// want is what a request needs of a connection.
type want struct {
	scope     backend.Scope
	exclusive bool // nobody else's call runs on it meanwhile
	once      bool // it is opened for this call and closed after it
}

// wants says which connection of a Server the request may share, by the Server's isolation. On a connection
// of the older era over pipes, or HTTP+SSE, nothing but sole use tells whose call a question belongs to.
func (x *exchange) wants(s *mcpmux.Server) want {
	w := want{scope: backend.Scope{Legacy: !x.modern && s.Era != mcpmux.EraModern && s.About.Modern() && s.About.Legacy()}}
	interactive := x.method != nil && x.method.Interactive
	switch s.Isolation {
	case mcpmux.IsolationNone:
		if interactive {
			w.once, w.scope.Profile = true, declared(x.caps.Profile())
		}
	case mcpmux.IsolationSession:
		w.scope.Owner, w.scope.Profile = x.owner(), declared(x.caps.OwnerProfile())
	case mcpmux.IsolationShared:
	case mcpmux.IsolationAuto, "":
		// Requests run on the base connection of all clients until the Server is seen to ask back; from then on
		// a client that can be asked gets a connection that declares just what it can be asked. What a client of
		// the stateless era declares is part of its request, so it is never given more than that.
		asks := s.About != nil && s.About.Interactive
		switch profile := x.caps.Profile(); {
		case !interactive || profile == protocol.FullProfile && !asks:
		case x.modern && !s.About.Modern():
			w.scope.Profile = declared(profile)
		case asks:
			w.scope.Profile = profile
		}
		w.exclusive = asks && x.caps.Profile() != "" && interactive && s.Definition.Transport != mcpmux.TransportHTTP
	}
	return w
}

// declared is a profile for a connection that is not shared: none declares nothing, not everything.
func declared(profile string) string {
	if profile == "" {
		return "{}"
	}
	return profile
}

// owner names whose connection it is where each has its own: a session's, or the Client's in the era without.
func (x *exchange) owner() string {
	if x.sess != nil {
		return x.sess.owner()
	}
	return "client:" + string(x.id.Client)
}

// acquire takes a connection from the pool. A Server that was installed for Streamable HTTP may turn out to
// speak HTTP+SSE; then the lease is taken again, alone.
func (x *exchange) acquire(ctx context.Context, s *mcpmux.Server) (*pool.Lease[*backend.Conn], bool, error) {
	if x.method != nil && x.method.Task {
		return x.acquireTask(ctx, s)
	}
	w := x.wants(s)
	if (w.exclusive || w.once) && x.makesTasks(s) {
		w = want{scope: backend.Scope{Legacy: w.scope.Legacy, Owner: x.owner(), Profile: declared(x.caps.OwnerProfile())}}
	}
	scope := w.scope.String()
	if w.once {
		lease, err := x.g.cfg.Pool.AcquireOnce(ctx, s.ID, scope)
		return lease, true, err
	}
	lease, err := x.g.cfg.Pool.Acquire(ctx, s.ID, scope, w.exclusive)
	if err != nil || !x.needsAlone(w, s, lease.Conn) {
		return lease, w.exclusive, err
	}
	lease.Release()
	lease, err = x.g.cfg.Pool.Acquire(ctx, s.ID, scope, true)
	return lease, true, err
}

// needsAlone says whether the call must hold a connection alone that it was given to share.
func (x *exchange) needsAlone(w want, s *mcpmux.Server, c *backend.Conn) bool {
	asks := s.About != nil && s.About.Interactive
	return asks && !w.exclusive && w.scope.Owner == "" && w.scope.Profile != "" && !c.Modern() && !c.Streams()
}
