package mcptest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/mcpmux/mcpmux/internal/wire"
)

const maxLine = 64 << 20

// Main is the scripted server as a process: it reads its script from the environment, serves standard input
// and output, or HTTP where the script says so, and returns the exit code.
func Main() int {
	var script Script
	if err := json.Unmarshal([]byte(os.Getenv(scriptVar)), &script); err != nil {
		_, _ = os.Stderr.WriteString("mcptest: " + err.Error() + "\n")
		return 2
	}
	if script.Starts != "" {
		f, err := os.OpenFile(script.Starts, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return 2
		}
		_, _ = f.WriteString("x") // The test that counts will miss it.
		_ = f.Close()
	}
	if script.IgnoreTerm {
		signal.Ignore(syscall.SIGTERM)
	}
	if script.JunkAtStart {
		_, _ = os.Stdout.WriteString("mcptest 1.0 is starting ...\n\n{no message\n\"neither\"\n") // The reader has gone.
	}
	<-time.After(script.StartDelay)
	if script.Listen != "" {
		return listenAndServe(script)
	}
	New(script).Serve(context.Background(), os.Stdin, os.Stdout)
	if script.IgnoreStdinEnd {
		select {}
	}
	return 0
}

// listenAndServe serves HTTP until the process is ended. Where standard input is a pipe, its end is the end, too:
// the server does not outlive the test that started it.
func listenAndServe(script Script) int {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", script.Listen)
	if err != nil {
		_, _ = os.Stderr.WriteString("mcptest: " + err.Error() + "\n")
		return 2
	}
	s := New(script)
	srv := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	if in, err := os.Stdin.Stat(); err == nil && in.Mode()&os.ModeNamedPipe != 0 {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin) // However it ends.
			_ = srv.Close()
		}()
	}
	_, _ = os.Stderr.WriteString("http://" + l.Addr().String() + "/mcp\n")
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return 1
	}
	return 0
}

// Serve serves one client over a pair of pipes until in ends.
func (s *Server) Serve(ctx context.Context, in io.Reader, out io.Writer) {
	var mu sync.Mutex
	c := s.newPipe(ctx, func(raw []byte) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = out.Write(wire.Line(nil, raw)) // The reader has gone: so will the input.
	})
	defer c.close()
	lines := wire.NewLineReader(in, maxLine)
	for {
		line, err := lines.Next()
		if err != nil {
			return
		}
		c.receive(bytes.Clone(line))
	}
}

// pipe is one client whose messages all come the same way.
type pipe struct {
	s      *Server
	p      *peer
	write  func([]byte)
	closed func()

	mu    sync.Mutex // guards over, and tasks against new ones
	over  bool
	tasks sync.WaitGroup
}

func (s *Server) newPipe(ctx context.Context, write func([]byte)) *pipe {
	c := &pipe{s: s, p: s.newPeer(ctx), write: write, closed: func() {}}
	if s.script.legacy() {
		c.closed = s.open(stream{send: write})
		s.attach(c.p, write)
	}
	return c
}

func (c *pipe) close() {
	c.s.forget(c.p)
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	c.tasks.Wait()
	c.closed()
}

// receive takes one message, or a batch where the revision has them. Requests run beside each other.
func (c *pipe) receive(raw []byte) {
	s := c.s
	var requests []wire.Message
	if wire.IsBatch(raw) && s.takesBatches(c.p) {
		requests = s.takeRest(c.p, elements(raw))
	} else if m, err := wire.Parse(raw); err == nil {
		requests = s.takeRest(c.p, []wire.Message{m}) // In order: a cancellation follows its request.
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(requests) == 0 || c.over {
		return
	}
	c.tasks.Go(func() { s.takeAll(c.p.ctx, c.p, requests, via{out: c.write}) })
}
