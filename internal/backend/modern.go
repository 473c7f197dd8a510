package backend

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// listenState is the one subscriptions/listen stream of a connection to a modern Server. It carries the union
// of what all clients want, and is replaced by a new one before the old one ends.
type listenState struct {
	// turn holds one token; who has taken it may replace the stream.
	turn  chan struct{}
	uris  map[string]struct{} // guarded by turn
	tasks map[string]struct{} // guarded by turn
	live  *listenStream       // guarded by Conn.mu
}

// listenStream is one listen request.
type listenStream struct {
	id     int64
	acked  chan struct{}
	ack    sync.Once
	ended  chan struct{}
	cancel context.CancelFunc
}

const (
	methodListen   = "subscriptions/listen"
	methodDiscover = "server/discover"

	// listenAck is how long the Server has to acknowledge a listen request.
	listenAck = 10 * time.Second

	// listenRetry bounds the pause before a broken stream is opened again.
	listenRetry = 30 * time.Second
)

// filter is the SubscriptionFilter of the stream, nil where there is nothing to hear.
func (c *Conn) filter(uris, tasks map[string]struct{}) []byte {
	f := make(map[string]any)
	for name, key := range map[string]string{"tools": "toolsListChanged", "prompts": "promptsListChanged", "resources": "resourcesListChanged"} {
		if string(c.capabilityObject(name)["listChanged"]) == "true" {
			f[key] = true
		}
	}
	if len(uris) > 0 {
		f["resourceSubscriptions"] = slices.Sorted(maps.Keys(uris))
	}
	if len(tasks) > 0 {
		f["taskIds"] = slices.Sorted(maps.Keys(tasks))
	}
	if len(f) == 0 {
		return nil
	}
	text, _ := json.Marshal(map[string]any{"notifications": f}) // strings and booleans always marshal
	return text
}

// startListening opens the first stream in the background: a Server without one is a Server all the same.
func (c *Conn) startListening() {
	c.mu.Lock()
	c.listen = &listenState{turn: make(chan struct{}, 1), uris: make(map[string]struct{}), tasks: make(map[string]struct{})}
	c.listen.turn <- struct{}{}
	c.tasks.Add(1)
	c.mu.Unlock()
	go func() {
		defer c.tasks.Done()
		ctx, cancel := context.WithTimeout(context.Background(), listenAck)
		defer cancel()
		if err := c.inTurn(ctx, func() error { return c.replaceListen(ctx) }); err != nil {
			c.log.Debug("subscriptions/listen was not acknowledged", "err", err)
		}
	}()
}

// listenTo changes the resources that the stream hears of.
func (c *Conn) listenTo(ctx context.Context, uri string, on bool) error {
	return c.inTurn(ctx, func() error { return c.change(ctx, c.listen.uris, uri, on) })
}

// change makes the stream hear of one thing more or less. The caller holds the turn.
func (c *Conn) change(ctx context.Context, set map[string]struct{}, name string, on bool) error {
	if on {
		set[name] = struct{}{}
	} else {
		delete(set, name)
	}
	err := c.replaceListen(ctx)
	if err != nil && on {
		delete(set, name)
	}
	return err
}

// ListenToTask makes a Server of the stateless era tell of the changes of a task, or no longer. The caller counts
// references.
func (c *Conn) ListenToTask(ctx context.Context, id string, on bool) error {
	if !c.modern {
		return errNoTaskStream
	}
	return c.inTurn(ctx, func() error { return c.change(ctx, c.listen.tasks, id, on) })
}

var errNoTaskStream = errors.New("the server's revision has no subscriptions to tasks")

// inTurn runs a change of the stream when no other is under way.
func (c *Conn) inTurn(ctx context.Context, change func() error) error {
	select {
	case <-c.listen.turn:
		defer func() { c.listen.turn <- struct{}{} }()
		return change()
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return c.gone()
	}
}

