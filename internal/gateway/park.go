package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// A client of the stateless era cannot be asked in the course of a call: it gets the questions as the result
// of its request, and sends the request again with the answers (MCP 2026-07-28, multi round-trip requests). A
// Server of the older era asks in the course of the call and waits. So the call is parked: it stays open in
// here, on its connection, while the client is away; the client finds it again by its ticket.

// Limits of parked calls. Each holds a connection.
const (
	maxParkedPerClient = 32
	maxParkedPerServer = 64

	// parkTime is how long a client may take for its answers.
	parkTime = 5 * time.Minute

	// askTogether is how long the first question waits for others that the Server asks along with it.
	askTogether = 5 * time.Millisecond
)

var (
	errGatewayClosed = errors.New("McpMux is stopping")
	errParkExpired   = errors.New("the client did not come back with answers in time")
	errBroken        = &rpcError{code: wire.CodeInternal, message: "the gateway failed at this call; its log tells more"}
	errParkFull      = &rpcError{code: wire.CodeInternal, message: "too many calls are waiting for answers; answer or give up some and try again"}
	errNoTicket      = &rpcError{code: wire.CodeInvalidParams, message: "params.requestState is not one that this request was given, or it has expired: send the request again without it"}
	errAttended      = &rpcError{code: wire.CodeInvalidParams, message: "another request with this params.requestState is being answered right now"}
)

// parked is one call that outlives the requests that are made for it.
type parked struct {
	lot    *parking
	id     [16]byte
	first  *exchange // the request that began it
	route  *catalog.Route
	cancel context.CancelCauseFunc
	asked  chan struct{} // holds a token when a question was added
	done   chan struct{} // closed with answer and fail set

	answer wire.Message
	fail   *rpcError

	// mu guards the following.
	mu        sync.Mutex
	visitor   *exchange // the request that waits now, nil while the client is away
	questions []*question
	asks      int
	expiry    *time.Timer // runs while the client is away
	expired   chan struct{}
}

// question is one that a Server asked and that has no answer yet.
type question struct {
	protocol.InputRequest
	answer chan []byte // the client's result
}

// parking is the registry of parked calls.
type parking struct {
	tasks sync.WaitGroup

	// mu guards the following.
	mu     sync.Mutex
	closed bool
	calls  map[[16]byte]*parked
}

func newParking() *parking { return &parking{calls: make(map[[16]byte]*parked)} }

// forwardParked forwards a request of a stateless client to a Server of the older era: anew, or, where it
// bears a ticket, as the next try of one that waits.
func (x *exchange) forwardParked(route *catalog.Route, edits []wire.Edit, begun time.Time) {
	state, answers, fail := x.inputs()
	if fail != nil {
		x.fail(fail)
		return
	}
	if state == "" {
		x.begin(route, edits, begun)
		return
	}
	k, ok := x.g.tickets.read(state, x, time.Now())
	switch {
	case !ok:
		x.fail(errNoTicket)
	case k.kind == ticketResend:
		x.resend(route, edits, begun, answers)
	default:
		p := x.g.parking.find(k.id)
		if p == nil {
			x.fail(errNoTicket)
			return
		}
		x.attend(p, answers)
	}
}

// inputs reads params.requestState and params.inputResponses.
func (x *exchange) inputs() (state string, answers map[string][]byte, fail *rpcError) {
	if !x.msg.Params.OK() {
		return "", nil, nil
	}
	answers, state, retry := protocol.ReadInputResponses(x.msg.Raw, x.msg.Params)
	if retry && state == "" {
		return "", nil, errNoTicket
	}
	return state, answers, nil
}

// begin makes the call in a goroutine of its own and attends it.
func (x *exchange) begin(route *catalog.Route, edits []wire.Edit, begun time.Time) {
	ctx, cancel := context.WithCancelCause(context.Background())
	p := &parked{
		lot: x.g.parking, first: x, route: route, cancel: cancel,
		asked: make(chan struct{}, 1), done: make(chan struct{}), expired: make(chan struct{}),
		visitor: x, // from the start: what the Server says at once is for this request
	}
	_, _ = rand.Read(p.id[:]) // it never fails (crypto/rand)
	x.parked = p
	if !p.lot.add(p, func() { p.run(ctx, edits, begun) }) {
		cancel(nil)
		x.fail(&rpcError{code: wire.CodeInternal, message: errGatewayClosed.Error()})
		return
	}
	if !x.g.current.Load().admits(x.id) { // asked after adding, so that no Apply comes between
		cancel(errCredentialEnded)
	}
	x.await(p)
}

