package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// route is one of a listener: a path and the methods that it takes.
type route struct {
	path    string
	methods []string
}

// gatewayRoutes are those of the gateway's listener, and one that there is not.
func gatewayRoutes() []route {
	get, post := []string{"GET"}, []string{"POST"}
	return []route{
		{"/mcp", []string{"POST", "GET", "DELETE"}},
		{"/mcp/s/none", []string{"POST", "GET", "DELETE"}},
		{"/sse", get},
		{"/messages", post},
		{"/.well-known/oauth-protected-resource", get},
		{"/.well-known/oauth-protected-resource/mcp", get},
		{"/.well-known/oauth-authorization-server", get},
		{"/oauth/authorize", get},
		{"/oauth/token", post},
		{"/oauth/revoke", post},
		{"/oauth/register", post},
		{"/healthz", get},
		{"/readyz", get},
		{"/nothing/here", nil},
	}
}

// dashboardRoutes are the pages of the dashboard's listener and each route that the admin API's own description has.
func (d *Daemon) dashboardRoutes() []route {
	d.t.Helper()
	status, text := d.Admin("GET", "/openapi.json", "")
	if status != http.StatusOK {
		d.t.Fatalf("openapi.json: %d %s", status, text)
	}
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		d.t.Fatal(err)
	}
	get := []string{"GET"}
	routes := []route{
		{"/", get},
		{"/consent/none", get},
		{"/login/none", get},
		{"/oauth/callback", get},
		{"/consent-state/none", get},
		{"/nothing/here", get},
		{"/healthz", get},
		{"/readyz", get},
		{"/session", []string{"POST", "DELETE"}},
		{"/session/pair", []string{"POST"}},
	}
	for path, methods := range doc.Paths {
		r := route{path: "/api/v1" + strings.TrimPrefix(path, "/api/v1")}
		for method := range methods {
			if m := strings.ToUpper(method); m != "PARAMETERS" {
				r.methods = append(r.methods, m)
			}
		}
		routes = append(routes, r)
	}
	if len(routes) < 40 {
		d.t.Fatalf("only %d routes", len(routes))
	}
	return routes
}

// raw sends a request without a body as text, header lines after the first, and returns the head of the answer:
// streams do not end.
func raw(t *testing.T, addr, method, path string, lines ...string) (status int, header http.Header) {
	t.Helper()
	return rawBody(t, addr, method, path, "", lines...)
}

// rawBody is raw with a body, whose length is among the lines.
func rawBody(t *testing.T, addr, method, path, body string, lines ...string) (status int, header http.Header) {
	t.Helper()
	nc, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	text := method + " " + path + " HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\nConnection: close\r\n\r\n" + body
	if _, err := io.WriteString(nc, text); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatalf("%s %s %q: %v", method, path, lines, err)
	}
	_ = resp.Body.Close() // of a connection that ends here
	return resp.StatusCode, resp.Header
}

// methodsTried are those that each route is asked with.
func methodsTried(r route) []string {
	return append([]string{"GET", "POST", "OPTIONS", "PROPFIND"}, r.methods...)
}

func TestGuard_NoRouteTakesWhatNoHonestClientSends(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	key := d.NewClient("good")
	for _, listener := range []struct {
		addr   string
		routes []route
	}{{d.Gateway, gatewayRoutes()}, {d.Dashboard, d.dashboardRoutes()}} {
		host := "Host: " + listener.addr
		_, port, err := net.SplitHostPort(listener.addr)
		if err != nil {
			t.Fatal(err)
		}
		const forbidden, broken = http.StatusForbidden, http.StatusBadRequest
		for _, r := range listener.routes {
			for _, method := range methodsTried(r) {
				for _, tc := range []struct {
					want  int
					lines []string
				}{
					{forbidden, []string{"Host: evil.example:" + port}},
					{forbidden, []string{"Host: evil.example:" + port, "Origin: http://evil.example:" + port}},
					{forbidden, []string{"Host: evil.example", "X-Forwarded-Host: " + listener.addr, "Forwarded: host=" + listener.addr}},
					{forbidden, []string{"Host: 0.0.0.0:" + port}},
					{forbidden, []string{"Host: localhost:9"}},
					{forbidden, []string{"Host: localhost.:" + port}},
					{forbidden, []string{"Host: localhost.evil.example:" + port}},
					{forbidden, []string{host, "Origin: http://evil.example"}},
					{forbidden, []string{host, "Origin: null"}},
					{forbidden, []string{host, "Origin: https://" + listener.addr}},
					{forbidden, []string{host, "Origin: http://localhost"}},
					{forbidden, []string{host, "Origin: http://" + listener.addr + ".evil.example"}},
					{forbidden, []string{host, "Origin: http://" + listener.addr, "Origin: http://" + listener.addr}},
					{forbidden, []string{host, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors"}},
					{broken, nil},
					{broken, []string{host, host}},
					{broken, []string{host, "Authorization: Bearer " + key, "Authorization: Bearer " + key}},
					{broken, []string{host, "Content-Type: application/json", "Content-Type: application/json"}},
				} {
					if tc.want == forbidden {
						tc.lines = append(tc.lines, "Authorization: Bearer "+key) // a good one does not help
					}
					status, header := raw(t, listener.addr, method, r.path, tc.lines...)
					if status != tc.want {
						t.Errorf("%s %s %q: %d, want %d", method, r.path, tc.lines, status, tc.want)
					}
					checkHeaders(t, method+" "+r.path, header, tc.want == forbidden)
				}
			}
		}
	}
}

// checkHeaders checks that no page of others can show or read an answer. Those that net/http gives to what is no
// request (broken) are a status and nothing else.
func checkHeaders(t *testing.T, what string, header http.Header, guarded bool) {
	t.Helper()
	for name := range header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("%s: the answer has %s", what, name)
		}
	}
	if !guarded {
		return
	}
	for name, want := range map[string]string{
		"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": "frame-ancestors 'none'",
	} {
		if got := header.Get(name); !strings.Contains(got, want) {
			t.Errorf("%s: %s is %q", what, name, got)
		}
	}
	if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "script-src 'unsafe") {
		t.Errorf("%s: the policy is %q", what, csp)
	}
}

