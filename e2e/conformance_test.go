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

// suites are what the conformance suite is run with: the scenarios that a revision required when it was frozen,
// or, for older ones, all that the suite has for them.
//
//nolint:gochecknoglobals // constant table
var suites = []struct {
	name     string
	flags    []string
	scored   int
	stateful bool // the suite's client is of the older era
}{
	{"2025-11-25", []string{"--requirements", "2025-11-25"}, 30, true},
	{"2026-07-28", []string{"--requirements", "2026-07-28"}, 37, false},
	{"2025-06-18", []string{"--spec-version", "2025-06-18"}, 27, true},
	{"2025-03-26", []string{"--spec-version", "2025-03-26"}, 1, true},
}

// missesOlder are the scenarios that the fixture cannot pass when it is used in the stateless era by a client of
// an older one: by its own choice it refuses to ask anything there, with or without a gateway between.
//
//nolint:gochecknoglobals // constant table
var missesOlder = []string{"tools-call-sampling", "tools-call-elicitation", "elicitation-sep1034-defaults", "elicitation-sep1330-enums"}

// missesStateless are those that it cannot pass when it is used in the older era by a stateless client:
// basic-elicitation wants the key by which the server calls its question, which the older era cannot transmit;
// and the fixture's own adapter to the older era asks only once in a call that wants several rounds.
//
//nolint:gochecknoglobals // constant table
var missesStateless = []string{"input-required-result-basic-elicitation", "input-required-result-multi-round"}

// TestConformance runs the suite through the gateway's transparent endpoint of one server, for servers of both
// eras on all transports. Same era: everything passes. Across the eras: all but the fixture's own misses.
func TestConformance(t *testing.T) {
	server := filepath.Join(t.TempDir(), "everything-server"+exeSuffix())
	if out, err := exec.Command("go", "build", "-o", server, everythingServer).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", everythingServer, err, out)
	}
	overHTTP := func(flags ...string) func(t *testing.T) string {
		return func(t *testing.T) string {
			addr := "127.0.0.1:" + freePort(t)
			startHTTP(t, addr, server, append([]string{"-http", addr}, flags...)...)
			return "http://" + addr
		}
	}
	for _, c := range []struct {
		name   string
		modern bool
		add    []string
		url    func(t *testing.T) string // nil: a process
	}{
		{name: "old stdio", add: []string{"--era", "legacy"}},
		{name: "new stdio", modern: true, add: []string{"--era", "modern"}},
		{name: "old HTTP", url: overHTTP("-stateless=false")},
		{name: "new HTTP", modern: true, add: []string{"--era", "modern"}, url: overHTTP("-stateless=true")},
		{name: "HTTP+SSE", add: []string{"--transport", "sse"}, url: func(t *testing.T) string { return overSSE(t, server) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, s := range suites {
				t.Run(s.name, func(t *testing.T) {
					args := append(slices.Clone(c.add), "--", server)
					if c.url != nil {
						args = append(slices.Clone(c.add), c.url(t))
					}
					var misses []string
					switch {
					case s.stateful && c.modern:
						misses = missesOlder
					case !s.stateful && !c.modern:
						misses = missesStateless
					}
					conform(t, s.flags, s.scored, misses, args...)
				})
			}
		})
	}
}

// TestConformance_BothEras runs it against a server that speaks both, each client in its own era.
func TestConformance_BothEras(t *testing.T) {
	server := filepath.Join(t.TempDir(), "everything-server"+exeSuffix())
	if out, err := exec.Command("go", "build", "-o", server, everythingServer).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", everythingServer, err, out)
	}
	for _, s := range suites[:2] {
		t.Run(s.name, func(t *testing.T) { conform(t, s.flags, s.scored, nil, "--", server) })
	}
}

// conform runs the scenarios against one server, given as to `mcpmux server add`. Those in misses fail.
func conform(t *testing.T, suite []string, scored int, misses []string, server ...string) {
	t.Helper()
	d := Start(t, Options{})
	d.AddServer("conf", server...)
	front := keyAdder(t, d.Gateway, "/mcp/s/conf", d.NewClient("suite"))
	n := 0
	for _, r := range runSuite(t, front, suite) {
		t.Log(r)
		if r.unscored {
			continue
		}
		n++
		failed := !r.ok || r.failed > 0
		switch miss := slices.Contains(misses, r.name); {
		case failed && !miss:
			t.Errorf("scenario %s failed:\n%s", r.name, r.why)
		case !failed && miss:
			t.Errorf("scenario %s passed, which the table says it cannot: correct the table", r.name)
		}
	}
	if n != scored {
		t.Errorf("%d required scenarios were run, want %d", n, scored)
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

// runSuite runs the scenarios of a revision against a server and reads the summary.
func runSuite(t *testing.T, address string, suite []string) []scenario {
	t.Helper()
	return runRole(t, "server-", nil, append([]string{"server", "--url", address}, suite...)...)
}

// runRole runs the suite in one role. Its results are in folders that begin with prefix and the scenario's name.
func runRole(t *testing.T, prefix string, env []string, role ...string) []scenario {
	t.Helper()
	results := t.TempDir()
	args := append([]string{fixture(t, "@modelcontextprotocol/conformance/dist/index.js")}, role...)
	cmd := exec.CommandContext(t.Context(), node(t), append(args, "--output-dir", results)...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		t.Fatal(err)
	}
	_, summary, ok := bytes.Cut(out, []byte(" SUMMARY ==="))
	if !ok {
		t.Fatalf("the suite told no summary (%v):\n%s", err, out)
	}
	all := readSummary(string(summary))
	for i := range all {
		all[i].why = failedChecks(t, filepath.Join(results, prefix+all[i].name))
	}
	return all
}

// Lines of the summary: how a scenario went, and, below that, which of them do not count.
var (
	summaryLine  = regexp.MustCompile(`^([✓✗]) ([a-z0-9/_-]+): (\d+) passed, (\d+) failed`)
	unscoredLine = regexp.MustCompile(`^  [✓✗] ([a-z0-9/_-]+) \(`)
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
func failedChecks(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder+"-2*", "checks.json"))
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
