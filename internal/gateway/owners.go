package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

const (
	// maxElicitations and elicitationTime bound what is remembered of addresses that users were asked to open:
	// the Server tells of the end of each by its id alone (MCP 2025-11-25 client/elicitation §Completion).
	maxElicitations = 4096
	elicitationTime = time.Hour

	// ownerPatience is how long a client may take to answer a question that no call of its own caused.
	ownerPatience = time.Minute
)

// owners remembers which session was asked to open which address, so that it alone hears of the end of it.
type owners struct {
	// mu guards the following.
	mu   sync.Mutex
	byID map[elicitation]owned
}

type elicitation struct {
	server mcpmux.ServerID
	id     string
}

type owned struct {
	by    *session
	until time.Time
	login bool // to the Server, which we ourselves ask for
}

func newOwners() *owners { return &owners{byID: make(map[elicitation]owned)} }

// asked notes the elicitation that params are about, if they are.
func (o *owners) asked(server mcpmux.ServerID, by *session, method string, params []byte) {
	if method != "elicitation/create" || !protocol.Has(by.version, protocol.ElicitationIDs) {
		return
	}
	o.note(server, protocol.ElicitationID(params), owned{by: by})
}

// required notes the elicitations in an error that wants addresses opened first.
func (o *owners) required(server mcpmux.ServerID, by *session, answer wire.Message) {
	if by == nil || !protocol.Has(by.version, protocol.ElicitationIDs) {
		return
	}
	for _, params := range protocol.URLsRequired(answer.Bytes(answer.Error)) {
		o.note(server, protocol.ElicitationID(params), owned{by: by})
	}
}

func (o *owners) note(server mcpmux.ServerID, id string, v owned) {
	if id == "" {
		return
	}
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.byID) >= maxElicitations {
		o.evict(now)
	}
	v.until = now.Add(elicitationTime)
	o.byID[elicitation{server, id}] = v
}

// evict makes room: what is too old, and at least the oldest.
func (o *owners) evict(now time.Time) {
	var oldest elicitation
	least := now.Add(2 * elicitationTime)
	for key, v := range o.byID {
		if v.until.Before(now) {
			delete(o.byID, key)
		} else if v.until.Before(least) {
			oldest, least = key, v.until
		}
	}
	if len(o.byID) >= maxElicitations {
		delete(o.byID, oldest)
	}
}

// ended takes the owner of an elicitation of the Server's out.
func (o *owners) ended(server mcpmux.ServerID, id string) *session {
	o.mu.Lock()
	defer o.mu.Unlock()
	v, ok := o.byID[elicitation{server, id}]
	if !ok || v.login {
		return nil
	}
	delete(o.byID, elicitation{server, id})
	if time.Now().After(v.until) {
		return nil
	}
	return v.by
}

// loggedIn takes the owners out of whom a login to the Server was asked, by the ids of that.
func (o *owners) loggedIn(server mcpmux.ServerID) map[string]*session {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	asked := make(map[string]*session)
	for key, v := range o.byID {
		if key.server != server || !v.login {
			continue
		}
		delete(o.byID, key)
		if now.Before(v.until) {
			asked[key.id] = v.by
		}
	}
	return asked
}

// Notified takes a Server's notification that names what it belongs to by an id. It reaches the owner of that
// alone.
func (g *Gateway) Notified(server mcpmux.ServerID, method string, raw []byte) {
	msg, err := wire.Parse(raw)
	if err != nil {
		return
	}
	if method == methodTaskStatus || method == methodTasks {
		g.taskChanged(server, msg)
		return
	}
	if method == "notifications/elicitation/complete" {
		if s := g.owners.ended(server, protocol.ElicitationID(msg.Bytes(msg.Params))); s != nil {
			s.out.push(outItem{must: true, raw: append([]byte(nil), raw...)})
		}
	}
}

var errNoOwner = &backend.RPCError{Code: wire.CodeInternal, Message: "there is no client that this request provably belongs to and that can be asked now"}

// AskOwner puts a Server's request that no call caused to the session that made the task it belongs to, else to the
// one whose connection it came on, on the stream that the session keeps open for such. Without one the Server
// hears at once that nobody is there.
func (g *Gateway) AskOwner(ctx context.Context, server mcpmux.ServerID, scope string, req wire.Message) (wire.Message, error) {
	params := req.Bytes(req.Params)
	s := g.sessionOf(backend.ParseScope(scope).Owner)
	task := protocol.RelatedTask(params)
	if task != "" {
		if k := g.tasks.maker(server, task, &scope); k != nil {
			s = k.sess
		}
		if s == nil || !g.sees(s.identity.Client, s.alias, server) {
			return wire.Message{}, errNoOwner
		}
		params = protocol.WithRelatedTask(params, g.tasks.text(s.identity.Client, taskID{false, server, scopeKey(scope), task}))
	}
	if s == nil || !s.listening() || !s.caps.AllowsQuestion(req.Method, params) {
		return wire.Message{}, errNoOwner
	}
	params, err := protocol.QuestionFor(s.version, req.Method, params, s.alias == "")
	if err != nil {
		return wire.Message{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, ownerPatience)
	defer cancel()
	answer, err := s.ask(ctx, req.Method, params, s.out.push, nil)
	if err != nil || task == "" || answer.Kind == wire.Error {
		return answer, err
	}
	return wire.Parse(wire.NewResult(answer.Bytes(answer.ID), protocol.WithRelatedTask(answer.Bytes(answer.Result), task)))
}

// OwnerInfo is what the client whose connections have this scope says of itself, nil where that is not known.
func (g *Gateway) OwnerInfo(scope string) []byte {
	if s := g.sessionOf(backend.ParseScope(scope).Owner); s != nil {
		return s.clientInfo
	}
	return nil
}

// rootsChanged passes a client's news of its roots on to the Servers whose connections are its own.
func (g *Gateway) rootsChanged(s *session, raw []byte) {
	mine := ofOwner(s.owner())
	for _, id := range g.current.Load().owned {
		g.cfg.Pool.Each(id, mine, func(c *backend.Conn) { c.Tell(raw) })
	}
}

// disown ends the connections that a session had to itself.
func (g *Gateway) disown(s *session) {
	mine := ofOwner(s.owner())
	for _, id := range g.current.Load().owned {
		g.cfg.Pool.EndScope(id, mine)
	}
}

func ofOwner(owner string) func(scope string) bool {
	return func(scope string) bool { return backend.ParseScope(scope).Owner == owner }
}

// sessionOf is the session that owns connections of this name.
func (g *Gateway) sessionOf(owner string) *session {
	for _, s := range g.sessions.all() {
		if s.owner() == owner {
			return s
		}
	}
	return nil
}

// owner names the connections that the session has to itself. It does not tell the session's id.
func (s *session) owner() string {
	sum := sha256.Sum256([]byte(s.id))
	return "session:" + hex.EncodeToString(sum[:8])
}

// listening says whether the session keeps a stream open for what none of its requests caused.
func (s *session) listening() bool {
	if s.pipe != nil {
		return s.pipe.ready.Load()
	}
	return s.stream.attached()
}
