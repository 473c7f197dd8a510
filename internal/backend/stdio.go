package backend

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/wire"
)

const (
	// stdinGrace, termGrace: how long a process has to leave after its input is closed (MCP 2025-11-25
	// basic/lifecycle §Shutdown), and after SIGTERM, before it is killed.
	stdinGrace = time.Second
	termGrace  = 3 * time.Second

	// drainGrace is how long we read on after the process has ended: a grandchild may hold the pipe open.
	drainGrace = 500 * time.Millisecond

	// respondTimeout bounds the sending of an answer that nobody waits for.
	respondTimeout = 10 * time.Second

	// maxUnsent bounds what waits for a process that does not read its input.
	maxUnsent = 32 << 20

	// stderrLines is how many lines of standard error are kept for the error that tells of the end.
	stderrLines = 200

	maxStderrLine = 1 << 20
)

// stdio is a child process that speaks newline-delimited JSON-RPC.
type stdio struct {
	c      *Conn
	cmd    *exec.Cmd
	in     *os.File
	out    *os.File
	ended  chan struct{} // the process is gone and its output is read
	stop   sync.Once
	errors sync.WaitGroup

	// mu guards the following.
	mu     sync.Mutex
	unsent []byte
	wake   chan struct{}
	stderr []string
}

// startProcess starts the Server's process in a group of its own.
func startProcess(c *Conn) error {
	cmd, err := command(c.spec)
	if err != nil {
		return err
	}
	inR, inW, err := os.Pipe()
	if err != nil {
		return err
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		closeAll(inR, inW)
		return err
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		closeAll(inR, inW, outR, outW)
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inR, outW, errW
	ownGroup(cmd)
	err = cmd.Start()
	closeAll(inR, outW, errW)
	if err != nil {
		closeAll(inW, outR, errR)
		return &DialError{Reason: "the command " + c.spec.Command + " could not be started", Err: err}
	}
	s := &stdio{c: c, cmd: cmd, in: inW, out: outR, ended: make(chan struct{}), wake: make(chan struct{}, 1)}
	c.tr = s // before anything can arrive that wants an answer
	s.errors.Add(1)
	read := make(chan struct{})
	go s.readErrors(errR)
	go s.readOutput(read)
	go s.writeInput()
	go s.wait(errR, read)
	return nil
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		_ = f.Close() // a pipe end that was never used
	}
}

// command is the process to start: found on the PATH that it will have, with an allow-listed environment.
func command(spec Spec) (*exec.Cmd, error) {
	env := environment(os.Environ(), spec.Env)
	path, err := lookPath(spec.Command, spec.Cwd, env)
	if err != nil {
		return nil, err
	}
	if spec.Cwd != "" {
		if info, err := os.Stat(spec.Cwd); err != nil || !info.IsDir() {
			return nil, &DialError{Reason: "the working folder " + spec.Cwd + " does not exist; set another with --cwd"}
		}
	}
	cmd := &exec.Cmd{Path: path, Args: append([]string{spec.Command}, spec.Args...), Env: env, Dir: spec.Cwd}
	return cmd, nil
}

// environment is what a child sees: the names that programs need to find their way, and what its definition
// declares. The daemon's own environment may hold credentials that are none of the child's business.
func environment(own, declared []string) []string {
	var env []string
	for _, kv := range own {
		name, _, _ := strings.Cut(kv, "=")
		if allowedEnv(name) && !slices.ContainsFunc(declared, func(d string) bool { return strings.HasPrefix(d, name+"=") }) {
			env = append(env, kv)
		}
	}
	return append(env, declared...)
}

func allowedEnv(name string) bool {
	switch strings.ToUpper(name) {
	case "HOME", "PATH", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TERM", "TMPDIR", "TZ",
		"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERPROFILE", "USERNAME",
		"HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(X86)",
		"NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE":
		return true
	}
	return strings.HasPrefix(name, "LC_") || strings.HasPrefix(name, "XDG_")
}

// lookPath finds the command as the child's PATH has it.
func lookPath(command, cwd string, env []string) (string, error) {
	if strings.ContainsRune(command, os.PathSeparator) {
		path := command
		if !filepath.IsAbs(path) && cwd != "" {
			path = filepath.Join(cwd, path)
		}
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
		return "", &DialError{Reason: "there is no program " + command + "; correct the command of this server"}
	}
	for _, dir := range filepath.SplitList(lookup(env, "PATH")) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if found, err := exec.LookPath(filepath.Join(dir, command)); err == nil {
			return found, nil
		}
	}
	return "", &DialError{Reason: "the command " + command + " was not found on PATH; install it, or give the whole path of the program"}
}

func lookup(env []string, name string) string {
	for _, e := range slices.Backward(env) {
		if k, v, _ := strings.Cut(e, "="); k == name {
			return v
		}
	}
	return ""
}

