package mcptest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

const maxLine = 64 << 20

// serveStdio serves until the input ends.
func serveStdio(script Script) error {
	s := New(script)
	sess := newSession("stdio")
	s.sessions[sess.id] = sess
	var mu sync.Mutex
	write := func(raw []byte) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = os.Stdout.Write(wire.Line(nil, raw)) // the client is gone where this fails
	}
	if script.Era != Modern {
		sess.add(&stream{write: write})
	}
	misbehave(script, write)
	lines := wire.NewLineReader(os.Stdin, maxLine)
	for requests := 0; ; {
		line, err := lines.Next()
		switch {
		case errors.Is(err, io.EOF):
			if script.IgnoreEnd {
				stay()
			}
			return nil
		case err != nil:
			return err
		}
		m, err := wire.Parse(bytes.Clone(line))
		if err != nil {
			write(wire.NewError(nil, wire.CodeParse, err.Error(), nil))
			continue
		}
		s.note(m, nil)
		switch m.Kind {
		case wire.Notification:
			sess.notification(m)
			s.initialized(sess, m, write)
		case wire.Request:
			requests++
			s.exitWhere(m, requests)
			s.startStdio(sess, m, write)
		default:
			sess.response(m)
		}
	}
}

// misbehave does what the script has before anything else.
func misbehave(script Script, write func([]byte)) {
	if script.IgnoreEnd {
		signal.Ignore(syscall.SIGTERM)
	}
	if script.LastWords != "" {
		fmt.Fprintln(os.Stderr, script.LastWords)
	}
	if script.JunkOnStdout {
		write([]byte("Server listening on stdio"))
		write([]byte(""))
		write([]byte(`{"level":"info"}`))
		write([]byte(`{"broken`))
		write([]byte(`[1,2]`))
	}
	if script.LongLine > 0 {
		write([]byte(`{"jsonrpc":"2.0","method":"` + strings.Repeat("x", script.LongLine) + `"}`))
	}
	if script.AskAtStart {
		write([]byte(`{"jsonrpc":"2.0","id":"early","method":"roots/list"}`))
	}
}

func (s *Server) initialized(_ *session, m wire.Message, write func([]byte)) {
	if m.Method != "notifications/initialized" {
		return
	}
	if s.script.AskOnceReady {
		write([]byte(`{"jsonrpc":"2.0","id":"ready","method":"roots/list"}`))
	}
	if s.script.DeafInput {
		_ = os.Stdin.Close() // what follows is written to nobody
		stay()
	}
}

// exitWhere ends the process where the script says so.
func (s *Server) exitWhere(m wire.Message, requests int) {
	if s.script.Era == Legacy && s.script.Probe == "exit" && m.Method != "initialize" && requests == 1 {
		fmt.Fprintln(os.Stderr, "expected initialize")
		os.Exit(1)
	}
	if s.script.CrashAfter > 0 && requests > s.script.CrashAfter {
		fmt.Fprintln(os.Stderr, "that was enough")
		os.Exit(7)
	}
}

func (s *Server) startStdio(sess *session, m wire.Message, write func([]byte)) {
	ctx, end := sess.begin(context.Background(), m)
	x := &exchange{srv: s, sess: sess, m: m, write: write, hang: func() {}, stdio: true}
	go func() {
		defer end()
		if m.Method == "subscriptions/listen" && s.script.Era != Legacy {
			s.listen(ctx, x)
			return
		}
		x.serve(ctx)
	}()
}

// listen serves subscriptions/listen until it is cancelled.
func (s *Server) listen(ctx context.Context, x *exchange) {
	if s.script.SilentListen {
		<-ctx.Done()
		return
	}
	st := &stream{write: x.write, listen: x.m.Bytes(x.m.ID), uris: subscribed(x.m)}
	filter := []byte(`{}`)
	var found [1]wire.Span
	if wire.Find(x.m.Raw, x.m.Params, []string{"notifications"}, found[:]) == nil && found[0].OK() {
		filter = x.m.Bytes(found[0])
	}
	x.write(wire.NewNotification("notifications/subscriptions/acknowledged",
		[]byte(`{"_meta":{"`+protocol.MetaSubscription+`":`+string(st.listen)+`},"notifications":`+string(filter)+`}`)))
	remove := x.sess.add(st)
	<-ctx.Done()
	remove()
	s.noteName("listen ended", x.m.Raw, nil)
}

// subscribed are the resources that a listen request names.
func subscribed(m wire.Message) map[string]bool {
	uris := make(map[string]bool)
	var found [1]wire.Span
	if wire.Find(m.Raw, m.Params, []string{"notifications"}, found[:]) != nil || !found[0].OK() {
		return uris
	}
	if wire.Find(m.Raw, found[0], []string{"resourceSubscriptions"}, found[:]) != nil || !found[0].OK() {
		return uris
	}
	for e := range wire.Elements(m.Raw, found[0]) {
		if u, ok := wire.String(m.Raw, e); ok {
			uris[u] = true
		}
	}
	return uris
}
