package mcptest

import (
	"strings"

	"github.com/mcpmux/mcpmux/internal/protocol"
)

const (
	pixel   = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==" // a PNG
	silence = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="                                     // a WAV
)

// structuredText is a result of a JSON value: as structuredContent where the revision has it for that value, and
// as text. Scripts without a Version send structuredContent alone.
func (r *request) structuredText(json string) string {
	if !r.s.script.strict() {
		return `{"content":[],"structuredContent":` + json + `}`
	}
	result := `{"content":[{"type":"text","text":` + quote(json) + `}]`
	if r.modern() || r.version >= protocol.V20250618 && strings.HasPrefix(json, "{") {
		result += `,"structuredContent":` + json
	}
	return result + `}`
}

func (r *request) structured(arguments) (string, *failure) { return r.structuredText(`{"n":1}`), nil }

func (r *request) structuredAny(arguments) (string, *failure) {
	return r.structuredText(`[1,"two",null]`), nil
}

// content answers with one block of each kind that the revision has.
func (r *request) content(arguments) (string, *failure) {
	blocks := []string{
		`{"type":"text","text":"a text"}`,
		`{"type":"image","data":"` + pixel + `","mimeType":"image/png"}`,
	}
	if r.version >= protocol.V20250326 {
		blocks = append(blocks, `{"type":"audio","data":"`+silence+`","mimeType":"audio/wav"}`)
	}
	if r.version >= protocol.V20250618 {
		blocks = append(blocks, `{"type":"resource_link","uri":"test://a","name":"a","mimeType":"text/plain"}`)
	}
	blocks = append(blocks, `{"type":"resource","resource":{"uri":"test://b","mimeType":"text/plain","text":"b"}}`)
	return `{"content":[` + strings.Join(blocks, ",") + `]}`, nil
}
