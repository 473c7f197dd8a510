package e2e

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func TestDaemon_RefusesToStartBesideASquatter(t *testing.T) {
	for _, flag := range []string{"--gateway-addr", "--dashboard-addr"} {
		t.Run(flag, func(t *testing.T) {
			squatter, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = squatter.Close() }()
			_, port, err := net.SplitHostPort(squatter.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(shortTempDir(t), "data")
			d := &Daemon{Dir: dir, t: t, env: environment(t, Options{Dir: dir})}
			addrs := map[string]string{"--gateway-addr": "localhost:0", "--dashboard-addr": "localhost:0", flag: "localhost:" + port}
			args := []string{"serve", "--no-browser"}
			for name, addr := range addrs {
				args = append(args, name, addr)
			}
			out, errText, code := d.TryCLI(args...)
			if code == 0 || code == -1 {
				t.Errorf("exit code %d", code)
			}
			if !strings.Contains(errText, squatter.Addr().String()) || !strings.Contains(errText, flag) {
				t.Errorf("the error does not tell which address is taken and what to do: %s%s", out, errText)
			}
		})
	}
}

func TestDaemon_TakesItsServersWithIt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it looks for a process by signal 0")
	}
	d := Start(t, Options{})
	d.AddServer("memory", "--", node(t), fixture(t, "@modelcontextprotocol/server-memory/dist/index.js"))
	var server struct{ Status struct{ PID int } }
	text := d.CLI("server", "show", "memory", "--json")
	if err := json.Unmarshal([]byte(text), &server); err != nil || server.Status.PID == 0 {
		t.Fatalf("no pid (%v): %s", err, text)
	}
	if err := d.Stop(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
	p, err := os.FindProcess(server.Status.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(syscall.Signal(0)); err == nil {
		t.Errorf("process %d of the server is still there", server.Status.PID)
	}
}

func TestDaemon_KeepsWhatItKnowsOverARestart(t *testing.T) {
	dir := filepath.Join(shortTempDir(t), "data")
	first := Start(t, Options{Dir: dir})
	memory := []string{"--", node(t), fixture(t, "@modelcontextprotocol/server-memory/dist/index.js")}
	first.AddServer("memory", memory...)
	key := first.NewClient("e2e")
	if err := first.Stop(); err != nil {
		t.Fatalf("the daemon ended with %v", err)
	}
	second := Start(t, Options{Dir: dir})
	second.AwaitServer("memory", "connected")
	m := second.MCP(key)
	m.Open(`{}`)
	got := m.Legacy("tools/call", `{"name":"memory_read_graph","arguments":{}}`).Result(t)
	if !strings.Contains(string(got), "entities") {
		t.Errorf("got %s", got)
	}
}
