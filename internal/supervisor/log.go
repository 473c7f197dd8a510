package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// The sources of LogLines.
const (
	SourceStderr     = "stderr"     // the process's standard error
	SourceServer     = "server"     // a log notification of MCP
	SourceConnection = "connection" // what happened to the connection
)

// LogLine is one line of a Server's log, without secrets.
type LogLine struct {
	At     time.Time `json:"at"`
	Source string    `json:"source"`
	// Level is that of MCP (debug … emergency); standard error has none.
	Level string `json:"level,omitempty"`
	Text  string `json:"text"`
}

const (
	logLines     = 2000 // kept in memory for each Server
	followBuffer = 256  // lines that a follower may be behind before it misses some
	maxLine      = 16 << 10
	fileMegabyte = 5 // one log file; lumberjack counts in these
	fileBackups  = 3
)

// serverLog is the log of one Server: the last lines in memory, and a file of JSON lines.
type serverLog struct {
	// mu guards the following.
	mu        sync.Mutex
	ring      []LogLine // oldest first once next has come around
	next      int
	scrub     scrubber
	followers map[chan LogLine]struct{}

	// fileMu guards the following. A line is written after it is in the ring, under this lock alone.
	fileMu sync.Mutex
	file   *lumberjack.Logger // nil: memory only
}

// newServerLog opens the log of a Server in dir ("": memory only) and reads what an earlier run left there.
// lumberjack removes rotated files when their time is over; one that was never rotated is forgotten here.
func newServerLog(dir string, id mcpmux.ServerID, retention time.Duration) *serverLog {
	l := &serverLog{followers: make(map[chan LogLine]struct{})}
	if dir != "" {
		l.file = openLogFile(logPath(dir, id), retention)
		l.ring = readTail(l.file.Filename)
		if n := len(l.ring); n > 0 && retention > 0 && time.Since(l.ring[n-1].At) > retention {
			l.ring = nil
			_ = os.Remove(l.file.Filename) // If it stays, the next start tries again.
		}
	}
	return l
}

func logPath(dir string, id mcpmux.ServerID) string {
	return filepath.Join(dir, string(id)+".log")
}

// openLogFile names the file; lumberjack makes it with mode 0600 at the first line.
func openLogFile(path string, retention time.Duration) *lumberjack.Logger {
	const day = 24 * time.Hour
	return &lumberjack.Logger{
		Filename:   path,
		MaxSize:    fileMegabyte,
		MaxBackups: fileBackups,
		MaxAge:     int((retention + day - 1) / day), // 0: for ever
	}
}

// readTail reads the last lines of a log file; what cannot be read is left out.
func readTail(path string) []LogLine {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // only read from
	const most = 1 << 20
	if end, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(end-most, 0), io.SeekStart) // On an error the read below finds nothing.
	}
	raw, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil
	}
	var lines []LogLine
	for text := range strings.Lines(string(raw)) {
		var line LogLine
		if json.Unmarshal([]byte(text), &line) == nil {
			lines = append(lines, line)
		}
	}
	return lines[max(len(lines)-logLines, 0):]
}

// add writes one line, without the values of the Server. The error is that of the file.
func (l *serverLog) add(source, level, text string) error {
	l.mu.Lock()
	// Values go first: half a value at the cut would not be recognised.
	text = l.scrub.Text(strings.TrimRight(text, "\r\n"))
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "") + " …"
	}
	line := LogLine{At: time.Now().UTC(), Source: source, Level: level, Text: text}
	if len(l.ring) < logLines {
		l.ring = append(l.ring, line)
	} else {
		l.ring[l.next] = line
		l.next = (l.next + 1) % logLines
	}
	for f := range l.followers {
		select {
		case f <- line:
		default: // The follower is slow; it misses the line rather than stop the server.
		}
	}
	l.mu.Unlock()

	l.fileMu.Lock()
	defer l.fileMu.Unlock()
	if l.file == nil {
		return nil
	}
	raw, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("encode log line: %w", err)
	}
	_, err = l.file.Write(append(raw, '\n'))
	return err
}

// tailLocked is the last n lines; n < 0 means all that are kept.
func (l *serverLog) tailLocked(n int) []LogLine {
	lines := make([]LogLine, 0, len(l.ring))
	lines = append(append(lines, l.ring[l.next:]...), l.ring[:l.next]...)
	if n >= 0 && n < len(lines) {
		lines = lines[len(lines)-n:]
	}
	return lines
}

func (l *serverLog) tail(n int) []LogLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tailLocked(n)
}

// follow is tail and a channel of all later lines, without a gap. The channel is closed by stop, and when the
// Server is deleted.
func (l *serverLog) follow(n int) (lines []LogLine, more <-chan LogLine, stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ch := make(chan LogLine, followBuffer)
	l.followers[ch] = struct{}{}
	return l.tailLocked(n), ch, func() { l.unfollow(ch) }
}

func (l *serverLog) unfollow(ch chan LogLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.followers[ch]; ok {
		delete(l.followers, ch)
		close(ch)
	}
}

// hide sets which values later lines leave out.
func (l *serverLog) hide(s scrubber) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.scrub = s
}

func (l *serverLog) scrubber() scrubber {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.scrub
}

// retain changes how long rotated files are kept. A lumberjack.Logger must not be changed while it is in use,
// so it is replaced.
func (l *serverLog) retain(retention time.Duration) {
	l.fileMu.Lock()
	defer l.fileMu.Unlock()
	if l.file == nil {
		return
	}
	next := openLogFile(l.file.Filename, retention)
	if next.MaxAge == l.file.MaxAge {
		return
	}
	_ = l.file.Close() // It was written to without an error, or that error was reported.
	l.file = next
}

// close ends the log; deleted removes its files too.
func (l *serverLog) close(deleted bool) error {
	l.mu.Lock()
	for ch := range l.followers {
		delete(l.followers, ch)
		close(ch)
	}
	l.mu.Unlock()

	l.fileMu.Lock()
	defer l.fileMu.Unlock()
	if l.file == nil {
		return nil
	}
	path := l.file.Filename
	err := l.file.Close()
	l.file = nil
	if deleted {
		err = errors.Join(err, removeLogFiles(path))
	}
	return err
}

// removeLogFiles removes a log file and its rotated ones, which lumberjack names <name>-<time>.log.
func removeLogFiles(path string) error {
	rotated, err := filepath.Glob(strings.TrimSuffix(path, ".log") + "-*.log")
	for _, p := range append(rotated, path) {
		if e := os.Remove(p); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
