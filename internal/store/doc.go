// Package store keeps the desired state: Spaces, Servers with their sealed values, Features, FeatureSets,
// Clients with their grants and access keys, and settings; and beside it the record of requests, and what is
// kept of sessions so that they outlive the daemon.
//
// It is the one place with SQL. It is not asked while a request is served, but for a session that this daemon
// does not know: those who serve read a State that was loaded before.
//
// One write is one method, one transaction and one Change: the method checks its arguments against what is
// stored, writes the rows, appends the Change with the next revision, and commits; then Changed wakes the
// follower, which reads Changes and loads the State anew. A method that finds nothing to do answers revision
// 0 and appends no Change.
//
// Values of environment variables, headers and inputs are sealed by package secret; until Unlock they can
// neither be read nor written, and everything else works.
//
// The SQL keeps to what SQLite and PostgreSQL share ($1 placeholders, RETURNING, ON CONFLICT). What is
// SQLite's own is in sqlite.go and in migrations/.
package store
