// Package backend speaks MCP to one Server: it starts the process or opens the endpoint, greets it in the era
// that it speaks, sends requests and delivers answers and whatever else the Server says.
//
// It knows the protocol, not lifetimes: when to dial, to share, to close and to try again is decided by pool
// and supervisor. It never sends a request twice.
//
// One flow: Dial probes the era and greets → Call splices an id and a progress token of its own into the
// client's message and sends it → what the Server sends meanwhile goes to the call that caused it (receive.go)
// → the answer is returned as it came.
package backend
