package supervisor

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// These tests have real processes and real time.

const canary = "s3cret-canary"

func (w *world) installFixture(t *testing.T, alias, mode string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w.install(alias, stdioDefinition(exe),
		value(mcpmux.ValueEnv, fixtureVar, mode, false),
		value(mcpmux.ValueInput, "KEY", canary, true),
		value(mcpmux.ValueEnv, "TOOL", alias+"-tool", false))
}

func processWorld(t *testing.T) *world {
	t.Helper()
	return newWorld(t, func(c *Config) {
		c.Options.Capabilities = `{}`
		c.Options.ClientInfo = []byte(`{"name":"test","version":"1"}`)
		c.LogDir = t.TempDir()
	})
}

func TestSupervisor_KilledProcessComesBack(t *testing.T) {
	w := processWorld(t)
	w.installFixture(t, "a", "serve")
	w.Start()
	st := w.await("a", mcpmux.StateConnected)
	if got := w.names("a"); !slices.Equal(got, []string{"tool a-tool"}) {
		t.Errorf("offers %q", got)
	}
	p, err := os.FindProcess(st.PID)
	if err != nil || st.PID == 0 {
		t.Fatalf("process %d: %v", st.PID, err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	gone := w.await("a", mcpmux.StateConnecting)
	if gone.Reason == "" {
		t.Error("no reason is shown for the reconnect")
	}
	if back := w.await("a", mcpmux.StateConnected); back.PID == st.PID || back.PID == 0 {
		t.Errorf("process %d, want another than %d", back.PID, st.PID)
	}
}

func TestSupervisor_CrashingProcessShowsItsStandardError(t *testing.T) {
	w := processWorld(t)
	w.installFixture(t, "a", "crash")
	w.installFixture(t, "b", "serve")
	w.Start()
	for st := w.Status("a"); st.Attempts < 2; st = w.Status("a") {
		<-w.changed
	}
	st := w.Status("a")
	if len(st.Stderr) != 1 || !strings.Contains(st.Stderr[0], "cannot find module 'left-pad'") {
		t.Errorf("stderr %q of status %+v", st.Stderr, st)
	}
	w.await("b", mcpmux.StateConnected)
	var text strings.Builder
	fmt.Fprint(&text, w.Statuses(), w.Logs("a", -1), w.Logs("b", -1))
	if strings.Contains(text.String(), canary) {
		t.Errorf("a secret in %s", text.String())
	}
	for _, want := range []string{"serving with key [redacted]", "key is [redacted]"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no line %q in %s", want, text.String())
		}
	}
}
