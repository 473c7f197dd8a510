package gateway

import (
	"container/list"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
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

// Two shapes of tasks go through the gateway: core tasks of 2025-11-25 between an older client and an older
// Server, and the extension of 2026-07-28 between stateless ones. Nothing is made of one into the other. A
// Server's id of a task is shown to a client as a text of our own, which says where the task is and proves that
// it is this client's; so ids outlive the daemon, and no table decides who owns what.

// Bounds of what is remembered of tasks. All of it is a convenience: the id alone finds the Server.
const (
	maxTasks = 4096           // for all clients; the one that nobody used for longest makes room
	taskTime = 24 * time.Hour // for a task of which the Server does not say how long it is kept

	// maxListenTasks bounds the tasks of one listen stream; more are not honoured.
	maxListenTasks = 128

	// taskHold bounds how long a task that does not end keeps its connection from idling out.
	taskHold = time.Hour
)

// The text of an id: era and version, the key of the Server, that of the connection, the MAC, how the Server's
// own id follows, and that.
const (
	taskCore      = "c1"
	taskExtension = "m1"

	taskServerSize = 6
	taskScopeSize  = 3
	taskHead       = taskServerSize + taskScopeSize + macSize

	taskPlain   = '.'
	taskEncoded = '~' // in base64, where it holds what a header or a client may not bear
)

// taskID is what an id says.
type taskID struct {
	modern bool
	server mcpmux.ServerID
	scope  [taskScopeSize]byte // two connections of one Server may use the same id
	own    string              // the Server's id
}

// tasks shows ids to clients, and remembers where the tasks are.
type tasks struct {
	key  []byte
	pool *pool.Pool[*backend.Conn]

	// mu guards the following.
	mu       sync.Mutex
	byText   map[string]*list.Element // of *knownTask
	order    *list.List               // the most recently used first
	absorbed map[*sink]string         // calls that wait for a task which their clients do not know of
}

// knownTask is a task that a client was shown.
type knownTask struct {
	text    string
	server  mcpmux.ServerID
	own     string
	scope   string   // the connection it was made on
	sess    *session // the session that made it, nil in the stateless era
	until   time.Time
	release func() // lets the connection idle again
}

func newTasks(stateKey []byte, p *pool.Pool[*backend.Conn]) *tasks {
	if len(stateKey) == 0 {
		stateKey = make([]byte, sha256.Size)
		_, _ = rand.Read(stateKey) // it never fails (crypto/rand)
	}
	h := hmac.New(sha256.New, stateKey)
	_, _ = h.Write([]byte("mcpmux task ids")) // a hash never fails
	return &tasks{
		key: h.Sum(nil), pool: p, byText: make(map[string]*list.Element), order: list.New(),
		absorbed: make(map[*sink]string),
	}
}

func scopeKey(scope string) (key [taskScopeSize]byte) {
	sum := sha256.Sum256([]byte(scope))
	copy(key[:], sum[:])
	return key
}

func serverKey(server mcpmux.ServerID) []byte {
	sum := sha256.Sum256([]byte(server))
	return sum[:taskServerSize]
}

// text is the id as a client sees it.
func (t *tasks) text(client mcpmux.ClientID, id taskID) string {
	mark := taskCore
	if id.modern {
		mark = taskExtension
	}
	head := append(append(serverKey(id.server), id.scope[:]...), t.mac(client, id)...)
	text := mark + base64.RawURLEncoding.EncodeToString(head)
	if strings.IndexFunc(id.own, func(r rune) bool { return r <= ' ' || r >= 0x7f }) < 0 {
		return text + string(taskPlain) + id.own
	}
	return text + string(taskEncoded) + base64.RawURLEncoding.EncodeToString([]byte(id.own))
}

// read is the id in a text, if it was shown to this client, in this era, for one of these Servers.
func (t *tasks) read(text string, client mcpmux.ClientID, modern bool, servers []*mcpmux.Server) (*mcpmux.Server, taskID, bool) {
	id := taskID{modern: modern}
	mark := taskCore
	if modern {
		mark = taskExtension
	}
	rest, ok := strings.CutPrefix(text, mark)
	size := base64.RawURLEncoding.EncodedLen(taskHead)
	if !ok || len(rest) <= size {
		return nil, id, false
	}
	head, err := base64.RawURLEncoding.Strict().DecodeString(rest[:size])
	if err != nil {
		return nil, id, false
	}
	id.own = rest[size+1:]
	if rest[size] == taskEncoded {
		own, err := base64.RawURLEncoding.Strict().DecodeString(id.own)
		if err != nil {
			return nil, id, false
		}
		id.own = string(own)
	} else if rest[size] != taskPlain {
		return nil, id, false
	}
	copy(id.scope[:], head[taskServerSize:])
	for _, s := range servers {
		id.server = s.ID
		if string(serverKey(s.ID)) == string(head[:taskServerSize]) && hmac.Equal(head[taskServerSize+taskScopeSize:], t.mac(client, id)) {
			return s, id, true
		}
	}
	return nil, id, false
}

// mac binds an id to the client that it is shown to.
func (t *tasks) mac(client mcpmux.ClientID, id taskID) []byte {
	era := taskCore
	if id.modern {
		era = taskExtension
	}
	h := hmac.New(sha256.New, t.key)
	for _, part := range []string{era, string(client), string(id.server), string(id.scope[:]), id.own} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		_, _ = h.Write(size[:]) // a hash never fails
		_, _ = h.Write([]byte(part))
	}
	return h.Sum(nil)[:macSize]
}

