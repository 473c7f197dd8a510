// Package guard is what stands in front of every route of both listeners: it opens the loopback addresses,
// and refuses requests that no honest local client sends.
//
// A request passes, in this order: limits on connection and header (Server), the Host it was sent to, its
// Origin, what the browser says of its page (Sec-Fetch-Site), the size of its body; a panic behind all that
// costs one answer, not the process. Who the client is and what it may do is not decided here (authserver,
// gateway, admin).
//
// The threat is a web page in the user's own browser and another program on the same machine: the first
// reaches loopback by DNS rebinding and cross-site requests, the second by taking our port before we do.
package guard
