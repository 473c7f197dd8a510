// Package mcptest is a scripted MCP server for tests: over HTTP as an http.Handler, or on stdio as a child
// process that is the test binary itself. It speaks the older era (initialize, sessions), 2026-07-28, or both,
// and misbehaves as its Script says.
//
// Not for: production. It checks of a client's messages only what tests rely on.
package mcptest
