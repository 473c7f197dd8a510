// Package pool decides which connections to servers exist. It knows lifetimes, not the protocol: who may share
// a connection, when one is opened, and when it ends.
//
// Clients share one connection for each Key. Acquire joins the live one, or the dial that is under way, or starts
// a dial; Release gives the connection back. Who must have a connection alone waits until one is free, or gets
// one more of the same Key while there are few; who must have a fresh one gets that. A connection ends when nobody
// has used it for the idle timeout, when Set brings another configuration (it drains: what runs on it finishes),
// when its Server is removed, or when it dies by itself. The Observer hears of each beginning and each end.
//
// One mutex guards all of it and is held for a few instructions only, never while a connection is dialled,
// closed or spoken to.
package pool
