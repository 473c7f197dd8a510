package adminclient

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// maxEvent bounds one event of a stream, in bytes.
const maxEvent = 4 << 20

// follow reads a stream of events and hands each one's data to each, until the daemon ends the stream, each
// fails or ctx is cancelled. A stream that the daemon ends is not an error.
func follow[T any](ctx context.Context, c *Client, r request, each func(T) error) error {
	body, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	defer drop(body)
	err = events(body, func(_ string, data []byte) error {
		var v T
		if err := json.Unmarshal(data, &v); err != nil {
			return fmt.Errorf("the daemon's event is not of this version's form: %w", err)
		}
		return each(v)
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// events splits a stream into its events (WHATWG HTML §9.2.6). The daemon writes them, so lines end in LF or
// CRLF, and an event without data is a sign of life.
func events(stream io.Reader, each func(name string, data []byte) error) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(make([]byte, 0, 64<<10), maxEvent)
	name, data := "", []string(nil)
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if data != nil {
				if err := each(name, []byte(strings.Join(data, "\n"))); err != nil {
					return err
				}
			}
			name, data = "", nil
		case field == "event":
			name = value
		case field == "data":
			data = append(data, value)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return errors.New("an event of the daemon is too long")
	case err != nil:
		return mcpmux.Errorf(mcpmux.CodeUnavailable, "the daemon closed the connection")
	}
	return nil
}
