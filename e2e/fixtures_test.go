package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fixture is the path of a file in fixtures/node_modules. A fixture that is not installed fails the test:
// skipping would make a broken set-up look like success.
func fixture(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(filepath.Join("fixtures", "node_modules", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(abs); err != nil {
		t.Fatalf("%v: run `make setup`", err)
	}
	return abs
}

// node is the Node.js among the fixtures.
func node(t *testing.T) string { t.Helper(); return fixture(t, "node/bin/node"+exeSuffix()) }

// freePort is a port of 127.0.0.1 that was free a moment ago, for programs that cannot pick one.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// startHTTP starts a program that serves HTTP at addr, waits until it does, and ends it with the test.
func startHTTP(t *testing.T, addr, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	log := new(logBuffer)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // It is killed below.
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("output of %s:\n%s", filepath.Base(name), log)
		}
	})
	deadline := time.NewTimer(startTime)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		resp, err := http.Get("http://" + addr)
		if err == nil {
			_ = resp.Body.Close()
			return
		}
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("%s ended: %s", name, log)
		case <-deadline.C:
			t.Fatalf("%s does not serve: %v", name, err)
		}
	}
}

// toolNames are the names in a result of tools/list.
func toolNames(t *testing.T, result json.RawMessage) []string {
	t.Helper()
	var list struct {
		Tools []struct{ Name string }
	}
	if err := json.Unmarshal(result, &list); err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(list.Tools))
	for i, tool := range list.Tools {
		names[i] = tool.Name
	}
	return names
}

// TestReferenceServers_AreUsedThroughOneAddress installs the reference servers of the protocol, as a user
// would, lists their tools in both eras, and calls a tool of each in both: they speak the older one.
func TestReferenceServers_AreUsedThroughOneAddress(t *testing.T) {
	d := Start(t, Options{})
	files := t.TempDir()
	if err := os.WriteFile(filepath.Join(files, "hello.txt"), []byte("hello from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	const scope = "@modelcontextprotocol/"
	d.AddServer("everything", "--", node(t), fixture(t, scope+"server-everything/dist/index.js"))
	d.AddServer("files", "--", node(t), fixture(t, scope+"server-filesystem/dist/index.js"), files)
	d.AddServer("memory", "--env", "MEMORY_FILE_PATH="+filepath.Join(files, "memory.jsonl"), "--", node(t), fixture(t, scope+"server-memory/dist/index.js"))
	key := d.NewClient("e2e")

	path, err := json.Marshal(map[string]string{"path": filepath.Join(files, "hello.txt")})
	if err != nil {
		t.Fatal(err)
	}
	calls := []struct{ name, args, want string }{
		{"everything_echo", `{"message":"loud and clear"}`, "loud and clear"},
		{"files_read_text_file", string(path), "hello from a file"},
		{"memory_read_graph", `{}`, "entities"},
	}
	m, stranger := d.MCP(key), d.MCP(key)
	modern := toolNames(t, stranger.Modern("tools/list", `{}`, "", `{}`).Result(t))
	m.Open(`{}`)
	legacy := toolNames(t, m.Legacy("tools/list", `{}`).Result(t))
	if !slices.Equal(modern, legacy) {
		t.Errorf("tools differ between the eras: %v, %v", modern, legacy)
	}
	for _, call := range calls {
		if !slices.Contains(legacy, call.name) {
			t.Errorf("tools/list lacks %s: %v", call.name, legacy)
		}
		got := m.Legacy("tools/call", `{"name":"`+call.name+`","arguments":`+call.args+`}`).Result(t)
		stateless := stranger.Modern("tools/call", `{"name":"`+call.name+`","arguments":`+call.args+`}`, call.name, `{}`).Result(t)
		for _, result := range []json.RawMessage{got, stateless} {
			if !strings.Contains(string(result), call.want) {
				t.Errorf("%s: got %s", call.name, result)
			}
		}
	}
	if status := m.Close(); status/100 != 2 {
		t.Errorf("DELETE: status %d", status)
	}
}

// TestGateway_ForeignPagesAndHostsAreRefused asks the built program itself, on both listeners.
func TestGateway_ForeignPagesAndHostsAreRefused(t *testing.T) {
	d := Start(t, Options{})
	key := d.NewClient("e2e")
	for _, addr := range []string{d.Gateway, d.Dashboard} {
		for _, line := range []string{"Host: evil.example", "Origin: http://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"} {
			m := &MCP{URL: "http://" + addr + "/mcp", Key: key, t: t}
			if r := m.Post(`{}`, line); r.Status != http.StatusForbidden {
				t.Errorf("%s with %s: status %d, want 403", addr, line, r.Status)
			}
		}
	}
}

// TestGateway_WithoutAGoodKeyTellsHowToLogIn checks the challenge of RFC 9728 §5.1.
func TestGateway_WithoutAGoodKeyTellsHowToLogIn(t *testing.T) {
	d := Start(t, Options{})
	for _, key := range []string{"", "mm_key_wrong"} {
		r := d.MCP(key).Post(`{"jsonrpc":"2.0","id":1,"method":"ping"}`)
		challenge := r.Header.Get("WWW-Authenticate")
		if r.Status != http.StatusUnauthorized || !strings.Contains(challenge, "resource_metadata=") {
			t.Errorf("key %q: status %d, challenge %q", key, r.Status, challenge)
		}
		if invalid := strings.Contains(challenge, "invalid_token"); invalid != (key != "") {
			t.Errorf("key %q: challenge %q", key, challenge)
		}
	}
	status, body := d.Get(d.Gateway, "/.well-known/oauth-protected-resource/mcp")
	if status != http.StatusOK || !strings.Contains(body, `"resource":"http://`+d.Gateway+`/mcp"`) {
		t.Errorf("metadata: status %d: %s", status, body)
	}
}
