package e2e

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/protocol"
)

const (
	sdkTime = 60 * time.Second // bounds a client with all its steps
	sdkWait = 10 * time.Second // bounds how long a notification comes after the answer to what caused it
)

// sdkSteps are what every client does, in this order.
var sdkSteps = []string{
	"connect", "list", "call", "progress", "log", "elicit", "sample", "roots", "complete", "subscribe", "cancel", "notfound",
}

// sdkClient is an SDK in one of its modes.
type sdkClient struct {
	sdk, mode string
	// speaks is the revision that the gateway and the client agree on.
	speaks string
	// run makes the steps, but for without.
	run func(t *testing.T, c sdkClient, url, key, without string) []sdkStep
}

var sdkClients = []sdkClient{
	{"ts1", "legacy", protocol.V20251125, runNode},
	{"ts2", "legacy", protocol.V20251125, runNode},
	{"ts2", "auto", protocol.V20260728, runNode},
	{"ts2", protocol.V20241105, protocol.V20241105, runNode},
	{"ts2", protocol.V20250326, protocol.V20250326, runNode},
	{"ts2", protocol.V20250618, protocol.V20250618, runNode},
	{"ts2", protocol.V20260728, protocol.V20260728, runNode},
	{"py", "legacy", protocol.V20251125, runPython},
	{"py", "auto", protocol.V20260728, runPython},
	{"py", protocol.V20260728, protocol.V20260728, runPython},
	{"go", protocol.V20241105, protocol.V20241105, runGo},
	{"go", protocol.V20250326, protocol.V20250326, runGo},
	{"go", protocol.V20250618, protocol.V20250618, runGo},
	{"go", protocol.V20251125, protocol.V20251125, runGo},
	{"go", protocol.V20260728, protocol.V20260728, runGo},
}

// sdkServer is a scripted server in a Space of its own.
type sdkServer struct {
	name   string
	script mcptest.Script
	stdio  bool
	flags  []string
	// without is a step that no client makes, and why.
	without, why string
}

var sdkServers = []sdkServer{
	{name: protocol.V20241105, script: mcptest.Script{Version: protocol.V20241105}},
	{name: protocol.V20250326, script: mcptest.Script{Version: protocol.V20250326}},
	{name: protocol.V20250618, script: mcptest.Script{Version: protocol.V20250618}},
	{name: protocol.V20251125, script: mcptest.Script{Version: protocol.V20251125}},
	{name: protocol.V20260728, script: mcptest.Script{Era: "modern"}},
	{
		name: "one process", script: mcptest.Script{Version: protocol.V20251125}, stdio: true, flags: []string{"--isolation", "shared"},
		without: "cancel", why: "just after a call that was given up nobody can tell whose call a log message belongs to",
	},
	{
		name: "processes", script: mcptest.Script{Version: protocol.V20251125}, stdio: true,
		without: "subscribe", why: "the call that changes the resource is made in another process than the subscription",
	},
}

// sdkStep is a line of a client's output.
type sdkStep struct {
	Step  string `json:"step"`
	OK    bool   `json:"ok"`
	Got   string `json:"got"`
	Error string `json:"error"`
	Skip  string `json:"skip"`
}

// TestSDKs_UseServersOfEveryRevision lets clients of the SDKs, as they are published, use a server of each
// revision through the gateway: everything that both sides can express must come through.
func TestSDKs_UseServersOfEveryRevision(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	for _, s := range sdkServers {
		server, key := d.sdkSpace(s)
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range sdkClients {
				if s.stdio && (c.mode == "auto" || c.speaks < protocol.V20251125) {
					continue // The transport of the server is nothing to the revision of the client.
				}
				t.Run(c.sdk+" "+c.mode, func(t *testing.T) {
					checkSteps(t, s, c, c.run(t, c, "http://"+d.Gateway+"/mcp", key, s.without))
					if server != nil {
						awaitScripted(t, server, startTime, "end of the call that was cancelled", func() bool { return server.Holding() == 0 })
					}
				})
			}
		})
	}
}

// sdkSpace makes a Space with the server, as be, and a client. The server is nil if it is a process.
func (d *Daemon) sdkSpace(s sdkServer) (server *mcptest.Server, key string) {
	d.t.Helper()
	space := "of " + s.name
	d.CLI("space", "create", space)
	args := process(d.t, s.script, s.flags...)
	if !s.stdio {
		var url string
		server, url = scripted(d.t, s.script)
		args = []string{url}
	}
	d.CLI(append([]string{"server", "add", "be", "--space", space}, args...)...)
	d.Await("tools of "+s.name, func() bool { return strings.Contains(d.CLI("server", "features", "be", "--space", space), "echo") })
	return server, d.NewClient("for "+s.name, "--mode", "locked", "--space", space)
}

// cannot says why a step is not made, or cannot succeed, with this server and this client. "" means it must.
func cannot(s sdkServer, c sdkClient, step string) string {
	version := cmp.Or(s.script.Version, protocol.V20260728)
	switch {
	case step == s.without:
		return s.why
	case step == "elicit" && !protocol.Has(version, protocol.Elicitation):
		return "a server of " + version + " has no elicitation"
	case step == "elicit" && !protocol.Has(c.speaks, protocol.Elicitation):
		return "a client of " + c.speaks + " has no elicitation"
	}
	return ""
}

func checkSteps(t *testing.T, s sdkServer, c sdkClient, got []sdkStep) {
	t.Helper()
	var names []string
	for _, step := range got {
		names = append(names, step.Step)
		why := cannot(s, c, step.Step)
		switch {
		case step.Step == "connect" && step.Got != c.speaks:
			t.Errorf("connected with %q, want %q: %s", step.Got, c.speaks, step.Error)
		case why != "" && step.OK:
			t.Errorf("%s: got %q, but %s", step.Step, step.Got, why)
		case why != "":
			t.Logf("%s: %s: %s%s", step.Step, why, step.Skip, step.Error)
		case step.Skip != "":
			t.Errorf("%s: skipped: %s", step.Step, step.Skip)
		case !step.OK:
			t.Errorf("%s: %s", step.Step, step.Error)
		}
	}
	if !slices.Equal(names, sdkSteps) {
		t.Errorf("the steps were %v, want %v", names, sdkSteps)
	}
}

func runNode(t *testing.T, c sdkClient, url, key, without string) []sdkStep {
	t.Helper()
	return runProgram(t, node(t), "fixtures/clients/"+c.sdk+".mjs", url, key, c.mode, "be", without)
}

func runPython(t *testing.T, c sdkClient, url, key, without string) []sdkStep {
	t.Helper()
	return runProgram(t, python(t), "fixtures/clients/py.py", url, key, c.mode, "be", without)
}

// python is that of the fixtures.
func python(t *testing.T) string {
	t.Helper()
	python := "fixtures/.venv/bin/python"
	if runtime.GOOS == "windows" {
		python = "fixtures/.venv/Scripts/python.exe"
	}
	if _, err := os.Stat(python); err != nil {
		t.Fatalf("%v: run `make setup`", err)
	}
	return python
}

// runProgram runs a client program and reads its steps.
func runProgram(t *testing.T, name string, args ...string) (steps []sdkStep) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), sdkTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, &stderr)
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var step sdkStep
		if err := json.Unmarshal(lines.Bytes(), &step); err != nil {
			t.Errorf("%s: %v", lines.Bytes(), err)
		}
		steps = append(steps, step)
	}
	return steps
}
