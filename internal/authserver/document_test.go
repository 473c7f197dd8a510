package authserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// documentsOf serves documents from a map.
func documentsOf(all map[string]string, asked *int) *Server {
	return New(Config{
		Key: []byte("key"), Origins: func() []string { return []string{"http://localhost:45818"} }, Now: time.Now,
		Fetch: func(_ context.Context, address string) ([]byte, time.Duration, error) {
			*asked++
			return []byte(all[address]), 0, nil
		},
	})
}

func TestDocument_WhatIsWrongWithOneIsSaid(t *testing.T) {
	const id = "https://app.example/client.json"
	for what, tc := range map[string]struct{ body, says string }{
		"no JSON":              {"<html>", "not a JSON object"},
		"an array":             {"[]", "not a JSON object"},
		"another client_id":    {`{"client_id":"https://app.example/Client.json","client_name":"x","redirect_uris":["https://app.example/cb"]}`, "another client_id"},
		"no client_id":         {`{"client_name":"x","redirect_uris":["https://app.example/cb"]}`, "another client_id"},
		"a secret":             {`{"client_id":"` + id + `","redirect_uris":["https://app.example/cb"],"token_endpoint_auth_method":"client_secret_basic"}`, "public clients"},
		"no redirect":          {`{"client_id":"` + id + `"}`, "redirect_uris"},
		"a redirect that runs": {`{"client_id":"` + id + `","redirect_uris":["javascript:alert(1)"]}`, "redirect URI"},
		"a redirect in clear":  {`{"client_id":"` + id + `","redirect_uris":["http://app.example/cb"]}`, "not on this machine"},
	} {
		asked := 0
		s := documentsOf(map[string]string{id: tc.body}, &asked)
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/oauth/authorize", nil)
		for range 2 {
			if reg, err := s.registration(r, id); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%s: %+v, %v", what, reg, err)
			}
		}
		if asked != 2 {
			t.Errorf("%s: what is wrong was kept: asked %d times", what, asked)
		}
	}
}

func TestDocument_ThatIsGoodIsKept(t *testing.T) {
	const id = "https://app.example/client.json"
	body, err := json.Marshal(map[string]any{"client_id": id, "client_name": "An \u202eeditor", "redirect_uris": []string{"https://app.example/cb"}})
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	s := documentsOf(map[string]string{id: string(body)}, &asked)
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/oauth/authorize", nil)
	for range 3 {
		if reg, err := s.registration(r, id); err != nil || reg.ID != id || reg.Name != "An editor" {
			t.Errorf("%+v, %v", reg, err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

// Whoever names addresses chooses whom we call: that is bounded whatever they name, and those that are known are not
// asked for.
func TestDocument_OnlySoManyAreAskedForInAMinute(t *testing.T) {
	asked := 0
	s := documentsOf(nil, &asked)
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/oauth/authorize", nil)
	for i := range 200 {
		if _, err := s.registration(r, fmt.Sprintf("https://app%d.example/client.json", i)); err == nil {
			t.Fatal("an empty document is one")
		}
	}
	if asked == 0 || asked > fetchRate {
		t.Errorf("%d were asked for", asked)
	}
}
