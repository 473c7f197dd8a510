package api

import "github.com/mcpmux/mcpmux/internal/mcpmux"

// ApplicationState is what is known of an AI application on the daemon's machine.
type ApplicationState string

// The states. An unreadable application has a file that could not be understood; it is left alone.
const (
	ApplicationAbsent     ApplicationState = "absent"
	ApplicationInstalled  ApplicationState = "installed"
	ApplicationConfigured ApplicationState = "configured"
	ApplicationUnreadable ApplicationState = "unreadable"
)

// Application is an AI application, and what it has to be told to use McpMux. No text of it holds a secret.
type Application struct {
	ID    string           `json:"id"`
	Name  string           `json:"name"`
	State ApplicationState `json:"state"`
	// File is where its servers are kept on this machine, or would be; empty where that is not a file.
	File string `json:"file,omitempty"`
	// Reason says why it is unreadable.
	Reason string `json:"reason,omitempty"`
	// Servers counts what could be imported from it.
	Servers int `json:"servers"`
	// Format is json, toml or yaml.
	Format string `json:"format,omitempty"`
	// Config is what to add to its settings; empty where it cannot use McpMux, which Note explains. ConfigWithKey is
	// the same for an access key, with a placeholder where the key goes.
	Config        string `json:"config,omitempty"`
	ConfigWithKey string `json:"config_with_key,omitempty"`
	// Command does the same in a terminal, Link by a click.
	Command string `json:"command,omitempty"`
	Link    string `json:"link,omitempty"`
	// Next is what is left to do then.
	Next string `json:"next,omitempty"`
	Note string `json:"note,omitempty"`
	// Unsure says that nobody has tried it yet.
	Unsure bool `json:"unsure,omitempty"`
	// Checked is the day on which this was last compared with the application's documentation.
	Checked string `json:"checked"`
}

// ImportSource is where servers are read from: a text, or the file of an application on the daemon's machine.
type ImportSource struct {
	Text        string `json:"text,omitempty"`
	Application string `json:"application,omitempty"`
}

// ImportPreview is what a source has. Nothing was written.
type ImportPreview struct {
	// File is what was read, for an application.
	File     string          `json:"file,omitempty"`
	Servers  []ImportServer  `json:"servers"`
	Problems []ImportProblem `json:"problems"`
}

// ImportServer is a server that could be added.
type ImportServer struct {
	// Digest stands for everything that the server would be. What is imported has the digest that was shown.
	Digest string `json:"digest"`
	// Name is what the source calls it, Alias what it would be called here.
	Name       string            `json:"name,omitempty"`
	Alias      string            `json:"alias"`
	Definition mcpmux.Definition `json:"definition"`
	Values     []ImportValue     `json:"values"`
	// Enabled says whether it would be switched on.
	Enabled  bool            `json:"enabled"`
	Warnings []ImportWarning `json:"warnings"`
	// DuplicateOf is the alias of a server that is the same; Own says that it is McpMux itself, which is not imported.
	DuplicateOf string `json:"duplicate_of,omitempty"`
	Own         bool   `json:"own,omitempty"`
}

// ImportValue is a value of a server that could be added. A secret is never in it.
type ImportValue struct {
	Kind   mcpmux.ValueKind `json:"kind"`
	Name   string           `json:"name"`
	Secret bool             `json:"secret"`
	// Value is shown where it is no secret; Hidden says that there is one that is not shown.
	Value  string `json:"value,omitempty"`
	Hidden bool   `json:"hidden,omitempty"`
	// From is where it is kept, for a reference such as env:NAME.
	From string `json:"from,omitempty"`
	// Missing says that the source does not have it; Prompt is how the source asks for it.
	Missing bool   `json:"missing,omitempty"`
	Prompt  string `json:"prompt,omitempty"`
}

// ImportWarning is something to look at. One that stops has the server added switched off.
type ImportWarning struct {
	Text  string `json:"text"`
	Stops bool   `json:"stops"`
}

// ImportProblem is an entry of a source that could not be read.
type ImportProblem struct {
	Name string `json:"name,omitempty"`
	Text string `json:"text"`
}

// Import adds servers of a source that a preview has shown.
type Import struct {
	Text        string         `json:"text,omitempty"`
	Application string         `json:"application,omitempty"`
	Servers     []ImportChoice `json:"servers"`
}

// ImportChoice is a server of the preview.
type ImportChoice struct {
	Digest string `json:"digest"`
	// Alias is what to call it; left out, what the preview proposed.
	Alias string `json:"alias,omitempty"`
	// Values are values that the source does not have.
	Values []Value `json:"values,omitempty"`
}

// Imported is what an import did with each choice, in their order.
type Imported struct {
	Servers []ImportResult `json:"servers"`
}

// ImportResult is how one choice went.
type ImportResult struct {
	Alias   string `json:"alias"`
	Added   bool   `json:"added"`
	Enabled bool   `json:"enabled"`
	// Error says why it was not added.
	Error string `json:"error,omitempty"`
}
