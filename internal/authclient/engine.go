package authclient

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
	"github.com/mcpmux/mcpmux/internal/store"
)

const (
	// renewTimeout bounds one renewal. It is the renewal's own: who waits for it may give up earlier.
	renewTimeout = 30 * time.Second

	// maxRefusals of tokens within refusalsIn, none of which had come to its end, are enough: others would be refused
	// too.
	maxRefusals = 3
	refusalsIn  = 30 * time.Second

	// maxLogins in maxLoginsIn are enough: when the Server still refuses, another will not help.
	maxLogins   = 3
	maxLoginsIn = time.Hour
)

// Target is a Server as a login needs it.
type Target struct {
	Alias string
	// URL is the final address, with the values of its Inputs.
	URL    string
	Login  mcpmux.LoginConfig
	Secret secret.Value // LoginClientSecret
	Key    secret.Value // LoginPrivateKey, PEM
	// Own says that the user gave the Server an Authorization header; there is no login then.
	Own bool
}

// Config is what an Engine needs; Log, Now, Applied, Wanted, Needed and LoggedIn may be nil.
type Config struct {
	Store *store.Store
	// Target describes a Server.
	Target func(context.Context, mcpmux.ServerID) (Target, error)
	// Origin is where our pages are, for a host of ours: "http://127.0.0.1:45819".
	Origin func(host string) string
	// Applied returns once a revision is in effect.
	Applied func(ctx context.Context, revision int64) error
	// Wanted says whether the tokens of a Server are worth renewing before somebody needs them.
	Wanted func(mcpmux.ServerID) bool
	// Needed hears of a Server that cannot go on without a person.
	Needed func(mcpmux.ServerID, *NeedsLogin)
	// LoggedIn hears of a Server that a person has logged in to, once that is in effect.
	LoggedIn func(mcpmux.ServerID)
	Log      *slog.Logger
	Now      func() time.Time
	// resolve is the resolver of the zone check; nil is the system's.
	resolve resolver
	// pause waits between the questions of a device login; nil waits by the clock.
	pause func(context.Context, time.Duration) error
}

// NeedsLogin says that a person has to log in, and why, in words without a secret.
type NeedsLogin struct {
	Reason string
	// Scope says that the Server works, and that more rights are wanted for some of it.
	Scope bool
}

func (e *NeedsLogin) Error() string { return e.Reason }

// Refusal is how a Server refused a request.
type Refusal struct {
	Status     int      // 401 or 403
	Challenges []string // WWW-Authenticate
	// Used is the sha256 of the Authorization header that was refused, that of "" where there was none.
	Used [32]byte
}

// Engine logs in to Servers. Its methods may be called from any goroutine.
type Engine struct {
	cfg   Config
	life  context.Context //nolint:containedctx // ends with the Engine; parent of what nobody waits for
	end   context.CancelFunc
	tasks sync.WaitGroup
	wake  chan struct{} // the schedule has changed

	// mu guards the following.
	mu      sync.Mutex
	servers map[mcpmux.ServerID]*server
	tickets map[[32]byte]*begun // by the hash of the ticket
}

// server is what is remembered of a Server while the daemon runs. Engine.mu guards it.
type server struct {
	flight   *flight       // what changes the tokens at the moment
	logouts  int           // how often the person has logged out
	asked    challenge     // what the Server last asked for
	refuse   time.Time     // no renewal is tried before that
	pause    time.Duration // before that, after the last failure
	failing  time.Time     // since when renewals fail; zero where they do not
	declined declinedCredentials
	reason   string // why the tokens were lost
	logins   []time.Time
	refusals []refusedToken
	device   *deviceLogin
	progress *progress // of the login that was begun last; nil before one was
	due      time.Time // of the next renewal ahead of need
	offer    *offer    // the login that was begun last for clients
}

// refusedToken is one that a Server refused before its time had come.
type refusedToken struct {
	at     time.Time
	digest [32]byte
}

// flight is one renewal, for everybody who waits for it, or what a person does to a login instead: one at a time
// changes the tokens of a Server.
type flight struct {
	end     context.CancelFunc
	done    chan struct{} // closed with the following set
	err     error
	outdone bool // somebody else's flight counts instead; Engine.mu guards it until done is closed
}

