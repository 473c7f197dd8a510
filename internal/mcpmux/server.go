package mcpmux

import (
	"encoding/json"
	"slices"
	"time"
)

// ServerID identifies a Server. A reinstalled Server gets a new one.
type ServerID string

// Transport is how a Server is reached.
type Transport string

// The transports. TransportSSE is the HTTP+SSE transport of MCP 2024-11-05.
const (
	TransportStdio Transport = "stdio"
	TransportHTTP  Transport = "http"
	TransportSSE   Transport = "sse"
)

// Definition is the recipe of a Server: a value, not state. Its texts may name Inputs as ${input:ID}; an
// expanded value is never expanded again. Values of environment variables, headers and Inputs are sealed in
// the store and are not part of it.
type Definition struct {
	// Title, Description and Homepage are for people alone.
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Homepage    string `json:"homepage,omitempty"`

	Transport Transport `json:"transport"`
	Command   string    `json:"command,omitempty"`
	Args      []string  `json:"args,omitempty"`
	Cwd       string    `json:"cwd,omitempty"`
	URL       string    `json:"url,omitempty"`

	// Inputs are the values that it asks for. Texts may name others too, as long as there are none here.
	Inputs []Input `json:"inputs,omitempty"`
}

// ValueKind says where a sealed value of a Server goes.
type ValueKind string

// The kinds of sealed values. An Input is what ${input:ID} stands for; a secret Input of a stdio Server is
// also an environment variable of its process. Values of kind login are the secrets of a LoginConfig.
const (
	ValueEnv    ValueKind = "env"
	ValueHeader ValueKind = "header"
	ValueInput  ValueKind = "input"
	ValueLogin  ValueKind = "login"
)

// ValueName names one sealed value of a Server. The value itself never leaves the store unsealed but
// through store.Values.
type ValueName struct {
	Kind   ValueKind `json:"kind"`
	Name   string    `json:"name"`
	Secret bool      `json:"secret"`
}

// Server is a Definition installed in one Space, with the user's values, an alias and an on/off switch.
type Server struct {
	ID         ServerID    `json:"id"`
	Space      SpaceID     `json:"space_id"`
	Alias      string      `json:"alias"`
	Enabled    bool        `json:"enabled"`
	Definition Definition  `json:"definition"`
	Values     []ValueName `json:"values"`

	// Prefix is what the Server's names start with; nil means the alias, "" means verbatim names.
	Prefix *string `json:"prefix,omitempty"`

	// IdleTimeout overrides the setting pool.idle_timeout; nil means the setting, 0 means never.
	IdleTimeout *Duration `json:"idle_timeout,omitempty"`

	// CallTimeout overrides the setting pool.call_timeout; nil means the setting, 0 means never.
	CallTimeout *Duration `json:"call_timeout,omitempty"`

	// Isolation says who may share a connection; "" is auto.
	Isolation Isolation `json:"isolation,omitempty"`

	// Era skips the question which era the Server speaks; "" is auto.
	Era Era `json:"era,omitempty"`

	// MaxProcesses bounds the connections that calls hold alone, for each capability profile; 0 means
	// DefaultMaxProcesses.
	MaxProcesses int `json:"max_processes,omitempty"`

	// Roots are the file:// URIs that a Server hears which asks for roots while no client can be asked.
	Roots []string `json:"roots,omitempty"`

	// EverySpace is set for a Server that every Space gets when it is made, and for its copies: each is a
	// Server of its own in its Space. A copy given another recipe or other values ceases to be one.
	EverySpace bool `json:"every_space,omitempty"`

	// Login says how McpMux logs in to the Server, LoggedIn what it has of that; nil while it has nothing.
	Login    LoginConfig `json:"login"`
	LoggedIn *LoggedIn   `json:"logged_in,omitempty"`

	// Stamp changes with every write that changes what a connection to the Server would be
	// (definition or values), so that followers see a new credential without opening it.
	Stamp int64 `json:"-"`

	CreatedAt time.Time `json:"created_at"`

	// About is what the Server said when last asked; nil before its first connection.
	About *About `json:"about,omitempty"`
}

// About is what a Server said of itself when it was last connected. It is persisted, so that an idle
// Server is still described.
type About struct {
	// ProtocolVersion is the MCP revision agreed on, for example "2025-11-25".
	ProtocolVersion string          `json:"protocol_version"`
	Capabilities    json.RawMessage `json:"capabilities,omitempty"`
	ServerInfo      json.RawMessage `json:"server_info,omitempty"`
	Instructions    string          `json:"instructions,omitempty"`

	// Versions are all revisions that the Server says it speaks (server/discover), nil where it did not say.
	Versions []string `json:"versions,omitempty"`

	// Interactive is set for good once the Server asked a client for something in the course of a call
	// (sampling, elicitation, roots).
	Interactive bool `json:"interactive"`
}

// Modern says whether the Server speaks the stateless revisions (2026-07-28 and later). Revisions are
// dates and compare as text.
func (a *About) Modern() bool { return a != nil && a.ProtocolVersion >= "2026-07-28" }

// Legacy says whether the Server speaks an initialize-based revision.
func (a *About) Legacy() bool {
	if a == nil || !a.Modern() {
		return a != nil
	}
	return slices.ContainsFunc(a.Versions, func(v string) bool { return v < "2026-07-28" })
}

// ServerState is what a Server is doing right now.
type ServerState string

// The states of a Server.
const (
	StateDisabled      ServerState = "disabled"
	StateConnecting    ServerState = "connecting"
	StateConnected     ServerState = "connected"
	StateIdle          ServerState = "idle"
	StateLoginRequired ServerState = "login_required"
	StateError         ServerState = "error"
	StateStopped       ServerState = "stopped"
)

// ServerStatus is a Server's state with its reason. It lives in memory only.
type ServerStatus struct {
	State ServerState `json:"state"`
	// Reason says why the state is not connected, in words for a person; it holds no secret.
	Reason string `json:"reason,omitempty"`
	// LoginWanted says that a person has to log in: the state is login_required, or the Server works and wants more
	// rights for some of what it offers.
	LoginWanted bool      `json:"login_wanted,omitempty"`
	Since       time.Time `json:"since"`
	// Stderr is the tail of the process's standard error, for a state of error.
	Stderr []string `json:"stderr,omitempty"`
	// Attempts counts the connection attempts since the last success.
	Attempts int `json:"attempts,omitempty"`
	// Connections is the number of live Backend connections, Processes that of their child processes.
	Connections int `json:"connections"`
	// PID is the process id of the Server's first live process, 0 where there is none.
	PID int `json:"pid,omitempty"`
}
