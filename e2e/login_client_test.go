package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/oauthtest"
)

// canOpen are the capabilities of a client whose user can be shown an address.
const canOpen = `{"elicitation":{"form":{},"url":{}}}`

// opened is what a client was told to have its user open.
type opened struct{ Mode, ElicitationID, URL, Message string }

// follow is the user who opens it, and logs in.
func (o opened) follow(t *testing.T, d *Daemon) {
	t.Helper()
	if o.Mode != "url" || !strings.HasPrefix(o.URL, "http://") || !strings.Contains(o.URL, d.Dashboard[strings.LastIndex(d.Dashboard, ":"):]+"/login/") {
		t.Fatalf("not an address of ours: %+v", o)
	}
	c := newBrowser(t)
	status, next, page := visit(t, c, o.URL)
	if status != http.StatusFound {
		t.Fatalf("start of the login: %d %s", status, page)
	}
	if status, _, page = visit(t, c, oauthtest.Approve(t, c, next)); status != http.StatusOK {
		t.Fatalf("end of the login: %d %s", status, page)
	}
}

// wantsURL reads the error by which a client of 2025-11-25 is told.
func wantsURL(t *testing.T, r *Reply) opened {
	t.Helper()
	e := r.Last(t).Error
	if e == nil || e.Code != -32042 {
		t.Fatalf("want an address to open, got %d %s %s", r.Status, r.Body, r.Messages)
	}
	var data struct{ Elicitations []opened }
	if err := json.Unmarshal(e.Data, &data); err != nil || len(data.Elicitations) != 1 {
		t.Fatalf("%v: %s", err, e.Data)
	}
	return data.Elicitations[0]
}

func TestLogin_AnOlderClientsUserIsSentToItAndTheCallWorksAfterwards(t *testing.T) {
	d := Start(t, Options{})
	s := d.protected("gh", oauthtest.Script{ChallengeScope: "basic"})
	d.LogIn("gh")
	d.AwaitServer("gh", "connected")
	key := d.NewClient("app")
	m, plain := d.MCP(key), d.Session(key)
	m.Open(canOpen)
	news := m.Listen()
	for _, c := range []struct {
		name, tool, message string
		lose                func()
	}{
		{"the login was revoked", "gh_whoami", "log in again", s.RevokeAll},
		{"more rights are wanted", "gh_admin", "more rights (admin)", func() {}},
	} {
		c.lose()
		o := wantsURL(t, m.Call(c.tool, `{}`))
		if !strings.Contains(o.Message, "gh") || !strings.Contains(o.Message, c.message) || o.ElicitationID == "" {
			t.Errorf("%s: %+v", c.name, o)
		}
		if again := wantsURL(t, m.Call(c.tool, `{}`)); again.URL != o.URL {
			t.Errorf("%s: a second call was sent elsewhere: %s", c.name, again.URL)
		}
		if e := plain.Call(c.tool, `{}`).Last(t).Error; e == nil || e.Code != -32603 || strings.Contains(e.Message, "/login/") {
			t.Errorf("%s: a client that can show no address got %+v", c.name, e)
		}
		o.follow(t, d)
		awaitComplete(t, news, o.ElicitationID)
		if r := m.Call(c.tool, `{}`).Last(t); r.Error != nil {
			t.Errorf("%s: after the login: %+v", c.name, r.Error)
		}
		d.AwaitServer("gh", "connected")
	}
	if strings.Contains(d.Log(), "/login/") {
		t.Error("an address to log in at is in the log")
	}
}

// awaitComplete waits for the news that what a user was asked to open is done.
func awaitComplete(t *testing.T, news <-chan json.RawMessage, id string) {
	t.Helper()
	late := time.NewTimer(startTime)
	defer late.Stop()
	for {
		select {
		case raw, ok := <-news:
			if !ok {
				t.Fatal("the stream ended")
			}
			if strings.Contains(string(raw), "notifications/elicitation/complete") && strings.Contains(string(raw), id) {
				return
			}
		case <-late.C:
			t.Fatal("the client was not told that the login is done")
		}
	}
}

func TestLogin_AStatelessClientsNextTryWaitsForIt(t *testing.T) {
	d := Start(t, Options{})
	s := d.protected("gh", oauthtest.Script{})
	d.LogIn("gh")
	d.AwaitServer("gh", "connected")
	m := d.MCP(d.NewClient("app"))
	call := func(more string) *Reply {
		return d.MCP(m.Key).Modern("tools/call", `{"name":"gh_whoami","arguments":{}`+more+`}`, "gh_whoami", canOpen)
	}
	s.RevokeAll()
	for round := range 2 {
		var asked struct {
			ResultType    string
			InputRequests map[string]struct {
				Method string
				Params opened
			}
			RequestState string
		}
		if err := json.Unmarshal(call("").Result(t), &asked); err != nil || asked.ResultType != "input_required" || len(asked.InputRequests) != 1 {
			t.Fatalf("%v: %+v", err, asked)
		}
		for name, q := range asked.InputRequests {
			if q.Method != "elicitation/create" || q.Params.ElicitationID != "" {
				t.Errorf("asked %+v", q)
			}
			answer := func(action string) string {
				return fmt.Sprintf(`,"requestState":%q,"inputResponses":{%q:{"action":%q}}`, asked.RequestState, name, action)
			}
			if round == 0 { // The user declines: the call fails, and the login stays where it is.
				if e := call(answer("decline")).Last(t).Error; e == nil || !strings.Contains(e.Message, "did not agree") {
					t.Errorf("declined: %+v", e)
				}
				continue
			}
			tried := later(t, func() *Reply { return call(answer("accept")) })
			q.Params.follow(t, d)
			if got := resultText(t, (<-tried).Result(t)); got != "alice" {
				t.Errorf("after the login: %q", got)
			}
		}
	}
	if n := s.Count(oauthtest.Authorize); n != 2 {
		t.Errorf("%d authorizations", n)
	}
}
