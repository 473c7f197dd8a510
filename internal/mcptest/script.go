package mcptest

import (
	"encoding/json"
	"os"
	"testing"
	"time"
)

// Script says what a server offers and how it misbehaves. The zero Script is a good server of the older era.
type Script struct {
	// Name is the server's name, "" is mcptest. A server refuses a requestState that one of another name made.
	Name string `json:"name,omitempty"`
	// Era is "legacy" (also ""), "modern" or "both".
	Era string `json:"era,omitempty"`
	// Version is what initialize answers; "" is what was asked for. A script with neither an Era nor a Version
	// lists the first tools only and names the same capabilities in every revision. 2026-07-28 is the newer era,
	// and one that refuses every request that is not as that revision demands (see admit).
	Version string `json:"version,omitempty"`
	// Generated is how many tools tool_0, tool_1 … are offered besides the built-in ones; PageSize is how many
	// entries a page of a list has, 0 for all.
	Generated int `json:"generated,omitempty"`
	PageSize  int `json:"page_size,omitempty"`
	// RepeatCursor makes every page name the first one's cursor.
	RepeatCursor bool `json:"repeat_cursor,omitempty"`

	// StartDelay is how long a process does not read its input.
	StartDelay time.Duration `json:"start_delay,omitempty"`
	// HangInitialize leaves initialize without an answer.
	HangInitialize bool `json:"hang_initialize,omitempty"`
	// ExitOnProbe ends the process on anything before initialize, HangProbe leaves it unanswered, EmptyProbe
	// answers {} to every method that is not known.
	ExitOnProbe bool `json:"exit_on_probe,omitempty"`
	HangProbe   bool `json:"hang_probe,omitempty"`
	EmptyProbe  bool `json:"empty_probe,omitempty"`
	// ProbeError answers server/discover with this code; 0 means -32601.
	ProbeError int `json:"probe_error,omitempty"`
	// IgnoreStdinEnd and IgnoreTerm make a process stay when it is asked to leave.
	IgnoreStdinEnd bool `json:"ignore_stdin_end,omitempty"`
	IgnoreTerm     bool `json:"ignore_term,omitempty"`
	// Starts is a file that gets one byte for each start of the process.
	Starts string `json:"starts,omitempty"`
	// RootsAtStart asks for the client's roots as soon as it is initialized, ElicitAtStart its user; JunkAtStart writes lines to standard
	// output that are no messages; Listen makes a process serve HTTP on that address instead of its pipes.
	RootsAtStart  bool   `json:"roots_at_start,omitempty"`
	ElicitAtStart bool   `json:"elicit_at_start,omitempty"`
	JunkAtStart   bool   `json:"junk_at_start,omitempty"`
	Listen        string `json:"listen,omitempty"`

	// JSON answers HTTP requests with a JSON body instead of an event stream.
	JSON bool `json:"json,omitempty"`
	// Resumable gives events ids and plays streams again from any of them (2025-03-26 to 2025-11-25). Requests go
	// on when their connection ends, until their session does.
	Resumable bool `json:"resumable,omitempty"`
	// NoStream refuses the GET stream, NoSession gives no session id.
	NoStream  bool `json:"no_stream,omitempty"`
	NoSession bool `json:"no_session,omitempty"`
	// SSE serves the HTTP+SSE transport of 2024-11-05 instead of Streamable HTTP.
	SSE bool `json:"sse,omitempty"`
	// SSERefusal is the status of a POST to another address than the stream named; 0 means 405.
	SSERefusal int `json:"sse_refusal,omitempty"`
	// Batches makes a server of 2025-03-26 send its notifications in arrays, too.
	Batches bool `json:"batches,omitempty"`
	// Bearer is the token that every HTTP request must bear.
	Bearer string `json:"bearer,omitempty"`
}

func (s Script) legacy() bool { return s.Era != "modern" && (s.Era != "" || !s.strict()) }
func (s Script) modern() bool { return s.Era == "both" || !s.legacy() }

// scriptVar holds the script of a child process.
const scriptVar = "MCPTEST_SERVER"

// RunIfChild runs m, or, where the process was started by Command, the scripted server in its place. It returns
// the exit code, for os.Exit in TestMain.
func RunIfChild(m *testing.M) int {
	if IsChild() {
		return Main()
	}
	return m.Run()
}

// IsChild says whether this process was started by Command.
func IsChild() bool { return os.Getenv(scriptVar) != "" }

// Command is how to start this test binary as a stdio server: the program, and what to add to its environment.
func Command(s Script) (program string, env []string, err error) {
	program, err = os.Executable()
	if err != nil {
		return "", nil, err
	}
	text, err := json.Marshal(s)
	// The race detector otherwise sleeps for a second before a process ends.
	return program, []string{scriptVar + "=" + string(text), "GORACE=atexit_sleep_ms=0"}, err
}
