package secret

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Where a master key may live.
const (
	SourceKeychain   = "keychain"
	SourceCredential = "credential"
	SourceFile       = "file"
	SourceKeyFile    = "keyfile"
	SourcePassphrase = "passphrase"
)

const (
	// keychainService and keychainAccount name the key in the keychain; the account is made of the
	// installation's uuid, so that two installations of one user keep two keys.
	keychainService = "mcpmux"
	keychainAccount = "/kek/"

	// credentialName is the file in $CREDENTIALS_DIRECTORY (systemd.exec(5), LoadCredential=).
	credentialName = "mcpmux-master-key" //nolint:gosec // It is the name of a file.
	// keyFileVariable names a file that holds the key.
	keyFileVariable = "MCPMUX_MASTER_KEY_FILE"
	// keyFileName is the first key file in the data folder; later ones have their version in the name.
	keyFileName = "master.key"
)

// Place is where the master key of an installation is. It is kept beside what is sealed, and is no secret.
type Place struct {
	// Source is one of the Source constants, "" before a key was found for the first time.
	Source string `json:"source,omitempty"`
	// Version counts the keys; the first is 1.
	Version int `json:"version"`
	// Path is the file of a SourceFile that no environment variable names.
	Path string `json:"path,omitempty"`
	// Salt and Cost are those of a SourcePassphrase.
	Salt []byte `json:"salt,omitempty"`
	Cost Cost   `json:"cost,omitzero"`
	// Old are keys that this program put somewhere and that nothing is sealed with: those before, until they are
	// removed, and the next one, from before it is made until everything is sealed with it.
	Old []OldKey `json:"old,omitempty"`
}

// OldKey is where a key is that is to be removed.
type OldKey struct {
	Source  string `json:"source"`
	Version int    `json:"version"`
	Path    string `json:"path,omitempty"`
}

// key is where p's key is.
func (p Place) key() OldKey {
	k := OldKey{Source: p.Source, Version: p.Version}
	if p.Source == SourceFile {
		k.Path = p.Path
	}
	return k
}

// account names the key of a version in the keychain.
func account(install string, version int) string {
	return install + keychainAccount + strconv.Itoa(version)
}

// keyFilePath is the key file of a version in the data folder.
func keyFilePath(dir string, version int) string {
	if version > 1 {
		return filepath.Join(dir, "master-"+strconv.Itoa(version)+".key")
	}
	return filepath.Join(dir, keyFileName)
}

// ErrLocked says that a keychain exists but does not give the key now: it is locked, or it does not answer.
// Nothing is lost; the key is there once the keychain is unlocked.
var ErrLocked = errors.New("the OS keychain is locked or does not answer")

// ErrWrongKey says that a master key was found, and values are sealed with another one.
var ErrWrongKey = errors.New("the master key found is not the one that the stored values were sealed with")

// ErrNoKey says that values are sealed and their master key is nowhere to be found.
var ErrNoKey = errors.New("values are stored sealed, but their master key was not found")

// ErrPassphrase says that the master key is made of a passphrase, and the right one was not given.
var ErrPassphrase = errors.New("the stored values are protected by a passphrase")

// ErrKeychainRequired says that only a key file would be left, and it was refused.
var ErrKeychainRequired = errors.New("a keychain is required (--require-keychain) and there is none")

// Source is a master key and where it was found.
type Source struct {
	Kind string // one of the Source constants
	// Warning says what is weak about the place, for as long as the key lives there; "" means nothing is.
	Warning string
	Key     Key
}

// Derive is a key for another purpose, made of the master key, nil where there is none (RFC 5869).
func (s Source) Derive(purpose string) []byte {
	if s.Key.None() {
		return nil
	}
	key, err := hkdf.Key(sha256.New, s.Key.slice(), nil, "mcpmux "+purpose, 32)
	if err != nil {
		return nil // it never fails for so short a key
	}
	return key
}

// KeyOptions say where to look for the master key.
type KeyOptions struct {
	DataDir string
	Install string // the installation's uuid
	// SealedExists says that values are sealed already. No new key is made then.
	SealedExists bool
	// Place is where the key was last; the zero Place is nowhere.
	Place Place
	// Passphrase is what a SourcePassphrase is made of; empty means that nobody has given one yet.
	Passphrase Value
	// RequireKeychain refuses the key file in the data folder.
	RequireKeychain bool
	Getenv          func(string) string
	// Keychain is the keychain to ask; nil means System.
	Keychain Keychain
	// Limit bounds each question to the keychain; 0 means 5 s, fit for a start without a person.
	Limit time.Duration
	// Fits says whether a key is the one that the stored values were sealed with. With it a key that does
	// not fit is passed over for one that does; nil means that every key fits.
	Fits func(Key) bool
}

