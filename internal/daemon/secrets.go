package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin"
	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
	"github.com/mcpmux/mcpmux/internal/store"
	"github.com/mcpmux/mcpmux/internal/supervisor"
)

const (
	// lookAfter is how often a daemon without the key looks whether it is there by now.
	lookAfter = 30 * time.Second

	// personLimit is how long a keychain may take when a person is there to answer its prompt.
	personLimit = 60 * time.Second
)

// errUserLocked is why values are locked that were open.
var errUserLocked = errors.New("their user wanted that (`mcpmux secrets lock`)")

// keys is the master key of the running daemon: found, forgotten, looked for again, replaced.
type keys struct {
	store *store.Store
	opt   Options
	log   *slog.Logger
	// keychain is the one to ask; nil means the system's.
	keychain secret.Keychain
	// reload is called when values can be opened, or cannot be any more; settle before they cannot, so that what is
	// being stored is.
	reload func()
	settle func(context.Context)

	// turn is held by each change of the key: one at a time.
	turn sync.Mutex

	// mu guards the following.
	mu     sync.Mutex
	source secret.Source
	place  secret.Place
	err    error // why values cannot be opened; nil while they can
}

func newKeys(st *store.Store, opt Options, log *slog.Logger) *keys {
	return &keys{store: st, opt: opt, log: log, reload: func() {}, settle: func(context.Context) {}}
}

// open looks for the key. What it did not find it remembers as the reason; its error says so too.
func (k *keys) open(ctx context.Context) error {
	k.turn.Lock()
	defer k.turn.Unlock()
	return k.look(ctx, 0, secret.Value{})
}

// look is open for who holds turn, and for a person who is there.
func (k *keys) look(ctx context.Context, limit time.Duration, passphrase secret.Value) error {
	opt, err := k.options(ctx)
	if err == nil {
		opt.Limit, opt.Passphrase = limit, passphrase
		err = k.find(ctx, opt)
	}
	if err != nil {
		k.store.Lock()
		k.set(secret.Source{}, opt.Place, err)
	}
	return err
}

// find finds the key and opens the store with it.
func (k *keys) find(ctx context.Context, opt secret.KeyOptions) (err error) {
	source, err := secret.OpenKey(ctx, opt)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			source.Key.Clear()
		}
	}()
	was := opt.Place.Source
	opt.Place.Version = max(opt.Place.Version, 1)
	opt.Place.Source = source.Kind
	box, err := secret.NewBoxVersion(source.Key, opt.Place.Version)
	if err != nil {
		return err
	}
	if err := k.store.Unlock(box); err != nil {
		return err
	}
	if opt.Place.Source != was {
		if err := k.store.SetKeyPlace(ctx, opt.Place); err != nil {
			return err
		}
	}
	k.set(source, opt.Place, nil)
	if source.Warning != "" {
		k.log.Warn("master key", "source", source.Kind, "warning", source.Warning)
	}
	k.tidy(ctx, opt)
	return nil
}

// tidy removes keys that nothing is sealed with: those before, and one of a change that was interrupted. What cannot
// be removed now is tried again when the key is opened next.
func (k *keys) tidy(ctx context.Context, opt secret.KeyOptions) {
	if len(opt.Place.Old) == 0 {
		return
	}
	left, err := secret.Forget(ctx, opt)
	if err != nil {
		k.log.Warn("a master key of no use was not removed; it is tried again at the next start", "err", err)
	}
	for _, old := range opt.Place.Old {
		if old.Path != "" {
			k.log.Info("nothing is sealed with the key in this file any more; remove it unless a backup needs it", "file", old.Path)
		}
	}
	opt.Place.Old = left
	if err := k.store.SetKeyPlace(ctx, opt.Place); err != nil {
		k.log.Warn("the removal of a master key was not noted", "err", err)
	}
}

