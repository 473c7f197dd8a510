package backend

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/mcpmux/mcpmux/internal/wire"
)

const (
	methodRoots    = "roots/list"
	methodSampling = "sampling/createMessage"
	methodElicit   = "elicitation/create"

	// metaRelatedTask names the task that a message belongs to (MCP 2025-11-25 basic/utilities/tasks).
	metaRelatedTask = "io.modelcontextprotocol/related-task"
)

// askFunc puts a request of the Server to somebody and returns the response.
type askFunc func(ctx context.Context, req wire.Message) (wire.Message, error)

// question handles a request of the Server.
func (c *Conn) question(m wire.Message, origin *pendingCall) {
	switch m.Method {
	case "ping":
		c.respond(wire.NewResult(m.Bytes(m.ID), []byte("{}")))
	case methodRoots, methodSampling, methodElicit:
		if p := c.asker(m, origin); p != nil {
			c.askClient(p, m)
		} else {
			c.askOwner(m, origin)
		}
	default:
		c.refuse(m, wire.CodeMethodNotFound, "method "+m.Method+" is not known here")
	}
}

// asker is the call that provably caused a question, nil where nobody can tell. A question that belongs to a
// task is not that of whoever happens to be the only caller: the task may be anybody's.
func (c *Conn) asker(m wire.Message, origin *pendingCall) *pendingCall {
	if origin == nil {
		if task, ok := c.relatedTask(m); ok {
			return c.taskCall(task)
		}
	}
	return c.owner(origin)
}

func (c *Conn) relatedTask(m wire.Message) (id string, ok bool) {
	var found [1]wire.Span
	if err := wire.Find(m.Raw, c.param(m, "_meta"), []string{metaRelatedTask}, found[:]); err != nil || !found[0].OK() {
		return "", false
	}
	related := found[0]
	if err := wire.Find(m.Raw, related, []string{"taskId"}, found[:]); err != nil {
		return "", true
	}
	id, _ = wire.String(m.Raw, found[0])
	return id, true
}

// taskCall is the only request in flight that is about this task.
func (c *Conn) taskCall(id string) *pendingCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	var only *pendingCall
	for _, p := range c.pending {
		if p.call == nil || p.name != id || (p.method != "tasks/result" && p.method != "tasks/get") {
			continue
		}
		if only != nil {
			return nil
		}
		only = p
	}
	return only
}

// askClient puts a question to the client whose call caused it.
func (c *Conn) askClient(p *pendingCall, m wire.Message) {
	c.opt.Events.Interactive()
	if p.ctx.Err() != nil {
		c.refuse(m, wire.CodeInternal, "the client has given up the call that this request belongs to")
		return
	}
	if code, why := c.unable(p.call, m); code != 0 {
		if p.call.Lacking != nil {
			p.call.Lacking(m.Method, m.Bytes(m.Params))
		}
		c.refuse(m, code, why)
		return
	}
	c.ask(p.ctx, p.call.Sink.Ask, m)
}

// unable says why a client cannot be asked, 0 where it can: for a kind that it does not support the method is
// unknown; for a mode or a feature of it, the params are wrong (MCP 2025-11-25 client/elicitation §Error
// Handling, client/sampling §Tools in Sampling).
func (c *Conn) unable(call *Call, m wire.Message) (code int, why string) {
	switch {
	case call.Sink == nil:
	case call.Caps.AllowsQuestion(m.Method, m.Bytes(m.Params)), call.Elicits && c.isForm(m):
		return 0, ""
	case call.Caps.Allows(m.Method):
		return wire.CodeInvalidParams, "the client behind this call supports " + m.Method + ", but not in the mode or with the features that this request wants"
	}
	return wire.CodeMethodNotFound, "the client behind this call does not support " + m.Method
}

// isForm says whether a question is an elicitation by a form.
func (c *Conn) isForm(m wire.Message) bool {
	if m.Method != methodElicit {
		return false
	}
	span := c.param(m, "mode")
	mode, _ := wire.String(m.Raw, span)
	return !span.OK() || mode == "form"
}

