package authclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const (
	maxDocument     = 1 << 20 // bytes of any answer
	metadataTimeout = 10 * time.Second
	postTimeout     = 20 * time.Second
	maxRedirects    = 3
	dialTimeout     = 10 * time.Second
	maxAddress      = 2048 // characters of an address that somebody else names
	maxRetryAfter   = 24 * time.Hour
)

// TemporaryError says that it may work later: the network, a server in trouble, too many requests.
type TemporaryError struct {
	RetryAfter time.Duration // 0 where nobody named one
	Err        error
}

func (e *TemporaryError) Error() string { return e.Err.Error() }
func (e *TemporaryError) Unwrap() error { return e.Err }

// MetadataError says that a document or an address that a Server or an authorization server gave must not be used.
// Its text quotes no document.
type MetadataError struct{ Reason string }

func (e *MetadataError) Error() string { return e.Reason }

func unusable(format string, args ...any) error {
	return &MetadataError{Reason: fmt.Sprintf(format, args...)}
}

// RedirectError says that who was given credentials wants them given to somebody else. It is not followed.
type RedirectError struct{ From, To string } // hosts

func (e *RedirectError) Error() string {
	return fmt.Sprintf("%s redirects to %.200q, and credentials follow no redirect", e.From, e.To)
}

// resolver looks names up; it is net.Resolver but in tests.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// web reaches what a Server's login names: metadata, registration, tokens. It knows the zone of the address that
// the user typed, and leads nowhere but there and to the public one: addresses are checked as they are written
// and again, each of them, when they are dialled.
type web struct {
	zone  zone
	names resolver
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	proxy func(*http.Request) (*url.URL, error) // the user's environment
	tls   *tls.Config

	direct, proxied *http.Transport
}

// newWeb looks the user's address up to find its zone.
func newWeb(server *url.URL, names resolver) (*web, error) {
	w := webOfPublic(names)
	var err error
	if w.zone, err = w.zoneOfServer(server); err != nil {
		return nil, err
	}
	return w, nil
}

// webOfPublic leads to the public zone alone.
func webOfPublic(names resolver) *web {
	if names == nil {
		names = net.DefaultResolver
	}
	w := &web{
		zone: public, names: names, dial: (&net.Dialer{Timeout: dialTimeout}).DialContext, proxy: http.ProxyFromEnvironment,
		tls: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	w.direct, w.proxied = w.transport(), w.transport()
	w.direct.DialContext, w.direct.DialTLSContext = w.dialPlain, w.dialTLS
	w.proxied.Proxy = func(r *http.Request) (*url.URL, error) { return w.proxy(r) }
	w.proxied.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		return w.dial(ctx, network, address)
	}
	return w
}

// transport keeps no connection: each request dials, and each dial checks.
func (w *web) transport() *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10, ResponseHeaderTimeout: postTimeout,
		TLSClientConfig: w.tls, TLSHandshakeTimeout: dialTimeout,
	}
}

func (w *web) zoneOfServer(server *url.URL) (zone, error) {
	host := server.Hostname()
	if server.Scheme != "http" && server.Scheme != "https" || host == "" {
		return never, mcpmux.Errorf(mcpmux.CodeInvalid, "the URL of this server is not an http or https address")
	}
	z, known, ok := zoneOfHost(host)
	if !ok {
		return never, mcpmux.Errorf(mcpmux.CodeInvalid, "the host of this server's URL is neither a name nor an address in its usual spelling")
	}
	if !known {
		ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
		defer cancel()
		addresses, err := w.names.LookupNetIP(ctx, "ip", host)
		switch {
		case err == nil:
			z = zoneOfAll(addresses)
		case w.hasProxy(server): // which then knows the name, and we need not
			z = public
		default:
			return never, &TemporaryError{Err: fmt.Errorf("the host %s is not found", host)}
		}
	}
	if z == never {
		return never, mcpmux.Errorf(mcpmux.CodeInvalid, "nobody logs in to a server at %s: it is a link-local or reserved address", host)
	}
	return z, nil
}

// zoneOfAll is the most public zone of addresses: who answers for a public one may have named the private ones
// beside it, to be let in there. Those that nothing is ever sent to do not count beside others: names of a local
// network have link-local addresses too (RFC 6762 §15).
func zoneOfAll(addresses []netip.Addr) zone {
	all := never
	for _, a := range addresses {
		all = max(all, zoneOf(a))
	}
	return all
}

func (w *web) close() {
	w.direct.CloseIdleConnections()
	w.proxied.CloseIdleConnections()
}

