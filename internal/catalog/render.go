package catalog

import (
	"bytes"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// identity is the member of a listed Feature that it is known by.
func identity(k mcpmux.FeatureKind) string {
	switch k {
	case mcpmux.KindResource:
		return "uri"
	case mcpmux.KindTemplate:
		return "uriTemplate"
	case mcpmux.KindTool, mcpmux.KindPrompt:
	}
	return "name"
}

// locate finds the text of a Feature's identity in its JSON. It is false for what is not a valid object
// with exactly that one identity, case and doubles considered: were it shown, a Client could read it as
// another Feature than the one that was decided about.
func locate(f *mcpmux.Feature) (wire.Span, bool) {
	whole := object(f.Raw)
	if !whole.OK() || wire.Valid(f.Raw) != nil {
		return wire.Span{}, false
	}
	names, spans := [1]string{identity(f.Kind)}, [1]wire.Span{}
	if wire.Find(f.Raw, whole, names[:], spans[:]) != nil || !spans[0].OK() {
		return wire.Span{}, false
	}
	name, ok := wire.String(f.Raw, spans[0])
	return spans[0], ok && name == f.Name
}

// object is the span of the object that raw holds, absent where it begins with something else.
func object(raw []byte) wire.Span {
	const space = " \t\r\n"
	start := len(raw) - len(bytes.TrimLeft(raw, space))
	end := len(bytes.TrimRight(raw, space))
	if start >= end || raw[start] != '{' {
		return wire.Span{}
	}
	return wire.Span{Start: start, End: end}
}

// renamed is raw with another text at the span of its name. Every other byte stays.
func renamed(raw []byte, name wire.Span, to string) []byte {
	edit := wire.Edit{Span: name, Text: wire.Quote(to)}
	return wire.Splice(make([]byte, 0, len(raw)+len(edit.Text)), raw, []wire.Edit{edit})
}
