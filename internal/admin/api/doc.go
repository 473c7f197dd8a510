// Package api holds the requests and answers of the admin API as plain types, which the daemon (package
// admin) and its Go client (package adminclient) share. It decides nothing.
//
// Resources embed the words of package mcpmux and add what a reader would have to look up: names in place of
// ids, and the live state. Names of JSON members are in snake_case. A Server's values are never in an answer.
package api
