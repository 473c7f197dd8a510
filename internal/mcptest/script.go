package mcptest

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/protocol"
)

// Script says what a server offers and how it misbehaves. The zero Script is a server of the older era that does
// what every test may rely on; with a Version it is a faithful server of that one revision.
type Script struct {
	// Name is the server's name, "" is mcptest. Servers of different names refuse each other's requestState.
	Name string `json:"name,omitempty"`
	// Era is "legacy" (also ""), "modern" or "both".
	Era string `json:"era,omitempty"`
	// Version is what initialize answers; "" is what was asked for. With a known one the server keeps to that
	// revision in everything it sends and wants: it offers all tools, and 2026-07-28 means the newer era.
	Version string `json:"version,omitempty"`
	// Generated is how many tools tool_0, tool_1 … are offered besides the built-in ones; PageSize is how many
	// entries a page of a list has, 0 for all.
	Generated int `json:"generated,omitempty"`
	PageSize  int `json:"page_size,omitempty"`
	// RepeatCursor makes every page name the first one's cursor.
	RepeatCursor bool `json:"repeat_cursor,omitempty"`

	// StartDelay is how long a process does not read its input. JunkAtStart makes it print lines that are no
	// messages before anything else.
	StartDelay  time.Duration `json:"start_delay,omitempty"`
	JunkAtStart bool          `json:"junk_at_start,omitempty"`
	// RootsAtStart and ElicitAtStart ask the client as soon as it is initialized, with no request in flight; the
	// tools start_roots and start_elicit tell the answers. Only the older era can.
	RootsAtStart  bool `json:"roots_at_start,omitempty"`
	ElicitAtStart bool `json:"elicit_at_start,omitempty"`
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

	// Batches makes a server of 2025-03-26 answer arrays with an array and send notifications in arrays; it
	// takes arrays without it, too.
	Batches bool `json:"batches,omitempty"`

	// Listen is an address, such as 127.0.0.1:0, at which the process serves HTTP instead of its standard input
	// and output. It writes its URL to standard error as one line.
	Listen string `json:"listen,omitempty"`
	// SSE makes the server speak HTTP+SSE (2024-11-05) instead of Streamable HTTP: GET opens a stream that names
	// the address for POSTs. Other POSTs are answered with SSERefusal, 0 is 405.
	SSE        bool `json:"sse,omitempty"`
	SSERefusal int  `json:"sse_refusal,omitempty"`
	// JSON answers HTTP requests with a JSON body instead of an event stream.
	JSON bool `json:"json,omitempty"`
	// NoStream refuses the GET stream, NoSession gives no session id.
	NoStream  bool `json:"no_stream,omitempty"`
	NoSession bool `json:"no_session,omitempty"`
	// Bearer is the token that every HTTP request must bear.
	Bearer string `json:"bearer,omitempty"`
}

func (s Script) legacy() bool {
	return s.Era != "modern" && (s.Era != "" || s.Version != protocol.V20260728)
}

func (s Script) modern() bool { return s.Era == "both" || !s.legacy() }

// strict says whether the server keeps to one revision.
func (s Script) strict() bool { return protocol.Known(s.Version) }

func (s Script) name() string {
	if s.Name == "" {
		return "mcptest"
	}
	return s.Name
}

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

// Command is how to start this test binary as a stdio server, or with Listen as one over HTTP: the program, and
// what to add to its environment.
func Command(s Script) (program string, env []string, err error) {
	program, err = os.Executable()
	if err != nil {
		return "", nil, err
	}
	text, err := json.Marshal(s)
	// The race detector otherwise sleeps for a second before a process ends.
	return program, []string{scriptVar + "=" + string(text), "GORACE=atexit_sleep_ms=0"}, err
}
