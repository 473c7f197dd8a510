package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"time"
)

// Event is one server-sent event (WHATWG HTML §9.2).
type Event struct {
	ID, Name string
	Data     []byte
	Retry    time.Duration
	HasID    bool
	HasRetry bool
}

// EventReader parses an event stream.
type EventReader struct {
	r       *bufio.Reader
	max     int
	line    []byte
	lastCR  bool
	started bool
}

// NewEventReader reads events of at most max bytes of data.
func NewEventReader(r io.Reader, max int) *EventReader {
	return &EventReader{r: bufio.NewReaderSize(r, 16<<10), max: max}
}

// Next is the next event that has data, an id or a retry time; comments are skipped. An event cut off by the
// end of the stream is discarded, as the standard says. After a *TooLongError reading goes on with the next
// event.
func (e *EventReader) Next() (Event, error) {
	var ev Event
	var data []byte
	hasData, long := false, false
	for {
		line, err := e.readLine()
		if _, tooLong := errors.AsType[*TooLongError](err); tooLong {
			long = true
			continue
		}
		if err != nil {
			return Event{}, err
		}
		if len(line) == 0 {
			switch {
			case long:
				return Event{}, &TooLongError{Max: e.max}
			case hasData || ev.HasID || ev.HasRetry:
				ev.Data = data
				return ev, nil
			}
			ev = Event{}
			continue
		}
		field, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.TrimPrefix(value, []byte{' '})
		switch string(field) {
		case "data":
			if hasData {
				data = append(data, '\n')
			}
			hasData = true
			if len(data)+len(value) > e.max {
				long, data = true, nil
				continue
			}
			data = append(data, value...)
		case "event":
			ev.Name = string(value)
		case "id":
			if bytes.IndexByte(value, 0) < 0 {
				ev.ID, ev.HasID = string(value), true
			}
		case "retry":
			if ms, err := strconv.ParseUint(string(value), 10, 31); err == nil {
				ev.Retry, ev.HasRetry = time.Duration(ms)*time.Millisecond, true
			}
		}
	}
}

// readLine reads up to CR, LF or CRLF. A CR ends its line at once: the LF of a CRLF is skipped by the next
// call, so that no event waits for a byte that may never come.
func (e *EventReader) readLine() ([]byte, error) {
	e.line = e.line[:0]
	if cap(e.line) > keptBuffer {
		e.line = nil
	}
	long := false
	for {
		if _, err := e.r.Peek(1); err != nil {
			return nil, err
		}
		chunk, _ := e.r.Peek(e.r.Buffered())
		if e.lastCR {
			e.lastCR = false
			if chunk[0] == '\n' {
				_, _ = e.r.Discard(1)
				continue
			}
		}
		if !e.started {
			e.started = true
			if bom, err := e.r.Peek(3); err == nil && bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
				_, _ = e.r.Discard(3)
				continue
			}
			chunk, _ = e.r.Peek(e.r.Buffered())
		}
		end := lineEnd(chunk)
		part := chunk
		if end >= 0 {
			part = chunk[:end]
		}
		if len(e.line)+len(part) > e.max+16 {
			long, e.line = true, e.line[:0]
		} else if !long {
			e.line = append(e.line, part...)
		}
		if end < 0 {
			_, _ = e.r.Discard(len(chunk))
			continue
		}
		e.lastCR = chunk[end] == '\r'
		_, _ = e.r.Discard(end + 1)
		if long {
			return nil, &TooLongError{Max: e.max}
		}
		return e.line, nil
	}
}

// lineEnd is where the first CR or LF is, -1 without one.
func lineEnd(b []byte) int {
	lf := bytes.IndexByte(b, '\n')
	if lf >= 0 {
		b = b[:lf]
	}
	if cr := bytes.IndexByte(b, '\r'); cr >= 0 {
		return cr
	}
	return lf
}

// AppendEvent appends one event. Data with line ends is split over several lines, as the format asks; id and
// name are left out where empty.
func AppendEvent(dst []byte, id, name string, data []byte) []byte {
	if id != "" {
		dst = append(append(append(dst, "id: "...), id...), '\n')
	}
	if name != "" {
		dst = append(append(append(dst, "event: "...), name...), '\n')
	}
	for {
		i := lineEnd(data)
		if i < 0 {
			dst = append(append(dst, "data: "...), data...)
			return append(dst, '\n', '\n')
		}
		dst = append(append(append(dst, "data: "...), data[:i]...), '\n')
		if data[i] == '\r' && i+1 < len(data) && data[i+1] == '\n' {
			i++
		}
		data = data[i+1:]
	}
}
