package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// everythingServer is the server by the Go SDK that the conformance suite is made for. It is built from the
// module cache; the product has nothing of it.
const everythingServer = "github.com/modelcontextprotocol/go-sdk/conformance/everything-server"

// TestConformance_Legacy runs the suite of MCP 2025-11-25 through the gateway.
func TestConformance_Legacy(t *testing.T) { conformance(t, legacyVersion, 30) }

// TestConformance_Modern runs the suite of MCP 2026-07-28 through the gateway.
func TestConformance_Modern(t *testing.T) { conformance(t, modernVersion, 37) }

// conformance runs the scenarios that a revision requires of a server against the gateway's transparent
// endpoint of one server, which is reached over HTTP (with sessions in the legacy era, without in the modern
// one) and as a process, and wants all of them to pass.
func conformance(t *testing.T, revision string, required int) {
	t.Helper()
	server := filepath.Join(t.TempDir(), "everything-server"+exeSuffix())
	if out, err := exec.Command("go", "build", "-o", server, everythingServer).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", everythingServer, err, out)
	}
	t.Run("http", func(t *testing.T) {
		addr := "127.0.0.1:" + freePort(t)
		startHTTP(t, addr, server, "-http", addr, fmt.Sprintf("-stateless=%t", revision == modernVersion))
		conform(t, revision, required, "http://"+addr)
	})
	t.Run("stdio", func(t *testing.T) {
		conform(t, revision, required, "--", server)
	})
}

// conform runs the scenarios against one server, given as to `mcpmux server add`.
func conform(t *testing.T, revision string, required int, server ...string) {
	t.Helper()
	d := Start(t, Options{})
	d.AddServer("conf", server...)
	front := keyAdder(t, d.Gateway, "/mcp/s/conf", d.NewClient("suite"))
	results := runSuite(t, front, revision)

	scored := 0
	for _, r := range results {
		t.Log(r)
		if r.unscored {
			continue
		}
		scored++
		if !r.ok || r.failed > 0 {
			t.Errorf("scenario %s failed:\n%s", r.name, r.why)
		}
	}
	if scored != required {
		t.Errorf("%d required scenarios were run, want %d", scored, required)
	}
}

// keyAdder is a proxy that the suite, which has no access keys, talks to: it adds the key and the path. The
// Host and Origin by which the suite means the proxy itself become the gateway's; foreign ones go through as
// they are, since the suite checks that they are refused.
func keyAdder(t *testing.T, gateway, path, key string) (address string) {
	t.Helper()
	target := &url.URL{Scheme: "http", Host: gateway, Path: path}
	var own []string
	reverse := &httputil.ReverseProxy{
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // The suite leaves streams as it likes.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL = target
			r.Out.Host = r.In.Host
			if slices.Contains(own, r.In.Host) {
				r.Out.Host = gateway
			}
			if host, ok := strings.CutPrefix(r.In.Header.Get("Origin"), "http://"); ok && slices.Contains(own, host) {
				r.Out.Header.Set("Origin", "http://"+gateway)
			}
			r.Out.Header.Set("Authorization", "Bearer "+key)
		},
	}
	proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Otherwise an answer that begins before the request was read to its end may be cut (golang/go#40747).
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		reverse.ServeHTTP(w, r)
	}))
	_, port, err := net.SplitHostPort(proxy.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	own = []string{"localhost:" + port, "127.0.0.1:" + port}
	proxy.Start()
	t.Cleanup(proxy.Close)
	return "http://127.0.0.1:" + port
}

// scenario is how one scenario of the suite went.
type scenario struct {
	name           string
	ok, unscored   bool
	passed, failed int
	why            string // the checks that failed
}

func (s scenario) String() string {
	verdict := "passed"
	if !s.ok {
		verdict = "FAILED"
	}
	if s.unscored {
		verdict += " (not scored)"
	}
	return fmt.Sprintf("%-50s %2d passed %2d failed  %s", s.name, s.passed, s.failed, verdict)
}

// runSuite runs the scenarios of a revision and reads the summary.
func runSuite(t *testing.T, address, revision string) []scenario {
	t.Helper()
	results := t.TempDir()
	cmd := exec.CommandContext(t.Context(), node(t), fixture(t, "@modelcontextprotocol/conformance/dist/index.js"),
		"server", "--url", address, "--requirements", revision, "--output-dir", results)
	out, err := cmd.CombinedOutput()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		t.Fatal(err)
	}
	_, summary, ok := bytes.Cut(out, []byte("=== SUMMARY ==="))
	if !ok {
		t.Fatalf("the suite told no summary (%v):\n%s", err, out)
	}
	all := readSummary(string(summary))
	for i := range all {
		all[i].why = failedChecks(t, results, all[i].name)
	}
	return all
}

// Lines of the summary: how a scenario went, and, below that, which of them do not count.
var (
	summaryLine  = regexp.MustCompile(`^([✓✗]) ([a-z0-9-]+): (\d+) passed, (\d+) failed`)
	unscoredLine = regexp.MustCompile(`^  [✓✗] ([a-z0-9-]+) \(`)
)

func readSummary(text string) []scenario {
	var all []scenario
	for line := range strings.Lines(text) {
		if m := summaryLine.FindStringSubmatch(line); m != nil {
			s := scenario{name: m[2], ok: m[1] == "✓"}
			_, _ = fmt.Sscan(m[3], &s.passed) // The pattern lets only digits through.
			_, _ = fmt.Sscan(m[4], &s.failed)
			all = append(all, s)
		} else if m := unscoredLine.FindStringSubmatch(line); m != nil {
			for i := range all {
				all[i].unscored = all[i].unscored || all[i].name == m[1]
			}
		}
	}
	return all
}

// failedChecks is what the suite wrote of the checks of a scenario that did not succeed.
func failedChecks(t *testing.T, results, name string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(results, "server-"+name+"-2*", "checks.json"))
	if err != nil {
		t.Fatal(err)
	}
	var why strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var checks []struct {
			ID, Description, Status, ErrorMessage string
			Details                               json.RawMessage
		}
		if err := json.Unmarshal(text, &checks); err != nil {
			t.Fatal(err)
		}
		for _, c := range checks {
			if c.Status == "FAILURE" {
				fmt.Fprintf(&why, "  %s (%s): %s %.2000s\n", c.ID, c.Description, c.ErrorMessage, c.Details)
			}
		}
	}
	return why.String()
}

// TestReadSummary_TellsScoredFromUnscored guards against a suite whose output says something else.
func TestReadSummary_TellsScoredFromUnscored(t *testing.T) {
	got := readSummary("\n✓ ping: 2 passed, 0 failed\n✗ tasks-lifecycle: 1 passed, 8 failed\n\nTotal: 3 passed, 8 failed\n\nNot scored for x:\n  ✗ tasks-lifecycle (extension)\n")
	want := []scenario{{name: "ping", ok: true, passed: 2}, {name: "tasks-lifecycle", unscored: true, passed: 1, failed: 8}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
