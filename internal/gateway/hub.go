package gateway

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/pool"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// subscriber is who hears of a changed resource: a session or a listen stream.
type subscriber interface {
	updated(uri string, raw []byte)
}

// unsubscribeTimeout bounds what the hub says to a Server when no client waits for it.
const unsubscribeTimeout = 10 * time.Second

// hub counts who is subscribed to which resource of which Server, so that a Server hears one subscribe for
// all of them and one unsubscribe after the last.
type hub struct {
	pool *pool.Pool[*backend.Conn]
	log  *slog.Logger

	// mu guards the following. It is never held while a Server is spoken to.
	mu   sync.Mutex
	subs map[subKey]*subscription
}

// subKey is a resource of a Server, or one of its tasks on the connection where it was made.
type subKey struct {
	server mcpmux.ServerID
	uri    string
	task   bool
	scope  string
}

// resourceKey is a resource of a Server as this client may hear of it: on the connection of all, or, where each
// has its own, on that.
func (x *exchange) resourceKey(s *mcpmux.Server, uri string) subKey {
	key := subKey{server: s.ID, uri: uri}
	if s.Isolation == mcpmux.IsolationSession {
		key.scope = x.wants(s).scope.String()
	}
	return key
}

// subscription is one resource that at least one subscriber wants, or that is just being given up.
type subscription struct {
	who     map[subscriber]struct{}
	release func()        // lets the connection idle again
	turn    sync.Mutex    // serialises what the Server hears of this resource
	on      *backend.Conn // the connection on which the Server was told; guarded by turn
}

func newHub(p *pool.Pool[*backend.Conn], log *slog.Logger) *hub {
	return &hub{pool: p, log: log, subs: make(map[subKey]*subscription)}
}

// join adds a subscriber; the first one makes the Server hear of it.
func (h *hub) join(ctx context.Context, who subscriber, key subKey) error {
	h.mu.Lock()
	s := h.subs[key]
	if s == nil {
		s = &subscription{who: make(map[subscriber]struct{}), release: h.pool.Hold(key.server)}
		h.subs[key] = s
	}
	s.who[who] = struct{}{}
	h.mu.Unlock()
	if err := h.sync(ctx, key, s); err != nil {
		h.leave(who, key)
		return err
	}
	return nil
}

// sync makes what the Server was told match what is wanted. Whoever changes the count calls it; the turn
// makes the last caller see the last count.
func (h *hub) sync(ctx context.Context, key subKey, s *subscription) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	h.mu.Lock()
	wanted := len(s.who) > 0
	h.mu.Unlock()
	if gone(s.on) {
		s.on = nil // the Server forgot with the connection
	}
	if wanted == (s.on != nil) {
		return nil
	}
	lease, err := h.pool.Acquire(ctx, key.server, key.scope, false)
	if err != nil {
		return err
	}
	defer lease.Release()
	before := s.on
	s.on = nil
	switch {
	case !wanted && before != lease.Conn: // it was replaced meanwhile
		return nil
	case !wanted:
		return key.tell(ctx, lease.Conn, false)
	}
	if err := key.tell(ctx, lease.Conn, true); err != nil {
		return err
	}
	s.on = lease.Conn
	return nil
}

// tell says to a Server whether anybody wants to hear of the thing.
func (k subKey) tell(ctx context.Context, c *backend.Conn, on bool) error {
	switch {
	case k.task:
		return c.ListenToTask(ctx, k.uri, on)
	case on:
		return c.Subscribe(ctx, k.uri)
	}
	return c.Unsubscribe(ctx, k.uri)
}

// gone says whether a connection has ended.
func gone(c *backend.Conn) bool {
	if c == nil {
		return false
	}
	select {
	case <-c.Done():
		return true
	default:
		return false
	}
}

