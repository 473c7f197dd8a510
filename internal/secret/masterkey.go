package secret

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"log/slog"
)

// Key is a master key in memory. However it is printed, logged or marshalled, it reads [redacted]. The zero Key is
// none. Copies of a Key are one key: Clear takes it from all.
//
// More is not promised: what was derived of it, texts on the way to a file or a keychain, and what the garbage
// collector moved are not wiped.
type Key struct {
	// Two pointers, because fmt prints the fields of unexported fields without asking their methods, and follows one
	// pointer to an array where a verb does not fit.
	at **[keySize]byte
}

// KeyOf makes a Key.
func KeyOf(bytes [keySize]byte) Key {
	at := &bytes
	return Key{&at}
}

func randomKey() Key {
	k := KeyOf([keySize]byte{})
	_, _ = rand.Read(k.slice()) // It never fails: crypto/rand ends the program instead.
	return k
}

// Clear overwrites the key with zeros, after which it is none.
func (k Key) Clear() { clear(k.slice()) }

// None says that there is no key, or not any more.
func (k Key) None() bool { return k.at == nil || **k.at == [keySize]byte{} }

// Is says whether two keys are the same.
func (k Key) Is(other Key) bool {
	if k.None() || other.None() {
		return k.None() && other.None()
	}
	return subtle.ConstantTimeCompare(k.slice(), other.slice()) == 1
}

// slice is the key itself, nil where there is none.
func (k Key) slice() []byte {
	if k.at == nil {
		return nil
	}
	return (*k.at)[:]
}

// text is the key as files and keychains keep it.
func (k Key) text() string { return base64.StdEncoding.EncodeToString(k.slice()) }

func (Key) String() string { return redacted }

// Format prints [redacted] for every verb and flag.
func (Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText writes [redacted], for JSON too.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue logs [redacted].
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }
