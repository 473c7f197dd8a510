package authclient

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/oauthtest"
)

// pauses makes the Engine note how long it would wait.
func (w *world) pauses() func() []time.Duration {
	var mu sync.Mutex
	var all []time.Duration
	w.cfg.pause = func(ctx context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, d)
		return ctx.Err()
	}
	return func() []time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

// RFC 8628 §3.5: no sooner than the authorization server says, five seconds where it says nothing, five more each time
// that it finds this too fast; and §3.5 wants a growing pause where it does not answer.
func TestDevice_AsksNoSoonerThanItShould(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, c := range map[string]struct {
		script oauthtest.Script
		want   []time.Duration
	}{
		"as it says":        {oauthtest.Script{Interval: 2, Polls: []string{"authorization_pending"}}, []time.Duration{2 * s, 2 * s}},
		"as it does not":    {oauthtest.Script{Interval: -1}, []time.Duration{5 * s}},
		"slower and slower": {oauthtest.Script{Interval: 2, Polls: []string{"slow_down", "authorization_pending", "slow_down"}}, []time.Duration{2 * s, 7 * s, 7 * s, 12 * s}},
		"minutes":           {oauthtest.Script{Interval: 120, Polls: []string{"slow_down"}}, []time.Duration{120 * s, 125 * s}},
		"in text":           {oauthtest.Script{DeviceAnswer: oauthtest.Members{"interval": "3"}}, []time.Duration{3 * s}},
		"nonsense":          {oauthtest.Script{DeviceAnswer: oauthtest.Members{"interval": "soon"}}, []time.Duration{5 * s}},
		"less than nothing": {oauthtest.Script{DeviceAnswer: oauthtest.Members{"interval": -5}}, []time.Duration{s}},
		"in trouble":        {oauthtest.Script{Interval: 2, Answers: map[string][]oauthtest.Answer{oauthtest.Token: {{Drop: true, Times: 2}}}}, []time.Duration{2 * s, 4 * s, 8 * s}},
		"in trouble once": {
			oauthtest.Script{Interval: 2, Polls: []string{"authorization_pending"}, Answers: map[string][]oauthtest.Answer{oauthtest.Token: {{Drop: true, Times: 1}}}},
			[]time.Duration{2 * s, 4 * s, 2 * s},
		},
		"with Retry-After": {oauthtest.Script{Interval: 2, Answers: map[string][]oauthtest.Answer{oauthtest.Token: {
			{Status: 429, Header: map[string]string{"Retry-After": "90"}, Times: 1},
		}}}, []time.Duration{2 * s, 90 * s}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.script)
			pauses := w.pauses()
			id := w.server("gh", mcpmux.LoginConfig{Grant: mcpmux.GrantDevice})
			if _, err := w.Begin(t.Context(), id, "", false); err != nil {
				t.Fatal(err)
			}
			if p := w.Progress(t.Context(), id); p.State != ProgressDone {
				t.Fatalf("%+v", p)
			}
			if got := pauses(); !slices.Equal(got, c.want) {
				t.Errorf("waited %v, want %v", got, c.want)
			}
			w.mustUse(id)
			for _, q := range w.at.Requests(oauthtest.Token) {
				if q.Form.Get("resource") != w.at.MCP() {
					t.Errorf("resource %q", q.Form["resource"])
				}
			}
		})
	}
}

// PKCE is for codes that come by a browser: an authorization server without it still logs in by a code that is typed.
func TestDevice_NeedsNoAuthorizationEndpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{ASM: oauthtest.Members{"code_challenge_methods_supported": nil, "authorization_endpoint": nil}, ChallengeScope: "one"})
	id := w.server("gh", mcpmux.LoginConfig{})
	if _, err := w.Begin(t.Context(), id, MethodDevice, false); err != nil {
		t.Fatal(err)
	}
	if p := w.Progress(t.Context(), id); p.State != ProgressDone {
		t.Fatalf("%+v", p)
	}
	have, _ := w.tokens(t.Context(), id)
	if rec, _ := w.at.Record(have.Access); strings.Join(rec.Scopes, " ") != "one" || rec.Resource != w.at.MCP() {
		t.Errorf("%+v", rec)
	}
	w.at.ExpireAll()
	if err := w.renew(id); err != nil {
		t.Error(err)
	}
	w.mustUse(id)
}

