package oauthtest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// accountKey is under which the account of a request is in its context.
type accountKey struct{}

// newResource is an MCP server with further tools:
//
//	whoami  answers with the account of the token
//	slow    waits for Release
//	admin   answers "done"; it needs the scope admin
func (s *Server) newResource(script mcptest.Script) *mcptest.Server {
	m := mcptest.New(script)
	m.Offer("whoami", func(ctx context.Context) string {
		account, _ := ctx.Value(accountKey{}).(string)
		return account
	})
	m.Offer("slow", func(ctx context.Context) string {
		s.hold(ctx, Slow)
		return "done"
	})
	m.Offer("admin", func(context.Context) string { return "done" })
	return m
}

// protected is the door of the MCP server at path (MCP 2025-11-25 basic/authorization §Access Token Usage):
//
//  1. without a token that is live and for this resource, 401;
//  2. without the scope that the call needs, 403;
//  3. else the MCP server answers.
func (s *Server) protected(w http.ResponseWriter, r *http.Request, path string) {
	script := s.says()
	if script.Open {
		s.resources[path].ServeHTTP(w, r)
		return
	}
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	t := s.accept(bearer, path, &script)
	if t == nil {
		s.challenge(w, path, ok, &script)
		return
	}
	for _, need := range []string{script.need(""), script.need(calls(r))} {
		if need != "" && (script.Forbid || !slices.Contains(t.scopes, need)) {
			s.insufficient(w, path, need, &script)
			return
		}
	}
	s.resources[path].ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), accountKey{}, t.account)))
}

// accept finds the grant of a token that is good for the MCP server at path.
func (s *Server) accept(bearer, path string, script *Script) *grant {
	current := s.current()
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tokens[bearer]
	if t == nil || t.refresh || !t.live() || t.as != current {
		return nil
	}
	if t.resource == "" && script.AnyResource || s.sameResource(t.resource, path, script) {
		g := t.grant
		return &g
	}
	return nil
}

// calls is the tool that a request calls, "" none. The body can be read again.
func calls(r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return ""
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var m struct {
		Method string
		Params struct{ Name string }
	}
	if json.Unmarshal(body, &m) != nil || m.Method != "tools/call" {
		return ""
	}
	return m.Params.Name
}

// challenge answers 401 (RFC 9728 §5.1, RFC 6750 §3).
func (s *Server) challenge(w http.ResponseWriter, path string, had bool, script *Script) {
	var params []string
	if had {
		params = append(params, `error="invalid_token"`)
	}
	if script.ChallengeScope != "" {
		params = append(params, `scope="`+script.ChallengeScope+`"`)
	}
	value := "Bearer " + strings.Join(append(params, s.hint(path, script)...), ", ")
	if script.Challenge != "" {
		value = s.expand(script.Challenge)
	}
	w.Header().Set("Www-Authenticate", strings.TrimSpace(value))
	w.WriteHeader(http.StatusUnauthorized)
}

// insufficient answers 403 (MCP 2025-11-25 basic/authorization §Runtime Insufficient Scope Errors).
func (s *Server) insufficient(w http.ResponseWriter, path, scope string, script *Script) {
	params := append([]string{`error="insufficient_scope"`, `scope="` + scope + `"`}, s.hint(path, script)...)
	w.Header().Set("Www-Authenticate", "Bearer "+strings.Join(params, ", "))
	w.WriteHeader(http.StatusForbidden)
}

// hint is the parameter resource_metadata, where challenges have it.
func (s *Server) hint(path string, script *Script) []string {
	if script.PRMPlace != PRMHint && script.PRMPlace != PRMCustom {
		return nil
	}
	return []string{`resource_metadata="` + s.origin + s.prmPath(path, script) + `"`}
}
