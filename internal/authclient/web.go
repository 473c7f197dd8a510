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
	return fmt.Sprintf("%s redirects to %s, and credentials follow no redirect", e.From, e.To)
}

// resolver looks names up; it is net.Resolver but in tests.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// web reaches what a Server's login names: metadata, registration, tokens. It knows the zone of the address that
// the user typed, and leads nowhere but there and to the public one: addresses are checked as they are written
// and again, each of them, when they are dialled.
type web struct {
	zone      zone
	names     resolver
	dial      func(ctx context.Context, network, address string) (net.Conn, error)
	transport *http.Transport
}

// newWeb looks the user's address up to find its zone: where it has several, the most private one.
func newWeb(server *url.URL, names resolver) (*web, error) {
	if server.Scheme != "http" && server.Scheme != "https" || server.Hostname() == "" {
		return nil, mcpmux.Errorf(mcpmux.CodeInvalid, "the URL of this server is not an http or https address")
	}
	if names == nil {
		names = net.DefaultResolver
	}
	w := &web{names: names, dial: (&net.Dialer{Timeout: dialTimeout}).DialContext}
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	z, known, ok := zoneOfHost(server.Hostname())
	switch {
	case !ok:
		return nil, mcpmux.Errorf(mcpmux.CodeInvalid, "the host of this server's URL is neither a name nor an address in its usual spelling")
	case known:
		w.zone = z
	default:
		w.zone = public
		addresses, err := names.LookupNetIP(ctx, "ip", server.Hostname())
		if err != nil && !proxied(server) {
			return nil, &TemporaryError{Err: fmt.Errorf("the host %s is not found", server.Hostname())}
		}
		for _, a := range addresses {
			w.zone = min(w.zone, zoneOf(a))
		}
	}
	if w.zone == never {
		return nil, mcpmux.Errorf(mcpmux.CodeInvalid, "nobody logs in to a server at %s: it is a link-local or reserved address", server.Hostname())
	}
	w.transport = &http.Transport{
		DialContext: w.dialPlain, DialTLSContext: w.dialTLS, DisableKeepAlives: true,
		MaxResponseHeaderBytes: 64 << 10, ResponseHeaderTimeout: postTimeout,
	}
	if w.zone == public {
		w.transport.Proxy = http.ProxyFromEnvironment
	}
	return w, nil
}

// proxied says that a proxy of the user's environment reaches the host, which then need not be known here.
func proxied(u *url.URL) bool {
	p, err := http.ProxyFromEnvironment(&http.Request{URL: u})
	return p != nil && err == nil
}

func (w *web) close() { w.transport.CloseIdleConnections() }

// dialPlain is for http, which stays in the user's own zone, and for a proxy that the user's environment names:
// behind one nobody here looks names up, so addresses are judged as they are written.
func (w *web) dialPlain(ctx context.Context, network, address string) (net.Conn, error) {
	if w.isProxy(address) {
		return w.dial(ctx, network, address)
	}
	return w.dialIn(ctx, network, address, func(z zone) bool { return z == w.zone && z != public })
}

// dialTLS is for https.
func (w *web) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := w.dialIn(ctx, network, address, w.zone.may)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(address) // dialIn has split it
	c := tls.Client(conn, &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12})
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the handshake says it
		return nil, err
	}
	return c, nil
}

// dialIn looks a name up and dials those of its addresses whose zone is allowed. What was looked up is what is
// dialled: a name that changes its mind in between gains nothing.
func (w *web) dialIn(ctx context.Context, network, address string, allowed func(zone) bool) (net.Conn, error) {
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
	err = unusable("%s is at no address that a login of this server may lead to", host)
	for _, a := range addresses {
		if !allowed(zoneOf(a)) {
			continue
		}
		conn, dialErr := w.dial(ctx, network, net.JoinHostPort(a.Unmap().String(), port))
		if dialErr == nil {
			return conn, nil
		}
		err = fmt.Errorf("%s cannot be reached", host)
	}
	return nil, err
}

// isProxy says whether the environment names a proxy at address.
func (w *web) isProxy(address string) bool {
	if w.transport == nil || w.transport.Proxy == nil {
		return false
	}
	for _, scheme := range []string{"http", "https"} {
		p, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: scheme, Host: "example.com"}})
		if err == nil && p != nil && hostPort(p) == address {
			return true
		}
	}
	return false
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// check says whether an address that somebody else named may be used at all: https, or http on this machine or
// within the user's own network; with a host in its usual spelling, and without a user or a fragment.
func (w *web) check(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxAddress || u.Opaque != "" || u.Host == "" || u.User != nil || u.Fragment != "" {
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
	resp, err := w.transport.RoundTrip(r)
	if err != nil {
		return answer{}, unreachable(u, err)
	}
	defer func() { _ = resp.Body.Close() }() // what was wanted of it is read
	read, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil {
		return answer{}, unreachable(u, err)
	}
	if len(read) > maxDocument {
		return answer{}, unusable("the answer of %s is larger than 1 MiB", u.Host)
	}
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
		return answer{}, &TemporaryError{RetryAfter: retryAfter(resp.Header), Err: fmt.Errorf("%s answered HTTP %d", u.Host, resp.StatusCode)}
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: read}, nil
}

// unreachable says it without the address, whose query may hold something, and without what was sent.
func unreachable(u *url.URL, err error) error {
	if bad, ok := errors.AsType[*MetadataError](err); ok {
		return bad
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &TemporaryError{Err: fmt.Errorf("%s did not answer in time", u.Host)}
	}
	return &TemporaryError{Err: fmt.Errorf("%s cannot be reached", u.Host)}
}

// retryAfter reads a number of seconds, or a date (RFC 9110 §10.2.3).
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(n, 0), 24*3600)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
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
