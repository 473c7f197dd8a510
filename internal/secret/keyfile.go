package secret

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// A key file holds 32 bytes in standard base64, with or without a line end.

// errEmptyKey says that a key file has nothing in it.
var errEmptyKey = errors.New("the file is empty")

// maxKeyFile bounds what is read of a key file; a key has 44 characters.
const maxKeyFile = 1 << 10

// readKey reads a key file. Permissions in forbidden make it an error; Windows has none of this kind, there
// the folder's access list decides.
func readKey(path string, forbidden fs.FileMode) (Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return Key{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return Key{}, err
	}
	if !info.Mode().IsRegular() {
		return Key{}, fmt.Errorf("%s is not a file", path)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&forbidden != 0 {
		return Key{}, fmt.Errorf("%s has mode %04o, others may read or change it; run chmod 600", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return Key{}, err
	}
	defer clear(text)
	key, err := decodeKey(text)
	if err != nil {
		return key, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

func decodeKey(text []byte) (Key, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return Key{}, errEmptyKey
	}
	// The decoder's own error quotes its input, which is a key.
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	defer clear(raw)
	n, err := base64.StdEncoding.Strict().Decode(raw, text)
	if err != nil || n != keySize {
		return Key{}, errors.New("it is not a key: 32 bytes in base64 (44 characters) are expected")
	}
	key := KeyOf([keySize]byte(raw))
	if key.None() {
		return Key{}, errors.New("it is not a key: it is all zeros")
	}
	return key, nil
}

// writeKey makes a key file that was not there. When it returns, a power cut does not take the file away.
func writeKey(path string, key Key) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(key.text() + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		_ = os.Remove(path) // The file is of no use, and err says more than a failed removal would.
	}
	return err
}

// syncFolder makes the names in a folder durable. Windows cannot, and does so by itself.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
