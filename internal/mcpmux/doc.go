// Package mcpmux holds the words of the product as plain types: Space, Server, Feature, FeatureSet, Grant,
// Client, access key, Change and Error. Every other package speaks in them.
//
// It imports nothing of ours and does no I/O. A type here is a value; nothing here has a life of its own.
// docs/architecture.md lists the words with their meanings.
package mcpmux
