// Package mcptest is a scripted MCP server for tests: what it offers and how it misbehaves is said by a Script.
// It speaks both eras, over Streamable HTTP or HTTP+SSE inside the test (Server.ServeHTTP) and over stdio as a process of
// its own: a test binary starts itself again as the server (RunIfChild, Command). It writes its answers as
// bytes, so that it can send what no SDK would: unknown members, integers of 20 digits, a null where an object
// is expected.
//
// It is not a model of a good server, and no part of the product uses it.
package mcptest
