package connect

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// State is what is known of an application on a host.
type State string

// The states. Unreadable is an application whose file is there and could not be read or understood; it is left alone.
const (
	Absent     State = "absent"
	Installed  State = "installed"
	Configured State = "configured"
	Unreadable State = "unreadable"
)

// Seen is an application on a host.
type Seen struct {
	State State
	// File is where its servers are kept, or would be; "" where that is not known.
	File string
	// Servers counts those in it, without McpMux itself.
	Servers int
	// Why says what is wrong with the file.
	Why string
}

// See looks for an application, and whether it knows the gateway at an address. It reads, and follows nothing that is
// in the file.
func (h Host) See(a *Application, gateway string) Seen {
	out := Seen{State: Absent}
	files := h.of(a.files)
	if len(files) > 0 {
		out.File = files[0]
	}
	folders := h.of(a.folders)
	if len(a.folders.linux) == 0 {
		for _, file := range files {
			folders = append(folders, filepath.Dir(file))
		}
	}
	if slices.ContainsFunc(folders, isThere) {
		out.State = Installed
	}
	found, file, err := h.Read(a)
	if file != "" {
		out.File = file
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errNothing):
		return out
	case err != nil:
		out.State, out.Why = Unreadable, err.Error()
		return out
	}
	out.State = Installed
	for _, p := range found.Proposals {
		if Reaches(p.Definition, gateway) {
			out.State = Configured
		} else {
			out.Servers++
		}
	}
	return out
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Read reads the servers that an application has, and says in which file they are. Its errors hold nothing of the file;
// where there is no file it is fs.ErrNotExist.
func (h Host) Read(a *Application) (Found, string, error) {
	for _, path := range h.of(a.files) {
		text, err := readFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Found{}, path, err
		}
		found, err := parseFile(a.format, text)
		return found, path, err
	}
	return Found{}, "", fs.ErrNotExist
}

// parseFile reads the text of an application's file, which may have nothing in it.
func parseFile(format Format, text string) (Found, error) {
	if len(text) > maxText {
		return Found{}, fmt.Errorf("the file is longer than %d MiB", maxText>>20)
	}
	if blank(text) {
		return Found{}, errNothing
	}
	return parseAs(format, text)
}

func blank(text string) bool {
	return !slices.ContainsFunc([]byte(text), func(c byte) bool { return c != ' ' && c != '\t' && c != '\r' && c != '\n' })
}

// readFile reads a plain file of a bounded length. Pipes and devices are not waited for.
func readFile(path string) (string, error) {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return "", reason(err)
	case !st.Mode().IsRegular():
		return "", errors.New("it is not a file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", reason(err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err != nil {
		return "", reason(err)
	}
	const mark = "\ufeff"
	if len(text) >= len(mark) && string(text[:len(mark)]) == mark {
		text = text[len(mark):]
	}
	return string(text), nil
}

// reason is an error without the path, which is said where it is shown.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
