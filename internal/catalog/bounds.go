package catalog

import (
	"net/url"
	"path"
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
// Server may read it: percent-encoding undone, dot segments removed (RFC 3986 §6.2.2).
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

// readings are uri itself and, where it differs, its normal form.
func readings(uri string) []string {
	plain := uri
	if p, err := url.PathUnescape(uri); err == nil {
		plain = p
	}
	scheme, rest, ok := strings.Cut(plain, "://")
	if !ok {
		scheme, rest = "", plain
	}
	if strings.Contains(rest, "/.") || strings.Contains(rest, "//") {
		rest = path.Clean(rest)
	}
	if ok {
		rest = scheme + "://" + rest
	}
	if rest == uri {
		return []string{uri}
	}
	return []string{uri, plain, rest}
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