// run is the life of the call.
func (p *parked) run(ctx context.Context, edits []wire.Edit, begun time.Time) {
	defer p.lot.remove(p)
	defer p.cancel(nil)
	defer close(p.done)
	x := p.first
	defer x.g.recovered()
	p.fail = errBroken
	p.answer, p.fail = x.complete(ctx, p.cancel, p.route, edits, begun)
}

// attend takes the call up again for the request x, which brings answers.
func (x *exchange) attend(p *parked, answers map[string][]byte) {
	if !p.arrive(x) {
		x.fail(errAttended)
		return
	}
	p.deliver(answers)
	x.await(p)
}

// await waits for the call on behalf of the request x, its visitor, until there is an answer or a question.
func (x *exchange) await(p *parked) {
	for {
		select {
		case <-p.done:
			p.leave(x)
			x.conclude(p.answer, p.fail)
			return
		case <-p.asked:
			if requests := p.collect(); len(requests) > 0 {
				x.hand(p, requests)
				return
			}
		case <-x.reply.client.Done(): // in this era that is a cancel
			p.cancel(errClientCancelled)
			<-p.done
			x.conclude(p.answer, p.fail) // it waits for who writes the stream: nobody may once the handler has returned
			return
		}
	}
}

// hand gives the questions to the client and lets it go.
func (x *exchange) hand(p *parked, requests []protocol.InputRequest) {
	if !p.lot.admits(p) {
		p.cancel(errParkFull)
		<-p.done
		x.fail(errParkFull)
		return
	}
	k := ticket{kind: ticketPark, id: p.id, expires: time.Now().Add(parkTime).Unix()}
	state := x.g.tickets.text(k, x)
	p.leave(x)
	x.result(protocol.InputRequired(requests, state))
}

// arrive makes x the request that waits for the call. It fails while another one does.
func (p *parked) arrive(x *exchange) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.visitor != nil {
		return false
	}
	if p.expiry != nil {
		p.expiry.Stop()
	}
	p.visitor = x
	return true
}

// leave takes arrive back; from now on the client is expected within parkTime.
func (p *parked) leave(x *exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.visitor != x {
		return
	}
	p.visitor = nil
	select {
	case <-p.done:
	default:
		p.expiry = time.AfterFunc(parkTime, p.expire)
	}
}

// expire gives the call up: open questions are answered as cancelled before.
func (p *parked) expire() {
	p.mu.Lock()
	away := p.visitor == nil
	if away {
		close(p.expired)
	}
	p.mu.Unlock()
	if away {
		p.cancel(errParkExpired)
	}
}

// collect waits a moment for questions that belong together and returns those without an answer.
func (p *parked) collect() []protocol.InputRequest {
	t := time.NewTimer(askTogether)
	defer t.Stop()
	select {
	case <-p.done:
	case <-t.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	requests := make([]protocol.InputRequest, 0, len(p.questions))
	for _, q := range p.questions {
		requests = append(requests, q.InputRequest)
	}
	return requests
}

// deliver gives the answers that came to those who asked. Questions that remain are asked again; answers to
// nothing are ignored.
func (p *parked) deliver(answers map[string][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.questions = slices.DeleteFunc(p.questions, func(q *question) bool {
		raw, ok := answers[q.Key]
		if ok {
			q.answer <- raw
		}
		return ok
	})
	if len(p.questions) > 0 {
		p.wake()
	}
}

func (p *parked) wake() {
	select {
	case p.asked <- struct{}{}:
	default:
	}
}

// ask adds a question and waits for its answer.
func (p *parked) ask(ctx context.Context, method string, params []byte) ([]byte, error) {
	q := &question{answer: make(chan []byte, 1)}
	p.mu.Lock()
	p.asks++
	q.InputRequest = protocol.InputRequest{Key: "q" + strconv.Itoa(p.asks), Method: method, Params: params}
	p.questions = append(p.questions, q)
	p.wake()
	p.mu.Unlock()
	defer p.withdraw(q)
	select {
	case raw := <-q.answer:
		return raw, nil
	case <-p.expired:
		return nil, errParkExpired
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *parked) withdraw(q *question) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.questions = slices.DeleteFunc(p.questions, func(o *question) bool { return o == q })
}

// reply is that of the request that waits now, nil while the client is away.
func (p *parked) visiting() *exchange {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.visitor
}

// add registers a call and runs it.
func (l *parking) add(p *parked, run func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.calls[p.id] = p
	l.tasks.Go(run)
	return true
}

func (l *parking) remove(p *parked) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.calls, p.id)
}

