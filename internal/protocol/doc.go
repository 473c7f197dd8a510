// Package protocol knows the revisions of MCP: which methods each has, how capabilities and headers are
// written, which HTTP status an error has, and how a result of one era becomes one of the other. It is pure:
// bytes in, bytes out.
//
// Not for: carrying messages (backend, gateway) or scanning them (wire).
package protocol
