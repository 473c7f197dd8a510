package mcptest

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"sync"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// takesBatches says whether the peer speaks the one revision that has batches.
func (s *Server) takesBatches(p *peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.version == protocol.V20250326
}

// elements are the messages of a batch, nil where it is none or one of them is no message. initialize must not
// be among them (MCP 2025-03-26 basic/lifecycle §Initialization).
func elements(raw []byte) (all []wire.Message) {
	if wire.Valid(raw) != nil {
		return nil
	}
	for span := range wire.Elements(raw, wire.Span{End: len(raw)}) {
		m, err := wire.Parse(bytes.Clone(raw[span.Start:span.End]))
		if err != nil || m.Method == "initialize" {
			return nil
		}
		all = append(all, m)
	}
	return all
}

// takeAll answers requests, at once if they are several: each by itself or, with Script.Batches, several in an
// array.
func (s *Server) takeAll(ctx context.Context, p *peer, requests []wire.Message, v via) {
	replies := make([][]byte, len(requests))
	var tasks sync.WaitGroup
	for i := range requests {
		tasks.Go(func() {
			reply, _ := s.take(ctx, p, requests[i], v)
			if reply != nil && (len(requests) == 1 || !s.script.Batches) {
				v.out(reply)
				return
			}
			replies[i] = reply
		})
	}
	tasks.Wait()
	if array := joined(replies); array != nil {
		v.out(array)
	}
}

// joined is the array of what is there, nil for nothing.
func joined(replies [][]byte) []byte {
	replies = slices.DeleteFunc(replies, func(raw []byte) bool { return raw == nil })
	if len(replies) == 0 {
		return nil
	}
	return append(append([]byte{'['}, bytes.Join(replies, []byte{','})...), ']')
}

// takeRest takes what is no request, in order, and returns the requests.
func (s *Server) takeRest(p *peer, all []wire.Message) (requests []wire.Message) {
	for _, m := range all {
		if m.Kind == wire.Request {
			requests = append(requests, m)
			continue
		}
		s.take(p.ctx, p, m, via{})
	}
	return requests
}

func (s *Server) postBatch(w http.ResponseWriter, r *http.Request, p *peer, body []byte) {
	all := elements(body)
	if len(all) == 0 || !s.fits(r, p) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, m := range all {
		s.keep(m.Method, r.Header)
	}
	if requests := s.takeRest(p, all); len(requests) > 0 {
		s.replyLegacy(w, r, p, requests)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}
