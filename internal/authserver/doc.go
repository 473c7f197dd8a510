// Package authserver knows who calls the gateway: it makes access keys and verifies the Authorization header
// of a request against them, and tells clients how to authenticate (RFC 9728, RFC 6750).
//
// What a client may see is not decided here (catalog), nor is it decided what an error looks like on the
// wire (gateway).
//
// One flow: a State is applied and becomes an immutable table from the SHA-256 of a key to its client; a
// request is one hash and one look-up in it, without a lock.
package authserver