// leave removes a subscriber; after the last one the Server hears of it, in the background, since nobody waits
// for that.
func (h *hub) leave(who subscriber, key subKey) {
	h.mu.Lock()
	s := h.subs[key]
	if s == nil {
		h.mu.Unlock()
		return
	}
	delete(s.who, who)
	last := len(s.who) == 0
	if last {
		delete(h.subs, key)
	}
	h.mu.Unlock()
	if last {
		go h.giveUp(key, s)
	}
}

// giveUp tells the Server that nobody wants the resource any more, within a bound.
func (h *hub) giveUp(key subKey, s *subscription) {
	ctx, cancel := context.WithTimeout(context.Background(), unsubscribeTimeout)
	defer cancel()
	if err := h.sync(ctx, key, s); err != nil {
		h.log.Debug("unsubscribe was not answered", "server_id", key.server, "err", err)
	}
	s.release()
}

// forget removes a subscriber from everything.
func (h *hub) forget(who subscriber) {
	for _, key := range h.of(who) {
		h.leave(who, key)
	}
}

// prune drops a subscriber's subscriptions to what its View no longer has.
func (h *hub) prune(who subscriber, next *snapshot, client mcpmux.ClientID, alias string) {
	keys := h.of(who)
	if len(keys) == 0 {
		return
	}
	view, ok := next.view(client, alias)
	for _, key := range keys {
		if ok && (key.task && reachesServer(view, key.server) || !key.task && reaches(view, key.server, key.uri)) {
			continue
		}
		h.leave(who, key)
	}
}

// reaches says whether a View leads a URI to a Server.
func reaches(view *catalog.View, server mcpmux.ServerID, uri string) bool {
	if r, ok := view.Resource(uri); ok {
		return r.Server.ID == server
	}
	return slices.ContainsFunc(view.Servers(), func(s *mcpmux.Server) bool { return s.ID == server && view.Whole(s.Alias) })
}

func (h *hub) of(who subscriber) []subKey {
	h.mu.Lock()
	defer h.mu.Unlock()
	var keys []subKey
	for key, s := range h.subs {
		if _, ok := s.who[who]; ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// Updated fans a Server's resources/updated, which came on a connection of this scope, out to those who
// subscribed to the resource, or to one that it is a part of (MCP 2025-11-25 server/resources §Subscriptions lets
// a Server name a sub-resource).
func (g *Gateway) Updated(server mcpmux.ServerID, scope, uri string, raw []byte) {
	msg, err := wire.Parse(append([]byte(nil), raw...))
	if err != nil {
		return
	}
	raw = protocol.WithSubscription(&msg, nil)
	for _, who := range g.hub.interested(server, scope, uri) {
		who.updated(uri, raw)
	}
}

// interested are those who hear of a resource: on a connection with an owner, the owner alone.
func (h *hub) interested(server mcpmux.ServerID, scope, uri string) []subscriber {
	if backend.ParseScope(scope).Owner == "" {
		scope = ""
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []subscriber
	for key, s := range h.subs {
		if key.server != server || key.task || key.scope != scope || key.uri != uri && !strings.HasPrefix(uri, strings.TrimSuffix(key.uri, "/")+"/") {
			continue
		}
		for who := range s.who {
			found = append(found, who)
		}
	}
	return found
}

// Reopened tells a Server's new connection what is subscribed to.
func (g *Gateway) Reopened(server mcpmux.ServerID) {
	go g.hub.renew(server)
}

func (h *hub) renew(server mcpmux.ServerID) {
	ctx, cancel := context.WithTimeout(context.Background(), unsubscribeTimeout)
	defer cancel()
	h.mu.Lock()
	again := make(map[subKey]*subscription)
	for key, s := range h.subs {
		if key.server == server {
			again[key] = s
		}
	}
	h.mu.Unlock()
	for key, s := range again {
		if err := h.sync(ctx, key, s); err != nil {
			h.log.Warn("resource subscription was not renewed", "server_id", server, "err", err)
		}
	}
}