func (l *parking) find(id [16]byte) *parked {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls[id]
}

// admits says whether one more call may wait for its client: the limits are for each Client and each Server.
func (l *parking) admits(p *parked) bool {
	l.mu.Lock()
	calls := make([]*parked, 0, len(l.calls))
	for _, o := range l.calls {
		calls = append(calls, o)
	}
	l.mu.Unlock()
	ofClient, ofServer := 0, 0
	for _, o := range calls {
		if o == p || o.visiting() != nil {
			continue
		}
		if o.first.id.Client == p.first.id.Client {
			ofClient++
		}
		if o.route.Server.ID == p.route.Server.ID {
			ofServer++
		}
	}
	return ofClient < maxParkedPerClient && ofServer < maxParkedPerServer
}

// prune gives up the calls of Clients that are no longer admitted.
func (l *parking) prune(admits func(Identity) bool) {
	for _, p := range l.all() {
		if !admits(p.first.id) {
			p.cancel(errCredentialEnded)
		}
	}
}

func (l *parking) all() []*parked {
	l.mu.Lock()
	defer l.mu.Unlock()
	calls := make([]*parked, 0, len(l.calls))
	for _, p := range l.calls {
		calls = append(calls, p)
	}
	return calls
}

// close gives up all calls and waits for them.
func (l *parking) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	for _, p := range l.all() {
		p.cancel(errGatewayClosed)
	}
	l.tasks.Wait()
}

// urlRequired turns the error of a Server of 2025-11-25 that wants the user to open addresses first into the
// question, for a client that has no such error. Nothing is parked: the request was refused, and the next try
// is sent as a new one (MCP 2025-11-25 client/elicitation §URL Elicitation Required Error).
func (x *exchange) urlRequired(answer wire.Message) (wire.Message, error) {
	requests, ok := protocol.FromURLRequired(answer.Bytes(answer.Error))
	if !ok {
		return answer, &rpcError{code: wire.CodeInternal, message: "the server wants the user to open an address, but its error does not say which"}
	}
	for _, q := range requests {
		if !x.caps.AllowsQuestion(q.Method, q.Params) {
			return answer, missing(protocol.Required(q.Method, q.Params))
		}
	}
	k := ticket{kind: ticketResend, expires: time.Now().Add(parkTime).Unix()}
	_, _ = rand.Read(k.id[:]) // it never fails (crypto/rand)
	return wire.Parse(wire.NewResult(answer.Bytes(answer.ID), protocol.InputRequired(requests, x.g.tickets.text(k, x))))
}

// resend sends a request that was refused before, once the user has agreed to all that was asked.
func (x *exchange) resend(route *catalog.Route, edits []wire.Edit, begun time.Time, answers map[string][]byte) {
	for _, raw := range answers {
		if stringMember(raw, "action") != "accept" {
			fail := &rpcError{code: wire.CodeInternal, message: "the user did not agree to open the address that the server asked for"}
			x.record(route, begun, fail.code, "error", fail.message)
			x.fail(fail)
			return
		}
	}
	x.begin(route, edits, begun)
}

// keepOpen makes sure that whoever waits for the call knows that it goes on.
func (x *exchange) keepOpen() {
	v := x
	if x.parked != nil {
		v = x.parked.visiting()
	}
	if v != nil {
		v.reply.open()
	}
}
