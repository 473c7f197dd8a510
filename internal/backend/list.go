package backend

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// maxItems bounds a Server's list: beyond it the Server is broken or hostile.
const maxItems = 10_000

// List reads all pages of a Server's list and returns the items as they were sent.
func (c *Conn) List(ctx context.Context, kind mcpmux.FeatureKind) ([]json.RawMessage, error) {
	var (
		items  []json.RawMessage
		params []byte
		seen   = make(map[string]bool)
	)
	for {
		result, err := c.result(ctx, protocol.ListMethod(kind), params)
		if err != nil {
			return nil, err
		}
		whole := wire.Span{Start: 0, End: len(result)}
		var found [2]wire.Span
		if err := wire.Find(result, whole, []string{protocol.ListMember(kind), "nextCursor"}, found[:]); err != nil {
			return nil, err
		}
		for e := range wire.Elements(result, found[0]) {
			items = append(items, json.RawMessage(result[e.Start:e.End:e.End]))
		}
		if len(items) > maxItems {
			return nil, fmt.Errorf("the server lists more than %d items", maxItems)
		}
		cursor, ok := wire.String(result, found[1])
		if !ok || cursor == "" {
			return c.usable(kind, items), nil
		}
		if seen[cursor] {
			return nil, fmt.Errorf("the server repeats cursor %q", cursor)
		}
		seen[cursor] = true
		params = append(append([]byte(`{"cursor":`), wire.Quote(cursor)...), '}')
	}
}

// usable leaves out tools whose header annotations are invalid: a client must not call them over HTTP
// (MCP 2026-07-28 basic/transports §Custom Headers).
func (c *Conn) usable(kind mcpmux.FeatureKind, items []json.RawMessage) []json.RawMessage {
	if kind != mcpmux.KindTool || !c.modern || !c.Streams() {
		return items
	}
	good := items[:0]
	for _, it := range items {
		if err := protocol.ValidToolHeaders(it); err != nil {
			c.opt.Events.Stderr("[tool left out] " + err.Error())
			continue
		}
		good = append(good, it)
	}
	return good
}
