package api

import (
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// What Status.Gateway says.
const (
	GatewayRunning = "running"
	GatewayStopped = "stopped"
)

// Status is what runs and what needs attention: GET status, POST gateway/{start,stop,restart}.
type Status struct {
	// Gateway is GatewayRunning or GatewayStopped.
	Gateway string `json:"gateway"`
	// GatewayAddr and DashboardAddr are host:port, GatewayURL is where clients speak MCP.
	GatewayAddr   string `json:"gateway_addr"`
	GatewayURL    string `json:"gateway_url"`
	DashboardAddr string `json:"dashboard_addr"`
	DashboardURL  string `json:"dashboard_url"`
	ActiveSpace   string `json:"active_space"`
	Spaces        int    `json:"spaces"`
	// Servers counts the enabled Servers of every Space, ConnectedServers those of them that are connected.
	Servers           int `json:"servers"`
	ConnectedServers  int `json:"connected_servers"`
	RegisteredClients int `json:"registered_clients"`
	// Sessions counts the MCP sessions that are open.
	Sessions int `json:"sessions"`
	// Ready says whether every enabled Server has settled; ReadyReason says why not.
	Ready       bool            `json:"ready"`
	ReadyReason string          `json:"ready_reason,omitempty"`
	Version     string          `json:"version"`
	PID         int             `json:"pid"`
	StartedAt   time.Time       `json:"started_at"`
	Uptime      mcpmux.Duration `json:"uptime"`
	DataDir     string          `json:"data_dir"`
	// Revision is that of the last Change.
	Revision int64   `json:"revision"`
	Secrets  Secrets `json:"secrets"`
	// Warnings are what a person should know, in words.
	Warnings  []string   `json:"warnings"`
	Questions []Question `json:"questions"`
}

// Process is what the daemon tells of itself; it is part of Status and Doctor.
type Process struct {
	Version       string
	PID           int
	StartedAt     time.Time
	DashboardAddr string // host:port
	DataDir       string
	Ready         bool
	ReadyReason   string
	Sessions      int
	Secrets       Secrets
}

// Secrets says where the master key is.
type Secrets struct {
	// Source is keychain, credential, keyfile, file or locked.
	Source string `json:"source"`
	// Warning is why that is not the best place, or why values are locked; "" is none.
	Warning string `json:"warning,omitempty"`
}

// Question asks whether a Client in mode ask moves to the Space that became active; POST
// clients/{name}/switch answers it. It names Client and Spaces.
type Question struct {
	Client string `json:"client"`
	// From is "" where the Client's Space was deleted.
	From string `json:"from"`
	To   string `json:"to"`
}

// Doctor is what the daemon finds wrong with itself: GET doctor. OK says that nothing is.
type Doctor struct {
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
}

// Check is one thing that was looked at.
type Check struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
	// Fix says what to do about it; "" where nothing is to be done.
	Fix string `json:"fix,omitempty"`
}

// Version is that of the daemon: GET version.
type Version struct {
	Version string `json:"version"`
	// Go is the version of Go that it was built with.
	Go string `json:"go"`
}

// Ticket is an address of the dashboard that logs one browser in, once: POST dashboard/ticket.
type Ticket struct {
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// TicketSecret is what a page that was opened by a Ticket redeems: POST /session.
type TicketSecret struct {
	Ticket string `json:"ticket"`
}

// Session is what a page gets for its ticket: POST /session. The answer sets a cookie too; requests need both.
type Session struct {
	// Secret goes into the header X-Mcpmux-Session of every request.
	Secret    string    `json:"secret"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Ended says how many sessions of the dashboard were ended: POST dashboard/logout.
type Ended struct {
	Sessions int `json:"sessions"`
}

// Failure is every answer with a status of 400 or above.
type Failure struct {
	Error mcpmux.Error `json:"error"`
}