// remember notes where a task is that was just made, and lets its connection not idle out before it ends.
func (t *tasks) remember(k *knownTask, ttl time.Duration, ended bool) {
	if ttl <= 0 || ttl > taskTime {
		ttl = taskTime
	}
	k.until = time.Now().Add(ttl)
	k.release = func() {}
	if !ended && k.scope == "" {
		release := t.pool.Hold(k.server)
		timer := time.AfterFunc(min(ttl, taskHold), release)
		k.release = func() { timer.Stop(); release() }
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.byText[k.text]; old != nil {
		t.dropLocked(old)
	}
	if t.order.Len() >= maxTasks {
		t.dropLocked(t.order.Back())
	}
	t.byText[k.text] = t.order.PushFront(k)
}

func (t *tasks) dropLocked(e *list.Element) {
	k, _ := t.order.Remove(e).(*knownTask) // there is nothing else in it
	delete(t.byText, k.text)
	k.release()
}

// find is what is remembered of a task, nil where nothing is.
func (t *tasks) find(text string) *knownTask {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.byText[text]
	if e == nil {
		return nil
	}
	k, _ := e.Value.(*knownTask)
	if time.Now().After(k.until) {
		t.dropLocked(e)
		return nil
	}
	t.order.MoveToFront(e)
	return k
}

// ended lets the connection of a task idle again.
func (t *tasks) ended(text string) {
	if k := t.find(text); k != nil {
		k.release()
	}
}

// maker is the session that made a task of which only the Server's id is known; scope narrows it down where it
// is known too. Nil where nobody is, or where it could be two.
func (t *tasks) maker(server mcpmux.ServerID, own string, scope *string) *knownTask {
	now := time.Now()
	var only *knownTask
	t.mu.Lock()
	defer t.mu.Unlock()
	for s, id := range t.absorbed {
		if id == own && s.route.Server.ID == server {
			s.watch.alive()
			return nil
		}
	}
	for e := t.order.Front(); e != nil; e = e.Next() {
		k, _ := e.Value.(*knownTask)
		if k.sess == nil || k.server != server || k.own != own || now.After(k.until) || scope != nil && *scope != k.scope {
			continue
		}
		if only != nil {
			return nil
		}
		only = k
	}
	return only
}

// absorb notes that a call waits for a task, until done is called.
func (t *tasks) absorb(s *sink, own string) (done func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.absorbed[s] = own
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.absorbed, s)
	}
}

// close lets all connections idle.
func (t *tasks) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.order.Len() > 0 {
		t.dropLocked(t.order.Front())
	}
}