func TestDevice_AnswersThatAreNoneEndTheLogin(t *testing.T) {
	t.Parallel()
	const canary = "canary-2b90"
	jsonType := map[string]string{"Content-Type": "application/json"}
	answers := func(a oauthtest.Answer) oauthtest.Script {
		return oauthtest.Script{Answers: map[string][]oauthtest.Answer{oauthtest.Device: {a}}}
	}
	for name, c := range map[string]struct {
		script oauthtest.Script
		says   string
	}{
		"none is offered":    {oauthtest.Script{ASM: oauthtest.Members{"device_authorization_endpoint": nil}}, "log in with a browser"},
		"refused":            {answers(oauthtest.Answer{Status: 400, Header: jsonType, Body: `{"error":"invalid_client","error_description":"` + canary + `"}`}), "invalid_client"},
		"in HTML":            {answers(oauthtest.Answer{Status: 403, Body: canary}), "gave no code"},
		"no JSON":            {answers(oauthtest.Answer{Header: jsonType, Body: canary}), "can be typed in"},
		"no code":            {oauthtest.Script{DeviceAnswer: oauthtest.Members{"device_code": nil}}, "can be typed in"},
		"no code to type":    {oauthtest.Script{DeviceAnswer: oauthtest.Members{"user_code": ""}}, "can be typed in"},
		"one with an escape": {oauthtest.Script{DeviceAnswer: oauthtest.Members{"user_code": "\x1b[2J"}}, "can be typed in"},
		"one that is a book": {oauthtest.Script{DeviceAnswer: oauthtest.Members{"user_code": strings.Repeat("A", 65)}}, "can be typed in"},
		"a script to open":   {oauthtest.Script{DeviceAnswer: oauthtest.Members{"verification_uri": "javascript:alert(1)"}}, "plain web address"},
		"one beside":         {oauthtest.Script{DeviceAnswer: oauthtest.Members{"verification_uri_complete": "file:///etc/passwd"}}, "plain web address"},
		"the cloud to open":  {oauthtest.Script{DeviceAnswer: oauthtest.Members{"verification_uri": "http://169.254.169.254/"}}, "must not lead to"},
		"in trouble":         {answers(oauthtest.Busy(503, "")), "later"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.script)
			id := w.server("gh", mcpmux.LoginConfig{Grant: mcpmux.GrantDevice})
			b, err := w.Begin(t.Context(), id, "", false)
			if mcpmux.CodeOf(err) != mcpmux.CodeUnavailable || !strings.Contains(err.Error(), c.says) || b.URL != "" {
				t.Errorf("%+v %v, want %q", b, err, c.says)
			}
			if strings.Contains(err.Error()+w.log.String(), canary) {
				t.Errorf("the answer is quoted: %v", err)
			}
			if n := w.at.Count(oauthtest.Token); n != 0 {
				t.Errorf("%d requests for tokens", n)
			}
		})
	}
}

func TestDevice_WhatIsAnsweredInTheEndIsNotQuoted(t *testing.T) {
	t.Parallel()
	const canary = "canary-6e12"
	for name, c := range map[string]struct {
		answer oauthtest.Answer
		says   string
	}{
		"refused":  {oauthtest.Answer{Status: 400, Header: map[string]string{"Content-Type": "application/json"}, Body: `{"error":"access_denied","error_description":"` + canary + `"}`}, "declined"},
		"odd":      {oauthtest.Answer{Status: 400, Body: canary}, "did not say why"},
		"no token": {oauthtest.Answer{Body: `{"access_token":7,"x":"` + canary + `"}`}, "no bearer token"},
		"redirect": {oauthtest.Redirect(307, "http://127.0.0.1:1/"+canary), "follow no redirect"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, oauthtest.Script{Answers: map[string][]oauthtest.Answer{oauthtest.Token: {c.answer}}})
			id := w.server("gh", mcpmux.LoginConfig{})
			if _, err := w.Begin(t.Context(), id, MethodDevice, false); err != nil {
				t.Fatal(err)
			}
			p := w.Progress(t.Context(), id)
			if p.State != ProgressFailed || !strings.Contains(p.Reason, c.says) || strings.Contains(p.Reason+w.log.String(), canary) {
				t.Errorf("%+v; log %s", p, w.log)
			}
			if n := w.at.Count(oauthtest.Token); n != 1 {
				t.Errorf("it was asked %d times", n)
			}
		})
	}
}

// The code that the person types in is the last that was given; the one before is asked for no more.
func TestDevice_OnlyTheLastCodeIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{DeviceWaits: true})
	asked := make(chan struct{})
	w.cfg.pause = func(ctx context.Context, _ time.Duration) error {
		select {
		case <-asked:
			return ctx.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	id := w.server("gh", mcpmux.LoginConfig{})
	var codes []string
	for range 2 {
		b, err := w.Begin(t.Context(), id, MethodDevice, false)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, b.URL)
	}
	if status, _ := open(t, browser(t), codes[1]); status != http.StatusOK {
		t.Fatalf("the page for the code: %d", status)
	}
	close(asked)
	if p := w.Progress(t.Context(), id); p.State != ProgressDone {
		t.Errorf("%+v", p)
	}
	used := make(map[string]bool)
	for _, q := range w.at.Requests(oauthtest.Token) {
		used[q.Form.Get("device_code")] = true
	}
	if len(used) != 1 {
		t.Errorf("%d codes were asked for", len(used))
	}
	w.mustUse(id)
}

// A code lives as long as its authorization server says, and ten minutes at most.
func TestDevice_ACodeThatNobodyTypesInEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		expires any
		life    time.Duration
	}{
		"as it says": {300, 5 * time.Minute}, "for ever": {1e18, loginLife}, "as it does not": {nil, loginLife}, "less than nothing": {-1, minLife},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, oauthtest.Script{DeviceWaits: true, DeviceAnswer: oauthtest.Members{"expires_in": c.expires}})
			w.cfg.pause = func(ctx context.Context, _ time.Duration) error {
				<-ctx.Done()
				return ctx.Err()
			}
			id := w.server("gh", mcpmux.LoginConfig{})
			begun := w.now()
			b, err := w.Begin(t.Context(), id, MethodDevice, false)
			if d := b.ExpiresAt.Sub(begun); err != nil || d < c.life || d > c.life+5*time.Second {
				t.Fatalf("ends after %v, want %v; %v", d, c.life, err)
			}
			if c.life == minLife {
				if p := w.Progress(t.Context(), id); p.State != ProgressFailed || !strings.Contains(p.Reason, "in time") {
					t.Errorf("%+v", p)
				}
			}
			// A daemon that ends waits for nobody.
			w.Close()
		})
	}
}
