package oauthtest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

func TestMetadata_AreWhereTheScriptSays(t *testing.T) {
	for _, c := range []struct {
		script Script
		found  []string // of what follows, which is there
	}{
		{Script{}, []string{"/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server"}},
		{Script{PRMPlace: PRMPath}, []string{"/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server"}},
		{Script{PRMPlace: PRMRoot, ASMPlace: ASMOIDC}, []string{"/.well-known/oauth-protected-resource", "/.well-known/openid-configuration"}},
		{Script{PRMPlace: PRMCustom, ASMPlace: ASMNone}, []string{"/custom/metadata/mcp"}},
		{Script{PRMPlace: PRMNone, IssuerPath: "/t"}, []string{"/.well-known/oauth-authorization-server/t"}},
		{Script{PRMPlace: PRMNone, IssuerPath: "/t", ASMPlace: ASMOIDC}, []string{"/.well-known/openid-configuration/t"}},
		{Script{PRMPlace: PRMNone, IssuerPath: "/t", ASMPlace: ASMOIDCAppend}, []string{"/t/.well-known/openid-configuration"}},
		{Script{PRMPlace: PRMNone, Shared: true}, []string{"/.well-known/oauth-authorization-server"}},
	} {
		s := New(t, c.script)
		w := newWalker(t, s)
		var found []string
		for _, path := range []string{
			"/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource", "/custom/metadata/mcp",
		} {
			if w.get(s.Origin()+path).StatusCode == http.StatusOK {
				found = append(found, path)
			}
		}
		for _, path := range []string{
			"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/t",
			"/.well-known/openid-configuration/t", "/t/.well-known/openid-configuration",
		} {
			if w.get(s.URL()+path).StatusCode == http.StatusOK {
				found = append(found, path)
			}
		}
		if strings.Join(found, " ") != strings.Join(c.found, " ") {
			t.Errorf("%+v: found %v, want %v", c.script, found, c.found)
		}
		hint := contains(w.call("/mcp", "", "whoami").Header.Get("Www-Authenticate"), "resource_metadata")
		if want := c.script.PRMPlace == PRMHint || c.script.PRMPlace == PRMCustom; hint != want {
			t.Errorf("%+v: a hint is %v, want %v", c.script, hint, want)
		}
	}
}

func TestMembers_ChangeWhatIsSent(t *testing.T) {
	s := New(t, Script{
		PRM: Members{"resource": "{origin}/mcp-evil", "authorization_servers": []string{"{issuer}", "https://other.example"}},
		ASM: Members{
			"issuer": "{issuer}/", "code_challenge_methods_supported": []string{"plain"}, "authorization_endpoint": "javascript:alert(1)",
			"registration_endpoint": nil, "token_endpoint": "http://169.254.169.254/token",
		},
		Tokens:    Members{"token_type": "mac", "access_token": nil, "expires_in": json.RawMessage("1e18")},
		Challenge: `Bearer resource_metadata="{prm}?x"`,
		DateSkew:  -time.Hour,
		Clients:   []Client{{ID: "known"}},
	})
	w := newWalker(t, s)
	a := w.call("/mcp", "", "whoami")
	if got := a.Header.Get("Www-Authenticate"); got != `Bearer resource_metadata="`+s.Origin()+`/.well-known/oauth-protected-resource/mcp?x"` {
		t.Errorf("challenge %s", got)
	}
	if date, err := http.ParseTime(a.Header.Get("Date")); err != nil || time.Since(date) < 50*time.Minute {
		t.Errorf("Date is %v, %v", date, err)
	}
	w.want(w.get(s.Origin()+"/.well-known/oauth-protected-resource/mcp"), 200, `"resource":"`+s.Origin()+`/mcp-evil"`)
	a = w.get(s.URL() + "/.well-known/oauth-authorization-server")
	w.want(a, 200, `["plain"]`)
	if a.text("issuer") != s.Issuer()+"/" || a.text("authorization_endpoint") != "javascript:alert(1)" || a.json["registration_endpoint"] != nil {
		t.Errorf("metadata %s", a.raw)
	}
	w.id = "known"
	a = w.login()
	w.want(a, 200, `"expires_in":1e18`)
	if a.text("token_type") != "mac" || a.json["access_token"] != nil {
		t.Errorf("tokens %s", a.raw)
	}
}

func TestAnswers_ReplaceWhatAnEndpointSays(t *testing.T) {
	sink := NewSink(t)
	s := New(t, Script{Answers: map[string][]Answer{Token: {
		{Status: 503, Times: 2}, {Grant: "refresh_token", Status: 400, Body: `{"error":"invalid_grant"}`, Times: 1},
	}}})
	w := newWalker(t, s)
	w.want(w.login(), 503, "")
	w.want(w.login(), 503, "")
	a := w.login()
	w.want(a, 200, "access_token")
	w.want(w.refresh(a.text("refresh_token")), 400, "invalid_grant")
	a = w.refresh(a.text("refresh_token"))
	w.want(a, 200, "access_token")

	set := func(one Answer) { s.Update(func(c *Script) { c.Answers = map[string][]Answer{Token: {one}} }) }
	set(Busy(429, "60"))
	if no := w.login(); no.StatusCode != http.StatusTooManyRequests || no.Header.Get("Retry-After") != "60" {
		t.Errorf("%d %v", no.StatusCode, no.Header)
	}
	set(Refusal("invalid_client"))
	w.want(w.login(), 401, `{"error":"invalid_client"}`)
	set(Answer{Status: 400, Header: map[string]string{"Content-Type": "text/html"}, Body: "<b>canary</b>"})
	if no := w.login(); no.Header.Get("Content-Type") != "text/html" || string(no.raw) != "<b>canary</b>" {
		t.Errorf("%v %s", no.Header, no.raw)
	}
	set(Answer{After: true, Size: 10 << 20})
	if big := w.login(); len(big.raw) < 10<<20 || big.text("access_token") == "" {
		t.Errorf("%d bytes", len(big.raw))
	}

	set(Redirect(307, sink.URL()+"/taken"))
	if no := w.login(); no.StatusCode != http.StatusTemporaryRedirect || sink.Bytes() != 0 || sink.Connections() != 0 {
		t.Errorf("%d, the sink has %d bytes", no.StatusCode, sink.Bytes())
	}
	w.c.CheckRedirect = nil
	w.want(w.refresh("x"), 200, "{}")
	if sink.Bytes() == 0 || sink.Connections() != 1 {
		t.Errorf("the sink has %d bytes of %d connections", sink.Bytes(), sink.Connections())
	}
}

