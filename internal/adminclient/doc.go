// Package adminclient is the Go client of the admin API, over the daemon's control socket. The command
// line is built on it, and it alone knows where the socket is (SocketPath); the daemon asks it too.
//
// It is not a cache and holds no state: every method is one HTTP request, with the request and response
// types of package api. What the daemon refused comes back as *mcpmux.Error, a daemon that does not answer
// as *NotRunningError.
package adminclient
