package connect

// withoutComments is JSON without the comments and trailing commas that many configurations have. Every line end stays,
// so that a line's number is the same.
func withoutComments(text []byte) []byte {
	out := make([]byte, 0, len(text))
	comma := -1 // where the last comma is, if nothing but space came after it
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			end := textEnd(text, i)
			out = append(out, text[i:end]...)
			i, comma = end, -1
		case c == '/' && i+1 < len(text) && (text[i+1] == '/' || text[i+1] == '*'):
			end := commentEnd(text, i)
			for _, c := range text[i:end] {
				if c == '\n' {
					out = append(out, c)
				}
			}
			out = append(out, ' ')
			i = end
		default:
			if (c == '}' || c == ']') && comma >= 0 {
				out[comma] = ' '
			}
			switch c {
			case ',':
				comma = len(out)
			case ' ', '\t', '\r', '\n':
			default:
				comma = -1
			}
			out = append(out, c)
			i++
		}
	}
	return out
}

// textEnd is where the text ends that begins at i.
func textEnd(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// commentEnd is where the comment ends that begins at i.
func commentEnd(text []byte, i int) int {
	line := text[i+1] == '/'
	for i += 2; i < len(text); i++ {
		if line && text[i] == '\n' {
			return i
		}
		if !line && text[i] == '/' && text[i-1] == '*' && text[i-2] != '/' {
			return i + 1
		}
	}
	return len(text)
}
