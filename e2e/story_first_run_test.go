package e2e

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// newcomer is a machine on which McpMux was just installed: Cursor is there, and has a server.
func newcomer(t *testing.T) (d *Daemon, pasted string) {
	t.Helper()
	home, files := shortTempDir(t), t.TempDir()
	for path, text := range map[string]string{
		filepath.Join(home, ".cursor", "mcp.json"): fmt.Sprintf(`{"mcpServers":{"memory":{"command":%q,"args":[%q],"env":{"MEMORY_FILE_PATH":%q,"NOTES_TOKEN":"hush-cursor"}}}}`,
			node(t), fixture(t, "@modelcontextprotocol/server-memory/dist/index.js"), filepath.Join(files, "memory.jsonl")),
		filepath.Join(home, ".gemini", "settings.json"): `{"mcpServers": oops`,
		filepath.Join(files, "hello.txt"):               "hello",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pasted = fmt.Sprintf("// mine\n{\"mcpServers\": {\"Files\": {\"command\": %q, \"args\": [%q, %q], \"env\": {\"API_TOKEN\": \"hush-pasted\", \"OTHER_KEY\": \"<your key>\"}},\n\"shell\": {\"command\": \"sh\", \"args\": [\"-c\", \"true\"]},}}",
		node(t), fixture(t, "@modelcontextprotocol/server-filesystem/dist/index.js"), files)
	return Start(t, Options{Env: []string{"HOME=" + home}}), pasted
}

// connectSDK connects a client of the Go SDK, which logs in by OAuth: consent is what its user does with the address
// that it opens.
func connectSDK(t *testing.T, address string, consent func(address string)) *mcp.ClientSession {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), sdkTime)
	t.Cleanup(cancel)
	g := &goApplication{t: t, returned: make(chan url.Values, 1)}
	callback := httptest.NewServer(g)
	t.Cleanup(callback.Close)
	opened := make(chan string, 1)
	handler, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
			ClientName: "Editor", RedirectURIs: []string{callback.URL + "/callback"}, GrantTypes: []string{"authorization_code", "refresh_token"},
		}},
		AuthorizationCodeFetcher: func(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			opened <- args.URL
			select {
			case q := <-g.returned:
				return &auth.AuthorizationResult{Code: q.Get("code"), State: q.Get("state"), Iss: q.Get("iss")}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	type connected struct {
		session *mcp.ClientSession
		err     error
	}
	done := make(chan connected, 1)
	go func() {
		// It has no roots to tell: SDK 1.8.0 takes no roots/list without params from an input_required result.
		s, err := mcp.NewClient(&mcp.Implementation{Name: "editor", Version: "1"}, &mcp.ClientOptions{Capabilities: &mcp.ClientCapabilities{}}).
			Connect(ctx, &mcp.StreamableClientTransport{Endpoint: address, OAuthHandler: handler}, nil)
		done <- connected{s, err}
	}()
	for {
		select {
		case at := <-opened:
			consent(at)
		case c := <-done:
			if c.err != nil {
				t.Fatal(c.err)
			}
			t.Cleanup(func() { _ = c.session.Close() }) // the daemon may be gone
			return c.session
		}
	}
}

// From an empty folder to the first call, by what a person sees: connect an application, paste servers, watch the call
// arrive; left in the middle and taken up again.
func TestStory_FromNothingToTheFirstCall(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d, pasted := newcomer(t)
	p := b.profile("person")
	tab := d.logInBrowser(p)
	tab.awaitText("Nothing is connected yet")
	tab.clickRole("link", "Begin")
	tab.awaitRole("heading", "First steps")
	tab.awaitText("0 of 3 done")

	// What is on the machine is offered first, with what to do in it, and nothing in it is secret.
	tab.clickRole("button", "Cursor")
	tab.awaitText("Switch mcpmux on in Settings → MCP")
	tab.accessible()
	tab.clickRole("button", "Copy the entry")
	if entry := tab.clipboard(); !strings.Contains(entry, `"url": "http://`+d.Gateway+`/mcp"`) {
		t.Errorf("the entry is %s", entry)
	}
	tab.clickRole("button", "Gemini CLI")
	tab.awaitText("cannot be read")
	session := connectSDK(t, "http://"+d.Gateway+"/mcp", func(address string) {
		consent, _ := p.open(address)
		consent.awaitText("It calls itself")
		consent.click("Let it in")
	})
	tab.awaitText("1 of 3 done")

	// Left, and taken up again where it was.
	tab.clickRole("button", "Skip for now")
	tab.awaitText("Registered clients")
	tab.gone("One more step")
	tab.visit("http://" + d.Dashboard + "/welcome")
	tab.awaitText("1 of 3 done")

	// What is pasted is shown before anything is added.
	tab.fill("Paste servers", "hello")
	tab.click("Look at it")
	tab.awaitText("no server is in this text")
	tab.fill("Paste servers", pasted)
	tab.click("Look at it")
	tab.awaitText("2 servers found")
	tab.awaitText("sh is a shell")
	tab.awaitText("will be switched off")
	tab.accessible()
	tab.fill("Alias of Files", "docs")
	tab.fill("OTHER_KEY (optional now)", "hush-given")
	tab.click("Add 2 servers to")
	tab.awaitText("switched off: look at it")
	d.AwaitServer("docs", "connected")
	d.AwaitServer("shell", "disabled")
	if show := d.CLI("server", "show", "docs", "--json"); !strings.Contains(show, "OTHER_KEY") || !strings.Contains(show, "API_TOKEN") {
		t.Errorf("its values: %s", show)
	}
	tab.awaitText("2 of 3 done")

	// Likewise what Cursor has.
	tab.clickRole("button", "From Cursor (1)")
	tab.awaitText("1 server found")
	tab.click("Add 1 server to")
	d.AwaitServer("memory", "connected")

	// The call of the application arrives by itself; another is made from here.
	tab.clickRole("button", "Go on: watch the first call")
	if _, err := session.ListTools(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "docs_list_allowed_directories", Arguments: map[string]any{}}); err != nil {
		t.Fatal(err)
	}
	tab.awaitText("docs_list_allowed_directories")
	tab.awaitText("All three are done.")
	tab.click("Try it here")
	tab.awaitText("this dashboard")
	if strings.Contains(tab.text()+d.CLI("audit", "--json")+d.CLI("server", "list", "--json")+d.Log(), "hush-") {
		t.Error("a secret is told")
	}
	tab.clean("400")
}

