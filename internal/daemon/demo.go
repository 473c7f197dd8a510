package daemon

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/mcpmux/mcpmux/internal/authserver"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

// Names of what the demo sets up.
const (
	demoAlias  = "demo"
	demoClient = "demo-client"
)

// setUpDemo installs the built-in server and a client that may use all of it, and returns the client's key.
func setUpDemo(ctx context.Context, st *store.Store) (key string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program for the demo server: %w", err)
	}
	state, err := st.Load(ctx)
	if err != nil {
		return "", err
	}
	space := state.Spaces[0].ID
	if _, _, err := st.CreateServer(ctx, store.NewServer{
		Space: space, Alias: demoAlias, Enabled: true,
		Definition: mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: self, Args: []string{"demo-server"}},
	}); err != nil {
		return "", err
	}
	if state, err = st.Load(ctx); err != nil {
		return "", err
	}
	client, _, err := st.CreateClient(ctx, store.NewClient{Name: demoClient, Mode: mcpmux.ModeFollow, Approved: true, Grants: allOf(state, space)})
	if err != nil {
		return "", err
	}
	key, hint, hash := authserver.NewKey()
	_, _, err = st.CreateKey(ctx, client.ID, store.NewKey{Hash: hash, Hint: hint})
	return key, err
}

func allOf(st *mcpmux.State, space mcpmux.SpaceID) []mcpmux.Grant {
	for _, set := range st.FeatureSets {
		if set.Space == space && set.Kind == mcpmux.SetAll {
			return []mcpmux.Grant{{Space: space, Set: set.ID}}
		}
	}
	return nil
}

// tellDemo prints what to try.
func tellDemo(out io.Writer, dataDir, gatewayURL, key string) {
	fmt.Fprintf(out, `
This is a demo: everything is in %[1]s and is deleted when it ends.

Call a tool, from another terminal:

  go run ./cmd/mcpmux call %[4]s_add '{"a": 2, "b": 40}' --data-dir %[1]s

or with the bare protocol (MCP 2026-07-28):

  curl -s %[2]s/mcp -H 'Authorization: Bearer %[3]s' -H 'Content-Type: application/json' \
    -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/list' \
    -d '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}'

Paste into an application's MCP configuration:

  {
    "mcpServers": {
      "mcpmux": {
        "url": "%[2]s/mcp",
        "headers": { "Authorization": "Bearer %[3]s" }
      }
    }
  }

Ctrl-C ends it.
`, dataDir, gatewayURL, key, demoAlias)
}
