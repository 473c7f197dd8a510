package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
)

// freePortTries is how many ports Listen tries for port 0. The kernel picks one that is free in the first
// family; that the other family has it taken is rare, and twenty times in a row means something else.
const freePortTries = 20

// Listener is an open address: one socket for each loopback family it stands for.
type Listener struct {
	socks []net.Listener
	host  string
	port  int
	conns *conns
}

// Binding says where to listen.
type Binding struct {
	// Addr is host:port; port 0 picks a port that is free.
	Addr string
	Log  *slog.Logger // nil: no log
}

// Listen opens an address.
//
// The host is localhost, 127.0.0.1 or [::1], and each stands for both families: clients resolve localhost to
// either, so a family left open is a place where another program can wait for access keys. Either of them
// being taken is a *TakenError and nothing stays open. A machine without one of the families gets the other.
func Listen(ctx context.Context, b Binding) (*Listener, error) {
	l, err := open(ctx, b.Addr)
	if err != nil {
		return nil, err
	}
	log := b.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l.conns = newConns(connLimit(openFiles()), log)
	return l, nil
}

// connLimit is how many connections a listener may hold of the files that this process may open. There are two
// listeners, and a quarter of the files is for the rest: servers' processes and connections, the database.
func connLimit(files uint64) int {
	return int(max(16, min(maxConns, files/8*3)))
}

func open(ctx context.Context, addr string) (*Listener, error) {
	host, port, err := splitLoopback(addr)
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

// splitLoopback takes addr apart and refuses what is not loopback.
func splitLoopback(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: it must be host:port, for example localhost:45818", addr)
	}
	p, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: port %q is not a number from 0 to 65535", addr, text)
	}
	switch host {
	case "localhost", "127.0.0.1", "::1":
		return host, int(p), nil
	}
	return "", 0, fmt.Errorf("address %q: McpMux listens on loopback only, so that no other machine reaches it; use localhost:%d", addr, p)
}

// listenAt opens both families at one port, or neither when one is taken.
func listenAt(ctx context.Context, host string, port int) (*Listener, error) {
	l := &Listener{host: host, port: port}
	var missing error // why a family is not there
	for _, ip := range []string{"127.0.0.1", "::1"} {
		sock, err := listenOne(ctx, ip, l.port)
		switch {
		case err == nil:
			l.socks = append(l.socks, sock)
			l.port = sock.Addr().(*net.TCPAddr).Port
		case familyMissing(err):
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
	sock, err := lc.Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		return sock, nil
	case addrInUse(err):
		pid, command := holderOf(port)
		return nil, &TakenError{Addr: addr, PID: pid, Command: command, err: err}
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listen on %s: this user may not use port %d; choose one above 1023 (--gateway-addr, --dashboard-addr): %w", addr, port, err)
	}
	return nil, fmt.Errorf("listen on %s: %w", addr, err)
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

// URL is the origin of l: http://host:port.
func (l *Listener) URL() string { return "http://" + l.Addr() }

// Serve serves srv on every address of l until one of them fails or srv is shut down, and then closes them
// all. Like http.Server.Serve it always returns an error, http.ErrServerClosed after a shutdown.
func (l *Listener) Serve(srv *http.Server) error {
	l.conns.install(srv)
	ended := make(chan error, len(l.socks))
	for _, sock := range l.socks {
		go func() { ended <- srv.Serve(&admitting{sock, l.conns}) }()
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
