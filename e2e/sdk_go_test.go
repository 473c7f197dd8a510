//nolint:staticcheck // What 2026-07-28 deprecates is what this is to try.
package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// goClient is a client of the Go SDK, with what it heard.
type goClient struct {
	session                 *mcp.ClientSession
	modern                  bool
	progress, logs, updates chan string
}

// bearer adds the access key.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// runGo makes the steps with the Go SDK, whose mode is the revision that it asks for.
func runGo(t *testing.T, c sdkClient, url, key, without string) (steps []sdkStep) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), sdkTime)
	defer cancel()
	g := &goClient{
		modern: c.mode == protocol.V20260728, progress: make(chan string, 16), logs: make(chan string, 16), updates: make(chan string, 16),
	}
	for _, name := range sdkSteps {
		step := sdkStep{Step: name}
		var err error
		switch name {
		case without:
			step.Skip = "as told"
		case "connect":
			step.Got, err = g.connect(ctx, url, key, c.mode)
		default:
			step.Got, err = g.step(ctx, name)
		}
		if step.OK = err == nil && step.Skip == ""; err != nil {
			step.Error = err.Error()
		}
		steps = append(steps, step)
		if g.session == nil {
			return steps
		}
	}
	if err := g.session.Close(); err != nil {
		t.Error(err)
	}
	return steps
}

func (g *goClient) connect(ctx context.Context, url, key, mode string) (string, error) {
	client := mcp.NewClient(&mcp.Implementation{Name: "go", Version: "1"}, &mcp.ClientOptions{
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"name": "Ada"}}, nil
		},
		CreateMessageHandler: func(context.Context, *mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
			return &mcp.CreateMessageResult{Role: "assistant", Model: "none", Content: &mcp.TextContent{Text: "sampled"}}, nil
		},
		ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) {
			g.progress <- fmt.Sprint(r.Params.ProgressToken, " ", r.Params.Progress)
		},
		LoggingMessageHandler:  func(_ context.Context, r *mcp.LoggingMessageRequest) { g.logs <- fmt.Sprint(r.Params.Data) },
		ResourceUpdatedHandler: func(_ context.Context, r *mcp.ResourceUpdatedNotificationRequest) { g.updates <- r.Params.URI },
	})
	client.AddRoots(&mcp.Root{URI: "file:///r", Name: "r"})
	transport := &mcp.StreamableClientTransport{Endpoint: url, HTTPClient: &http.Client{Transport: bearer(key)}}
	session, err := client.Connect(ctx, transport, &mcp.ClientSessionOptions{ProtocolVersion: mode})
	if err != nil {
		return "", err
	}
	g.session = session
	return session.InitializeResult().ProtocolVersion, nil
}

func (g *goClient) step(ctx context.Context, name string) (string, error) {
	switch name {
	case "list":
		list, err := g.session.ListTools(ctx, nil)
		return has(list, err, `"be_echo"`)
	case "call":
		result, err := g.call(ctx, "echo", map[string]any{"text": "hi"}, nil)
		return has(result, err, "hi")
	case "progress":
		if _, err := g.call(ctx, "progress", map[string]any{"steps": 2}, mcp.Meta{"progressToken": "steps"}); err != nil {
			return "", err
		}
		return heard(ctx, g.progress, "steps 1")
	case "log":
		return g.log(ctx)
	case "elicit":
		result, err := g.call(ctx, "elicit", map[string]any{"message": "who"}, nil)
		return has(result, err, "Ada")
	case "sample":
		result, err := g.call(ctx, "sample", map[string]any{"prompt": "hi"}, nil)
		return has(result, err, "sampled")
	case "roots":
		result, err := g.call(ctx, "roots", nil, nil)
		return has(result, err, "file:///r")
	case "complete":
		result, err := g.session.Complete(ctx, &mcp.CompleteParams{
			Ref:      &mcp.CompleteReference{Type: "ref/prompt", Name: "be_greet"},
			Argument: mcp.CompleteParamsArgument{Name: "who", Value: "o"},
		})
		return has(result, err, `"one"`)
	case "subscribe":
		return g.subscribe(ctx)
	case "cancel":
		return g.cancel(ctx)
	case "notfound":
		_, err := g.call(ctx, "nothing", nil, nil)
		if e, ok := errors.AsType[*jsonrpc.Error](err); ok && e.Code == wire.CodeInvalidParams {
			return e.Message, nil
		}
		return "", fmt.Errorf("got %w, want the code %d", err, wire.CodeInvalidParams)
	}
	return "", errors.New("no such step")
}

func (g *goClient) call(ctx context.Context, tool string, args map[string]any, meta mcp.Meta) (*mcp.CallToolResult, error) {
	return g.session.CallTool(ctx, &mcp.CallToolParams{Meta: meta, Name: "be_" + tool, Arguments: args})
}

// log sets the level: of the session, or, in the newer era, of the call.
func (g *goClient) log(ctx context.Context) (string, error) {
	meta := mcp.Meta{mcp.MetaKeyLogLevel: "debug"}
	if !g.modern {
		meta = nil
		if err := g.session.SetLoggingLevel(ctx, &mcp.SetLoggingLevelParams{Level: "debug"}); err != nil {
			return "", err
		}
	}
	if _, err := g.call(ctx, "log", map[string]any{"level": "error", "text": "boom"}, meta); err != nil {
		return "", err
	}
	return heard(ctx, g.logs, "boom")
}

func (g *goClient) subscribe(ctx context.Context) (string, error) {
	if err := g.session.Subscribe(ctx, &mcp.SubscribeParams{URI: "test://a"}); err != nil {
		return "", err
	}
	if _, err := g.call(ctx, "trigger", map[string]any{"uri": "test://a"}, nil); err != nil {
		return "", err
	}
	return heard(ctx, g.updates, "test://a")
}

// cancel gives a call up as soon as the server has it.
func (g *goClient) cancel(ctx context.Context) (string, error) {
	call, giveUp := context.WithCancel(ctx)
	defer giveUp()
	ended := make(chan error, 1)
	go func() {
		_, err := g.call(call, "hold", nil, mcp.Meta{"progressToken": "hold"})
		ended <- err
	}()
	if _, err := heard(ctx, g.progress, "hold 1"); err != nil {
		return "", err
	}
	giveUp()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		return "", fmt.Errorf("the call ended with %w", err)
	}
	return "cancelled", nil
}

// has is the result as JSON, if part is in it.
func has(result any, err error, part string) (string, error) {
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(result)
	if err == nil && !strings.Contains(string(text), part) {
		err = fmt.Errorf("got %s, want %s in it", text, part)
	}
	return string(text), err
}

// heard waits for a notification.
func heard(ctx context.Context, c <-chan string, want string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, sdkWait)
	defer cancel()
	for {
		select {
		case got := <-c:
			if got == want {
				return got, nil
			}
		case <-ctx.Done():
			return "", fmt.Errorf("no %q within %s", want, sdkWait)
		}
	}
}
