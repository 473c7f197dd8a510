package backend

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// Conn is one live MCP connection to a Server.
type Conn struct {
	spec   Spec
	opt    Options
	log    *slog.Logger
	tr     transport
	about  mcpmux.About // set by the greeting, constant afterwards
	modern bool
	ids    atomic.Int64
	// batches says that the Server may send arrays of messages, as only MCP 2025-03-26 allows.
	batches atomic.Bool
	done    chan struct{}

	// mu guards the following.
	mu      sync.Mutex
	err     error // why the connection is gone
	closed  bool
	pending map[int64]*pendingCall
	asks    map[string]context.CancelFunc // the Server's requests being answered, by raw id
	spoiled bool
	level   int                     // rank of the log level asked for, -1 for none
	listen  *listenState            // modern only
	waiting map[int64]*listenStream // listen requests to be acknowledged
	tasks   sync.WaitGroup          // goroutines besides the transport's
}

// cancelGrace is how long a Server of the older era may take to hear that a call was given up. It should not
// answer such a call, so that there is nothing surer to wait for (MCP 2025-11-25 basic/utilities/cancellation).
const cancelGrace = 2 * time.Second

// transport moves messages. Both kinds report an end of theirs by Conn.lost.
type transport interface {
	// call sends a request and returns the response.
	call(ctx context.Context, p *pendingCall, raw []byte) (wire.Message, error)
	// send sends a message that has no response.
	send(ctx context.Context, raw []byte) error
	close() error
	pid() int
}

// Sink takes what a Server sends in the course of one call.
type Sink interface {
	// Notify delivers a notification that belongs to the call, with the client's own progress token. It is
	// called by the connection's reader and must not block; raw is valid only during the call.
	Notify(raw []byte)
	// Ask puts a Server's request to the client and returns its response. It is called in a goroutine of its
	// own; ctx ends with the call or when the Server withdraws the request. An *RPCError is what the Server
	// gets; after any other error it gets -32603, or the answer cancel where it wanted an elicitation.
	Ask(ctx context.Context, req wire.Message) (wire.Message, error)
}

// Call is one request of a client.
type Call struct {
	// Message is the client's request, unchanged; Edits are what the gateway changes in it, sorted.
	Message wire.Message
	Edits   []wire.Edit
	// Token is the client's progress token in Message, if any.
	Token wire.Span
	// Name is the final target, for the Mcp-Name header; of a request about a task, the Server's own task id.
	Name string
	// Header are the Mcp-Param headers.
	Header [][2]string
	// Caps is what the client can be asked.
	Caps protocol.Capabilities
	// Elicits says that elicitation by a form can be put to the Sink though Caps lacks it.
	Elicits bool
	// Sink may be nil: then nothing is delivered and questions are refused.
	Sink Sink
	// Lacking, where it is not nil, hears of a question that was refused since Caps lacks what it needs.
	Lacking func(method string, params []byte)
	// Exclusive says that the caller has the connection to itself.
	Exclusive bool
	// After is the call that made the task whose result this one waits for, nil where there is none: its progress
	// token is good for the life of the task (MCP 2025-11-25 basic/utilities/tasks §Task Progress Notifications).
	After *Call

	id int64 // of the last request that was sent for it; guarded by Conn.mu
}

// pendingCall is a request in flight.
type pendingCall struct {
	id     int64
	call   *Call // nil for a request of our own
	method string
	name   string
	answer chan wire.Message
	ctx    context.Context //nolint:containedctx // ends with the call or the connection; questions it causes end with it
	cancel context.CancelFunc
}

func newConn(spec Spec, opt Options) *Conn {
	opt.Events.fill()
	if opt.MaxMessage == 0 {
		opt.MaxMessage = defaultMaxMessage
	}
	if opt.Capabilities == "" {
		opt.Capabilities = protocol.FullProfile
	}
	if len(opt.ClientInfo) == 0 {
		opt.ClientInfo = []byte(`{"name":"mcpmux","version":"0"}`)
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Transport == nil {
		opt.Transport = NewTransport()
	}
	return &Conn{
		spec: spec, opt: opt, log: opt.Log.With("server", spec.Alias), done: make(chan struct{}),
		pending: make(map[int64]*pendingCall), asks: make(map[string]context.CancelFunc), level: -1, waiting: make(map[int64]*listenStream),
	}
}

// About is what the Server said of itself when it was greeted.
func (c *Conn) About() mcpmux.About { return c.about }

// Modern says whether the Server speaks the stateless era.
func (c *Conn) Modern() bool { return c.modern }

// Done is closed once the connection is gone; Err then says why.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is why the connection is gone: nil while it lives and after Close.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// PID is the process id of a stdio Server, else 0.
func (c *Conn) PID() int { return c.tr.pid() }

// Streams says whether every call has a response stream of its own, which names the call that a Server's
// question belongs to: true for Streamable HTTP, false for stdio and HTTP+SSE.
func (c *Conn) Streams() bool {
	_, ok := c.tr.(*httpConn)
	return ok
}

// Spoiled says that a call which had the connection to itself was given up, and that the Server did not answer
// it within the grace: a late question of it could be taken for one of the next call. Who holds the connection
// ends it.
func (c *Conn) Spoiled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spoiled
}

