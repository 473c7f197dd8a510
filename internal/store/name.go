package store

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// maxName bounds the names of Spaces, FeatureSets and Clients, in characters: what a list shows on a line.
const maxName = 100

// checkName refuses names that cannot be shown, told apart or typed; noun says what is named.
func checkName(noun, name string) error {
	switch {
	case name == "":
		return mcpmux.Errorf(mcpmux.CodeInvalid, "a %s needs a name", noun)
	case !utf8.ValidString(name):
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the name of a %s is UTF-8 text", noun)
	case name != strings.TrimSpace(name):
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the name of a %s does not begin or end with a space", noun)
	case utf8.RuneCountInString(name) > maxName:
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the name of a %s has at most %d characters", noun, maxName)
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return mcpmux.Errorf(mcpmux.CodeInvalid, "the name of a %s has no control or invisible characters", noun)
		}
	}
	return nil
}

// nameKey is the form in which names are compared: two names with one key are the same name. Each letter
// stands for all that differ from it by case only.
func nameKey(name string) string {
	return strings.Map(func(r rune) rune {
		low := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			low = min(low, f)
		}
		return low
	}, name)
}

var (
	// Upper-case letters are refused, so that an alias has one spelling.
	aliasForm  = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)
	prefixForm = regexp.MustCompile(`^[A-Za-z0-9_-]{0,32}$`)
	// globForm is an alias, or a glob over aliases.
	globForm = regexp.MustCompile(`^[a-z0-9_*?-]{1,64}$`)
	// headerForm is a field name, RFC 9110 §5.1.
	headerForm = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$")
	inputForm  = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)
)

func checkAlias(alias string) error {
	if !aliasForm.MatchString(alias) {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "%q is not an alias: 1 to 32 of a-z, 0-9, _ and -, beginning with a letter or a digit", alias)
	}
	return nil
}

func checkPrefix(prefix *string) error {
	if prefix != nil && !prefixForm.MatchString(*prefix) {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "%q is not a prefix: at most 32 of A-Z, a-z, 0-9, _ and -", *prefix)
	}
	return nil
}
