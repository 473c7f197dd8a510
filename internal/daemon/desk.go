package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin"
	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/adminclient"
	"github.com/mcpmux/mcpmux/internal/authserver"
	"github.com/mcpmux/mcpmux/internal/guard"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/supervisor"
	"github.com/mcpmux/mcpmux/web"
)

// desk is where people command the daemon: the admin API on the control socket and, with a credential, on the
// dashboard's address. It stays up while the gateway is stopped.
type desk struct {
	d     *daemon
	admin *admin.Admin

	// mu guards the following.
	mu       sync.Mutex
	listener *guard.Listener
	servers  []*http.Server
	served   sync.WaitGroup
	socket   string
}

func newDesk(d *daemon) (*desk, error) {
	k := &desk{d: d}
	a, err := admin.New(admin.Config{
		Store: d.store, Servers: servers{d.super}, Gateway: commands{d}, Logins: logins{d}, Requests: requests{d.authority}, Secrets: d.keys, Hide: d.known.Text, Wait: d.follow.wait,
		NewKey: authserver.NewKey, Process: k.process, Move: d.moveGateway, Autostart: login{&d.opt},
		Undo: admin.Undo{Folder: filepath.Join(d.opt.DataDir, "backups"), Key: func() []byte { return d.keys.derive("backup") }}, Audit: d.audit, Log: d.log,
	})
	k.admin = a
	return k, err
}

// commands is the gateway as the admin API commands it.
type commands struct{ d *daemon }

func (c commands) Start(ctx context.Context) error { return c.d.front.Start(ctx) }
func (c commands) Stop(ctx context.Context) error  { return c.d.front.Stop(ctx) }
func (c commands) Running() bool                   { return c.d.front.Running() }
func (c commands) Addr() string                    { return c.d.front.Addr() }

// Connected counts what each client has open.
func (c commands) Connected() map[mcpmux.ClientID]int { return c.d.gateway.Connected(time.Now()) }

// Call makes a request as a client.
func (c commands) Call(ctx context.Context, client mcpmux.ClientID, alias, method string, params []byte) ([]byte, error) {
	if !c.d.front.Running() {
		return nil, mcpmux.Errorf(mcpmux.CodeUnavailable, "the gateway is stopped; start it with `mcpmux gateway start`")
	}
	return c.d.gateway.Call(ctx, client, alias, method, params)
}

// servers is the supervisor as the admin API asks it.
type servers struct{ *supervisor.Supervisor }

func line(l supervisor.LogLine) api.LogLine {
	return api.LogLine{At: l.At, Source: l.Source, Level: l.Level, Text: l.Text}
}

// Logs is the tail of a Server's log.
func (s servers) Logs(id mcpmux.ServerID, tail int) []api.LogLine {
	lines := s.Supervisor.Logs(id, tail)
	out := make([]api.LogLine, len(lines))
	for i, l := range lines {
		out[i] = line(l)
	}
	return out
}

// Follow is the tail of a Server's log and what comes after it, until stop.
func (s servers) Follow(id mcpmux.ServerID, tail int) (lines []api.LogLine, more <-chan api.LogLine, stop func()) {
	before, ch, end := s.Supervisor.Follow(id, tail)
	out := make(chan api.LogLine)
	done := make(chan struct{})
	go func() {
		defer close(out)
		for l := range ch {
			select {
			case out <- line(l):
			case <-done:
				return
			}
		}
	}()
	for _, l := range before {
		lines = append(lines, line(l))
	}
	return lines, out, sync.OnceFunc(func() { close(done); end() })
}

// open opens the dashboard's address and the control socket.
func (k *desk) open(ctx context.Context, at guard.Binding) error {
	l, err := guard.Listen(ctx, at)
	if err != nil {
		return fmt.Errorf("the dashboard did not start: %w (choose another address with --dashboard-addr)", err)
	}
	path, err := adminclient.PrepareSocket(k.d.opt.DataDir)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	socket, err := listenSocket(ctx, path, k.otherUser)
	if err != nil {
		return errors.Join(fmt.Errorf("open the control socket: %w", err), l.Close())
	}
	cfg := l.Config()
	cfg.Keep, cfg.OneUser, cfg.Audit, cfg.Log = []string{"X-Mcpmux-Session"}, true, k.d.audit, k.d.log
	dash := guard.Server(guard.Guard(cfg)(k.routes()), k.d.log)
	ctl := guard.Server(k.admin.Socket(), k.d.log)
	k.mu.Lock()
	k.listener, k.servers, k.socket = l, []*http.Server{dash, ctl}, path
	k.mu.Unlock()
	k.serve(func() error { return l.Serve(dash) })
	k.serve(func() error { return ctl.Serve(socket) })
	return nil
}

