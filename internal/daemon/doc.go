// Package daemon builds the parts, wires them, runs them and closes them in reverse order. Run is the one
// place where everything is known to everything; no other package knows more than its neighbours below.
//
// While it runs: the follower (follow.go) hands each new State to authserver, supervisor and gateway; the
// front (front.go) is the gateway's listener, which start and stop open and close; the ledger (ledger.go)
// writes what happened in batches; dashboard and control socket (listeners.go) stay up all the time.
package daemon
