package api

import "github.com/mcpmux/mcpmux/internal/mcpmux"

// Space is a Space: the answer of spaces, spaces/{name} and spaces/{name}/activate.
type Space = mcpmux.Space

// SpaceName names a Space: POST spaces, PATCH spaces/{name}.
type SpaceName struct {
	Name string `json:"name"`
}
