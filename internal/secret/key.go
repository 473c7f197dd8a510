package secret

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Where a master key may live.
const (
	SourceKeychain   = "keychain"
	SourceCredential = "credential"
	SourceFile       = "file"
	SourceKeyFile    = "keyfile"
)

const (
	// keychainService and keychainAccount name the key in the keychain; the account is made of the
	// installation's uuid, so that two installations of one user keep two keys.
	keychainService = "mcpmux"
	keychainAccount = "/kek/1"

	// credentialName is the file in $CREDENTIALS_DIRECTORY (systemd.exec(5), LoadCredential=).
	credentialName = "mcpmux-master-key" //nolint:gosec // It is the name of a file.
	// keyFileVariable names a file that holds the key.
	keyFileVariable = "MCPMUX_MASTER_KEY_FILE"
	// keyFileName is the key file in the data folder.
	keyFileName = "master.key"
)

// ErrLocked says that a keychain exists but does not give the key now: it is locked, or it does not answer.
// Nothing is lost; the key is there once the keychain is unlocked.
var ErrLocked = errors.New("the OS keychain is locked or does not answer")

// ErrWrongKey says that a master key was found, and values are sealed with another one.
var ErrWrongKey = errors.New("the master key found is not the one that the stored values were sealed with")

// ErrNoKey says that values are sealed and their master key is nowhere to be found.
var ErrNoKey = errors.New("values are stored sealed, but their master key was not found")

// ErrKeychainRequired says that only a key file would be left, and it was refused.
var ErrKeychainRequired = errors.New("a keychain is required (--require-keychain) and there is none")

// Source is a master key and where it was found.
type Source struct {
	Kind string // one of the Source constants
	// Warning says what is weak about the place, for as long as the key lives there; "" means nothing is.
	Warning string
	Key     [32]byte
}

// Derive is a key for another purpose, made of the master key, nil where there is none (RFC 5869).
func (s Source) Derive(purpose string) []byte {
	if s.Key == ([32]byte{}) {
		return nil
	}
	key, err := hkdf.Key(sha256.New, s.Key[:], nil, "mcpmux "+purpose, 32)
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
	// RequireKeychain refuses the key file in the data folder.
	RequireKeychain bool
	Getenv          func(string) string
	// Keychain is the keychain to ask; nil means System.
	Keychain Keychain
	// Limit bounds each question to the keychain; 0 means 5 s, fit for a start without a person.
	Limit time.Duration
	// Fits says whether a key is the one that the stored values were sealed with. With it a key that does
	// not fit is passed over for one that does; nil means that every key fits.
	Fits func(key [32]byte) bool
}

// OpenKey finds the master key:
//
//  1. where the user put it: the credential directory, then MCPMUX_MASTER_KEY_FILE;
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
	if opt.Keychain == nil {
		opt.Keychain = System{}
	}
	if opt.Limit == 0 {
		opt.Limit = keychainLimit
	}
	if opt.Getenv == nil {
		opt.Getenv = func(string) string { return "" }
	}
	l := ladder{opt: opt}
	for _, step := range []func(context.Context) (*Source, error){l.given, l.keychain, l.keyFile, l.create} {
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
		l.wrong = true
		return nil
	}
	return &s
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
	if path := l.opt.Getenv(keyFileVariable); path != "" {
		key, err := readKey(path, 0o077)
		if err != nil {
			return nil, fmt.Errorf("master key of %s: %w", keyFileVariable, err)
		}
		return l.fitting(Source{Kind: SourceFile, Key: key}), nil
	}
	return nil, nil
}

func (l *ladder) keychain(ctx context.Context) (*Source, error) {
	text, err := within(ctx, l.opt.Limit, func() (string, error) {
		return l.opt.Keychain.Get(keychainService, l.opt.Install+keychainAccount)
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
const keyFileWarning = "The master key is in a file in the data folder, because there is no OS keychain: " +
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
	path := filepath.Join(l.opt.DataDir, keyFileName)
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
	var key [32]byte
	_, _ = rand.Read(key[:]) // It never fails: crypto/rand ends the program instead.
	switch {
	case errors.Is(l.chain, ErrNoItem):
		if err := l.createInKeychain(ctx, key); err != nil {
			return nil, err
		}
		return &Source{Kind: SourceKeychain, Key: key}, nil
	case errors.Is(l.chain, ErrNoKeychain) && !l.opt.RequireKeychain:
		if err := writeKey(filepath.Join(l.opt.DataDir, keyFileName), key); err != nil {
			return nil, fmt.Errorf("make the key file: %w", err)
		}
		return &Source{Kind: SourceKeyFile, Warning: keyFileWarning, Key: key}, nil
	}
	return nil, nil
}

// createInKeychain stores key and reads it back: a keychain that says yes and keeps nothing must be found
// out before anything is sealed.
func (l *ladder) createInKeychain(ctx context.Context, key [32]byte) error {
	text := base64.StdEncoding.EncodeToString(key[:])
	back, err := within(ctx, l.opt.Limit, func() (string, error) {
		account := l.opt.Install + keychainAccount
		if err := l.opt.Keychain.Set(keychainService, account, text); err != nil {
			return "", err
		}
		return l.opt.Keychain.Get(keychainService, account)
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
