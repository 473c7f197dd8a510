// Package mcptest is a scripted MCP server for tests: what it offers and how it misbehaves is said by a Script.
// It speaks both eras, over Streamable HTTP or HTTP+SSE inside the test (Server.ServeHTTP) and over stdio as a
// process of its own: a test binary starts itself again as the server (RunIfChild, Command). It writes its answers
// as bytes, so that it can send what no SDK would: unknown members, integers of 20 digits, a null where an object
// is expected.
//
// With a Version it is a server of that revision alone, and what it sends is valid there, but for the tools echo,
// stats and odd, whose bytes tests compare. Without, it is not a model of a good server. No part of the product
// uses it.
package mcptest
