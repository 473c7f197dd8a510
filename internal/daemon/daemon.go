package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/mcpmux/mcpmux/internal/authclient"
	"github.com/mcpmux/mcpmux/internal/authserver"
	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/gateway"
	"github.com/mcpmux/mcpmux/internal/guard"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
	"github.com/mcpmux/mcpmux/internal/store"
	"github.com/mcpmux/mcpmux/internal/supervisor"
	"github.com/mcpmux/mcpmux/internal/wire"
)

const (
	// seenEvery is how often the times at which clients were last seen are written.
	seenEvery = 15 * time.Second

	// sweepEvery is how often what is too old is removed.
	sweepEvery = 5 * time.Minute

	// keepSessions is how long a session outlives its last use. A client that comes back later is told that it
	// is gone and makes another (MCP 2025-11-25 basic/transports §Session Management).
	keepSessions = 7 * 24 * time.Hour

	// keepKeys is how long an access key that ended is shown, so that people see why something stopped working.
	keepKeys = 30 * 24 * time.Hour

	// keepChanges and keepLastChanges bound the record of Changes: one goes when it is older and not among the
	// last. Followers of this process are some Changes behind at most; a reader of the events that was away
	// for longer is told that it missed some.
	keepChanges     = 7 * 24 * time.Hour
	keepLastChanges = 10_000
)

// daemon is the running parts.
type daemon struct {
	opt      Options
	log      *slog.Logger
	level    *slog.LevelVar
	store    *store.Store
	keys     *keys
	resolver secret.Resolver
	known    secret.Known // every secret in use, so that no text shows one
	verify   *authserver.Verifier
	seen     *authserver.LastSeen
	super    *supervisor.Supervisor
	gateway  *gateway.Gateway
	auth     *authclient.Engine
	// authority is what AI applications log in to.
	authority *authserver.Server
	front     *front
	ledger    *ledger
	follow    *follower
	desk      *desk
	state     atomic.Pointer[mcpmux.State] // the one applied last
	moves     sync.WaitGroup               // of the gateway, to where a setting says
	begun     time.Time
	demoKey   string
}

// Run builds everything, runs it until ctx ends, and closes it in reverse order.
func Run(ctx context.Context, opt Options) (err error) {
	if opt.Demo {
		dir, err := os.MkdirTemp("", "mcpmux-demo-")
		if err != nil {
			return err
		}
		opt.DataDir = dir
		defer func() { _ = os.RemoveAll(dir) }() // a throw-away folder
	}
	if err := prepareDataDir(opt.DataDir); err != nil {
		return err
	}
	unlock, err := lock(opt.DataDir)
	if err != nil {
		return err
	}
	defer unlock()
	d := &daemon{opt: opt, level: new(slog.LevelVar), begun: time.Now()}
	d.log = opt.logger(d.level, &d.known)
	harden(d.log)
	if err := d.openStore(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.store.Close()) }()
	if opt.Demo {
		if d.demoKey, err = setUpDemo(ctx, d.store); err != nil {
			return fmt.Errorf("set up the demo: %w", err)
		}
	}
	return d.run(ctx)
}

// lock makes this the only daemon on the data folder. The kernel lifts it however the process ends.
func lock(dir string) (unlock func(), err error) {
	l := flock.New(filepath.Join(dir, "daemon.lock"))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if !ok {
		return nil, mcpmux.Errorf(mcpmux.CodeConflict, "another McpMux is running on the data folder %s; stop it, or choose another folder with --data-dir", dir)
	}
	return func() { _ = l.Unlock() }, nil // the process is ending
}

// openStore opens the database and the key to its values. Without the key everything runs that needs no
// secret.
func (d *daemon) openStore(ctx context.Context) error {
	st, err := store.Open(ctx, filepath.Join(d.opt.DataDir, "mcpmux.db"), d.log)
	if err != nil {
		return err
	}
	d.store = st
	d.keys = newKeys(st, d.opt, d.log)
	switch err := d.keys.open(ctx); {
	case errors.Is(err, secret.ErrKeychainRequired):
		return errors.Join(err, st.Close())
	case err != nil:
		d.log.Error("stored values are locked", "err", err)
	}
	return nil
}

