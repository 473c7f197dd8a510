package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const (
	loginAddress = "http://127.0.0.1:1/login/T"
	canOpenURL   = `{"elicitation":{"form":{},"url":{}}}`
	agreed       = `{"action":"accept"}`
)

var errWantsLogin = mcpmux.Errorf(mcpmux.CodeLoginRequired, "the login is over; log in again")

// loginRig is a rig whose Server wants a login until it is given one by login.
type loginRig struct {
	*rig

	offers atomic.Int32
	waits  chan struct{} // holds a token for each try that began to wait
	ended  chan struct{} // closed by login
}

func newLoginRig(t *testing.T, version string, change func(*mcpmux.State)) *loginRig {
	t.Helper()
	r := &loginRig{rig: demoRig(t, version, change), waits: make(chan struct{}, 8), ended: make(chan struct{})}
	r.gw.cfg.LoginURL = func(context.Context, mcpmux.ServerID) (string, error) {
		r.offers.Add(1)
		return loginAddress, nil
	}
	r.gw.cfg.LoginEnded = func(ctx context.Context, _ mcpmux.ServerID) {
		r.waits <- struct{}{}
		select {
		case <-r.ended:
		case <-ctx.Done():
		}
	}
	r.pool.Refuse("v", errWantsLogin)
	return r
}

func (r *loginRig) login() {
	r.pool.Refuse("v", nil)
	close(r.ended)
	r.gw.LoggedIn("v")
}