// replaceListen opens a stream with the present filter and, once that is acknowledged, ends the one before.
// The caller holds the turn.
func (c *Conn) replaceListen(ctx context.Context) error {
	params := c.filter(c.listen.uris, c.listen.tasks)
	var next *listenStream
	if params != nil {
		var err error
		if next, err = c.openListen(params); err != nil {
			return err
		}
		select {
		case <-next.acked:
		case <-next.ended:
			return &ClosedError{Reason: "the server ended the subscription at once"}
		case <-ctx.Done():
			next.cancel()
			return ctx.Err()
		case <-c.done:
			return c.gone()
		}
	}
	c.mu.Lock()
	old := c.listen.live
	c.listen.live = next
	c.mu.Unlock()
	if old != nil {
		old.cancel()
	}
	if next != nil {
		c.watchListen(next)
	}
	return nil
}

// openListen sends a listen request. The caller holds the turn.
func (c *Conn) openListen(params []byte) (*listenStream, error) {
	ctx, cancel := context.WithCancel(context.Background())
	p, end, err := c.register(ctx, nil, methodListen, "")
	if err != nil {
		cancel()
		return nil, err
	}
	s := &listenStream{id: p.id, acked: make(chan struct{}), ended: make(chan struct{}), cancel: cancel}
	c.mu.Lock()
	c.waiting[s.id] = s
	c.tasks.Add(1)
	c.mu.Unlock()
	capabilities := c.opt.Capabilities
	if len(c.listen.tasks) > 0 {
		capabilities = string(protocol.WithTasks([]byte(capabilities)))
	}
	raw := wire.NewRequest(p.id, p.method, c.declaring(params, capabilities))
	go func() {
		defer c.tasks.Done()
		defer cancel()
		defer end()
		defer close(s.ended)
		defer c.forget(s)
		go func() { // the end of the connection ends the stream
			select {
			case <-c.done:
				cancel()
			case <-ctx.Done():
			}
		}()
		c.runListen(ctx, p, raw)
	}()
	return s, nil
}

// forget takes a listen request from those to be acknowledged.
func (c *Conn) forget(s *listenStream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, s.id)
}

// runListen lasts as long as the stream.
func (c *Conn) runListen(ctx context.Context, p *pendingCall, raw []byte) {
	h, ok := c.tr.(*httpConn)
	if !ok {
		if err := c.tr.send(ctx, raw); err != nil {
			return
		}
		select {
		case <-p.answer:
		case <-ctx.Done():
			c.cancelled(p.id)
		}
		return
	}
	resp, err := h.post(ctx, raw, p)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !isEventStream(resp.Header.Get("Content-Type")) {
		skim(resp)
		return
	}
	var at cursor
	_, _, _ = h.events(resp.Body, p, &at) // it ends with an error by nature
}

// acknowledged notes the first message of a listen stream.
func (c *Conn) acknowledged(m wire.Message) {
	meta := c.param(m, "_meta")
	var found [1]wire.Span
	if err := wire.Find(m.Raw, meta, []string{protocol.MetaSubscription}, found[:]); err != nil {
		return
	}
	id, err := strconv.ParseInt(string(m.Bytes(found[0])), 10, 64)
	if err != nil {
		return
	}
	c.mu.Lock()
	s := c.waiting[id]
	delete(c.waiting, id)
	c.mu.Unlock()
	if s != nil {
		s.ack.Do(func() { close(s.acked) })
	}
}

// watchListen opens the stream again when it breaks, with growing pauses, of which half is chance: a Server
// that was restarted is not to meet all its streams at once.
func (c *Conn) watchListen(s *listenStream) {
	c.background(func() {
		begun := time.Now()
		<-s.ended
		for pause := time.Second; ; pause = min(2*pause, listenRetry) {
			if time.Since(begun) > listenRetry {
				begun, pause = time.Now(), time.Second
			}
			jitter := rand.N(pause / 2) //nolint:gosec // it is no secret
			if !c.isLive(s) || !c.rest(pause/2+jitter) || c.reopen(s) {
				return
			}
		}
	})
}

func (c *Conn) isLive(s *listenStream) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closed && c.listen.live == s
}

// rest waits, false where the connection ended meanwhile.
func (c *Conn) rest(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.done:
		return false
	}
}

func (c *Conn) reopen(s *listenStream) bool {
	ctx, cancel := context.WithTimeout(context.Background(), listenAck)
	defer cancel()
	return c.inTurn(ctx, func() error {
		if !c.isLive(s) {
			return nil
		}
		return c.replaceListen(ctx)
	}) == nil
}
