package store

import (
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func TestSpace_AnIconIsAnEmojiOrALetterOrTwo(t *testing.T) {
	for _, icon := range []string{
		"", "A", "ab", "1st!", "é", "e\u0301", "🦊", "❤\ufe0f", "👩🏽‍💻", "👨‍👩‍👧‍👦", "🇩🇪", "🇩🇪🇫🇷", "1\ufe0f\u20e3",
		"🏴\U000E0067\U000E0062\U000E0073\U000E0063\U000E0074\U000E007F", "仕事",
	} {
		if err := checkIcon(icon); err != nil {
			t.Errorf("%q (% x) is refused: %v", icon, icon, err)
		}
	}
	for what, icon := range map[string]string{
		"five letters":             "hello",
		"a space":                  "a b",
		"a line":                   "a\n",
		"a control":                "\x1b",
		"a zero width space":       "a\u200b",
		"a right-to-left override": "\u202eab",
		"an isolate":               "\u2067a\u2069",
		"a mark alone":             "\u0301",
		"a joiner alone":           "\u200d",
		"a joiner at the end":      "a\u200d",
		"two joiners":              "👩\u200d\u200d💻",
		"a tag after a letter":     "a\U000E0067",
		"a tower of marks":         "a" + strings.Repeat("\u0301", maxIconParts),
		"five emojis":              "🦊🦊🦊🦊🦊",
		"five flags":               "🇩🇪🇩🇪🇩🇪🇩🇪🇩🇪",
		"no UTF-8":                 "\xff",
		"a filler of Hangul":       "\u3164",
		"a private character":      "\ue000",
	} {
		if mcpmux.CodeOf(checkIcon(icon)) != mcpmux.CodeInvalid {
			t.Errorf("%s (%q) is an icon", what, icon)
		}
	}
}

func TestSpace_NameAndIconChangeApartAndTogether(t *testing.T) {
	f := newStore(t)
	sp, _, err := f.CreateSpace(bg, "Work", "🦊")
	if err != nil {
		t.Fatal(err)
	}
	icon, name, none := "W", "Job", ""
	f.refused(mcpmux.CodeInvalid, "emoji")(only(f.CreateSpace(bg, "Other", "a b")))
	f.wrote(f.UpdateSpace(bg, sp.ID, SpacePatch{Icon: &icon}))
	f.idle(f.UpdateSpace(bg, sp.ID, SpacePatch{Icon: &icon}))
	f.idle(f.UpdateSpace(bg, sp.ID, SpacePatch{}))
	if got := f.spaceByID(sp.ID); got.Icon != "W" || got.Name != "Work" {
		t.Errorf("%+v", got)
	}
	bad := "\u202e"
	f.refused(mcpmux.CodeInvalid, "emoji")(f.UpdateSpace(bg, sp.ID, SpacePatch{Name: &name, Icon: &bad}))
	if got := f.spaceByID(sp.ID); got.Name != "Work" {
		t.Errorf("half of a refused change was made: %+v", got)
	}
	f.wrote(f.UpdateSpace(bg, sp.ID, SpacePatch{Name: &name, Icon: &none}))
	if got := f.spaceByID(sp.ID); got.Icon != "" || got.Name != "Job" {
		t.Errorf("%+v", got)
	}
}
