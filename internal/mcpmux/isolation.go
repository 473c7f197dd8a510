package mcpmux

// Isolation says who may share a Backend connection of a Server (docs/architecture.md, Who shares a connection).
type Isolation string

// The kinds of isolation. IsolationAuto is what a Server has that was not told otherwise.
const (
	// IsolationShared: everybody shares one connection, whatever the Server asks.
	IsolationShared Isolation = "shared"
	// IsolationAuto: shared until the Server asks a client for something; from then on clients that can be
	// asked hold a connection of their capability profile alone for the time of a call.
	IsolationAuto Isolation = "auto"
	// IsolationSession: one connection for each session, or for each Client of a revision without sessions.
	IsolationSession Isolation = "session"
	// IsolationNone: a fresh connection for each call.
	IsolationNone Isolation = "none"
)

// Era is a family of MCP revisions as far as a Server is told to speak one.
type Era string

// The eras. EraAuto asks the Server; EraLegacy is initialize-based, up to 2025-11-25; EraModern has no
// handshake, from 2026-07-28.
const (
	EraAuto   Era = "auto"
	EraLegacy Era = "legacy"
	EraModern Era = "modern"
)

// DefaultMaxProcesses is how many connections of one capability profile a Server may have for calls that need
// one alone, where the Server does not say.
const DefaultMaxProcesses = 4
