package gateway

import (
	"context"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// taskCancelTime bounds how long a Server is waited for that is told to give up a task.
const taskCancelTime = 3 * time.Second

// mustAbsorb says whether the tool can only be run as a task, of a kind that the client did not ask for.
func (s *sink) mustAbsorb() bool {
	return s.route.NeedsTask && !s.conn.Modern() && (s.modern || !s.task.OK()) &&
		protocol.Has(s.conn.About().ProtocolVersion, protocol.TasksCore) && protocol.RunsTasks(s.conn.About().Capabilities)
}

// absorb runs a tool as a task and waits for its end, so that for the client it is a call like any other.
func (s *sink) absorb(ctx context.Context, call *backend.Call) (wire.Message, error) {
	s.absorbs = true
	asked := spliced(call)
	first := exchange{method: s.method}
	if fail := first.read(wire.Splice(nil, asked.Raw, []wire.Edit{protocol.AsTask(&asked)})); fail != nil {
		return wire.Message{}, fail
	}
	call.Message, call.Edits, call.Token = first.msg, nil, first.token
	answer, err := s.ask(ctx, call)
	if err != nil || answer.Kind == wire.Error {
		return answer, err
	}
	id, ok := protocol.CreatedTask(answer.Raw, answer.Result)
	if !ok {
		return answer, nil
	}
	defer s.g.tasks.absorb(s, id)()
	params := append(append([]byte(`{"taskId":`), wire.Quote(id)...), '}')
	msg, err := wire.Parse(wire.NewRequest(0, "tasks/result", params))
	if err != nil {
		return answer, err
	}
	answer, err = s.ask(ctx, &backend.Call{
		Message: msg, Name: id, After: call,
		Caps: call.Caps, Elicits: call.Elicits, Sink: s, Lacking: call.Lacking, Exclusive: call.Exclusive,
	})
	if ctx.Err() != nil {
		s.cancelTask(ctx, params)
	}
	if err != nil || answer.Kind == wire.Error {
		return answer, err
	}
	result := protocol.WithRelatedTask(answer.Bytes(answer.Result), "")
	return wire.Parse(wire.NewResult(answer.Bytes(answer.ID), result))
}

// cancelTask gives up a task for which nobody waits any more. A Server that has ended it already says so, which
// nobody minds.
func (s *sink) cancelTask(ctx context.Context, params []byte) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), taskCancelTime)
	defer cancel()
	if _, err := s.conn.Request(ctx, "tasks/cancel", params); err != nil {
		s.g.cfg.Log.Debug("the task was not cancelled", "server", s.route.Server.Alias, "err", err)
	}
}
