package mcptest

import (
	"context"
	"maps"
	"slices"
)

// Offer adds a tool that answers with the text of answer. ctx has the values of the HTTP request's context, and
// ends with the call.
func (s *Server) Offer(tool string, answer func(ctx context.Context) string) {
	s.note(func() { s.offered[tool] = answer })
}

// offers are the names of the tools that were offered; s.mu is held.
func (s *Server) offers() []string { return slices.Sorted(maps.Keys(s.offered)) }

// offer calls a tool that was offered; ok is false where name is none.
func (r *request) offer(name string) (result string, ok bool) {
	r.s.mu.Lock()
	answer := r.s.offered[name]
	r.s.mu.Unlock()
	if answer == nil {
		return "", false
	}
	return text(answer(r.ctx)), true
}