// askOwner deals with a question that no call provably caused. Who answers for the connection is asked. Many
// Servers ask for roots at start, before any client is there: they get those that were set for them.
func (c *Conn) askOwner(m wire.Message, origin *pendingCall) {
	_, ofTask := c.relatedTask(m)
	unasked := !ofTask && (c.InFlight() == 0 || origin != nil) // on a stream without a call, of our own request
	if m.Method != methodRoots || !unasked {
		c.opt.Events.Interactive()
	}
	var fallback []byte
	if m.Method == methodRoots && unasked {
		fallback = c.roots()
	}
	switch {
	case c.opt.Events.Ask != nil:
		c.ask(context.Background(), func(ctx context.Context, req wire.Message) (wire.Message, error) {
			answer, err := c.opt.Events.Ask(ctx, req)
			if err != nil && fallback != nil {
				return wire.Parse(wire.NewResult(req.Bytes(req.ID), fallback))
			}
			return answer, err
		}, m)
	case fallback != nil:
		c.respond(wire.NewResult(m.Bytes(m.ID), fallback))
	default:
		c.refuse(m, wire.CodeInternal, "this request cannot be attributed to one client's call")
	}
}

// roots is the result of a roots/list that nobody can be asked for.
func (c *Conn) roots() []byte {
	type root struct {
		URI string `json:"uri"`
	}
	list := make([]root, 0, len(c.spec.Roots))
	for _, uri := range c.spec.Roots {
		list = append(list, root{uri})
	}
	text, _ := json.Marshal(map[string][]root{"roots": list}) // strings always marshal
	return text
}

// ask puts a question to somebody, without holding up the reader.
func (c *Conn) ask(parent context.Context, put askFunc, m wire.Message) {
	m.Raw = append([]byte(nil), m.Raw...)
	id := string(m.Bytes(m.ID))
	ctx, cancel := context.WithCancel(parent)
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		cancel()
		return
	}
	c.asks[id] = cancel
	c.tasks.Add(1)
	c.mu.Unlock()
	go func() {
		defer c.tasks.Done()
		defer cancel()
		answer, err := put(ctx, m)
		withdrawn := ctx.Err() != nil && parent.Err() == nil
		refusal, isRefusal := errors.AsType[*RPCError](err)
		c.mu.Lock()
		delete(c.asks, id)
		c.mu.Unlock()
		switch {
		case withdrawn:
		case isRefusal:
			c.refuse(m, refusal.Code, refusal.Message)
		case err != nil && m.Method == methodElicit && !errors.Is(err, context.Canceled):
			c.respond(wire.NewResult([]byte(id), []byte(`{"action":"cancel"}`)))
		case err != nil:
			c.refuse(m, wire.CodeInternal, "the client did not answer: "+err.Error())
		case !answer.ID.OK():
			c.refuse(m, wire.CodeInternal, "the client's answer names no request")
		default:
			c.respond(wire.Splice(nil, answer.Raw, []wire.Edit{{Span: answer.ID, Text: []byte(id)}}))
		}
	}()
}

// withdrawn ends the question that the Server takes back, or the listen stream that it ends (MCP 2026-07-28
// basic/transports/stdio).
func (c *Conn) withdrawn(m wire.Message) {
	id := string(m.Bytes(c.param(m, "requestId")))
	c.mu.Lock()
	cancel := c.asks[id]
	var stream *pendingCall
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && cancel == nil {
		stream = c.pending[n]
	}
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	if stream != nil && stream.call == nil && stream.method == methodListen {
		select {
		case stream.answer <- m: // whatever is there ends it
		default:
		}
	}
}

func (c *Conn) refuse(m wire.Message, code int, message string) {
	c.respond(wire.NewError(append([]byte(nil), m.Bytes(m.ID)...), code, message, nil))
}
