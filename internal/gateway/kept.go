package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
)

// SessionStore keeps sessions beyond the life of a Gateway.
type SessionStore interface {
	// SaveSession inserts or replaces a session by its id; not_found means that its Client or key is gone.
	SaveSession(ctx context.Context, s mcpmux.Session) error
	// Session is the session with an id, and whether there is one.
	Session(ctx context.Context, id string) (mcpmux.Session, bool, error)
	// DeleteSession forgets a session for good.
	DeleteSession(ctx context.Context, id string) error
}

const (
	// keepTimeout bounds one access to the store.
	keepTimeout = 10 * time.Second

	// keepPatience is how long a client waits for that.
	keepPatience = 2 * time.Second

	// usedSlack is by how much the time of last use that is kept may lie behind.
	usedSlack = time.Hour
)

// keeper writes sessions to the store, off the path of requests and one at a time. It has no goroutine while
// there is nothing to write.
type keeper struct {
	store SessionStore // nil: sessions end with the daemon
	log   *slog.Logger

	// mu guards the following.
	mu      sync.Mutex
	due     map[*session]chan struct{} // to be written; closed when it is
	ended   map[string]*session        // to be deleted, by the id in the store: nobody wakes them
	waking  map[string]chan struct{}
	writing bool
	closed  bool
	writer  sync.WaitGroup
}

func newKeeper(store SessionStore, log *slog.Logger) *keeper {
	return &keeper{
		store: store, log: log, due: make(map[*session]chan struct{}), ended: make(map[string]*session), waking: make(map[string]chan struct{}),
	}
}

// keptID is the id under which a session is kept: who reads the store cannot use the session.
func keptID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// keep has the session written, as it is when its turn comes. One over HTTP+SSE ends with its stream.
func (k *keeper) keep(s *session) (written <-chan struct{}) {
	if k.store == nil || s.pipe != nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.put(s)
}

// kept is keep for what the client is about to be told: it must not be forgotten however the daemon ends. A
// store that is slow holds the client up for a moment only.
func (k *keeper) kept(s *session) {
	written := k.keep(s)
	if written == nil {
		return
	}
	t := time.NewTimer(keepPatience)
	defer t.Stop()
	select {
	case <-written:
	case <-t.C:
	}
}

// forget has the session deleted for good.
func (k *keeper) forget(s *session) {
	if k.store == nil || s.pipe != nil {
		return
	}
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended[keptID(s.id)] = s
	k.put(s)
}

// keepUsed writes a session whose last use is later than what is kept of it says, by more than slack.
func (k *keeper) keepUsed(s *session, slack time.Duration) {
	if s.used.Load()-s.kept.Load() > int64(slack/time.Second) {
		k.keep(s)
	}
}

func (k *keeper) put(s *session) <-chan struct{} {
	if k.closed {
		return nil
	}
	if k.due[s] == nil {
		k.due[s] = make(chan struct{})
	}
	if !k.writing {
		k.writing = true
		k.writer.Go(k.write)
	}
	return k.due[s]
}

func (k *keeper) write() {
	for s, written := k.next(); s != nil; s, written = k.next() {
		if err := k.writeOne(s); err != nil {
			k.log.Warn("a session could not be kept as it is", "client_id", s.identity.Client, "err", err)
		}
		close(written)
	}
}

func (k *keeper) next() (s *session, written chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for s, written = range k.due {
		delete(k.due, s)
		return s, written
	}
	k.writing = false
	return nil, nil
}

func (k *keeper) writeOne(s *session) error {
	ctx, cancel := context.WithTimeout(context.Background(), keepTimeout)
	defer cancel()
	rec, ended := s.record()
	if !ended {
		err := k.store.SaveSession(ctx, rec)
		if mcpmux.CodeOf(err) == mcpmux.CodeNotFound { // its Client or key is gone, so nobody can come back to it
			return nil
		}
		if err == nil {
			s.kept.Store(rec.UsedAt.Unix())
		}
		return err
	}
	if err := k.store.DeleteSession(ctx, rec.ID); err != nil && mcpmux.CodeOf(err) != mcpmux.CodeNotFound {
		return err
	}
	k.mu.Lock()
	delete(k.ended, rec.ID)
	k.mu.Unlock()
	return nil
}

// close writes what is left, and tries again to delete what could not be.
func (k *keeper) close() {
	k.mu.Lock()
	for _, s := range k.ended {
		k.put(s)
	}
	k.closed = true
	k.mu.Unlock()
	k.writer.Wait()
}

// open takes back close.
func (k *keeper) open() {
	k.mu.Lock()
	k.closed = false
	k.mu.Unlock()
}

