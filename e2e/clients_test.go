package e2e

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"e2e","version":"1"}}}`

// A generated key works; the same key with one other character does not.
func TestClients_AKeyWorksAndOneOtherCharacterDoesNot(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	key := d.NewClient("a")
	if r := d.MCP(key).Post(initialize); r.Status != http.StatusOK {
		t.Fatalf("status %d: %s", r.Status, r.Body)
	}
	for _, at := range []int{len("mm_key_"), len(key) / 2, len(key) - 1} {
		wrong := []byte(key)
		wrong[at] = 'A' + (wrong[at]+1)%25
		if string(wrong) == key {
			wrong[at]++
		}
		if r := d.MCP(string(wrong)).Post(initialize); r.Status != http.StatusUnauthorized {
			t.Errorf("character %d changed: status %d, want 401", at, r.Status)
		}
	}
}

// A key is shown once: afterwards no command tells it, and its bytes are nowhere in the data folder.
func TestClients_AKeyIsShownOnceAndItsBytesAreNowhereInTheDataFolder(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	key := []byte(d.NewClient("a"))
	d.Session(string(key)).Tools()
	secret := key[len("mm_key_"):]
	for _, args := range [][]string{{"client", "show", "a", "--json"}, {"client", "list", "--json"}, {"client", "key", "list", "a", "--json"}, {"audit", "--json"}, {"status", "--json"}} {
		if out := d.CLI(args...); bytes.Contains([]byte(out), secret) {
			t.Errorf("%v tells the key", args)
		}
	}
	search := func() {
		t.Helper()
		err := filepath.WalkDir(d.Dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			if bytes.Contains(text, secret) {
				t.Errorf("the key is in %s", e.Name())
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	search()
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	search()
	if bytes.Contains([]byte(d.Log()), secret) {
		t.Error("the key is in the log")
	}
}

// Revoking a key makes the very next request 401 and ends the client's open stream.
func TestClients_RevokedKeyIsDeadAtOnceAndItsStreamEnds(t *testing.T) {
	t.Parallel()
	dies(t, "client", "key", "revoke", "a")
}

// Removing a client makes its key dead at once.
func TestClients_RemovedClientIsDeadAtOnceAndItsStreamEnds(t *testing.T) {
	t.Parallel()
	dies(t, "client", "remove", "a")
}

// A client that was denied is dead at once.
func TestClients_DeniedClientIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	m := d.Session(d.NewClient("a"))
	d.CLI("client", "deny", "a")
	if r := m.Legacy("tools/list", `{}`); r.Status != http.StatusForbidden && r.Status != http.StatusUnauthorized {
		t.Errorf("status %d, want 401 or 403", r.Status)
	}
}

func dies(t *testing.T, command ...string) {
	t.Helper()
	d := Start(t, Options{})
	m, other := d.Session(d.NewClient("a")), d.Session(d.NewClient("b"))
	stream := m.Listen()
	d.CLI(command...)
	if r := m.Legacy("tools/list", `{}`); r.Status != http.StatusUnauthorized {
		t.Errorf("status %d, want 401", r.Status)
	}
	ended(t, stream)
	other.Legacy("tools/list", `{}`).Result(t)
}

func ended(t *testing.T, stream <-chan json.RawMessage) {
	t.Helper()
	endedWithin(t, stream, soon)
}

func endedWithin(t *testing.T, stream <-chan json.RawMessage, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case _, ok := <-stream:
			if !ok {
				return
			}
		case <-timer.C:
			t.Fatalf("the stream is open after %s", d)
		}
	}
}

// A key with an expiry stops working at that time, for what is already open too: its stream ends by itself.
func TestClients_AnExpiringKeyStopsWorking(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	m := d.Session(d.NewClient("a", "--expires", "3s"))
	made := time.Now()
	m.Legacy("tools/list", `{}`).Result(t)
	stream := m.Listen()
	endedWithin(t, stream, 3*time.Second+soon)
	eventually(t, 6*time.Second, "401", func() bool { return m.Legacy("tools/list", `{}`).Status == http.StatusUnauthorized })
	if after := time.Since(made); after < 1500*time.Millisecond {
		t.Errorf("it stopped working after %s", after)
	}
}

// A key that was rotated with a grace works beside its successor until that is over, and then its stream ends; without
// one it is dead at once.
func TestClients_ARotatedKeyWorksForItsGrace(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	rotate := func(args ...string) string {
		t.Helper()
		var made struct {
			Secret string `json:"access_key"`
		}
		d.JSON(&made, append([]string{"client", "key", "rotate", "a"}, args...)...)
		return made.Secret
	}
	first := d.Session(d.NewClient("a"))
	old := first.Listen()
	second := d.Session(rotate("--grace", "3s", "--label", "laptop"))
	first.Legacy("tools/list", `{}`).Result(t)
	stream := second.Listen()
	endedWithin(t, old, 3*time.Second+soon)
	if r := first.Legacy("tools/list", `{}`); r.Status != http.StatusUnauthorized {
		t.Errorf("after its grace: status %d, want 401", r.Status)
	}
	second.Legacy("tools/list", `{}`).Result(t)
	var keys []struct {
		ID       string     `json:"id"`
		Label    string     `json:"label"`
		LastUsed *time.Time `json:"last_used"`
		Expires  *time.Time `json:"expires_at"`
	}
	current := ""
	eventually(t, 20*time.Second, "last_used", func() bool {
		d.JSON(&keys, "client", "key", "list", "a")
		for _, k := range keys {
			if k.Label == "laptop" && k.Expires == nil && k.LastUsed != nil {
				current = k.ID
			}
		}
		return current != ""
	})
	rotate(current)
	ended(t, stream)
	if r := second.Legacy("tools/list", `{}`); r.Status != http.StatusUnauthorized {
		t.Errorf("rotated without a grace: status %d, want 401", r.Status)
	}
}

// Last-seen tells of traffic.
func TestClients_LastSeenAdvancesWithTraffic(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	key := d.NewClient("a")
	seen := func() *time.Time {
		var c struct {
			LastSeen *time.Time `json:"last_seen"`
		}
		d.JSON(&c, "client", "show", "a")
		return c.LastSeen
	}
	if at := seen(); at != nil {
		t.Errorf("seen at %s before it came", at)
	}
	m := d.Session(key)
	eventually(t, 15*time.Second, "last_seen", func() bool {
		m.Legacy("ping", `{}`)
		at := seen()
		return at != nil && time.Since(*at) < time.Minute
	})
}

// A session id issued to one client is of no use with another's key.
func TestClients_ASessionOfAnotherClientIsUnknown(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	a, b := d.Session(d.NewClient("a")), d.MCP(d.NewClient("b"))
	d.AddScripted("s", mcptest.Script{})
	b.session, b.version = a.session, a.version
	if r := b.Legacy("tools/list", `{}`); r.Status != http.StatusNotFound && r.Status != http.StatusForbidden {
		t.Errorf("status %d, want 404 or 403", r.Status)
	}
}
