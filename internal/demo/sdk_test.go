package demo

import (
	"context"
	"io"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// TestSDKClient_UsesEverything drives the server with somebody else's client, in each revision it speaks.
func TestSDKClient_UsesEverything(t *testing.T) {
	for _, version := range []string{"2025-06-18", "2025-11-25", "2026-07-28"} {
		t.Run(version, func(t *testing.T) {
			ctx := t.Context()
			inR, inW := io.Pipe()
			outR, outW := io.Pipe()
			done := make(chan error, 1)
			go func() { done <- Run(context.Background(), inR, outW); outW.Close() }()
			progress := make(chan float64, 8)
			client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ClientOptions{
				ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
					return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"name": "Grace"}}, nil
				},
				ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) {
					progress <- r.Params.Progress
				},
				ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) {},
			})
			session, err := client.Connect(ctx, &mcp.IOTransport{Reader: outR, Writer: inW}, &mcp.ClientSessionOptions{ProtocolVersion: version})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				session.Close()
				inW.Close()
				if err := <-done; err != nil {
					t.Error(err)
				}
			}()
			if got := session.InitializeResult().ProtocolVersion; got != version {
				t.Errorf("speaks %s", got)
			}
			list, err := session.ListTools(ctx, nil)
			if err != nil || len(list.Tools) != 5 {
				t.Fatalf("tools %v, %v", list, err)
			}
			text := func(name string, args map[string]any, meta mcp.Meta) string {
				t.Helper()
				r, err := session.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: args, Meta: meta})
				if err != nil || r.IsError || len(r.Content) != 1 {
					t.Fatalf("%s: %+v, %v", name, r, err)
				}
				return r.Content[0].(*mcp.TextContent).Text
			}
			if got := text("echo", map[string]any{"text": "hi"}, nil); got != "hi" {
				t.Errorf("echo %q", got)
			}
			if got := text("add", map[string]any{"a": 1, "b": 2}, nil); got != "3" {
				t.Errorf("add %q", got)
			}
			text("now", map[string]any{"zone": "UTC"}, nil)
			if got := text("ask_name", map[string]any{}, nil); got != "Hello, Grace!" {
				t.Errorf("ask_name %q", got)
			}
			text("countdown", map[string]any{"from": 1}, mcp.Meta{"progressToken": "p"})
			if got := <-progress; got != 1 {
				t.Errorf("progress %v", got)
			}
			if p, err := session.GetPrompt(ctx, &mcp.GetPromptParams{Name: "greet", Arguments: map[string]string{"name": "Ada"}}); err != nil || len(p.Messages) != 1 {
				t.Errorf("prompt %+v, %v", p, err)
			}
			if r, err := session.ReadResource(ctx, &mcp.ReadResourceParams{URI: "demo://note/x"}); err != nil || len(r.Contents) != 1 {
				t.Errorf("resource %+v, %v", r, err)
			}
			if r, err := session.Complete(ctx, &mcp.CompleteParams{Ref: &mcp.CompleteReference{Type: "ref/prompt", Name: "greet"}, Argument: mcp.CompleteParamsArgument{Name: "name", Value: "Ma"}}); err != nil || len(r.Completion.Values) != 1 {
				t.Errorf("completion %+v, %v", r, err)
			}
		})
	}
}
