package authclient

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// out is a public address; nothing in these tests reaches it.
const out = "93.184.215.14"

// nets is a network that is made up: names, and what listens where. It writes down all that is asked of it.
type nets struct {
	// mu guards the following.
	mu      sync.Mutex
	names   map[string][]string // each lookup takes an answer, space-separated addresses, until one is left
	listen  map[string]string   // "address:port" that is dialled → where something listens in truth
	looked  []string
	dialled []string
}

func (n *nets) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.looked = append(n.looked, host)
	answers := n.names[host]
	if len(answers) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(answers) > 1 {
		n.names[host] = answers[1:]
	}
	var all []netip.Addr
	for text := range strings.FieldsSeq(answers[0]) {
		all = append(all, netip.MustParseAddr(text))
	}
	return all, nil
}

func (n *nets) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dialled = append(n.dialled, address)
	to := n.listen[address]
	n.mu.Unlock()
	if to == "" {
		return nil, fmt.Errorf("nothing is at %s", address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, to)
}

func (n *nets) egress() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.dialled)
}

func noProxy(*http.Request) (*url.URL, error) { return nil, nil }

// webOf is the web of a Server's URL in a made-up network, where https is served by at (which may be nil) on port
// 443 of out, for names under example.com.
func webOf(t *testing.T, server string, n *nets, at *httptest.Server) *web {
	t.Helper()
	w, err := newWeb(parse(t, server), n)
	if err != nil {
		t.Fatal(err)
	}
	w.dial, w.proxy = n.dial, noProxy
	if at != nil {
		n.listen = map[string]string{net.JoinHostPort(out, "443"): at.Listener.Addr().String()}
		w.tls.RootCAs = x509.NewCertPool()
		w.tls.RootCAs.AddCert(at.Certificate())
	}
	t.Cleanup(w.close)
	return w
}

func publicWeb(t *testing.T, n *nets, at *httptest.Server) *web {
	t.Helper()
	if n.names == nil {
		n.names = make(map[string][]string)
	}
	n.names["mcp.example.com"] = []string{out}
	return webOf(t, "https://mcp.example.com/mcp", n, at)
}

