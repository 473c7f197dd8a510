package e2e

import (
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// everythingClient is the client by the Go SDK that does what the scenarios of the client role say.
const everythingClient = "github.com/modelcontextprotocol/go-sdk/conformance/everything-client"

// further are scenarios that no revision requires and that are passed all the same.
//
//nolint:gochecknoglobals // constant table
var further = map[string]bool{
	"auth/client-credentials-jwt": true, "auth/client-credentials-basic": true, "json-schema-2020-12-preservation": true,
}

// missesClient are those that are not, and why. All are extensions that no revision requires.
//
//nolint:gochecknoglobals // constant table
var missesClient = map[string]string{
	"auth/enterprise-managed-authorization": "McpMux has no identity provider of its own whose tokens it could exchange",
	"auth/wif-jwt-bearer":                   "McpMux is not given tokens of a workload",
	"auth/dpop":                             "tokens are not bound to a key (RFC 9449)",
	"auth/dpop-nonce":                       "as auth/dpop",
}

// TestConformanceClient runs the suite's client role through the gateway: the suite plays servers and
// authorization servers, good ones and bad ones, and sees what the gateway sends (see e2e/clientdriver).
func TestConformanceClient(t *testing.T) {
	dir := t.TempDir()
	driver, client := filepath.Join(dir, "clientdriver"+exeSuffix()), filepath.Join(dir, "client"+exeSuffix())
	for out, pkg := range map[string]string{driver: "./clientdriver", client: everythingClient} {
		if text, err := exec.Command("go", "build", "-o", out, pkg).CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", pkg, err, text)
		}
	}
	env := []string{"MCPMUX_PROGRAM=" + program, "MCPMUX_SDK_CLIENT=" + client, "MCPMUX_TURNS=" + turns(t, min(2, runtime.GOMAXPROCS(0)))}
	for _, c := range []struct {
		name   string
		flags  []string
		scored int
		others int // that are run beside those, and are in one of the tables
	}{
		{"2025-11-25", []string{"--requirements", "2025-11-25"}, 18, len(further) + len(missesClient)},
		{"2026-07-28", []string{"--requirements", "2026-07-28"}, 32, len(further) + len(missesClient)},
		{"back-compatibility", []string{"--suite", "backcompat"}, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			scored, others := 0, 0
			// The time that a driver waits for its turn counts for the suite.
			for _, r := range runRole(t, "", env, append([]string{"client", "--command", driver, "--timeout", "600000"}, c.flags...)...) {
				t.Log(r)
				checkClient(t, r)
				if r.unscored {
					others++
				} else {
					scored++
				}
			}
			if scored != c.scored || others != c.others {
				t.Errorf("%d required scenarios were run and %d others, want %d and %d", scored, others, c.scored, c.others)
			}
		})
	}
}

// checkClient holds how a scenario went against the tables. Some of the suite's pass where nothing was checked.
func checkClient(t *testing.T, r scenario) {
	t.Helper()
	passed := r.ok && r.failed == 0 && r.passed > 0
	switch reason, miss := missesClient[r.name]; {
	case miss && passed:
		t.Errorf("scenario %s passed, which the table says it cannot (%s): correct the table", r.name, reason)
	case r.unscored && !miss && !further[r.name]:
		t.Errorf("scenario %s is in no table", r.name)
	case !miss && !passed:
		t.Errorf("scenario %s failed with %d checks passed:\n%s", r.name, r.passed, r.why)
	}
}

// turns lets so many drivers work at a time as are given. The suite starts all scenarios at once, each of which has
// a daemon: together they would keep each other, and the suite's servers, from answering in time. A driver's turn
// begins with a byte on its connection to the address, and ends with the connection.
func turns(t *testing.T, at int) (address string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range at {
		all.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return // closed below
				}
				if _, err := c.Write([]byte{0}); err == nil {
					_, _ = io.Copy(io.Discard, c) // until it is closed, be it by the end of the driver
				}
				_ = c.Close()
			}
		})
	}
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return l.Addr().String()
}