const callEcho = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"be_echo","arguments":{"text":"hi"}}}`

func TestLogin_AnOlderClientIsSentToItAndHearsOfItsEnd(t *testing.T) {
	r := newLoginRig(t, "2025-11-25", nil)
	session := r.open("c", "/mcp", canOpenURL)
	other := r.open("d", "/mcp", canOpenURL)
	hears, hearsNot := r.events("GET", "/mcp", "c", "", session), r.events("GET", "/mcp", "d", "", other)
	a := r.send("POST", "/mcp", "c", callEcho, session)
	var e struct {
		ID    int
		Error struct {
			Code    int
			Message string
			Data    struct {
				Elicitations []struct{ Mode, ElicitationID, URL, Message string }
			}
		}
	}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil {
		t.Fatal(err)
	}
	list := e.Error.Data.Elicitations
	if a.status != 200 || e.ID != 7 || e.Error.Code != -32042 || len(list) != 1 || !strings.Contains(e.Error.Message, "requires a login") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if got := list[0]; got.Mode != "url" || got.URL != loginAddress || got.ElicitationID == "" || got.Message != "Log in to the server be: "+errWantsLogin.Message {
		t.Errorf("%+v", got)
	}
	// A Server cannot end what is not its own.
	r.gw.Notified("v", "notifications/elicitation/complete", []byte(`{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"forged":true,"elicitationId":"`+list[0].ElicitationID+`"}}`))
	r.login()
	if got, want := hears.next(), `{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"`+list[0].ElicitationID+`"}}`; got != want {
		t.Errorf("heard %s, want %s", got, want)
	}
	if a := r.send("POST", "/mcp", "c", callEcho, session); !strings.Contains(a.body, "hi") {
		t.Errorf("after the login: %s", a.body)
	}
	r.gw.LoggedIn("v") // another login is nobody's
	st := *r.state
	st.Revision, st.Features = 2, nil
	r.gw.Apply(&st)
	for name, s := range map[string]*stream{"the client": hears, "another client": hearsNot} {
		if got := s.next(); !strings.Contains(got, "list_changed") {
			t.Errorf("%s heard %s", name, got)
		}
	}
}

func TestLogin_AStatelessClientsTryWaitsForItAndTheServerHearsNothingOfThat(t *testing.T) {
	for version, change := range map[string]func(*mcpmux.State){"2025-11-25": nil, "2026-07-28": onlyModern} {
		t.Run(version, func(t *testing.T) {
			r := newLoginRig(t, version, change)
			first := r.ask("c", "be_ask_name", `{}`, canOpenURL, "").inputs(t)
			q := first.Result.InputRequests["login"]
			var params map[string]string
			if err := json.Unmarshal(q.Params, &params); err != nil || first.Result.ResultType != "input_required" || q.Method != "elicitation/create" {
				t.Fatalf("%v: %+v", err, first)
			}
			if len(params) != 3 || params["mode"] != "url" || params["url"] != loginAddress || !strings.Contains(params["message"], "be: the login is over") {
				t.Errorf("asked %s", q.Params)
			}
			try := make(chan inputs)
			go func() { try <- r.ask("c", "be_ask_name", `{}`, canOpenURL, first.answers(agreed)).inputs(t) }()
			select {
			case in := <-try:
				t.Fatalf("the next try did not wait: %+v", in)
			case <-r.waits:
			}
			r.login()
			// The Server asks a question of its own, which shows that the request is whole, and that it is new to it.
			in := <-try
			if in.Result.ResultType != "input_required" || in.Result.RequestState == first.Result.RequestState {
				t.Fatalf("after the login: %+v", in)
			}
			if a := r.ask("c", "be_ask_name", `{}`, canOpenURL, in.answers(ada)); !strings.Contains(a.body, "Ada") {
				t.Errorf("its answer: %s", a.body)
			}
			if n := r.offers.Load(); n != 1 {
				t.Errorf("%d logins begun", n)
			}
		})
	}
}

func TestLogin_WhoCannotBeSentThereGetsThePlainError(t *testing.T) {
	const plain = "-32603"
	r := newLoginRig(t, "2025-11-25", nil)
	old := r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":`+canOpenURL+`,"clientInfo":{"name":"t","version":"1"}}}`)
	for name, a := range map[string]answer{
		"older, asks nobody":          r.send("POST", "/mcp", "c", callEcho, r.open("c", "/mcp", `{}`)),
		"older, forms only":           r.send("POST", "/mcp", "c", callEcho, r.open("c", "/mcp", canElicit)),
		"of a revision without it":    r.send("POST", "/mcp", "c", callEcho, "Mcp-Session-Id: "+old.header.Get("Mcp-Session-Id")),
		"stateless, asks nobody":      r.ask("c", "be_echo", `{"text":"hi"}`, `{}`, ""),
		"stateless, forms only":       r.ask("c", "be_echo", `{"text":"hi"}`, canElicit, ""),
		"in a method without results": r.send("POST", "/mcp", "c", `{"jsonrpc":"2.0","id":7,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"be_greet"},"argument":{"name":"name","value":"a"}}}`, r.open("c", "/mcp", canOpenURL)),
	} {
		if !strings.Contains(a.body, plain) || !strings.Contains(a.body, "requires a login") || strings.Contains(a.body, "/login/") {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	if n := r.offers.Load(); n != 0 {
		t.Errorf("%d logins begun", n)
	}
	// What a client does not see has no login either.
	if a := r.ask("c", "be_never", `{}`, canOpenURL, ""); !strings.Contains(a.body, "Unknown tool") || r.offers.Load() != 0 {
		t.Errorf("an unknown tool: %s", a.body)
	}
	for name, url := range map[string]func(context.Context, mcpmux.ServerID) (string, error){
		"no login now":   func(context.Context, mcpmux.ServerID) (string, error) { return "", nil },
		"no login works": func(context.Context, mcpmux.ServerID) (string, error) { return "", errors.New("a secret reason") },
	} {
		r.gw.cfg.LoginURL = url
		if a := r.ask("c", "be_echo", `{"text":"hi"}`, canOpenURL, ""); !strings.Contains(a.body, plain) || strings.Contains(a.body, "secret") {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	// Another failure than that of a login is none.
	r.gw.cfg.LoginURL = func(context.Context, mcpmux.ServerID) (string, error) { return loginAddress, nil }
	r.pool.Refuse("v", mcpmux.Errorf(mcpmux.CodeUnavailable, "down"))
	if a := r.ask("c", "be_echo", `{"text":"hi"}`, canOpenURL, ""); !strings.Contains(a.body, plain) {
		t.Errorf("a server that is down: %s", a.body)
	}
}

func TestLogin_AUserWhoDeclinesIsNotAskedAgainInTheCall(t *testing.T) {
	r := newLoginRig(t, "2026-07-28", onlyModern)
	in := r.ask("c", "be_echo", `{"text":"hi"}`, canOpenURL, "").inputs(t)
	for _, action := range []string{`{"action":"decline"}`, `{"action":"cancel"}`, `{}`, `1`} {
		if e := r.ask("c", "be_echo", `{"text":"hi"}`, canOpenURL, in.answers(action)).inputs(t).Error; !strings.Contains(e.Message, "did not agree to log in") {
			t.Errorf("%s: %+v", action, e)
		}
	}
}

func TestLogin_AFailedLoginIsToldAndAsksNoMore(t *testing.T) {
	r := newLoginRig(t, "2026-07-28", onlyModern)
	in := r.ask("c", "be_echo", `{"text":"hi"}`, canOpenURL, "").inputs(t)
	r.gw.cfg.LoginURL = func(context.Context, mcpmux.ServerID) (string, error) { return "", nil } // as within a minute
	close(r.ended)
	if a := r.ask("c", "be_echo", `{"text":"hi"}`, canOpenURL, in.answers(agreed)); !strings.Contains(a.body, "requires a login") || strings.Contains(a.body, "input_required") {
		t.Errorf("%s", a.body)
	}
}

// The ticket of a login opens nothing but the request that it was given for.
func TestLogin_TheTicketIsGoodForItsClientAndItsRequestOnly(t *testing.T) {
	r := newLoginRig(t, "2025-11-25", nil)
	in := r.ask("c", "be_ask_name", `{}`, canOpenURL, "").inputs(t)
	r.login()
	for name, a := range map[string]answer{
		"another client":  r.ask("d", "be_ask_name", `{}`, canOpenURL, in.answers(agreed)),
		"another tool":    r.ask("c", "be_echo", `{}`, canOpenURL, in.answers(agreed)),
		"other arguments": r.ask("c", "be_ask_name", `{"x":1}`, canOpenURL, in.answers(agreed)),
	} {
		if e := a.inputs(t).Error; e.Code != -32602 {
			t.Errorf("%s: %s", name, a.body)
		}
	}
}

func TestLogin_AWaitingTryIsGivenUpWhenTheDaemonStopsAndCanBeMadeAgain(t *testing.T) {
	r := newLoginRig(t, "2026-07-28", onlyModern)
	in := r.ask("c", "be_echo", `{"text":"hi"}`, canOpenURL, "").inputs(t)
	try := make(chan inputs)
	go func() { try <- r.ask("c", "be_echo", `{"text":"hi"}`, canOpenURL, in.answers(agreed)).inputs(t) }()
	<-r.waits
	r.gw.Drain()
	again := <-try
	if again.Result.ResultType != "input_required" || len(again.Result.InputRequests) != 0 || again.Result.RequestState == "" {
		t.Fatalf("%+v", again)
	}
	r.gw.Resume()
	r.login()
	if a := r.ask("c", "be_echo", `{"text":"hi"}`, canOpenURL, `,"requestState":"`+again.Result.RequestState+`"`); !strings.Contains(a.body, "hi") {
		t.Errorf("%s", a.body)
	}
}

func TestLogin_WhoWaitsForItIsSentAwayWhenItsKeyEnds(t *testing.T) {
	r := newLoginRig(t, "2026-07-28", onlyModern)
	in := r.ask("c", "be_echo", `{"text":"hi"}`, canOpenURL, "").inputs(t)
	r.gw.cfg.LoginEnded = func(ctx context.Context, _ mcpmux.ServerID) {
		r.gw.Apply(r.without("key-c"))
		<-ctx.Done() // nobody logs in
	}
	begun := time.Now()
	if a := r.ask("c", "be_echo", `{"text":"hi"}`, canOpenURL, in.answers(agreed)); !strings.Contains(a.body, errCredentialEnded.message) {
		t.Errorf("%s", a.body)
	}
	if after := time.Since(begun); after > loginPatience/2 {
		t.Errorf("it waited for %s", after)
	}
}

func TestLogin_WhatAClientLosesWhileItWaitsIsLost(t *testing.T) {
	for name, c := range map[string]struct {
		lose func(*mcpmux.State)
		want string
	}{
		"its grant": {func(st *mcpmux.State) { st.Grants = nil }, "Unknown tool"},
		"its key":   {func(st *mcpmux.State) { st.Keys = nil }, "ended"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newLoginRig(t, "2026-07-28", onlyModern)
			in := r.ask("c", "be_echo", `{"text":"hi"}`, canOpenURL, "").inputs(t)
			r.gw.cfg.LoginEnded = func(context.Context, mcpmux.ServerID) {
				st := *r.state
				st.Revision = 2
				c.lose(&st)
				r.gw.Apply(&st)
				r.pool.Refuse("v", nil)
			}
			if a := r.ask("c", "be_echo", `{"text":"hi"}`, canOpenURL, in.answers(agreed)); !strings.Contains(a.body, c.want) {
				t.Errorf("%s", a.body)
			}
		})
	}
}
