package api

import (
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// The two words for what the gateway does.
const (
	GatewayRunning = "running"
	GatewayStopped = "stopped"
)

// Status is what runs and what needs attention.
type Status struct {
	Gateway string `json:"gateway"`
	// The counts are over all Spaces. A Server whose connection was closed for want of use is idle, not
	// connected; the next request connects it.
	ConnectedServers  int    `json:"connected_servers"`
	IdleServers       int    `json:"idle_servers"`
	RegisteredClients int    `json:"registered_clients"`
	Servers           int    `json:"servers"`
	Spaces            int    `json:"spaces"`
	ActiveSpace       string `json:"active_space"`
	GatewayAddr       string `json:"gateway_addr"`
	// GatewayURL is the MCP endpoint.
	GatewayURL    string    `json:"mcp_url"`
	DashboardAddr string    `json:"dashboard_addr"`
	DashboardURL  string    `json:"dashboard_url"`
	Version       string    `json:"version"`
	PID           int       `json:"pid"`
	StartedAt     time.Time `json:"started_at"`
	Secrets       Secrets   `json:"secrets"`
	// Warnings are the texts of what needs attention.
	Warnings    []string    `json:"warnings"`
	Attention   []Attention `json:"attention"`
	Questions   []Question  `json:"questions"`
	Ready       bool        `json:"ready"`
	ReadyReason string      `json:"ready_reason,omitempty"`
	Sessions    int         `json:"sessions"`
	// Statements is the number of SQL statements since the start, those of this answer included.
	Statements int64 `json:"statements"`
	// Revision is that of the last Change.
	Revision int64 `json:"revision"`
}

// AttentionKind says what kind of thing needs attention, and so what can be done about it.
type AttentionKind string

// The kinds. AttentionLocked is that stored values cannot be opened, AttentionKeyStore that the master key is in a weak
// place, AttentionLogin that a Server wants a person to log in, AttentionServer that one does not work, and
// AttentionClient that one is not approved.
const (
	AttentionLocked   AttentionKind = "locked"
	AttentionKeyStore AttentionKind = "key_store"
	AttentionLogin    AttentionKind = "login"
	AttentionServer   AttentionKind = "server"
	AttentionClient   AttentionKind = "client"
)

// Attention is one thing that a person should look at. Text says what it is, and names the rest.
type Attention struct {
	Kind    AttentionKind  `json:"kind"`
	Text    string         `json:"text"`
	Space   string         `json:"space,omitempty"`
	SpaceID mcpmux.SpaceID `json:"space_id,omitempty"`
	Server  string         `json:"server,omitempty"`
	Client  string         `json:"client,omitempty"`
	// Reason says why a Server does not work.
	Reason string `json:"reason,omitempty"`
}

// Secrets says where the master key is that stored values are sealed with.
type Secrets struct {
	// Source is keychain, credential, file, passphrase or keyfile; empty before there was a key.
	Source string `json:"source"`
	// State is unlocked, or locked: then values can neither be read nor written, and Reason says why.
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	// KeyVersion counts the keys that there were, and Sealed what is sealed.
	KeyVersion int `json:"key_version"`
	Sealed     int `json:"sealed"`
	// Warning says what is weak about the place, for as long as the key is there.
	Warning string `json:"warning,omitempty"`
}

// Rekey says where the next master key is put: keychain, passphrase, keyfile or file:/path; left out, where the key
// is now.
type Rekey struct {
	To         string `json:"to,omitempty"`
	Passphrase string `json:"passphrase,omitempty"`
}

// Unlock may bring the passphrase that the master key is made of.
type Unlock struct {
	Passphrase string `json:"passphrase,omitempty"`
}

// Question is one open question: shall the Client move with the active Space?
type Question struct {
	Client string `json:"client"`
	From   string `json:"from"`
	To     string `json:"to"`
}

// Process is what the daemon knows of its own process.
type Process struct {
	Version       string
	PID           int
	StartedAt     time.Time
	DashboardAddr string // where it listens, host:port; "" while it does not
	DashboardURL  string // the origin to tell people
	GatewayURL    string // likewise
	DataDir       string
	Ready         bool
	ReadyReason   string
	Sessions      int
	// Overridden says for the settings that the start of the daemon overrides what did so.
	Overridden map[string]string
}

// Version is which program answers.
type Version struct {
	Version string `json:"version"`
	Go      string `json:"go"`
}

// Doctor is what the daemon finds wrong with itself; OK says that every check passed.
type Doctor struct {
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
}

// Check is one thing that was looked at.
type Check struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

// Ticket is an address of the dashboard that logs its browser in, once.
type Ticket struct {
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// ErrorBody is the body of every answer that is not a good one.
type ErrorBody struct {
	Error mcpmux.Error `json:"error"`
}

// Setting is one setting with its value.
type Setting struct {
	mcpmux.Setting
	Value string `json:"value"`
	// Overridden says what was given at the start of the daemon and counts instead; empty where nothing was.
	Overridden string `json:"overridden_by,omitempty"`
}

// Service says how the system starts McpMux when its user logs in.
type Service struct {
	Installed bool `json:"installed"`
	// Kind is systemd, xdg, launchd or startup, and Path the file that says so.
	Kind string `json:"kind"`
	Path string `json:"path"`
	// Command is what is started.
	Command []string `json:"command"`
	// Current says that the file that is there starts just that.
	Current bool `json:"current"`
}

// SettingValue is a new value of a setting.
type SettingValue struct {
	Value string `json:"value"`
}
