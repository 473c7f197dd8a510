// Program clientdriver is the client that the conformance suite is given in its client role: McpMux with a client
// of the Go SDK in front of it. The suite plays the server and sees the requests of the gateway.
//
// It is called as the suite calls clients: with the address of its server as the last argument, and what to do in
// MCP_CONFORMANCE_SCENARIO, MCP_CONFORMANCE_PROTOCOL_VERSION and MCP_CONFORMANCE_CONTEXT. The programs that it
// starts are named by MCPMUX_PROGRAM and MCPMUX_SDK_CLIENT. Where MCPMUX_TURNS is an address, it connects there
// first and begins when it is sent a byte: the suite starts all scenarios at once.
//
//  1. A daemon of its own is started, and the suite's server added to it.
//  2. When the server wants a login, it is logged in to by a browser that follows redirects and nothing else.
//  3. The SDK's client does what the scenario says, through the gateway. When that fails for want of a login or
//     of more rights, both are done again.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	alias = "conf"

	// metadataDocument is the client id that the suite expects where it offers metadata documents.
	metadataDocument = "https://conformance-test.local/client-metadata.json"

	limit     = 60 * time.Second // for a scenario, from its turn on
	stopTime  = 30 * time.Second // for a daemon to end
	pollEvery = 50 * time.Millisecond

	// rounds is how often a scenario is begun at most: as often as there are logins, and once more.
	rounds = 5
)

// mayFail are the scenarios that a client passes by refusing.
//
//nolint:gochecknoglobals // constant table
var mayFail = []string{
	"auth/scope-retry-limit", "auth/resource-mismatch", "auth/iss-supported-missing", "auth/iss-wrong-issuer", "auth/iss-unexpected",
	"auth/iss-normalized", "auth/metadata-issuer-mismatch",
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: clientdriver SERVER-URL")
		os.Exit(2)
	}
	scenario := os.Getenv("MCP_CONFORMANCE_SCENARIO")
	end, err := awaitTurn(os.Getenv("MCPMUX_TURNS"))
	if err != nil {
		fmt.Fprintln(os.Stderr, scenario+":", err)
		os.Exit(1)
	}
	defer end()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := run(ctx, scenario, os.Args[len(os.Args)-1]); err != nil {
		fmt.Fprintln(os.Stderr, scenario+":", err)
		if errors.Is(err, errEnd) || !slices.Contains(mayFail, scenario) {
			cancel()
			os.Exit(1) //nolint:gocritic // the deferred calls have been made
		}
	}
}

// awaitTurn returns when this driver may begin. The turn lasts until end, or the end of the process.
func awaitTurn(address string) (end func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	c, err := net.Dial("tcp", address) //nolint:noctx // the suite ends a driver that takes too long
	if err != nil {
		return nil, err
	}
	_, err = c.Read(make([]byte, 1))
	return func() { _ = c.Close() }, err
}

func run(ctx context.Context, scenario, server string) (err error) {
	g, err := start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.stop()) }()
	if err := g.add(ctx, scenario, server); err != nil {
		return err
	}
	front, stop := g.front()
	defer stop()
	for range rounds {
		if err := g.settle(ctx); err != nil {
			return err
		}
		if err = g.client(ctx, scenario, front); err == nil || !g.wantsLogin(ctx) {
			return err
		}
		if err := g.login(ctx); err != nil {
			return err
		}
	}
	return err
}

// gateway is a daemon of McpMux.
type gateway struct {
	dir   string
	env   []string
	cmd   *exec.Cmd
	addr  string
	key   string
	ended chan struct{}
	end   error // how it ended; to be read after ended
	// begun counts the logins.
	begun int
}

func start(ctx context.Context) (*gateway, error) {
	dir, err := os.MkdirTemp("", "mmc")
	if err != nil {
		return nil, err
	}
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	keyFile := filepath.Join(dir, "key")
	if err := os.WriteFile(keyFile, []byte(base64.StdEncoding.EncodeToString(key[:])), 0o600); err != nil {
		return nil, err
	}
	g := &gateway{dir: dir, ended: make(chan struct{})}
	g.env = append(os.Environ(), "HOME="+dir, "MCPMUX_DATA_DIR="+filepath.Join(dir, "data"), "MCPMUX_MASTER_KEY_FILE="+keyFile, "MCPMUX_NO_BROWSER=1",
		"GORACE=halt_on_error=0 atexit_sleep_ms=0") // a race shows in how the program ends
	g.cmd = exec.Command(os.Getenv("MCPMUX_PROGRAM"), "serve", "--gateway-addr", "localhost:0", "--dashboard-addr", "localhost:0", "--no-browser") //nolint:noctx // it is told to stop, not killed
	g.cmd.Env, g.cmd.Stdout, g.cmd.Stderr = g.env, os.Stderr, os.Stderr
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		g.end = g.cmd.Wait()
		close(g.ended)
	}()
	var status struct {
		Addr string `json:"gateway_addr"`
	}
	err = g.await(ctx, "the daemon", func() bool { return g.cli(ctx, &status, "status") == nil && status.Addr != "" })
	if err != nil {
		return nil, errors.Join(err, g.stop())
	}
	g.addr = status.Addr
	return g, nil
}

// errEnd says that the daemon itself is at fault, which no scenario wants.
var errEnd = errors.New("the daemon did not end well")