// hasProxy says that the user's environment names a proxy for u; one that cannot be read counts, and fails.
func (w *web) hasProxy(u *url.URL) bool {
	p, err := w.proxy(&http.Request{URL: u})
	return p != nil || err != nil
}

// way is how a request goes: through the proxy of the user's environment, where there is one and the host is
// public, else directly. Behind a proxy nobody here looks names up, so a host is judged as it is written; but
// where the user's Server is not public itself, its neighbours are found by their names.
func (w *web) way(ctx context.Context, u *url.URL) *http.Transport {
	if u.Scheme != "https" || !w.hasProxy(u) {
		return w.direct // http stays in the user's own zone
	}
	z, known, _ := zoneOfHost(u.Hostname())
	switch {
	case known && z != public:
		return w.direct
	case known, w.zone == public:
		return w.proxied
	}
	addresses, err := w.names.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil || slices.ContainsFunc(addresses, func(a netip.Addr) bool { return zoneOf(a) == public }) {
		return w.proxied
	}
	return w.direct
}

// dialPlain is for http, which stays in the user's own zone.
func (w *web) dialPlain(ctx context.Context, network, address string) (net.Conn, error) {
	return w.dialIn(ctx, network, address, func(z zone) bool { return z == w.zone && z != public })
}

// dialTLS is for https.
func (w *web) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := w.dialIn(ctx, network, address, w.zone.may)
	if err != nil {
		return nil, err
	}
	config := w.tls.Clone()
	config.ServerName, _, _ = net.SplitHostPort(address) // dialIn has split it
	c := tls.Client(conn, config)
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the handshake says it
		return nil, err
	}
	return c, nil
}

// strayError says that a name is at no address that a login may lead to. It is the network's word, not that of who
// named it.
type strayError struct{ host string }

func (e *strayError) Error() string {
	return e.host + " is at no address that a login of this server may lead to"
}

// dialIn looks a name up and dials those of its addresses whose zone is allowed. What was looked up is what is
// dialled: a name that changes its mind in between gains nothing. The transport's context has no end.
func (w *web) dialIn(ctx context.Context, network, address string, allowed func(zone) bool) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	var addresses []netip.Addr
	if a, err := netip.ParseAddr(host); err == nil {
		addresses = []netip.Addr{a}
	} else if addresses, err = w.names.LookupNetIP(ctx, "ip", host); err != nil {
		return nil, fmt.Errorf("the host %s is not found", host)
	}
	addresses = slices.DeleteFunc(slices.Clone(addresses), func(a netip.Addr) bool { return !allowed(zoneOf(a)) })
	if len(addresses) == 0 {
		return nil, &strayError{host: host}
	}
	for i, a := range addresses {
		conn, err := w.dialOne(ctx, network, net.JoinHostPort(a.Unmap().String(), port), len(addresses)-i)
		if err == nil {
			return conn, nil
		}
	}
	return nil, fmt.Errorf("%s cannot be reached", host)
}

// dialOne gives one of several addresses its share of the time that is left, so that one which swallows everything
// (IPv6 of a network that has none) leaves some for the others.
func (w *web) dialOne(ctx context.Context, network, address string, left int) (net.Conn, error) {
	end, _ := ctx.Deadline() // dialIn has set it
	ctx, cancel := context.WithTimeout(ctx, time.Until(end)/time.Duration(left))
	defer cancel()
	return w.dial(ctx, network, address)
}

// check says whether an address that somebody else named may be used at all: https, or http on this machine or
// within the user's own network; with a host in its usual spelling, and without a user or a fragment.
func (w *web) check(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxAddress || u.Host == "" || u.User != nil || strings.Contains(address, "#") {
		return nil, unusable("an address that the login names is not a plain web address")
	}
	z, known, ok := zoneOfHost(u.Hostname())
	if !ok || known && !w.zone.may(z) {
		return nil, unusable("the login names %.200q, which a login of this server must not lead to", u.Host)
	}
	switch u.Scheme {
	case "https":
		return u, nil
	case "http":
		if w.zone != public && (!known || z == w.zone) {
			return u, nil // A name is held to the zone when it is dialled.
		}
	}
	return nil, unusable("the login names %.200q, which is not https", u.Scheme+"://"+u.Host)
}

