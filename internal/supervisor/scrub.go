package supervisor

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// minSecret is the shortest value that is looked for in a text. Shorter ones are words ("true", "8080"), and
// replacing them would make logs unreadable and give nothing away less.
const minSecret = 6

// redacted stands where a value was.
const redacted = "[redacted]"

// scrubber takes the values of a Server out of texts. Its zero value changes nothing.
type scrubber struct{ replacer *strings.Replacer }

// newScrubber knows each value as it is, part by part, and as it looks inside a JSON string and a URL.
func newScrubber(values ...[]Value) scrubber {
	var forms []string
	for _, v := range slices.Concat(values...) {
		for _, part := range parts(v) {
			part = strings.TrimSpace(part)
			if len(part) < minSecret {
				continue
			}
			quoted, _ := json.Marshal(part) // A string always marshals.
			forms = append(forms, part, string(quoted[1:len(quoted)-1]), url.QueryEscape(part), url.PathEscape(part))
		}
	}
	if len(forms) == 0 {
		return scrubber{}
	}
	// The longest comes first: of two values, one of which begins with the other, no rest is left over.
	slices.SortFunc(forms, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	var pairs []string
	for _, f := range slices.Compact(forms) {
		pairs = append(pairs, f, redacted)
	}
	return scrubber{strings.NewReplacer(pairs...)}
}

// parts is a value and what of it may be written alone: a line of it, the credentials of a header without their
// scheme, the password of a URL.
func parts(v Value) []string {
	all := append(strings.Split(v.Text, "\n"), v.Text)
	if _, credentials, ok := strings.Cut(v.Text, " "); ok && v.Kind == mcpmux.ValueHeader {
		all = append(all, credentials)
	}
	if u, err := url.Parse(v.Text); err == nil && u.User != nil {
		if password, ok := u.User.Password(); ok {
			all = append(all, password)
		}
	}
	return all
}

func (s scrubber) text(t string) string {
	if s.replacer == nil {
		return t
	}
	return s.replacer.Replace(t)
}

func (s scrubber) lines(l []string) []string {
	out := make([]string, len(l))
	for i, t := range l {
		out[i] = s.text(t)
	}
	return out
}

// error hides values in the text of err; what err is, errors.As still finds.
func (s scrubber) error(err error) error {
	if err == nil {
		return nil
	}
	if t := s.text(err.Error()); t != err.Error() {
		return &scrubbedError{text: t, err: err}
	}
	return err
}

type scrubbedError struct {
	text string
	err  error
}

func (e *scrubbedError) Error() string { return e.text }
func (e *scrubbedError) Unwrap() error { return e.err }
