package web

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// locked is what package-lock.json says of one package.
type locked struct {
	Version              string            `json:"version"`
	Resolved             string            `json:"resolved"`
	License              string            `json:"license"`
	Dev                  bool              `json:"dev"`
	Dependencies         map[string]string `json:"dependencies"`
	DevDependencies      map[string]string `json:"devDependencies"`
	OptionalDependencies map[string]string `json:"optionalDependencies"`
}

func lockFile(t *testing.T) map[string]locked {
	t.Helper()
	text, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]locked `json:"packages"`
	}
	if err := json.Unmarshal(text, &lock); err != nil || len(lock.Packages) < 10 {
		t.Fatalf("%d packages, %v", len(lock.Packages), err)
	}
	return lock.Packages
}

// npm leaves out the packages of systems that it was not shown, and then refuses what it wrote; and a lock file that
// names addresses is good for one registry alone.
func TestLock_IsWholeAndNamesNoAddress(t *testing.T) {
	packages := lockFile(t)
	for name, p := range packages {
		if p.Resolved != "" {
			t.Errorf("%s has the address %s", name, p.Resolved)
		}
		for optional := range p.OptionalDependencies {
			_, below := packages[name+"/node_modules/"+optional]
			if _, ok := packages["node_modules/"+optional]; !ok && !below {
				t.Errorf("%s may need %s, which is not locked", name, optional)
			}
		}
	}
	exact := regexp.MustCompile(`^\d+\.\d+\.\d+$`)
	for _, wanted := range []map[string]string{packages[""].Dependencies, packages[""].DevDependencies} {
		for name, version := range wanted {
			if !exact.MatchString(version) {
				t.Errorf("%s is not pinned: %s", name, version)
			}
		}
	}
}

// What the page is made of may be given away with it; what only builds it may have a license for changed files too.
func TestLock_HasLicensesThatFit(t *testing.T) {
	fit := []string{"MIT", "MIT OR Apache-2.0", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD", "Unlicense", "BlueOak-1.0.0"}
	for name, p := range lockFile(t) {
		if !slices.Contains(fit, p.License) && (!p.Dev || p.License != "MPL-2.0") {
			t.Errorf("%s: %q", name, p.License)
		}
	}
}

// The licenses of what is in the page ask to go with it.
func TestLicenses_GoWithThePage(t *testing.T) {
	text := get(t, "/licenses.md", "").Body.String()
	packages := lockFile(t)
	for name := range packages[""].Dependencies {
		// One that only passes on others has nothing in the page itself.
		names := append([]string{name}, slices.Collect(maps.Keys(packages["node_modules/"+name].Dependencies))...)
		if !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(text, "## "+n+" - ") }) {
			t.Errorf("%s is missing", name)
		}
	}
	if css := get(t, "/assets/index.css", "").Body.String(); !strings.Contains(css, "/*! tailwindcss") {
		t.Error("the style sheet does not say whose it is")
	}
}
