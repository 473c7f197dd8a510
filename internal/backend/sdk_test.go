package backend

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// sdkVar makes the test binary a stdio server by somebody else.
const sdkVar = "BACKEND_TEST_SDK"

func serveSDK() int {
	if err := newSDKServer().Run(context.Background(), &mcp.StdioTransport{}); err != nil {
		return 1
	}
	return 0
}

func newSDKServer() *mcp.Server {
	type in struct {
		Text string `json:"text"`
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "sdk", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "shout"}, func(ctx context.Context, r *mcp.CallToolRequest, a in) (*mcp.CallToolResult, any, error) {
		if token := r.Params.GetProgressToken(); token != nil {
			if err := r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Progress: 1}); err != nil {
				return nil, nil, err
			}
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: a.Text + "!"}}}, nil, nil
	})
	return server
}

// sdkServer is such a server over HTTP.
func sdkServer(t *testing.T, opt *mcp.StreamableHTTPOptions) Spec {
	t.Helper()
	server := newSDKServer()
	srv := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, opt))
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return httpSpec(srv.URL)
}

func TestSDKServer_IsServedInEachEra(t *testing.T) {
	for _, row := range []struct {
		name, pinned string
		opt          mcp.StreamableHTTPOptions
		stdio        bool
	}{
		{name: "stdio probed", stdio: true},
		{name: "stdio legacy", stdio: true, pinned: protocol.V20251125},
		{name: "probed"},
		{name: "legacy", pinned: protocol.V20251125},
		{name: "legacy with JSON answers", pinned: protocol.V20251125, opt: mcp.StreamableHTTPOptions{JSONResponse: true}},
		{name: "stateless", opt: mcp.StreamableHTTPOptions{Stateless: true}},
		{name: "stateless with JSON answers", opt: mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			spec := Spec{Transport: mcpmux.TransportStdio, Command: os.Args[0], Env: []string{sdkVar + "=1", "GORACE=atexit_sleep_ms=0"}}
			if !row.stdio {
				spec = sdkServer(t, &row.opt)
			}
			spec.Version = row.pinned
			c := dial(t, spec, newWorld())
			t.Logf("speaks %s", c.About().ProtocolVersion)
			if row.pinned != "" && c.About().ProtocolVersion != row.pinned {
				t.Errorf("speaks %s", c.About().ProtocolVersion)
			}
			tools, err := c.List(within(t), mcpmux.KindTool)
			if err != nil || len(tools) != 1 {
				t.Fatalf("%s, %v", tools, err)
			}
			call := tool(t, "shout", `{"text":"hi"}`)
			if c.Modern() {
				call = request(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"shout","arguments":{"text":"hi"},`+modernMeta+`}}`)
				call.Name = "shout"
			}
			s := newSink("")
			call.Sink = s
			m, err := c.Call(within(t), call)
			if err != nil || m.Kind != wire.Response || text(t, m) != "hi!" {
				t.Fatalf("%s, %v", m.Raw, err)
			}
			if err := c.Ping(within(t)); err != nil {
				t.Error(err)
			}
			_ = c.Close()
		})
	}
}
