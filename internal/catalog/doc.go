// Package catalog decides who sees what: the algebra of FeatureSets, the names under which Features are
// shown, and the View of one Client.
//
// It is pure. It takes a mcpmux.State as one transaction read it and answers from that alone: no I/O, no
// clock, no state of its own between two calls. It does not know connections (package pool) nor requests
// (package gateway); the gateway asks a View and obeys.
//
// Its one flow, BuildAll: per Space an atlas (every Feature, named and rendered once) → per Client the set
// of Features that its grants select → a View, which is the atlas seen through that set. Looking something
// up is one map access and one bit test; a Client costs a bit set, not a copy.
package catalog