func TestGuard_EveryRouteTakesItsMethodsAlone(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	key := d.NewClient("good")
	for _, listener := range []struct {
		addr   string
		routes []route
	}{{d.Gateway, gatewayRoutes()}, {d.Dashboard, d.dashboardRoutes()}} {
		for _, r := range listener.routes {
			for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
				if slices.Contains(r.methods, method) && method == "GET" {
					continue
				}
				// With a key, and without a body or a type for one.
				status, header := raw(t, listener.addr, method, r.path, "Host: "+listener.addr, "Authorization: Bearer "+key, "Content-Length: 0")
				checkHeaders(t, method+" "+r.path, header, true)
				switch {
				case r.path == "/session/pair" && method == http.MethodPost && status == http.StatusOK: // it needs no body
				case slices.Contains(r.methods, method):
					if status < 400 || status == http.StatusMethodNotAllowed || status >= 500 {
						t.Errorf("%s %s without a body: %d", method, r.path, status)
					}
				case r.methods == nil && status == http.StatusNotFound:
				case strings.HasPrefix(r.path, "/api/") && status == http.StatusUnauthorized: // nobody without a login learns more
				case status != http.StatusMethodNotAllowed:
					t.Errorf("%s %s: %d, want 405", method, r.path, status)
				case header.Get("Allow") == "":
					t.Errorf("%s %s: 405 without Allow", method, r.path)
				}
			}
		}
	}
}

func TestGuard_OnlyJSONAndFormsWhereTheyBelongAreRead(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	auth := "Authorization: Bearer " + d.NewClient("good")
	const form, wrong = "application/x-www-form-urlencoded", http.StatusUnsupportedMediaType
	for _, tc := range []struct{ addr, path, good string }{
		{d.Gateway, "/mcp", "application/json"},
		{d.Gateway, "/oauth/register", "application/json"},
		{d.Gateway, "/oauth/token", form},
		{d.Gateway, "/oauth/revoke", form},
		{d.Dashboard, "/session", "application/json"},
	} {
		for _, kind := range []string{"text/plain", "application/json", form, "multipart/form-data; boundary=x", ""} {
			lines := []string{"Host: " + tc.addr, auth, "Content-Length: 2"}
			if kind != "" {
				lines = append(lines, "Content-Type: "+kind)
			}
			status, _ := rawBody(t, tc.addr, "POST", tc.path, "{}", lines...)
			if is := status == wrong; is != (kind != tc.good) {
				t.Errorf("%s with %q: %d", tc.path, kind, status)
			}
		}
	}
}

// A link, an image or a page of others can make a browser GET anything: nothing may come of it.
func TestGuard_GETChangesNothing(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	d.NewClient("one")
	before := d.revision()
	for _, r := range d.dashboardRoutes() {
		if !strings.HasPrefix(r.path, "/api/v1/") || strings.HasSuffix(r.path, "/events") {
			continue
		}
		path := strings.NewReplacer("{name}", "one", "{alias}", "one", "{key}", "log.level", "{id}", "one").Replace(strings.TrimPrefix(r.path, "/api/v1"))
		status, text := d.Admin("GET", path, "") // by the control socket: whoever asks there may do everything
		if !slices.Contains(r.methods, "GET") && status != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d %s", path, status, text)
		}
	}
	if after := d.revision(); after != before {
		t.Errorf("revision %d became %d", before, after)
	}
}

// revision is that of the newest Change.
func (d *Daemon) revision() (n int64) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, "http://localhost/api/v1/events", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	resp, err := d.control().Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			var ready struct{ Revision int64 }
			if err := json.Unmarshal([]byte(text), &ready); err != nil {
				d.t.Fatal(err)
			}
			return ready.Revision
		}
	}
	d.t.Fatal("the events did not begin")
	return 0
}

func TestGuard_APortThatIsTakenInEitherFamilyIsNamedWithItsHolder(t *testing.T) {
	t.Parallel()
	for _, ip := range []string{"127.0.0.1", "::1"} {
		for _, flag := range []string{"--gateway-addr", "--dashboard-addr"} {
			t.Run(ip+flag, func(t *testing.T) {
				t.Parallel()
				squatter, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(ip, "0"))
				if err != nil {
					t.Skipf("this machine has no %s: %v", ip, err)
				}
				defer func() { _ = squatter.Close() }()
				_, port, _ := net.SplitHostPort(squatter.Addr().String())
				dir := filepath.Join(shortTempDir(t), "data")
				cmd := exec.CommandContext(t.Context(), program, "serve", "--data-dir", dir, "--no-browser",
					"--gateway-addr", "localhost:0", "--dashboard-addr", "localhost:0", flag, "localhost:"+port)
				cmd.Env = environment(t, Options{Dir: dir})
				out, err := cmd.CombinedOutput()
				if err == nil || !strings.Contains(string(out), squatter.Addr().String()+" is taken") {
					t.Errorf("%v; it must end and name the address:\n%s", err, out)
				}
				if pid := "process " + strconv.Itoa(os.Getpid()); runtime.GOOS == "linux" && !strings.Contains(string(out), pid) {
					t.Errorf("it does not name %s:\n%s", pid, out)
				}
			})
		}
	}
}
