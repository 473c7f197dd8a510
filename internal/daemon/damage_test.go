package daemon

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// whole is a whole daemon of this process, whose key is in a file of the test's.
type whole struct {
	*adminclient.Client
	t    *testing.T
	dir  string
	stop func()
}

// began is closed with the first line that a daemon writes for people, which it does once everything is up.
type began struct {
	once sync.Once
	c    chan struct{}
}

func (b *began) Write(p []byte) (int, error) {
	b.once.Do(func() { close(b.c) })
	return len(p), nil
}

func startWhole(t *testing.T, dir string) *whole {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	up, ended := &began{c: make(chan struct{})}, make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{DataDir: dir, GatewayAddr: "127.0.0.1:0", DashboardAddr: "127.0.0.1:0", Out: up, Log: io.Discard})
	}()
	select {
	case <-up.c:
	case err := <-ended:
		t.Fatalf("the daemon did not start: %v", err)
	}
	w := &whole{Client: adminclient.New(adminclient.SocketPath(dir)), t: t, dir: dir}
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.stop)
	return w
}

// add makes a Server of a scripted process with one secret, TOKEN.
func (w *whole) add(alias, token string) {
	w.t.Helper()
	program, env, err := mcptest.Command(mcptest.Script{})
	if err != nil {
		w.t.Fatal(err)
	}
	n := api.NewServer{Alias: alias, Definition: mcpmux.Definition{Transport: mcpmux.TransportStdio, Command: program}}
	for _, line := range env {
		name, text, _ := strings.Cut(line, "=")
		n.Values = append(n.Values, api.Value{Kind: mcpmux.ValueEnv, Name: name, Value: text})
	}
	n.Values = append(n.Values, api.Value{Kind: mcpmux.ValueEnv, Name: "TOKEN", Secret: true, Value: token})
	if _, err := w.CreateServer(w.t.Context(), "", n); err != nil {
		w.t.Fatal(err)
	}
}

// await waits until a Server is in a state, and answers its reason.
func (w *whole) await(alias string, state mcpmux.ServerState) string {
	w.t.Helper()
	limit := time.After(30 * time.Second)
	for {
		s, err := w.Server(w.t.Context(), "", alias)
		if err != nil {
			w.t.Fatal(err)
		}
		if s.Status.State == state {
			return s.Status.Reason
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-limit:
			w.t.Fatalf("%s is %s (%s), not %s", alias, s.Status.State, s.Status.Reason, state)
		}
	}
}

// token is what a Server finds in its environment.
func (w *whole) token(alias string) (string, error) {
	raw, err := w.Call(w.t.Context(), api.Call{Client: "app", Name: alias + "_env", Arguments: json.RawMessage(`{"name":"TOKEN"}`)})
	return string(raw), err
}

// sealedAt finds the blob of a Server's TOKEN in the database file: behind the columns of its row.
func sealedAt(t *testing.T, file []byte, server mcpmux.ServerID) (from, to int) {
	t.Helper()
	row := []byte(string(server) + "envTOKENTOKEN" + "mx\x01\x01")
	at := bytes.Index(file, row)
	if at < 0 || bytes.Contains(file[at+1:], row) {
		t.Fatal("the row is not in the file, or twice")
	}
	from = at + len(row) - 4
	return from, from + 4 + 60 + 28 + len("token-of-x") // header, wrapped key, nonce, tag and text
}

// Whoever can write the database cannot give one Server the secret of another, and what a failing disk does to one
// value stops one Server.
func TestDaemon_ADamagedValueStopsItsServerAlone(t *testing.T) {
	for _, c := range []struct {
		name    string
		damage  func(file []byte, a, b [2]int)
		stopped []string
		running []string
	}{
		{"one flipped bit", func(file []byte, a, _ [2]int) { file[(a[0]+a[1])/2] ^= 1 }, []string{"a"}, []string{"b", "c"}},
		{"one flipped bit of the header", func(file []byte, a, _ [2]int) { file[a[0]+3] ^= 1 }, []string{"a"}, []string{"b", "c"}},
		{"two swapped ciphertexts", func(file []byte, a, b [2]int) {
			first := bytes.Clone(file[a[0]:a[1]])
			copy(file[a[0]:a[1]], file[b[0]:b[1]])
			copy(file[b[0]:b[1]], first)
		}, []string{"a", "b"}, []string{"c"}},
	} {
		t.Run(c.name, func(t *testing.T) { testDamage(t, c.damage, c.stopped, c.running) })
	}
}

func testDamage(t *testing.T, damage func(file []byte, a, b [2]int), stopped, running []string) {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MCPMUX_MASTER_KEY_FILE", key)
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	w := startWhole(t, t.TempDir())
	if _, err := w.CreateClient(t.Context(), api.NewClient{Name: "app"}); err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]mcpmux.ServerID)
	for _, alias := range []string{"a", "b", "c"} {
		w.add(alias, "token-of-"+alias)
		w.await(alias, mcpmux.StateConnected)
		s, err := w.Server(t.Context(), "", alias)
		if err != nil {
			t.Fatal(err)
		}
		ids[alias] = s.ID
	}
	w.stop()

	path := filepath.Join(w.dir, "mcpmux.db")
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a0, a1 := sealedAt(t, file, ids["a"])
	b0, b1 := sealedAt(t, file, ids["b"])
	damage(file, [2]int{a0, a1}, [2]int{b0, b1})
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}

	w = startWhole(t, w.dir)
	for _, alias := range stopped {
		reason := w.await(alias, mcpmux.StateError)
		for _, word := range []string{`"TOKEN"`, `"` + alias + `"`, "set it again"} {
			if !strings.Contains(reason, word) {
				t.Errorf("%s: %q does not say %s", alias, reason, word)
			}
		}
		if text, err := w.token(alias); err == nil && !strings.Contains(text, "set it again") {
			t.Errorf("a call of %s: %s", alias, text)
		}
	}
	for _, alias := range running {
		w.await(alias, mcpmux.StateConnected)
		if text, err := w.token(alias); err != nil || !strings.Contains(text, "token-of-"+alias) {
			t.Errorf("%s: %s, %v", alias, text, err)
		}
	}
	if s, err := w.Secrets(t.Context()); err != nil || s.State != "unlocked" {
		t.Errorf("%+v, %v", s, err)
	}
	// A new value is all it needs, and a change of the key leaves out what does not open.
	if _, err := w.RekeySecrets(t.Context(), "keyfile", ""); err != nil {
		t.Error(err)
	}
	for _, alias := range stopped {
		put := []api.Value{{Kind: mcpmux.ValueEnv, Name: "TOKEN", Secret: true, Value: "again-" + alias}}
		if _, err := w.PatchServer(t.Context(), "", alias, api.ServerPatch{Put: put}); err != nil {
			t.Fatal(err)
		}
		w.await(alias, mcpmux.StateConnected)
		if text, err := w.token(alias); err != nil || !strings.Contains(text, "again-"+alias) {
			t.Errorf("%s, set again: %s, %v", alias, text, err)
		}
	}
}