// readOutput is the one reader of the process's output.
func (s *stdio) readOutput(read chan<- struct{}) {
	defer s.hungUp()
	defer close(read)
	lines := wire.NewLineReader(s.out, s.c.opt.MaxMessage)
	for {
		line, err := lines.Next()
		var long *wire.TooLongError
		switch {
		case errors.As(err, &long):
			s.c.opt.Events.Stderr("[message left out] " + err.Error())
		case err != nil:
			return
		case len(line) == 0:
		case line[0] != '{' && line[0] != '[' && line[0] != ' ' && line[0] != '\t':
			s.c.opt.Events.Stderr("[stdout] " + clip(line))
		default:
			s.c.receive(line, nil)
		}
	}
}

// readErrors keeps the tail of standard error and passes each line on.
func (s *stdio) readErrors(r *os.File) {
	defer s.errors.Done()
	lines := wire.NewLineReader(bufio.NewReader(r), maxStderrLine)
	for {
		line, err := lines.Next()
		if _, ok := errors.AsType[*wire.TooLongError](err); ok {
			continue
		}
		if err != nil {
			return
		}
		text := string(line)
		s.mu.Lock()
		if len(s.stderr) == stderrLines {
			s.stderr = append(s.stderr[:0], s.stderr[1:]...)
		}
		s.stderr = append(s.stderr, text)
		s.mu.Unlock()
		s.c.opt.Events.Stderr(text)
	}
}

// writeInput is the one writer. It takes all that waits at once; nobody who queues a message waits for the
// process to read.
func (s *stdio) writeInput() {
	for {
		select {
		case <-s.wake:
		case <-s.c.done:
			return
		}
		s.mu.Lock()
		batch := s.unsent
		s.unsent = nil
		s.mu.Unlock()
		if _, err := s.in.Write(batch); err != nil {
			s.hungUp()
			return
		}
	}
}

// hungUp ends a process that has closed its end of a pipe and yet stays: it can answer nothing any more.
// Mostly it is about to leave, and wait tells how.
func (s *stdio) hungUp() {
	if !s.within(stdinGrace) {
		_ = s.close()
	}
}

// queue appends one message as a line.
func (s *stdio) queue(raw []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.unsent)+len(raw) > maxUnsent {
		return &ClosedError{Reason: "the server does not read its input"}
	}
	s.unsent = wire.Line(s.unsent, raw)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return nil
}

// wait learns of the end of the process, the moment it happens.
func (s *stdio) wait(errR *os.File, read <-chan struct{}) {
	state, err := s.cmd.Process.Wait()
	killGroup(s.cmd.Process.Pid) // what the process left behind
	deadline := time.NewTimer(drainGrace)
	select {
	case <-read:
	case <-deadline.C:
	}
	deadline.Stop()
	_ = s.out.Close()
	<-read
	_ = errR.SetReadDeadline(time.Now().Add(drainGrace / 5))
	s.errors.Wait()
	_ = errR.Close()
	exit := s.exit(state, err)
	s.c.lost(exit)
	_ = s.in.Close()
	close(s.ended)
}

func (s *stdio) exit(state *os.ProcessState, err error) *ExitError {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &ExitError{Code: -1, Stderr: slices.Clone(s.stderr)}
	if err == nil {
		e.Code, e.Signal = state.ExitCode(), signalOf(state)
	}
	return e
}

func (s *stdio) call(ctx context.Context, p *pendingCall, raw []byte) (wire.Message, error) {
	if err := s.queue(raw); err != nil {
		return wire.Message{}, err
	}
	select {
	case m := <-p.answer:
		return m, nil
	case <-ctx.Done(): // by the caller, or by the end of the connection
	}
	return s.c.abandon(ctx, p)
}

// abandon ends the wait for an answer that nobody wants any more, and tells the Server.
func (c *Conn) abandon(ctx context.Context, p *pendingCall) (wire.Message, error) {
	select {
	case m := <-p.answer: // it came with the last breath
		return m, nil
	default:
	}
	if p.method != "initialize" { // MCP 2025-11-25 basic/utilities/cancellation: it must not be cancelled
		c.cancelled(p.id)
	}
	return wire.Message{}, ctx.Err()
}

func (s *stdio) send(_ context.Context, raw []byte) error { return s.queue(raw) }

func (s *stdio) pid() int {
	select {
	case <-s.ended:
		return 0
	default:
		return s.cmd.Process.Pid
	}
}

// close ends the process: its input is closed, then its group gets SIGTERM, then SIGKILL. It waits until all
// of the group is gone.
func (s *stdio) close() error {
	s.stop.Do(func() {
		_ = s.in.Close()
		if s.within(stdinGrace) {
			return
		}
		terminateGroup(s.cmd.Process.Pid)
		if s.within(termGrace) {
			return
		}
		killGroup(s.cmd.Process.Pid)
	})
	<-s.ended
	return nil
}

func (s *stdio) within(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.ended:
		return true
	case <-t.C:
		return false
	}
}
