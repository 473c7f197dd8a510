package mcpmux

import (
	"encoding/json"
	"time"
)

// Elicitation is a Server's question to the user of a Client that cannot be asked, as it is put to whoever
// is at the dashboard.
type Elicitation struct {
	ID     string   `json:"id"`
	Client ClientID `json:"client_id"`
	Space  SpaceID  `json:"space_id"`
	// Server is the alias of who asks, Tool the name of what was called; it may be empty.
	Server  string `json:"server"`
	Tool    string `json:"tool,omitempty"`
	Message string `json:"message"`
	// Schema is the requestedSchema of MCP 2025-11-25 client/elicitation §Requested Schema.
	Schema  json.RawMessage `json:"schema,omitempty"`
	AskedAt time.Time       `json:"asked_at"`
}