// InFlight counts the clients' requests that wait for an answer.
func (c *Conn) InFlight() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, p := range c.pending {
		if p.call != nil && p.ctx.Err() == nil {
			n++
		}
	}
	return n
}

// Close ends the connection and waits until its process is gone. It may be called more than once.
func (c *Conn) Close() error {
	c.lost(nil)
	err := c.tr.close()
	c.tasks.Wait()
	return err
}

// lost marks the connection as gone, once: calls in flight fail with why.
func (c *Conn) lost(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed, c.err = true, why
	close(c.done)
	for _, p := range c.pending {
		p.cancel()
	}
	for _, cancel := range c.asks {
		cancel()
	}
}

// gone is the error of a call that met the end of the connection.
func (c *Conn) gone() error {
	return closedBy(c.Err())
}

func closedBy(why error) *ClosedError {
	if why != nil {
		return &ClosedError{Reason: "the connection to the server was lost", Err: why}
	}
	return &ClosedError{Reason: "the connection to the server was closed"}
}

// register makes a request known as in flight.
func (c *Conn) register(ctx context.Context, call *Call, method, name string) (*pendingCall, func(), error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &pendingCall{id: c.ids.Add(1), call: call, method: method, name: name, answer: make(chan wire.Message, 1), ctx: ctx, cancel: cancel}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		cancel()
		return nil, nil, closedBy(c.err)
	}
	c.pending[p.id] = p
	if call != nil {
		call.id = p.id
	}
	return p, func() {
		cancel()
		c.mu.Lock()
		delete(c.pending, p.id)
		c.mu.Unlock()
	}, nil
}

// Call sends a client's request, once, and returns the Server's response under the id of this connection.
// When ctx ends the Server is told. A lost connection is a *ClosedError.
func (c *Conn) Call(ctx context.Context, call *Call) (wire.Message, error) {
	p, end, err := c.register(ctx, call, call.Message.Method, call.Name)
	if err != nil {
		return wire.Message{}, err
	}
	m, err := c.tr.call(p.ctx, p, c.rewrite(p))
	if ctx.Err() != nil && !c.modern {
		c.linger(p, end)
	} else {
		end()
	}
	if c.modern && m.Kind == wire.Error && p.method == "tools/call" && rpcError(m).Code == wire.CodeHeaderMismatch {
		// The headers were derived from a schema that is no longer the tool's (MCP 2026-07-28 basic/transports).
		c.opt.Events.ListChanged(mcpmux.KindTool)
	}
	return m, c.reason(ctx, err)
}

// linger keeps a call that was given up in the books for a while: until the Server has heard of it, a question
// may still be meant for it, and must not be taken for one of the only other call. Who holds the connection
// alone holds it so long; nobody else waits. Without streams of their own for the calls, such a connection
// is spoiled when the grace has passed without an answer.
func (c *Conn) linger(p *pendingCall, end func()) {
	rest := func() {
		defer end()
		t := time.NewTimer(cancelGrace)
		defer t.Stop()
		select {
		case <-p.answer:
		case <-t.C:
			c.mu.Lock()
			c.spoiled = c.spoiled || (p.call.Exclusive && !c.Streams())
			c.mu.Unlock()
		case <-c.done:
		}
	}
	if p.call.Exclusive || !c.background(rest) {
		rest()
	}
}

// reason is the end of the connection where that, and not the caller, ended a request.
func (c *Conn) reason(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		return c.gone()
	}
	return err
}

// rewrite is the client's message with our id, our progress token and the gateway's edits, in one splice.
func (c *Conn) rewrite(p *pendingCall) []byte {
	var (
		room  [8]wire.Edit
		digit [20]byte
	)
	id := strconv.AppendInt(digit[:0], p.id, 10)
	edits := append(room[:0], p.call.Edits...)
	edits = append(edits, wire.Edit{Span: p.call.Message.ID, Text: id})
	if p.call.Token.OK() {
		edits = append(edits, wire.Edit{Span: p.call.Token, Text: id})
	}
	slices.SortFunc(edits, func(a, b wire.Edit) int { return a.Start - b.Start })
	return wire.Splice(make([]byte, 0, len(p.call.Message.Raw)+96), p.call.Message.Raw, edits)
}

