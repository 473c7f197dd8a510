// Package demo is the MCP server that is built into the binary (mcpmux demo-server, over stdio): what a
// newcomer's first call reaches, with nothing to install. It offers a little of everything a server can
// offer: tools (one that takes time and reports progress, one that asks its user something), a prompt,
// resources, completion and logging.
//
// It speaks both eras of MCP on one connection: the revisions with a handshake, up to 2025-11-25, and the
// stateless 2026-07-28, where each request says for itself what it speaks and what its client can do. It
// holds no data, touches no file and opens no connection.
//
// Its flow, Run: read a line → admit (which era, which client) → look the method up in the table → answer.
// Each request runs in a goroutine of its own, so that a slow one can be cancelled and asked beside.
package demo
