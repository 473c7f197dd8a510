package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
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
	// lookAgain is how often a daemon that started locked looks whether the key is there by now.
	lookAgain = 30 * time.Second

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
	// reload is called when values can be opened, or cannot be any more.
	reload func()

	// turn is held by each change of the key: one at a time.
	turn sync.Mutex

	// mu guards the following.
	mu     sync.Mutex
	source secret.Source
	place  secret.Place
	err    error // why values cannot be opened; nil while they can
}

func newKeys(st *store.Store, opt Options, log *slog.Logger) *keys {
	return &keys{store: st, opt: opt, log: log, reload: func() {}}
}

// open looks for the key. What it did not find it remembers as the reason; its error says so too.
func (k *keys) open(ctx context.Context, limit time.Duration, passphrase secret.Value) error {
	k.turn.Lock()
	defer k.turn.Unlock()
	opt, err := k.options(ctx)
	if err != nil {
		return err
	}
	opt.Limit, opt.Passphrase = limit, passphrase
	source, err := secret.OpenKey(ctx, opt)
	if err != nil {
		k.set(secret.Source{}, opt.Place, err)
		return err
	}
	place := opt.Place
	if place.Version = max(place.Version, 1); place.Source != source.Kind {
		place = secret.Place{Source: source.Kind, Version: place.Version, Path: place.Path}
	}
	box, err := secret.NewBoxVersion(source.Key, place.Version)
	if err != nil {
		return err
	}
	if err := k.store.Unlock(box); err != nil {
		return err
	}
	if place.Source != opt.Place.Source {
		if err := k.store.SetKeyPlace(ctx, place); err != nil {
			return err
		}
	}
	k.set(source, place, nil)
	if source.Warning != "" {
		k.log.Warn("master key", "source", source.Kind, "warning", source.Warning)
	}
	opt.Place = place
	if err := secret.Forget(ctx, opt); err != nil { // what a change of the key left behind that was interrupted
		k.log.Info("the master key before this one was not removed", "err", err)
	}
	return nil
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
		RequireKeychain: k.opt.RequireKeychain, Getenv: os.Getenv, Fits: k.store.Fits,
	}, err
}

func (k *keys) set(source secret.Source, place secret.Place, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.source.Key[:])
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

// watch looks for a key that was not there, until ctx ends: a keychain may be unlocked by its person at any time.
func (k *keys) watch(ctx context.Context) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if _, err := k.state(); err == nil || errors.Is(err, errUserLocked) || errors.Is(err, secret.ErrPassphrase) {
			continue
		}
		if k.open(ctx, 0, secret.Value{}) == nil {
			k.log.Info("stored values are unlocked")
			k.reload()
		}
	}
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
	if _, err := k.state(); err == nil {
		return nil
	}
	if err := k.open(ctx, personLimit, passphrase); err != nil {
		return mcpmux.Errorf(mcpmux.CodeUnavailable, "stored values stay locked: %v", err)
	}
	k.log.Info("stored values are unlocked")
	k.reload()
	return nil
}

// Lock implements admin.Secrets.
func (k *keys) Lock(context.Context) error {
	k.turn.Lock()
	defer k.turn.Unlock()
	if _, err := k.state(); err != nil {
		return nil // it is locked
	}
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
	source, place, err := secret.NewKey(ctx, opt, to)
	if err != nil {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the master key was not changed: %v", err)
	}
	box, err := secret.NewBoxVersion(source.Key, place.Version)
	if err != nil {
		return err
	}
	if err := k.store.Rekey(ctx, box, place); err != nil {
		return err
	}
	k.set(source, place, nil)
	k.log.Info("the master key was changed", "source", place.Source, "version", place.Version)
	opt.Place = place
	if err := secret.Forget(ctx, opt); err != nil {
		k.log.Warn("the master key before this one was not removed", "err", err)
	}
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

// appendActivity stores the record of requests without secrets: the name of a resource may hold one.
func (d *daemon) appendActivity(ctx context.Context, batch []mcpmux.Activity) error {
	for i := range batch {
		batch[i].Name = d.known.Text(batch[i].Name)
	}
	return d.store.AppendActivity(ctx, batch)
}
