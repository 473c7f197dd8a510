package api

import (
	"encoding/json"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Elicitation is an open question of a Server, with the names of the Client whose user is meant and its Space.
type Elicitation struct {
	mcpmux.Elicitation
	ClientName string `json:"client"`
	SpaceName  string `json:"space"`
}

// ElicitAction is what a person does about an Elicitation.
type ElicitAction string

// The actions (MCP 2025-11-25 client/elicitation §Response Actions).
const (
	ElicitAccept  ElicitAction = "accept"
	ElicitDecline ElicitAction = "decline"
	ElicitCancel  ElicitAction = "cancel"
)

// ElicitAnswer answers an Elicitation. Content is a JSON object, for accept alone.
type ElicitAnswer struct {
	Action  ElicitAction    `json:"action"`
	Content json.RawMessage `json:"content,omitempty"`
}
