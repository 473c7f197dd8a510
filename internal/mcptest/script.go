package mcptest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
)

// Era is what a Server speaks.
type Era string

// The eras.
const (
	Legacy Era = "legacy"
	Modern Era = "modern"
	Both   Era = "both"
)

// Script says what a Server is and how it misbehaves. The zero Script is a well-behaved server of the older era.
type Script struct {
	Era     Era    `json:"era,omitempty"`
	Version string `json:"version,omitempty"` // that initialize answers; "" means 2025-11-25

	Tools        int  `json:"tools,omitempty"`         // generated tools, besides the built-in ones
	PageSize     int  `json:"page_size,omitempty"`     // items of a list's page; 0 means all
	RepeatCursor bool `json:"repeat_cursor,omitempty"` // every page of a list names the same next one

	// Probe is what a server of the older era does on server/discover: "" answers -32601, "exit" ends the
	// process, "silent" answers nothing, "empty" answers {}, "plain" is HTTP 400 without JSON.
	Probe string `json:"probe,omitempty"`

	HangOnInitialize bool   `json:"hang_on_initialize,omitempty"`
	JunkOnStdout     bool   `json:"junk_on_stdout,omitempty"` // lines that are no messages, before anything else
	LongLine         int    `json:"long_line,omitempty"`      // a line of so many bytes, before anything else
	AskAtStart       bool   `json:"ask_at_start,omitempty"`   // roots/list before anything else
	AskOnceReady     bool   `json:"ask_once_ready,omitempty"` // roots/list after notifications/initialized
	CrashAfter       int    `json:"crash_after,omitempty"`    // requests until the process exits with code 7; 0 means never
	LastWords        string `json:"last_words,omitempty"`     // on standard error, before anything else
	IgnoreEnd        bool   `json:"ignore_end,omitempty"`     // neither the end of input nor SIGTERM ends the process
	DeafInput        bool   `json:"deaf_input,omitempty"`     // closes its input after the greeting and lives on
	SSE              bool   `json:"sse,omitempty"`            // HTTP: every answer is an event stream
	NoSession        bool   `json:"no_session,omitempty"`     // HTTP: no Mcp-Session-Id
	NoGet            bool   `json:"no_get,omitempty"`         // HTTP: GET is 405
	Status           int    `json:"status,omitempty"`         // HTTP: answer to everything
	Location         string `json:"location,omitempty"`       // with Status 3xx
	Challenge        string `json:"challenge,omitempty"`      // with Status 401
	SilentListen     bool   `json:"silent_listen,omitempty"`  // modern: subscriptions/listen is never acknowledged
	AskOnUnasked     bool   `json:"ask_on_unasked,omitempty"` // HTTP: what tools ask goes to the GET stream
}

const (
	scriptVar     = "MCPTEST_SERVER"
	grandchildVar = "MCPTEST_GRANDCHILD"
)

// RunIfChild serves on standard input and output, and exits, where this process was started with Command. Call
// it first in TestMain.
func RunIfChild() {
	if os.Getenv(grandchildVar) != "" {
		stay()
	}
	text := os.Getenv(scriptVar)
	if text == "" {
		return
	}
	var s Script
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		fmt.Fprintln(os.Stderr, "mcptest: malformed script:", err)
		os.Exit(2)
	}
	if err := serveStdio(s); err != nil {
		fmt.Fprintln(os.Stderr, "mcptest:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Command is how to start the test binary as a stdio server of script. env is to be added to the process's own.
func Command(script Script) (command string, args, env []string) {
	command, err := os.Executable()
	if err != nil {
		panic(fmt.Sprintf("mcptest: %v", err)) // a test cannot go on
	}
	text, err := json.Marshal(script)
	if err != nil {
		panic(errors.Join(errors.New("mcptest: marshal script"), err)) // a struct of plain types always marshals
	}
	return command, nil, []string{scriptVar + "=" + string(text)}
}

// stay lives until it is killed: signals that can be caught do not end it.
func stay() {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch)
	for range ch { //nolint:revive // every signal is swallowed
	}
}
