package archtest

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// checks are how many there are under each letter of docs/security.md.
var checks = map[string]int{"A": 19, "B": 19, "C": 27, "E": 27, "H": 12, "U": 13}

var (
	checkRow  = regexp.MustCompile(`(?m)^\| ([A-Z]\d+) \|.*\| (.*) \|$`)
	quoted    = regexp.MustCompile("`([^`]+)`")
	testFunc  = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	checkTest = regexp.MustCompile(`^TestCheck((?:_[A-Z]\d+)+)_`)
)

// Each check is in the list once, and is shown by tests that exist, or it is said why not. Each test that is named
// after checks is in their rows, so that none is forgotten there.
func TestSecurity_TheListOfChecksIsThatOfTheTests(t *testing.T) {
	tests := testFunctions(t)
	text, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string][]string{}
	for _, row := range checkRow.FindAllStringSubmatch(string(text), -1) {
		id, by := row[1], row[2]
		if _, twice := shown[id]; twice {
			t.Errorf("%s is there twice", id)
		}
		shown[id] = []string{}
		for _, name := range quoted.FindAllStringSubmatch(by, -1) {
			shown[id] = append(shown[id], name[1])
			if !tests[name[1]] {
				t.Errorf("%s is shown by %s, and there is no such test", id, name[1])
			}
		}
		if len(shown[id]) == 0 && !strings.HasPrefix(by, "not covered: ") {
			t.Errorf("%s has neither a test nor a reason: %s", id, by)
		}
	}
	for letter, n := range checks {
		for i := 1; i <= n; i++ {
			if id := fmt.Sprint(letter, i); shown[id] == nil {
				t.Errorf("%s is not in the list", id)
			}
		}
	}
	for name := range tests {
		m := checkTest.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		for id := range strings.SplitSeq(m[1][1:], "_") {
			if !slices.Contains(shown[id], name) {
				t.Errorf("%s is not in the row of %s", name, id)
			}
		}
	}
}

// testFunctions are the names of all tests of this repository.
func testFunctions(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, p := range packages(t) {
		for _, file := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			text, err := os.ReadFile(p.Dir + "/" + file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range testFunc.FindAllStringSubmatch(string(text), -1) {
				all[m[1]] = true
			}
		}
	}
	return all
}