// begin makes the caller the one that looks for a session, and woken is for it to call then. Where somebody
// does already, it waits for that. first is false where there is nothing to do.
func (k *keeper) begin(ctx context.Context, key string) (woken func(), first bool) {
	k.mu.Lock()
	_, ended := k.ended[key]
	busy := k.waking[key]
	if ended || k.closed || busy != nil {
		k.mu.Unlock()
		if busy != nil {
			select {
			case <-busy:
			case <-ctx.Done():
			}
		}
		return nil, false
	}
	done := make(chan struct{})
	k.waking[key] = done
	k.mu.Unlock()
	return func() {
		k.mu.Lock()
		delete(k.waking, key)
		k.mu.Unlock()
		close(done)
	}, true
}

// record is what is kept of the session, and whether it ended for good.
func (s *session) record() (mcpmux.Session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return mcpmux.Session{
		ID: keptID(s.id), Client: s.identity.Client, Key: s.identity.Key, Alias: s.alias, Version: s.version,
		Capabilities: s.declared, ClientInfo: s.clientInfo, Level: s.level, Subscriptions: slices.Sorted(maps.Keys(s.subscribed)),
		CreatedAt: s.begun, UsedAt: time.Unix(s.used.Load(), 0).UTC(),
	}, s.ended
}

// wants notes that the client subscribed to a resource, or that it did not.
func (s *session) wants(uri string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !on:
		delete(s.subscribed, uri)
	case s.subscribed == nil:
		s.subscribed = map[string]struct{}{uri: {}}
	default:
		s.subscribed[uri] = struct{}{}
	}
}

func (s *session) wanted(uri string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.subscribed[uri]
	return ok && !s.closed
}

// session is the session with this id, if it belongs to the credential and the endpoint: one that is in use, or
// one of before the restart.
func (g *Gateway) session(ctx context.Context, id string, who Identity, alias string) *session {
	s := g.sessions.find(id, who, alias)
	if s != nil || g.cfg.Sessions == nil || g.sessions.has(id) {
		return s
	}
	g.wake(ctx, id, who, alias)
	return g.sessions.find(id, who, alias)
}

// wake looks a session up in the store, once for all who ask at the same time.
func (g *Gateway) wake(ctx context.Context, id string, who Identity, alias string) {
	key := keptID(id)
	woken, first := g.keeper.begin(ctx, key)
	if !first {
		return
	}
	defer woken()
	if g.sessions.has(id) { // it was woken just before
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	rec, found, err := g.cfg.Sessions.Session(ctx, key)
	if err != nil {
		g.cfg.Log.Warn("a session could not be looked up", "client_id", who.Client, "err", err)
		return
	}
	known := protocol.Known(rec.Version) && !protocol.Modern(rec.Version)
	if found && known && rec.Client == who.Client && rec.Key == who.Key && rec.Alias == alias {
		g.revive(id, who, rec)
	}
}

// revive makes a kept session one in use. Nobody knows what its client missed, so it is told to read every list
// again.
func (g *Gateway) revive(id string, who Identity, rec mcpmux.Session) {
	s := newSession(who, rec.Alias, rec.Version, rec.Capabilities)
	s.id, s.revived, s.clientInfo, s.begun, s.level = id, true, rec.ClientInfo, rec.CreatedAt, rec.Level
	s.kept.Store(rec.UsedAt.Unix())
	for _, uri := range rec.Subscriptions {
		s.wants(uri, true)
	}
	if g.admit(s) != nil {
		return
	}
	s.lists.note([]string{methodToolsChanged, methodPromptsChanged, methodResourcesChanged})
	if len(rec.Subscriptions) > 0 {
		go g.subscribeAgain(s, rec.Subscriptions)
	}
}

// admit adds a session to those in use, if its credential is good and there is room.
func (g *Gateway) admit(s *session) *rpcError {
	evicted, ok := g.sessions.add(s)
	if evicted != nil {
		g.dropSession(evicted)
	}
	if !ok {
		return errTooManySessions
	}
	if !g.current.Load().admits(s.identity) { // asked after adding, so that no Apply comes between
		g.dropSession(s)
		return errCredentialEnded
	}
	g.cfg.Came()
	return nil
}

// subscribeAgain subscribes a session that came back to what it still may see of its subscriptions.
func (g *Gateway) subscribeAgain(s *session, uris []string) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	name := []byte("subscriptions") // no client's id, since it is no JSON
	if s.begin(name, cancel) != nil {
		return
	}
	defer s.end(name)
	for _, uri := range uris {
		snap := g.current.Load()
		view, ok := snap.view(s.identity.Client, s.alias)
		if !ok || !s.wanted(uri) {
			continue
		}
		x := &exchange{g: g, snap: snap, view: view, id: s.identity, alias: s.alias, sess: s, caps: s.caps}
		route, ok := x.resource(uri)
		if !ok {
			continue
		}
		if err := g.hub.join(ctx, s, x.resourceKey(route.Server, uri)); err != nil {
			g.cfg.Log.Debug("a subscription of before the restart was refused", "server", route.Server.Alias, "err", err)
		} else if !s.wanted(uri) { // it was given up meanwhile
			g.hub.leave(s, x.resourceKey(route.Server, uri))
		}
	}
}
