// Package wire handles one JSON-RPC message as bytes: it scans it strictly, finds the members that somebody
// decides by, and splices single members; every other byte stays as it was sent. It also frames messages as
// lines and as server-sent events.
//
// Not for: knowing MCP (protocol), or moving bytes (backend, gateway).
//
// One flow: Parse checks the whole text once and notes where the envelope's members are; Find looks into
// params; edits are collected and Splice writes the new text.
package wire
