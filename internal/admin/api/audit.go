package api

import "github.com/mcpmux/mcpmux/internal/mcpmux"

// Activity is a request that a Client made or was refused: GET audit. Its ids grow.
type Activity struct {
	ID int64 `json:"id"`
	mcpmux.Activity
	// ClientName and SpaceName are "" where the thing is gone.
	ClientName string `json:"client"`
	SpaceName  string `json:"space"`
}
