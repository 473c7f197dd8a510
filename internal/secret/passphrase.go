package secret

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
)

// passphraseVariable names a file that holds the passphrase, for machines that start without a person.
const passphraseVariable = "MCPMUX_PASSPHRASE_FILE" //nolint:gosec // It is the name of a variable.

const (
	// minPassphrase is the shortest passphrase in characters: with the cost below, guessing a random one of this
	// length is out of reach, and shorter ones are words.
	minPassphrase = 8
	maxPassphrase = 1024

	// saltSize is what RFC 9106 §3.1 recommends.
	saltSize = 16
)

// Cost is what a guess at a passphrase costs (Argon2id, RFC 9106 §3.1).
type Cost struct {
	Time    uint32 `json:"t"`
	Memory  uint32 `json:"m"` // KiB
	Threads uint8  `json:"p"`
}

// defaultCost is the second recommended option of RFC 9106 §4.
//
//nolint:gochecknoglobals // constant
var defaultCost = Cost{Time: 3, Memory: 64 << 10, Threads: 4}

// maxCost bounds what is read of a database: more would not end, or not fit.
//
//nolint:gochecknoglobals // constant
var maxCost = Cost{Time: 100, Memory: 4 << 20, Threads: 255}

// derive makes the key of a passphrase.
func (p Place) derive(passphrase Value) (Key, error) {
	c := p.Cost
	if c.Time < 1 || c.Time > maxCost.Time || c.Threads < 1 || c.Memory > maxCost.Memory || len(p.Salt) < saltSize {
		return Key{}, errors.New("what the database says of the passphrase is damaged; restore a backup")
	}
	typed := []byte(passphrase.Reveal())
	defer clear(typed)
	made := argon2.IDKey(typed, p.Salt, c.Time, c.Memory, c.Threads, keySize)
	defer clear(made)
	return KeyOf([keySize]byte(made)), nil
}

// newSalt makes a salt.
func newSalt() []byte {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	return salt
}

// CheckPassphrase refuses what is too weak to be a passphrase, or too long to be typed.
func CheckPassphrase(passphrase Value) error {
	switch n := len([]rune(passphrase.Reveal())); {
	case n < minPassphrase:
		return fmt.Errorf("the passphrase has %d characters; it has at least %d", n, minPassphrase)
	case n > maxPassphrase:
		return fmt.Errorf("the passphrase has more than %d characters", maxPassphrase)
	}
	return nil
}

// readPassphrase reads the first line of a file; an empty path is no passphrase.
func readPassphrase(path string) (Value, error) {
	if path == "" {
		return Value{}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return Value{}, fmt.Errorf("passphrase of %s: %w", passphraseVariable, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return Value{}, err
	}
	if mode := info.Mode(); runtime.GOOS != "windows" && mode.IsRegular() && mode.Perm()&0o077 != 0 {
		return Value{}, fmt.Errorf("passphrase of %s: %s has mode %04o, others may read it; run chmod 600", passphraseVariable, path, mode.Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, 4*maxPassphrase))
	if err != nil {
		return Value{}, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return NewValue(strings.TrimSuffix(line, "\r")), nil
}
