package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"sync"
	"testing"
)

// overSSE serves a stdio server over HTTP+SSE (MCP 2024-11-05 basic/transports): each event stream has a process
// of its own, what is posted is its input, its output the stream.
func overSSE(t *testing.T, program string, args ...string) string {
	t.Helper()
	f := &sseFixture{t: t, program: program, args: args, in: make(map[string]io.Writer)}
	srv := httptest.NewServer(f)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return srv.URL + "/sse"
}

type sseFixture struct {
	t       *testing.T
	program string
	args    []string

	// mu guards the following.
	mu sync.Mutex
	in map[string]io.Writer
}

func (f *sseFixture) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		f.stream(w, r)
	case http.MethodPost:
		f.post(w, r)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (f *sseFixture) stream(w http.ResponseWriter, r *http.Request) {
	cmd := exec.CommandContext(r.Context(), f.program, f.args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		f.t.Error(err)
		return
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		f.t.Error(err)
		return
	}
	if err := cmd.Start(); err != nil {
		f.t.Error(err)
		return
	}
	defer func() { _ = cmd.Wait() }() // It is killed with the request.
	f.mu.Lock()
	id := strconv.Itoa(len(f.in) + 1)
	f.in[id] = in
	f.mu.Unlock()
	rc := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = fmt.Fprintf(w, "event: endpoint\ndata: /messages?id=%s\n\n", id)
	_ = rc.Flush()
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		if _, err := fmt.Fprintf(w, "event: message\ndata: %s\n", line); err != nil {
			return
		}
		_ = rc.Flush()
	}
}

func (f *sseFixture) post(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	in := f.in[r.URL.Query().Get("id")]
	if err != nil || in == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_, _ = in.Write(append(body, '\n')) // A process that is gone has ended its stream too.
	w.WriteHeader(http.StatusAccepted)
}
