package authclient

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// documentWeb fetches documents in a made-up network, where at serves https for app.example.com.
func documentWeb(t *testing.T, n *nets, at *httptest.Server) *web {
	t.Helper()
	if n.names == nil {
		n.names = map[string][]string{"app.example.com": {out}}
	}
	w := webOfPublic(n)
	w.dial, w.proxy = n.dial, noProxy
	if at != nil {
		n.listen = map[string]string{net.JoinHostPort(out, "443"): at.Listener.Addr().String()}
		w.tls.RootCAs = x509.NewCertPool()
		w.tls.RootCAs.AddCert(at.Certificate())
	}
	t.Cleanup(w.close)
	return w
}

// Anybody may name an address to the daemon: it opens none that is not public, whatever its name leads to, and by no
// redirect.
func TestDocument_IsFetchedFromThePublicInternetAlone(t *testing.T) {
	n := &nets{names: map[string][]string{
		"inward.example.com": {"10.0.0.1"}, "machine.example.com": {"127.0.0.1"}, "meta.example.com": {"169.254.169.254"}, "sunk.example.com": {"0.0.0.0"}, "mapped.example.com": {"::ffff:127.0.0.1"},
		"both.example.com": {"127.0.0.1 ::1"}, "ula.example.com": {"fd00::1"},
	}}
	w := documentWeb(t, n, nil)
	addresses := slices.Clone(inward)
	for name := range n.names {
		addresses = append(addresses, "https://"+name+"/client.json", "http://"+name+"/client.json")
	}
	for _, address := range addresses {
		if body, _, err := w.fetchPublic(t.Context(), address); err == nil {
			t.Errorf("%s: %s", address, body)
		}
	}
	if egress := n.egress(); len(egress) > 0 {
		t.Errorf("dialled %v", egress)
	}

	var asked atomic.Int64
	at := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Location", "https://app.example.com/other.json")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusFound)
		_, _ = io.WriteString(w, "{}") // the client may be gone
	}))
	t.Cleanup(at.Close)
	n = &nets{}
	if body, _, err := documentWeb(t, n, at).fetchPublic(t.Context(), "https://app.example.com/client.json"); err == nil || asked.Load() != 1 {
		t.Errorf("a redirect: %s after %d requests", body, asked.Load())
	}
	// A name that leads elsewhere the second time is looked up for each connection.
	n = &nets{names: map[string][]string{"app.example.com": {out, "127.0.0.1"}}}
	both := documentWeb(t, n, nil)
	for range 2 {
		if _, _, err := both.fetchPublic(t.Context(), "https://app.example.com/client.json"); err == nil {
			t.Error("something answered")
		}
	}
	if egress := n.egress(); !slices.Equal(egress, []string{out + ":443"}) {
		t.Errorf("dialled %v", egress)
	}
}

func TestDocument_IsShortQuickAndJSON(t *testing.T) {
	type answer struct {
		status     int
		kind, body string
	}
	answers := map[string]answer{
		"/good": {200, "application/json; charset=utf-8", `{"a":1}`}, "/kind": {200, "application/client+json", `{"a":1}`},
		"/html": {200, "text/html", `{"a":1}`}, "/none": {200, "", `{"a":1}`}, "/missing": {404, "application/json", `{}`}, "/broken": {500, "application/json", `{}`},
		"/long": {200, "application/json", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`}, "/edge": {200, "application/json", `{"a":"` + strings.Repeat("x", maxPublicDocument) + `"}`},
	}
	at := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := answers[r.URL.Path]
		w.Header()["Content-Type"] = []string{a.kind}
		w.Header().Set("Cache-Control", "max-age=600")
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body) // it is cut off where it is long
	}))
	t.Cleanup(at.Close)
	w := documentWeb(t, &nets{}, at)
	for path, a := range answers {
		body, keep, err := w.fetchPublic(t.Context(), "https://app.example.com"+path)
		if good := path == "/good" || path == "/kind"; good != (err == nil) || good && (string(body) != a.body || keep != 10*time.Minute) {
			t.Errorf("%s: %.40s, %s, %v", path, body, keep, err)
		}
	}
}

// Who answers slowly is not waited for longer than a browser's user would.
func TestDocument_IsNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := webOfPublic(&nets{names: map[string][]string{"app.example.com": {out}}})
		defer w.close()
		w.proxy = noProxy
		w.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, fmt.Errorf("dial: %w", ctx.Err())
		}
		begun := time.Now()
		if _, _, err := w.fetchPublic(t.Context(), "https://app.example.com/client.json"); err == nil {
			t.Error("something answered")
		}
		if took := time.Since(begun); took > publicTimeout {
			t.Errorf("it took %s", took)
		}
	})
}
