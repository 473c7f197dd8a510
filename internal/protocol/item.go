package protocol

import (
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// ItemFor is the definition of a tool, prompt, resource or template as a client of this revision may be
// shown it; raw itself where nothing needs to change. False: it must not be shown at all, since the revision
// calls it invalid. What a revision merely does not know yet (title, icons, annotations) stays.
func ItemFor(kind mcpmux.FeatureKind, raw []byte, version string) (out []byte, ok bool) {
	if kind != mcpmux.KindTool {
		return raw, true
	}
	// MCP 2026-07-28 basic/transports §Custom Headers: a client must leave such a tool out.
	if Has(version, MirroredHeaders) && ValidToolHeaders(raw) != nil {
		return nil, false
	}
	edits := wire.ChangeMembers(raw, whole(raw), nil, func(name string) bool {
		switch name {
		case "execution":
			return Has(version, RequestMeta) && !Has(version, ToolExecution)
		case "outputSchema":
			return !hasSchema(raw, version)
		}
		return false
	})
	if len(edits) == 0 {
		return raw, true
	}
	return wire.Splice(nil, raw, edits), true
}

// hasSchema says whether the revision allows the tool's outputSchema: from 2025-06-18 one of an object, from
// 2026-07-28 any.
func hasSchema(tool []byte, version string) bool {
	if Has(version, StructuredAny) || !Has(version, Structured) {
		return Has(version, StructuredAny)
	}
	schema, ok := single(tool, whole(tool), "outputSchema")
	if !ok {
		return false
	}
	kind, ok := single(tool, schema, "type")
	text, _ := wire.String(tool, kind)
	return ok && text == "object"
}
