package secret

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
)

// A key file holds 32 bytes in standard base64, with or without a line end.

// errEmptyKey says that a key file has nothing in it.
var errEmptyKey = errors.New("the file is empty")

// maxKeyFile bounds what is read of a key file; a key has 44 characters.
const maxKeyFile = 1 << 10

// readKey reads a key file. Permissions in forbidden make it an error; Windows has none of this kind, there
// the folder's access list decides.
func readKey(path string, forbidden fs.FileMode) ([32]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return [32]byte{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return [32]byte{}, err
	}
	if !info.Mode().IsRegular() {
		return [32]byte{}, fmt.Errorf("%s is not a file", path)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&forbidden != 0 {
		return [32]byte{}, fmt.Errorf("%s has mode %04o, others may read or change it; run chmod 600", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return [32]byte{}, err
	}
	key, err := decodeKey(text)
	if err != nil {
		return key, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

func decodeKey(text []byte) (key [32]byte, err error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return key, errEmptyKey
	}
	// The decoder's own error quotes its input, which is a key.
	raw, err := base64.StdEncoding.Strict().DecodeString(string(text))
	if err != nil || len(raw) != len(key) {
		return key, errors.New("it is not a key: 32 bytes in base64 (44 characters) are expected")
	}
	copy(key[:], raw)
	clear(raw)
	return key, nil
}

// writeKey makes a key file that was not there.
func writeKey(path string, key [32]byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key[:]) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path) // The file is of no use, and err says more than a failed removal would.
	}
	return err
}
