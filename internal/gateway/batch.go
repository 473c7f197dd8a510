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
	x *exchange // what the messages have in common

	// mu guards the following.
	mu      sync.Mutex
	answers [][]byte
}

// batchPart is the answer to one message of a batch: what comes before goes out at once, the answer is kept.
type batchPart struct {
	b     *batch
	whole *reply // to the batch
}

func (p batchPart) send(it outItem) bool { return p.whole.send(it) }
func (p batchPart) open()                { p.whole.open() }
func (p batchPart) finish(raw []byte)    { p.b.add(raw) }

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
	answers, fail := x.batch(body)
	switch {
	case fail != nil:
		x.fail(fail)
	case len(answers) == 0:
		x.accepted()
	case x.reply.streaming():
		for _, raw := range answers[:len(answers)-1] {
			x.reply.send(outItem{must: true, raw: raw})
		}
		x.reply.finish(http.StatusOK, answers[len(answers)-1])
	default:
		x.reply.finish(http.StatusOK, []byte("["), bytes.Join(answers, []byte(",")), []byte("]"))
	}
}

// pipeBatch answers a batch on the stream of its session.
func (x *exchange) pipeBatch(body []byte) {
	answers, fail := x.batch(body)
	switch {
	case fail != nil:
		x.fail(fail)
	case len(answers) > 0:
		x.reply.finish(http.StatusOK, []byte("["), bytes.Join(answers, []byte(",")), []byte("]"))
	}
}

func errNoBatch(version string) *rpcError {
	return &rpcError{
		status: http.StatusBadRequest, code: codeInvalidRequest,
		message: "batches exist in MCP 2025-03-26 alone, not in " + version + ": send each message by itself",
	}
}

// batch handles all messages and returns the answers.
func (x *exchange) batch(body []byte) ([][]byte, *rpcError) {
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
	b.handle(whole, parts)
	return b.answers, nil
}

// handle handles the messages, some at a time.
func (b *batch) handle(whole []byte, parts []wire.Span) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, batchAtATime)
	seen := make(map[string]bool)
	for _, part := range parts {
		y := &exchange{g: b.x.g, snap: b.x.snap, view: b.x.view, id: b.x.id, alias: b.x.alias, sess: b.x.sess}
		y.reply = &reply{client: b.x.reply.client, accept: b.x.reply.accept, via: batchPart{b: b, whole: b.x.reply}}
		if fail := y.read(whole[part.Start:part.End]); fail != nil {
			b.add(wire.NewError(nil, fail.code, fail.message, nil))
			continue
		}
		if fail := y.batchable(seen); fail != nil {
			y.fail(fail)
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			y.legacyMessage()
		})
	}
	wg.Wait()
}

// batchable refuses what must not be in a batch.
func (x *exchange) batchable(seen map[string]bool) *rpcError {
	if x.msg.Kind != wire.Request {
		return nil
	}
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
