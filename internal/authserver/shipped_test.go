package authserver

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const claudeCode = "https://claude.ai/oauth/claude-code-client-metadata"

func offline(documents bool) *Server {
	return New(Config{
		Key: []byte("key"), Origins: func() []string { return []string{"http://localhost:45818"} }, Documents: func() bool { return documents },
		Fetch: func(context.Context, string) ([]byte, time.Duration, error) {
			return nil, 0, errors.New("no way there")
		},
	})
}

func knows(reg mcpmux.Registration, redirect string) bool {
	return slices.ContainsFunc(reg.RedirectURIs, func(r string) bool { return matchRedirect(r, redirect) })
}

func TestDocument_OfAWidelyUsedApplicationIsKnownWithoutTheInternet(t *testing.T) {
	s, r := offline(true), httptest.NewRequestWithContext(t.Context(), "GET", "/oauth/authorize", nil)
	reg, err := s.registration(r, claudeCode)
	if err != nil || reg.Name != "Claude Code" || reg.Kind != mcpmux.RegistrationDocument {
		t.Fatalf("got %+v, %v", reg, err)
	}
	if !knows(reg, "http://localhost:51234/callback") {
		t.Error("its callback at a port of this machine is refused")
	}
	if knows(reg, "https://claude.ai/callback") {
		t.Error("a callback elsewhere is accepted from a copy")
	}
	for _, id := range []string{claudeCode + "/", "https://claude.ai/oauth/other", "https://example.com/client.json"} {
		if reg, err := s.registration(r, id); err == nil {
			t.Errorf("%s is known as %+v", id, reg)
		}
	}
}

func TestDocument_IsNotReadWhereTheSettingSaysSo(t *testing.T) {
	s, r := offline(false), httptest.NewRequestWithContext(t.Context(), "GET", "/oauth/authorize", nil)
	if _, err := s.registration(r, claudeCode); !errors.Is(err, errUnknownClient) {
		t.Errorf("got %v", err)
	}
	for want, s := range map[bool]*Server{true: offline(true), false: s} {
		w := httptest.NewRecorder()
		s.serveMetadata(w, httptest.NewRequestWithContext(t.Context(), "GET", serverMetadataPath, nil))
		var m metadata
		if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil || m.Documents != want {
			t.Errorf("client_id_metadata_document_supported is %v, want %v (%v)", m.Documents, want, err)
		}
	}
}