// getJSON fetches a metadata document. found is false where there is none (404, 405).
func (w *web) getJSON(ctx context.Context, address string, into any) (found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	at := address
	for range maxRedirects + 1 {
		r, err := w.send(ctx, http.MethodGet, at, nil, http.Header{"Accept": {"application/json"}})
		if err != nil {
			return false, err
		}
		if r.status < 300 || r.status >= 400 {
			return readDocument(at, r, into)
		}
		if at, err = w.next(at, r); err != nil {
			return false, err
		}
	}
	return false, unusable("%s redirects too often", shown(address))
}

// next is where a metadata document is redirected to, which never is to an unencrypted place from an encrypted one.
func (w *web) next(at string, r answer) (string, error) {
	from, err := url.Parse(at)
	if err != nil {
		return "", err
	}
	to, err := from.Parse(r.header.Get("Location"))
	if err != nil || r.header.Get("Location") == "" {
		return "", unusable("%s redirects to nowhere", shown(at))
	}
	if from.Scheme == "https" && to.Scheme != "https" {
		return "", unusable("%s redirects to an address that is not encrypted", shown(at))
	}
	_, err = w.check(to.String())
	return to.String(), err
}

func readDocument(at string, r answer, into any) (bool, error) {
	switch {
	case r.status == http.StatusNotFound, r.status == http.StatusMethodNotAllowed:
		return false, nil
	case r.status != http.StatusOK:
		return false, unusable("%s answered HTTP %d instead of its metadata", shown(at), r.status)
	}
	t, _, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	if err != nil || t != "application/json" && !strings.HasSuffix(t, "+json") {
		return false, unusable("%s answered something that is not JSON", shown(at))
	}
	if err := json.Unmarshal(r.body, into); err != nil {
		return false, unusable("%s answered JSON that is no metadata", shown(at))
	}
	return true, nil
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// post sends something that may hold credentials. It follows no redirect.
func (w *web) post(ctx context.Context, address, contentType string, body []byte, header http.Header) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	h := header.Clone()
	if h == nil {
		h = make(http.Header)
	}
	h.Set("Content-Type", contentType)
	r, err := w.send(ctx, http.MethodPost, address, body, h)
	if err == nil && r.status >= 300 && r.status < 400 {
		return answer{}, &RedirectError{From: hostOf(address), To: redirectHostOf(address, r)}
	}
	return r, err
}

func redirectHostOf(at string, r answer) string {
	from, err := url.Parse(at)
	if err != nil {
		return "nowhere"
	}
	to, err := from.Parse(r.header.Get("Location"))
	if err != nil || to.Host == "" {
		return "nowhere"
	}
	return to.Host
}

// send makes one request. 5xx, 429 and trouble on the way are *TemporaryError.
func (w *web) send(ctx context.Context, method, address string, body []byte, header http.Header) (answer, error) {
	u, err := w.check(address)
	if err != nil {
		return answer{}, err
	}
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header = header
	r.GetBody = nil // a credential is sent once
	if body == nil {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	resp, err := w.way(ctx, u).RoundTrip(r)
	if err != nil {
		return answer{}, unreachable(r, err)
	}
	defer func() { _ = resp.Body.Close() }() // what was wanted of it is read
	read, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil {
		return answer{}, unreachable(r, err)
	}
	if len(read) > maxDocument {
		return answer{}, unusable("the answer of %s is larger than 1 MiB", u.Host)
	}
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
		return answer{}, &TemporaryError{RetryAfter: retryAfter(resp.Header), Err: fmt.Errorf("%s answered HTTP %d", u.Host, resp.StatusCode)}
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: read}, nil
}

// unreachable says it without the address, whose query may hold something, and without what was sent. A name that
// leads astray makes metadata unusable; where something is posted, the address was good when it was found, and what
// names lead to changes with the network (a captive portal's is all of them).
func unreachable(r *http.Request, err error) error {
	stray, ok := errors.AsType[*strayError](err)
	if ok && r.Method == http.MethodGet {
		return unusable("%v", stray)
	}
	if ok {
		return &TemporaryError{Err: stray}
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &TemporaryError{Err: fmt.Errorf("%s shows a certificate that is not trusted here", r.URL.Host)}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &TemporaryError{Err: fmt.Errorf("%s did not answer in time", r.URL.Host)}
	}
	return &TemporaryError{Err: fmt.Errorf("%s cannot be reached", r.URL.Host)}
}

// retryAfter reads a number of seconds, or a date (RFC 9110 §10.2.3).
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(n, 0), int(maxRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(time.Until(at), 0), maxRetryAfter)
	}
	return 0
}

// shown is an address for people: without its query.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an address"
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}
