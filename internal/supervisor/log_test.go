package supervisor

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func add(t *testing.T, l *serverLog, text string) {
	t.Helper()
	if err := l.add(SourceStderr, "", text); err != nil {
		t.Fatal(err)
	}
}

func TestServerLog_KeepsTheLastLines(t *testing.T) {
	l := newServerLog("", "s", 0)
	for i := range logLines + 10 {
		add(t, l, strconv.Itoa(i))
	}
	all := l.tail(-1)
	if len(all) != logLines || all[0].Text != "10" || all[len(all)-1].Text != strconv.Itoa(logLines+9) {
		t.Errorf("%d lines from %s to %s", len(all), all[0].Text, all[len(all)-1].Text)
	}
	if last := l.tail(2); len(last) != 2 || last[1].Text != strconv.Itoa(logLines+9) {
		t.Errorf("tail(2) = %v", last)
	}
	if none := l.tail(0); len(none) != 0 {
		t.Errorf("tail(0) = %v", none)
	}
}

func TestServerLog_ValuesOfTheServerAreRedacted(t *testing.T) {
	dir := t.TempDir()
	l := newServerLog(dir, "s", 0)
	l.hide(newScrubber([]Value{
		value(mcpmux.ValueEnv, "TOKEN", `s3cret"token`, true), value(mcpmux.ValueHeader, "X", `s3cret"token/longer`, true),
		value(mcpmux.ValueInput, "KEY", "-----BEGIN KEY-----\nabcdefghij\n-----END KEY-----\n", true),
		value(mcpmux.ValueEnv, "DEBUG", "true", false), value(mcpmux.ValueHeader, "Authorization", "Bearer abc-def-ghi", true),
		value(mcpmux.ValueEnv, "DB", "postgres://me:passw0rd@db/x", true),
	}))
	for text, want := range map[string]string{
		`got s3cret"token!`:                             "got [redacted]!",
		`got s3cret"token/longer!`:                      "got [redacted]!",
		`{"t":"s3cret\"token"}`:                         `{"t":"[redacted]"}`,
		"GET /?t=s3cret%22token":                        "GET /?t=[redacted]",
		"key line abcdefghij":                           "key line [redacted]",
		"token abc-def-ghi of Bearer":                   "token [redacted] of Bearer",
		"login of me with passw0rd":                     "login of me with [redacted]",
		"debug is true":                                 "debug is true",
		strings.Repeat("x", maxLine-4) + `s3cret"token`: strings.Repeat("x", maxLine-4) + "[red …",
	} {
		add(t, l, text)
		if got := l.tail(1)[0].Text; got != want {
			t.Errorf("%.60q became %.60q", text, got)
		}
	}
	if err := l.close(false); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(logPath(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "s3cret") {
		t.Error("the file holds a secret")
	}
}

func TestServerLog_FileHasOneJSONLineEachAndIsForTheOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	l := newServerLog(dir, "s", time.Hour)
	add(t, l, "one\n")
	add(t, l, "two \"quoted\"\nlines")
	if err := l.close(false); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(logPath(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, err %v", st.Mode(), err)
	}
	var texts []string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var line LogLine
		if err := json.Unmarshal(sc.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, line.Text)
	}
	if len(texts) != 2 || texts[0] != "one" {
		t.Errorf("file has %q", texts)
	}
	again := newServerLog(dir, "s", time.Hour)
	defer func() { _ = again.close(false) }()
	if lines := again.tail(-1); len(lines) != 2 || lines[1].Text != texts[1] || lines[1].At.IsZero() {
		t.Errorf("an earlier run left %v", lines)
	}
}

func TestServerLog_LinesAreForgottenAfterTheirTime(t *testing.T) {
	dir := t.TempDir()
	old := `{"at":"2001-02-03T04:05:06Z","source":"stderr","text":"old"}` + "\n"
	if err := os.WriteFile(logPath(dir, "s"), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	if lines := newServerLog(dir, "s", 0).tail(-1); len(lines) != 1 {
		t.Errorf("kept for ever, there are %v", lines)
	}
	if lines := newServerLog(dir, "s", time.Hour).tail(-1); len(lines) != 0 {
		t.Errorf("after years there are %v", lines)
	}
	if _, err := os.Stat(logPath(dir, "s")); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
}

func TestServerLog_DeletedServerLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	l := newServerLog(dir, "s", 0)
	add(t, l, "one")
	if err := l.file.Rotate(); err != nil {
		t.Fatal(err)
	}
	add(t, l, "two")
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 2 {
		t.Fatalf("files %q, want a rotated one too", files)
	}
	if err := l.close(true); err != nil {
		t.Fatal(err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 0 {
		t.Errorf("left %q", files)
	}
}

func TestServerLog_FollowerMissesNothingAndStopsNobody(t *testing.T) {
	l := newServerLog("", "s", 0)
	add(t, l, "before")
	lines, more, stop := l.follow(10)
	add(t, l, "after")
	if len(lines) != 1 || lines[0].Text != "before" {
		t.Errorf("tail %v", lines)
	}
	if got := <-more; got.Text != "after" {
		t.Errorf("followed %q", got.Text)
	}
	for range 2 * followBuffer { // Nobody reads; nobody waits.
		add(t, l, "flood")
	}
	stop()
	stop()
	n := 0
	for range more {
		n++
	}
	if n != followBuffer {
		t.Errorf("%d lines in the buffer", n)
	}
	_, more, _ = l.follow(0)
	if err := l.close(true); err != nil {
		t.Fatal(err)
	}
	if _, open := <-more; open {
		t.Error("a deleted server's log is still followed")
	}
}