// localWeb is for a server on this machine, which is real.
func localWeb(t *testing.T, handler http.HandlerFunc) (*web, string) {
	t.Helper()
	at := httptest.NewServer(handler)
	t.Cleanup(at.Close)
	w, err := newWeb(parse(t, at.URL), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.proxy = noProxy
	return w, at.URL
}

func parse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestNewWeb_ZoneIsThatOfTheUsersAddress(t *testing.T) {
	n := &nets{names: map[string][]string{
		"mcp.example.com": {out}, "nas.local": {"fe80::1 192.168.1.5"}, "tailnet.example.com": {"100.101.102.103"}, "both.example.com": {out + " 10.0.0.1"},
		"me.example.com": {"10.0.0.1 ::1"}, "fake.example.com": {"198.18.0.7"}, "meta.example.com": {"169.254.169.254"}, "sunk.example.com": {"0.0.0.0"},
	}}
	for address, want := range map[string]zone{
		"https://mcp.example.com/mcp": public, "https://1.1.1.1": public, "https://fake.example.com": public,
		"http://nas.local:8000/mcp": private, "https://tailnet.example.com": private, "https://both.example.com": public, "http://[fd00::1]/": private,
		"http://localhost:3000/mcp": loopback, "http://127.0.0.1": loopback, "http://me.example.com": private, "http://x.localhost": loopback,
	} {
		w, err := newWeb(parse(t, address), n)
		if err != nil || w.zone != want {
			t.Errorf("%s: %v, %v, want zone %v", address, w, err, want)
		}
	}
	for _, address := range []string{
		"https://meta.example.com", "https://sunk.example.com", "https://169.254.169.254/", "http://[fe80::1%25eth0]/", "http://0.0.0.0:80", "http://2130706433/",
		"http://0x7f.1/", "http://0177.0.0.1/", "ftp://example.com", "https:///mcp", "//example.com", "https://b\u00fccher.example/",
	} {
		if w, err := newWeb(parse(t, address), n); mcpmux.CodeOf(err) != mcpmux.CodeInvalid || w != nil {
			t.Errorf("%s: %v, %v, want it refused as invalid", address, w, err)
		}
	}
	_, err := newWeb(parse(t, "https://gone.example.com"), n)
	if _, ok := errors.AsType[*TemporaryError](err); !ok {
		t.Errorf("a name that is not found: %v, want that it may work later", err)
	}
}

func TestZoneOfServer_BehindAProxyNamesNeedNotBeKnownHere(t *testing.T) {
	w := webOf(t, "https://mcp.example.com/", &nets{names: map[string][]string{"mcp.example.com": {out}}}, nil)
	w.proxy = func(*http.Request) (*url.URL, error) { return parse(t, "http://10.0.0.9:3128"), nil }
	if z, err := w.zoneOfServer(parse(t, "https://gone.example.com")); z != public || err != nil {
		t.Errorf("zone %v, %v", z, err)
	}
}

func TestCheck_PublicServerNamesPublicHTTPSAlone(t *testing.T) {
	n := &nets{}
	w := publicWeb(t, n, nil)
	for _, address := range append(slices.Clone(nonsense), inward...) {
		if u, err := w.check(address); !isMetadata(err) || u != nil {
			t.Errorf("%q passes: %v, %v", address, u, err)
		}
	}
	for _, address := range []string{"http://example.com/", "http://mcp.example.com/mcp", "http://1.1.1.1/"} {
		if _, err := w.check(address); !isMetadata(err) {
			t.Errorf("%q passes: %v", address, err)
		}
	}
	for _, address := range []string{
		"https://example.com", "https://example.com:8443/a/b?c=d", "https://1.1.1.1/", "https://[2606:4700:4700::1111]/", "HTTPS://Example.com/", "https://example.com/$(calc)",
	} {
		if u, err := w.check(address); err != nil || u.Scheme != "https" {
			t.Errorf("%q: %v, %v", address, u, err)
		}
	}
	if len(n.egress()) > 0 || len(n.looked) > 1 {
		t.Errorf("checking dials %v and looks up %v", n.egress(), n.looked)
	}
}

// nonsense is refused whatever the user's zone (research/security.md §6 G4).
var nonsense = []string{ //nolint:gochecknoglobals // a table
	"", "javascript:alert(1)", "javascript://example.com/%0aalert(1)", "file:///etc/passwd", "file://localhost/etc/passwd", "$(calc)", "`id`", "--flag", "-e", "/authorize",
	"//example.com/authorize", "data:text/html,x", "ftp://example.com/", "ws://example.com/", "https:example.com", "https:///x", "https://", "https://:443/", "https://?x",
	"https://user@example.com/", "https://user:pass@example.com/", "https://@example.com/", "https://example.com/#", "https://example.com/#x", "https://example.com\\@10.0.0.1/",
	"https://example.com/\x00", "https://exa mple.com/", " https://example.com/", "https://example.com\r\nX: y/", "https://[::1", "https://%31%32%37.0.0.1/", "https://example.com:port/",
	"https://b\u00fccher.example/", "https://example.com%c2%9b/", "https://127\u30020\u30020\u30021/", "https://2130706433/", "https://0x7f.1/", "https://0177.0.0.1/", "https://127.1/",
	"https://1.1.1.1./", "https://169.254.169.254/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://0.0.0.0/", "https://[::]/", "https://255.255.255.255/",
	"https://[::ffff:169.254.169.254]/", "https://[64:ff9b::a9fe:a9fe]/", "https://198.18.0.1/", "https://example.com/" + strings.Repeat("a", maxAddress),
}

// inward is refused where the user's address is public (research/security.md §6 G5).
var inward = []string{ //nolint:gochecknoglobals // a table
	"https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.0.1:8443/x", "https://100.64.0.1/", "https://[fd00::1]/", "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/",
	"https://[2002:a00:1::]/", "https://127.0.0.1/", "https://localhost/", "https://LOCALHOST./", "https://x.localhost/", "https://[::1]/", "https://[::ffff:127.0.0.1]/",
	"http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[::ffff:10.0.0.1]/", "http://2130706433/", "http://0x7f.1/", "http://127.0.0.1/", "http://localhost/",
}

func TestCheck_OwnNetworkAndMachineMayBeUnencrypted(t *testing.T) {
	at := map[string]string{"private": "http://192.168.1.5/mcp", "loopback": "http://127.0.0.1:3000/mcp"}
	for address, want := range map[string]string{
		"http://192.168.1.6:9000/x": "private", "https://10.0.0.1/": "private", "http://[fd00::1]/": "private", "http://[::ffff:10.0.0.1]/": "private",
		"http://127.0.0.1:9/": "loopback", "http://localhost/": "loopback", "https://[::1]/": "loopback", "http://x.localhost/": "loopback",
		"https://example.com/": "private loopback", "https://1.1.1.1/": "private loopback", "http://nas.lan/": "private loopback", // a name is held to the zone when dialled
		"http://1.1.1.1/": "", "http://[2606:4700:4700::1111]/": "", "http://169.254.169.254/": "",
	} {
		for zone, server := range at {
			_, err := webOf(t, server, &nets{}, nil).check(address)
			if got := err == nil; got != strings.Contains(want, zone) {
				t.Errorf("%s for a server of the %s zone: %v", address, zone, err)
			}
		}
	}
	for _, address := range nonsense {
		for zone, server := range at {
			if _, err := webOf(t, server, &nets{}, nil).check(address); !isMetadata(err) {
				t.Errorf("%q passes for a server of the %s zone: %v", address, zone, err)
			}
		}
	}
}

func isMetadata(err error) bool {
	_, ok := errors.AsType[*MetadataError](err)
	_, temporary := errors.AsType[*TemporaryError](err)
	return ok && !temporary
}

func TestWeb_NothingOfAPublicServerLeadsInward(t *testing.T) {
	n := &nets{names: map[string][]string{
		"inward.example.com": {"10.0.0.1"}, "machine.example.com": {"127.0.0.1"}, "meta.example.com": {"169.254.169.254"}, "sunk.example.com": {"0.0.0.0"},
		"mapped.example.com": {"::ffff:10.0.0.1"}, "nat64.example.com": {"64:ff9b::a00:1 64:ff9b:1::7f00:1"}, "6to4.example.com": {"2002:a9fe:a9fe::"}, "ula.example.com": {"fd00::1 fe80::1%eth0"},
	}}
	w := publicWeb(t, n, nil)
	addresses := append(slices.Clone(nonsense), inward...)
	for name := range n.names {
		if name != "mcp.example.com" {
			addresses = append(addresses, "https://"+name+"/token", "http://"+name+"/token")
		}
	}
	for _, address := range addresses {
		if found, err := w.getJSON(t.Context(), address, &struct{}{}); found || !isMetadata(err) {
			t.Errorf("get %q: %v, %v", address, found, err)
		}
		if a, err := w.post(t.Context(), address, form, []byte("code=canary"), nil); err == nil || a.status != 0 || strings.Contains(err.Error(), "canary") {
			t.Errorf("post %q: %v, %v", address, a, err)
		}
	}
	if egress := n.egress(); len(egress) > 0 {
		t.Errorf("dialled %v", egress)
	}
}

func TestWeb_NothingOfALocalServerLeadsToAnotherZone(t *testing.T) {
	names := map[string][]string{"lan.example.com": {"10.0.0.1"}, "machine.example.com": {"127.0.0.1"}, "meta.example.com": {"169.254.169.254"}, "public.example.com": {out}}
	for server, addresses := range map[string][]string{
		"http://192.168.1.5/mcp":    {"https://machine.example.com/", "http://machine.example.com/", "https://meta.example.com/", "http://meta.example.com/", "http://public.example.com/", "http://localhost/"},
		"http://127.0.0.1:3000/mcp": {"https://lan.example.com/", "http://lan.example.com/", "http://meta.example.com/", "http://public.example.com/", "http://10.0.0.1/"},
	} {
		n := &nets{names: names}
		w := webOf(t, server, n, nil)
		for _, address := range addresses {
			if _, err := w.getJSON(t.Context(), address, &struct{}{}); !isMetadata(err) {
				t.Errorf("%s names %s: %v", server, address, err)
			}
		}
		if egress := n.egress(); len(egress) > 0 {
			t.Errorf("%s: dialled %v", server, egress)
		}
	}
}

func TestWeb_NameThatChangesItsMindGainsNothing(t *testing.T) {
	n := &nets{names: map[string][]string{"auth.example.com": {out, "10.0.0.1", "127.0.0.1", "169.254.169.254"}}}
	w := publicWeb(t, n, nil)
	for range 4 {
		_, err := w.getJSON(t.Context(), "https://auth.example.com/", &struct{}{})
		if err == nil {
			t.Error("something answered")
		}
	}
	n.names["mcp.example.com"] = []string{"10.0.0.1"} // the Server's own name, too
	if _, err := w.getJSON(t.Context(), "https://mcp.example.com/", &struct{}{}); !isMetadata(err) {
		t.Errorf("the server's own name: %v", err)
	}
	if egress := n.egress(); !slices.Equal(egress, []string{out + ":443"}) {
		t.Errorf("dialled %v, want %s once", egress, out)
	}
	want := []string{"mcp.example.com", "auth.example.com", "auth.example.com", "auth.example.com", "auth.example.com", "mcp.example.com"}
	if !slices.Equal(n.looked, want) {
		t.Errorf("looked up %v: a name is looked up once for each dial", n.looked)
	}
}

func TestWeb_EachAddressOfANameIsJudged(t *testing.T) {
	n := &nets{names: map[string][]string{"auth.example.com": {"::ffff:10.0.0.1 64:ff9b::a00:1 fd00::1 127.0.0.1 2606:4700::1 " + out + " ::ffff:1.1.1.1"}}}
	w := publicWeb(t, n, nil)
	_, err := w.getJSON(t.Context(), "https://auth.example.com:8443/", &struct{}{})
	if _, ok := errors.AsType[*TemporaryError](err); !ok {
		t.Error(err)
	}
	if egress := n.egress(); !slices.Equal(egress, []string{"[2606:4700::1]:8443", out + ":8443", "1.1.1.1:8443"}) {
		t.Errorf("dialled %v", egress)
	}
}

func TestPost_NameThatLeadsAstrayIsForNow(t *testing.T) {
	n := &nets{names: map[string][]string{"auth.example.com": {"10.0.0.1"}}}
	_, err := publicWeb(t, n, nil).post(t.Context(), "https://auth.example.com/token", form, nil, nil)
	if _, ok := errors.AsType[*TemporaryError](err); !ok || isMetadata(err) || len(n.egress()) > 0 {
		t.Errorf("%v, dialled %v: a captive portal would end every login", err, n.egress())
	}
}

func TestDialIn_AddressThatSwallowsEverythingLeavesTimeForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &nets{names: map[string][]string{"mcp.example.com": {"2606:4700::1 " + out}}}
		w := webOf(t, "https://mcp.example.com", n, nil)
		here, there := net.Pipe()
		defer here.Close()
		defer there.Close()
		w.dial = func(ctx context.Context, _, address string) (net.Conn, error) {
			if strings.HasPrefix(address, out) {
				return here, nil
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		began := time.Now()
		if conn, err := w.dialIn(context.Background(), "tcp", "mcp.example.com:443", w.zone.may); conn != here || err != nil {
			t.Errorf("%v, %v", conn, err)
		}
		if took := time.Since(began); took != dialTimeout/2 {
			t.Errorf("the first address had %v", took)
		}
		w.dial = func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		began = time.Now()
		if _, err := w.dialIn(context.Background(), "tcp", "mcp.example.com:443", w.zone.may); err == nil || time.Since(began) != dialTimeout {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestWeb_WaitsNoLongerThanItShould(t *testing.T) {
	for name, call := range map[string]func(w *web) (time.Duration, error){
		"get": func(w *web) (time.Duration, error) {
			_, err := w.getJSON(context.Background(), "http://127.0.0.1:1/", &struct{}{})
			return metadataTimeout, err
		},
		"post": func(w *web) (time.Duration, error) {
			_, err := w.post(context.Background(), "http://127.0.0.1:1/", form, []byte("x"), nil)
			return postTimeout, err
		},
	} {
		for _, sends := range []string{"", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"} {
			synctest.Test(t, func(t *testing.T) {
				w := webOf(t, "http://127.0.0.1:1/", &nets{}, nil)
				var servers sync.WaitGroup
				w.dial = func(context.Context, string, string) (net.Conn, error) {
					here, there := net.Pipe()
					servers.Go(func() { silent(there, sends) })
					return here, nil
				}
				began := time.Now()
				want, err := call(w)
				_, ok := errors.AsType[*TemporaryError](err)
				if took := time.Since(began); !ok || took != want || err.Error() != "127.0.0.1:1 did not answer in time" {
					t.Errorf("%s (%q): %v after %v, want %v", name, sends, err, took, want)
				}
				servers.Wait()
			})
		}
	}
}

// silent reads a request, sends what it is to send, and waits until the other side has had enough.
func silent(c net.Conn, sends string) {
	defer func() { _ = c.Close() }()
	if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(c, sends)
	}
	_, _ = io.Copy(io.Discard, c)
}

func TestGetJSON_OnlyNotFoundMovesOn(t *testing.T) {
	const canary, good = `canary-of-a-body`, `{"name":"x"}`
	for name, c := range map[string]struct {
		status      int
		kind, body  string
		found       bool
		later       bool
		unusable    bool
		retry, want string
	}{
		"good":                {status: 200, kind: "application/json", body: good, found: true},
		"with a charset":      {status: 200, kind: "Application/JSON; charset=utf-8", body: good, found: true},
		"a kind of JSON":      {status: 200, kind: "application/oauth-authz-server+json", body: good, found: true},
		"not found":           {status: 404, kind: "text/html", body: canary},
		"no GET":              {status: 405},
		"unauthorized":        {status: 401, unusable: true},
		"forbidden":           {status: 403, unusable: true},
		"gone":                {status: 410, unusable: true},
		"bad request":         {status: 400, kind: "application/json", body: canary, unusable: true},
		"no content":          {status: 204, unusable: true},
		"created":             {status: 201, kind: "application/json", body: good, unusable: true},
		"not modified":        {status: 304, unusable: true},
		"in trouble":          {status: 500, body: canary, later: true},
		"away":                {status: 503, retry: "7", later: true, want: "7s"},
		"too many requests":   {status: 429, retry: "60", later: true, want: "1m0s"},
		"very many requests":  {status: 429, retry: "99999999", later: true, want: "24h0m0s"},
		"many in the past":    {status: 429, retry: "-5", later: true},
		"until a date":        {status: 503, retry: "Fri, 01 Jan 2100 00:00:00 GMT", later: true, want: "24h0m0s"},
		"until a past date":   {status: 503, retry: "Fri, 01 Jan 2010 00:00:00 GMT", later: true},
		"until some day":      {status: 503, retry: canary, later: true},
		"a page":              {status: 200, kind: "text/html", body: "<p>" + canary, unusable: true},
		"a page that is JSON": {status: 200, kind: "text/html", body: good, unusable: true},
		"of no kind":          {status: 200, kind: "-", body: good, unusable: true},
		"an image of JSON":    {status: 200, kind: "image/json", body: good, unusable: true},
		"broken":              {status: 200, kind: "application/json", body: `{"name":"` + canary, unusable: true},
		"two":                 {status: 200, kind: "application/json", body: good + good, unusable: true},
		"nothing":             {status: 200, kind: "application/json", unusable: true},
		"a list":              {status: 200, kind: "application/json", body: `["` + canary + `"]`, unusable: true},
		"of other types":      {status: 200, kind: "application/json", body: `{"name":["` + canary + `"]}`, unusable: true},
		"1 MiB":               {status: 200, kind: "application/json", body: `{"name":"` + strings.Repeat("x", maxDocument-11) + `"}`, found: true},
		"more than 1 MiB":     {status: 200, kind: "application/json", body: `{"name":"` + strings.Repeat("x", maxDocument-10) + `"}`, unusable: true},
	} {
		t.Run(name, func(t *testing.T) {
			w, at := localWeb(t, func(rw http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.Header.Get("Accept") != "application/json" || r.ContentLength != 0 {
					t.Errorf("asked by %s, Accept %q", r.Method, r.Header.Get("Accept"))
				}
				rw.Header().Set("Content-Type", c.kind)
				if c.kind == "-" {
					rw.Header()["Content-Type"] = nil
				}
				if c.retry != "" {
					rw.Header().Set("Retry-After", c.retry)
				}
				rw.WriteHeader(c.status)
				_, _ = io.WriteString(rw, c.body) // a status may forbid it
			})
			var into struct{ Name string }
			found, err := w.getJSON(t.Context(), at+"/meta?key="+canary, &into)
			later, isLater := errors.AsType[*TemporaryError](err)
			if found != c.found || isLater != c.later || isMetadata(err) != c.unusable || (err == nil) != (!c.later && !c.unusable) {
				t.Errorf("found %v, %v", found, err)
			}
			if isLater && c.want != "" && later.RetryAfter.String() != c.want || isLater && c.want == "" && later.RetryAfter != 0 {
				t.Errorf("retry after %v, want %q", later.RetryAfter, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("the error quotes what it must not: %v", err)
			}
			if c.found && into.Name == "" {
				t.Error("nothing was read")
			}
		})
	}
}

func TestGetJSON_HeadersAreBounded(t *testing.T) {
	w, at := localWeb(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.Header().Set("X-Large", strings.Repeat("x", 70<<10))
	})
	_, err := w.getJSON(t.Context(), at, &struct{}{})
	if _, ok := errors.AsType[*TemporaryError](err); !ok {
		t.Errorf("a header of 70 KiB: %v", err)
	}
}

func TestGetJSON_FollowsThreeRedirects(t *testing.T) {
	for hops, want := range map[string]bool{"/3": true, "/4": false} {
		var asked atomic.Int32
		w, at := localWeb(t, func(rw http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			if r.URL.Path == "/0" {
				rw.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(rw, `{}`)
				return
			}
			rw.Header().Set("Location", fmt.Sprintf("%c", r.URL.Path[1]-1)) // relative
			rw.WriteHeader(http.StatusFound)
		})
		found, err := w.getJSON(t.Context(), at+hops, &struct{}{})
		if found != want || isMetadata(err) == want || asked.Load() != 4 {
			t.Errorf("%s: found %v, %v, asked %d times", hops, found, err, asked.Load())
		}
	}
}

func TestGetJSON_RedirectsStayWhereTheyMay(t *testing.T) {
	var location atomic.Value
	at := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/here" {
			rw.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(rw, `{}`)
			return
		}
		if to, _ := location.Load().(string); to != "" {
			rw.Header()["Location"] = []string{to}
		}
		rw.WriteHeader(http.StatusMovedPermanently)
	}))
	defer at.Close()
	n := &nets{names: map[string][]string{"other.example.com": {out}, "inward.example.com": {"10.0.0.1"}}}
	w := publicWeb(t, n, at)
	for _, to := range []string{"/here", "here", "//other.example.com/here", "https://other.example.com/here"} {
		location.Store(to)
		if found, err := w.getJSON(t.Context(), "https://mcp.example.com/meta", &struct{}{}); !found || err != nil {
			t.Errorf("redirect to %q: %v, %v", to, found, err)
		}
	}
	before := len(n.egress())
	refused := append([]string{"", "http://mcp.example.com/here", "http://other.example.com/here", "https://inward.example.com/here", "//10.0.0.1/here", "https:here", "/here#x"}, inward...)
	for _, to := range refused {
		location.Store(to)
		if found, err := w.getJSON(t.Context(), "https://mcp.example.com/meta", &struct{}{}); found || !isMetadata(err) {
			t.Errorf("redirect to %q: %v, %v", to, found, err)
		}
	}
	for _, address := range n.egress()[before:] {
		if address != out+":443" {
			t.Errorf("dialled %s", address)
		}
	}
	if asked := len(n.egress()) - before; asked != len(refused) {
		t.Errorf("asked %d times for %d redirects that are refused", asked, len(refused))
	}
}

