// Package authclient is McpMux as an OAuth client of Servers (MCP 2026-07-28 basic/authorization; OAuth 2.1): it
// finds out who logs people in to a Server, registers McpMux there, sends the person's browser, keeps the tokens
// and renews them. It serves one gateway; to AI applications McpMux is an authorization server, which is package
// authserver.
//
// A Server's login goes through these steps; each is a file:
//
//  1. A request was refused with a challenge (Renew, engine.go). Tokens that can be renewed are, once however many
//     wait; what needs nobody (client credentials) is got; else a person is needed: NeedsLogin.
//  2. The person begins (Begin, login.go): protected resource metadata, authorization server metadata (metadata.go),
//     a client id there (client.go).
//  3. The browser comes to our own address, which binds it by a cookie and redirects it (Start).
//  4. It comes back (Callback), or the person pastes where it was sent (Paste), or types a code elsewhere (device.go).
//  5. The code becomes tokens (token.go), which are stored before they are used. The store's Change makes the
//     supervisor connect with them.
//  6. They are renewed ahead of their end (schedule.go), until the person logs out (logout.go).
//
// Whatever a Server or an authorization server says is checked and fails closed: an invalid document ends the
// login. Everything derived from it is fetched through web (web.go), which knows no zone but the one of the address
// that the user typed and the public one.
package authclient
