package authserver

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

const (
	// keyPrefix marks our keys, so that people and secret scanners recognise one.
	keyPrefix = "mm_key_"
	// keyBytes of randomness are 256 bits: no slow hash is needed to keep the stored hash safe.
	keyBytes = 32
	// keyLen is the length of a key: the prefix and keyBytes in unpadded base64url.
	keyLen = len(keyPrefix) + 43
	// hintLen is how much of a key is kept to tell keys apart: the prefix and 4 characters, 24 bits.
	hintLen = len(keyPrefix) + 4
)

// NewKey makes an access key. The key itself is to be shown once; hint and hash are to be kept.
func NewKey() (key, hint string, hash [32]byte) {
	var random [keyBytes]byte
	_, _ = rand.Read(random[:]) // It never fails; a system without randomness ends the program.
	key = keyPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	return key, key[:hintLen], sha256.Sum256([]byte(key))
}