func (g *gateway) stop() error {
	_ = g.cmd.Process.Signal(os.Interrupt) // when it ended by itself, that is what is told
	timer := time.AfterFunc(stopTime, func() { _ = g.cmd.Process.Kill() })
	<-g.ended
	timer.Stop()
	_ = os.RemoveAll(g.dir)
	if g.end != nil {
		return fmt.Errorf("%w: %w", errEnd, g.end)
	}
	return nil
}

// cli runs a command and reads what it prints.
func (g *gateway) cli(ctx context.Context, into any, args ...string) error {
	cmd := exec.CommandContext(ctx, os.Getenv("MCPMUX_PROGRAM"), append([]string{"--json"}, args...)...)
	cmd.Env = g.env
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("mcpmux %s: %s%s", strings.Join(args, " "), exit.Stderr, out)
	}
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(out, into)
}

// await polls within the limit.
func (g *gateway) await(ctx context.Context, what string, ok func() bool) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-g.ended:
			return errors.New("the daemon ended")
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		}
	}
	return nil
}

// add adds the suite's server, with the credentials that the suite gives, and a client for it.
func (g *gateway) add(ctx context.Context, scenario, server string) error {
	var given struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
		Key    string `json:"private_key_pem"`
	}
	if text := os.Getenv("MCP_CONFORMANCE_CONTEXT"); text != "" {
		if err := json.Unmarshal([]byte(text), &given); err != nil {
			return err
		}
	}
	args := []string{"server", "add", alias, "--prefix", "", "--client-metadata-url", metadataDocument}
	if given.ID != "" {
		args = append(args, "--client-id", given.ID)
	}
	if given.Secret != "" {
		args = append(args, "--client-secret", given.Secret)
	}
	if given.Key != "" {
		file := filepath.Join(g.dir, "key.pem")
		if err := os.WriteFile(file, []byte(given.Key), 0o600); err != nil {
			return err
		}
		args = append(args, "--private-key", file)
	}
	if strings.HasPrefix(scenario, "auth/client-credentials") {
		args = append(args, "--login-grant", "client_credentials")
	}
	if strings.HasPrefix(scenario, "auth/2025-03-26") {
		args = append(args, "--login-fallback")
	}
	if err := g.cli(ctx, nil, append(args, server)...); err != nil {
		return err
	}
	var client struct {
		Key string `json:"access_key"`
	}
	err := g.cli(ctx, &client, "client", "create", "suite")
	g.key = client.Key
	return err
}

type serverStatus struct {
	Status struct {
		State, Reason string
		Wanted        bool `json:"login_wanted"`
	}
}

func (g *gateway) server(ctx context.Context) (s serverStatus, err error) {
	err = g.cli(ctx, &s, "server", "show", alias)
	return s, err
}

// settle waits until the server is connected, and logs in to it as often as it wants that.
func (g *gateway) settle(ctx context.Context) error {
	var failed error
	return errors.Join(g.await(ctx, "the server", func() bool {
		s, err := g.server(ctx)
		if err == nil && s.Status.State == "login_required" {
			err = g.login(ctx)
		}
		if err == nil && s.Status.State == "error" {
			err = errors.New(s.Status.Reason)
		}
		failed = err
		return err != nil || s.Status.State == "connected"
	}), failed)
}

// wantsLogin says whether what failed can be helped by a login.
func (g *gateway) wantsLogin(ctx context.Context) bool {
	s, err := g.server(ctx)
	return err == nil && s.Status.Wanted
}

// login is a person with a browser: presses Log in, and goes where it is sent.
func (g *gateway) login(ctx context.Context) error {
	if g.begun++; g.begun > rounds {
		return errors.New("the server wants one login after the other")
	}
	var login struct{ URL string }
	if err := g.cli(ctx, &login, "server", "login", alias); err != nil || login.URL == "" {
		return err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	browser := &http.Client{Jar: jar}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, login.URL, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := browser.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the login ended with %d: %s", resp.StatusCode, page)
	}
	return err
}

// front is the gateway as the SDK's client reaches it, which has no access key. To a client that shall be of the
// older era it is a server of that era: what it does not know it refuses.
func (g *gateway) front() (address string, stop func()) {
	older := os.Getenv("MCP_CONFORMANCE_PROTOCOL_VERSION") != "" && os.Getenv("MCP_CONFORMANCE_PROTOCOL_VERSION") < "2026"
	target := &url.URL{Scheme: "http", Host: g.addr, Path: "/mcp/s/" + alias}
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL, r.Out.Host = target, g.addr
			r.Out.Header.Set("Authorization", "Bearer "+g.key)
		},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if older && bytes.Contains(body, []byte(`"server/discover"`)) {
			http.Error(w, "no session", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	return s.URL, s.Close
}

// client runs the SDK's client. Where the suite tests logins, the client has none to do: it lists and calls.
func (g *gateway) client(ctx context.Context, scenario, front string) error {
	if strings.HasPrefix(scenario, "auth/") {
		scenario = "auth/metadata-default"
	}
	cmd := exec.CommandContext(ctx, os.Getenv("MCPMUX_SDK_CLIENT"), front)
	cmd.Env = append(slices.Clone(os.Environ()), "MCP_CONFORMANCE_SCENARIO="+scenario)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the client: %w", err)
	}
	return nil
}
