package api

import (
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// NewBackup says what a backup is to be.
type NewBackup struct {
	// Passphrase seals it; without one, nothing secret is in it.
	Passphrase string `json:"passphrase,omitempty"`
	// LeaveOut names what is not to be in it: secrets (values but those of plain inputs, and logins to servers), logins, keys (access keys).
	LeaveOut []string `json:"leave_out,omitempty"`
}

// NewRestore is a backup that is to be restored.
type NewRestore struct {
	// File is the file, as base64.
	File       string `json:"file"`
	Passphrase string `json:"passphrase,omitempty"`
	// DryRun changes nothing, and says what the backup has.
	DryRun bool `json:"dry_run,omitempty"`
}

// Restore is what a backup has, and what became of it.
type Restore struct {
	MadeAt  time.Time `json:"made_at"`
	Version string    `json:"version"` // of the McpMux that made it
	// Sealed says that a passphrase is needed, Opened that it was given: without it no more is known than this.
	Sealed bool `json:"sealed"`
	Opened bool `json:"opened"`
	// Own says that it is sealed with a key of the machine that made it: it opens there, and nowhere else.
	Own    bool           `json:"own"`
	Spaces []RestoreSpace `json:"spaces"`
	// Clients are their names.
	Clients     []string `json:"clients"`
	FeatureSets int      `json:"featuresets"` // that users made
	Keys        int      `json:"keys"`
	Values      int      `json:"values"`
	Logins      int      `json:"logins"`
	Settings    int      `json:"settings"`
	// Missing are values that are not in it, since they are secret or may be: their servers ask for them. Lacks says what else is not.
	Missing []MissingValue `json:"missing"`
	Lacks   []string       `json:"lacks"`
	// Restored says that it is what is set up now. Undo is then the file that brings back what was there before.
	Restored bool   `json:"restored"`
	Undo     string `json:"undo,omitempty"`
}

// RestoreSpace is a Space of a backup, and the aliases of its servers.
type RestoreSpace struct {
	Name    string   `json:"name"`
	Servers []string `json:"servers"`
}

// MissingValue is a value that has to be given again.
type MissingValue struct {
	Space  string           `json:"space"`
	Server string           `json:"server"`
	Kind   mcpmux.ValueKind `json:"kind"`
	Name   string           `json:"name"`
}
