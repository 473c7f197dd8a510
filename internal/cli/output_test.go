package cli

import "testing"

func TestNearest_GuessesOneSlipOrTheOnlyBeginning(t *testing.T) {
	commands := []string{"server", "space", "settings", "status", "client", "call"}
	for word, want := range map[string]string{
		"sevrer": "server", "servers": "server", "clinet": "client", "stat": "status",
		"set": "settings", "s": "", "c": "", "xyzzy": "", "": "", "SERVER": "server",
	} {
		if got := nearest(word, commands); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestPrintable_NothingOfAServerMovesTheCursor(t *testing.T) {
	for text, want := range map[string]string{
		"plain\ttext\n":        "plain\ttext\n",
		"\x1b]0;title\x07gone": "\uFFFD]0;title\uFFFDgone",
		"over\rwritten":        "over\uFFFDwritten",
		"\u009b31mC1":          "\uFFFD31mC1",
		"exe\u202Etxt":         "exe\uFFFDtxt",
		"żółć 日本":              "żółć 日本",
	} {
		if got := printable(text); got != want {
			t.Errorf("printable(%q) = %q, want %q", text, got, want)
		}
	}
}
