package admin

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

// exportBuffer is how much of a file is written at a time, in bytes.
const exportBuffer = 64 << 10

// sheet writes records in some form.
type sheet interface {
	put(e *api.Activity) error
	// end writes what is left.
	end() error
}

// sheetKind is a form of files: its media type, how it ends, and what writes it.
type sheetKind struct {
	media, ending string
	begin         func(io.Writer) sheet
}

//nolint:gochecknoglobals // constant table
var sheetKinds = map[string]sheetKind{
	"jsonl": {"application/x-ndjson", "jsonl", func(w io.Writer) sheet { return jsonLines{json.NewEncoder(w)} }},
	"csv":   {"text/csv; charset=utf-8", "csv", newCSV},
}

// exportAudit is GET /audit/export: every record that the filter chooses, oldest first, as a file. It is written as it
// is read, so neither side needs memory for all of it. What is recorded meanwhile is left out, so it ends. If reading
// fails, the connection is broken off: half a file must not look like a whole one.
func (a *Admin) exportAudit(w http.ResponseWriter, r *http.Request) error {
	f, err := a.activityFilter(r)
	if err != nil {
		return err
	}
	format := r.URL.Query().Get("format")
	if format == "" {
		format = "jsonl"
	}
	kind, ok := sheetKinds[format]
	if !ok {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "the parameter format is %.100q; it is jsonl or csv", format)
	}
	last, err := a.cfg.Store.LastActivity(r.Context())
	if err != nil {
		return err
	}
	f.BeforeID = last + 1
	names := a.names(r)
	if err := names.ready(); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", kind.media)
	h.Set("Content-Disposition", `attachment; filename="mcpmux-activity-`+a.cfg.Now().UTC().Format("20060102-150405")+"."+kind.ending+`"`)
	h.Set("X-Content-Type-Options", "nosniff")
	out := bufio.NewWriterSize(&patient{w, http.NewResponseController(w)}, exportBuffer)
	if err := a.writeSheet(r, kind.begin(out), f, names); err == nil {
		err = out.Flush()
		if err == nil {
			return nil
		}
	} else if r.Context().Err() == nil {
		a.log.Warn("the record was not exported to its end", "err", err)
	}
	panic(http.ErrAbortHandler) // net/http's way to close a connection
}

func (a *Admin) writeSheet(r *http.Request, s sheet, f store.ActivityFilter, names *naming) error {
	_, err := a.cfg.Store.EachActivity(r.Context(), f, func(e *store.Activity) error {
		named, err := names.of(e)
		if err != nil {
			return err
		}
		return s.put(&named)
	})
	if err != nil {
		return err
	}
	return s.end()
}

// patient writes with a deadline for each piece: a file may take as long as it likes, a reader that stands still not.
type patient struct {
	w   io.Writer
	ctl *http.ResponseController
}

func (p *patient) Write(b []byte) (int, error) {
	_ = p.ctl.SetWriteDeadline(time.Now().Add(sendTimeout)) // a writer without deadlines has none to set
	return p.w.Write(b)
}

// jsonLines writes what /audit answers, each record on a line.
type jsonLines struct{ *json.Encoder }

func (l jsonLines) put(e *api.Activity) error { return l.Encode(e) }
func (jsonLines) end() error                  { return nil }

// csvSheet writes a table (RFC 4180) with a heading.
type csvSheet struct{ *csv.Writer }

//nolint:gochecknoglobals // constant table
var csvHeading = []string{"id", "time", "client", "client_id", "space", "space_id", "server", "method", "name", "decision", "outcome", "code", "duration_ms", "actor", "detail"}

func newCSV(w io.Writer) sheet {
	s := csvSheet{csv.NewWriter(w)}
	_ = s.Write(csvHeading) // end says what went wrong
	return s
}

func (s csvSheet) put(e *api.Activity) error {
	code := ""
	if e.Code != 0 {
		code = strconv.Itoa(e.Code)
	}
	took := strconv.FormatFloat(float64(e.Duration)/float64(time.Millisecond), 'f', 3, 64)
	return s.Write([]string{
		strconv.FormatInt(e.ID, 10), e.At.UTC().Format(time.RFC3339Nano), tame(e.ClientName), tame(string(e.Client)), tame(e.SpaceName), tame(string(e.Space)),
		tame(e.Server), tame(e.Method), tame(e.Name), string(e.Verdict), tame(e.Outcome), code, took, tame(e.Actor), tame(e.Detail),
	})
}

func (s csvSheet) end() error {
	s.Flush()
	return s.Error()
}

// tame makes a text one that a spreadsheet does not take for a formula. Names of tools are whatever clients write
// (OWASP, CSV Injection).
func tame(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
