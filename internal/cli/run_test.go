package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpmux/mcpmux/internal/adminclient"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	time.Local = time.UTC // moments are printed in the user's zone
	os.Exit(m.Run())
}

// fakeDaemon answers what a test gives it and writes down what it was asked.
type fakeDaemon struct {
	answers map[string]any // by "METHOD /path", without /api/v1; a *mcpmux.Error is refused

	// mu guards the following.
	mu    sync.Mutex
	asked []string
}

func (d *fakeDaemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route := r.Method + " " + strings.TrimPrefix(r.URL.EscapedPath(), "/api/v1")
	asked := route
	if r.URL.RawQuery != "" {
		asked += "?" + r.URL.RawQuery
	}
	if body, _ := io.ReadAll(r.Body); len(body) > 0 {
		asked += " " + string(body)
	}
	d.mu.Lock()
	d.asked = append(d.asked, asked)
	d.mu.Unlock()
	switch answer := d.answers[route].(type) {
	case nil:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"error":{"code":"not_found","message":"there is no %s"}}`, r.URL.Path)
	case *mcpmux.Error:
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": answer})
	case string: // as it is: a stream
		_, _ = io.WriteString(w, answer)
	default:
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// start serves on the control socket of a new data folder.
func (d *fakeDaemon) start(t *testing.T) (dataDir string) {
	t.Helper()
	dataDir = t.TempDir()
	path, err := adminclient.PrepareSocket(dataDir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: d}
	go func() { _ = server.Serve(l) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	return dataDir
}

// ran is what one command line did.
type ran struct {
	exit     int
	out, err string
	opened   []string
	served   *ServeOptions
}

// run executes a command line in a data folder of its own.
func run(t *testing.T, dataDir, stdin string, args ...string) ran {
	t.Helper()
	var r ran
	var out, errs bytes.Buffer
	environment := map[string]string{"MCPMUX_DATA_DIR": dataDir}
	r.exit = Run(t.Context(), args, IO{
		In: strings.NewReader(stdin), Out: &out, Err: &errs, Getenv: env(environment),
		OpenBrowser: func(url string) error { r.opened = append(r.opened, url); return nil },
		Serve:       func(_ context.Context, o ServeOptions) error { o.Out = nil; r.served = &o; return nil },
	})
	r.out, r.err = out.String(), errs.String()
	return r
}

// transcript is a run as the golden files show it.
func transcript(args []string, asked []string, r ran) string {
	var b strings.Builder
	fmt.Fprintf(&b, "$ mcpmux %s\n", strings.Join(args, " "))
	for _, a := range asked {
		fmt.Fprintf(&b, "→ %s\n", a)
	}
	for _, url := range r.opened {
		fmt.Fprintf(&b, "browser: %s\n", url)
	}
	b.WriteString(r.out)
	for line := range strings.Lines(r.err) {
		b.WriteString("stderr: " + line)
	}
	fmt.Fprintf(&b, "[%d]\n\n", r.exit)
	return b.String()
}

// golden compares text with a file under testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; if that is right, run the test with -update (-want +got):\n%s", filepath.Base(file), diff)
	}
}

func TestRun_DaemonNotRunning(t *testing.T) {
	r := run(t, t.TempDir(), "", "status")
	if r.exit != exitNotRunning || !strings.Contains(r.err, "mcpmux serve") {
		t.Errorf("exit %d, %q; want 3 and how to start it", r.exit, r.err)
	}
}

func TestServe_FlagsAndEnvironmentBecomeOptions(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		name string
		args []string
		env  map[string]string
		want ServeOptions
	}{
		{"plain opens the dashboard", nil, nil, ServeOptions{OpenDashboard: true}},
		{"serve does not", []string{"serve"}, nil, ServeOptions{}},
		{
			"flags",
			[]string{"serve", "--gateway-addr", ":0", "--dashboard-addr=127.0.0.1:1", "--log-level", "DEBUG", "--demo", "--require-keychain"},
			nil,
			ServeOptions{GatewayAddr: ":0", DashboardAddr: "127.0.0.1:1", LogLevel: "debug", Demo: true, RequireKeychain: true},
		},
		{
			"environment",
			[]string{"serve"},
			map[string]string{"MCPMUX_GATEWAY_ADDR": ":1", "MCPMUX_DASHBOARD_ADDR": ":2", "MCPMUX_LOG_LEVEL": "warn"},
			ServeOptions{GatewayAddr: ":1", DashboardAddr: ":2", LogLevel: "warn"},
		},
		{
			"reached by others",
			[]string{"serve", "--gateway-addr", "0.0.0.0:1", "--allow-remote", "--tls-cert", "c", "--tls-key", "k", "--public-url", "https://a", "--public-dashboard-url", "https://b"},
			nil,
			ServeOptions{GatewayAddr: "0.0.0.0:1", AllowRemote: true, TLSCert: "c", TLSKey: "k", PublicURL: "https://a", PublicDashboardURL: "https://b"},
		},
		{
			"reached by others, by the environment",
			[]string{"serve"},
			map[string]string{"MCPMUX_ALLOW_REMOTE": "1", "MCPMUX_TLS_CERT": "c", "MCPMUX_TLS_KEY": "k", "MCPMUX_PUBLIC_URL": "https://a", "MCPMUX_PUBLIC_DASHBOARD_URL": "https://b"},
			ServeOptions{AllowRemote: true, TLSCert: "c", TLSKey: "k", PublicURL: "https://a", PublicDashboardURL: "https://b"},
		},
		{"flags win", []string{"serve", "--gateway-addr", ":9"}, map[string]string{"MCPMUX_GATEWAY_ADDR": ":1"}, ServeOptions{GatewayAddr: ":9"}},
		{"no browser", []string{"--no-browser"}, nil, ServeOptions{NoBrowser: true}},
		{"no browser by environment", nil, map[string]string{"MCPMUX_NO_BROWSER": "1"}, ServeOptions{NoBrowser: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got *ServeOptions
			args := append([]string{"--data-dir", dir}, test.args...)
			exit := Run(t.Context(), args, IO{
				Out: io.Discard, Err: io.Discard, Getenv: env(test.env),
				Serve: func(_ context.Context, o ServeOptions) error { o.Out = nil; got = &o; return nil },
			})
			test.want.DataDir = dir
			if exit != exitDone || got == nil {
				t.Fatalf("exit %d, served %v", exit, got)
			}
			if diff := cmp.Diff(test.want, *got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRun_WrongUsageIsTwoLinesAndAsksNothing(t *testing.T) {
	d := &fakeDaemon{}
	dir := d.start(t)
	var all strings.Builder
	for _, line := range []string{
		"sevrer list", "nonsense", "server", "server lits", "server list x", "server show", "status --jsno", "--unknown",
		"server add", "server add Bad! https://x.example", "server add a", "server add a not-a-url", "server add a https://x.example -- cmd",
		"server add a -- https://x.example", "server add a https://x.example --transport stdio", "server add a --transport http -- cmd",
		"server add a --transport htpt https://x.example", "server add a --header X:y -- cmd", "server add a --env X=y https://x.example",
		"server add a --env X -- cmd", "server add a --env A=1 --env A=2 -- cmd", "server add a --secret =hidden -- cmd",
		"server add a --cwd /tmp https://x.example", "server add a --idle-timeout soon -- cmd", "server add a --call-timeout -1s -- cmd", "server add a --every-space --disabled -- cmd", "server logs a --tail -1",
		"server add a --isolation alone -- cmd", "server add a --era 2025-11-25 -- cmd", "server add a --max-processes -1 -- cmd",
		"server add a --root= -- cmd", "server set", "server set a", "server set a --era modren", "server set a --default name",
		"server set a --prefix x --default prefix", "server set a --max-processes many", "elicitation", "elicitation answer e1",
		"elicitation answer e1 acept", "elicitation answer e1 decline {}", "elicitation answer e1 accept []",
		"call", "call x {", "call x []", "call x {} y", "client create", "client create c --mode folow", "client create c --expires soon",
		"client mode c sometimes", "client switch c maybe", "client key", "featureset include s", "featureset include s github",
		"settings set k", "gateway", "gateway sotp", "serve x", "serve --log-level loud", "help nonsense",
	} {
		args := strings.Fields(line)
		r := run(t, dir, "", args...)
		if r.exit != exitUsage || r.out != "" || strings.Count(r.err, "\n") != 2 || r.served != nil {
			t.Errorf("mcpmux %s: exit %d, out %q, err %q; want exit 2 and two lines of error", line, r.exit, r.out, r.err)
		}
		if strings.Contains(r.err, "hidden") {
			t.Errorf("mcpmux %s: a secret is shown: %q", line, r.err)
		}
		all.WriteString(transcript(args, nil, r))
	}
	if len(d.asked) > 0 {
		t.Errorf("the daemon was asked %q", d.asked)
	}
	golden(t, "testdata/usage.golden", all.String())
}
