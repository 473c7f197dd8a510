package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// starts is how often a scripted process was started.
func starts(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return len(text)
}

// Two clients of one Space share one process; two Spaces with different values have one each.
func TestConnections_OneProcessForASpaceOneMoreForAnother(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	count := filepath.Join(t.TempDir(), "starts")
	script := mcptest.Script{Starts: count}
	d.AddServer("s", process(t, script, "--secret", "WHO=one")...)
	a, b := d.Session(d.NewClient("a")), d.Session(d.NewClient("b"))
	for _, m := range []*MCP{a, b} {
		if got := m.CallText("s_env", `{"name":"WHO"}`); got != "one" {
			t.Errorf("got %q", got)
		}
	}
	if n := starts(t, count); n != 1 {
		t.Errorf("%d processes for one Space", n)
	}
	d.CLI("space", "create", "Work")
	d.CLI(append([]string{"server", "add", "s", "--space", "Work"}, process(t, script, "--secret", "WHO=two")...)...)
	c := d.Session(d.NewClient("c", "--mode", "locked", "--space", "Work"))
	d.Await("tools of the other Space", func() bool { return len(c.Tools()) > 0 })
	if got := c.CallText("s_env", `{"name":"WHO"}`); got != "two" {
		t.Errorf("the other Space has %q", got)
	}
	if got := a.CallText("s_env", `{"name":"WHO"}`); got != "one" {
		t.Errorf("the first Space has %q", got)
	}
	if n := starts(t, count); n != 2 {
		t.Errorf("%d processes for two Spaces", n)
	}
}

// A changed value holds for the next call, by a new process; a call that runs on the old one ends.
func TestConnections_AChangedValueHoldsAtOnceAndRunningCallsEnd(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddServer("s", process(t, mcptest.Script{}, "--secret", "WHO=old")...)
	m := d.Session(d.NewClient("a"))
	caller := *m
	running := later(t, func() *Reply { return caller.Call("s_sleep", `{"ms":2500}`) })
	m.lastID = 100
	eventually(t, soon, "call", func() bool { return strings.Contains(m.Call("s_stats", `{}`).lastText(), `"sleep":1`) })
	if status, body := d.Admin("PATCH", "/servers/s", `{"put":[{"kind":"env","name":"WHO","secret":true,"value":"new"}]}`); status != 200 {
		t.Fatalf("status %d: %s", status, body)
	}
	if got := m.CallText("s_env", `{"name":"WHO"}`); got != "new" {
		t.Errorf("after the change: %q", got)
	}
	if got := resultText(t, (<-running).Result(t)); got != "done" {
		t.Errorf("the call that ran: %q", got)
	}
}

// Without use a connection closes; its tools stay listed, and the next call brings it back.
func TestConnections_IdleOnesCloseAndComeBack(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddServer("s", process(t, mcptest.Script{}, "--idle-timeout", "4s")...)
	pid := d.serverStatus("s").PID
	m := d.Session(d.NewClient("a"))
	n := len(m.Tools())
	if got := m.CallText("s_sleep", `{"ms":5500}`); got != "done" {
		t.Errorf("a call that runs is no idleness: %q", got)
	}
	d.AwaitServer("s", "idle")
	eventually(t, soon, "end of the process", func() bool { return !alive(pid) })
	if got := len(m.Tools()); got != n {
		t.Errorf("%d tools are listed, want %d", got, n)
	}
	m.Call("s_echo", `{}`).Result(t)
	if s := d.serverStatus("s"); s.State != "connected" {
		t.Errorf("state %s", s.State)
	}
}

// A server that is killed is noticed, and comes back by itself; the call that killed it fails and is not sent
// again.
func TestConnections_AKilledServerComesBackAndNoCallIsSentTwice(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	count := filepath.Join(t.TempDir(), "starts")
	d.AddServer("s", process(t, mcptest.Script{Starts: count})...)
	m := d.Session(d.NewClient("a"))
	if e := m.Call("s_crash", `{}`).Last(t).Error; e == nil {
		t.Error("the call of a server that died has a result")
	}
	eventually(t, 5*time.Second, "new process", func() bool { s := d.serverStatus("s"); return s.State == "connected" && s.PID != 0 && alive(s.PID) })
	if n := starts(t, count); n != 2 {
		t.Errorf("%d starts: the call was sent again", n)
	}
	if got := m.CallText("s_env", `{"name":"NOTHING"}`); got != "" {
		t.Errorf("got %q", got)
	}
	s := d.AddScripted("h", mcptest.Script{})
	m.Call("h_drop", `{}`)
	for _, text := range []string{"401 unauthorized", "session not found", "token expired"} {
		m.Call("h_echo", fmt.Sprintf(`{"isError":true,"text":%q}`, text)).Result(t)
	}
	if s.Calls("drop") != 1 || s.Calls("echo") != 3 {
		t.Errorf("calls: drop %d, echo %d", s.Calls("drop"), s.Calls("echo"))
	}
}

