package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// TooLongError says that a frame was longer than the reader's limit. It was skipped; reading goes on.
type TooLongError struct{ Max int }

func (e *TooLongError) Error() string { return fmt.Sprintf("a message is longer than %d bytes", e.Max) }

// keptBuffer is how large a reader's buffer may stay between messages: one huge message is no reason to hold
// its size for as long as the connection lives.
const keptBuffer = 1 << 20

// LineReader reads newline-delimited messages (MCP basic/transports §stdio).
type LineReader struct {
	r   *bufio.Reader
	max int
	buf []byte
}

// NewLineReader reads lines of at most max bytes.
func NewLineReader(r io.Reader, max int) *LineReader {
	return &LineReader{r: bufio.NewReaderSize(r, 64<<10), max: max}
}

// Next is the next line without its end; it stays valid until the next call. A line without an end before
// the end of the stream is a line. After a *TooLongError reading goes on with the next line.
func (l *LineReader) Next() ([]byte, error) {
	l.buf = l.buf[:0]
	if cap(l.buf) > keptBuffer {
		l.buf = nil
	}
	long := false
	for {
		part, err := l.r.ReadSlice('\n')
		switch {
		case long:
		case len(l.buf)+len(part) > l.max+1:
			long, l.buf = true, l.buf[:0]
		case err == nil && len(l.buf) == 0:
			return trimEnd(part), nil
		default:
			l.buf = append(l.buf, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if long {
			return nil, &TooLongError{Max: l.max}
		}
		if err != nil && len(l.buf) == 0 {
			return nil, err
		}
		return trimEnd(l.buf), nil
	}
}

func trimEnd(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		b = b[:n-1]
	}
	if n := len(b); n > 0 && b[n-1] == '\r' {
		b = b[:n-1]
	}
	return b
}

// Line appends raw, a valid message, as one line: line ends between its tokens, the only place where JSON
// allows them, become spaces.
func Line(dst, raw []byte) []byte {
	from := len(dst)
	dst = append(dst, raw...)
	for i, c := range dst[from:] {
		if c == '\n' || c == '\r' {
			dst[from+i] = ' '
		}
	}
	return append(dst, '\n')
}
