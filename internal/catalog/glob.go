package catalog

import (
	"strings"
	"unicode/utf8"
)

// Literal is the pattern that matches name and nothing else: it escapes what a glob gives a meaning to.
// A URI with a query has a '?', and a member that means exactly that URI is written with it.
func Literal(name string) string {
	if !strings.ContainsAny(name, `*?\`) {
		return name
	}
	return literal.Replace(name)
}

var literal = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`)

// exact is the one text that pattern matches, where there is only one.
func exact(pattern string) (string, bool) {
	if !strings.ContainsAny(pattern, `*?\`) {
		return pattern, true
	}
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '*' || c == '?':
			return "", false
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteByte(pattern[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}

// match says whether pattern matches all of s. '*' is any text, '/' included, '?' one character, and a
// backslash takes the meaning from the character after it; there are no classes. It needs at most
// len(pattern)·len(s) steps, because only the last '*' is ever tried again.
func match(pattern, s string) bool {
	p, i := 0, 0
	star, from := -1, 0 // the last '*' and where in s its text ends for now
	for i < len(s) {
		if p < len(pattern) {
			switch c := pattern[p]; {
			case c == '*':
				star, from = p, i
				p++
				continue
			case c == '?':
				_, n := utf8.DecodeRuneInString(s[i:])
				p, i = p+1, i+n
				continue
			case c == '\\' && p+1 < len(pattern):
				if pattern[p+1] == s[i] {
					p, i = p+2, i+1
					continue
				}
			case c == s[i]:
				p, i = p+1, i+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		from++
		p, i = star+1, from
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
