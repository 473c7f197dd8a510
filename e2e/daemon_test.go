package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Bounds of the tests. They are long since machines under test are slow; nothing waits for one to pass.
const (
	startTime = 60 * time.Second // for a daemon, or a server behind it, to be ready
	stopTime  = 30 * time.Second // for a daemon to end
	cliTime   = 60 * time.Second // for one command
	pollEvery = 50 * time.Millisecond
)

// Options say how a daemon is started.
type Options struct {
	Dir  string   // data folder; "" is a new one
	Args []string // further arguments of serve
	Env  []string // further environment variables
	// Program is the daemon, "" the one that all tests have.
	Program string
	// Settled has the gateway listen where the settings say.
	Settled bool
	// Slack skips the checks that a daemon ends well, for tests that end it badly.
	Slack bool
}

// Daemon is a running mcpmux with a data folder of its own.
type Daemon struct {
	Dir string
	// Gateway and Dashboard are the addresses of the listeners, host:port.
	Gateway, Dashboard string

	program string // "" is the one that all tests have

	t    *testing.T
	cmd  *exec.Cmd
	env  []string
	log  *logBuffer
	done chan struct{} // closed when the process ended
	err  error         // how it ended; to be read after done
}

// Start starts a daemon, waits until it answers `mcpmux status`, and ends it with the test. A daemon that
// does not end well, or in which the race detector found something, fails the test.
func Start(t *testing.T, o Options) *Daemon {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(shortTempDir(t), "data")
	}
	d := &Daemon{Dir: o.Dir, program: o.Program, t: t, env: environment(t, o), log: new(logBuffer), done: make(chan struct{})}
	args := []string{"serve", "--data-dir", d.Dir, "--dashboard-addr", "localhost:0", "--no-browser"}
	if !o.Settled {
		args = append(args, "--gateway-addr", "localhost:0")
	}
	args = append(args, o.Args...) // which may say otherwise
	d.launch(args)
	t.Cleanup(func() {
		if err := d.Stop(); err != nil && !o.Slack {
			t.Errorf("the daemon did not end well: %v", err)
		}
		if strings.Contains(d.log.String(), "WARNING: DATA RACE") {
			t.Error("the race detector found a race in the daemon")
		}
		if t.Failed() {
			t.Logf("log of the daemon:\n%s", d.log)
		}
	})
	d.awaitStart()
	return d
}

// launch starts the process and watches for its end.
func (d *Daemon) launch(args []string) {
	d.t.Helper()
	if d.program == "" {
		d.program = program
	}
	d.cmd = exec.Command(d.program, args...)
	d.cmd.Env, d.cmd.Stdout, d.cmd.Stderr = append(slices.Clip(d.env), "MCPMUX_DATA_DIR="+d.Dir), d.log, d.log
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	go func() {
		d.err = d.cmd.Wait()
		close(d.done)
	}()
}

// shortTempDir is a folder for the test with a short path: the control socket is in it, and the path of a
// socket has at most 104 bytes on some systems.
func shortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mm") //nolint:usetesting // the path of t.TempDir holds the name of the test: too long.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// environment is that of daemon and commands: a home of its own, and a master key in a file beside the data
// folder, so that no test touches the user's files or keychain and a folder can be used again.
func environment(t *testing.T, o Options) []string {
	t.Helper()
	home := shortTempDir(t)
	keyFile := filepath.Clean(o.Dir) + ".key"
	if _, err := os.Stat(keyFile); err != nil {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // It never fails.
		if err := os.WriteFile(keyFile, []byte(base64.StdEncoding.EncodeToString(key)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"HOME=" + home, "USERPROFILE=" + home, "MCPMUX_MASTER_KEY_FILE=" + keyFile, "GORACE=halt_on_error=0 atexit_sleep_ms=0"}
	for _, name := range []string{"PATH", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LANG"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return append(env, o.Env...)
}

// awaitStart waits until the daemon tells its addresses.
func (d *Daemon) awaitStart() {
	d.t.Helper()
	d.Await("a daemon that answers", func() bool {
		out, _, code := d.TryCLI("status", "--json")
		if code != 0 {
			return false
		}
		var status struct {
			Gateway       string `json:"gateway"`
			GatewayAddr   string `json:"gateway_addr"`
			DashboardAddr string `json:"dashboard_addr"`
		}
		if err := json.Unmarshal([]byte(out), &status); err != nil {
			d.t.Fatalf("status --json: %v\n%s", err, out)
		}
		d.Gateway, d.Dashboard = status.GatewayAddr, status.DashboardAddr
		return status.Gateway == "running" && d.Gateway != "" && d.Dashboard != ""
	})
}

// Await waits until ok, asking now and then, for at most startTime and as long as the daemon runs.
func (d *Daemon) Await(what string, ok func() bool) {
	d.t.Helper()
	deadline := time.NewTimer(startTime)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-d.done:
			d.t.Fatalf("the daemon ended (%v) while the test waited for %s\n%s", d.err, what, d.log)
		case <-deadline.C:
			d.t.Fatalf("no %s within %s", what, startTime)
		}
	}
}

// Stop asks the daemon to end and waits for it. The error is nil when it ended with code 0. Stopping it again
// tells the same.
func (d *Daemon) Stop() error {
	select {
	case <-d.done:
		return d.err
	default:
	}
	_ = interrupt(d.cmd.Process) // When it ended by itself a moment ago, that is what is told.
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case <-d.done:
		return d.err
	case <-timer.C:
		_ = d.cmd.Process.Signal(syscall.SIGQUIT) // The stacks of its goroutines go to the log.
		timer.Reset(stopTime)
		select {
		case <-d.done:
		case <-timer.C:
			_ = d.cmd.Process.Kill()
			<-d.done
		}
		return errors.New("it was still running after " + stopTime.String())
	}
}

