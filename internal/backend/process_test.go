//go:build unix

package backend

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/mcptest"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

func TestProcess_ItsEndFailsCallsInFlightWithStderr(t *testing.T) {
	c := dial(t, stdioSpec(t, mcptest.Script{}), newWorld())
	s := newSink("")
	held := tool(t, "hold", `{}`)
	held.Sink = s
	done := start(within(t), c, held)
	next(within(t), t, s.notes, "progress")
	callTool(t, c, "stderr", `{"text":"cannot find module"}`)
	exit := start(within(t), c, tool(t, "exit", `{"code":9}`))
	for _, ch := range []<-chan outcome{done, exit} {
		o := next(within(t), t, ch, "the end of the call")
		e, ok := errors.AsType[*ExitError](o.err)
		if !ok || e.Code != 9 || len(e.Stderr) != 1 || e.Stderr[0] != "cannot find module" {
			t.Errorf("err = %v", o.err)
		}
		if _, ok := errors.AsType[*ClosedError](o.err); !ok {
			t.Errorf("%v is no ClosedError", o.err)
		}
	}
	next(within(t), t, c.Done(), "Done")
	if _, err := c.Call(within(t), tool(t, "echo", `{}`)); !strings.Contains(err.Error(), "code 9") {
		t.Errorf("a later call: %v", err)
	}
}

func TestProcess_ASignalIsNamed(t *testing.T) {
	c := dial(t, stdioSpec(t, mcptest.Script{}), newWorld())
	_, err := c.Call(within(t), tool(t, "crash", `{}`))
	if e, ok := errors.AsType[*ExitError](err); !ok || e.Signal != "killed" {
		t.Errorf("err = %v", err)
	}
}

// alive says whether a process exists and is no zombie.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

func TestProcess_GrandchildrenAreGoneAfterClose(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]mcptest.Script{
		"leaves at once": {}, "ignores the end of its input": {IgnoreStdinEnd: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, stdioSpec(t, script), newWorld())
			pid, err := strconv.Atoi(text(t, callTool(t, c, "grandchild", `{}`)))
			if err != nil || !alive(pid) {
				t.Fatalf("no grandchild %d: %v", pid, err)
			}
			own := c.PID()
			_ = c.Close()
			if alive(own) {
				t.Error("the process is alive after Close")
			}
			for range 1000 { // SIGKILL was sent; the kernel needs a moment
				if !alive(pid) {
					return
				}
				_, _ = os.ReadFile("/proc/self/status")
			}
			t.Error("the grandchild is alive after Close")
		})
	}
}

func TestProcess_AStubbornOneIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for both graces")
	}
	t.Parallel()
	c := dial(t, stdioSpec(t, mcptest.Script{IgnoreStdinEnd: true, IgnoreTerm: true}), newWorld())
	pid := c.PID()
	_ = c.Close()
	if alive(pid) {
		t.Error("the process is alive after Close")
	}
}

func TestProcess_JunkOnStdoutIsSkipped(t *testing.T) {
	w := newWorld()
	c := dial(t, stdioSpec(t, mcptest.Script{}), w)
	for _, junk := range []string{"Server listening", "", `{"level":"info"}`, `{"broken`, `[1,2]`, `  `, "\x1b[31mred", `{"jsonrpc":"2.0","id":99999,"result":{}}`} {
		callTool(t, c, "junk", `{"text":`+string(wire.Quote(junk))+`}`)
	}
	if m := callTool(t, c, "echo", `{}`); m.Kind != wire.Response {
		t.Errorf("%s", m.Raw)
	}
	w.await(within(t), t, "the junk in the log", w.heard("Server listening"))
	w.await(within(t), t, "the broken message in the log", w.heard(`{"broken`))
}