// A server that is killed from outside is noticed at once, without anybody calling it, and comes back by itself.
func TestConnections_AServerKilledFromOutsideIsNoticedAndComesBack(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddServer("s", process(t, mcptest.Script{})...)
	old := d.serverStatus("s").PID
	p, err := os.FindProcess(old)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Second, "new process", func() bool {
		s := d.serverStatus("s")
		return s.State != "connected" || s.PID != old
	})
	eventually(t, 5*time.Second, "connection", func() bool {
		s := d.serverStatus("s")
		return s.State == "connected" && s.PID != old && s.PID != 0
	})
	if got := d.Session(d.NewClient("a")).CallText("s_env", `{"name":"NOTHING"}`); got != "" {
		t.Errorf("got %q", got)
	}
}

// A server that keeps crashing ends in error, with the reason and the end of its standard error, and no longer
// counts as connected; another server is not disturbed.
func TestConnections_ACrashLoopEndsInErrorWithTheReason(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddServer("good", process(t, mcptest.Script{})...)
	d.CLI("server", "add", "bad", "--", "sh", "-c", "echo cannot open the database >&2; exit 3")
	eventually(t, startTime, "error", func() bool { return d.serverStatus("bad").State == "error" })
	out := d.CLI("server", "show", "bad", "--json")
	if !strings.Contains(out, "cannot open the database") || !strings.Contains(out, "3") {
		t.Errorf("server show tells nothing of the reason: %s", out)
	}
	var status struct {
		ConnectedServers int `json:"connected_servers"`
		Servers          int `json:"servers"`
	}
	d.JSON(&status, "status")
	if status.ConnectedServers != 1 || status.Servers != 2 {
		t.Errorf("status %+v", status)
	}
}

// 30 servers of which five hang: the others are there within five seconds of the start.
func TestConnections_HangingServersDelayNobodysStart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shortTempDir(t), "data")
	d := Start(t, Options{Dir: dir})
	for i := range 30 {
		_, url := scripted(t, mcptest.Script{HangInitialize: i%6 == 0})
		d.CLI("server", "add", fmt.Sprintf("s%d", i), url)
	}
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	d = Start(t, Options{Dir: dir})
	eventually(t, 5*time.Second, "25 servers", func() bool {
		var s struct {
			Connected int `json:"connected_servers"`
		}
		d.JSON(&s, "status")
		return s.Connected == 25
	})
}

// Disabling hides a server's tools and ends it; enabling brings it back; clients are told.
func TestConnections_DisableAndEnableAreTold(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddServer("s", process(t, mcptest.Script{})...)
	pid := d.serverStatus("s").PID
	m := d.Session(d.NewClient("a"))
	told := m.Listen()
	d.CLI("server", "disable", "s")
	within(t, soon, told, listChanged)
	if tools := m.Tools(); len(tools) != 0 {
		t.Errorf("tools of a disabled server: %v", tools)
	}
	eventually(t, 5*time.Second, "end of the process", func() bool { return !alive(pid) })
	d.CLI("server", "enable", "s")
	within(t, soon, told, listChanged)
	m.Call("s_echo", `{}`).Result(t)
}

// A process has what it was given and the allowed few of the daemon's environment, and its working folder.
func TestConnections_EnvironmentAndFolderAreAsDeclared(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{Env: []string{"LEAKED=yes", "AWS_SECRET_ACCESS_KEY=yes"}})
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d.AddServer("s", process(t, mcptest.Script{}, "--cwd", folder, "--env", "GIVEN=this")...)
	m := d.Session(d.NewClient("a"))
	for name, want := range map[string]string{"GIVEN": "this", "LEAKED": "", "AWS_SECRET_ACCESS_KEY": "", "MCPMUX_MASTER_KEY_FILE": "", "MCPMUX_DATA_DIR": ""} {
		if got := m.CallText("s_env", fmt.Sprintf(`{"name":%q}`, name)); got != want {
			t.Errorf("%s=%q, want %q", name, got, want)
		}
	}
	if m.CallText("s_env", `{"name":"PATH"}`) == "" {
		t.Error("no PATH")
	}
	if got := m.CallText("s_cwd", `{}`); got != folder {
		t.Errorf("folder %s, want %s", got, folder)
	}
}

// Calls ask the database nothing: 1,000 of them add only the records that are written in batches.
func TestConnections_CallsMakeNoStatements(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.AddScripted("s", mcptest.Script{})
	m := d.Session(d.NewClient("a"))
	statements := func() int {
		var s struct{ Statements int }
		if err := json.Unmarshal([]byte(d.CLI("status", "--json")), &s); err != nil {
			t.Fatal(err)
		}
		return s.Statements
	}
	before := statements()
	for range 1000 {
		m.Call("s_echo", `{}`)
	}
	if n := statements() - before; n > 300 {
		t.Errorf("1,000 calls made %d statements", n)
	}
}
