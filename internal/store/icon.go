package store

import (
	"unicode"
	"unicode/utf8"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// The bounds of an icon. A family of four takes seven code points and 25 bytes, the flag of Scotland seven and 28.
const (
	maxIconSigns = 4  // what a person counts as characters
	maxIconParts = 12 // code points of one sign
	maxIconBytes = 64
)

// What signs are made of besides letters and symbols (Unicode Technical Standard 51).
const (
	zeroWidthJoiner = '\u200d'     // makes one sign of two
	blackFlag       = '\U0001F3F4' // what tags may follow
)

// checkIcon refuses what is no emoji and no letter or two: what cannot be seen, turns the direction of the text around
// it, or takes the room of a word.
func checkIcon(icon string) error {
	refuse := func(why string) error {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the icon of a Space is an emoji or at most %d letters: %s", maxIconSigns, why)
	}
	if len(icon) > maxIconBytes {
		return refuse("this is longer")
	}
	if !utf8.ValidString(icon) {
		return refuse("this is not UTF-8 text")
	}
	signs, parts := 0, 0
	var before, base rune
	for _, r := range icon {
		parts++
		switch {
		case r == zeroWidthJoiner || isTag(r):
			// Both are invisible, and so allowed only where they make a sign.
			if before == 0 || before == zeroWidthJoiner || r != zeroWidthJoiner && base != blackFlag {
				return refuse("it has invisible characters")
			}
		case !unicode.IsPrint(r) || r == ' ' || isBlank(r):
			return refuse("it has spaces, or control or invisible characters")
		case unicode.IsMark(r) || isSkinTone(r):
			if before == 0 {
				return refuse("it begins with a mark that belongs to a character before it")
			}
		case before == zeroWidthJoiner:
		case isRegion(r) && isRegion(before) && parts == 2: // two make a flag
		default:
			signs, parts, base = signs+1, 1, r
		}
		if signs > maxIconSigns || parts > maxIconParts {
			return refuse("this is longer")
		}
		before = r
	}
	if before == zeroWidthJoiner {
		return refuse("it ends with an invisible character")
	}
	return nil
}

// isBlank is what counts as a letter or a symbol and shows nothing: fillers of Hangul, and Braille without dots.
func isBlank(r rune) bool {
	return r == 0x115F || r == 0x1160 || r == 0x3164 || r == 0xFFA0 || r == 0x2800
}

func isTag(r rune) bool      { return r >= 0xE0020 && r <= 0xE007F }
func isSkinTone(r rune) bool { return r >= 0x1F3FB && r <= 0x1F3FF }
func isRegion(r rune) bool   { return r >= 0x1F1E6 && r <= 0x1F1FF }
