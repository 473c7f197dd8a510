package mcptest

import (
	"bytes"
	"context"
	"sync"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// batches says whether raw is a batch that the session's revision has.
func (s *Server) batches(session string, raw []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return wire.IsBatch(raw) && protocol.Has(s.peer(session).version, protocol.Batches)
}

// inArrays sends notifications as a Script.Batches does: each in an array.
func (s *Server) inArrays(session string, send func([]byte)) func([]byte) {
	if !s.script.Batches || send == nil {
		return send
	}
	return func(raw []byte) {
		s.mu.Lock()
		has := protocol.Has(s.peer(session).version, protocol.Batches)
		s.mu.Unlock()
		if m, err := wire.Parse(raw); has && err == nil && m.Kind == wire.Notification {
			raw = append(append([]byte{'['}, raw...), ']')
		}
		send(raw)
	}
}

// batch takes all messages of a batch at once (2025-03-26 basic §Batching). The answers are an array, nil where
// there is nothing to answer.
func (s *Server) batch(ctx context.Context, session string, raw []byte, out func([]byte)) []byte {
	var (
		mu           sync.Mutex
		wait         sync.WaitGroup
		answers, bad [][]byte
	)
	for item := range wire.Elements(raw, wire.Span{End: len(raw)}) {
		m, err := wire.Parse(raw[item.Start:item.End])
		if err != nil {
			bad = append(bad, wire.NewError([]byte("null"), wire.CodeInvalidRequest, "not a message", nil))
			continue
		}
		wait.Go(func() {
			if reply := s.take(ctx, session, m, out); reply != nil {
				mu.Lock()
				defer mu.Unlock()
				answers = append(answers, reply)
			}
		})
	}
	wait.Wait()
	answers = append(answers, bad...)
	if len(answers) == 0 {
		return nil
	}
	return append(append([]byte{'['}, bytes.Join(answers, []byte(","))...), ']')
}