// New makes an Engine. Close ends it.
func New(cfg Config) (*Engine, error) {
	if cfg.Store == nil || cfg.Target == nil || cfg.Origin == nil {
		return nil, errors.New("authclient: Store, Target and Origin are required")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Applied == nil {
		cfg.Applied = func(context.Context, int64) error { return nil }
	}
	if cfg.Wanted == nil {
		cfg.Wanted = func(mcpmux.ServerID) bool { return true }
	}
	if cfg.Needed == nil {
		cfg.Needed = func(mcpmux.ServerID, *NeedsLogin) {}
	}
	if cfg.LoggedIn == nil {
		cfg.LoggedIn = func(mcpmux.ServerID) {}
	}
	if cfg.pause == nil {
		cfg.pause = pause
	}
	e := &Engine{
		cfg: cfg, wake: make(chan struct{}, 1),
		servers: make(map[mcpmux.ServerID]*server), tickets: make(map[[32]byte]*begun),
	}
	e.life, e.end = context.WithCancel(context.Background())
	e.tasks.Go(e.keepAhead)
	return e, nil
}

// Close ends every device login, and every renewal that does not end soon by itself, and waits for them.
func (e *Engine) Close() {
	e.Settle(context.Background())
	e.end()
	e.tasks.Wait()
}

// settleTime is how long a renewal is waited for whose answer would else be lost: an authorization server may have
// taken the old token back by then.
const settleTime = 5 * time.Second

// Settle waits until the renewals that are under way have stored what they were given, as far as that takes no longer
// than settleTime.
func (e *Engine) Settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	e.mu.Lock()
	var flights []*flight
	for _, s := range e.servers {
		if s.flight != nil {
			flights = append(flights, s.flight)
		}
	}
	e.mu.Unlock()
	for _, f := range flights {
		select {
		case <-f.done:
		case <-ctx.Done():
			return
		}
	}
}

// of is what is remembered of a Server. Called with mu held.
func (e *Engine) of(id mcpmux.ServerID) *server {
	s := e.servers[id]
	if s == nil {
		s = &server{}
		e.servers[id] = s
	}
	return s
}

// Renew answers a refused request: nil means that other credentials are in effect now, and the request may be made
// again, once, since a refused request was not carried out. *NeedsLogin means that a person is needed,
// *TemporaryError that it may work later. One renewal serves everybody who comes while it is under way.
func (e *Engine) Renew(ctx context.Context, id mcpmux.ServerID, r Refusal) error {
	return e.fly(ctx, id, func(ctx context.Context) error { return e.answer(ctx, id, r) })
}

// fly runs f for a Server unless a flight of it is under way, which then counts as f. A waiter that gives up does
// not end the renewal; one whose renewal was outdone waits for what counts instead.
func (e *Engine) fly(ctx context.Context, id mcpmux.ServerID, f func(context.Context) error) error {
	for {
		fl := e.join(id, f)
		select {
		case <-fl.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if fl.err == nil || !fl.outdone {
			return fl.err
		}
	}
}

// join is the flight of a Server that is under way, or one that begins with f.
func (e *Engine) join(id mcpmux.ServerID, f func(context.Context) error) *flight {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.of(id)
	if s.flight != nil {
		return s.flight
	}
	ctx, cancel := context.WithTimeout(e.life, renewTimeout)
	fl := &flight{end: cancel, done: make(chan struct{})}
	s.flight = fl
	e.tasks.Go(func() {
		defer cancel()
		e.land(id, s, fl, f(ctx))
	})
	return fl
}

// land ends a flight.
func (e *Engine) land(id mcpmux.ServerID, s *server, fl *flight, err error) {
	e.mu.Lock()
	if s.flight == fl {
		s.flight = nil
	}
	outdone := fl.outdone
	e.mu.Unlock()
	fl.err = err
	close(fl.done)
	if need, ok := errors.AsType[*NeedsLogin](err); ok && !outdone {
		e.cfg.Needed(id, need)
	}
}

// outdo runs f in place of whatever is under way for a Server, which is given patience to end by itself: what a person
// does now is not undone by a renewal that began before.
func (e *Engine) outdo(ctx context.Context, id mcpmux.ServerID, patience time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	mine := &flight{end: cancel, done: make(chan struct{})}
	e.mu.Lock()
	s := e.of(id)
	before := s.flight
	s.flight = mine
	if before != nil {
		before.outdone = true
	}
	e.mu.Unlock()
	if before != nil {
		if patience > 0 {
			waiting, over := context.WithTimeout(ctx, patience)
			select {
			case <-before.done:
			case <-waiting.Done():
			}
			over()
		}
		before.end()
		<-before.done
	}
	err := f(ctx)
	e.land(id, s, mine, err)
	return err
}

// logouts is how often a person has logged out of a Server. A login that sees the number change is not wanted any
// more.
func (e *Engine) logouts(id mcpmux.ServerID) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.of(id).logouts
}

// errLoggedOut ends a login that was under way when its person logged out.
var errLoggedOut = mcpmux.Errorf(mcpmux.CodeConflict, "somebody logged out while this login was under way")