func (o KeyOptions) withDefaults() KeyOptions {
	if o.Keychain == nil {
		o.Keychain = System{}
	}
	if o.Limit == 0 {
		o.Limit = keychainLimit
	}
	if o.Place.Version == 0 {
		o.Place.Version = 1
	}
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	return o
}

// OpenKey finds the master key:
//
//  1. where the user put it: a passphrase, the credential directory, then MCPMUX_MASTER_KEY_FILE;
//  2. in the OS keychain;
//  3. in the key file in the data folder, if one was made there earlier;
//  4. nowhere, while nothing is sealed: it makes one, in the keychain, or in a key file where no keychain
//     exists.
//
// A new key is made only if no value is sealed and the keychain said that it has none (ErrNoItem) or there
// is no keychain (ErrNoKeychain). Any other answer could hide the key that everything is sealed with. Its
// errors are ErrLocked, ErrWrongKey, ErrNoKey and ErrKeychainRequired, wrapped with what to do, and those of
// an unreadable key file.
func OpenKey(ctx context.Context, opt KeyOptions) (Source, error) {
	l := ladder{opt: opt.withDefaults()}
	for _, step := range []func(context.Context) (*Source, error){l.passphrase, l.given, l.keychain, l.keyFile, l.create} {
		if s, err := step(ctx); err != nil {
			return Source{}, err
		} else if s != nil {
			return *s, nil
		}
	}
	return Source{}, l.refusal()
}

// ladder is one search for the key: what was asked and what was learned on the way.
type ladder struct {
	opt      KeyOptions
	chain    error // what the keychain said: nil, ErrNoItem, ErrNoKeychain or why it is locked
	wrong    bool  // a key was found that does not fit
	refused  bool  // a key file exists and is refused
	keychKey bool  // the keychain has a key, fit or not
}

// fitting answers s if its key fits, and remembers that one was found if it does not.
func (l *ladder) fitting(s Source) *Source {
	if l.opt.SealedExists && l.opt.Fits != nil && !l.opt.Fits(s.Key) {
		s.Key.Clear()
		l.wrong = true
		return nil
	}
	return &s
}

// passphrase makes the key of what its person types in, or has in a file.
func (l *ladder) passphrase(context.Context) (*Source, error) {
	if l.opt.Place.Source != SourcePassphrase {
		return nil, nil
	}
	given := l.opt.Passphrase
	if given.Reveal() == "" {
		var err error
		if given, err = readPassphrase(l.opt.Getenv(passphraseVariable)); err != nil {
			return nil, err
		}
	}
	if given.Reveal() == "" {
		return nil, fmt.Errorf("%w: `mcpmux secrets unlock` asks for it", ErrPassphrase)
	}
	key, err := l.opt.Place.derive(given)
	if err != nil {
		return nil, err
	}
	// Here it counts that nothing is sealed: what is mistyped must not become the key.
	if l.opt.Fits != nil && !l.opt.Fits(key) {
		key.Clear()
		return nil, fmt.Errorf("%w: that passphrase is not the right one", ErrPassphrase)
	}
	return &Source{Kind: SourcePassphrase, Key: key}, nil
}

// given looks where the user or the service manager put a key. A place that is named and unreadable is an
// error: going on would make a second key.
func (l *ladder) given(context.Context) (*Source, error) {
	if dir := l.opt.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
		// systemd hands credentials out through an access list, which shows as group permissions.
		key, err := readKey(filepath.Join(dir, credentialName), 0o007)
		if err == nil {
			if s := l.fitting(Source{Kind: SourceCredential, Key: key}); s != nil {
				return s, nil
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("master key of the credential directory: %w", err)
		}
	}
	// One that the user names now counts before one that was named when the key was put there.
	for _, file := range []struct{ path, named string }{
		{l.opt.Getenv(keyFileVariable), keyFileVariable},
		{l.opt.Place.Path, "the file it was put in"},
	} {
		if file.path == "" {
			continue
		}
		key, err := readKey(file.path, 0o077)
		if err != nil {
			return nil, fmt.Errorf("master key of %s: %w", file.named, err)
		}
		if s := l.fitting(Source{Kind: SourceFile, Key: key}); s != nil {
			return s, nil
		}
	}
	return nil, nil
}

