// Command tsgen writes the types of the admin API as TypeScript, for the dashboard: one noun, one definition, in both
// languages. It reads them from the API's own OpenAPI document.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/admin"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: tsgen FILE")
	}
	text, err := generate()
	if err == nil {
		err = os.WriteFile(os.Args[1], text, 0o644) //nolint:gosec // G306: a source file
	}
	if err != nil {
		log.Fatal(err)
	}
}

// schema is what of JSON Schema the document uses.
type schema struct {
	Ref        string            `json:"$ref"`
	Type       string            `json:"type"`
	Enum       []string          `json:"enum"`
	Items      *schema           `json:"items"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
}

func generate() ([]byte, error) {
	document, err := admin.Document("")
	if err != nil {
		return nil, err
	}
	var doc struct {
		Components struct {
			Schemas map[string]schema `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString("// Written by internal/tools/tsgen from the types of internal/admin/api; `make web` writes it anew.\n")
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		s := doc.Components.Schemas[name]
		fmt.Fprintf(&b, "\nexport interface %s {\n", name)
		for _, member := range slices.Sorted(maps.Keys(s.Properties)) {
			optional := "?"
			if slices.Contains(s.Required, member) {
				optional = ""
			}
			fmt.Fprintf(&b, "  %s%s: %s;\n", member, optional, typeOf(s.Properties[member]))
		}
		b.WriteString("}\n")
	}
	return []byte(b.String()), nil
}

func typeOf(s schema) string {
	switch {
	case s.Ref != "":
		return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, w := range s.Enum {
			words[i] = `"` + w + `"`
		}
		return strings.Join(words, " | ")
	case s.Type == "array":
		if inner := typeOf(*s.Items); strings.Contains(inner, " ") {
			return "(" + inner + ")[]"
		} else { //nolint:revive // inner is of both
			return inner + "[]"
		}
	}
	switch s.Type {
	case "string", "boolean":
		return s.Type
	case "integer":
		return "number"
	}
	return "unknown" // any JSON
}