func TestGetJSON_EncryptedStaysEncryptedOnTheOwnMachine(t *testing.T) {
	var asked atomic.Int32
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer plain.Close()
	at := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer at.Close()
	w := webOf(t, at.URL, &nets{}, at)
	w.dial = (&net.Dialer{}).DialContext
	if _, err := w.getJSON(t.Context(), at.URL, &struct{}{}); !isMetadata(err) || asked.Load() > 0 {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
}

func TestWeb_CertificatesCount(t *testing.T) {
	var asked atomic.Int32
	at := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	at.Config.ErrorLog = log.New(io.Discard, "", 0)
	at.StartTLS()
	defer at.Close()
	n := &nets{names: map[string][]string{"auth.example.org": {out}}}
	w := publicWeb(t, n, at)
	_, err := w.post(t.Context(), "https://auth.example.org/token", form, []byte("code=x"), nil) // the certificate is example.com's
	if _, ok := errors.AsType[*TemporaryError](err); !ok || !strings.Contains(err.Error(), "certificate") || asked.Load() > 0 {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
	w.tls.RootCAs = x509.NewCertPool()
	if _, err := w.getJSON(t.Context(), "https://mcp.example.com/", &struct{}{}); err == nil || asked.Load() > 0 {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
}

func TestPost_CredentialsFollowNoRedirect(t *testing.T) {
	var reached atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer target.Close()
	for _, status := range []int{300, 301, 302, 303, 304, 307, 308, 399} {
		for _, location := range []string{target.URL + "/steal?canary", "/again?canary", "", "http://%zz/canary"} {
			var asked atomic.Int32
			w, at := localWeb(t, func(rw http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				rw.Header().Set("Location", location)
				rw.WriteHeader(status)
			})
			a, err := w.post(t.Context(), at+"/token?canary", form, []byte("client_secret=canary"), http.Header{"Authorization": {"Basic canary"}})
			away, ok := errors.AsType[*RedirectError](err)
			if !ok || a.status != 0 || a.body != nil || asked.Load() != 1 || strings.Contains(err.Error(), "canary") {
				t.Fatalf("%d to %q: %v, %v, asked %d times", status, location, a, err, asked.Load())
			}
			if away.From != parse(t, at).Host || location == target.URL+"/steal?canary" && away.To != parse(t, target.URL).Host {
				t.Errorf("%d to %q: %+v", status, location, away)
			}
		}
	}
	if reached.Load() > 0 {
		t.Errorf("the target was asked %d times", reached.Load())
	}
}

func TestPost_AnswersAreGivenAsTheyAreOnce(t *testing.T) {
	for status, later := range map[int]bool{200: false, 201: false, 400: false, 401: false, 404: false, 429: true, 500: true, 502: true, 503: true} {
		var asked atomic.Int32
		w, at := localWeb(t, func(rw http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			body, _ := io.ReadAll(r.Body)
			if r.Method != http.MethodPost || string(body) != "code=secret" || r.Header.Get("Content-Type") != form || r.Header.Get("Authorization") != "Basic x" || r.Header.Get("Cookie") != "" {
				t.Errorf("got %s %q %v", r.Method, body, r.Header)
			}
			rw.Header().Set("Set-Cookie", "a=b")
			rw.WriteHeader(status)
			_, _ = io.WriteString(rw, "canary")
		})
		header := http.Header{"Authorization": {"Basic x"}}
		for range 2 {
			a, err := w.post(t.Context(), at+"/token", form, []byte("code=secret"), header)
			if _, ok := errors.AsType[*TemporaryError](err); ok != later || !later && (err != nil || a.status != status || string(a.body) != "canary") {
				t.Errorf("%d: %v, %v", status, a, err)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("the error quotes the answer: %v", err)
			}
		}
		if asked.Load() != 2 || len(header) != 1 {
			t.Errorf("%d: asked %d times for 2 posts; the caller's header is %v", status, asked.Load(), header)
		}
	}
}

func TestPost_IsNotRepeatedWhereTheAnswerIsLost(t *testing.T) {
	var asked atomic.Int32
	w, at := localWeb(t, func(rw http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		conn, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close()
	})
	_, err := w.post(t.Context(), at, form, []byte("code=secret"), nil)
	if _, ok := errors.AsType[*TemporaryError](err); !ok || asked.Load() != 1 || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
}

func TestPost_AnswerIsBounded(t *testing.T) {
	for size, ok := range map[int]bool{maxDocument: true, maxDocument + 1: false} {
		w, at := localWeb(t, func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, strings.Repeat("x", size)) })
		a, err := w.post(t.Context(), at, form, nil, nil)
		if ok != (err == nil) || !ok && !isMetadata(err) || ok && len(a.body) != size {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestWeb_ProxyIsForPublicHosts(t *testing.T) {
	names := map[string][]string{
		"mcp.example.com": {out}, "nas.lan": {"192.168.1.5"}, "auth.lan": {"192.168.1.6"}, "auth.example.com": {out}, "inward.example.com": {"127.0.0.1"}, "localhost": {"127.0.0.1"},
	}
	for server, hosts := range map[string]map[string]bool{
		"https://mcp.example.com": {
			"https://auth.example.com/": true, "https://unknown.example.com/": true, "https://1.1.1.1/": true, "https://inward.example.com/": true, // unseen behind a proxy
			"https://10.0.0.1/": false, "https://localhost/": false, "http://auth.example.com/": false, "https://169.254.169.254/": false,
		},
		"http://nas.lan:8000": {
			"https://auth.example.com/": true, "https://unknown.example.com/": true, "https://1.1.1.1/": true,
			"https://auth.lan/": false, "http://auth.lan/": false, "https://192.168.1.7/": false, "https://inward.example.com/": false, "http://unknown.example.com/": false,
		},
		"http://127.0.0.1:3000": {"https://auth.example.com/": true, "https://auth.lan/": false, "https://localhost:9000/": false, "http://127.0.0.1:9000/": false},
	} {
		w := webOf(t, server, &nets{names: names}, nil)
		w.proxy = func(*http.Request) (*url.URL, error) { return &url.URL{Scheme: "http", Host: "10.0.0.9:3128"}, nil }
		for host, want := range hosts {
			if got := w.way(t.Context(), parse(t, host)) == w.proxied; got != want {
				t.Errorf("%s for %s goes through the proxy: %v, want %v", host, server, got, want)
			}
		}
		w.proxy = noProxy
		for host := range hosts {
			if w.way(t.Context(), parse(t, host)) != w.direct {
				t.Errorf("%s for %s goes through a proxy that there is not", host, server)
			}
		}
	}
}

func TestWeb_ProxyIsAskedForHostsAndNobodyLooksThemUp(t *testing.T) {
	at := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, `{}`)
	}))
	defer at.Close()
	asked := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		tunnel(t, rw, at.Listener.Addr().String())
	}))
	defer proxy.Close()
	n := &nets{}
	w := publicWeb(t, n, at)
	there := parse(t, proxy.URL)
	w.proxy = func(*http.Request) (*url.URL, error) { return there, nil }
	n.listen[there.Host] = there.Host
	if found, err := w.getJSON(t.Context(), "https://unknown.example.com/x", &struct{}{}); !found || err != nil {
		t.Errorf("%v, %v", found, err)
	}
	for _, address := range inward {
		if _, err := w.getJSON(t.Context(), address, &struct{}{}); !isMetadata(err) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if got := <-asked; got != "CONNECT unknown.example.com:443" || len(asked) > 0 {
		t.Errorf("the proxy was asked to %s, and %d times more", got, len(asked))
	}
	if !slices.Equal(n.egress(), []string{there.Host}) || len(n.looked) != 1 {
		t.Errorf("dialled %v, looked up %v", n.egress(), n.looked)
	}
}

// tunnel does as a proxy that is asked to CONNECT, to an address of its own choice.
func tunnel(t *testing.T, rw http.ResponseWriter, to string) {
	t.Helper()
	there, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = there.Close() }()
	here, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = here.Close() }()
	_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(there, here)
		_ = there.Close()
	}()
	_, _ = io.Copy(here, there)
}

func TestWeb_ProxyThatCannotBeReadFails(t *testing.T) {
	n := &nets{}
	w := publicWeb(t, n, nil)
	w.proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New("canary") }
	_, err := w.getJSON(t.Context(), "https://auth.example.com/", &struct{}{})
	if err == nil || strings.Contains(err.Error(), "canary") || len(n.egress()) > 0 {
		t.Errorf("%v, dialled %v", err, n.egress())
	}
}
