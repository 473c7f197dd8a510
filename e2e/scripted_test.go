package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// soon bounds what the product promises to tell its clients at once.
const soon = 2 * time.Second

// AddScripted adds a scripted server inside the test, reached over HTTP, and waits until it is connected.
func (d *Daemon) AddScripted(alias string, script mcptest.Script, flags ...string) *mcptest.Server {
	d.t.Helper()
	s, url := scripted(d.t, script)
	d.AddServer(alias, append(flags, url)...)
	return s
}

// scripted serves a scripted server over HTTP until the test ends.
func scripted(t *testing.T, script mcptest.Script) (*mcptest.Server, string) {
	t.Helper()
	s := mcptest.New(script)
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Release()
		h.CloseClientConnections()
		h.Close()
	})
	return s, h.URL + "/mcp"
}

// process is what to give to `server add` for a scripted server as a process.
func process(t *testing.T, script mcptest.Script, flags ...string) []string {
	t.Helper()
	program, env, err := mcptest.Command(script)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range env {
		flags = append(flags, "--env", e)
	}
	return append(flags, "--", program)
}

// Session is a client with an open legacy session without capabilities.
func (d *Daemon) Session(key string) *MCP {
	d.t.Helper()
	m := d.MCP(key)
	m.Open(`{}`)
	return m
}

// Tools are the names in the session's tools/list, over all pages.
func (m *MCP) Tools() []string {
	m.t.Helper()
	return m.Names("tools/list")
}

// Names are the names (or URIs) in a list, over all pages.
func (m *MCP) Names(method string) []string {
	m.t.Helper()
	var all []string
	params := `{}`
	for {
		var page map[string]json.RawMessage
		raw := m.Legacy(method, params).Result(m.t)
		if err := json.Unmarshal(raw, &page); err != nil {
			m.t.Fatal(err)
		}
		for _, member := range []string{"tools", "prompts", "resources", "resourceTemplates"} {
			var items []struct{ Name, URI, URITemplate string }
			_ = json.Unmarshal(page[member], &items) // One of them is there.
			for _, it := range items {
				switch member {
				case "resources":
					all = append(all, it.URI)
				case "resourceTemplates":
					all = append(all, it.URITemplate)
				default:
					all = append(all, it.Name)
				}
			}
		}
		var cursor string
		if json.Unmarshal(page["nextCursor"], &cursor) != nil {
			return all
		}
		params = fmt.Sprintf(`{"cursor":%q}`, cursor)
	}
}

// Call calls a tool; args is a JSON object.
func (m *MCP) Call(name, args string) *Reply {
	m.t.Helper()
	return m.Legacy("tools/call", fmt.Sprintf(`{"name":%q,"arguments":%s}`, name, args))
}

// CallText calls a tool and returns the text of its result.
func (m *MCP) CallText(name, args string) string {
	m.t.Helper()
	return resultText(m.t, m.Call(name, args).Result(m.t))
}

func resultText(t *testing.T, result json.RawMessage) string {
	t.Helper()
	var r struct{ Content []struct{ Text string } }
	if err := json.Unmarshal(result, &r); err != nil || len(r.Content) != 1 {
		t.Fatalf("want one text (%v): %s", err, result)
	}
	return r.Content[0].Text
}

// hidden checks that a request is answered as for a name that was never heard of: the same code, and the same
// message but for the name.
func hidden(t *testing.T, m *MCP, method, params, name string) {
	t.Helper()
	const never = "never-heard-of"
	got := m.Legacy(method, params).Last(t)
	want := m.Legacy(method, strings.ReplaceAll(params, name, never)).Last(t)
	if got.Error == nil || want.Error == nil {
		t.Errorf("%s %s: got %s, want an error", method, params, got.Result)
		return
	}
	if got.Error.Code != want.Error.Code || strings.ReplaceAll(got.Error.Message, name, never) != want.Error.Message ||
		strings.ReplaceAll(string(got.Error.Data), name, never) != string(want.Error.Data) {
		t.Errorf("%s %s: got %+v; an unknown name gets %+v", method, params, *got.Error, *want.Error)
	}
}

// within waits for a message of a method.
func within(t *testing.T, d time.Duration, messages <-chan json.RawMessage, method string) json.RawMessage {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case raw, ok := <-messages:
			if !ok {
				t.Fatalf("the stream ended while the test waited for %s", method)
			}
			var m response
			if json.Unmarshal(raw, &m) == nil && m.Method == method {
				return raw
			}
		case <-timer.C:
			t.Fatalf("no %s within %s", method, d)
		}
	}
}

// drain takes what has come so far.
func drain(messages <-chan json.RawMessage) (taken []json.RawMessage) {
	for {
		select {
		case raw, ok := <-messages:
			if !ok {
				return taken
			}
			taken = append(taken, raw)
		default:
			return taken
		}
	}
}

// awaitScripted waits until a scripted server tells what is wanted.
func awaitScripted(t *testing.T, s *mcptest.Server, d time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if !s.Await(ctx, ok) {
		t.Fatalf("no %s within %s", what, d)
	}
}

// eventually asks until ok holds, for at most d.
func eventually(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(d)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within %s", what, d)
		}
		<-tick.C
	}
}

// later runs f beside the test, which waits for its result before it ends.
func later[T any](t *testing.T, f func() T) <-chan T {
	t.Helper()
	c := make(chan T, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c <- f()
	}()
	t.Cleanup(func() { <-done })
	return c
}

// Admin asks the admin API over the control socket.
func (d *Daemon) Admin(method, path, body string) (status int, answer string) {
	d.t.Helper()
	client := d.control()
	req, err := http.NewRequestWithContext(d.t.Context(), method, "http://localhost/api/v1"+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
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

// control is a client of the control socket.
func (d *Daemon) control() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", d.Dir+"/control.sock")
	}}}
}

// serverStatus is the live state of a server, as `server show` tells it.
type serverStatus struct {
	State       string
	Reason      string
	Stderr      []string
	PID         int
	Connections int
}

func (d *Daemon) serverStatus(alias string) serverStatus {
	d.t.Helper()
	var s struct{ Status serverStatus }
	d.JSON(&s, "server", "show", alias)
	return s.Status
}

// alive says whether there is a process.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	return err == nil && p.Signal(syscall.Signal(0)) == nil
}
