package e2e

import (
	"maps"
	"slices"
	"strings"
)

// What a person does in a tab, by what they see, or hear of it: roles and names.

func (t *browserTab) role(v any, act, role, name string, more ...map[string]any) error {
	t.b.t.Helper()
	m := map[string]any{"page": t.name, "act": act, "role": role, "name": name}
	for _, add := range more {
		maps.Copy(m, add)
	}
	return t.b.do(v, "role", m)
}

// clickRole presses what has a role (link, tab, menuitem, switch, …) and a name.
func (t *browserTab) clickRole(role, name string) {
	t.b.t.Helper()
	if err := t.role(nil, "click", role, name); err != nil {
		t.b.t.Fatalf("the %s %q: %v\n%s", role, name, err, t.text())
	}
}

// awaitRole waits until it is there.
func (t *browserTab) awaitRole(role, name string) {
	t.b.t.Helper()
	if err := t.role(nil, "wait", role, name); err != nil {
		t.b.t.Fatalf("there is no %s %q: %v\n%s", role, name, err, t.text())
	}
}

// goneRole waits until it is not there.
func (t *browserTab) goneRole(role, name string) {
	t.b.t.Helper()
	if err := t.role(nil, "gone", role, name); err != nil {
		t.b.t.Fatalf("the %s %q stays: %v\n%s", role, name, err, t.text())
	}
}

func (t *browserTab) textOf(role, name string) (text string) {
	t.b.t.Helper()
	if err := t.role(&text, "text", role, name); err != nil {
		t.b.t.Fatalf("the %s %q: %v\n%s", role, name, err, t.text())
	}
	return text
}

// gone waits until a text is not shown.
func (t *browserTab) gone(text string) {
	t.b.t.Helper()
	if err := t.b.do(nil, "gone", map[string]any{"page": t.name, "text": text}); err != nil {
		t.b.t.Fatalf("%q stays: %v\n%s", text, err, t.text())
	}
}

// focus gets to what has a role and a name by the keyboard alone, and fails where that does not lead there.
func (t *browserTab) focus(role, name string) {
	t.b.t.Helper()
	if err := t.b.do(nil, "focused", map[string]any{"page": t.name, "role": role, "name": name}); err != nil {
		t.b.t.Fatalf("%v\n%s", err, t.text())
	}
}

// press presses keys one after the other: Tab, Enter, Control+k, ArrowDown ….
func (t *browserTab) press(keys ...string) {
	t.b.t.Helper()
	for _, key := range keys {
		t.b.must(nil, "press", map[string]any{"page": t.name, "key": key})
	}
}

// typeText types into what has the focus.
func (t *browserTab) typeText(text string) {
	t.b.t.Helper()
	t.b.must(nil, "type", map[string]any{"page": t.name, "text": text})
}

// enter goes to a field by the keyboard, and types over what is in it.
func (t *browserTab) enter(role, name, text string) {
	t.b.t.Helper()
	t.focus(role, name)
	t.press("Control+a")
	t.typeText(text)
}

// hit goes to a button, link, tab … by the keyboard, and presses Enter.
func (t *browserTab) hit(role, name string) {
	t.b.t.Helper()
	t.focus(role, name)
	t.press("Enter")
}

// pickLast opens a menu by the keyboard, goes to its last item, which has to be called so, and presses Enter.
func (t *browserTab) pickLast(menu, item string) {
	t.b.t.Helper()
	t.hit("button", menu)
	t.awaitRole("menuitem", item)
	t.press("End")
	t.until(`(name) => document.activeElement.role === "menuitem" && document.activeElement.innerText.startsWith(name)`, item)
	t.press("Enter")
}

// tab goes by the keyboard from the first of some tabs to the last, one after the other.
func (t *browserTab) tab(names ...string) {
	t.b.t.Helper()
	t.focus("tab", names[0])
	for _, name := range names[1:] {
		t.press("ArrowRight")
		t.until(`(name) => document.activeElement.role === "tab" && document.activeElement.innerText.startsWith(name)`, name)
	}
}

// until waits for an expression of JavaScript to be true.
func (t *browserTab) until(expression string, arg any) {
	t.b.t.Helper()
	if err := t.b.do(nil, "until", map[string]any{"page": t.name, "expression": expression, "arg": arg}); err != nil {
		t.b.t.Fatalf("%s: %v\n%s", expression, err, t.text())
	}
}

func (t *browserTab) size(width, height int) {
	t.b.t.Helper()
	t.b.must(nil, "size", map[string]any{"page": t.name, "width": width, "height": height})
}

// dark shows the dark theme, or the light one.
func (t *browserTab) dark(on bool) {
	t.b.t.Helper()
	scheme := "light"
	if on {
		scheme = "dark"
	}
	t.b.must(nil, "scheme", map[string]any{"page": t.name, "scheme": scheme})
}

// shot keeps a picture of the whole page.
func (t *browserTab) shot(path string) {
	t.b.t.Helper()
	t.b.must(nil, "shot", map[string]any{"page": t.name, "path": path})
}

func (t *browserTab) upload(label, path string) {
	t.b.t.Helper()
	t.b.must(nil, "upload", map[string]any{"page": t.name, "label": label, "path": path})
}

// download presses a button and keeps the file that comes; it answers the name that the file asks for.
func (t *browserTab) download(button, path string) (name string) {
	t.b.t.Helper()
	t.b.must(&name, "download", map[string]any{"page": t.name, "button": button, "path": path})
	return name
}

func (t *browserTab) clipboard() (text string) {
	t.b.t.Helper()
	t.b.must(&text, "clipboard", map[string]any{"page": t.name})
	return text
}

// accessible fails where axe finds something wrong with what is shown, in either theme.
func (t *browserTab) accessible() {
	t.b.t.Helper()
	for _, dark := range []bool{true, false} {
		t.dark(dark)
		var found []string
		t.b.must(&found, "axe", map[string]any{"page": t.name})
		for _, f := range found {
			t.b.t.Errorf("axe, dark %v: %s", dark, f)
		}
	}
}

// clean is how a story ends: what is shown is accessible, and nothing went wrong unseen. expected are parts of what the
// console may say, such as of answers that had to be refused.
func (t *browserTab) clean(expected ...string) {
	t.b.t.Helper()
	t.accessible()
	s := t.seen()
	expected = append(expected, "[DOM]") // hints of Chromium for forms of accounts
	for _, line := range append(s.Console, s.Errors...) {
		if !slices.ContainsFunc(expected, func(part string) bool { return strings.Contains(line, part) }) {
			t.b.t.Errorf("the console says: %s", line)
		}
	}
}
