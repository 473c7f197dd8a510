package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
)

const (
	// format is the version of the format that is written, and the newest that is read.
	format = 1
	magic  = "mcpmux-backup "

	// MaxFile bounds a file, in bytes: with it, as base64, the body of a request is as long as the admin API reads. The
	// definition of a server takes some hundred.
	MaxFile = 3<<20 - 16<<10
	// maxContent bounds the content once it is unpacked, in bytes.
	maxContent = 64 << 20
)

// With what the content is sealed.
const (
	KeyNone       = ""           // it is not
	KeyPassphrase = "passphrase" // a key made of a passphrase
	KeyMachine    = "machine"    // a key made of the master key of the installation that wrote it
)

// Header is what everybody can read of a file.
type Header struct {
	MadeAt  time.Time    `json:"made_at"`
	Version string       `json:"version"` // of the McpMux that wrote it
	Key     string       `json:"key,omitempty"`
	Lock    *secret.Lock `json:"lock,omitempty"` // of KeyPassphrase
}

// Keys are what a file is sealed with, or opened: a passphrase, or a key of this machine. Both may be none.
type Keys struct {
	Passphrase secret.Value
	Machine    []byte
}

// File is a file that is whole: it is as long as it was, and every byte is as it was written.
type File struct {
	Header
	line    string // the Header as it stands there
	content []byte
}

func invalid(format string, args ...any) error {
	return mcpmux.Errorf(mcpmux.CodeInvalid, format, args...)
}

// Open reads what everybody can read.
func Open(text []byte) (*File, error) {
	if len(text) > MaxFile {
		return nil, invalid("the file is longer than %d bytes; no backup is", MaxFile)
	}
	first, rest, found := bytes.Cut(text[:min(len(text), MaxFile)], []byte("\n"))
	words := strings.Fields(string(first[:min(len(first), 200)]))
	if !bytes.HasPrefix(text, []byte(magic)) || len(words) < 2 {
		return nil, invalid("the file is no backup of McpMux")
	}
	if n, err := strconv.ParseUint(words[1], 10, 32); err != nil || n == 0 {
		return nil, invalid("the file is no backup of McpMux, or its beginning is damaged")
	} else if n > format {
		return nil, invalid("the backup was made by a newer McpMux (format %d, this one reads %d): update McpMux, then restore it", n, format)
	}
	sum := sha256.Sum256(rest)
	if !found || len(words) != 3 || words[2] != hex.EncodeToString(sum[:]) {
		return nil, invalid("the backup is damaged: the file is not whole, or something in it is not as it was written")
	}
	line, content, found := bytes.Cut(rest, []byte("\n"))
	f := &File{line: string(line), content: content}
	if err := strict(line, &f.Header); err != nil || !found {
		return nil, newer(err)
	}
	return f, nil
}

// newer is what is said of a file that is whole and has something that this program does not know.
func newer(err error) error {
	return invalid("the backup has something that this McpMux does not know, since it was made by a newer one, or by something else (%v): update McpMux, then restore it", err)
}

// strict reads one JSON value, and no member that v does not have: what is not known would be lost.
func strict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if len(bytes.TrimSpace(text[d.InputOffset():])) > 0 {
		return fmt.Errorf("something follows at byte %d", d.InputOffset())
	}
	return nil
}

// place is where the content belongs: behind its Header.
func place(line string) secret.AAD { return secret.AAD{Kind: "backup", Name: line} }

// box is what the content is sealed with, nil for KeyNone.
func (h *Header) box(k Keys) (*secret.Box, error) {
	switch {
	case h.Key == KeyNone:
		return nil, nil
	case h.Key == KeyPassphrase && h.Lock != nil:
		if k.Passphrase.Reveal() == "" {
			return nil, invalid("the backup is sealed with a passphrase, which is needed to open it")
		}
		box, err := h.Lock.Box(k.Passphrase)
		if err != nil {
			return nil, invalid("the backup cannot be opened: %v", err)
		}
		return box, nil
	case h.Key == KeyMachine:
		if len(k.Machine) != 32 {
			return nil, mcpmux.Errorf(mcpmux.CodeUnavailable, "the backup is sealed with a key of this machine, which is locked: `mcpmux secrets unlock`")
		}
		return secret.NewBox([32]byte(k.Machine))
	}
	return nil, invalid("the backup is sealed in a way that this McpMux does not know")
}

// refused says why a file that is whole does not open.
func (h *Header) refused() error {
	if h.Key == KeyMachine {
		return invalid("the backup was sealed on another machine, or with a master key that was replaced since; it opens nowhere else")
	}
	return invalid("the passphrase is not the one that the backup was made with, or the file was changed")
}
