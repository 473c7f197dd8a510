package secret

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// NextPlace is where the next master key is put. to is keychain, passphrase, keyfile, file:PATH, or "" for where the
// key is now. Nothing is made yet.
func NextPlace(opt KeyOptions, to string) (Place, error) {
	now := opt.Place
	now.Version = max(now.Version, 1)
	if to == "" {
		to = now.Source
	}
	next := Place{Source: to, Version: now.Version + 1}
	if path, ok := strings.CutPrefix(to, "file:"); ok {
		next.Source, next.Path = SourceFile, path
	}
	switch next.Source {
	case SourceKeychain, SourceKeyFile:
	case SourcePassphrase:
		if err := CheckPassphrase(opt.Passphrase); err != nil {
			return Place{}, err
		}
		next.Salt, next.Cost = newSalt(), defaultCost
	case SourceFile:
		if err := checkNewFile(next.Path, opt.DataDir); err != nil {
			return Place{}, err
		}
	default:
		return Place{}, fmt.Errorf("a key cannot be put into %q; choose keychain, passphrase, keyfile or file:/path", to)
	}
	next.Old = slices.DeleteFunc(append(slices.Clone(now.Old), now.key()), func(o OldKey) bool { return o == next.key() })
	return next, nil
}

// checkNewFile refuses a path where no key file can be, or where one should not be: those of the data folder come
// and go without their person.
func checkNewFile(path, dataDir string) error {
	if !filepath.IsAbs(path) {
		return errors.New("name the file of the new key with its whole path: --to file:/path")
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s is there already; name a file that is not", path)
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	if data, err := os.Stat(dataDir); err == nil && os.SameFile(folder, data) {
		return errors.New("that is the data folder; choose --to keyfile, or a file elsewhere")
	}
	return nil
}

// Making is the Place to remember while the next key is being made: opt.Place as it is, which counts the next key
// among those to be removed. Should the change not come about, Forget finds it.
func Making(now, next Place) Place {
	if k := next.key(); !slices.Contains(now.Old, k) {
		now.Old = append(slices.Clone(now.Old), k)
	}
	now.Version = max(now.Version, 1)
	return now
}

// NewKey makes the master key of a Place that NextPlace answered, and reads it back. Nothing is sealed with it yet,
// and the key before stays where it is.
func NewKey(ctx context.Context, opt KeyOptions, next Place) (Source, error) {
	opt = opt.withDefaults()
	s := Source{Kind: next.Source, Key: randomKey()}
	var err error
	switch next.Source {
	case SourceKeychain:
		err = putInKeychain(ctx, opt, next.Version, s.Key)
	case SourcePassphrase:
		s.Key, err = next.derive(opt.Passphrase)
	case SourceKeyFile:
		s.Warning = keyFileWarning
		path := keyFilePath(opt.DataDir, next.Version)
		// What a change left there that was interrupted: its version is above the one in use.
		if err = os.Remove(path); err == nil || errors.Is(err, fs.ErrNotExist) {
			err = putInFile(path, s.Key)
		}
	case SourceFile:
		err = putInFile(next.Path, s.Key)
	default:
		err = fmt.Errorf("no key can be put into %q", next.Source)
	}
	if err != nil {
		s.Key.Clear()
		return Source{}, err
	}
	return s, nil
}

// putInFile makes a key file and reads it back.
func putInFile(path string, key Key) error {
	if err := writeKey(path, key); err != nil {
		return fmt.Errorf("make the key file: %w", err)
	}
	back, err := readKey(path, 0o077)
	defer back.Clear()
	if err == nil && !back.Is(key) {
		err = errors.New("it does not hold what was written")
	}
	if err != nil {
		return fmt.Errorf("read the key file back: %w", err)
	}
	return nil
}

// Forget removes the old keys of opt.Place from where this program put them. Files that the user named are the
// user's and stay. It answers which are still there and are to be tried again, with the reason; what is not there
// any more is fine.
func Forget(ctx context.Context, opt KeyOptions) (left []OldKey, err error) {
	opt = opt.withDefaults()
	for _, old := range opt.Place.Old {
		if old == opt.Place.key() {
			continue // It is in use, whatever is said of it.
		}
		if failed := forget(ctx, opt, old); failed != nil {
			left, err = append(left, old), errors.Join(err, failed)
		}
	}
	return left, err
}

func forget(ctx context.Context, opt KeyOptions, old OldKey) error {
	switch old.Source {
	case SourceKeyFile:
		if err := os.Remove(keyFilePath(opt.DataDir, old.Version)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	case SourceKeychain:
		_, err := within(ctx, opt.Limit, func() (struct{}, error) {
			return struct{}{}, opt.Keychain.Delete(keychainService, account(opt.Install, old.Version))
		})
		if err != nil && !errors.Is(err, ErrNoItem) {
			return fmt.Errorf("remove key %d from the OS keychain: %w", old.Version, err)
		}
	}
	return nil
}
