package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// Limits of sessions. An idle session costs about 2 kB; the limits keep a runaway client from filling memory.
const (
	maxSessions          = 8192
	maxSessionsPerClient = 4096
)

// session is one MCP conversation with an Mcp-Session-Id, as the revisions up to 2025-11-25 have it. It is
// bound to the credential that opened it and to its endpoint.
type session struct {
	id         string
	identity   Identity
	alias      string
	version    string
	caps       protocol.Capabilities
	declared   []byte // capabilities, as the client wrote them
	clientInfo []byte
	begun      time.Time
	out        *outbox       // for the GET stream
	stream     *trail        // the GET stream
	trails     trails        // the streams of its calls
	pipe       *pipe         // its transport where that is HTTP+SSE, else nil
	revived    bool          // it began before the daemon did
	lists      pace          // of list_changed notices
	done       chan struct{} // closed when the session ends
	used       atomic.Int64  // Unix seconds of the last request
	kept       atomic.Int64  // what the store says of that

	// mu guards the following.
	mu      sync.Mutex
	closed  bool
	ended   bool   // for good: it is not kept
	level   string // minimum level of log messages, "" where none was set
	calls   map[string]context.CancelCauseFunc
	asks    map[int64]chan wire.Message
	lastAsk int64

	subscribed map[string]struct{} // resources, nil for none
}

var (
	errSessionClosed   = errors.New("the session has ended")
	errClientCancelled = errors.New("the client cancelled the request")
)

func newSession(id Identity, alias, version string, capabilities []byte) *session {
	s := &session{
		id: rand.Text(), identity: id, alias: alias, version: version,
		declared: capabilities, caps: protocol.ParseCapabilities(capabilities), begun: time.Now().UTC(),
		out: newOutbox(), done: make(chan struct{}),
		calls: make(map[string]context.CancelCauseFunc), asks: make(map[int64]chan wire.Message),
	}
	s.lists.say = s.listChanged
	s.stream = &trail{}
	if protocol.Has(version, protocol.Resumption) {
		s.stream = newTrail(trailOfSession, version)
	}
	s.touch()
	return s
}

// ofCredential says whether the session was opened by the access key or the Authorization that a request came with.
func (s *session) ofCredential(who Identity) bool {
	return s.identity.Client == who.Client && s.identity.Key == who.Key
}

func (s *session) touch() { s.used.Store(time.Now().Unix()) }

// begin registers a request in flight. It fails where one with the same id is in flight already
// (JSON-RPC ids must be unique within a session).
func (s *session) begin(id []byte, cancel context.CancelCauseFunc) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errSessionClosed
	}
	if _, busy := s.calls[string(id)]; busy {
		return &rpcError{status: 400, code: codeInvalidRequest, message: "a request with id " + string(id) + " is already in flight in this session"}
	}
	s.calls[string(id)] = cancel
	return nil
}

func (s *session) end(id []byte) {
	s.mu.Lock()
	delete(s.calls, string(id))
	s.mu.Unlock()
}

// cancel ends the request that a notifications/cancelled of this session names. Another session's request
// cannot be named.
func (s *session) cancel(id []byte) {
	s.mu.Lock()
	cancel := s.calls[string(id)]
	s.mu.Unlock()
	if cancel != nil {
		cancel(errClientCancelled)
	}
}

// newAsk mints the id of a request to the client.
func (s *session) newAsk() (int64, <-chan wire.Message) {
	answer := make(chan wire.Message, 1)
	s.mu.Lock()
	s.lastAsk++
	id := s.lastAsk
	s.asks[id] = answer
	s.mu.Unlock()
	return id, answer
}

func (s *session) endAsk(id int64) {
	s.mu.Lock()
	delete(s.asks, id)
	s.mu.Unlock()
}

// answer delivers the client's response to one of our requests. Unknown ids are dropped: the request may
// have been withdrawn meanwhile.
func (s *session) answer(msg wire.Message) {
	id, err := strconv.ParseInt(string(msg.Bytes(msg.ID)), 10, 64)
	if err != nil {
		return
	}
	s.mu.Lock()
	ch := s.asks[id]
	delete(s.asks, id)
	s.mu.Unlock()
	if ch != nil {
		ch <- msg
	}
}

