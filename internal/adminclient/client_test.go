package adminclient

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// daemon serves h on a socket and returns a client of it.
func daemon(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	path := filepath.Join(shortTempDir(t), socketName)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	go func() { _ = server.Serve(l) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	return New(path)
}

func TestClient_NobodyListensIsNotRunning(t *testing.T) {
	dir := shortTempDir(t)
	left := filepath.Join(dir, "left.d", socketName)
	if err := os.Mkdir(filepath.Dir(left), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: left})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	for name, path := range map[string]string{"no socket": filepath.Join(dir, socketName), "no folder": filepath.Join(dir, "x", socketName), "socket left behind": left} {
		_, err := New(path).Spaces(t.Context())
		var down *NotRunningError
		if !errors.As(err, &down) || down.Socket != path {
			t.Errorf("%s: %v, want *NotRunningError", name, err)
		}
	}
}

func TestClient_RefusalIsTheDaemonsError(t *testing.T) {
	c := daemon(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusConflict)
		_, _ = w.Write([]byte(`{"error":{"code":"conflict","message":"there is a Space Work already"}}`))
	})
	_, err := c.CreateSpace(t.Context(), api.NewSpace{Name: "Work"})
	var e *mcpmux.Error
	if !errors.As(err, &e) || e.Code != mcpmux.CodeConflict || e.Message != "there is a Space Work already" {
		t.Errorf("error is %#v", err)
	}
}

func TestClient_AnswerThatIsNoErrorResourceIsInternal(t *testing.T) {
	c := daemon(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) })
	if _, err := c.Spaces(t.Context()); mcpmux.CodeOf(err) != mcpmux.CodeInternal || !strings.Contains(err.Error(), "502") {
		t.Errorf("error is %v", err)
	}
}

func TestClient_DaemonThatDiesIsUnavailableNotAbsent(t *testing.T) {
	c := daemon(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := c.CreateSpace(t.Context(), api.NewSpace{Name: "Work"}); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable {
		t.Errorf("error is %v", err)
	}
}

func TestClient_CancelledRequestSaysSo(t *testing.T) {
	c := daemon(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Spaces(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func TestCall_ResultArrivesByteForByte(t *testing.T) {
	const result = `{ "content": [],  "x": 12345678901234567890, "h": "<b>" }`
	c := daemon(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(result)) })
	got, err := c.Call(t.Context(), api.Call{Name: "t", Arguments: json.RawMessage(`{}`)})
	if err != nil || string(got) != result {
		t.Errorf("result %s, %v; want %s", got, err, result)
	}
}

func TestEvents_LinesOfOneEventAreJoined(t *testing.T) {
	stream := ": sign of life\n\nevent: a\ndata: 1\ndata:2\r\n\r\nid: 7\n\ndata: last, cut off"
	var got []string
	err := events(strings.NewReader(stream), func(name string, data []byte) error {
		got = append(got, name+"="+string(data))
		return nil
	})
	if err != nil || len(got) != 1 || got[0] != "a=1\n2" {
		t.Errorf("events %q, %v", got, err)
	}
}