// run wires the parts and runs them. It is the one place where they all meet.
func (d *daemon) run(ctx context.Context) (err error) {
	d.verify = authserver.NewVerifier(time.Now)
	d.seen = authserver.NewLastSeen(time.Now)
	d.ledger = newLedger(d.appendActivity, d.log)
	clientInfo := []byte(`{"name":"mcpmux","title":"McpMux","version":"` + d.opt.Version + `"}`)

	d.super, err = supervisor.New(supervisor.Config{
		Options: backend.Options{ClientInfo: clientInfo, Log: d.log, Transport: backend.NewTransport()},
		Values:  d.values,
		Renew:   d.renew,
		Save:    d.saveAbout,
		MarkInteractive: func(ctx context.Context, id mcpmux.ServerID) error {
			_, err := d.store.MarkInteractive(ctx, id)
			return err
		},
		LogDir:   filepath.Join(d.opt.DataDir, "logs"),
		Log:      d.log,
		Updated:  func(id mcpmux.ServerID, scope, uri string, raw []byte) { d.gateway.Updated(id, scope, uri, raw) },
		Reopened: func(id mcpmux.ServerID) { d.gateway.Reopened(id) },
		Notified: func(id mcpmux.ServerID, method string, raw []byte) { d.gateway.Notified(id, method, raw) },
		Ask: func(ctx context.Context, id mcpmux.ServerID, scope string, req wire.Message) (wire.Message, error) {
			return d.gateway.AskOwner(ctx, id, scope, req)
		},
		ClientInfo: func(scope string) []byte { return d.gateway.OwnerInfo(scope) },
		OnStatus:   func(id mcpmux.ServerID, st mcpmux.ServerStatus) { d.desk.serverStatus(id, st) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.super.Close()) }()
	if d.auth, err = d.newEngine(); err != nil {
		return err
	}
	defer d.auth.Close()
	d.keys.settle = d.auth.Settle
	d.keys.reload = func() {
		d.super.Reload(func(srv *mcpmux.Server) bool { return len(srv.Values) > 0 || srv.LoggedIn != nil })
	}

	if d.authority, err = d.newAuthority(ctx); err != nil {
		return err
	}
	d.front = &front{supervisor: d.super, log: d.log, authority: d.authority, audit: d.audit, identify: d.identify, failed: guard.NewLimiter(failedRate, failedRate), changed: func(running bool) { d.desk.gatewayChanged(running) }}
	d.gateway, err = gateway.New(gateway.Config{
		Pool: d.super.Pool(), Verify: d.identify, Challenge: d.front.challenge, Seen: d.seen.Seen,
		Record: d.ledger.record, Refused: d.audit, Version: d.opt.Version, Log: d.log, StateKey: d.keys.derive("gateway state"), Sessions: d.store,
		Renew:    d.renew,
		Came:     func() { d.desk.clientsCame() },
		LoginURL: d.auth.Offer, LoginEnded: d.loginEnded,
		Elicit: func(ctx context.Context, e mcpmux.Elicitation) ([]byte, bool) { return d.desk.elicit(ctx, e) },
	})
	if err != nil {
		return err
	}
	d.front.gateway = d.gateway
	d.follow = newFollower(d.store.Load, d.store.Changed(), d.apply, d.log)
	if d.desk, err = newDesk(d); err != nil {
		return err
	}
	d.ledger.wrote = d.desk.admin.Recorded
	d.front.health = health(d.desk.ready)
	d.front.other, d.front.consentAt = d.desk.origins, d.desk.originAt
	if err := d.follow.once(ctx); err != nil {
		return fmt.Errorf("load the state: %w", err)
	}
	return d.live(ctx)
}

// appliedWithin bounds the wait for what a Server offers to be in effect.
const appliedWithin = 5 * time.Second

// saveAbout stores what a Server offers and waits until clients can use it: then it counts as connected.
func (d *daemon) saveAbout(ctx context.Context, id mcpmux.ServerID, about mcpmux.About, features []mcpmux.Feature) error {
	revision, err := d.store.SaveAbout(ctx, id, about, features)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, appliedWithin)
	defer cancel()
	_ = d.follow.wait(ctx, revision) // what is late is in effect later
	return nil
}

