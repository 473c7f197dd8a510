package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// listener is one open subscriptions/listen stream.
type listener struct {
	ctx      context.Context //nolint:containedctx // the life of the stream
	cancel   context.CancelFunc
	identity Identity
	alias    string
	id       []byte // of the listen request, as the client wrote it
	filter   listenFilter
	tasks    map[taskKey]string // ids of the client's own tasks; never changed
	out      *outbox
	lists    pace // of list_changed notices
}

// taskKey is a task as its Server knows it.
type taskKey struct {
	server mcpmux.ServerID
	own    string
}

func newListener(ctx context.Context, id Identity, alias string, rawID []byte, f listenFilter) *listener {
	l := &listener{identity: id, alias: alias, id: rawID, filter: f, out: newOutbox()}
	l.lists.say = l.listChanged
	ctx, cancel := context.WithCancel(ctx)
	l.ctx, l.cancel = ctx, func() {
		cancel()
		l.lists.stop()
	}
	return l
}

// frame is a notification that bears the stream's id. rest is further members of params, or nil.
func (l *listener) frame(method string, rest []byte) []byte {
	params := append([]byte(`{"_meta":{"`+protocol.MetaSubscription+`":`), l.id...)
	params = append(params, '}')
	if rest != nil {
		params = append(append(params, ','), rest...)
	}
	return wire.NewNotification(method, append(params, '}'))
}

func (l *listener) viewChanged(old, next *snapshot) {
	var wanted []string
	for _, method := range changedLists(old, next, l.identity.Client, l.alias) {
		if l.filter.wants(method) {
			wanted = append(wanted, method)
		}
	}
	l.lists.note(wanted)
}

func (l *listener) listChanged(method string) {
	l.out.push(outItem{key: method, must: true, raw: l.frame(method, nil)})
}

// updated passes on a Server's resources/updated, with this stream's id in place of the Server's.
func (l *listener) updated(uri string, raw []byte) {
	msg, err := wire.Parse(raw)
	if err != nil || !msg.Params.OK() {
		return
	}
	l.out.push(outItem{key: "updated " + uri, raw: protocol.WithSubscription(&msg, l.id)})
}

// taskChanged passes on a notification about a task, with this stream's id in place of the Server's.
func (l *listener) taskChanged(text string, raw []byte) {
	msg, err := wire.Parse(raw)
	if err != nil || !msg.Params.OK() {
		return
	}
	l.out.push(outItem{key: "task " + text, raw: protocol.WithSubscription(&msg, l.id)})
}

// pumpListener writes to a listen stream until the client leaves, the gateway stops or the credential is no
// longer good.
func (g *Gateway) pumpListener(es *eventStream, l *listener) {
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	drain := g.drain.Load().done
	for es.err == nil {
		select {
		case <-l.out.wake:
			es.items(l.out.take())
		case <-tick.C:
			if !g.current.Load().admits(l.identity) {
				return
			}
			es.comment()
		case <-drain: // in good order: the client gets the result of its listen request
			es.items(l.out.take())
			result := append([]byte(`{"resultType":"complete","_meta":{"`+protocol.MetaSubscription+`":`), l.id...)
			es.message(wire.NewResult(l.id, append(result, '}', '}')))
			es.flush()
			return
		case <-l.ctx.Done():
			return
		}
	}
}

// streams is the registry of open listen streams.
type streams struct {
	// mu guards the following.
	mu   sync.Mutex
	open map[*listener]struct{}
}

func newStreams() *streams { return &streams{open: make(map[*listener]struct{})} }

func (s *streams) add(l *listener) {
	s.mu.Lock()
	s.open[l] = struct{}{}
	s.mu.Unlock()
}

func (s *streams) remove(l *listener) {
	s.mu.Lock()
	delete(s.open, l)
	s.mu.Unlock()
}

func (s *streams) all() []*listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*listener, 0, len(s.open))
	for l := range s.open {
		all = append(all, l)
	}
	return all
}

// watching are the streams that named a task. None where they are of several clients: then two connections of
// the Server use the same id, and nobody can tell which of them is meant.
func (s *streams) watching(server mcpmux.ServerID, own string) []*listener {
	var found []*listener
	for _, l := range s.all() {
		if _, ok := l.tasks[taskKey{server, own}]; !ok {
			continue
		}
		if len(found) > 0 && found[0].identity.Client != l.identity.Client {
			return nil
		}
		found = append(found, l)
	}
	return found
}

// Drain ends the streams that would last for ever, in good order, and lets calls go on: the first half of
// stopping. Streams that are opened afterwards end at once, until Resume.
func (g *Gateway) Drain() { g.drain.Load().close() }

// Close ends every session with its calls, but for what is kept of them: the second half of stopping.
func (g *Gateway) Close() {
	g.Drain()
	for _, s := range g.sessions.all() {
		g.keeper.keepUsed(s, usedSlack)
		g.dropSession(s)
	}
	g.keeper.close()
	g.parking.close()
	g.tasks.close()
}

// sessionIdle is how long a session without requests and without an open stream stays in memory.
const sessionIdle = 30 * time.Minute

// Sweep drops the sessions that nobody has used for long; those that are kept wake when they are used again.
func (g *Gateway) Sweep(now time.Time) {
	for _, s := range g.sessions.all() {
		s.stream.expire(now)
		s.trails.expire(now)
		g.keeper.keepUsed(s, usedSlack)
		if s.idle() && now.Unix()-s.used.Load() > int64(sessionIdle/time.Second) {
			g.keeper.keepUsed(s, 0)
			g.dropSession(s)
		}
	}
}

// Resume takes back Drain and Close.
func (g *Gateway) Resume() {
	g.keeper.open()
	g.drain.Store(newLatch())
}

// latch is a channel that many may close.
type latch struct {
	once sync.Once
	done chan struct{}
}

func newLatch() *latch { return &latch{done: make(chan struct{})} }

func (l *latch) close() { l.once.Do(func() { close(l.done) }) }
