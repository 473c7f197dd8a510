package backend

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// receive handles one message of the Server, or in MCP 2025-03-26 an array of them. origin is the call on whose
// HTTP stream it arrived, nil where no stream says. A response is returned where it answers origin; others find
// their call by id.
func (c *Conn) receive(raw []byte, origin *pendingCall) (answer wire.Message, done bool) {
	if !c.batches.Load() || !wire.IsBatch(raw) || wire.Valid(raw) != nil {
		return c.receiveOne(raw, origin)
	}
	whole := bytes.TrimSpace(raw)
	for e := range wire.Elements(whole, wire.Span{Start: 0, End: len(whole)}) {
		if m, ok := c.receiveOne(whole[e.Start:e.End], origin); ok {
			answer, done = m, true
		}
	}
	return answer, done
}

func (c *Conn) receiveOne(raw []byte, origin *pendingCall) (answer wire.Message, done bool) {
	m, err := wire.Parse(raw)
	if err != nil {
		c.opt.Events.Stderr("[not an MCP message] " + clip(raw))
		return m, false
	}
	switch m.Kind {
	case wire.Response, wire.Error:
		return c.response(m, origin)
	case wire.Notification:
		c.notification(m, origin)
	case wire.Request:
		c.question(m, origin)
	}
	return m, false
}

func clip(b []byte) string {
	const most = 300
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}

// response finds the call that a response answers. Unknown ids are late answers to cancelled calls, or
// inventions: dropped either way.
func (c *Conn) response(m wire.Message, origin *pendingCall) (wire.Message, bool) {
	id, err := strconv.ParseInt(string(m.Bytes(m.ID)), 10, 64)
	if err != nil {
		return m, false
	}
	if origin != nil {
		return m, id == origin.id
	}
	c.mu.Lock()
	p := c.pending[id]
	c.mu.Unlock()
	if p == nil {
		return m, false
	}
	m.Raw = append([]byte(nil), m.Raw...) // the reader's buffer is used again
	select {
	case p.answer <- m:
	default: // answered already
	}
	return m, false
}

// notification passes on what belongs to a call and handles the rest.
func (c *Conn) notification(m wire.Message, origin *pendingCall) {
	switch m.Method {
	case "notifications/progress":
		c.progress(m)
	case "notifications/message":
		c.logMessage(m, origin)
	case "notifications/cancelled":
		c.withdrawn(m)
	case "notifications/tools/list_changed":
		c.opt.Events.ListChanged(mcpmux.KindTool)
	case "notifications/prompts/list_changed":
		c.opt.Events.ListChanged(mcpmux.KindPrompt)
	case "notifications/resources/list_changed":
		c.opt.Events.ListChanged(mcpmux.KindResource, mcpmux.KindTemplate)
	case "notifications/resources/updated":
		if uri, ok := c.stringParam(m, "uri"); ok {
			c.opt.Events.Updated(uri, m.Raw)
		}
	case "notifications/subscriptions/acknowledged":
		c.acknowledged(m)
	case "notifications/elicitation/complete", "notifications/tasks/status", "notifications/tasks":
		c.opt.Events.Notified(m.Method, m.Raw)
	default:
		c.owner(origin).notify(m.Raw)
	}
}

// notify passes a notification to the client behind a call, if there is one that still waits.
func (p *pendingCall) notify(raw []byte) {
	if p != nil && p.call != nil && p.call.Sink != nil && p.ctx.Err() == nil {
		p.call.Sink.Notify(raw)
	}
}

func (c *Conn) param(m wire.Message, name string) wire.Span {
	var found [1]wire.Span
	if err := wire.Find(m.Raw, m.Params, []string{name}, found[:]); err != nil {
		return wire.Span{}
	}
	return found[0]
}

func (c *Conn) stringParam(m wire.Message, name string) (string, bool) {
	return wire.String(m.Raw, c.param(m, name))
}

// progress goes to the call whose token it bears, under the client's own token. Tokens are ours, so that two
// clients may both use 1; a token of a finished call is dropped.
func (c *Conn) progress(m wire.Message) {
	span := c.param(m, "progressToken")
	id, err := strconv.ParseInt(string(m.Bytes(span)), 10, 64)
	if err != nil {
		return
	}
	c.mu.Lock()
	p := c.pending[id]
	if p == nil {
		p = c.heirLocked(id)
	}
	c.mu.Unlock()
	if p == nil || p.call == nil {
		return
	}
	call := p.call
	if p.id != id {
		call = call.After
	}
	if !call.Token.OK() {
		return
	}
	token := call.Message.Bytes(call.Token)
	p.notify(wire.Splice(nil, m.Raw, []wire.Edit{{Span: span, Text: token}}))
}

// heirLocked is the request in flight that waits for the task which an earlier one made.
func (c *Conn) heirLocked(id int64) *pendingCall {
	for _, p := range c.pending {
		if p.call != nil && p.call.After != nil && p.call.After.id == id {
			return p
		}
	}
	return nil
}

// logMessage goes to the call it provably belongs to, and to the Server's own log in any case.
func (c *Conn) logMessage(m wire.Message, origin *pendingCall) {
	level, _ := c.stringParam(m, "level")
	logger, _ := c.stringParam(m, "logger")
	data := c.param(m, "data")
	c.opt.Events.Log(level, logger, m.Bytes(data))
	c.owner(origin).notify(m.Raw)
}

// owner is the call that a message without a call's name on it belongs to: the one on whose stream it came,
// else the only one in flight, be it that its client holds the connection alone or that nobody else calls.
// Nil: nobody can tell, and nobody guesses (docs/architecture.md, Who hears a Server's question).
func (c *Conn) owner(origin *pendingCall) *pendingCall {
	if origin != nil {
		if origin.call == nil {
			return nil
		}
		return origin
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var only *pendingCall
	for _, p := range c.pending {
		switch {
		case p.call == nil:
		case only == nil:
			only = p
		case !c.opt.Owned:
			return nil
		case p.before(only):
			only = p
		}
	}
	return only
}

// before orders the calls of one client by how likely they cause a question: those in whose course a Server may
// ask, then the older ones.
func (p *pendingCall) before(o *pendingCall) bool {
	if mine, others := p.interactive(), o.interactive(); mine != others {
		return mine
	}
	return p.id < o.id
}

func (p *pendingCall) interactive() bool {
	m, ok := protocol.Lookup(p.method)
	return ok && m.Interactive
}

// respond sends an answer to the Server without holding up the reader.
func (c *Conn) respond(raw []byte) {
	c.background(func() {
		ctx, cancel := context.WithTimeout(context.Background(), respondTimeout)
		defer cancel()
		if err := c.tr.send(ctx, raw); err != nil {
			c.log.Debug("answer to the server was not sent", "err", err)
		}
	})
}

// background runs a task that Close waits for. On a connection that is closed it does nothing and says false.
func (c *Conn) background(task func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.tasks.Go(task)
	}
	return !c.closed
}

// cancelled tells the Server that nobody waits for a request any more.
func (c *Conn) cancelled(id int64) {
	params := strconv.AppendInt([]byte(`{"requestId":`), id, 10)
	c.respond(wire.NewNotification("notifications/cancelled", append(params, `,"reason":"the client no longer waits"}`...)))
}

// capabilityObject is a member of the Server's capabilities, decoded.
func (c *Conn) capabilityObject(name string) map[string]json.RawMessage {
	var caps map[string]map[string]json.RawMessage
	_ = json.Unmarshal(c.about.Capabilities, &caps) // malformed capabilities declare nothing
	return caps[name]
}