// live opens what people and clients reach, and keeps the house until ctx ends.
func (d *daemon) live(ctx context.Context) (err error) {
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	var tasks sync.WaitGroup
	defer func() { stop(); tasks.Wait(); d.moves.Wait() }()
	for _, task := range []func(context.Context){d.follow.run, d.ledger.run, d.keepHouse, d.keys.watch} {
		tasks.Go(func() { task(inner) })
	}
	st := d.state.Load()
	gateway, dashboard, err := d.bindings(st, st.Setting(mcpmux.SettingGatewayAddr))
	if err != nil {
		return err
	}
	if err := d.front.Move(ctx, gateway); err != nil {
		return err
	}
	if err := d.desk.open(ctx, dashboard); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.desk.close(inner)) }()
	if st.SettingBool(mcpmux.SettingGatewayAutostart) {
		if err := d.front.Start(ctx); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, d.front.Stop(inner)) }()
	d.announce()
	<-ctx.Done()
	fmt.Fprintln(d.opt.Out, "stopping …")
	return nil
}

// bindings says where the listeners open: where the command line says, or else the settings, the gateway's being at.
func (d *daemon) bindings(st *mcpmux.State, at string) (gateway, dashboard guard.Binding, err error) {
	return d.opt.bindings(first(d.opt.GatewayAddr, at), first(d.opt.DashboardAddr, st.Setting(mcpmux.SettingDashboardAddr)), d.log)
}

// moveGateway has the gateway listen at another address.
func (d *daemon) moveGateway(ctx context.Context, addr string) error {
	gateway, _, err := d.bindings(d.state.Load(), addr)
	if err != nil {
		return err
	}
	return d.front.Move(ctx, gateway)
}