// admit keeps the tokens of a login that a person has ended, in place of whatever there was.
func (e *Engine) admit(ctx context.Context, id mcpmux.ServerID, logouts int, t *tokens) error {
	return e.outdo(context.WithoutCancel(ctx), id, 0, func(ctx context.Context) error {
		if e.logouts(id) != logouts {
			return errLoggedOut
		}
		e.loggedIn(id)
		return e.keep(ctx, id, t)
	})
}

// answer is one renewal.
//
//  1. What was refused is not what there is now: somebody was faster.
//  2. More rights are wanted: of a person, or by client credentials.
//  3. The Server has moved to another authorization server: what came of the old one is of no use.
//  4. There is a refresh token: it is used, once.
//  5. Client credentials need nobody.
func (e *Engine) answer(ctx context.Context, id mcpmux.ServerID, r Refusal) error {
	target, err := e.cfg.Target(ctx, id)
	if err != nil {
		return err
	}
	if target.Own {
		return &NeedsLogin{Reason: "the server refused the Authorization header that was set for it; set another one"}
	}
	have, err := e.tokens(ctx, id)
	if err != nil {
		return err
	}
	if have != nil && !have.good(target) {
		return &NeedsLogin{Reason: "the login was for another address of this server; log in again"}
	}
	if have != nil && have.digest() != r.Used {
		return nil
	}
	asked := parseChallenge(r.Challenges)
	e.remember(id, asked)
	if r.Status == 403 && asked.err != "insufficient_scope" {
		if have != nil {
			return mcpmux.Errorf(mcpmux.CodeDenied, "the server forbids it (HTTP 403), and a login would not change that")
		}
		return &NeedsLogin{Reason: "the server forbids it without a login (HTTP 403)"}
	}
	if r.Status == 403 && target.Login.Grant != mcpmux.GrantClient {
		return &NeedsLogin{Reason: wantsScopes(asked.scope, e.exhausted(id)), Scope: have != nil}
	}
	w, err := e.web(target)
	if err != nil {
		return err
	}
	defer w.close()
	if have != nil && r.Status == 401 {
		if moved, err := e.moved(ctx, w, target, asked, have); err != nil {
			return err
		} else if moved {
			e.lose(ctx, id, "the server has moved to another authorization server; log in again")
			have = nil
		}
	}
	if r.Status == 403 && have != nil && len(union(have.Requested, strings.Fields(asked.scope))) == len(union(have.Requested)) {
		return &NeedsLogin{Reason: wantsScopes(asked.scope, true), Scope: true} // They were asked for, in vain.
	}
	if have != nil && e.inVain(id, have) {
		return &NeedsLogin{Reason: "the server refuses the tokens that the authorization server has just given; log in again"}
	}
	switch {
	case target.Login.Grant == mcpmux.GrantClient:
		return e.obtain(ctx, w, id, target, have)
	case have != nil && have.Refresh != "":
		return e.refresh(ctx, w, id, target, have)
	}
	return &NeedsLogin{Reason: e.why(id)}
}