func TestProcess_EnvironmentIsAllowListed(t *testing.T) {
	t.Setenv("SECRET_OF_THE_DAEMON", "hush")
	t.Setenv("LC_TEST", "passes")
	spec := stdioSpec(t, mcptest.Script{})
	spec.Env = append(spec.Env, "DECLARED=a=b", "HOME=/elsewhere")
	c := dial(t, spec, newWorld())
	for name, want := range map[string]string{"SECRET_OF_THE_DAEMON": "", "LC_TEST": "passes", "DECLARED": "a=b", "HOME": "/elsewhere", "PATH": os.Getenv("PATH")} {
		if got := text(t, callTool(t, c, "env", `{"name":"`+name+`"}`)); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func TestProcess_RunsInItsFolder(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	spec := stdioSpec(t, mcptest.Script{})
	spec.Cwd = dir
	if got := text(t, callTool(t, dial(t, spec, newWorld()), "cwd", `{}`)); got != dir {
		t.Errorf("cwd = %s, want %s", got, dir)
	}
}

func TestProcess_ACommandIsFoundOnItsOwnPath(t *testing.T) {
	spec := stdioSpec(t, mcptest.Script{})
	dir := t.TempDir()
	if err := os.Symlink(spec.Command, filepath.Join(dir, "my-server")); err != nil {
		t.Fatal(err)
	}
	spec.Command = "my-server"
	spec.Env = append(spec.Env, "PATH="+dir)
	callTool(t, dial(t, spec, newWorld()), "echo", `{}`)
}

func TestProcess_OneThatEndsAtOnceIsExplained(t *testing.T) {
	spec := Spec{Transport: mcpmux.TransportStdio, Command: "sh", Args: []string{"-c", "echo 'needs API_KEY' >&2; exit 4"}}
	_, err := Dial(within(t), spec, options(t, newWorld()))
	if e, ok := errors.AsType[*ExitError](err); !ok || e.Code != 4 || !strings.Contains(err.Error(), "needs API_KEY") {
		t.Errorf("err = %v", err)
	}
}

// A process that hangs up on us, but stays, can answer nothing any more.
func TestProcess_ThatClosesItsOutputIsEnded(t *testing.T) {
	spec := Spec{Transport: mcpmux.TransportStdio, Command: "sh", Args: []string{"-c", "read line; exec >&-; exec sleep 600"}}
	_, err := Dial(within(t), spec, options(t, newWorld()))
	if err == nil || errors.Is(err, errSilent) {
		t.Errorf("err = %v", err)
	}
}

// TestEra_AKnownProcessThatEndsOnInitializeIsProbed: the server is of the modern era alone and knows no other
// greeting.
func TestEra_AKnownProcessThatEndsOnInitializeIsProbed(t *testing.T) {
	const script = `read -r line; case "$line" in *initialize*) exit 3;; esac
echo '{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"],"capabilities":{}}}'; read -r line`
	spec := Spec{Transport: mcpmux.TransportStdio, Command: "sh", Args: []string{"-c", script}, Version: protocol.V20251125}
	if c := dial(t, spec, newWorld()); !c.Modern() {
		t.Error("not modern")
	}
	spec.Args[1] = "exit 4" // one that is simply broken is reported as it was
	_, err := Dial(within(t), spec, options(t, newWorld()))
	if e, ok := errors.AsType[*ExitError](err); !ok || e.Code != 4 {
		t.Errorf("err = %v", err)
	}
}

// TestListen_OneThatTheServerEndsIsOpenedAgain on stdio, where a notification says so.
func TestListen_OneThatTheServerEndsIsOpenedAgain(t *testing.T) {
	const script = `n=0; while read -r line; do case "$line" in
*server/discover*) echo '{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true}}}}';;
*subscriptions/listen*) n=$((n+1)); id=$((n+1))
echo '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":'$id'},"notifications":{}}}'
if [ $n = 1 ]; then echo '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}'
else echo '{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":'$id'}}}'; fi;;
esac; done`
	w := newWorld()
	dial(t, Spec{Transport: mcpmux.TransportStdio, Command: "sh", Args: []string{"-c", script}}, w)
	w.await(within(t), t, "list_changed on the second stream", func() bool { return len(w.lists) == 1 })
}
