package guard

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkListener is a request on a connection that is kept, with everything that stands before the handler, beside
// the same with net/http alone.
func BenchmarkListener(b *testing.B) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h := w.Header()
		h["Content-Type"] = []string{"application/json"}
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":{}}`)
	})
	run := func(b *testing.B, serve func(l *Listener) *http.Server) {
		b.Helper()
		l, err := Listen(b.Context(), Binding{Addr: "localhost:0"})
		if err != nil {
			b.Fatal(err)
		}
		srv := serve(l)
		defer func() { _ = srv.Close() }()
		addr := l.socks[0].Addr().String()
		nc, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = nc.Close() }()
		body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"be_echo","arguments":{"text":"hello"}}}`
		request := "POST /mcp HTTP/1.1\r\nHost: " + addr + "\r\nUser-Agent: bench\r\nContent-Length: 104\r\nAccept: application/json, text/event-stream\r\n" +
			"Authorization: Bearer mm_key_0123456789012345678901234567890123456789012\r\nContent-Type: application/json\r\n" +
			"Mcp-Protocol-Version: 2025-11-25\r\nMcp-Session-Id: 0123456789012345678901\r\n\r\n" + body + strings.Repeat(" ", 104-len(body))
		in := bufio.NewReader(nc)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := io.WriteString(nc, request); err != nil {
				b.Fatal(err)
			}
			if err := readAnswer(in); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("net/http", func(b *testing.B) {
		run(b, func(l *Listener) *http.Server {
			srv := &http.Server{Handler: handler, ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout}
			for _, s := range l.socks {
				go func() { _ = srv.Serve(s) }()
			}
			return srv
		})
	})
	b.Run("guarded", func(b *testing.B) {
		run(b, func(l *Listener) *http.Server {
			srv := Server(Guard(l.Config())(handler), slog.New(slog.DiscardHandler))
			go func() { _ = l.Serve(srv) }()
			return srv
		})
	})
}

// readAnswer reads one with a Content-Length of 36, without keeping anything of it.
func readAnswer(in *bufio.Reader) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			_, err := in.Discard(36)
			return err
		}
	}
}
