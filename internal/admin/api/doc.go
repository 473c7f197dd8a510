// Package api holds the request and response types of the admin API (/api/v1): what its routes take and
// answer, as plain values with snake_case names. Package admin serves them, package adminclient asks for
// them, and the command line prints them with --json exactly as they are.
//
// It has no behaviour but reading and writing JSON, and it never holds a secret in an answer, with two
// exceptions that are shown once: CreatedClient and CreatedKey hold a new access key, Ticket a login.
package api
