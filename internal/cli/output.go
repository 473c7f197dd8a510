package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// show prints one answer: resource as the admin API's JSON with --json, else what human writes.
func (a *app) show(resource any, human func(w io.Writer)) error {
	if !a.json {
		human(a.Out)
		return nil
	}
	enc := json.NewEncoder(a.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(resource)
}

// reply is show for what a request brought, or its error.
func (a *app) reply(resource any, err error, human func(w io.Writer)) error {
	if err != nil {
		return err
	}
	return a.show(resource, human)
}

// showLine prints one resource of a stream: one line of JSON each with --json.
func (a *app) showLine(resource any, human func(w io.Writer)) error {
	if !a.json {
		human(a.Out)
		return nil
	}
	enc := json.NewEncoder(a.Out)
	enc.SetEscapeHTML(false)
	return enc.Encode(resource)
}

// table writes rows under a heading, in columns; no rows, and it writes only none.
func table(w io.Writer, none, heading string, rows [][]string) {
	if len(rows) == 0 {
		fmt.Fprintln(w, none)
		return
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, strings.ReplaceAll(heading, " ", "\t"))
	for _, row := range rows {
		for i, cell := range row {
			row[i] = oneLine(cell)
		}
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	_ = tw.Flush() // the same stream as all other output; a closed pipe ends the program anyway
}

// facts writes a list of names and values, in two columns, leaving out the empty values.
func facts(w io.Writer, pairs ...[2]string) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range pairs {
		if p[1] != "" {
			fmt.Fprintf(tw, "%s\t%s\n", p[0], oneLine(p[1]))
		}
	}
	_ = tw.Flush() // as in table
}

// printable makes text of a Server harmless to a terminal: of the control characters it keeps line ends and
// tabs, so that nobody's output can move the cursor, change the title or hide a line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || !unicode.IsControl(r) && !isOverride(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// isOverride says whether r turns the direction of the text after it.
func isOverride(r rune) bool { return r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 }

// oneLine makes text fit for a cell of a table.
func oneLine(s string) string { return printable(strings.Join(strings.Fields(s), " ")) }

// short cuts text to at most n runes.
func short(s string, n int) string {
	s = oneLine(s)
	if r := []rune(s); len(r) > n {
		return strings.TrimSpace(string(r[:n-1])) + "…"
	}
	return s
}

// when shows a moment in the user's own time zone, to the second.
func when(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

func whenOrNever(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return when(*t)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// The colours of the terminal that mean something here.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
)

// paint colours text where Out is a terminal that wants colour (https://no-color.org).
func (a *app) paint(colour, text string) string {
	file, ok := a.Out.(*os.File)
	if !ok || !isTerminal(file) || a.Getenv("NO_COLOR") != "" || a.Getenv("TERM") == "dumb" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
