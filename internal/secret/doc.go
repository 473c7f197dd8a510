// Package secret seals and opens what must not be read from a stolen disk, and finds the master key that
// does it.
//
// A Value is a secret in memory that prints as [redacted]. A Box seals: each blob has a random key of its
// own, which is wrapped with a key derived from the master key; both layers are bound to the blob's place
// (AAD), so that a blob moved to another row does not open. OpenKey looks for the master key where the
// machine can keep one, best place first.
//
// The package stores nothing but the master key itself; package store keeps the blobs.
package secret