// options say where to look.
func (k *keys) options(ctx context.Context) (secret.KeyOptions, error) {
	sealed, err := k.store.SealedExists(ctx)
	if err != nil {
		return secret.KeyOptions{}, err
	}
	place, err := k.store.KeyPlace(ctx)
	return secret.KeyOptions{
		DataDir: k.opt.DataDir, Install: k.store.Install(), SealedExists: sealed, Place: place,
		RequireKeychain: k.opt.RequireKeychain, Getenv: os.Getenv, Keychain: k.keychain, Fits: k.store.Fits,
	}, err
}

// set takes up another key, or none, and zeroes the one before.
func (k *keys) set(source secret.Source, place secret.Place, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.source.Key.Clear()
	k.source, k.place, k.err = source, place, err
}

// state is what is weak about the key's place, and why values cannot be opened.
func (k *keys) state() (warning string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.source.Warning, k.err
}

// derive is a key for another purpose; nil while the master key is not there.
func (k *keys) derive(purpose string) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.source.Derive(purpose)
}

// watch looks for a key that is not there, until ctx ends: a keychain may be unlocked by its person at any time.
func (k *keys) watch(ctx context.Context) { every(ctx, lookAfter, k.lookAgain) }

func every(ctx context.Context, d time.Duration, f func(context.Context)) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// lookAgain looks for a key that was not there, unless only its person can bring it.
func (k *keys) lookAgain(ctx context.Context) {
	k.turn.Lock()
	defer k.turn.Unlock()
	if _, err := k.state(); err == nil || errors.Is(err, errUserLocked) || errors.Is(err, secret.ErrPassphrase) {
		return
	}
	if k.keychain == nil && secret.WouldAsk(ctx) {
		return // A prompt every half a minute is nothing that a person wants.
	}
	if k.look(ctx, 0, secret.Value{}) == nil {
		k.unlocked()
	}
}

func (k *keys) unlocked() {
	k.log.Info("stored values are unlocked")
	k.reload()
}

// Status implements admin.Secrets.
func (k *keys) Status(ctx context.Context) api.Secrets {
	k.mu.Lock()
	s := api.Secrets{Source: k.place.Source, State: "unlocked", KeyVersion: max(k.place.Version, 1), Warning: k.source.Warning}
	if k.err != nil {
		s.State, s.Reason = admin.SecretsLocked, "stored values are locked: "+k.err.Error()
	}
	k.mu.Unlock()
	n, err := k.store.SealedCount(ctx)
	if err != nil {
		k.log.Warn("sealed values were not counted", "err", err)
	}
	s.Sealed = n
	return s
}

// Unlock implements admin.Secrets.
func (k *keys) Unlock(ctx context.Context, passphrase secret.Value) error {
	k.turn.Lock()
	defer k.turn.Unlock()
	if _, err := k.state(); err == nil {
		return nil
	}
	if err := k.look(ctx, personLimit, passphrase); err != nil {
		return mcpmux.Errorf(mcpmux.CodeUnavailable, "stored values stay locked: %v", err)
	}
	k.unlocked()
	return nil
}

// Lock implements admin.Secrets. Values that were locked for another reason stay locked from now on, whatever becomes
// of that reason.
func (k *keys) Lock(ctx context.Context) error {
	k.turn.Lock()
	defer k.turn.Unlock()
	if _, err := k.state(); errors.Is(err, errUserLocked) {
		return nil
	}
	k.settle(ctx)
	k.store.Lock()
	k.mu.Lock()
	place := k.place
	k.mu.Unlock()
	k.set(secret.Source{}, place, errUserLocked)
	k.log.Info("stored values are locked")
	k.reload()
	return nil
}

