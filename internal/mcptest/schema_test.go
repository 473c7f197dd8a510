package mcptest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// transcript keeps messages as files for e2e/fixtures/validate.mjs, which holds them against the schemas.
type transcript struct {
	dir string

	mu sync.Mutex
	n  int
}

var answerTypes = map[string]string{
	"initialize": "InitializeResult", "server/discover": "DiscoverResult", "tools/list": "ListToolsResult", "tools/call": "CallToolResult",
	"prompts/list": "ListPromptsResult", "prompts/get": "GetPromptResult", "resources/list": "ListResourcesResult", "resources/read": "ReadResourceResult",
	"resources/templates/list": "ListResourceTemplatesResult", "completion/complete": "CompleteResult",
	"ping": "EmptyResult", "logging/setLevel": "EmptyResult", "resources/subscribe": "EmptyResult", "resources/unsubscribe": "EmptyResult",
	"tasks/get": "GetTaskResult", "tasks/result": "GetTaskPayloadResult", "tasks/cancel": "CancelTaskResult", "tasks/list": "ListTasksResult",
}

var serverTypes = map[string]string{
	"elicitation/create": "ElicitRequest", "sampling/createMessage": "CreateMessageRequest", "roots/list": "ListRootsRequest",
	"notifications/message": "LoggingMessageNotification", "notifications/progress": "ProgressNotification",
	"notifications/tools/list_changed": "ToolListChangedNotification", "notifications/resources/list_changed": "ResourceListChangedNotification",
	"notifications/resources/updated": "ResourceUpdatedNotification", "notifications/elicitation/complete": "ElicitationCompleteNotification",
	"notifications/tasks/status": "TaskStatusNotification", "notifications/subscriptions/acknowledged": "SubscriptionsAcknowledgedNotification",
	"notifications/tasks": "JSONRPCNotification",
}

func (s *transcript) answer(version, method string, m wire.Message) {
	if s == nil {
		return
	}
	if m.Kind == wire.Error {
		name := "JSONRPCError"
		if version >= protocol.V20251125 {
			name = "JSONRPCErrorResponse"
		}
		if strings.Contains(string(m.Raw), "-32042") {
			name = "URLElicitationRequiredError"
		}
		s.save(version, name, m.Raw)
		return
	}
	result := m.Bytes(m.Result)
	name := answerTypes[method]
	for n, v := range wire.Members(result, wire.Span{End: len(result)}) {
		switch {
		case n == "resultType" && string(result[v.Start:v.End]) == `"input_required"`:
			name = "InputRequiredResult"
		case n == "resultType" && string(result[v.Start:v.End]) == `"task"`, version == protocol.V20260728 && strings.HasPrefix(method, "tasks/"):
			name = "Result" // Of an extension, which is not in the schema.
		case n == "task":
			name = "CreateTaskResult"
		}
	}
	s.save(version, name, result)
}

func (s *transcript) server(version string, m wire.Message) {
	if s != nil {
		s.save(version, serverTypes[m.Method], m.Raw)
	}
}

func (s *transcript) save(version, name string, raw []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	_ = os.MkdirAll(filepath.Join(s.dir, version), 0o700)
	_ = os.WriteFile(filepath.Join(s.dir, version, fmt.Sprintf("%s-%d.json", name, s.n)), raw, 0o600) // The count below tells.
}

// TestServer_KeepsToTheSchemaOfItsRevision calls everything and holds every message against the official schema.
func TestServer_KeepsToTheSchemaOfItsRevision(t *testing.T) {
	fixtures, err := filepath.Abs("../../e2e/fixtures")
	if err != nil {
		t.Fatal(err)
	}
	node := filepath.Join(fixtures, "node_modules", "node", "bin", "node")
	if _, err := os.Stat(node); err != nil {
		t.Skip("the schemas are among the fixtures of e2e, which are not installed: `make setup`")
	}
	saved := &transcript{dir: t.TempDir()}
	everywhere(t, func(t *testing.T, transport, version string) {
		c := connect(t, transport, mcptest.Script{Version: version}, func(c *client) { c.saved, c.level = saved, "debug" })
		c.exercise()
	})
	out, err := exec.CommandContext(within(t), node, filepath.Join(fixtures, "validate.mjs"), saved.dir).CombinedOutput()
	if err != nil {
		for line := range strings.Lines(string(out)) {
			name, _, _ := strings.Cut(line, ":")
			raw, _ := os.ReadFile(filepath.Join(saved.dir, name)) // It is for the reader alone.
			t.Errorf("%s\t%s", line, raw)
		}
	}
	t.Logf("%d messages: %s", saved.n, out)
}

// exercise uses everything once.
func (c *client) exercise() {
	c.t.Helper()
	lists := []string{"tools/list", "prompts/list", "resources/list", "resources/templates/list"}
	if c.legacy() {
		lists = append(lists, "ping")
		c.call("logging/setLevel", `{"level":"debug"}`)
		c.call("resources/subscribe", `{"uri":"test://a"}`)
	} else {
		lists = append(lists, "server/discover")
		c.listen(`{"toolsListChanged":true,"resourcesListChanged":true,"resourceSubscriptions":["test://a"]}`)
	}
	for _, method := range lists {
		c.call(method, `{}`)
	}
	c.tool("trigger", `{"uri":"test://a"}`)
	c.call("completion/complete", `{"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"name","value":"a"}}`)
	for _, uri := range []string{"test://a", "test://missing"} {
		c.ask("resources/read", `{"uri":`+quote(uri)+`}`)
	}
	c.ask("prompts/get", `{"name":"greet"}`)
	if c.version >= protocol.V20250618 {
		c.ask("resources/read", `{"uri":"test://asking"}`)
		c.ask("prompts/get", `{"name":"ask_name"}`)
	}
	c.ask("tools/call", `{"name":"progress","arguments":{"steps":2},"_meta":{"progressToken":"p"}}`)
	var list struct{ Tools []struct{ Name string } }
	m := c.call("tools/list", `{}`)
	if err := json.Unmarshal(m.Bytes(m.Result), &list); err != nil {
		c.t.Fatal(err)
	}
	args := map[string]string{"log": `{"level":"error"}`, "flood": `{"n":2}`, "change": `{"name":"more"}`, "delete_resource": `{"uri":"test://b"}`}
	for _, tool := range list.Tools {
		if !slices.Contains(special, tool.Name) {
			a := args[tool.Name]
			if a == "" {
				a = `{}`
			}
			c.tool(tool.Name, a)
		}
	}
	if c.version >= protocol.V20251125 {
		for _, args := range []string{`{}`, `{"ask":true}`, `{"fail":true}`, `{"error":true}`} {
			c.runTask(args)
		}
	}
}

// special are tools that end or disturb the process, wait, or are no revision's: echo and odd send bytes that
// tests compare.
var special = []string{"hold", "sleep", "ask", "exit", "crash", "junk", "stderr", "grandchild", "env", "cwd", "drop", "echo", "odd", "stats"}
