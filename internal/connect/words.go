package connect

import (
	"errors"
	"strings"
)

var (
	errQuote    = errors.New("a quote is not closed")
	errOperator = errors.New("it is more than one command (it has ;, &, |, <, > or a line of a shell in it): paste the command that starts the server alone")
)

// splitWords splits a command line as a POSIX shell does, with its quotes and backslashes. It expands nothing, and
// refuses what would be more than one command.
func splitWords(line string) (words []string, err error) {
	var word strings.Builder
	open := false // a word has begun
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case ' ', '\t', '\r', '\n':
			if open {
				words, open = append(words, word.String()), false
				word.Reset()
			}
			continue
		case '\'':
			end := strings.IndexByte(line[i+1:], '\'')
			if end < 0 {
				return nil, errQuote
			}
			word.WriteString(line[i+1 : i+1+end])
			i += end + 1
		case '"':
			end := i + 1
			for ; end < len(line) && line[end] != '"'; end++ {
				if line[end] == '\\' && end+1 < len(line) && strings.IndexByte("\"\\$`", line[end+1]) >= 0 {
					end++
				}
				word.WriteByte(line[end])
			}
			if end >= len(line) {
				return nil, errQuote
			}
			i = end
		case '\\':
			if i+1 == len(line) {
				return nil, errQuote
			}
			i++
			word.WriteByte(line[i])
		case ';', '&', '|', '<', '>', '`', '(', ')':
			if !open && c == '<' || open && (c == '(' || c == ')') { // <NAME> is what people are to write themselves
				if end := strings.IndexByte(line[i:], '>'); c == '<' && end > 0 && !strings.ContainsAny(line[i:i+end], " \t\n") {
					word.WriteString(line[i : i+end+1])
					i += end
					break
				}
			}
			return nil, errOperator
		default:
			word.WriteByte(c)
		}
		open = true
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}
