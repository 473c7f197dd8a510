package e2e

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// The endpoint is alive and ready, on both listeners and over both loopback families.
func TestEndpoint_AnswersOnBothLoopbackFamilies(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	key := d.NewClient("a")
	for _, addr := range []string{d.Gateway, d.Dashboard} {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range []string{"127.0.0.1", "[::1]", "localhost"} {
			for _, path := range []string{"/healthz", "/readyz"} {
				if status, body := d.Get(host+":"+port, path); status != http.StatusOK {
					t.Errorf("%s%s: status %d: %s", host, path, status, body)
				}
			}
			if addr == d.Gateway {
				m := &MCP{URL: "http://" + host + ":" + port + "/mcp", Key: key, t: t}
				m.Open(`{}`)
			}
		}
	}
}

// Readiness is not liveness: it waits until the servers have settled.
func TestEndpoint_IsReadyOnlyWhenItsServersHaveSettled(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	_, url := scripted(t, mcptest.Script{HangInitialize: true})
	d.CLI("server", "add", "hangs", url)
	if status, body := d.Get(d.Gateway, "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "hangs") {
		t.Errorf("readyz: status %d: %s", status, body)
	}
	if status, _ := d.Get(d.Gateway, "/healthz"); status != http.StatusOK {
		t.Errorf("healthz: status %d", status)
	}
	d.CLI("server", "disable", "hangs")
	eventually(t, soon, "readiness", func() bool { status, _ := d.Get(d.Gateway, "/readyz"); return status == http.StatusOK })
}

// Stopping the gateway ends every process of the servers, grandchildren too, and closes the port; the dashboard
// stays up. Starting it brings all of it back.
func TestEndpoint_GatewayStopEndsProcessesAndClosesThePort(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddServer("s", process(t, mcptest.Script{})...)
	// npx starts the server as a grandchild, by way of a shell.
	d.AddServer("npx", "--cwd", filepath.Dir(fixture(t, "")), "--", "npx", "--offline", "mcp-server-memory")
	m := d.Session(d.NewClient("a"))
	pids := []int{d.serverStatus("s").PID, d.serverStatus("npx").PID}
	grandchild, err := strconv.Atoi(m.CallText("s_grandchild", `{}`))
	if err != nil {
		t.Fatal(err)
	}
	pids = append(pids, append(descendants(t, pids[1]), grandchild)...)
	if len(pids) < 4 {
		t.Fatalf("npx has no process of its own: %v", pids)
	}
	d.CLI("gateway", "stop")
	eventually(t, 5*time.Second, "end of the processes", func() bool {
		for _, pid := range pids {
			if alive(pid) && !zombie(pid) {
				return false
			}
		}
		return true
	})
	if c, err := net.DialTimeout("tcp", d.Gateway, time.Second); err == nil {
		_ = c.Close()
		t.Error("the port of the stopped gateway is open")
	}
	if status, _ := d.Get(d.Dashboard, "/healthz"); status != http.StatusOK {
		t.Errorf("the dashboard: status %d", status)
	}
	if out := d.CLI("status", "--json"); !strings.Contains(out, `"stopped"`) {
		t.Errorf("status: %s", out)
	}
	d.CLI("gateway", "start")
	d.awaitStart()
	d.AwaitServer("s", "connected")
	n := d.MCP(m.Key)
	n.Open(`{}`)
	n.Call("s_echo", `{}`).Result(t)
	d.CLI("gateway", "restart")
	d.awaitStart()
	d.AwaitServer("s", "connected")
	n.URL = "http://" + d.Gateway + "/mcp"
	n.Open(`{}`)
	n.Call("s_echo", `{}`).Result(t)
}

// descendants are the processes below one, by Linux's process table.
func descendants(t *testing.T, pid int) (all []int) {
	t.Helper()
	tasks, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children") // A pattern of ours.
	for _, task := range tasks {
		text, _ := os.ReadFile(task) // It may have ended.
		for field := range strings.FieldsSeq(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, child)
			all = append(all, descendants(t, child)...)
		}
	}
	return all
}

// zombie says whether a process has ended but for its parent's asking, which is not the gateway's affair where
// the parent is the system's first process.
func zombie(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(text), ") Z ")
}

// With autostart off, the gateway stays stopped over a restart until it is started.
func TestEndpoint_AutostartOffStaysStopped(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shortTempDir(t), "data")
	first := Start(t, Options{Dir: dir})
	first.CLI("settings", "set", "gateway.autostart", "false")
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	d := &Daemon{Dir: dir, t: t, env: environment(t, Options{Dir: dir}), log: new(logBuffer), done: make(chan struct{})}
	d.launch([]string{"serve", "--gateway-addr", "localhost:0", "--dashboard-addr", "localhost:0", "--no-browser"})
	t.Cleanup(func() {
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
	})
	var status struct{ Gateway string }
	d.Await("a daemon that answers", func() bool { _, _, code := d.TryCLI("status"); return code == 0 })
	d.JSON(&status, "status")
	if status.Gateway != "stopped" {
		t.Errorf("the gateway is %s", status.Gateway)
	}
	d.CLI("gateway", "start")
	d.awaitStart()
	if code, _ := d.Get(d.Gateway, "/healthz"); code != http.StatusOK {
		t.Errorf("status %d", code)
	}
}

// SIGTERM ends the daemon with code 0 while a call runs, and nothing is left.
func TestEndpoint_SIGTERMEndsItWithCodeZeroInTheMiddleOfACall(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddServer("s", process(t, mcptest.Script{IgnoreStdinEnd: true, IgnoreTerm: true})...)
	m := d.Session(d.NewClient("a"))
	stream := m.Listen()
	pid := d.serverStatus("s").PID
	caller := *m
	over := later(t, func() error {
		resp, err := caller.do(t.Context(), http.MethodPost, strings.NewReader(`{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"s_hold","arguments":{}}}`), nil)
		if err == nil {
			_ = resp.Body.Close()
		}
		return nil
	})
	eventually(t, soon, "call", func() bool { return strings.Contains(m.Call("s_stats", `{}`).lastText(), `"hold":1`) })
	start := time.Now()
	if err := d.Stop(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("it took %s", took)
	}
	<-over             //nolint:errcheck // how the cut call was answered is not the point
	for range stream { // It ends.
		continue
	}
	if alive(pid) && !zombie(pid) {
		t.Error("the server's process is left")
	}
}

// lastText is the last message as text; "" where there is none.
func (r *Reply) lastText() string {
	if len(r.Messages) == 0 {
		return ""
	}
	return string(r.Messages[len(r.Messages)-1])
}

// A second daemon on the same data folder refuses to start, and says why.
func TestEndpoint_ASecondInstanceRefusesToStart(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	_, text, code := d.TryCLI("serve", "--gateway-addr", "localhost:0", "--dashboard-addr", "localhost:0", "--no-browser")
	if code != 1 || !strings.Contains(text, d.Dir) || !strings.Contains(text, "running") {
		t.Errorf("exit code %d: %s", code, text)
	}
	d.CLI("status")
}

// Commands without a daemon say so with an exit code of their own.
func TestEndpoint_CommandsWithoutADaemonExitThree(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shortTempDir(t), "data")
	d := &Daemon{Dir: dir, t: t, env: environment(t, Options{Dir: dir})}
	if _, text, code := d.TryCLI("status"); code != 3 || text == "" {
		t.Errorf("exit code %d: %s", code, text)
	}
}
