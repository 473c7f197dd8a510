package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// A Server of the stateless era asks for input in its result and forgets the call; a client of the older era
// is asked in the course of its call and waits. So the gateway asks, and sends the request again with the
// answers, until the result is complete.

const (
	// maxRounds bounds how often a Server may ask in the course of one call.
	maxRounds = 10

	// maxEmptyRounds bounds how often it may ask for nothing but another try, which it does to shed load.
	maxEmptyRounds = 3

	emptyPause = 200 * time.Millisecond
)

// loop goes on from the first answer to the complete one.
func (s *sink) loop(ctx context.Context, call *backend.Call, answer wire.Message) (wire.Message, error) {
	empty := 0
	for range maxRounds {
		if answer.Kind == wire.Error || protocol.Complete(answer.Raw, answer.Result) {
			return answer, nil
		}
		requests, state, ok := protocol.ReadInputRequired(answer.Raw, answer.Result)
		if !ok {
			return answer, fmt.Errorf("its answer is of a kind that a client of MCP %s cannot be given", s.version())
		}
		if len(requests) == 0 {
			if empty++; empty > maxEmptyRounds {
				break
			}
			if err := s.pause(ctx, emptyPause<<empty); err != nil {
				return answer, err
			}
		}
		answers, err := s.askAll(ctx, requests)
		if err != nil {
			return answer, err
		}
		next := exchange{method: s.method}
		if fail := next.read(protocol.WithInputResponses(spliced(call), answers, stateOf(answer, state))); fail != nil {
			return answer, fail
		}
		call.Message, call.Edits, call.Token = next.msg, nil, next.token
		if answer, err = s.ask(ctx, call); err != nil {
			return answer, err
		}
	}
	if answer.Kind == wire.Error || protocol.Complete(answer.Raw, answer.Result) {
		return answer, nil
	}
	return answer, errTooManyRounds
}

var errTooManyRounds = errors.New("it asked too often in the course of one call")

// stateOf is the text of the Server's state, nil where it gave none.
func stateOf(answer wire.Message, state wire.Span) []byte {
	if !state.OK() {
		return nil
	}
	return answer.Bytes(state)
}

// spliced is the request of a call with the edits made.
func spliced(call *backend.Call) wire.Message {
	if len(call.Edits) == 0 {
		return call.Message
	}
	m, _ := wire.Parse(wire.Splice(nil, call.Message.Raw, call.Edits)) // an edit is a whole value, so it stays a message
	return m
}

func (s *sink) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// askAll puts all questions of a round to the client at once. One that is refused ends the call.
func (s *sink) askAll(ctx context.Context, requests []protocol.InputRequest) ([]protocol.InputResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make([]protocol.InputResponse, len(requests))
	errs := make([]error, len(requests))
	var wg sync.WaitGroup
	for i, q := range requests {
		wg.Go(func() {
			answers[i].Key = q.Key
			if answers[i].Result, errs[i] = s.askOne(ctx, q); errs[i] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return nil, err
		}
	}
	return answers, errors.Join(errs...)
}

// askOne is one of them: the id with which it goes out is minted where it is sent.
func (s *sink) askOne(ctx context.Context, q protocol.InputRequest) ([]byte, error) {
	params := q.Params
	if stringMember(params, "mode") == "url" {
		params = protocol.WithElicitationID(params, rand.Text())
	}
	req, err := wire.Parse(wire.NewRequest(0, q.Method, params))
	if err != nil {
		return nil, err
	}
	answer, err := s.Ask(ctx, req)
	if err != nil {
		return nil, err
	}
	if answer.Kind == wire.Error {
		return nil, &rpcError{code: wire.CodeInternal, message: "the server needs an answer to " + q.Method + ", which this client did not give: " + errorText(answer)}
	}
	return answer.Bytes(answer.Result), nil
}

// errorText is the message of an error response.
func errorText(m wire.Message) string {
	var found [1]wire.Span
	if err := wire.Find(m.Raw, m.Error, []string{"message"}, found[:]); err != nil {
		return ""
	}
	text, _ := wire.String(m.Raw, found[0])
	return text
}
