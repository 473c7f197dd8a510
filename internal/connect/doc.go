// Package connect knows AI applications: where each keeps its MCP servers, what it has to be told to use McpMux, and
// how to read the servers that are there, or in a text that somebody pastes.
//
// It reads and tells. Nothing is written to an application's files, and no server is made here: package admin makes
// servers of what is read, once a person has seen it.
//
// The flow of an import: Parse makes Proposals of a text, or Read of an application's file; Plan compares them with the
// servers that are there, names and judges them.
package connect
