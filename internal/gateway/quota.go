package gateway

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// maxInFlight is how many requests of one Client are handled at a time. An application makes some at a time; one
// that has made a thousand and waits for all of them is in a loop, and the others are to be served meanwhile.
const maxInFlight = 1024

// maxListening is how many streams of subscriptions/listen a Client may have open: as many as sessions, which the
// revisions before had in their place.
const maxListening = maxSessionsPerClient

// quota is what a Client uses at a time, and of its requests in a minute. It outlives the snapshots: a change
// somewhere else is no fresh start.
type quota struct {
	inFlight  atomic.Int32
	listening atomic.Int32
	// due is when the Client has used up nothing again, in nanoseconds after rate.since: each request puts it off by what one
	// costs (the generic cell rate algorithm, ITU-T I.371). One number says it all, so that no lock is needed.
	due atomic.Int64

	// mu guards the following. It is held for a look-up.
	mu    sync.Mutex
	calls map[*exchange]context.CancelCauseFunc // those of the revision without sessions; the others are their session's
}

// begin keeps what ends a call, for the time when its credential does.
func (q *quota) begin(x *exchange, cancel context.CancelCauseFunc) {
	q.mu.Lock()
	if q.calls == nil {
		q.calls = make(map[*exchange]context.CancelCauseFunc)
	}
	q.calls[x] = cancel
	q.mu.Unlock()
}

func (q *quota) end(x *exchange) {
	q.mu.Lock()
	delete(q.calls, x)
	q.mu.Unlock()
}

// prune ends the calls of credentials that are no longer good.
func (q *quota) prune(admits func(Identity) bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for x, cancel := range q.calls {
		if !admits(x.id) {
			cancel(errCredentialEnded)
		}
	}
}

// rate is how often each Client may ask (setting client.rate_limit): so many requests at once, and one more each time
// the cost of one has passed. The zero value sets no limit.
type rate struct {
	perMinute int
	cost      int64     // nanoseconds
	since     time.Time // with a monotonic clock, which nobody sets back
}

func newRate(perMinute int, since time.Time) rate {
	if perMinute <= 0 {
		return rate{}
	}
	return rate{perMinute: perMinute, cost: int64(time.Minute) / int64(perMinute), since: since}
}

// charge takes one request from what is left of a minute, or says when there is one.
func (r rate) charge(q *quota, at time.Time) (ok bool, retryAfter time.Duration) {
	now := int64(at.Sub(r.since))
	for {
		due := q.due.Load()
		next := max(due, now) + r.cost
		if over := next - now - int64(r.perMinute)*r.cost; over > 0 {
			return false, time.Duration(over)
		}
		if q.due.CompareAndSwap(due, next) {
			return true, 0
		}
	}
}

// quotas are those of the Clients, with what those that were there before have used.
func quotas(clients []mcpmux.Client, before map[mcpmux.ClientID]*quota) map[mcpmux.ClientID]*quota {
	all := make(map[mcpmux.ClientID]*quota, len(clients))
	for i := range clients {
		id := clients[i].ID
		if all[id] = before[id]; all[id] == nil {
			all[id] = new(quota)
		}
	}
	return all
}

// enter counts a request in, unless its Client has too many or asks too often. Responses and notifications are never
// refused: with them a client ends what keeps it waiting.
func (x *exchange) enter() *rpcError {
	q := x.snap.quotas[x.id.Client]
	if q == nil {
		return nil // a Client that has just been removed, and sees nothing
	}
	if r := x.snap.rate; r.cost != 0 {
		if ok, after := r.charge(q, time.Now()); !ok {
			return x.refuse(&rpcError{
				status: http.StatusTooManyRequests, code: wire.CodeInternal, retryAfter: after,
				message: fmt.Sprintf("a client may make %d requests in a minute (setting client.rate_limit); try again later", r.perMinute),
			})
		}
	}
	if q.inFlight.Add(1) > maxInFlight {
		q.inFlight.Add(-1)
		return x.refuse(errTooManyInFlight)
	}
	x.quota = q
	return nil
}

// refuse keeps the record of a request that does not get in, and returns why.
func (x *exchange) refuse(fail *rpcError) *rpcError {
	x.g.cfg.Refused(mcpmux.Activity{
		At: time.Now(), Client: x.id.Client, Space: x.view.Space, Method: x.msg.Method, Name: x.targetName(),
		Outcome: "denied", Code: fail.code, Detail: fail.message,
	})
	return fail
}

// leave counts a request out. Doing so again does nothing.
func (x *exchange) leave() {
	if x.quota != nil {
		x.quota.inFlight.Add(-1)
		x.quota = nil
	}
}

// settle makes a request that is in flight a stream, which lasts for as long as its client wants, until done.
func (x *exchange) settle() (done func(), fail *rpcError) {
	q := x.quota
	if q == nil {
		return func() {}, nil
	}
	if q.listening.Add(1) > maxListening {
		q.listening.Add(-1)
		return nil, errTooManyListening
	}
	x.leave()
	return func() { q.listening.Add(-1) }, nil
}

//nolint:gochecknoglobals // an immutable value
var errTooManyListening = &rpcError{
	status: http.StatusTooManyRequests, code: wire.CodeInternal, retryAfter: time.Second,
	message: fmt.Sprintf("this client has %d streams open, which is as many as there may be; close some and try again", maxListening),
}

//nolint:gochecknoglobals // an immutable value
var errTooManyInFlight = &rpcError{
	status: http.StatusTooManyRequests, code: wire.CodeInternal, retryAfter: time.Second,
	message: fmt.Sprintf("%d requests of this client wait for their answers, which is as many as there may be; try again later", maxInFlight),
}
