package admin

import (
	"net/http"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// logFilter chooses lines of a Server's log. What is empty chooses all.
type logFilter struct {
	source, search string
	level          int // of api.LogLevels, the least; -1 is none
}

func readLogFilter(r *http.Request) (logFilter, error) {
	q := r.URL.Query()
	f := logFilter{source: q.Get("source"), search: strings.ToLower(q.Get("search")), level: -1}
	if f.source != "" && !slices.Contains(api.LogSources(), f.source) {
		return f, mcpmux.Errorf(mcpmux.CodeInvalid, "the parameter source is %.50q; it is %s", f.source, strings.Join(api.LogSources(), ", "))
	}
	if level := q.Get("level"); level != "" {
		if f.level = slices.Index(api.LogLevels(), level); f.level < 0 {
			return f, mcpmux.Errorf(mcpmux.CodeInvalid, "the parameter level is %.50q; it is %s", level, strings.Join(api.LogLevels(), ", "))
		}
	}
	return f, nil
}

// wants says whether a line is chosen. One without a level has less than any.
func (f logFilter) wants(l api.LogLine) bool {
	return (f.source == "" || l.Source == f.source) && (f.level < 0 || slices.Index(api.LogLevels(), l.Level) >= f.level) &&
		(f.search == "" || strings.Contains(strings.ToLower(l.Text), f.search))
}

// last are the last n of the lines that are chosen.
func (f logFilter) last(lines []api.LogLine, n int) []api.LogLine {
	chosen := slices.DeleteFunc(slices.Clone(lines), func(l api.LogLine) bool { return !f.wants(l) })
	return chosen[max(0, len(chosen)-n):]
}
