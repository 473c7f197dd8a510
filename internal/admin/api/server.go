package api

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Server is an installed Server with its state: the answer of servers and servers/{alias}. Values names its
// environment variables, headers and Inputs; what they are is never answered.
type Server struct {
	mcpmux.Server
	SpaceName string              `json:"space"`
	Status    mcpmux.ServerStatus `json:"status"`
	Features  FeatureCounts       `json:"features"`
}

// FeatureCounts counts what a Server offered when last asked.
type FeatureCounts struct {
	Tools     int `json:"tools"`
	Prompts   int `json:"prompts"`
	Resources int `json:"resources"`
	Templates int `json:"templates"`
}

// Value is an environment variable, header or Input with its value. It is only ever part of a request.
type Value struct {
	Kind   mcpmux.ValueKind `json:"kind"`
	Name   string           `json:"name"`
	Secret bool             `json:"secret"`
	Value  string           `json:"value"`
}

// NewServer installs a Server: POST servers.
type NewServer struct {
	Alias      string            `json:"alias"`
	Definition mcpmux.Definition `json:"definition"`
	Values     []Value           `json:"values,omitempty"`
	// Enabled is true if it is left out.
	Enabled *bool `json:"enabled,omitempty"`
	// Prefix is what the Server's names begin with: the alias if it is left out, nothing for "".
	Prefix *string `json:"prefix,omitempty"`
	// IdleTimeout overrides the setting pool.idle_timeout; 0s means never.
	IdleTimeout *mcpmux.Duration `json:"idle_timeout,omitempty"`
}

// ServerPatch changes a Server: PATCH servers/{alias}. What is left out stays as it is.
type ServerPatch struct {
	Definition *mcpmux.Definition `json:"definition,omitempty"`
	Enabled    *bool              `json:"enabled,omitempty"`
	// Values are set beside those that are there; Drop removes some, by kind and name.
	Values []Value            `json:"values,omitempty"`
	Drop   []mcpmux.ValueName `json:"drop,omitempty"`
	// Prefix null stands for the alias, IdleTimeout null for the setting.
	Prefix      Nullable[string]          `json:"prefix,omitzero"`
	IdleTimeout Nullable[mcpmux.Duration] `json:"idle_timeout,omitzero"`
}

// Nullable is a member of a request of which left out, null and a value mean three things.
type Nullable[T any] struct {
	// Set says that the member is there; then a nil Value is null.
	Set   bool
	Value *T
}

// UnmarshalJSON reads null or a T.
func (n *Nullable[T]) UnmarshalJSON(b []byte) error {
	n.Set, n.Value = true, nil
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	return json.Unmarshal(b, &n.Value)
}

// MarshalJSON writes null or the value.
func (n Nullable[T]) MarshalJSON() ([]byte, error) { return json.Marshal(n.Value) }

// Feature is what a Server offers: GET servers/{alias}/features.
type Feature struct {
	mcpmux.Feature
	Description string `json:"description"`
	// QualifiedName is what clients see it as; a resource keeps its URI.
	QualifiedName string `json:"qualified_name"`
}

// LogLine is a line of a Server's log: GET servers/{alias}/logs.
type LogLine struct {
	At time.Time `json:"at"`
	// Source is stderr, server (a log message of MCP) or mcpmux.
	Source string `json:"source"`
	// Level is that of MCP; standard error has none.
	Level string `json:"level,omitempty"`
	Text  string `json:"text"`
}

// Login is where a login to a Server is finished in a browser: POST servers/{alias}/login.
type Login struct {
	URL string `json:"url"`
}
