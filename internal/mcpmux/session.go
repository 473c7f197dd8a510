package mcpmux

import (
	"encoding/json"
	"time"
)

// Session is what is kept of a session of an initialize-based client, so that it outlives a restart of the
// daemon. It holds no secret: the session's id is the sha256, in hex, of what the client sends.
type Session struct {
	ID     string
	Client ClientID
	Key    KeyID
	// Alias is the Server of the endpoint /mcp/s/<alias>, "" for /mcp.
	Alias string
	// Version is the revision agreed on.
	Version      string
	Capabilities json.RawMessage
	ClientInfo   json.RawMessage
	// Level is the least severe log level that the client asked for, "" where it asked for none.
	Level string
	// Subscriptions are the resources that the client subscribed to.
	Subscriptions []string
	CreatedAt     time.Time
	UsedAt        time.Time
}
