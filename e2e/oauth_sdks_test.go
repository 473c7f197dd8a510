package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"golang.org/x/oauth2"
)

// TestOAuth_SDKsLogInUnmodified lets clients of the SDKs, as they are published, find out for themselves how to get in,
// given the address and nothing else: they are refused, read the metadata, register, send their user to the browser,
// and use what is behind the gateway. A token that ended is renewed without the user; a login that was taken back asks
// again.
func TestOAuth_SDKsLogInUnmodified(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddServer("everything", "--", node(t), fixture(t, "@modelcontextprotocol/server-everything/dist/index.js"))
	for _, c := range []struct {
		name string
		run  func(t *testing.T, p *person, url string, logout func())
	}{
		{"TypeScript v1", loginProgram(node(t), "fixtures/clients/login-ts1.mjs")},
		{"TypeScript v2", loginProgram(node(t), "fixtures/clients/login-ts2.mjs")},
		{"Python", loginProgram(python(t), "fixtures/clients/login_py.py")},
		{"Go", loginGo},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := d.Person()
			c.run(t, p, "http://"+d.Gateway+"/mcp", func() {
				var client struct{ Approved bool }
				d.JSON(&client, "client", "show", c.name)
				if !client.Approved {
					t.Errorf("%s is not approved", c.name)
				}
				d.CLI("client", "logout", c.name)
			})
			if n := len(p.visits()); n != 2 {
				t.Errorf("the browser was opened %d times, want once and again after the logout", n)
			}
			for _, v := range p.visits() {
				if got := v.authorize.Get("resource"); got != "http://"+d.Gateway+"/mcp" {
					t.Errorf("it asked for the resource %q", got)
				}
			}
		})
	}
}

// loginProgram runs a client that is a program: it prints its steps, and reads a line once it may go on after the
// logout.
func loginProgram(name string, args ...string) func(t *testing.T, p *person, url string, logout func()) {
	return func(t *testing.T, p *person, url string, logout func()) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), sdkTime)
		defer cancel()
		cmd := exec.CommandContext(ctx, name, append(args, url)...)
		var stderr bytes.Buffer
		cmd.Env, cmd.Stderr = p.env(t), &stderr
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		want := []string{"login", "refresh", "again"}
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var step sdkStep
			if err := json.Unmarshal(lines.Bytes(), &step); err != nil {
				t.Errorf("%s: %v", lines.Bytes(), err)
				continue
			}
			if !step.OK || step.Got != "Echo: loud and clear" || len(want) == 0 || step.Step != want[0] {
				t.Errorf("%s: got %q %s, the steps to come are %v", step.Step, step.Got, step.Error, want)
				continue
			}
			want = want[1:]
			if step.Step == "refresh" {
				logout()
				_, _ = stdin.Write([]byte("\n")) // where it has ended, the step that it did not make tells
			}
		}
		if err := cmd.Wait(); err != nil || len(want) > 0 {
			t.Errorf("%v; the steps %v were not made\n%s", err, want, &stderr)
		}
	}
}

// loginGo is the client of the Go SDK, in the test's own process.
func loginGo(t *testing.T, p *person, address string, logout func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), sdkTime)
	defer cancel()
	g := &goApplication{t: t, returned: make(chan url.Values, 1)}
	callback := httptest.NewServer(g)
	defer callback.Close()
	handler, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
			ClientName: "Go", RedirectURIs: []string{callback.URL + "/callback"}, GrantTypes: []string{"authorization_code", "refresh_token"},
		}},
		RequestRefreshToken: true,
		AuthorizationCodeFetcher: func(_ context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			p.open(args.URL)
			select {
			case q := <-g.returned:
				return &auth.AuthorizationResult{Code: q.Get("code"), State: q.Get("state"), Iss: q.Get("iss")}, nil
			default:
				return nil, errors.New("the browser did not come back")
			}
		},
		NewTokenSource: g.tokenSource,
	})
	if err != nil {
		t.Fatal(err)
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "go", Version: "1"}, nil)
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: address, OAuthHandler: handler}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = session.Close() }() // it was logged out meanwhile
	use := func(step string) {
		t.Helper()
		got, err := goEcho(ctx, session)
		if err != nil || got != "Echo: loud and clear" {
			t.Fatalf("%s: %q, %v", step, got, err)
		}
	}
	use("login")
	had := g.token(t)
	g.expire()
	use("refresh")
	if now := g.token(t); now.RefreshToken == had.RefreshToken || now.AccessToken == had.AccessToken {
		t.Error("the tokens are still the same")
	}
	logout()
	use("again")
}

func goEcho(ctx context.Context, session *mcp.ClientSession) (string, error) {
	if _, err := session.ListTools(ctx, nil); err != nil {
		return "", err
	}
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "everything_echo", Arguments: map[string]any{"message": "loud and clear"}})
	if err != nil {
		return "", err
	}
	if text, ok := result.Content[0].(*mcp.TextContent); ok {
		return text.Text, nil
	}
	return "", fmt.Errorf("content %v", result.Content)
}

// goApplication is the application around the Go SDK: its callback, and the clock by which its tokens end.
type goApplication struct {
	t        *testing.T
	returned chan url.Values

	cfg  *oauth2.Config
	ctx  context.Context // as the SDK gave it for its token source
	last *oauth2.Token
	src  oauth2.TokenSource
}

func (g *goApplication) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/callback" {
		g.returned <- r.URL.Query()
	}
	_, _ = w.Write([]byte("You can close this page."))
}

// tokenSource is the SDK's own, made again where a token is to have ended.
func (g *goApplication) tokenSource(ctx context.Context, cfg *oauth2.Config, token *oauth2.Token) (oauth2.TokenSource, error) {
	g.cfg, g.ctx, g.src = cfg, ctx, cfg.TokenSource(ctx, token)
	return g, nil
}

func (g *goApplication) Token() (token *oauth2.Token, err error) {
	token, err = g.src.Token()
	if err == nil {
		g.last = token
	}
	return token, err
}

func (g *goApplication) token(t *testing.T) *oauth2.Token {
	t.Helper()
	token, err := g.Token()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// expire lets an hour pass for the token.
func (g *goApplication) expire() {
	old := *g.last
	old.Expiry = time.Now().Add(-time.Minute)
	g.src = g.cfg.TokenSource(g.ctx, &old)
}
