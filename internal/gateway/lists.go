package gateway

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// listTTL is how long a client of 2026-07-28 may reuse a list, in milliseconds. Permissions can change at
// any moment and every call is checked anyway, so it only spares bursts of the same request.
const listTTL = 2000

// list answers a list request from the View, in one page unless a page size is set: many clients ignore
// nextCursor.
func (x *exchange) list() {
	cursor, fail := x.cursor()
	if fail != nil {
		x.fail(fail)
		return
	}
	items, next, fail := x.page(cursor)
	if fail != nil {
		x.fail(fail)
		return
	}
	kind := x.method.Kind
	out := make([]byte, 0, len(items)+len(x.g.info)+160)
	out = append(out, '{')
	if x.modern {
		out = append(out, `"resultType":"complete",`...)
	}
	out = append(append(append(out, '"'), protocol.ListMember(kind)...), `":`...)
	out = append(out, items...)
	if next != "" {
		out = append(append(out, `,"nextCursor":`...), wire.Quote(next)...)
	}
	if x.modern {
		out = x.appendHints(out)
	}
	x.result(append(out, '}'))
}

// appendHints adds the members that 2026-07-28 requires of a cacheable result. The scope is always private:
// another Client's list may differ.
func (x *exchange) appendHints(out []byte) []byte {
	out = append(out, `,"ttlMs":`...)
	out = strconv.AppendInt(out, listTTL, 10)
	out = append(out, `,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":`...)
	return append(append(out, x.g.info...), '}')
}

// page is one page of the list, as JSON array, and the cursor of the next.
func (x *exchange) page(cursor string) (items []byte, next string, fail *rpcError) {
	kind := x.method.Kind
	size := x.snap.pageSize
	if cursor == "" && size == 0 {
		return x.view.ListJSON(kind, x.version()), "", nil
	}
	all := x.view.Entries(kind, x.version())
	from, ok := cursorIndex(all, kind, cursor)
	if !ok {
		return nil, "", &rpcError{code: wire.CodeInvalidParams, message: "params.cursor is not one that this list gave, or the list has changed since: start again without a cursor"}
	}
	to := len(all)
	if size > 0 && from+size < to {
		to = from + size
		next = cursorAfter(kind, all[to-1].Route)
	}
	items = append(items, '[')
	for i, e := range all[from:to] {
		if i > 0 {
			items = append(items, ',')
		}
		items = append(items, e.Raw...)
	}
	return append(items, ']'), next, nil
}

// cursorVersion begins every cursor, so that a later form can tell its own.
const cursorVersion = "1"

// cursorAfter names the item that a page ended with: a cursor stays good while the list grows or shrinks
// elsewhere.
func cursorAfter(kind mcpmux.FeatureKind, r *catalog.Route) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorVersion + "|" + string(kind) + "|" + string(r.Server.ID) + "|" + r.Name))
}

func cursorIndex(all []catalog.Entry, kind mcpmux.FeatureKind, cursor string) (int, bool) {
	if cursor == "" {
		return 0, true
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return 0, false
	}
	parts := strings.SplitN(string(text), "|", 4)
	if len(parts) != 4 || parts[0] != cursorVersion || parts[1] != string(kind) {
		return 0, false
	}
	for i, e := range all {
		if string(e.Route.Server.ID) == parts[2] && e.Route.Name == parts[3] {
			return i + 1, true
		}
	}
	return 0, false
}

// cursor reads params.cursor.
func (x *exchange) cursor() (string, *rpcError) {
	if !x.msg.Params.OK() || x.msg.Raw[x.msg.Params.Start] != '{' {
		return "", nil
	}
	var found [1]wire.Span
	if err := wire.Find(x.msg.Raw, x.msg.Params, []string{"cursor"}, found[:]); err != nil {
		return "", syntaxError(err)
	}
	if !found[0].OK() {
		return "", nil
	}
	s, ok := wire.String(x.msg.Raw, found[0])
	if !ok || s == "" {
		return "", &rpcError{code: wire.CodeInvalidParams, message: "params.cursor must be a string that this list gave"}
	}
	return s, nil
}
