package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxLine is the longest value that is read from standard input, in bytes: more than any key or certificate
// chain that a server asks for.
const maxLine = 1 << 20

// lines reads standard input line by line, for values that must not be in an argument list.
type lines struct {
	src io.Reader
	buf *bufio.Reader
}

func newLines(src io.Reader) *lines {
	if src == nil {
		src = strings.NewReader("")
	}
	return &lines{src: src, buf: bufio.NewReader(src)}
}

// secret asks for the value of name on prompt and reads it from the next line, without echo where standard
// input is a terminal.
func (l *lines) secret(ctx context.Context, prompt io.Writer, name string) (string, error) {
	if file, ok := l.src.(*os.File); ok && l.terminal() {
		fmt.Fprintf(prompt, "Value of %s (not shown): ", name)
		defer fmt.Fprintln(prompt)
		restore, err := silence(ctx, file)
		if err != nil {
			return "", fmt.Errorf("switch the terminal's echo off: %w", err)
		}
		defer restore()
	}
	line, err := l.next(ctx)
	switch {
	case err != nil:
		return "", fmt.Errorf("read the value of %s from standard input: %w", name, err)
	case line == "":
		return "", fmt.Errorf("the value of %s, read from standard input, is empty", name)
	}
	return line, nil
}

// terminal says whether a person types.
func (l *lines) terminal() bool {
	file, ok := l.src.(*os.File)
	return ok && isTerminal(file)
}

// asked says whether a person can be asked: a terminal, and not the null device, which programs that run others without
// one give them.
func (l *lines) asked() bool {
	if !l.terminal() {
		return false
	}
	in, err := l.src.(*os.File).Stat()
	if err != nil {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(in, null)
}

// next is the next line without its end. It gives up when ctx does; the read goes on in the background
// then, and ends with the program.
func (l *lines) next(ctx context.Context) (string, error) {
	type read struct {
		line string
		err  error
	}
	done := make(chan read, 1)
	go func() {
		line, err := l.read()
		done <- read{line, err}
	}()
	select {
	case r := <-done:
		return r.line, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (l *lines) read() (string, error) {
	var line []byte
	for {
		part, err := l.buf.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return "", errors.New("the line is too long")
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0:
		case err != nil:
			return "", err
		}
		return strings.TrimRight(string(line), "\r\n"), nil
	}
}

// all is everything that is left of standard input, at most limit bytes.
func (l *lines) all(limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(l.buf, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = errors.New("standard input is too long")
	}
	return text, err
}

// isTerminal says whether f is a terminal, or another device of characters.
func isTerminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}
