package secret

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// NewKey makes the next master key in a place and reads it back. to is keychain, passphrase, keyfile, file:PATH, or
// "" for where the key is now. Nothing is sealed with it yet, and the key before stays where it is.
func NewKey(ctx context.Context, opt KeyOptions, to string) (Source, Place, error) {
	if opt.Keychain == nil {
		opt.Keychain = System{}
	}
	if opt.Limit == 0 {
		opt.Limit = keychainLimit
	}
	if to == "" {
		to = opt.Place.Source
	}
	place := Place{Source: to, Version: max(opt.Place.Version, 1) + 1}
	if path, ok := strings.CutPrefix(to, "file:"); ok {
		place.Source, place.Path = SourceFile, path
	}
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	s := Source{Kind: place.Source, Key: key}
	switch place.Source {
	case SourceKeychain:
		return s, place, putInKeychain(ctx, opt, place.Version, key)
	case SourcePassphrase:
		if err := CheckPassphrase(opt.Passphrase); err != nil {
			return Source{}, Place{}, err
		}
		place = newPassphrasePlace(place.Version)
		s.Key = place.derive(opt.Passphrase)
		return s, place, nil
	case SourceKeyFile:
		s.Warning = keyFileWarning
		return s, place, putInFile(keyFilePath(opt.DataDir, place.Version), key)
	case SourceFile:
		if !filepath.IsAbs(place.Path) {
			return Source{}, Place{}, errors.New("name the file of the new key with its whole path: --to file:/path")
		}
		return s, place, putInFile(place.Path, key)
	}
	return Source{}, Place{}, fmt.Errorf("a key cannot be put into %q; choose keychain, passphrase, keyfile or file:/path", to)
}

// putInFile makes a key file and reads it back. What an interrupted change left there is replaced: its version is
// above the one in use.
func putInFile(path string, key [32]byte) error {
	err := writeKey(path, key)
	if errors.Is(err, fs.ErrExist) && strings.HasPrefix(filepath.Base(path), "master-") {
		if err = os.Remove(path); err == nil {
			err = writeKey(path, key)
		}
	}
	if err != nil {
		return fmt.Errorf("make the key file: %w", err)
	}
	back, err := readKey(path, 0o077)
	if err == nil && back != key {
		err = errors.New("it does not hold what was written")
	}
	if err != nil {
		return fmt.Errorf("read the key file back: %w", err)
	}
	return nil
}

// Forget removes the keys before the one in use from where this program put them. Those that the user put somewhere
// are the user's. What is not there any more is fine.
func Forget(ctx context.Context, opt KeyOptions) error {
	if opt.Keychain == nil {
		opt.Keychain = System{}
	}
	if opt.Limit == 0 {
		opt.Limit = keychainLimit
	}
	before := opt.Place.Version - 1
	if before < 1 {
		return nil
	}
	err := os.Remove(keyFilePath(opt.DataDir, before))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	_, chainErr := within(ctx, opt.Limit, func() (struct{}, error) {
		return struct{}{}, opt.Keychain.Delete(keychainService, account(opt.Install, before))
	})
	if errors.Is(chainErr, ErrNoItem) || errors.Is(chainErr, ErrNoKeychain) {
		chainErr = nil
	}
	return errors.Join(err, chainErr)
}
