package guard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"
)

// freePortTries is how many ports Listen tries for port 0. The kernel picks one that is free in the first
// family; that the other family has it taken is rare, and twenty times in a row means something else.
const freePortTries = 20

// Listener is an open address: one socket for each loopback family it stands for.
type Listener struct {
	socks  []net.Listener
	host   string
	port   int
	tls    *tls.Config
	public string
	conns  *conns
}

// Binding says where to listen.
type Binding struct {
	// Addr is host:port; port 0 picks a port that is free.
	Addr string
	// Remote lets Addr be one that other machines reach. Without it only loopback is opened.
	Remote bool
	// TLS is how connections are kept secret; nil: they are not.
	TLS *tls.Config
	// Public is the origin by which other machines reach the address, "" where that is the address itself, or
	// where none does.
	Public string
	Log    *slog.Logger // nil: no log
}

// Loopback says whether Addr is one that only this machine reaches.
func (b Binding) Loopback() bool {
	host, _, err := net.SplitHostPort(b.Addr)
	return err != nil || loopbackHost(host) // what is no address is not opened
}

// Wildcard says whether Addr means every address of this machine, and so is none that a client can use.
func (b Binding) Wildcard() bool {
	host, _, err := net.SplitHostPort(b.Addr)
	return err == nil && wildcardHost(host)
}

// Origin is the one by which b is reached, as far as it is known before it is open: the port may be 0.
func (b Binding) Origin() string {
	if b.Public != "" {
		return b.Public
	}
	return scheme(b.TLS != nil) + b.Addr
}

func loopbackHost(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

func wildcardHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

// Listen opens an address.
//
// The host is localhost, 127.0.0.1 or [::1], and each stands for both families: clients resolve localhost to
// either, so a family left open is a place where another program can wait for access keys. Either of them
// being taken is a *TakenError and nothing stays open. A machine without one of the families gets the other.
// An address that other machines reach (Remote) is opened together with loopback, for the same reason.
func Listen(ctx context.Context, b Binding) (*Listener, error) {
	l, err := open(ctx, b)
	if err != nil {
		return nil, err
	}
	log := b.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l.tls, l.public = b.TLS, b.Public
	if l.public == "" && !b.Loopback() {
		l.public = l.scheme() + l.Addr()
	}
	l.conns = newConns(connLimit(openFiles()), log)
	if b.Public != "" && b.TLS == nil {
		l.conns.perPeer = l.conns.max // it is one proxy that all others come by
	}
	return l, nil
}

// connLimit is how many connections a listener may hold of the files that this process may open. There are two
// listeners, and a quarter of the files is for the rest: servers' processes and connections, the database.
func connLimit(files uint64) int {
	return int(max(16, min(maxConns, files/8*3)))
}

func open(ctx context.Context, b Binding) (*Listener, error) {
	host, port, err := splitAddr(b.Addr, b.Remote)
	if err != nil {
		return nil, err
	}
	if port != 0 {
		return listenAt(ctx, host, port)
	}
	for range freePortTries {
		var l *Listener
		l, err = listenAt(ctx, host, 0)
		if _, taken := errors.AsType[*TakenError](err); !taken {
			return l, err
		}
	}
	return nil, fmt.Errorf("find a port that is free for IPv4 and IPv6: %w", err)
}

// splitAddr takes addr apart and refuses what is not loopback, unless remote.
func splitAddr(addr string, remote bool) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: it must be host:port, for example localhost:45818", addr)
	}
	p, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: port %q is not a number from 0 to 65535", addr, text)
	}
	if !loopbackHost(host) && !remote {
		return "", 0, fmt.Errorf("address %q: McpMux listens on loopback only, so that no other machine reaches it, unless --allow-remote is given; use localhost:%d", addr, p)
	}
	return host, int(p), nil
}

// hostsOf are the addresses that a host stands for, and whether the machine may lack the first: it has the loopback
// families and the wildcards, or it does not; any other address was asked for by somebody who thinks it is there.
func hostsOf(host string) (ips []string, may bool) {
	switch {
	case loopbackHost(host):
		return []string{"127.0.0.1", "::1"}, true
	case wildcardHost(host):
		return []string{"0.0.0.0", "::"}, true
	}
	return []string{host, "127.0.0.1", "::1"}, false
}