// Rekey implements admin.Secrets.
func (k *keys) Rekey(ctx context.Context, to string, passphrase secret.Value) error {
	k.turn.Lock()
	defer k.turn.Unlock()
	if _, err := k.state(); err != nil {
		return mcpmux.Errorf(mcpmux.CodeUnavailable, "stored values are locked; unlock them first: `mcpmux secrets unlock`")
	}
	ctx = context.WithoutCancel(ctx) // half of it is nothing
	opt, err := k.options(ctx)
	if err != nil {
		return err
	}
	opt.Limit, opt.Passphrase = personLimit, passphrase
	if to == "" && (opt.Place.Source == secret.SourceCredential || opt.Place.Source == secret.SourceFile) {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the master key is in a place of yours (%s), where McpMux writes nothing: say where the new one goes with --to", opt.Place.Source)
	}
	if k.opt.RequireKeychain && to != "" && to != secret.SourceKeychain {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "this daemon was started with --require-keychain; the key stays in the keychain")
	}
	next, err := secret.NextPlace(opt, to)
	if err != nil {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the master key was not changed: %v", err)
	}
	return k.replace(ctx, opt, next)
}

// replace makes the next master key and seals everything with it:
//
//  1. note that there will be a key in the next place, so that it is removed should this be interrupted;
//  2. make it and read it back;
//  3. in one transaction, wrap everything anew and make the next place the one;
//  4. remove the key before.
//
// Stopped before the end of 3, the key before opens everything; stopped after it, the next one does.
func (k *keys) replace(ctx context.Context, opt secret.KeyOptions, next secret.Place) error {
	if err := k.store.SetKeyPlace(ctx, secret.Making(opt.Place, next)); err != nil {
		return err
	}
	source, err := secret.NewKey(ctx, opt, next)
	if err != nil {
		return mcpmux.Errorf(mcpmux.CodeUnavailable, "the master key was not changed: %v", err)
	}
	box, err := secret.NewBoxVersion(source.Key, next.Version)
	if err == nil {
		err = k.store.Rekey(ctx, box, next)
	}
	if err != nil {
		source.Key.Clear()
		return err // Which key opens everything is found out at the next start; none is removed before.
	}
	k.set(source, next, nil)
	k.log.Info("the master key was changed", "source", next.Source, "version", next.Version)
	opt.Place = next
	k.tidy(ctx, opt)
	return nil
}

// dereference is a value itself where it may be a reference to a secret that is kept elsewhere: secret Inputs, and
// the secrets of logins. It is looked up whenever a connection is made, so that what was changed there counts.
func (d *daemon) dereference(ctx context.Context, v store.Value) (string, error) {
	if !v.MayRefer() {
		return v.Reveal(), nil
	}
	r, literal, is, err := secret.ParseReference(v.Reveal())
	if err != nil || !is {
		return literal, err // the store takes no reference of a wrong form
	}
	found, err := d.resolver.Resolve(ctx, r)
	if err != nil {
		return "", mcpmux.Errorf(mcpmux.CodeUnavailable, "the secret %q is kept elsewhere and was not found: %v", v.Name, err)
	}
	return found.Reveal(), nil
}

// hide keeps the secrets of a Server out of every text from now on.
func (d *daemon) hide(id mcpmux.ServerID, values []supervisor.Value) {
	var secrets []string
	for _, v := range values {
		if v.Secret || v.Kind == mcpmux.ValueLogin {
			secrets = append(secrets, v.Parts()...)
		}
	}
	d.known.Set(string(id), secrets)
}

// givenOut is how a secret begins that we give out ourselves (see packages authserver and admin), and the rest of it.
//
//nolint:gochecknoglobals // constant
var givenOut = regexp.MustCompile(`mm_(key|ac|at|rt|tkt)_[A-Za-z0-9_-]+`)

// appendActivity stores the record of requests without secrets: the name of a resource may hold one, and people paste
// them into addresses.
func (d *daemon) appendActivity(ctx context.Context, batch []mcpmux.Activity) error {
	for i := range batch {
		for _, text := range []*string{&batch[i].Name, &batch[i].Actor, &batch[i].Detail} {
			if *text = d.known.Text(*text); strings.Contains(*text, "mm_") {
				*text = givenOut.ReplaceAllString(*text, "mm_${1}_[redacted]")
			}
		}
	}
	return d.store.AppendActivity(ctx, batch)
}
