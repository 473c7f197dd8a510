package api

import "github.com/mcpmux/mcpmux/internal/mcpmux"

// The names of live events: GET events. Every event says that something changed; what it now is, the routes
// tell.
const (
	// EventHello begins every stream: Hello.
	EventHello = "hello"
	// EventChange is a mcpmux.Change; its id is the revision, which Last-Event-ID takes up after.
	EventChange = "change"
	// EventServer is a ServerEvent, EventGateway a GatewayEvent, EventQuestions a QuestionsEvent.
	EventServer    = "server"
	EventGateway   = "gateway"
	EventQuestions = "questions"
	// EventReset says that events were lost, so that everything is to be read anew: Hello.
	EventReset = "reset"
)

// Hello tells the last revision.
type Hello struct {
	Revision int64 `json:"revision"`
}

// ServerEvent says that the state of a Server changed.
type ServerEvent struct {
	Server mcpmux.ServerID     `json:"server_id"`
	Status mcpmux.ServerStatus `json:"status"`
}

// GatewayEvent says that the gateway was started or stopped.
type GatewayEvent struct {
	Running bool `json:"running"`
}

// QuestionsEvent is the list of open questions after it changed.
type QuestionsEvent struct {
	Questions []Question `json:"questions"`
}
