// Package supervisor makes what runs match what is desired. Every enabled Server of every Space has one worker,
// which resolves its configuration, sees to its connection, asks it for its Features, and says what state it is
// in. It does not speak to clients and does not decide what they see.
//
// The one flow of a worker:
//  1. resolve: open the Server's values, expand ${input:ID}, and give the configuration to the pool;
//  2. connect: acquire the base connection once, so that it exists;
//  3. examine: whoever caused a base connection to open (a worker, or a request after an idle time), its four
//     lists are read, saved in the store, and a ping is answered before the state is connected;
//  4. watch: pings, changed lists, idle close, death; then 2 again, after a back-off where there is reason for one.
//
// A worker is one goroutine that never blocks. Whatever takes time runs in a goroutine of its own under the
// worker's context and reports to its mailbox.
package supervisor
