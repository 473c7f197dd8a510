package authserver

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// Every secret that we give out begins with what it is, so that people and secret scanners recognise it and none
// passes for another.
const (
	keyPrefix     = "mm_key_"
	codePrefix    = "mm_ac_"
	accessPrefix  = "mm_at_"
	refreshPrefix = "mm_rt_"
)

const (
	// secretBytes of randomness are 256 bits: no slow hash is needed to keep the stored hash safe.
	secretBytes = 32
	// secretLen is their length in unpadded base64url.
	secretLen = 43
	// hintLen is how much of a key is kept to tell keys apart: the prefix and 4 characters, 24 bits.
	hintLen = len(keyPrefix) + 4
)

// newSecret makes a secret of a kind.
func newSecret(prefix string) (secret string, hash [32]byte) {
	var random [secretBytes]byte
	_, _ = rand.Read(random[:]) // It never fails; a system without randomness ends the program.
	secret = prefix + base64.RawURLEncoding.EncodeToString(random[:])
	return secret, sha256.Sum256([]byte(secret))
}

// NewKey makes an access key. The key itself is to be shown once; hint and hash are to be kept.
func NewKey() (key, hint string, hash [32]byte) {
	key, hash = newSecret(keyPrefix)
	return key, key[:hintLen], hash
}

// isSecret says whether a text has the form of a secret of a kind.
func isSecret(prefix, text string) bool {
	return len(text) == len(prefix)+secretLen && text[:len(prefix)] == prefix
}
