package protocol

import (
	"bytes"

	"github.com/mcpmux/mcpmux/internal/wire"
)

// URIs are those of the resources that a result links to or embeds: a client may read them, listed or not
// (MCP 2025-11-25 server/tools §Resource Links).
func URIs(raw []byte, result wire.Span, method string) []string {
	if !bytes.Contains(raw, []byte(`"uri"`)) {
		return nil
	}
	var uris []string
	add := func(obj wire.Span) {
		at, _ := single(raw, obj, "uri")
		if uri, ok := wire.String(raw, at); ok {
			uris = append(uris, uri)
		}
	}
	block := func(obj wire.Span) {
		add(obj)
		if embedded, ok := single(raw, obj, "resource"); ok {
			add(embedded)
		}
	}
	switch method {
	case "tools/call":
		content, _ := single(raw, result, "content")
		for e := range wire.Elements(raw, content) {
			block(e)
		}
	case "prompts/get":
		messages, _ := single(raw, result, "messages")
		for e := range wire.Elements(raw, messages) {
			content, _ := single(raw, e, "content")
			block(content)
		}
	case "resources/read":
		contents, _ := single(raw, result, "contents")
		for e := range wire.Elements(raw, contents) {
			add(e)
		}
	}
	return uris
}
