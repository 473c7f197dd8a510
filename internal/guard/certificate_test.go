package guard

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate makes a certificate for name and writes it and its key, at a time.
func writeCertificate(t *testing.T, dir, name string, at time.Time) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := errors.Join(os.WriteFile(file, pem.EncodeToMemory(block), 0o600), os.Chtimes(file, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// nameOf is for whom a certificate is.
func nameOf(t *testing.T, c *tls.Certificate) string {
	t.Helper()
	cert, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return cert.DNSNames[0]
}

func TestCertificate_IsReadAgainWhenItIsReplaced(t *testing.T) {
	dir, day := t.TempDir(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	certFile, keyFile := writeCertificate(t, dir, "first.example", day)
	now := day
	c := &certificate{certFile: certFile, keyFile: keyFile, log: slog.New(slog.DiscardHandler), now: func() time.Time { return now }}
	first, err := c.load()
	if err != nil {
		t.Fatal(err)
	}
	c.current.Store(first)
	served := func() string {
		got, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return nameOf(t, got)
	}
	writeCertificate(t, dir, "second.example", day.Add(time.Hour))
	now = now.Add(certificateEvery)
	if got := served(); got != "second.example" {
		t.Errorf("a minute later it is that of %s", got)
	}
	if err := os.WriteFile(keyFile, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(certificateEvery)
	if got := served(); got != "second.example" {
		t.Errorf("with a broken key it is that of %s", got)
	}
}

func TestCertificate_ErrorsNameTheFlags(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := writeCertificate(t, dir, "a.example", time.Now())
	for _, files := range [][2]string{{certFile, "none"}, {"none", keyFile}, {keyFile, certFile}} {
		if _, err := Certificate(files[0], files[1], slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "--tls-cert") {
			t.Errorf("%v: %v", files, err)
		}
	}
}

// What holds without TLS holds with it: hosts, origins, slow bodies.
func TestListener_WithTLSHoldsWhatItHoldsWithout(t *testing.T) {
	certFile, keyFile := writeCertificate(t, t.TempDir(), "mux.example", time.Now())
	conf, err := Certificate(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen(t.Context(), Binding{Addr: "localhost:0", TLS: conf, Public: "https://mux.example"})
	if err != nil {
		t.Fatal(err)
	}
	l.conns.bodies = 1
	srv := Server(Guard(l.Config())(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, "half", http.StatusBadRequest)
			return
		}
		fine(w, r)
	})), slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() { ended <- l.Serve(srv) }()
	defer func() {
		_ = srv.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	pem, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	dialTLS := func(ctx context.Context) net.Conn {
		nc, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: "mux.example"}}).DialContext(ctx, "tcp", l.socks[0].Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return nc
	}
	ask := func(lines ...string) string {
		nc := dialTLS(t.Context())
		defer func() { _ = nc.Close() }()
		if _, err := io.WriteString(nc, "POST / HTTP/1.1\r\n"+strings.Join(lines, "\r\n")+"\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(nc) // what came is looked at
		return string(text)
	}
	port := l.socks[0].Addr().String()[len("127.0.0.1"):]
	for _, tc := range []struct {
		want  string
		lines []string
	}{
		{"204", []string{"Host: mux.example"}},
		{"204", []string{"Host: mux.example:443"}},
		{"204", []string{"Host: localhost" + port}},
		{"403", []string{"Host: mux.example:444"}},
		{"403", []string{"Host: other.example"}},
		{"204", []string{"Host: mux.example", "Origin: https://mux.example"}},
		{"403", []string{"Host: mux.example", "Origin: http://mux.example"}},
		{"204", []string{"Host: mux.example", "Origin: https://localhost" + port}},
		{"403", []string{"Host: mux.example", "Origin: http://localhost" + port}},
	} {
		if got := ask(tc.lines...); !strings.HasPrefix(got, "HTTP/1.1 "+tc.want) {
			t.Errorf("%q: want %s, got %.100s", tc.lines, tc.want, got)
		}
	}
	slow := dialTLS(t.Context())
	defer func() { _ = slow.Close() }()
	if _, err := io.WriteString(slow, "POST / HTTP/1.1\r\nHost: mux.example\r\nContent-Length: 5\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, l, func(cs *conns) bool { return cs.slow.len == 1 })
	slower := dialTLS(t.Context())
	defer func() { _ = slower.Close() }()
	if _, err := io.WriteString(slower, "POST / HTTP/1.1\r\nHost: mux.example\r\nContent-Length: 5\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(slow); !strings.HasPrefix(string(text), "HTTP/1.1 503") {
		t.Errorf("the older of two slow bodies: %.100s", text)
	}
}
