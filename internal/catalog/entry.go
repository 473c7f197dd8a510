package catalog

import (
	"sync"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
)

// Entry is a Feature as the lists of a revision have it.
type Entry struct {
	Route *Route
	Raw   []byte
}

// Entries is List as a revision has it: without what it cannot express, and without tools that it forbids.
// The caller does not change it.
func (v *View) Entries(k mcpmux.FeatureKind, version string) []Entry {
	if i := slot(k); i >= 0 {
		return v.shown(i, version).entries
	}
	return nil
}

// ListJSON is Entries as a JSON array, made once. The caller does not change it.
func (v *View) ListJSON(k mcpmux.FeatureKind, version string) []byte {
	if i := slot(k); i >= 0 {
		return v.shown(i, version).json()
	}
	return []byte("[]")
}

// shelf is a list of one kind as one revision has it.
type shelf struct {
	entries []Entry
	json    func() []byte
}

// shelves holds the lists that were asked for, by kind and revision.
type shelves struct {
	mu   sync.Mutex // mu guards the following
	made map[shelfKey]*shelf
}

type shelfKey struct {
	slot    int
	version string
}

// shown makes the list of a revision when it is first asked for. Revisions to which nothing must be changed
// share one.
func (l *listing) shown(i int, version string) *shelf {
	l.shelves.mu.Lock()
	defer l.shelves.mu.Unlock()
	key := shelfKey{i, version}
	if s := l.shelves.made[key]; s != nil {
		return s
	}
	entries, same := entriesOf(l.lists[i], version)
	s := l.shelves.made[shelfKey{slot: i}]
	if s == nil || !same {
		s = &shelf{entries: entries, json: sync.OnceValue(func() []byte { return array(entries) })}
	}
	if l.shelves.made == nil {
		l.shelves.made = make(map[shelfKey]*shelf)
	}
	l.shelves.made[key] = s
	if same {
		l.shelves.made[shelfKey{slot: i}] = s
	}
	return s
}

// entriesOf puts Features into the words of a revision; same says that all of them are as they were.
func entriesOf(routes []*Route, version string) (entries []Entry, same bool) {
	entries, same = make([]Entry, 0, len(routes)), true
	for _, r := range routes {
		raw, ok := protocol.ItemFor(r.Kind, r.Raw, version)
		same = same && ok && len(raw) == len(r.Raw)
		if ok {
			entries = append(entries, Entry{Route: r, Raw: raw})
		}
	}
	return entries, same
}

// array is the JSON array of the entries.
func array(entries []Entry) []byte {
	n := 2
	for _, e := range entries {
		n += len(e.Raw) + 1
	}
	out := append(make([]byte, 0, n), '[')
	for i, e := range entries {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, e.Raw...)
	}
	return append(out, ']')
}
