package oauthtest

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"
)

// grant is what somebody allowed a client.
type grant struct {
	client, account, resource string
	scopes                    []string
	as                        int
	family                    int // of all tokens that came from one login
}

// token is an access token or a refresh token.
type token struct {
	grant
	refresh       bool
	expires       time.Time // of an access token
	revoked, used bool
	last          bool // the last that was used
}

// Record is what the server knows of a token.
type Record struct {
	Account, Client, Resource string
	Scopes                    []string
	AS                        int // which authorization server gave it
	Refresh                   bool
	Live                      bool // neither expired nor revoked nor, of a refresh token, used
}

// secret makes a secret and keeps it for Tokens. s.mu is held.
func (s *Server) secret(prefix string) string {
	value := prefix + "-" + rand.Text() + rand.Text()
	s.secrets = append(s.secrets, value)
	return value
}

// issue gives out the tokens of a grant. s.mu is held.
func (s *Server) issue(g *grant, kind string, c *Client, script *Script) map[string]any {
	access := s.secret("at")
	s.tokens[access] = &token{grant: *g, expires: time.Now().Add(script.life())}
	answer := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": int(script.life().Seconds())}
	if len(g.scopes) > 0 {
		answer["scope"] = strings.Join(g.scopes, " ")
	}
	keeps := kind == grantRefresh && script.KeepRefresh
	if keeps || kind == grantClient || script.NoRefresh || !c.may(grantRefresh) || script.OfflineOnly && !slices.Contains(g.scopes, "offline_access") {
		return answer
	}
	refresh := s.secret("rt")
	s.tokens[refresh] = &token{grant: *g, refresh: true}
	answer["refresh_token"] = refresh
	return answer
}

// succeed marks a refresh token as used: it is the last of its family that was. s.mu is held.
func (s *Server) succeed(t *token) {
	for _, other := range s.tokens {
		if other.family == t.family && other != t {
			other.last = false
		}
	}
	t.used, t.last = true, true
}

// endFamily revokes every token of one login. s.mu is held.
func (s *Server) endFamily(family int) {
	if family == 0 {
		return
	}
	for _, t := range s.tokens {
		if t.family == family {
			t.revoked = true
		}
	}
}

func (t *token) live() bool {
	return !t.revoked && !t.used && (t.refresh || time.Now().Before(t.expires))
}

// Record is what the server knows of a token; ok is false where it never gave it out.
func (s *Server) Record(value string) (r Record, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tokens[value]
	if t == nil {
		return Record{}, false
	}
	return Record{
		Account: t.account, Client: t.client, Resource: t.resource, Scopes: slices.Clone(t.scopes), AS: t.as,
		Refresh: t.refresh, Live: t.live(),
	}, true
}

// Revoke makes one token void. Clients hear nothing of it.
func (s *Server) Revoke(value string) {
	s.note(func() {
		if t := s.tokens[value]; t != nil {
			t.revoked = true
		}
	})
}

// RevokeAll makes every token void, refresh tokens too.
func (s *Server) RevokeAll() {
	s.note(func() {
		for _, t := range s.tokens {
			t.revoked = true
		}
	})
}

// ExpireAll makes every access token void that there is, long before the time that clients were told. Refresh
// tokens stay.
func (s *Server) ExpireAll() {
	s.note(func() {
		for _, t := range s.tokens {
			if !t.refresh {
				t.revoked = true
			}
		}
	})
}

// Tokens is every secret that was ever given out: tokens, codes, device codes, and secrets of clients.
func (s *Server) Tokens() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.secrets)
}