// followAddress moves the gateway where its setting became another in some other way than by the admin API, which moves
// it first: by a restored backup.
func (d *daemon) followAddress(before, st *mcpmux.State) {
	addr := st.Setting(mcpmux.SettingGatewayAddr)
	if before == nil || before.Setting(mcpmux.SettingGatewayAddr) == addr || d.opt.GatewayAddr != "" {
		return
	}
	d.moves.Go(func() {
		if err := d.moveGateway(context.Background(), addr); err != nil { // live waits for it
			d.log.Warn("gateway stays where it is", "err", err)
		}
	})
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// announce tells the person at the terminal where everything is.
func (d *daemon) announce() {
	out := d.opt.Out
	gw := "stopped (mcpmux gateway start)"
	if d.front.Running() {
		gw = d.front.URL() + "/mcp"
	}
	fmt.Fprintf(out, "McpMux %s\n  gateway    %s\n  dashboard  %s\n  data       %s\n", d.opt.Version, gw, d.desk.url(), d.opt.DataDir)
	if warning, err := d.keys.state(); err != nil {
		fmt.Fprintf(out, "  secrets    locked: %v\n", err)
	} else if warning != "" {
		fmt.Fprintf(out, "  secrets    %s\n", warning)
	}
	if d.opt.Demo {
		tellDemo(out, d.opt.DataDir, d.front.URL(), d.demoKey)
	}
	if d.opt.OpenDashboard {
		d.openDashboard()
	}
}

// openDashboard logs a browser in. Where none opens, the address is above and `mcpmux dashboard` helps.
func (d *daemon) openDashboard() {
	ticket, err := d.desk.admin.Ticket()
	if err == nil {
		err = d.opt.OpenBrowser(ticket.URL)
	}
	if err != nil {
		d.log.Info("no browser was opened", "reason", err.Error())
	}
}

// apply hands a new State to everything that follows it: first who may come in, then what runs, then what is
// shown.
func (d *daemon) apply(st *mcpmux.State) {
	if d.opt.LogLevel == "" {
		d.level.Set(st.SettingLevel(mcpmux.SettingLogLevel))
	} else if l, err := parseLevel(d.opt.LogLevel); err == nil {
		d.level.Set(l)
	}
	before := d.state.Swap(st)
	d.known.Retain(func(owner string) bool {
		return slices.ContainsFunc(st.Servers, func(srv mcpmux.Server) bool { return string(srv.ID) == owner })
	})
	d.verify.Apply(st)
	d.auth.Apply(st)
	d.super.Apply(st)
	d.gateway.Apply(st)
	d.desk.applied(st)
	d.followAddress(before, st)
}

// identify is the first step of every request.
func (d *daemon) identify(authorization string) (gateway.Identity, error) {
	id, err := d.verify.Verify(authorization)
	return gateway.Identity{Client: id.Client, Key: id.Key, Only: id.Alias}, err
}

// values opens a Server's values for the supervisor: its own, and the access token of its login.
func (d *daemon) values(ctx context.Context, id mcpmux.ServerID) ([]supervisor.Value, error) {
	values, err := d.ownValues(ctx, id)
	if err != nil {
		return nil, err // What runs with the values before is not over.
	}
	if authorized(values) {
		d.hide(id, values)
		return values, nil
	}
	defer func() { d.hide(id, values) }()
	access, err := d.auth.Access(ctx, id)
	if err != nil || access.Reveal() == "" {
		return values, err
	}
	name := mcpmux.ValueName{Kind: mcpmux.ValueHeader, Name: "Authorization", Secret: true}
	values = append(values, supervisor.Value{ValueName: name, Text: authclient.Bearer(access.Reveal())})
	return values, nil
}

// ownValues opens the values that a Server was given.
func (d *daemon) ownValues(ctx context.Context, id mcpmux.ServerID) ([]supervisor.Value, error) {
	opened, err := d.store.Values(ctx, id)
	if err != nil {
		return nil, err
	}
	values := make([]supervisor.Value, len(opened))
	for i, v := range opened {
		text, err := d.dereference(ctx, v)
		if err != nil {
			return nil, err
		}
		values[i] = supervisor.Value{ValueName: v.ValueName, Text: text}
	}
	return values, nil
}

// keepHouse writes who was seen and removes what is too old.
func (d *daemon) keepHouse(ctx context.Context) {
	seen, sweep := time.NewTicker(seenEvery), time.NewTicker(sweepEvery)
	defer seen.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-seen.C:
			d.flushSeen(ctx)
		case now := <-sweep.C:
			d.gateway.Sweep(now)
			d.prune(ctx, now)
		case <-ctx.Done():
			d.flushSeen(context.WithoutCancel(ctx))
			return
		}
	}
}

func (d *daemon) flushSeen(ctx context.Context) {
	if err := d.store.SaveUses(ctx, d.seen.Flush()); err != nil {
		d.log.Warn("last-seen times were not written", "err", err)
	}
}

func (d *daemon) prune(ctx context.Context, now time.Time) {
	if keep := d.state.Load().SettingDuration(mcpmux.SettingActivityRetention); keep > 0 {
		if _, err := d.store.PruneActivity(ctx, now.Add(-keep)); err != nil {
			d.log.Warn("old activity was not removed", "err", err)
		}
	}
	if err := d.store.PackActivity(ctx); err != nil {
		d.log.Warn("the activity was not packed", "err", err)
	}
	if _, err := d.store.PruneSessions(ctx, now.Add(-keepSessions)); err != nil {
		d.log.Warn("unused sessions were not removed", "err", err)
	}
	if _, err := d.store.PruneKeys(ctx, now.Add(-keepKeys)); err != nil {
		d.log.Warn("access keys that ended were not removed", "err", err)
	}
	if err := d.authority.Prune(ctx); err != nil {
		d.log.Warn("tokens that ended were not removed", "err", err)
	}
	if err := d.store.PrunePending(ctx, now); err != nil {
		d.log.Warn("logins that nobody ended were not removed", "err", err)
	}
	if _, err := d.store.PruneChanges(ctx, now.Add(-keepChanges), keepLastChanges); err != nil {
		d.log.Warn("old changes were not removed", "err", err)
	}
}
