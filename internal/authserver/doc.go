// Package authserver knows who calls the gateway. It is the authorization server of AI applications (OAuth 2.1 as MCP
// wants it: authorization code with PKCE S256, refresh, revocation, public clients alone), makes access keys, and
// verifies the Authorization header of a request against all of them.
//
// An application that was given nothing but the gateway's address goes this way, each step a file:
//
//	metadata.go      a 401 leads to the resource's metadata, and that to ours (RFC 9728, RFC 8414)
//	registration.go  it says who it is and gets a client_id that holds just that (RFC 7591), or its client_id is
//	document.go      the address of a document that says so (Client ID Metadata Documents)
//	redirect.go      and says where codes may be sent
//	authorize.go     it sends the user's browser to us, with a challenge; the wish becomes a Request
//	request.go       which the user approves or denies; only then is there a code
//	token.go         it gives the code and the verifier for tokens
//	refresh.go       and later the refresh token for others, each once
//
// What it gave is kept as hashes (package store). The way of a call is verify.go: one hash and one look-up in an
// immutable table, without a lock. What a client may see is not decided here (catalog).
package authserver
