package admin

import "net/http"

// wayKey is the key under which a request's context holds the way by which it came.
type wayKey struct{}

// wayDashboard is the dashboard's listener, where a browser is logged in; every other request came over the control
// socket, from a program of the user.
const wayDashboard = "dashboard"

func fromDashboard(r *http.Request) bool { return r.Context().Value(wayKey{}) == wayDashboard }

// actor is who makes a request, for the record.
func actor(r *http.Request) string {
	if fromDashboard(r) {
		return "user (dashboard)"
	}
	return "user (command line)"
}
