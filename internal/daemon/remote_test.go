package daemon

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/authserver"
	"github.com/mcpmux/mcpmux/internal/guard"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// certificate writes a certificate of no name, and its key.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestBindings_OtherMachinesComeOnlyWhereTheUserSaidSoAndHowItStaysSecret(t *testing.T) {
	cert, key := certificate(t)
	const near, nearDash, far, farDash, all, url = "localhost:1", "localhost:2", "192.0.2.1:1", "192.0.2.1:2", "0.0.0.0:1", "https://mux.example"
	type want struct {
		wrong         string // part of the error, else the binding is made:
		remote, tls   bool
		public, pages string // of gateway and dashboard
	}
	for _, tc := range []struct {
		name          string
		gateway, dash string
		opt           Options
		want          want
	}{
		{"loopback", near, nearDash, Options{}, want{}},
		{"loopback, allowed", near, nearDash, Options{AllowRemote: true}, want{}},
		{"not allowed", far, nearDash, Options{}, want{wrong: "--allow-remote"}},
		{"not allowed, with TLS", far, nearDash, Options{TLSCert: cert, TLSKey: key}, want{wrong: "--allow-remote"}},
		{"not allowed, dashboard", near, farDash, Options{}, want{wrong: "--dashboard-addr 192.0.2.1:2"}},
		{"not allowed, every address", ":1", nearDash, Options{}, want{wrong: "--allow-remote"}},
		{"not allowed, another of loopback", "127.0.0.2:1", nearDash, Options{}, want{wrong: "--allow-remote"}},
		{"not allowed, public", near, nearDash, Options{PublicURL: url}, want{wrong: "--public-url https://mux.example"}},
		{"allowed alone", far, nearDash, Options{AllowRemote: true}, want{wrong: "--tls-cert"}},
		{"allowed alone, dashboard", near, farDash, Options{AllowRemote: true}, want{wrong: "--public-dashboard-url"}},
		{"TLS", far, nearDash, Options{AllowRemote: true, TLSCert: cert, TLSKey: key}, want{remote: true, tls: true}},
		{"TLS, every address, no name", all, nearDash, Options{AllowRemote: true, TLSCert: cert, TLSKey: key}, want{wrong: "--public-url"}},
		{"TLS, every address", all, nearDash, Options{AllowRemote: true, TLSCert: cert, TLSKey: key, PublicURL: url + ":1"}, want{remote: true, tls: true, public: url + ":1"}},
		{"TLS, nothing to use it", near, nearDash, Options{AllowRemote: true, TLSCert: cert, TLSKey: key}, want{wrong: "leave them out"}},
		{"TLS, half", far, nearDash, Options{AllowRemote: true, TLSCert: cert}, want{wrong: "go together"}},
		{"TLS, no file", far, nearDash, Options{AllowRemote: true, TLSCert: cert + "x", TLSKey: key}, want{wrong: "no such file"}},
		{"TLS, not a pair", far, nearDash, Options{AllowRemote: true, TLSCert: key, TLSKey: cert}, want{wrong: "--tls-cert"}},
		{"proxy", all, nearDash, Options{AllowRemote: true, PublicURL: url}, want{remote: true, public: url}},
		{"proxy on this machine", near, nearDash, Options{AllowRemote: true, PublicURL: url + "/"}, want{public: url}},
		{"proxy at the usual port", near, nearDash, Options{AllowRemote: true, PublicURL: "https://MUX.example:443"}, want{public: url}},
		{"proxy, both", near, nearDash, Options{AllowRemote: true, PublicURL: url, PublicDashboardURL: url + ":8443"}, want{public: url, pages: url + ":8443"}},
		{"proxy, two hosts", near, nearDash, Options{AllowRemote: true, PublicURL: url, PublicDashboardURL: "https://dash.example"}, want{wrong: "same host name"}},
		{"TLS and proxy, two hosts", far, nearDash, Options{AllowRemote: true, TLSCert: cert, TLSKey: key, PublicDashboardURL: url}, want{wrong: "same host name"}},
		{"proxy without TLS", all, nearDash, Options{AllowRemote: true, PublicURL: "http://mux.example"}, want{wrong: "https://"}},
		{"proxy under a path", all, nearDash, Options{AllowRemote: true, PublicURL: url + "/mcp"}, want{wrong: "without a path"}},
		{"proxy with a query", all, nearDash, Options{AllowRemote: true, PublicURL: url + "?a"}, want{wrong: "without a path"}},
		{"proxy with a user", all, nearDash, Options{AllowRemote: true, PublicURL: "https://me@mux.example"}, want{wrong: "without a path"}},
		{"proxy that is no address", all, nearDash, Options{AllowRemote: true, PublicURL: "mux.example"}, want{wrong: "without a path"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, d, err := tc.opt.bindings(tc.gateway, tc.dash, slog.New(slog.DiscardHandler))
			if tc.want.wrong != "" {
				if mcpmux.CodeOf(err) != mcpmux.CodeInvalid || !strings.Contains(err.Error(), tc.want.wrong) {
					t.Errorf("want an error that says %q, got %v", tc.want.wrong, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if g.Addr != tc.gateway || g.Remote != tc.want.remote || (g.TLS != nil) != tc.want.tls || g.Public != tc.want.public {
				t.Errorf("the gateway is at %+v", g)
			}
			if d.Addr != tc.dash || d.Remote || d.TLS != nil || d.Public != tc.want.pages {
				t.Errorf("the dashboard is at %+v", d)
			}
		})
	}
}

func TestChallenge_AnotherMachineTriesSoManyBadCredentialsInAMinute(t *testing.T) {
	d := &daemon{verify: authserver.NewVerifier(time.Now)}
	f := &front{failed: guard.NewLimiter(failedRate, failedRate), identify: d.identify, audit: func(mcpmux.Activity) {}}
	f.authority = authserver.New(authserver.Config{Origins: func() []string { return []string{"https://mux.example"} }})
	try := func(from string, err error) *httptest.ResponseRecorder {
		r, w := httptest.NewRequest(http.MethodPost, "https://mux.example/mcp", nil), httptest.NewRecorder()
		r.RemoteAddr = from
		f.challenge(w, r, err)
		return w
	}
	for i := range failedRate {
		if w := try("192.0.2.1:"+strconv.Itoa(1000+i), authserver.ErrInvalid); w.Code != http.StatusUnauthorized {
			t.Fatalf("%d: %d", i, w.Code)
		}
	}
	if w := try("192.0.2.1:5", authserver.ErrInvalid); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "2" {
		t.Errorf("one more: %d %v", w.Code, w.Header())
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"another machine":   try("192.0.2.2:5", authserver.ErrInvalid),
		"without one":       try("192.0.2.1:5", authserver.ErrNoCredential),
		"this machine":      try("127.0.0.1:5", authserver.ErrInvalid),
		"this machine, too": try("[::1]:5", authserver.ErrInvalid),
	} {
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	for range 2 * failedRate { // all of this machine have one address
		try("127.0.0.1:5", authserver.ErrInvalid)
	}
	if w := try("127.0.0.1:5", authserver.ErrInvalid); w.Code != http.StatusUnauthorized {
		t.Errorf("this machine, often: %d", w.Code)
	}
}
