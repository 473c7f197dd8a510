// Package admin is the admin API: what the command line and the dashboard ask and command, over HTTP with
// JSON (types: package api). It serves two doors, the control socket, whose file mode is its credential, and
// the dashboard's address, which wants a login.
//
// It does not speak MCP and keeps no state of its own but logins, event streams and the questions of Servers
// that wait for somebody at one (elicit.go). What it reads, it reads
// from the store and from the parts that run; what it writes, it writes to the store.
//
// One flow:
//  1. one table (routes.go) says for each route its method, path, parameters and types; the mux and the
//     OpenAPI document are both made of it;
//  2. a request is checked against its row and its body is read strictly (request.go);
//  3. a write is one method of the store; before it is answered, the running parts have applied it;
//  4. the answer is the resource as it is then.
package admin
