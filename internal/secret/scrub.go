package secret

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	// minScrubbed is the shortest secret that is looked for in a text. Shorter ones are words ("true", "8080"), and
	// replacing them would make logs unreadable and give nothing away less.
	minScrubbed = 6

	// minEncoded is the shortest one that is looked for in hexadecimal and base64, where short pieces are chance.
	minEncoded = 12
)

// Scrubber takes secrets out of texts, in every form in which programs write them: as they are, inside a JSON string,
// in a URL, in hexadecimal, and in base64 wherever they stand in it. The zero Scrubber changes nothing.
type Scrubber struct{ replacer *strings.Replacer }

// NewScrubber knows these secrets.
func NewScrubber(secrets []string) Scrubber {
	var forms []string
	for _, s := range secrets {
		if s = strings.TrimSpace(s); len(s) >= minScrubbed {
			forms = append(forms, written(s)...)
		}
	}
	if len(forms) == 0 {
		return Scrubber{}
	}
	// The longest comes first: of two secrets, one of which begins with the other, no rest is left over.
	slices.SortFunc(forms, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	var pairs []string
	for _, f := range slices.Compact(forms) {
		pairs = append(pairs, f, redacted)
	}
	return Scrubber{strings.NewReplacer(pairs...)}
}

// written is a secret in all its forms.
func written(s string) []string {
	forms := append([]string{s}, quotedForms(s)...)
	forms = append(forms, urlForms(s)...)
	if len(s) < minEncoded {
		return forms
	}
	lower := hex.EncodeToString([]byte(s))
	forms = append(forms, lower, strings.ToUpper(lower))
	for shift := range 3 {
		forms = append(forms, within64(base64.RawStdEncoding, s, shift), within64(base64.RawURLEncoding, s, shift))
	}
	return forms
}

// quotedForms are those between quotes: JSON as Go writes it and as most others do, and a Go string, which is what
// slog writes.
func quotedForms(s string) []string {
	html, _ := json.Marshal(s) // A string always marshals.
	var plain strings.Builder
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // as above
	all := []string{string(html), strings.TrimSuffix(plain.String(), "\n"), strconv.Quote(s)}
	for i, q := range all {
		all[i] = q[1 : len(q)-1]
	}
	return all
}

// urlForms are those in a URL: Go's two, and that of JavaScript, each with digits in both cases.
func urlForms(s string) []string {
	component := strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(url.QueryEscape(s))
	all := []string{url.QueryEscape(s), url.PathEscape(s), component}
	for _, u := range all {
		all = append(all, escapes.ReplaceAllStringFunc(u, strings.ToLower))
	}
	return all
}

var escapes = regexp.MustCompile(`%[0-9A-F]{2}`)

// within64 is what is always the same of s in base64 when so many bytes, modulo 3, come before it: the characters
// that hold bits of s alone.
func within64(enc *base64.Encoding, s string, shift int) string {
	text := enc.EncodeToString(append(make([]byte, shift), s...))
	first := (shift*8 + 5) / 6
	return text[first : (shift+len(s))*8/6]
}

// Text is t without the secrets.
func (s Scrubber) Text(t string) string {
	if s.replacer == nil {
		return t
	}
	return s.replacer.Replace(t)
}

// Known are the secrets that a program has in use. Its zero value knows none.
type Known struct {
	now atomic.Pointer[Scrubber]

	// mu guards the following.
	mu     sync.Mutex
	owners map[string]generations
}

// generations are the secrets that an owner has, and those that it had before: something may run with them yet.
type generations struct{ now, before []string }

// Set makes these the secrets of an owner.
func (k *Known) Set(owner string, secrets []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	had := k.owners[owner]
	if slices.Equal(had.now, secrets) {
		return
	}
	if len(had.now) == 0 {
		had.now = had.before // Nothing runs with no secrets.
	}
	if k.owners == nil {
		k.owners = make(map[string]generations)
	}
	k.owners[owner] = generations{slices.Clone(secrets), had.now}
	k.rebuild()
}

// Retain forgets the owners that are not kept.
func (k *Known) Retain(keep func(owner string) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := len(k.owners)
	maps.DeleteFunc(k.owners, func(owner string, _ generations) bool { return !keep(owner) })
	if len(k.owners) != n {
		k.rebuild()
	}
}

// rebuild is called with mu held.
func (k *Known) rebuild() {
	var all []string
	for _, of := range k.owners {
		all = append(append(all, of.now...), of.before...)
	}
	s := NewScrubber(all)
	k.now.Store(&s)
}

// Text is t without any secret in use.
func (k *Known) Text(t string) string {
	if s := k.now.Load(); s != nil {
		return s.Text(t)
	}
	return t
}