func unknownTask(text string) *rpcError {
	return &rpcError{code: wire.CodeInvalidParams, message: "Unknown task: " + text}
}

// routeTask leads a request about a task to the Server that has it. A task of another client is as unknown as
// one that never was.
func (x *exchange) routeTask() (*catalog.Route, []wire.Edit, *rpcError) {
	text := x.targetName()
	s, id, ok := x.g.tasks.read(text, x.id.Client, x.modern, x.view.Servers())
	if !ok {
		return nil, nil, unknownTask(text)
	}
	r := &catalog.Route{Space: x.view.Space, Server: s, Name: id.own, NameJSON: wire.Quote(id.own)}
	return r, []wire.Edit{{Span: x.target, Text: r.NameJSON}}, nil
}

// acquireTask takes the connection that the task was made on, else the one that the client would be given
// anyway. It is never held alone: questions that belong to a task say so.
func (x *exchange) acquireTask(ctx context.Context, s *mcpmux.Server) (*pool.Lease[*backend.Conn], bool, error) {
	scope := x.wants(s).scope.String()
	if k := x.g.tasks.find(x.targetName()); k != nil {
		owner := backend.ParseScope(k.scope).Owner
		if owner == "" || owner == x.owner() || x.g.sessionOf(owner) != nil {
			scope = k.scope
		}
	}
	lease, err := x.g.cfg.Pool.Acquire(ctx, s.ID, scope, false)
	if err == nil && lease.Conn.Modern() != x.modern { // it speaks another revision than when the task was made
		lease.Release()
		return nil, false, unknownTask(x.targetName())
	}
	return lease, false, err
}

// usesTasks says whether a task may be named in the course of the request. The results of all others are not
// looked at.
func (x *exchange) usesTasks() bool {
	switch {
	case x.method == nil:
		return false
	case x.method.Task:
		return true
	case x.method.Kind != mcpmux.KindTool:
		return false
	case x.modern:
		return protocol.DeclaresTasks(x.caps.Raw)
	}
	return x.task.OK()
}

// makesTasks says whether what the Server makes of the request may outlive it, as a task. Such a call is given a
// connection of its client's own where it would be given one just for as long as it lasts.
func (x *exchange) makesTasks(s *mcpmux.Server) bool {
	return x.usesTasks() && (!x.modern || s.About.Modern())
}

// shown is a result, or params, of the Server with ids that the client knows.
func (s *sink) shown(raw []byte, obj wire.Span) []wire.Edit {
	var edits []wire.Edit
	for _, at := range protocol.TaskIDs(raw, obj) {
		own, _ := wire.String(raw, at)
		edits = append(edits, wire.Edit{Span: at, Text: wire.Quote(s.visible(own))})
	}
	return edits
}

// visible is the client's id of a task. Its own spelling stays the same as long as it asks for it.
func (s *sink) visible(own string) string {
	if s.method.Task && own == s.route.Name {
		return s.targetName()
	}
	return s.g.tasks.text(s.id.Client, taskID{s.modern, s.route.Server.ID, scopeKey(s.scope), own})
}

// showTasks puts our ids into an answer, and notes what it says of a task.
func (s *sink) showTasks(answer wire.Message) (wire.Message, error) {
	if answer.Kind != wire.Response {
		return answer, nil
	}
	edits := s.shown(answer.Raw, answer.Result)
	if len(edits) == 0 {
		return answer, nil
	}
	ttl, ended := protocol.TaskState(answer.Raw, answer.Result)
	switch own, _ := wire.String(answer.Raw, edits[0].Span); {
	case !s.method.Task:
		k := &knownTask{text: s.visible(own), server: s.route.Server.ID, own: own, scope: s.scope, sess: s.sess}
		s.g.tasks.remember(k, ttl, ended)
	case ended || s.method.Name == "tasks/result":
		s.g.tasks.ended(s.targetName())
	}
	return wire.Parse(wire.Splice(nil, answer.Raw, edits))
}

