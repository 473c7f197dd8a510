package gateway

import (
	"context"
	"errors"
	"strconv"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// sink receives what a Server sends in the course of one call. It is the one place where a Server's message
// meets a client other than as the answer, and it can only reach the client of that call.
type sink struct {
	*exchange
	watch *watch
}

var errClientGone = errors.New("the client that caused this call is gone")

// Notify passes on progress and log messages of the call, before its answer.
func (s *sink) Notify(raw []byte) {
	s.watch.alive()
	msg, err := wire.Parse(raw)
	if err != nil || !s.wants(msg) {
		return
	}
	s.reply.send(outItem{raw: append([]byte(nil), raw...)})
}

// wants filters log messages by the session's level (MCP 2025-11-25 server/utilities/logging). A server of
// 2026-07-28 was told the level in the request itself.
func (s *sink) wants(msg wire.Message) bool {
	if msg.Method != methodMessage || s.modern {
		return true
	}
	threshold, ok := protocol.LogLevel(s.level())
	if !ok {
		return true
	}
	var found [1]wire.Span
	if err := wire.Find(msg.Raw, msg.Params, []string{"level"}, found[:]); err != nil {
		return false
	}
	level, _ := wire.String(msg.Raw, found[0])
	n, ok := protocol.LogLevel(level)
	return ok && n >= threshold
}

// Ask puts a Server's request to the client whose call caused it, on the stream of that call, and waits for
// the answer. It ends with the call, with the session, or when that client is gone.
func (s *sink) Ask(ctx context.Context, req wire.Message) (wire.Message, error) {
	if s.sess == nil {
		return wire.Message{}, errClientGone
	}
	s.watch.alive()
	s.watch.asking.Add(1)
	defer s.watch.asking.Add(-1)
	id, answer := s.sess.newAsk()
	defer s.sess.endAsk(id)
	idText := strconv.AppendInt(nil, id, 10)
	raw := wire.Splice(nil, req.Raw, []wire.Edit{{Span: req.ID, Text: idText}})
	if !s.reply.send(outItem{must: true, raw: raw}) {
		return wire.Message{}, errClientGone
	}
	select {
	case m := <-answer:
		s.watch.alive()
		return m, nil
	case <-ctx.Done():
		s.reply.send(outItem{must: true, raw: wire.NewNotification(methodCancelled, append(append([]byte(`{"requestId":`), idText...), '}'))})
		return wire.Message{}, ctx.Err()
	case <-s.reply.client.Done():
		return wire.Message{}, errClientGone
	case <-s.sess.done:
		return wire.Message{}, errSessionClosed
	}
}
