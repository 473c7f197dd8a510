package protocol

import (
	"net/http"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// Method is what the gateway must know of an MCP method.
type Method struct {
	Name string
	// Kind is the kind of Feature that the method is about.
	Kind mcpmux.FeatureKind
	// Target is the member of params that names what the method is about: name, uri, taskId or ref.
	Target string
	// Modern and Legacy say which eras have it.
	Modern, Legacy bool
	// List says that it lists Features.
	List bool
	// Interactive says that the Server may ask the client back in its course.
	Interactive bool
	// Cacheable says that 2026-07-28 wants caching hints in its result.
	Cacheable bool
	// Task says that it is about a task: in the older era one of the core tasks of 2025-11-25, from 2026-07-28
	// one of the extension.
	Task bool
}

//nolint:gochecknoglobals // constant table
var methods = map[string]*Method{
	"initialize":               {Name: "initialize", Legacy: true},
	"ping":                     {Name: "ping", Legacy: true},
	"logging/setLevel":         {Name: "logging/setLevel", Legacy: true},
	"server/discover":          {Name: "server/discover", Modern: true, Cacheable: true},
	"subscriptions/listen":     {Name: "subscriptions/listen", Modern: true},
	"tools/list":               {Name: "tools/list", Kind: mcpmux.KindTool, Modern: true, Legacy: true, List: true, Cacheable: true},
	"prompts/list":             {Name: "prompts/list", Kind: mcpmux.KindPrompt, Modern: true, Legacy: true, List: true, Cacheable: true},
	"resources/list":           {Name: "resources/list", Kind: mcpmux.KindResource, Modern: true, Legacy: true, List: true, Cacheable: true},
	"resources/templates/list": {Name: "resources/templates/list", Kind: mcpmux.KindTemplate, Modern: true, Legacy: true, List: true, Cacheable: true},
	"tools/call":               {Name: "tools/call", Kind: mcpmux.KindTool, Target: "name", Modern: true, Legacy: true, Interactive: true},
	"prompts/get":              {Name: "prompts/get", Kind: mcpmux.KindPrompt, Target: "name", Modern: true, Legacy: true, Interactive: true},
	"resources/read":           {Name: "resources/read", Kind: mcpmux.KindResource, Target: "uri", Modern: true, Legacy: true, Interactive: true, Cacheable: true},
	"resources/subscribe":      {Name: "resources/subscribe", Kind: mcpmux.KindResource, Target: "uri", Legacy: true},
	"resources/unsubscribe":    {Name: "resources/unsubscribe", Kind: mcpmux.KindResource, Target: "uri", Legacy: true},
	"completion/complete":      {Name: "completion/complete", Target: "ref", Modern: true, Legacy: true},
	"tasks/get":                {Name: "tasks/get", Target: "taskId", Modern: true, Legacy: true, Task: true},
	"tasks/cancel":             {Name: "tasks/cancel", Target: "taskId", Modern: true, Legacy: true, Task: true},
	"tasks/update":             {Name: "tasks/update", Target: "taskId", Modern: true, Task: true},
	"tasks/result":             {Name: "tasks/result", Target: "taskId", Legacy: true, Interactive: true, Task: true},
	"tasks/list":               {Name: "tasks/list", Legacy: true, Task: true},
}

// Lookup finds a request method in the table of both eras. Of extensions only the methods of tasks are in it:
// for others the gateway knows no rule, and forwards them where only one Server can be meant.
func Lookup(method string) (*Method, bool) {
	m, ok := methods[method]
	return m, ok
}

// ListMethod is the method that lists Features of a kind.
func ListMethod(kind mcpmux.FeatureKind) string {
	switch kind {
	case mcpmux.KindPrompt:
		return "prompts/list"
	case mcpmux.KindResource:
		return "resources/list"
	case mcpmux.KindTemplate:
		return "resources/templates/list"
	case mcpmux.KindTool:
	}
	return "tools/list"
}

// ListMember is the member of a list's result that holds the items.
func ListMember(kind mcpmux.FeatureKind) string {
	switch kind {
	case mcpmux.KindPrompt:
		return "prompts"
	case mcpmux.KindResource:
		return "resources"
	case mcpmux.KindTemplate:
		return "resourceTemplates"
	case mcpmux.KindTool:
	}
	return "tools"
}

// HTTPStatus is the status of a JSON-RPC error response of this code. Up to 2025-11-25 it is always 200. From
// 2026-07-28 an unknown method is 404 and the errors that this revision defines are 400. Everything else is
// 200: clients of both eras take another 400 for a server of the old one. Who refuses a request for its
// envelope (no JSON, no _meta) answers 400 without asking here, for the same code may come from a tool.
func HTTPStatus(code int, modern bool) int {
	if !modern {
		return http.StatusOK
	}
	switch code {
	case wire.CodeMethodNotFound:
		return http.StatusNotFound
	case wire.CodeHeaderMismatch, wire.CodeMissingCapability, wire.CodeUnsupportedVersion:
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// LogLevel is the rank of a log level, debug 0 to emergency 7 (RFC 5424 §6.2.1).
func LogLevel(s string) (int, bool) {
	for i, l := range [...]string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"} {
		if s == l {
			return i, true
		}
	}
	return 0, false
}