// listenAt opens every address that host stands for at one port, or none when one is taken.
func listenAt(ctx context.Context, host string, port int) (*Listener, error) {
	l := &Listener{host: host, port: port}
	var missing error // why a family is not there
	ips, may := hostsOf(host)
	for i, ip := range ips {
		sock, err := listenOne(ctx, ip, l.port)
		switch {
		case err == nil:
			l.socks = append(l.socks, sock)
			l.port = sock.Addr().(*net.TCPAddr).Port
		case familyMissing(err) && (may || i > 0):
			missing = err
		default:
			_ = l.Close() // The error that is told is the one that led here.
			return nil, err
		}
	}
	if len(l.socks) == 0 {
		return nil, fmt.Errorf("listen on %s: this machine has no loopback address: %w", net.JoinHostPort(host, strconv.Itoa(port)), missing)
	}
	return l, nil
}

// listenOne opens one address and turns the system's error into one that a person can act on.
func listenOne(ctx context.Context, ip string, port int) (net.Listener, error) {
	addr := net.JoinHostPort(ip, strconv.Itoa(port))
	lc := net.ListenConfig{Control: exclusive}
	sock, err := lc.Listen(ctx, networkOf(ip), addr)
	switch {
	case err == nil:
		return sock, nil
	case addrInUse(err):
		at, _ := netip.ParseAddr(ip) // a name may be of any address
		pid, command := holderOf(at, port)
		return nil, &TakenError{Addr: addr, PID: pid, Command: command, err: err}
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listen on %s: this user may not use port %d; choose one above 1023 (--gateway-addr, --dashboard-addr): %w", addr, port, err)
	}
	return nil, fmt.Errorf("listen on %s: %w", addr, err)
}

// networkOf keeps the families apart: a socket for [::] would take IPv4 too, and 0.0.0.0 could not be opened.
func networkOf(host string) string {
	switch ip, err := netip.ParseAddr(host); {
	case err != nil:
		return "tcp" // a name
	case ip.Is4():
		return "tcp4"
	}
	return "tcp6"
}

// familyMissing says that the machine lacks this IP version, which is fine as long as it has the other.
func familyMissing(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

// TakenError says that another program holds an address that Listen was to open.
type TakenError struct {
	Addr string
	// PID and Command name the holder where the system tells; else PID is 0 and Command is empty.
	PID     int
	Command string
	err     error
}

func (e *TakenError) Error() string {
	holder := "another program"
	if e.PID != 0 {
		holder = fmt.Sprintf("process %d (%s)", e.PID, e.Command)
	}
	return fmt.Sprintf("%s is taken by %s: is McpMux running already? Stop that program, or choose another address with --gateway-addr or --dashboard-addr", e.Addr, holder)
}

func (e *TakenError) Unwrap() error { return e.err }

// Port is the port of every address of l.
func (l *Listener) Port() int { return l.port }

// Addr is the address to tell people: host:port, with the host that Listen was asked for.
func (l *Listener) Addr() string { return net.JoinHostPort(l.host, strconv.Itoa(l.port)) }

// URL is the origin to tell people: the public one where there is one.
func (l *Listener) URL() string {
	if l.public != "" {
		return l.public
	}
	return l.scheme() + l.Addr()
}

// Public is the origin by which other machines reach l, "" where none does.
func (l *Listener) Public() string { return l.public }

func (l *Listener) scheme() string { return scheme(l.tls != nil) }

func scheme(secure bool) string {
	if secure {
		return "https://"
	}
	return "http://"
}

// Origins are those by which l is reached; the first is URL.
func (l *Listener) Origins() []string {
	return append([]string{l.URL()}, l.Config().origins()...)
}

// Config is what a Guard in front of l's routes has to know of l.
func (l *Listener) Config() Config {
	return Config{Port: l.port, TLS: l.tls != nil, Public: l.public}
}

// Serve serves srv on every address of l until one of them fails or srv is shut down, and then closes them
// all. Like http.Server.Serve it always returns an error, http.ErrServerClosed after a shutdown.
func (l *Listener) Serve(srv *http.Server) error {
	l.conns.install(srv)
	serve := srv.Serve
	if l.tls != nil {
		srv.TLSConfig = l.tls
		serve = func(sock net.Listener) error { return srv.ServeTLS(sock, "", "") }
	}
	ended := make(chan error, len(l.socks))
	for _, sock := range l.socks {
		go func() { ended <- serve(&admitting{sock, l.conns}) }()
	}
	err := <-ended
	err = errors.Join(err, l.Close())
	for range len(l.socks) - 1 {
		err = errors.Join(err, <-ended)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return http.ErrServerClosed
	}
	return err
}

// Close closes every address of l. Closing it again does nothing.
func (l *Listener) Close() error {
	var errs []error
	for _, sock := range l.socks {
		if err := sock.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
