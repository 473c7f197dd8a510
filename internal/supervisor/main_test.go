package supervisor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// fixtureVar makes the test binary a stdio MCP server instead: the tests need processes that can be killed.
const fixtureVar = "SUPERVISOR_TEST_FIXTURE"

func TestMain(m *testing.M) {
	switch os.Getenv(fixtureVar) {
	case "serve":
		serveStdio()
	case "crash":
		fmt.Fprintln(os.Stderr, "cannot find module 'left-pad', key is", os.Getenv("KEY"))
		os.Exit(3)
	default:
		// A lumberjack.Logger that has written keeps one goroutine for ever, even when it is closed.
		goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun"))
	}
}

// serveStdio answers what a worker asks. Its one tool is named like the environment variable TOOL.
func serveStdio() {
	fmt.Fprintln(os.Stderr, "serving with key", os.Getenv("KEY"))
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var m struct {
			ID     json.RawMessage
			Method string
		}
		if json.Unmarshal(in.Bytes(), &m) != nil || m.ID == nil {
			continue
		}
		switch m.Method {
		case "initialize":
			fmt.Fprintf(os.Stdout, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"fixture","version":"1"}}}`+"\n", m.ID)
		case "ping":
			fmt.Fprintf(os.Stdout, `{"jsonrpc":"2.0","id":%s,"result":{}}`+"\n", m.ID)
		case "tools/list":
			fmt.Fprintf(os.Stdout, `{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":%q,"inputSchema":{"type":"object"}}]}}`+"\n", m.ID, os.Getenv("TOOL"))
		default:
			fmt.Fprintf(os.Stdout, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no such method"}}`+"\n", m.ID)
		}
	}
}