// inVain counts the tokens that were refused before their time had come, and says whether there were too many.
func (e *Engine) inVain(id mcpmux.ServerID, have *tokens) bool {
	now := e.cfg.Now()
	if have.over(now) {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.of(id)
	s.refusals = slices.DeleteFunc(s.refusals, func(r refusedToken) bool { return now.Sub(r.at) >= refusalsIn })
	if d := have.digest(); !slices.ContainsFunc(s.refusals, func(r refusedToken) bool { return r.digest == d }) {
		s.refusals = append(s.refusals, refusedToken{now, d})
	}
	return len(s.refusals) > maxRefusals
}

// wantsScopes is what a person reads when a Server wants more rights.
func wantsScopes(scope string, exhausted bool) string {
	text := "the server wants more rights"
	if scope != "" {
		text += " (" + scope + ")"
	}
	if exhausted {
		return text + ", although it was given what it asked for; its owner has to say what is wrong"
	}
	return text + "; log in again to give them"
}

// Access is the access token of a Server for a new connection, renewed first where its time is over; "" where there
// is none for its address. It is called when a configuration is resolved; errors are those of the store and of Target
// alone, since a token that cannot be renewed now may still be good.
func (e *Engine) Access(ctx context.Context, id mcpmux.ServerID) (secret.Value, error) {
	have, err := e.tokens(ctx, id)
	if err != nil || have == nil {
		return secret.Value{}, err
	}
	if target, err := e.cfg.Target(ctx, id); err != nil || !have.good(target) {
		return secret.Value{}, err
	}
	if have.over(e.cfg.Now()) && have.Renewable {
		if err := e.renewAhead(ctx, id); err != nil {
			e.cfg.Log.Debug("a token was not renewed before its use", "server", id, "err", err)
		}
		if have, err = e.tokens(ctx, id); err != nil || have == nil {
			return secret.Value{}, err
		}
	}
	return secret.NewValue(have.Access), nil
}

// renewAhead uses the refresh token though nothing was refused.
func (e *Engine) renewAhead(ctx context.Context, id mcpmux.ServerID) error {
	return e.fly(ctx, id, func(ctx context.Context) error {
		target, err := e.cfg.Target(ctx, id)
		if err != nil {
			return err
		}
		have, err := e.tokens(ctx, id)
		if err != nil || have == nil || !have.good(target) || have.Refresh == "" && target.Login.Grant != mcpmux.GrantClient {
			return err
		}
		w, err := e.web(target)
		if err != nil {
			return err
		}
		defer w.close()
		if target.Login.Grant == mcpmux.GrantClient {
			return e.obtain(ctx, w, id, target, have)
		}
		return e.refresh(ctx, w, id, target, have)
	})
}

func (e *Engine) web(t Target) (*web, error) {
	u, err := url.Parse(t.URL)
	if err != nil {
		return nil, mcpmux.Errorf(mcpmux.CodeInvalid, "the URL of this server is not an http or https address")
	}
	return newWeb(u, e.cfg.resolve)
}

// moved says whether the Server names other authorization servers than the one that the tokens are of. What it
// says is read anew each time that it refuses a token.
func (e *Engine) moved(ctx context.Context, w *web, t Target, asked challenge, have *tokens) (bool, error) {
	u, err := url.Parse(t.URL)
	if err != nil {
		return false, err
	}
	res, err := w.findResource(ctx, u, asked.resourceMetadata)
	if _, later := errors.AsType[*TemporaryError](err); later {
		return false, nil // The authorization server that there was is asked.
	}
	if err != nil {
		return false, refused(err)
	}
	return res != nil && !slices.Contains(res.Issuers, have.Issuer), nil
}

// refused makes of metadata that cannot be used something that a person has to see to.
func refused(err error) error {
	_, useless := errors.AsType[*MetadataError](err)
	_, redirected := errors.AsType[*RedirectError](err)
	if useless || redirected {
		return &NeedsLogin{Reason: "no login is possible: " + err.Error()}
	}
	return err
}

func (e *Engine) remember(id mcpmux.ServerID, asked challenge) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.of(id).asked = asked
}

// lose forgets tokens that are of no more use; reason is shown until there are others.
func (e *Engine) lose(ctx context.Context, id mcpmux.ServerID, reason string) {
	e.mu.Lock()
	e.of(id).reason = reason
	e.mu.Unlock()
	if _, err := e.cfg.Store.DropTokens(ctx, id); err != nil {
		e.cfg.Log.Warn("tokens were not forgotten", "server", id, "err", err)
	}
}

// why is what a person reads when a Server wants a login.
func (e *Engine) why(id mcpmux.ServerID) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.of(id).reason; r != "" {
		return r
	}
	return "the server wants a login"
}

// exhausted says that the Server was logged in to so often of late that another login will not help.
func (e *Engine) exhausted(id mcpmux.ServerID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.of(id)
	s.logins = slices.DeleteFunc(s.logins, func(at time.Time) bool { return e.cfg.Now().Sub(at) >= maxLoginsIn })
	return len(s.logins) >= maxLogins
}

// keep stores tokens, and waits until connections are made with them.
func (e *Engine) keep(ctx context.Context, id mcpmux.ServerID, t *tokens) error {
	ctx = context.WithoutCancel(ctx) // what an authorization server gave must not be lost
	rev, err := e.cfg.Store.SaveCredential(ctx, id, t.credential())
	if err != nil {
		return err
	}
	e.mu.Lock()
	s := e.of(id)
	s.reason, s.pause, s.refuse, s.failing = "", 0, time.Time{}, time.Time{}
	e.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, appliedWithin)
	defer cancel()
	return e.cfg.Applied(ctx, rev)
}

// appliedWithin bounds the wait for stored tokens to be in effect.
const appliedWithin = 5 * time.Second

// tokens are those that a Server has, nil where it has none.
func (e *Engine) tokens(ctx context.Context, id mcpmux.ServerID) (*tokens, error) {
	all, err := e.cfg.Store.Credentials(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if c.Kind == store.CredentialTokens {
			return readTokens(c)
		}
	}
	return nil, nil
}

// digestOf is what a Refusal calls an Authorization header.
func digestOf(header string) [32]byte { return sha256.Sum256([]byte(header)) }
