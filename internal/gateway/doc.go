// Package gateway serves the MCP endpoint to AI applications: /mcp for everything a Client may see in its
// Space, /mcp/s/{alias} for one Server alone, unprefixed and transparent.
//
// Every request takes the same six steps, and each is one call in servePost and forward:
//
//  1. authenticate: the bearer names a Client (Config.Verify);
//  2. resolve the Space by the Client's connection mode;
//  3. collect the Client's grants plus Default;
//  4. filter: look the name up in the View, where hidden and unknown are the same;
//  5. route: take the Server's live connection from the pool;
//  6. return: the Server's answer, byte for byte, under the Client's own id.
//
// Steps 2 and 3 are decided by catalog whenever the State changes (Apply) and kept as an immutable View for
// each Client, so that a request reads one atomic pointer, takes no lock that I/O can hold, and asks no
// database.
//
// The two eras of MCP meet the same core: legacy.go speaks the revisions with initialize and sessions,
// modern.go the stateless ones from 2026-07-28; forward.go does not care.
//
// Not for: deciding who sees what (catalog), owning connections (pool), speaking to servers (backend).
package gateway