func (l *ladder) keychain(ctx context.Context) (*Source, error) {
	// A key file that its person chose over the keychain (`secrets rekey --to keyfile`) stays the place.
	if p := l.opt.Place; !l.opt.SealedExists && p.Source == SourceKeyFile && p.Version > 1 {
		l.chain = ErrNoKeychain
		return nil, nil
	}
	text, err := within(ctx, l.opt.Limit, func() (string, error) {
		return l.opt.Keychain.Get(keychainService, account(l.opt.Install, l.opt.Place.Version))
	})
	if l.chain = err; err != nil {
		return nil, nil
	}
	l.keychKey = true
	key, err := decodeKey([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("master key of the OS keychain: %w", err)
	}
	return l.fitting(Source{Kind: SourceKeychain, Key: key}), nil
}

// keyFileWarning is shown for as long as the key file is in use.
const keyFileWarning = "The master key is in a file in the data folder and not in an OS keychain: " +
	"stored secrets are protected by file permissions only."

// keyFile uses the key file of an earlier start. It counts only for values that were sealed with it: beside
// a keychain that works, and nothing sealed, the keychain takes over.
func (l *ladder) keyFile(context.Context) (*Source, error) {
	absent := errors.Is(l.chain, ErrNoKeychain)
	// A locked keychain may hold the true key; only a proof that this one fits makes it right.
	proven := l.opt.SealedExists && (l.opt.Fits != nil || errors.Is(l.chain, ErrNoItem))
	if !absent && !proven {
		return nil, nil
	}
	path := keyFilePath(l.opt.DataDir, l.opt.Place.Version)
	key, err := readKey(path, 0o077)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, errEmptyKey) && !l.opt.SealedExists:
		// What is left when the machine stopped while the file was made.
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the empty key file: %w", err)
		}
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("master key of the data folder: %w", err)
	}
	s := l.fitting(Source{Kind: SourceKeyFile, Warning: keyFileWarning, Key: key})
	if s != nil && l.opt.RequireKeychain {
		l.refused = true
		return nil, nil
	}
	return s, nil
}

// create makes the first key.
func (l *ladder) create(ctx context.Context) (*Source, error) {
	if l.opt.SealedExists || l.keychKey || l.refused {
		return nil, nil
	}
	key := randomKey()
	switch {
	case errors.Is(l.chain, ErrNoItem):
		if err := putInKeychain(ctx, l.opt, l.opt.Place.Version, key); err != nil {
			return nil, err
		}
		return &Source{Kind: SourceKeychain, Key: key}, nil
	case errors.Is(l.chain, ErrNoKeychain) && !l.opt.RequireKeychain:
		if err := writeKey(keyFilePath(l.opt.DataDir, l.opt.Place.Version), key); err != nil {
			return nil, fmt.Errorf("make the key file: %w", err)
		}
		return &Source{Kind: SourceKeyFile, Warning: keyFileWarning, Key: key}, nil
	}
	return nil, nil
}

// putInKeychain stores key and reads it back: a keychain that says yes and keeps nothing must be found out
// before anything is sealed.
func putInKeychain(ctx context.Context, opt KeyOptions, version int, key Key) error {
	text := key.text()
	back, err := within(ctx, opt.Limit, func() (string, error) {
		name := account(opt.Install, version)
		if err := opt.Keychain.Set(keychainService, name, text); err != nil {
			return "", err
		}
		return opt.Keychain.Get(keychainService, name)
	})
	if err != nil {
		return fmt.Errorf("%w: keep the master key: %w", ErrLocked, err)
	}
	if back != text {
		return fmt.Errorf("%w: it did not keep the master key it was given", ErrLocked)
	}
	return nil
}

// refusal says why there is no key, and what to do about it.
func (l *ladder) refusal() error {
	absent, empty := errors.Is(l.chain, ErrNoKeychain), errors.Is(l.chain, ErrNoItem)
	switch {
	case l.refused, absent && l.opt.RequireKeychain:
		return fmt.Errorf("%w: start McpMux in a session with a keychain, or without the flag", ErrKeychainRequired)
	case l.wrong && (l.keychKey || absent || empty):
		return fmt.Errorf("%w: bring back the key that was in use, from the keychain or the file that had it", ErrWrongKey)
	case absent || empty:
		return fmt.Errorf("%w: start McpMux in the session whose keychain has it, or bring back the key file", ErrNoKey)
	}
	return fmt.Errorf("%w: unlock it and try again: %w", ErrLocked, l.chain)
}
