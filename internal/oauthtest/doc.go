// Package oauthtest is a scripted OAuth 2.1 authorization server and the MCP server that it protects, for tests:
// how they behave, and how they misbehave, is said by a Script. The zero Script is a correct pair: protected
// resource metadata (RFC 9728), authorization server metadata (RFC 8414), registration of clients by RFC 7591 and
// by metadata documents, PKCE with S256 (RFC 7636), resource indicators (RFC 8707), iss in redirects (RFC 9207),
// refresh tokens that rotate, revocation (RFC 7009), client credentials and the device flow (RFC 8628).
//
// One login goes: the MCP server answers 401 and names its metadata, which names the issuer; its metadata name the
// endpoints; the client registers, sends the person to the authorization endpoint (Approve plays that person, and
// the account is that of the Script), redeems the code at the token endpoint and comes back to the MCP server.
//
// Every request is recorded (Log), and so is every secret that was ever given out (Tokens). No part of the product
// uses the package.
package oauthtest
