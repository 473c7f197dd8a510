package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
)

// The format of a blob, version 1:
//
//	magic "mx" | version 1 | key version | wrapped key: nonce 12, key 32, tag 16 | nonce 12, text, tag 16
//
// Both layers are AES-256-GCM with random nonces. Each blob has a key of its own, so that a nonce is never
// used twice under one key in earnest (the wrapping key sees two random nonces meet after about 2^48
// blobs), and so that a new master key rewraps 60 bytes of a blob and leaves the text alone.
const (
	formatVersion = 1
	headerSize    = 4
	keySize       = 32
	nonceSize     = 12
	tagSize       = 16
	wrappedSize   = nonceSize + keySize + tagSize
)

// wrapLabel names the one use of the derived key (RFC 5869 §3.2). Other uses of the master key derive
// under other labels.
const wrapLabel = "mcpmux wrap v1"

// ErrRefused is why a blob does not open: it was changed, it belongs to another place, or the master key
// is another one. Which of them cannot be told apart.
var ErrRefused = errors.New("the sealed value was changed, moved from another row, or sealed with another key")

// ErrFormat is why a blob is not even tried: a version of the format that this program does not know.
var ErrFormat = errors.New("the sealed value is in a format that this version of McpMux does not know")

// AAD is the place a blob belongs to. A blob opens only under the AAD it was sealed with.
type AAD struct {
	Install string // the installation's uuid
	Table   string
	Row     string
	Space   string
	Owner   string // the Server
	Kind    string
	Name    string
}

// bytes encodes the fields with their lengths, so that no two AADs read the same.
func (a AAD) bytes(layer string) []byte {
	var b []byte
	for _, f := range [...]string{layer, a.Install, a.Table, a.Row, a.Space, a.Owner, a.Kind, a.Name} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(f)))
		b = append(b, f...)
	}
	return b
}

// Box seals with one master key and opens what was sealed with it, or with the one before. It is safe for
// concurrent use, and prints as [redacted].
type Box struct {
	wrap    cipher.AEAD
	version byte
	before  *Box // nil but after a change of the key
}

// NewBox makes the Box of a first master key.
func NewBox(master [keySize]byte) (*Box, error) { return NewBoxVersion(KeyOf(master), 1) }

// NewBoxVersion makes the Box of the master key that is the version-th of its installation. Blobs say by the
// version, modulo 256, which key they were sealed with.
func NewBoxVersion(master Key, version int) (*Box, error) {
	if master.None() {
		return nil, errors.New("there is no master key to seal with")
	}
	key, err := hkdf.Key(sha256.New, master.slice(), nil, wrapLabel, keySize)
	if err != nil {
		return nil, fmt.Errorf("derive the wrapping key: %w", err)
	}
	defer clear(key)
	wrap, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	return &Box{wrap: wrap, version: byte(version)}, nil
}

func (Box) String() string { return redacted }

// Format prints [redacted] for every verb and flag.
func (Box) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue logs [redacted].
func (Box) LogValue() slog.Value { return slog.StringValue(redacted) }

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Seal makes a blob of plain that opens only at the place aad.
func (b *Box) Seal(aad AAD, plain []byte) ([]byte, error) {
	var key [keySize]byte
	defer clear(key[:])
	_, _ = rand.Read(key[:]) // It never fails: crypto/rand ends the program instead.
	text, err := newAEAD(key[:])
	if err != nil {
		return nil, err
	}
	blob := make([]byte, 0, headerSize+wrappedSize+nonceSize+len(plain)+tagSize)
	blob = append(blob, 'm', 'x', formatVersion, b.version)
	// These AEADs make their nonces themselves, at random, and take none.
	blob = b.wrap.Seal(blob, nil, key[:], aad.bytes("key")) //nolint:gosec // see above
	blob = text.Seal(blob, nil, plain, aad.bytes("text"))   //nolint:gosec // see above
	return blob, nil
}

// Open answers what was sealed. Its errors are ErrFormat and ErrRefused.
func (b *Box) Open(aad AAD, blob []byte) ([]byte, error) {
	key, blob, err := b.unwrap(aad, blob)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	text, err := newAEAD(key)
	if err != nil {
		return nil, ErrRefused
	}
	plain, err := text.Open(nil, nil, blob, aad.bytes("text"))
	if err != nil {
		return nil, ErrRefused
	}
	return plain, nil
}

// unwrap opens the key of a blob; rest is what that key opens.
func (b *Box) unwrap(aad AAD, blob []byte) (key, rest []byte, err error) {
	if len(blob) < headerSize || !bytes.Equal(blob[:headerSize-1], []byte{'m', 'x', formatVersion}) {
		return nil, nil, ErrFormat
	}
	version, blob := blob[headerSize-1], blob[headerSize:]
	if len(blob) < wrappedSize+nonceSize+tagSize {
		return nil, nil, ErrRefused
	}
	for b.version != version {
		if b = b.before; b == nil {
			return nil, nil, ErrRefused
		}
	}
	if key, err = b.wrap.Open(nil, nil, blob[:wrappedSize], aad.bytes("key")); err != nil {
		return nil, nil, ErrRefused
	}
	return key, blob[wrappedSize:], nil
}

// After makes b the Box that follows another: it opens what that one sealed too.
func (b *Box) After(other *Box) *Box {
	return &Box{wrap: b.wrap, version: b.version, before: &Box{wrap: other.wrap, version: other.version}}
}

// Rewrap is a blob of the key before as it would be had b sealed it: its key is wrapped anew, its text stays as it
// is. Its errors are those of Open.
func (b *Box) Rewrap(aad AAD, blob []byte) ([]byte, error) {
	key, rest, err := b.unwrap(aad, blob)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	out := make([]byte, 0, len(blob))
	out = append(out, 'm', 'x', formatVersion, b.version)
	out = b.wrap.Seal(out, nil, key, aad.bytes("key")) //nolint:gosec // this AEAD makes its nonces itself
	return append(out, rest...), nil
}
