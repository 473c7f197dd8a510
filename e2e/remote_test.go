package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// farAddr is an address that the daemon takes for one that other machines reach, though none does: Linux has all of
// 127.0.0.0/8.
const farAddr = "127.0.0.2"

// farCertificate makes a certificate for farAddr, and a client that trusts it and follows no redirect.
func farCertificate(t *testing.T) (certFile, keyFile string, client *http.Client) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.ParseIP(farAddr)}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	client = &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return certFile, keyFile, client
}

// ask sends a request and returns the answer with its body read.
func ask(t *testing.T, client *http.Client, method, address, body string, lines ...string) (status int, header http.Header, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(all)
}

// authorizeURL registers an application at a gateway and is the address that it opens in a browser.
func authorizeURL(t *testing.T, client *http.Client, at string, lines ...string) string {
	t.Helper()
	status, _, text := ask(t, client, "POST", at+"/oauth/register", `{"client_name":"App","redirect_uris":["http://127.0.0.1:9/cb"]}`,
		append(lines, "Content-Type: application/json")...)
	var made struct {
		ID string `json:"client_id"`
	}
	if err := json.Unmarshal([]byte(text), &made); err != nil || made.ID == "" {
		t.Fatalf("register: %d %s", status, text)
	}
	return at + "/oauth/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {made.ID}, "redirect_uri": {"http://127.0.0.1:9/cb"}, "state": {"s"},
		"code_challenge": {strings.Repeat("A", 43)}, "code_challenge_method": {"S256"},
	}.Encode()
}

func TestRemote_IsRefusedUnlessItIsAskedForAndSecret(t *testing.T) {
	t.Parallel()
	cert, key, _ := farCertificate(t)
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"gateway":                 {[]string{"--gateway-addr", "0.0.0.0:0"}, "--allow-remote"},
		"dashboard":               {[]string{"--dashboard-addr", "[::]:0"}, "--allow-remote"},
		"allowed without TLS":     {[]string{"--gateway-addr", "0.0.0.0:0", "--allow-remote"}, "--tls-cert"},
		"TLS without leave":       {[]string{"--gateway-addr", farAddr + ":0", "--tls-cert", cert, "--tls-key", key}, "--allow-remote"},
		"TLS without a name":      {[]string{"--gateway-addr", "0.0.0.0:0", "--allow-remote", "--tls-cert", cert, "--tls-key", key}, "--public-url"},
		"a proxy without TLS":     {[]string{"--allow-remote", "--public-url", "http://mux.example"}, "https://"},
		"a proxy of another host": {[]string{"--allow-remote", "--public-url", "https://a.example", "--public-dashboard-url", "https://b.example"}, "same host name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(shortTempDir(t), "data")
			args := append([]string{"serve", "--data-dir", dir, "--gateway-addr", "localhost:0", "--dashboard-addr", "localhost:0", "--no-browser"}, tc.args...)
			cmd := exec.CommandContext(t.Context(), program, args...)
			cmd.Env = environment(t, Options{Dir: dir})
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), tc.want) {
				t.Errorf("%v; it must end and say %q:\n%s", err, tc.want, out)
			}
			if strings.Contains(string(out), "gateway started") {
				t.Errorf("the gateway was opened:\n%s", out)
			}
		})
	}
}

func TestRemote_WithTLSEverythingFollowsTheAddress(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("other systems have one address of 127.0.0.0/8")
	}
	cert, key, client := farCertificate(t)
	d := Start(t, Options{Args: []string{"--gateway-addr", farAddr + ":0", "--dashboard-addr", farAddr + ":0", "--allow-remote", "--tls-cert", cert, "--tls-key", key}})
	gw, dash := "https://"+d.Gateway, "https://"+d.Dashboard
	accessKey := d.NewClient("far")

	const call = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"a","version":"1"}}}`
	post := []string{"Content-Type: application/json", "Accept: application/json, text/event-stream"}
	status, header, _ := ask(t, client, "POST", gw+"/mcp", call, post...)
	if status != http.StatusUnauthorized || !strings.Contains(header.Get("WWW-Authenticate"), `resource_metadata="`+gw+`/`) {
		t.Errorf("without a key: %d %v", status, header)
	}
	status, _, text := ask(t, client, "POST", gw+"/mcp", call, append(post, "Authorization: Bearer "+accessKey)...)
	if status != http.StatusOK {
		t.Errorf("with a key: %d %s", status, text)
	}
	if status, _, _ = ask(t, client, "POST", gw+"/mcp", call, append(post, "Authorization: Bearer "+accessKey, "Host: evil.example")...); status != http.StatusForbidden {
		t.Errorf("by another name: %d", status)
	}
	var meta struct{ Issuer string }
	if _, _, text = ask(t, client, "GET", gw+"/.well-known/oauth-authorization-server", ""); json.Unmarshal([]byte(text), &meta) != nil || meta.Issuer != gw {
		t.Errorf("the issuer is %q, want %q", meta.Issuer, gw)
	}
	status, header, text = ask(t, client, "GET", authorizeURL(t, client, gw), "")
	if status != http.StatusFound || !strings.HasPrefix(header.Get("Location"), dash+"/consent/") || !strings.Contains(header.Get("Set-Cookie"), "Secure") {
		t.Errorf("authorize: %d %v %s", status, header, text)
	}

	var ticket struct{ URL string }
	d.JSON(&ticket, "dashboard", "--print")
	secret, ok := strings.CutPrefix(ticket.URL, dash+"/#ticket=")
	if !ok {
		t.Fatalf("the dashboard is at %s", ticket.URL)
	}
	status, header, text = ask(t, client, "POST", dash+"/session", `{"ticket":"`+secret+`"}`, "Content-Type: application/json", "Origin: "+dash)
	if status != http.StatusOK || !strings.Contains(header.Get("Set-Cookie"), "Secure") {
		t.Errorf("login: %d %v %s", status, header, text)
	}
	if status, _, _ = ask(t, client, "GET", dash+"/api/v1/status", ""); status != http.StatusUnauthorized {
		t.Errorf("the API without a login: %d", status)
	}
}

func TestRemote_BehindAProxyEverythingFollowsThePublicURLs(t *testing.T) {
	t.Parallel()
	const public, pages = "https://mux.example", "https://mux.example:8443"
	d := Start(t, Options{Args: []string{"--allow-remote", "--public-url", public, "--public-dashboard-url", pages}})
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	gw, dash := "http://"+d.Gateway, "http://"+d.Dashboard
	for _, tc := range []struct {
		at    string
		want  int
		lines []string
	}{
		{gw, 200, []string{"Host: mux.example"}},
		{gw, 200, []string{"Host: mux.example:443"}},
		{gw, 200, []string{"Host: mux.example", "Origin: " + public}},
		{gw, 200, []string{"Host: mux.example", "Origin: " + pages}},
		{gw, 403, []string{"Host: mux.example:8443"}},
		{gw, 403, []string{"Host: mux.example", "Origin: http://mux.example"}},
		{gw, 403, []string{"Host: evil.example", "X-Forwarded-Host: mux.example", "X-Forwarded-For: 127.0.0.1"}},
		{gw, 200, nil},
		{dash, 200, []string{"Host: mux.example:8443", "Origin: " + pages}},
		{dash, 403, []string{"Host: mux.example"}},
		{dash, 403, []string{"Host: mux.example:8443", "Origin: " + public}},
	} {
		if status, _, text := ask(t, client, "GET", tc.at+"/healthz", "", tc.lines...); status != tc.want {
			t.Errorf("%s %q: %d, want %d: %s", tc.at, tc.lines, status, tc.want, text)
		}
	}
	var resource struct {
		Resource string
		Servers  []string `json:"authorization_servers"`
	}
	_, _, text := ask(t, client, "GET", gw+"/.well-known/oauth-protected-resource/mcp", "", "Host: mux.example")
	if err := json.Unmarshal([]byte(text), &resource); err != nil || resource.Resource != public+"/mcp" || len(resource.Servers) != 1 || resource.Servers[0] != public {
		t.Errorf("the metadata is %s", text)
	}
	status, header, text := ask(t, client, "GET", authorizeURL(t, client, gw, "Host: mux.example"), "", "Host: mux.example")
	if status != http.StatusFound || !strings.HasPrefix(header.Get("Location"), pages+"/consent/") || !strings.Contains(header.Get("Set-Cookie"), "Secure") {
		t.Errorf("authorize: %d %v %s", status, header, text)
	}
}

// Where the dashboard is for this machine alone, nobody elsewhere can agree to anything.
func TestRemote_WithoutAPublicDashboardApplicationsElsewhereNeedKeys(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{Args: []string{"--allow-remote", "--public-url", "https://mux.example"}})
	gw := "http://" + d.Gateway
	address := authorizeURL(t, http.DefaultClient, gw, "Host: mux.example")
	status, header, text := ask(t, http.DefaultClient, "GET", address, "", "Host: mux.example")
	if status != http.StatusForbidden || header.Get("Location") != "" || !strings.Contains(text, "access key") {
		t.Errorf("authorize: %d %v %s", status, header, text)
	}
}
