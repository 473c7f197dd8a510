package daemon

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/mcpmux/mcpmux/internal/guard"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/page"
)

// reach is one listener as the command line wants it.
type reach struct {
	what             string // for people
	addr             string
	flag, publicFlag string
	public           string
}

// bindings says where the two listeners open.
//
// Other machines reach an address only if the user says so (--allow-remote) and says how what is sent there stays
// secret: by TLS of ours (--tls-cert, --tls-key), or by a proxy that speaks TLS, named by the origin that clients use
// (--public-url, --public-dashboard-url). Access keys and tokens go there in every request; without either, everybody
// on the way reads them. Nothing switches off that a request must prove who sends it, and this does neither.
func (o *Options) bindings(gatewayAddr, dashboardAddr string, log *slog.Logger) (gateway, dashboard guard.Binding, err error) {
	secure, err := o.tls(log)
	if err != nil {
		return gateway, dashboard, err
	}
	if gateway, err = o.binding(reach{"gateway", gatewayAddr, "--gateway-addr", "--public-url", o.PublicURL}, secure); err != nil {
		return gateway, dashboard, err
	}
	if dashboard, err = o.binding(reach{"dashboard", dashboardAddr, "--dashboard-addr", "--public-dashboard-url", o.PublicDashboardURL}, secure); err != nil {
		return gateway, dashboard, err
	}
	gateway.Log, dashboard.Log = log, log
	if secure != nil && gateway.TLS == nil && dashboard.TLS == nil {
		return gateway, dashboard, wrongUse("--tls-cert and --tls-key are for addresses that other machines reach, and neither --gateway-addr nor --dashboard-addr is one; leave them out, or add such an address and --allow-remote")
	}
	if a, b := publicHostname(gateway), publicHostname(dashboard); a != "" && b != "" && a != b {
		return gateway, dashboard, wrongUse("other machines reach the gateway as %s and the dashboard as %s: both need the same host name (with different ports), since a browser that asks at the one shows by a cookie of that host that it is the same one at the other", a, b)
	}
	return gateway, dashboard, nil
}

func (o *Options) tls(log *slog.Logger) (*tls.Config, error) {
	if o.TLSCert == "" && o.TLSKey == "" {
		return nil, nil //nolint:nilnil // none is wanted
	}
	if o.TLSCert == "" || o.TLSKey == "" {
		return nil, wrongUse("--tls-cert and --tls-key go together: the certificate and its key, both as PEM")
	}
	c, err := guard.Certificate(o.TLSCert, o.TLSKey, log)
	if err != nil {
		return nil, wrongUse("%v", err)
	}
	return c, nil
}

// binding is one listener's.
func (o *Options) binding(r reach, secure *tls.Config) (guard.Binding, error) {
	b := guard.Binding{Addr: r.addr}
	var err error
	if b.Public, err = publicOrigin(r.publicFlag, r.public); err != nil {
		return b, err
	}
	const how = "pass --allow-remote with --tls-cert and --tls-key, or with %s for a proxy that speaks TLS"
	switch remote := !b.Loopback(); {
	case !remote && b.Public == "":
		return b, nil
	case !o.AllowRemote && remote:
		return b, wrongUse("%s %s: other machines could reach the %s there. If that is wanted, "+how+"; else use localhost", r.flag, r.addr, r.what, r.publicFlag)
	case !o.AllowRemote:
		return b, wrongUse("%s %s: other machines reach the %s by it. If that is wanted, pass --allow-remote", r.publicFlag, r.public, r.what)
	case remote && secure == nil && b.Public == "":
		return b, wrongUse("%s %s: everybody on the way would read access keys and tokens. Pass --tls-cert and --tls-key, or %s https://… if a proxy before the %s speaks TLS", r.flag, r.addr, r.publicFlag, r.what)
	case remote && b.Public == "" && b.Wildcard():
		return b, wrongUse("%s %s is every address of this machine: say by %s https://… which one clients use; requests to others are refused", r.flag, r.addr, r.publicFlag)
	case remote:
		b.Remote, b.TLS = true, secure
	}
	return b, nil
}

// publicOrigin reads an origin that other machines use: https, a host, maybe a port.
func publicOrigin(flag, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(text, "?# ") || strings.Trim(u.Path, "/") != "" {
		return "", wrongUse("%s %s: it is https://HOST or https://HOST:PORT, without a path", flag, text)
	}
	if u.Scheme != "https" {
		return "", wrongUse("%s %s: it begins with https://, since access keys and tokens are sent there", flag, text)
	}
	return "https://" + strings.TrimSuffix(strings.ToLower(u.Host), ":443"), nil
}

// publicHostname is the host by which other machines reach a listener, "" where none does.
func publicHostname(b guard.Binding) string {
	if u, err := url.Parse(b.Public); err == nil && b.Public != "" {
		return u.Hostname()
	}
	if b.Loopback() {
		return ""
	}
	host, _, _ := net.SplitHostPort(b.Addr) // it was one
	return strings.ToLower(host)
}

func wrongUse(format string, args ...any) error {
	return mcpmux.Errorf(mcpmux.CodeInvalid, format, args...)
}

// otherUser is guard.OtherUser, for who comes over loopback. Who comes by the public origin is a proxy or another
// machine.
func (f *front) otherUser(r *http.Request) (name string, other bool) {
	if f.fromAfar(r) {
		return "", false
	}
	return guard.OtherUser(r)
}

// fromAfar says that a request came by the public origin.
func (f *front) fromAfar(r *http.Request) bool {
	public := publicHostname(f.binding)
	return public != "" && strings.EqualFold((&url.URL{Host: r.Host}).Hostname(), public)
}

// listening is guard.Listening. Where other machines come, a loopback port of an application is one of theirs, as
// likely as ours, and nothing can be said of it.
func (f *front) listening(port int) (name string, foreign bool) {
	if publicHostname(f.binding) != "" {
		return "", false
	}
	return guard.Listening(port)
}

// nearby keeps those out of a login who could not end it: where the dashboard is for this machine alone, a browser
// elsewhere has no page to consent on.
func (f *front) nearby(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.fromAfar(r) && f.consentAt((&url.URL{Host: r.Host}).Hostname()) == "" {
			page.Write(w, http.StatusForbidden, "Applications cannot log in from here",
				"The dashboard of this McpMux is for its own machine alone, so nobody can agree here. Give the application an access key (mcpmux client create), or start McpMux with --public-dashboard-url.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// originAt is the origin of the dashboard for a browser that knows this machine as hostname: cookies belong to
// hosts, whatever the port. It is "" where there is none.
func (k *desk) originAt(hostname string) string {
	k.mu.Lock()
	l := k.listener
	k.mu.Unlock()
	if l == nil {
		return ""
	}
	for _, o := range l.Origins() {
		if u, err := url.Parse(o); err == nil && strings.EqualFold(u.Hostname(), hostname) {
			return o
		}
	}
	return ""
}
