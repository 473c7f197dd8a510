package gateway

import (
	"bytes"
	"net/http"
	"strconv"
	"sync"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// Bounds of a batch: how many messages it may have, and how many of them are handled at a time.
const (
	maxBatch     = 100
	batchAtATime = 16
)

// batch is an array of messages (MCP 2025-03-26 basic §Batching, which no other revision has). Each is handled
// as if it had come alone.
type batch struct {
	x        *exchange   // what the messages have in common
	requests []*exchange // in flight, to be handled

	// mu guards the following.
	mu      sync.Mutex
	answers [][]byte
}

// batchPart is the answer to one message of a batch: what comes before goes out at once, the answer is kept.
type batchPart struct {
	b     *batch
	whole *reply // to the batch
}

func (p batchPart) send(it outItem) bool  { return p.whole.send(it) }
func (p batchPart) open()                 { p.whole.open() }
func (p batchPart) finish(raw []byte)     { p.b.add(raw) }
func (p batchPart) gone() <-chan struct{} { return p.whole.gone() }

func (b *batch) add(raw []byte) {
	b.mu.Lock()
	b.answers = append(b.answers, raw)
	b.mu.Unlock()
}

// serveBatch answers a POST of a batch.
func (x *exchange) serveBatch(r *http.Request, body []byte) {
	if x.isModern(r) {
		x.fail(errNoBatch("this revision"))
		return
	}
	if fail := x.findSession(r); fail != nil {
		x.fail(fail)
		return
	}
	x.reply.resumable(x.sess)
	b, fail := x.batch(body)
	if fail != nil {
		x.fail(fail)
		return
	}
	b.handle()
	if len(b.answers) == 0 {
		x.accepted()
		return
	}
	rest := b.answers
	if x.reply.streaming() { // what the stream has no room for now goes with the last, which it always has
		for len(rest) > 1 && x.reply.send(outItem{must: true, raw: rest[0]}) {
			rest = rest[1:]
		}
	}
	if x.reply.streaming() && len(rest) == 1 {
		x.reply.finish(http.StatusOK, rest[0])
		return
	}
	x.reply.finish(http.StatusOK, array(rest)...)
}

// array is the text of an array, in parts.
func array(items [][]byte) [][]byte {
	return [][]byte{[]byte("["), bytes.Join(items, []byte(",")), []byte("]")}
}

// pipeBatch takes a batch that is answered on the stream of its session.
func (x *exchange) pipeBatch(body []byte) *rpcError {
	b, fail := x.batch(body)
	if fail != nil {
		return fail
	}
	fail = x.handling(func() {
		b.handle()
		if len(b.answers) > 0 {
			x.reply.finish(http.StatusOK, array(b.answers)...)
		}
	})
	if fail != nil {
		for _, y := range b.requests {
			y.land()
			y.leave()
		}
	}
	return fail
}

func errNoBatch(version string) *rpcError {
	return &rpcError{
		status: http.StatusBadRequest, code: codeInvalidRequest,
		message: "batches exist in MCP 2025-03-26 alone, not in " + version + ": send each message by itself",
	}
}

// batch reads the messages and takes those that are no requests, for which an earlier call may wait. The
// requests are in flight from now on.
func (x *exchange) batch(body []byte) (*batch, *rpcError) {
	if x.sess.pipe != nil && !x.sess.pipe.ready.Load() {
		return nil, &rpcError{status: http.StatusBadRequest, code: codeInvalidRequest, message: "send initialize first, by itself"}
	}
	if !protocol.Has(x.sess.version, protocol.Batches) {
		return nil, errNoBatch(x.sess.version)
	}
	if err := wire.Valid(body); err != nil {
		return nil, syntaxError(err)
	}
	whole := bytes.TrimSpace(body)
	var parts []wire.Span
	for e := range wire.Elements(whole, wire.Span{End: len(whole)}) {
		parts = append(parts, e)
	}
	if len(parts) == 0 || len(parts) > maxBatch {
		return nil, &rpcError{
			status: http.StatusBadRequest, code: codeInvalidRequest,
			message: "a batch holds 1 to " + strconv.Itoa(maxBatch) + " messages, this one " + strconv.Itoa(len(parts)),
		}
	}
	b := &batch{x: x}
	seen := make(map[string]bool)
	for _, part := range parts {
		b.take(whole[part.Start:part.End], seen)
	}
	return b, nil
}

// take reads one message.
func (b *batch) take(text []byte, seen map[string]bool) {
	y := &exchange{g: b.x.g, snap: b.x.snap, view: b.x.view, id: b.x.id, alias: b.x.alias, sess: b.x.sess}
	whole := b.x.reply
	y.reply = &reply{client: whole.client, accept: whole.accept, sess: whole.sess, via: batchPart{b: b, whole: whole}}
	if fail := y.read(text); fail != nil {
		b.add(wire.NewError(nil, fail.code, fail.message, nil))
		return
	}
	if y.msg.Kind != wire.Request {
		y.legacyMessage()
		return
	}
	fail := y.batchable(seen)
	if fail == nil {
		fail = y.enter()
	}
	if fail == nil {
		fail = y.takeOff()
	}
	if fail != nil {
		y.leave()
		y.fail(fail)
		return
	}
	b.requests = append(b.requests, y)
}

// handle handles the requests, some at a time.
func (b *batch) handle() {
	var wg sync.WaitGroup
	slots := make(chan struct{}, batchAtATime)
	for _, y := range b.requests {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			defer y.leave()
			defer y.land()
			defer y.g.recovered()
			y.legacyMessage()
		})
	}
	wg.Wait()
}

// batchable refuses what must not be in a batch.
func (x *exchange) batchable(seen map[string]bool) *rpcError {
	if x.msg.Method == "initialize" { // MCP 2025-03-26 basic/lifecycle §Initialization
		return &rpcError{code: codeInvalidRequest, message: "initialize must not be part of a batch"}
	}
	id := string(x.rawID())
	if seen[id] {
		return &rpcError{code: codeInvalidRequest, message: "two requests of this batch have the id " + id}
	}
	seen[id] = true
	return nil
}
