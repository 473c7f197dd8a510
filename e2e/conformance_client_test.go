package e2e

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// everythingClient is the client by the Go SDK that does what the scenarios of the client role say.
const everythingClient = "github.com/modelcontextprotocol/go-sdk/conformance/everything-client"

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
	env := []string{"MCPMUX_PROGRAM=" + program, "MCPMUX_SDK_CLIENT=" + client}
	for _, c := range []struct {
		name   string
		flags  []string
		scored int
		// further are scenarios that are not scored and pass all the same.
		further []string
	}{
		{"2025-11-25", []string{"--requirements", "2025-11-25"}, 18, []string{"auth/client-credentials-jwt", "auth/client-credentials-basic", "json-schema-2020-12-preservation"}},
		{"2026-07-28", []string{"--requirements", "2026-07-28"}, 32, []string{"auth/client-credentials-jwt", "auth/client-credentials-basic", "json-schema-2020-12-preservation"}},
		{"back-compatibility", []string{"--suite", "backcompat"}, 2, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			scored, further := 0, 0
			for _, r := range runRole(t, "", env, append([]string{"client", "--command", driver}, c.flags...)...) {
				t.Log(r)
				must := !r.unscored || slices.Contains(c.further, r.name)
				if must && (!r.ok || r.failed > 0) {
					t.Errorf("scenario %s failed:\n%s", r.name, r.why)
				}
				if !r.unscored {
					scored++
				} else if must {
					further++
				}
			}
			if scored != c.scored || further != len(c.further) {
				t.Errorf("%d required scenarios were run and %d others, want %d and %d", scored, further, c.scored, len(c.further))
			}
		})
	}
}
