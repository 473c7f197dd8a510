package store

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// ActivityFilter chooses records. Zero members choose all.
type ActivityFilter struct {
	Client  mcpmux.ClientID
	Space   mcpmux.SpaceID
	Server  string // alias
	Outcome string
	// Text is in the method, the name, the detail or who it was; ASCII letters in either case.
	Text string
	// Decisions asks for those alone, Requests for everything else (mcpmux.Activity.Decision).
	Decisions, Requests bool
	// Since is when a record begins at the earliest, Until is after that.
	Since, Until time.Time
	// AfterID asks for the oldest records after this one; 0 asks for the newest there are. BeforeID leaves out that
	// record and all after it, where it is not 0.
	AfterID, BeforeID int64
	Limit             int // 0 means 100
}

// sieve tells the records that a filter wants from their lines, so that few others are decoded: reading JSON costs ten
// times what finding a word in it does. The lines are of our own writing (putBlock), so a member that has a value is
// written in one way; and it begins with a quotation mark, which is escaped within texts, so it is found nowhere else.
type sieve struct {
	f *ActivityFilter
	// has are in every line that is wanted.
	has [][]byte
	// text is Text as it is written within a line, in lower case; lower holds what it is compared with.
	text, lower []byte
}

// How the members that are looked for begin in a line.
//
//nolint:gochecknoglobals // constants
var (
	atMember    = []byte(`{"at":`)
	textMembers = [][]byte{[]byte(`"method":"`), []byte(`"name":"`), []byte(`"actor":"`), []byte(`"detail":"`)}
	decisions   = [][]byte{[]byte(`"method":"auth/`), []byte(`"method":"guard/`), []byte(`"method":"admin/`)}
)

func newSieve(f *ActivityFilter) *sieve {
	v := &sieve{f: f}
	for _, m := range [][2]string{{"client_id", string(f.Client)}, {"space_id", string(f.Space)}, {"server", f.Server}, {"outcome", f.Outcome}} {
		if m[1] != "" && findable(m[1]) {
			v.has = append(v.has, append([]byte(`"`+m[0]+`":`), quoted(m[1])...))
		}
	}
	if f.Text != "" && findable(f.Text) {
		text := quoted(f.Text)
		v.text = lowerASCII(nil, text[1:len(text)-1])
	}
	return v
}

// findable says whether a text is written in one way: what stands for bytes that are no text is written in two.
func findable(s string) bool { return !strings.ContainsRune(s, utf8.RuneError) }

func quoted(s string) []byte {
	text, _ := json.Marshal(s) // texts always marshal
	return text
}

// lowerASCII appends text to b with the letters of ASCII in lower case.
func lowerASCII(b, text []byte) []byte {
	for _, c := range text {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// any says whether a block may have a record that is wanted.
func (v *sieve) any(block []byte) bool {
	for _, m := range v.has {
		if !bytes.Contains(block, m) {
			return false
		}
	}
	return !v.f.Decisions || hasOne(block, decisions)
}

// take decodes the record of a line into a, if it is wanted.
func (v *sieve) take(line []byte, a *mcpmux.Activity) (wanted bool, err error) {
	if !v.any(line) || v.f.Requests && hasOne(line, decisions) || !v.timely(line) || v.text != nil && !v.says(line) {
		return false, nil
	}
	if err := readLine(line, a); err != nil {
		return false, err
	}
	return v.f.wants(a), nil
}

func hasOne(text []byte, all [][]byte) bool {
	for _, one := range all {
		if bytes.Contains(text, one) {
			return true
		}
	}
	return false
}

// timely says whether a line's moment is within the filter's, or cannot be told.
func (v *sieve) timely(line []byte) bool {
	if v.f.Since.IsZero() && v.f.Until.IsZero() {
		return true
	}
	rest, ok := bytes.CutPrefix(line, atMember)
	end := bytes.IndexByte(rest, ',')
	var at time.Time
	return !ok || end < 0 || at.UnmarshalJSON(rest[:end]) != nil || v.f.spans(at)
}

// says says whether one of a line's texts has the filter's.
func (v *sieve) says(line []byte) bool {
	for _, m := range textMembers {
		_, rest, there := bytes.Cut(line, m)
		if !there {
			continue
		}
		v.lower = lowerASCII(v.lower[:0], untilQuote(rest))
		if bytes.Contains(v.lower, v.text) {
			return true
		}
	}
	return false
}

// untilQuote is the text up to the first quotation mark that is not escaped.
func untilQuote(text []byte) []byte {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return text[:i]
		}
	}
	return text
}

// spans says whether a moment is within Since and Until.
func (f *ActivityFilter) spans(at time.Time) bool {
	return (f.Since.IsZero() || !at.Before(f.Since)) && (f.Until.IsZero() || at.Before(f.Until))
}

// wants says whether the filter chooses a record. It decides; a sieve only leaves out what it would not choose.
func (f *ActivityFilter) wants(a *mcpmux.Activity) bool {
	return (f.Client == "" || a.Client == f.Client) && (f.Space == "" || a.Space == f.Space) &&
		(f.Server == "" || a.Server == f.Server) && (f.Outcome == "" || a.Outcome == f.Outcome) &&
		(!f.Decisions || a.Decision()) && (!f.Requests || !a.Decision()) && f.spans(a.At) && f.mentions(a)
}

func (f *ActivityFilter) mentions(a *mcpmux.Activity) bool {
	text := string(lowerASCII(nil, []byte(f.Text)))
	for _, s := range []string{a.Method, a.Name, a.Actor, a.Detail} {
		if text == "" || strings.Contains(string(lowerASCII(nil, []byte(s))), text) {
			return true
		}
	}
	return false
}