// Request sends a request of our own and returns the response, which may be an error response.
func (c *Conn) Request(ctx context.Context, method string, params []byte) (wire.Message, error) {
	p, end, err := c.register(ctx, nil, method, "")
	if err != nil {
		return wire.Message{}, err
	}
	defer end()
	m, err := c.tr.call(p.ctx, p, wire.NewRequest(p.id, method, c.ownParams(params)))
	return m, c.reason(ctx, err)
}

// ownParams adds what the modern era wants in every request.
func (c *Conn) ownParams(params []byte) []byte {
	return c.declaring(params, c.opt.Capabilities)
}

// declaring is ownParams with other capabilities than those of the connection.
func (c *Conn) declaring(params []byte, capabilities string) []byte {
	if !c.modern {
		return params
	}
	if len(params) == 0 {
		params = []byte("{}")
	}
	edit := wire.SetMember(params, wire.Span{Start: 0, End: len(params)}, "_meta", c.ownMeta(capabilities))
	return wire.Splice(nil, params, []wire.Edit{edit})
}

// ownMeta is the _meta of our own requests.
func (c *Conn) ownMeta(capabilities string) []byte {
	b := append([]byte(`{"`+protocol.MetaVersion+`":"`), protocol.Newest...)
	b = append(append(b, `","`+protocol.MetaCapabilities+`":`...), capabilities...)
	b = append(append(b, `,"`+protocol.MetaClientInfo+`":`...), c.opt.ClientInfo...)
	return append(b, '}')
}

// result is the result of one of our own requests, an *RPCError where the Server refused it.
func (c *Conn) result(ctx context.Context, method string, params []byte) ([]byte, error) {
	m, err := c.Request(ctx, method, params)
	if err != nil {
		return nil, err
	}
	if m.Kind == wire.Error {
		return nil, rpcError(m)
	}
	return m.Bytes(m.Result), nil
}

func rpcError(m wire.Message) *RPCError {
	var e struct {
		Code    json.Number `json:"code"`
		Message string      `json:"message"`
	}
	if err := json.Unmarshal(m.Bytes(m.Error), &e); err != nil {
		return &RPCError{Message: "the server answered with a malformed error"}
	}
	code, _ := e.Code.Int64() // 0 where it is no integer
	return &RPCError{Code: int(code), Message: e.Message}
}

// Ping asks the Server whether it is there: ping, or server/discover in the modern era, which has no ping.
// An error response is an answer too.
func (c *Conn) Ping(ctx context.Context) error {
	method := "ping"
	if c.modern {
		method = methodDiscover
	}
	_, err := c.Request(ctx, method, nil)
	return err
}

// WantLevel asks for log messages of at least this level, unless the Server was asked for as many already.
// Levels are not lowered again: who shares the connection filters.
func (c *Conn) WantLevel(ctx context.Context, level string) error {
	rank, ok := protocol.LogLevel(level)
	if !ok || c.modern || !c.Has("logging") {
		return nil
	}
	c.mu.Lock()
	enough := c.level >= 0 && c.level <= rank
	if !enough {
		c.level = rank
	}
	c.mu.Unlock()
	if enough {
		return nil
	}
	_, err := c.result(ctx, "logging/setLevel", append(append([]byte(`{"level":`), wire.Quote(level)...), '}'))
	if err != nil {
		c.mu.Lock()
		if c.level == rank {
			c.level = -1 // the next one asks again
		}
		c.mu.Unlock()
	}
	return err
}

// Has says whether the Server declared a capability.
func (c *Conn) Has(name string) bool {
	var found [1]wire.Span
	caps := c.about.Capabilities
	err := wire.Find(caps, wire.Span{Start: 0, End: len(caps)}, []string{name}, found[:])
	return err == nil && found[0].OK()
}

// Tell sends a client's notification, to a Server of the older era. Nobody waits for it.
func (c *Conn) Tell(raw []byte) {
	if !c.modern {
		c.respond(append([]byte(nil), raw...))
	}
}

// Subscribe asks for updates of a resource. The caller counts references.
func (c *Conn) Subscribe(ctx context.Context, uri string) error {
	if c.modern {
		return c.listenTo(ctx, uri, true)
	}
	_, err := c.result(ctx, "resources/subscribe", uriParams(uri))
	return err
}

// Unsubscribe takes Subscribe back.
func (c *Conn) Unsubscribe(ctx context.Context, uri string) error {
	if c.modern {
		return c.listenTo(ctx, uri, false)
	}
	_, err := c.result(ctx, "resources/unsubscribe", uriParams(uri))
	return err
}

func uriParams(uri string) []byte { return append(append([]byte(`{"uri":`), wire.Quote(uri)...), '}') }