// listenSocket opens a unix socket for its owner alone: by its mode and that of its folder, and by asking who comes.
// A file left by a daemon that was killed is replaced: the lock on the data folder says that nobody else uses it.
func listenSocket(ctx context.Context, path string, other func(name string)) (net.Listener, error) {
	if err := ownFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return guard.OneUser(l, other), nil
}

// otherUser records that another user of this machine got as far as the control socket.
func (k *desk) otherUser(name string) {
	k.d.log.Warn("another user was refused at the control socket", "user", name)
	k.d.audit(mcpmux.Activity{At: time.Now(), Method: "auth/refused", Outcome: "denied", Actor: "user " + name, Detail: "the control socket"})
}

func (k *desk) serve(run func() error) {
	k.served.Go(func() {
		if err := run(); !errors.Is(err, http.ErrServerClosed) {
			k.d.log.Error("admin listener ended", "err", err)
		}
	})
}

// routes is what the dashboard's listener serves.
func (k *desk) routes() http.Handler {
	mux := http.NewServeMux()
	h := health(k.ready)
	mux.Handle("/healthz", h)
	mux.Handle("/readyz", h)
	pages := k.d.auth.Pages()
	mux.Handle("GET /login/", pages)
	mux.Handle("GET /oauth/callback", pages)
	mux.Handle("GET "+authserver.StatePath, k.d.authority.StateHandler())
	mux.Handle("/", k.admin.Dashboard(web.Handler()))
	return mux
}

func (k *desk) close(ctx context.Context) error {
	k.mu.Lock()
	servers, path := k.servers, k.socket
	k.mu.Unlock()
	k.admin.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace/5)
	defer cancel()
	for _, s := range servers {
		if err := s.Shutdown(ctx); err != nil {
			_ = s.Close() // event streams do not end by themselves
		}
	}
	k.served.Wait()
	_ = os.Remove(path) // the listener has removed it already, as a rule
	return nil
}

func (k *desk) url() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.listener == nil {
		return ""
	}
	return k.listener.URL()
}

// addr is host:port of the open listener, "" while there is none.
func (k *desk) addr() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.listener == nil {
		return ""
	}
	return k.listener.Addr()
}

// origins are those of the dashboard's pages, which may call the gateway's health routes.
func (k *desk) origins() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.listener == nil {
		return nil
	}
	return k.listener.Origins()
}

// ready says whether enabled Servers have settled.
func (k *desk) ready() (bool, string) {
	if !k.d.front.Running() {
		return false, "the gateway is stopped"
	}
	if _, err := k.d.keys.state(); err != nil {
		return false, "stored values are locked: " + err.Error()
	}
	ok, waiting := k.d.super.Settled()
	if !ok {
		return false, "still connecting: " + strings.Join(waiting, ", ")
	}
	return true, ""
}

// process is what the API tells of this process.
func (k *desk) process() api.Process {
	ready, reason := k.ready()
	p := api.Process{
		Version: k.d.opt.Version, PID: os.Getpid(), StartedAt: k.d.begun,
		DashboardAddr: k.addr(), DashboardURL: k.url(), GatewayURL: k.d.front.Origins()[0],
		DataDir: k.d.opt.DataDir, Ready: ready, ReadyReason: reason, Sessions: k.d.gateway.Sessions(), Overridden: map[string]string{},
	}
	for key, given := range map[string][2]string{
		mcpmux.SettingGatewayAddr:   {k.d.opt.GatewayAddr, "--gateway-addr or MCPMUX_GATEWAY_ADDR"},
		mcpmux.SettingDashboardAddr: {k.d.opt.DashboardAddr, "--dashboard-addr or MCPMUX_DASHBOARD_ADDR"},
		mcpmux.SettingLogLevel:      {k.d.opt.LogLevel, "--log-level or MCPMUX_LOG_LEVEL"},
	} {
		if given[0] != "" {
			p.Overridden[key] = given[1]
		}
	}
	return p
}

func (k *desk) serverStatus(id mcpmux.ServerID, st mcpmux.ServerStatus) {
	k.admin.Publish("server", map[string]any{"server_id": id, "status": st})
}

func (k *desk) gatewayChanged(running bool) {
	k.admin.Publish("gateway", map[string]any{"running": running})
}

func (k *desk) clientsCame() { k.admin.ClientsCame() }

// elicit puts a Server's question to whoever has the dashboard open, where the user wants that; false means
// that nobody is there.
func (k *desk) elicit(ctx context.Context, e mcpmux.Elicitation) (result []byte, ok bool) {
	if !k.d.state.Load().SettingBool(mcpmux.SettingDashboardElicit) {
		return nil, false
	}
	return k.admin.Elicit(ctx, e)
}

func (k *desk) applied(st *mcpmux.State) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	k.admin.Applied(ctx, st)
}
