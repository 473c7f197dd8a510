package api

import (
	"encoding/json"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Server is a Server with its Space, its live state and what it offers. It has the names of its values
// (environment, headers, inputs) and never a value.
type Server struct {
	mcpmux.Server
	SpaceName string              `json:"space"`
	Status    mcpmux.ServerStatus `json:"status"`
	Features  FeatureCounts       `json:"features"`
}

// FeatureCounts counts the Features of a Server.
type FeatureCounts struct {
	Tools     int `json:"tools"`
	Prompts   int `json:"prompts"`
	Resources int `json:"resources"`
	Templates int `json:"templates"`
}

// NewServer is what a Server is made of.
type NewServer struct {
	Alias      string            `json:"alias"`
	Definition mcpmux.Definition `json:"definition"`
	Values     []Value           `json:"values,omitempty"`
	// Enabled is true where it is left out.
	Enabled *bool `json:"enabled,omitempty"`
	// Prefix is what the Server's names start with; left out, it is the alias.
	Prefix *string `json:"prefix,omitempty"`
	// IdleTimeout overrides the setting pool.idle_timeout; 0 never closes.
	IdleTimeout *mcpmux.Duration `json:"idle_timeout,omitempty"`
	// CallTimeout overrides the setting pool.call_timeout; 0 sets no limit.
	CallTimeout *mcpmux.Duration `json:"call_timeout,omitempty"`
	// EverySpace gives all other Spaces, and those made later, a copy: a Server of their own.
	EverySpace bool `json:"every_space,omitempty"`
	// Isolation says who may share a connection, Era what the server speaks; left out, both are auto.
	Isolation mcpmux.Isolation `json:"isolation,omitempty"`
	Era       mcpmux.Era       `json:"era,omitempty"`
	// MaxProcesses bounds the connections that calls hold alone, for each capability profile; 0 is the default.
	MaxProcesses int `json:"max_processes,omitempty"`
	// Roots are the file:// URIs that a server hears which asks for roots while no client can be asked.
	Roots []string `json:"roots,omitempty"`
	// Login says how McpMux logs in to the server; left out, the server is asked.
	Login *mcpmux.LoginConfig `json:"login,omitempty"`
}

// Value is one value of a Server, on its way into the store. It never comes out again.
type Value struct {
	Kind   mcpmux.ValueKind `json:"kind"`
	Name   string           `json:"name"`
	Secret bool             `json:"secret"`
	Value  string           `json:"value"`
}

// ServerValue is one value of a Server as it is shown: of one that is no plain Input, only the name.
type ServerValue struct {
	mcpmux.ValueName
	Value *string `json:"value,omitempty"`
}

// ServerPatch says what to change about a Server; what is left out stays.
type ServerPatch struct {
	Definition *mcpmux.Definition `json:"definition,omitempty"`
	Enabled    *bool              `json:"enabled,omitempty"`
	// Values replaces all values. Put then sets single ones, and Drop removes some by kind and name.
	Values *[]Value   `json:"values,omitempty"`
	Put    []Value    `json:"put,omitempty"`
	Drop   []ValueRef `json:"drop,omitempty"`
	// The rest are JSON: null puts the default back.
	Prefix       json.RawMessage `json:"prefix,omitempty"`
	IdleTimeout  json.RawMessage `json:"idle_timeout,omitempty"`
	CallTimeout  json.RawMessage `json:"call_timeout,omitempty"`
	Isolation    json.RawMessage `json:"isolation,omitempty"`
	Era          json.RawMessage `json:"era,omitempty"`
	MaxProcesses json.RawMessage `json:"max_processes,omitempty"`
	Roots        json.RawMessage `json:"roots,omitempty"`
	Login        json.RawMessage `json:"login,omitempty"`
}

// ValueRef names one value of a Server.
type ValueRef struct {
	Kind mcpmux.ValueKind `json:"kind"`
	Name string           `json:"name"`
}

// NewLogin says how a person wants to log in to a Server.
type NewLogin struct {
	// Method is browser (the default), paste or device: in a browser on this machine; in one elsewhere, whose last
	// address is then sent to /servers/{alias}/login/redirect; by a code that is typed in somewhere (RFC 8628).
	Method string `json:"method,omitempty"`
	// Again logs in although several logins of late did not give the Server what it asks for.
	Again bool `json:"again,omitempty"`
}

// Login is where a person goes to log in to a Server; URL is empty where nobody is needed.
type Login struct {
	URL string `json:"url"`
	// UserCode is what to type in there, for the method device.
	UserCode string `json:"user_code,omitempty"`
	// ExpiresAt is until when; absent where there is no URL.
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// LoginRedirect is the address that a browser elsewhere was sent to at the end of a login.
type LoginRedirect struct {
	URL string `json:"url"`
}

// LoginProgress is how the login that was begun last goes.
type LoginProgress struct {
	// State is none, waiting, done or failed.
	State string `json:"state"`
	// Reason says why it failed.
	Reason string `json:"reason,omitempty"`
}

// Feature is one Feature of a Server: under its own name, and as the Server listed it.
type Feature struct {
	Kind        mcpmux.FeatureKind `json:"kind"`
	Name        string             `json:"name"`
	Description string             `json:"description,omitempty"`
	Raw         json.RawMessage    `json:"raw,omitempty"`
}

// LogSources are where the lines of a Server's log come from: its standard error, its messages, and its connection.
func LogSources() []string { return []string{"stderr", "server", "connection"} }

// LogLevels are the levels of a Server's messages, the least first (RFC 5424 §6.2.1).
func LogLevels() []string {
	return []string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}
}

// LogFilter chooses lines of a Server's log. What is empty chooses all.
type LogFilter struct {
	Tail   int    // how many of the last lines that are chosen
	Source string // of LogSources
	Level  string // of LogLevels, the least
	Search string // in the text, whatever its case
}

// LogLine is one line of a Server's log.
type LogLine struct {
	At time.Time `json:"at"`
	// Source is stderr, server or connection.
	Source string `json:"source"`
	Level  string `json:"level,omitempty"`
	Text   string `json:"text"`
}