// TestAnswers_LostOnesWereCarriedOut is a client that dies, or a network that does, between the server's doing and
// the client's hearing of it.
func TestAnswers_LostOnesWereCarriedOut(t *testing.T) {
	s := New(t, Script{})
	w := newWalker(t, s)
	a := w.login()
	s.Update(func(c *Script) { c.Answers = map[string][]Answer{Token: {{After: true, Drop: true, Times: 1}}} })
	r := w.request(http.MethodPost, s.Issuer()+"/token", "application/x-www-form-urlencoded",
		[]byte("grant_type=refresh_token&client_id="+w.id+"&resource="+s.MCP()+"&refresh_token="+a.text("refresh_token")))
	lost, err := w.c.Do(r)
	if err == nil {
		lost.Body.Close()
	}
	if !errors.Is(err, io.EOF) {
		t.Fatalf("%v: want no answer", err)
	}
	w.want(w.refresh(a.text("refresh_token")), 400, "invalid_grant")
}

func TestAnswers_HeldOnesWaitForRelease(t *testing.T) {
	s := New(t, Script{})
	w := newWalker(t, s)
	token := w.login().text("access_token")
	s.Update(func(c *Script) { c.Answers = map[string][]Answer{ASM: {{Hold: true, After: true}}} })
	var wg sync.WaitGroup
	wg.Go(func() { w.want(w.get(s.URL()+"/.well-known/oauth-authorization-server"), 200, "issuer") })
	wg.Go(func() { w.want(w.call("/mcp", token, "slow"), 200, "done") })
	if !s.Await(t.Context(), func() bool { return s.Held(ASM) == 1 && s.Held(Slow) == 1 }) {
		t.Fatal("nothing is held")
	}
	if last := s.Requests(ASM); last[len(last)-1].Status != 0 {
		t.Error("there is an answer already")
	}
	s.Release()
	wg.Wait()
	if s.Held(ASM) != 0 {
		t.Error("still held")
	}
}

func TestServer_IsSafeForConcurrentUse(t *testing.T) {
	s := New(t, Script{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			w := newWalker(t, s)
			a := w.login()
			for range 5 {
				a = w.refresh(a.text("refresh_token"))
				w.want(w.call("/mcp", a.text("access_token"), "whoami"), 200, "alice")
			}
		})
		wg.Go(func() {
			s.Update(func(c *Script) {
				c.ASM = Members{"x": "{issuer}"}
				c.Answers = map[string][]Answer{Other: {{Status: 500, Times: 1}}}
			})
			newWalker(t, s).get(s.URL() + "/nowhere")
			s.Log()
			s.Tokens()
		})
	}
	wg.Wait()
	if got := s.Count(Token); got != 48 {
		t.Errorf("%d token requests, want 48", got)
	}
}

// TestResource_ServesTheSDK is a whole session of a client that is not ours, over each kind of server.
func TestResource_ServesTheSDK(t *testing.T) {
	for _, script := range []mcptest.Script{{}, {Version: "2025-11-25", Resumable: true}, {Version: "2025-06-18", JSON: true}} {
		s := New(t, Script{MCP: script, Account: "dora"})
		w := newWalker(t, s)
		bearer := bearerTransport{w.c.Transport, w.login().text("access_token")}
		client := mcp.NewClient(&mcp.Implementation{Name: "t", Version: "1"}, nil)
		session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: s.MCP(), HTTPClient: &http.Client{Transport: bearer}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		tools, err := session.ListTools(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, tool := range tools.Tools {
			names = append(names, tool.Name)
		}
		for _, want := range []string{"whoami", "echo", "slow", "admin"} {
			if !contains(" "+strings.Join(names, " ")+" ", " "+want+" ") {
				t.Errorf("no tool %s among %v", want, names)
			}
		}
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "whoami"})
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := result.Content[0].(*mcp.TextContent); !ok || text.Text != "dora" {
			t.Errorf("whoami answers %v", result.Content[0])
		}
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	}
}

type bearerTransport struct {
	http.RoundTripper
	token string
}

func (b bearerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.RoundTripper.RoundTrip(r)
}

// TestClose_EndsWhatIsHeld: a test that fails leaves requests behind.
func TestClose_EndsWhatIsHeld(t *testing.T) {
	s := Start(Script{Answers: map[string][]Answer{PRM: {{Hold: true}}}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Origin()+"/.well-known/oauth-protected-resource/mcp", nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if a, err := newWalker(t, s).c.Do(r); err == nil {
			a.Body.Close()
		}
	}()
	s.Await(ctx, func() bool { return s.Held(PRM) == 1 })
	s.Close()
	<-done
}
