package mcptest

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

const maxLine = 64 << 20

// Main is the scripted server as a process: it reads its script from the environment, serves standard input
// and output, and returns the exit code.
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
	<-time.After(script.StartDelay)
	if script.Listen != "" {
		return New(script).listenAndServe(context.Background())
	}
	if script.JunkAtStart {
		_, _ = os.Stdout.WriteString(junk) // The reader has gone: so will the input.
	}
	New(script).Serve(context.Background(), os.Stdin, os.Stdout)
	if script.IgnoreStdinEnd {
		select {}
	}
	return 0
}

// Serve serves one client over a pair of pipes until in ends.
func (s *Server) Serve(ctx context.Context, in io.Reader, out io.Writer) {
	var (
		mu    sync.Mutex
		tasks sync.WaitGroup
	)
	ctx, cancel := context.WithCancel(ctx)
	defer tasks.Wait()
	defer cancel()
	write := func(raw []byte) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = out.Write(wire.Line(nil, raw)) // The reader has gone: so will the input.
	}
	if s.script.legacy() {
		defer s.open(stream{send: write})()
	}
	lines := wire.NewLineReader(in, maxLine)
	for {
		line, err := lines.Next()
		if err != nil {
			return
		}
		line = append([]byte(nil), line...)
		if s.batches("", line) {
			tasks.Go(func() {
				if reply := s.batch(ctx, "", line, write); reply != nil {
					write(reply)
				}
			})
			continue
		}
		m, err := wire.Parse(line)
		if err != nil {
			continue
		}
		if m.Kind != wire.Request {
			s.take(ctx, "", m, write) // In order: a cancellation follows its request.
			continue
		}
		if s.script.strict() && !s.script.legacy() {
			if f := s.admit(nil, m); f != nil {
				write(f.reply(m))
				continue
			}
		}
		tasks.Go(func() {
			if m.Method == "subscriptions/listen" {
				s.listen(ctx, m, write)
				return
			}
			if reply := s.take(ctx, "", m, write); reply != nil {
				write(reply)
			}
		})
	}
}

// listen serves a subscriptions/listen request until it is cancelled.
func (s *Server) listen(ctx context.Context, m wire.Message, write func([]byte)) {
	id := string(m.Bytes(m.ID))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.note(func() {
		s.counts[m.Method]++
		s.running["/"+id] = cancel
	})
	defer s.note(func() { delete(s.running, "/"+id) })
	meta := `{"` + protocol.MetaSubscription + `":` + id + `}`
	var found [1]wire.Span
	wanted := "{}"
	if wire.Find(m.Raw, m.Params, []string{"notifications"}, found[:]) == nil && found[0].OK() {
		wanted = string(m.Bytes(found[0]))
	}
	var f filter
	_ = json.Unmarshal([]byte(wanted), &f) // A malformed one wants nothing.
	defer s.open(stream{send: write, meta: meta, filter: f})()
	write(wire.NewNotification("notifications/subscriptions/acknowledged", []byte(`{"_meta":`+meta+`,"notifications":`+wanted+`}`)))
	<-ctx.Done()
}