// By the keyboard alone, from the page's address.
func TestStory_TheFirstStepsByTheKeyboard(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	d, pasted := newcomer(t)
	tab := d.logInBrowser(b.profile("person"))
	tab.awaitText("Nothing is connected yet")
	tab.hit("link", "Begin")
	tab.awaitRole("heading", "First steps")
	tab.hit("button", "Cursor")
	tab.awaitText("Switch mcpmux on in Settings → MCP")
	tab.hit("button", "Copy the entry")
	if !strings.Contains(tab.clipboard(), d.Gateway) {
		t.Errorf("copied: %s", tab.clipboard())
	}
	tab.hit("button", "Step 2: Add servers")
	tab.enter("textbox", "Paste servers", strings.ReplaceAll(pasted, "\n", " ")[len("// mine"):])
	tab.hit("button", "Look at it")
	tab.awaitText("2 servers found")
	tab.focus("checkbox", "shell")
	tab.press("Space")
	tab.enter("textbox", "Alias of Files", "docs")
	tab.press("Enter")
	tab.awaitText("is added")
	d.AwaitServer("docs", "connected")
	tab.hit("button", "Go on: watch the first call")
	tab.hit("button", "Try it here")
	tab.awaitText("this dashboard")
	tab.awaitText("2 of 3 done")
	tab.clean()
}