// Kill ends the daemon without giving it a chance to clean up. Use it with Options.Slack.
func (d *Daemon) Kill() {
	_ = d.cmd.Process.Kill() // It may have ended.
	<-d.done
}

// PID is the process id of the daemon.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// Log is what the daemon wrote so far.
func (d *Daemon) Log() string { return d.log.String() }

func interrupt(p *os.Process) error {
	if runtime.GOOS == "windows" {
		return p.Kill() // There is no signal to send.
	}
	return p.Signal(syscall.SIGTERM)
}

// CLI runs a command against the daemon and returns what it printed. A command that fails fails the test.
func (d *Daemon) CLI(args ...string) string {
	d.t.Helper()
	out, errText, code := d.TryCLI(args...)
	if code != 0 {
		d.t.Fatalf("mcpmux %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errText)
	}
	return out
}

// TryCLI runs a command against the daemon and returns what it printed and its exit code.
func (d *Daemon) TryCLI(args ...string) (out, errText string, code int) {
	d.t.Helper()
	return d.RunCLI("", args...)
}

// RunCLI is TryCLI with a text as standard input.
func (d *Daemon) RunCLI(stdin string, args ...string) (out, errText string, code int) {
	d.t.Helper()
	// Not t.Context: commands run in clean-up too.
	ctx, cancel := context.WithTimeout(context.Background(), cliTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(slices.Clip(d.env), "MCPMUX_DATA_DIR="+d.Dir)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return stdout.String(), stderr.String(), exit.ExitCode()
	}
	if err != nil {
		d.t.Fatalf("mcpmux %s: %v", strings.Join(args, " "), err)
	}
	return stdout.String(), stderr.String(), 0
}

// JSON runs a command with --json and decodes what it prints.
func (d *Daemon) JSON(v any, args ...string) {
	d.t.Helper()
	out := d.CLI(append([]string{"--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		d.t.Fatalf("mcpmux %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// AddServer adds a server (arguments as of `server add`, without the alias) and waits until it is connected.
func (d *Daemon) AddServer(alias string, args ...string) {
	d.t.Helper()
	d.CLI(append([]string{"server", "add", alias}, args...)...)
	d.AwaitServer(alias, "connected")
}

// AwaitServer waits until a server of the active Space is in a state.
func (d *Daemon) AwaitServer(alias, state string) {
	d.t.Helper()
	var last string
	defer func() {
		if d.t.Failed() {
			d.t.Logf("server %s: %s", alias, last)
		}
	}()
	d.Await("server "+alias+" that is "+state, func() bool {
		var server struct {
			Status struct{ State string }
		}
		out, problem, code := d.TryCLI("server", "show", alias, "--json")
		if last = out + problem; code != 0 {
			return false // it may not be there yet
		}
		if err := json.Unmarshal([]byte(out), &server); err != nil {
			d.t.Fatalf("server show --json: %v\n%s", err, last)
		}
		return server.Status.State == state
	})
}

// NewClient creates a client (flags as of `client create`) and returns its access key.
func (d *Daemon) NewClient(name string, flags ...string) (key string) {
	d.t.Helper()
	var made struct {
		AccessKey string `json:"access_key"`
	}
	d.JSON(&made, append([]string{"client", "create", name}, flags...)...)
	if !strings.HasPrefix(made.AccessKey, "mm_key_") {
		d.t.Fatalf("client create answered without an access key: %+v", made)
	}
	return made.AccessKey
}

// Get sends a GET to one of the listeners and returns status and body.
func (d *Daemon) Get(addr, path string) (status int, body string) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// logBuffer collects what a process writes while others read it.
type logBuffer struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
