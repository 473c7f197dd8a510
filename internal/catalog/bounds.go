package catalog

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// bounds holds the granted sets of a Client that exclude something. A template can reach URIs that no Server
// ever listed, so that no position stands for them; whether one of those is excluded is decided here, by
// the same rule as in valueOf, for one Feature at a time.
type bounds struct {
	atlas *atlas
	sets  []mcpmux.FeatureSetID
}

// boundsOf is nil where no granted set excludes anything.
func (a *atlas) boundsOf(granted []mcpmux.FeatureSetID) *bounds {
	b := &bounds{atlas: a}
	for _, id := range granted {
		s, ok := a.sets[id]
		if !ok || computed(s) {
			continue
		}
		for _, m := range s.Members {
			if m.Exclude {
				b.sets = append(b.sets, id)
				break
			}
		}
	}
	if b.sets == nil {
		return nil
	}
	return b
}

// computed says whether the members of a set do not count.
func computed(s *mcpmux.FeatureSet) bool {
	return s.Kind == mcpmux.SetAll || s.Kind == mcpmux.SetServerAll
}

// excludes says whether a granted set excludes the resource uri of the Server, as it is written or as a
// Server may read it: percent-encoding undone, dot segments removed, scheme and host in lower case
// (RFC 3986 §6.2.2). What a Server reads into a URI beyond that is its own to guard.
func (b *bounds) excludes(alias, uri string) bool {
	if b == nil {
		return false
	}
	for _, u := range readings(uri) {
		q := question{atlas: b.atlas, alias: alias, uri: u, known: map[mcpmux.FeatureSetID]bool{}}
		for _, id := range b.sets {
			if q.member(b.atlas.sets[id], true) {
				return true
			}
		}
	}
	return false
}

// readings are uri itself and, where they differ, what a lenient Server may make of it.
func readings(uri string) []string {
	plain := decode(uri)
	normal := plain
	if scheme, rest, ok := strings.Cut(plain, "://"); ok {
		host, file, hasFile := strings.Cut(rest, "/")
		normal = strings.ToLower(scheme) + "://" + strings.ToLower(host)
		if hasFile {
			normal += path.Clean("/" + file)
		}
	}
	out := []string{uri}
	for _, u := range [...]string{plain, normal} {
		if !slices.Contains(out, u) {
			out = append(out, u)
		}
	}
	return out
}

// decode undoes percent-encoding once. What only looks like it stays.
func decode(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// question asks sets about one resource of one Server.
type question struct {
	atlas *atlas
	alias string
	uri   string
	known map[mcpmux.FeatureSetID]bool
}

// member says whether the excluding, or the including, members of s name the resource.
func (q *question) member(s *mcpmux.FeatureSet, exclude bool) bool {
	for _, m := range s.Members {
		if m.Exclude != exclude {
			continue
		}
		switch m.Kind {
		case mcpmux.MemberSet:
			if q.value(m.Set) {
				return true
			}
		case mcpmux.MemberServer:
			if match(m.Server, q.alias) {
				return true
			}
		case mcpmux.MemberKind(mcpmux.KindResource):
			if match(m.Server, q.alias) && match(m.Name, q.uri) {
				return true
			}
		}
	}
	return false
}

// value says whether the value of a set has the resource.
func (q *question) value(id mcpmux.FeatureSetID) bool {
	if has, ok := q.known[id]; ok {
		return has
	}
	s, ok := q.atlas.sets[id]
	has := false
	switch {
	case !ok:
	case s.Kind == mcpmux.SetAll:
		has = true
	case s.Kind == mcpmux.SetServerAll:
		has = s.Server == q.alias
	default:
		q.known[id] = false // a View is never built over a cycle, so this is not read
		has = q.member(s, false) && !q.member(s, true)
	}
	q.known[id] = has
	return has
}