func (s *session) setLevel(level string) {
	s.mu.Lock()
	s.level = level
	s.mu.Unlock()
}

func (s *session) logLevel() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.level
}

// close ends the session: its stream, its calls and the requests it was asked.
func (s *session) close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	calls := make([]context.CancelCauseFunc, 0, len(s.calls))
	for _, c := range s.calls {
		calls = append(calls, c)
	}
	s.mu.Unlock()
	close(s.done)
	s.lists.stop()
	for _, cancel := range calls {
		cancel(errSessionClosed)
	}
}

// viewChanged tells the client which of its lists differ.
func (s *session) viewChanged(old, next *snapshot) {
	s.lists.note(changedLists(old, next, s.identity.Client, s.alias))
}

func (s *session) listChanged(method string) {
	s.out.push(outItem{key: method, must: true, raw: wire.NewNotification(method, nil)})
}

// updated tells the client of a changed resource that it subscribed to.
func (s *session) updated(uri string, raw []byte) {
	s.out.push(outItem{key: "updated " + uri, raw: raw})
}

// idle says whether the session may be evicted: nothing is in flight and no stream is open.
func (s *session) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls) == 0 && s.pipe == nil && !s.stream.attached()
}

// sessions is the registry of open sessions.
type sessions struct {
	// mu guards the following.
	mu   sync.RWMutex
	byID map[string]*session
	per  map[mcpmux.ClientID]int
}

func newSessions() *sessions {
	return &sessions{byID: make(map[string]*session), per: make(map[mcpmux.ClientID]int)}
}

// add registers a session. Where a limit is reached, the least recently used idle session within it makes
// room; false means there is none.
func (r *sessions) add(s *session) (evicted *session, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	client := s.identity.Client
	switch {
	case r.per[client] >= maxSessionsPerClient:
		evicted = r.oldest(func(o *session) bool { return o.identity.Client == client })
	case len(r.byID) >= maxSessions:
		evicted = r.oldest(func(*session) bool { return true })
	default:
		r.put(s)
		return nil, true
	}
	if evicted == nil {
		return nil, false
	}
	r.drop(evicted)
	r.put(s)
	return evicted, true
}

func (r *sessions) oldest(among func(*session) bool) *session {
	var found *session
	for _, s := range r.byID {
		if among(s) && s.idle() && (found == nil || s.used.Load() < found.used.Load()) {
			found = s
		}
	}
	return found
}

func (r *sessions) put(s *session) {
	r.byID[s.id] = s
	r.per[s.identity.Client]++
}

func (r *sessions) drop(s *session) {
	if r.byID[s.id] != s {
		return
	}
	delete(r.byID, s.id)
	if r.per[s.identity.Client]--; r.per[s.identity.Client] == 0 {
		delete(r.per, s.identity.Client)
	}
}

// find is the session with this id, if it belongs to the credential and the endpoint: what one key of a Client opened
// ends with that key, so nothing of another may hang on it. A foreign session is answered like an unknown one.
func (r *sessions) find(id string, who Identity, alias string) *session {
	r.mu.RLock()
	s := r.byID[id]
	r.mu.RUnlock()
	if s == nil || !s.ofCredential(who) || s.alias != alias || s.pipe != nil {
		return nil
	}
	s.touch()
	return s
}

// has says whether there is a session with this id, whosoever it is.
func (r *sessions) has(id string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byID[id] != nil
}

// piped is the session over HTTP+SSE with this id, if it belongs to the credential.
func (r *sessions) piped(id string, who Identity) *session {
	r.mu.RLock()
	s := r.byID[id]
	r.mu.RUnlock()
	if s == nil || s.pipe == nil || !s.ofCredential(who) {
		return nil
	}
	s.touch()
	return s
}

func (r *sessions) remove(s *session) {
	r.mu.Lock()
	r.drop(s)
	r.mu.Unlock()
}

func (r *sessions) all() []*session {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]*session, 0, len(r.byID))
	for _, s := range r.byID {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *session) int { return int(a.used.Load() - b.used.Load()) })
	return all
}

func (r *sessions) len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.byID)
}