// inClientsWords is the params of what a Server says in the course of a call, with the client's ids, or without
// any where the client knows of no task.
func (s *sink) inClientsWords(params []byte) []byte {
	if s.absorbs {
		return protocol.WithRelatedTask(params, "")
	}
	if len(params) == 0 {
		return params
	}
	return wire.Splice(nil, params, s.shown(params, wire.Span{End: len(params)}))
}

// inClientsNotice is a notification in the course of a call, likewise.
func (s *sink) inClientsNotice(m wire.Message) (wire.Message, error) {
	if !m.Params.OK() {
		return m, nil
	}
	return wire.Parse(wire.Splice(nil, m.Raw, []wire.Edit{{Span: m.Params, Text: s.inClientsWords(m.Bytes(m.Params))}}))
}

// taskChanged tells those who may know of it that a task has changed: the session that made it, or the listen
// streams that named it.
func (g *Gateway) taskChanged(server mcpmux.ServerID, msg wire.Message) {
	ids := protocol.TaskIDs(msg.Raw, msg.Params)
	if len(ids) == 0 {
		return
	}
	own, _ := wire.String(msg.Raw, ids[0])
	_, ended := protocol.TaskState(msg.Raw, msg.Params)
	tell := func(text string) []byte {
		if ended {
			g.tasks.ended(text)
		}
		edits := make([]wire.Edit, 0, len(ids))
		for _, at := range ids {
			edits = append(edits, wire.Edit{Span: at, Text: wire.Quote(text)})
		}
		return wire.Splice(nil, msg.Raw, edits)
	}
	if msg.Method == methodTaskStatus {
		k := g.tasks.maker(server, own, nil)
		if k != nil && g.sees(k.sess.identity.Client, k.sess.alias, server) {
			k.sess.out.push(outItem{key: "task " + k.text, raw: tell(k.text)})
		}
		return
	}
	for _, l := range g.streams.watching(server, own) {
		if g.sees(l.identity.Client, l.alias, server) {
			text := l.tasks[taskKey{server, own}]
			l.taskChanged(text, tell(text))
		}
	}
}

// sees says whether a client has anything of a Server at its endpoint.
func (g *Gateway) sees(client mcpmux.ClientID, alias string, server mcpmux.ServerID) bool {
	view, ok := g.current.Load().view(client, alias)
	return ok && reachesServer(view, server)
}

func reachesServer(view *catalog.View, server mcpmux.ServerID) bool {
	for _, s := range view.Servers() {
		if s.ID == server {
			return true
		}
	}
	return false
}

// ownTask is a task of the client, by the text that it uses.
type ownTask struct {
	text string
	key  subKey
}

type ownTasks []ownTask

// ownTasks are those of the ids that are the client's, at Servers that tell of tasks.
func (x *exchange) ownTasks(texts []string) ownTasks {
	var own ownTasks
	for _, text := range texts[:min(len(texts), maxListenTasks)] {
		s, id, ok := x.g.tasks.read(text, x.id.Client, true, x.view.Servers())
		if !ok || s.About == nil || !protocol.DeclaresTasks(s.About.Capabilities) {
			continue
		}
		key := subKey{server: s.ID, uri: id.own, task: true, scope: x.wants(s).scope.String()}
		if k := x.g.tasks.find(text); k != nil {
			key.scope = k.scope
		}
		own = append(own, ownTask{text, key})
	}
	return own
}

// ids are the texts by what the Servers call the tasks.
func (o ownTasks) ids() map[taskKey]string {
	ids := make(map[taskKey]string, len(o))
	for _, t := range o {
		ids[taskKey{t.key.server, t.key.uri}] = t.text
	}
	return ids
}

// listenToTasks subscribes to tasks and returns those that are honoured.
func (x *exchange) listenToTasks(l *listener, own ownTasks) []string {
	var honoured []string
	for _, t := range own {
		if err := x.g.hub.join(l.ctx, l, t.key); err != nil {
			x.g.cfg.Log.Debug("subscription to a task was refused", "err", err)
			continue
		}
		honoured = append(honoured, t.text)
	}
	return honoured
}
