// Package cli is the command line: it turns arguments into requests of the admin API, and the answers into
// text for people or, with --json, into the API's own resources.
//
// It decides nothing that the daemon decides: it knows the daemon only through package adminclient, and gets
// what starts one handed in (IO.Serve). Its one flow, Run: parse with cobra → one request or a few → print →
// exit code. DESIGN §4 fixes commands, flags and exit codes.
package cli
