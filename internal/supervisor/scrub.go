package supervisor

import (
	"net/url"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
)

// scrubber takes the values of a Server out of texts. Its zero value changes nothing.
type scrubber struct{ secret.Scrubber }

// newScrubber knows each value and its parts.
func newScrubber(values ...[]Value) scrubber {
	var all []string
	for _, v := range slices.Concat(values...) {
		all = append(all, v.Parts()...)
	}
	return scrubber{secret.NewScrubber(all)}
}

// Parts is a value and what of it may be written alone: a line of it, the credentials of a header without their
// scheme, the password of a URL.
func (v Value) Parts() []string {
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

func (s scrubber) lines(l []string) []string {
	out := make([]string, len(l))
	for i, t := range l {
		out[i] = s.Text(t)
	}
	return out
}

// error hides values in the text of err; what err is, errors.As still finds.
func (s scrubber) error(err error) error {
	if err == nil {
		return nil
	}
	if t := s.Text(err.Error()); t != err.Error() {
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
