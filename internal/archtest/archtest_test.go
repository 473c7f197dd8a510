package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mcpmux/mcpmux"

// anything allows every package of ours but those named after it.
const anything = "*"

// arrows says, for each package, which packages of ours it may import. A package without a row fails: a new
// one gets its row, and with it a thought, in the commit that makes it. Tests may import what they need.
var arrows = map[string][]string{
	"cmd/mcpmux":           {"internal/cli", "internal/daemon", "internal/demo"},
	"internal/mcpmux":      {},
	"internal/wire":        {"internal/mcpmux"},
	"internal/protocol":    {"internal/mcpmux", "internal/wire"},
	"internal/secret":      {"internal/mcpmux"},
	"internal/catalog":     {"internal/mcpmux", "internal/wire", "internal/protocol"},
	"internal/store":       {"internal/mcpmux", "internal/secret"},
	"internal/backup":      {"internal/mcpmux", "internal/secret", "internal/store"},
	"internal/tally":       {"internal/mcpmux", "internal/store"},
	"internal/backend":     {"internal/mcpmux", "internal/wire", "internal/protocol"},
	"internal/pool":        {"internal/mcpmux", "internal/backend"},
	"internal/supervisor":  {"internal/mcpmux", "internal/secret", "internal/backend", "internal/pool", "internal/wire"}, // secret: what takes values out of texts
	"internal/gateway":     {"internal/mcpmux", "internal/wire", "internal/protocol", "internal/catalog", "internal/backend", "internal/pool"},
	"internal/authserver":  {"internal/mcpmux", "internal/guard", "internal/page", "internal/store"}, // guard: rate limits; store: as authclient
	"internal/authclient":  {"internal/mcpmux", "internal/page", "internal/secret", "internal/store"},
	"internal/guard":       {"internal/mcpmux"},
	"internal/autostart":   {"internal/mcpmux"},
	"internal/page":        {},
	"internal/demo":        {"internal/wire", "internal/protocol"},
	"internal/connect":     {"internal/mcpmux"},
	"internal/admin":       {"internal/mcpmux", "internal/guard", "internal/secret", "internal/store", "internal/backup", "internal/tally", "internal/catalog", "internal/connect", "internal/admin/api"},
	"internal/admin/api":   {"internal/mcpmux"},
	"internal/adminclient": {"internal/mcpmux", "internal/admin/api"},
	"internal/cli":         {"internal/mcpmux", "internal/adminclient", "internal/admin/api"},
	"internal/daemon":      {anything, "internal/cli", "internal/archtest", "internal/mcptest", "internal/oauthtest", "internal/keyringtest", "cmd/mcpmux", "e2e", "bench"},
	"internal/archtest":    {},
	"internal/tools/tsgen": {"internal/admin"}, // writes the API's types for the dashboard
	"web":                  {},                 // the dashboard's page
	"internal/keyringtest": {},
	"internal/mcptest":     {"internal/wire", "internal/protocol", "internal/mcpmux"},
	"internal/oauthtest":   {"internal/mcpmux", "internal/wire", "internal/protocol", "internal/mcptest"},
	"e2e":                  {}, // drives the built binary, and knows nothing of its inside
	"e2e/clientdriver":     {}, // likewise
	"bench":                {}, // likewise
}

// homes says, for each third-party module that the product is built with, where it may be imported. It is
// replaced by touching one folder. The SDK is for tests and their fixtures.
var homes = map[string][]string{
	"modernc.org/sqlite":                     {"internal/store"},
	"github.com/spf13/cobra":                 {"internal/cli"},
	"github.com/spf13/pflag":                 {"internal/cli"},
	"github.com/zalando/go-keyring":          {"internal/secret"},
	"github.com/godbus/dbus/v5":              {"internal/secret", "internal/keyringtest"},
	"github.com/gofrs/flock":                 {"internal/daemon"},
	"github.com/google/uuid":                 {"internal/store"},
	"github.com/cenkalti/backoff/v5":         {"internal/supervisor"},
	"gopkg.in/natefinch/lumberjack.v2":       {"internal/supervisor"},
	"github.com/yosida95/uritemplate/v3":     {"internal/catalog"},
	"github.com/BurntSushi/toml":             {"internal/connect"},
	"go.yaml.in/yaml/v3":                     {"internal/connect"},
	"golang.org/x/sys":                       {"internal/guard", "internal/backend", "internal/daemon"},
	"golang.org/x/crypto":                    {"internal/secret"},
	"golang.org/x/oauth2":                    {"internal/authclient", "e2e"},
	"github.com/modelcontextprotocol/go-sdk": {"internal/authclient", "internal/mcptest", "e2e"},
}

// testHomes are the modules that tests of every package may import.
var testHomes = []string{
	"github.com/google/go-cmp",
	"github.com/modelcontextprotocol/go-sdk",
	"github.com/rogpeppe/go-internal",
	"go.uber.org/goleak",
}

// pkg is what the go command says of a package.
type pkg struct {
	Dir, ImportPath, Doc               string
	GoFiles, IgnoredGoFiles            []string
	TestGoFiles, XTestGoFiles          []string
	Imports, TestImports, XTestImports []string
}

// packages lists the packages of the module, with their paths relative to it.
func packages(t *testing.T) map[string]pkg {
	t.Helper()
	readFolders(t)
	cmd := exec.Command("go", "list", "-e", "-json", "./...")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	all := map[string]pkg{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all[relative(p.ImportPath)] = p
	}
}

// readFolders reads the folders of the module, so that the go command runs the test again when a file or a
// package is added, instead of answering from its cache.
func readFolders(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func relative(path string) string { return strings.TrimPrefix(path, module+"/") }

func ours(path string) bool { return strings.HasPrefix(path, module+"/") }

// standard says whether an import path is of the standard library: its first element has no dot.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

func TestPackages_ImportOnlyWhatTheirRowAllows(t *testing.T) {
	all := packages(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, complaint := range forbidden(name, all[name].Imports) {
			t.Error(complaint)
		}
	}
}

// forbidden is what is wrong with the imports of our package name.
func forbidden(name string, imports []string) []string {
	row, ok := arrows[name]
	if !ok {
		return []string{fmt.Sprintf("package %s has no row in the table of arrows; add one that says what it may import", name)}
	}
	var out []string
	for _, path := range imports {
		if to := relative(path); ours(path) && !allowed(row, to) {
			out = append(out, fmt.Sprintf("%s may not import %s", name, to))
		}
	}
	return out
}

func allowed(row []string, to string) bool {
	if len(row) > 0 && row[0] == anything {
		return !slices.Contains(row[1:], to)
	}
	return slices.Contains(row, to)
}

func TestArrows_AreWithoutCycles(t *testing.T) {
	var visit func(name string, path []string)
	visit = func(name string, path []string) {
		if slices.Contains(path, name) {
			t.Fatalf("the table allows a cycle: %s", strings.Join(append(path, name), " → "))
		}
		for _, to := range arrows[name] {
			if to != anything && arrows[name][0] != anything {
				visit(to, append(slices.Clip(path), name))
			}
		}
	}
	for name := range arrows {
		visit(name, nil)
	}
}

func TestDependencies_AreImportedInTheirHomeAlone(t *testing.T) {
	for name, p := range packages(t) {
		for _, complaint := range misplaced(name, p.Imports, nil) {
			t.Error(complaint)
		}
		for _, complaint := range misplaced(name, slices.Concat(p.TestImports, p.XTestImports), testHomes) {
			t.Errorf("in tests: %s", complaint)
		}
	}
}

// misplaced is what is wrong with the third-party imports of our package name; free are modules that may be
// imported everywhere.
func misplaced(name string, imports []string, free []string) []string {
	var out []string
	for _, path := range imports {
		if standard(path) || ours(path) || path == module || slices.ContainsFunc(free, func(m string) bool { return within(path, m) }) {
			continue
		}
		known := false
		for mod, home := range homes {
			if !within(path, mod) {
				continue
			}
			known = true
			if !slices.ContainsFunc(home, func(h string) bool { return within(name, h) }) {
				out = append(out, fmt.Sprintf("%s may not import %s; its home is %s", name, path, strings.Join(home, ", ")))
			}
		}
		if !known {
			out = append(out, fmt.Sprintf("%s imports %s, which has no home in the table of dependencies", name, path))
		}
	}
	return out
}

// within says whether path is parent or below it.
func within(path, parent string) bool {
	return path == parent || strings.HasPrefix(path, parent+"/")
}

// eachFile parses every Go file of the product, those for other platforms too.
func eachFile(t *testing.T, tests bool, f func(pkgName, file string, fset *token.FileSet, syntax *ast.File)) {
	t.Helper()
	for name, p := range packages(t) {
		files := slices.Concat(p.GoFiles, p.IgnoredGoFiles)
		if tests {
			files = slices.Concat(files, p.TestGoFiles, p.XTestGoFiles)
		}
		for _, file := range files {
			fset := token.NewFileSet()
			syntax, err := parser.ParseFile(fset, filepath.Join(p.Dir, file), nil, parser.ParseComments)
			if err != nil {
				t.Errorf("%s/%s: %v", name, file, err)
				continue
			}
			f(name, file, fset, syntax)
		}
	}
}

// TestPlatformFiles_FollowTheSameRules: the go command lists the imports of this platform only.
func TestPlatformFiles_FollowTheSameRules(t *testing.T) {
	eachFile(t, false, func(name, file string, _ *token.FileSet, syntax *ast.File) {
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		var imports []string
		for _, i := range syntax.Imports {
			imports = append(imports, strings.Trim(i.Path.Value, `"`))
		}
		for _, complaint := range slices.Concat(forbidden(name, imports), misplaced(name, imports, nil)) {
			t.Errorf("%s: %s", file, complaint)
		}
	})
}

func TestPackages_SayWhatTheyAreFor(t *testing.T) {
	for name, p := range packages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("package %s has no doc comment", name)
		}
	}
}

func TestPackages_HaveNoInitFunctions(t *testing.T) {
	eachFile(t, true, func(name, file string, fset *token.FileSet, syntax *ast.File) {
		for _, d := range syntax.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: %s has an init function; build it where it is wired", fset.Position(f.Pos()), name)
			}
		}
	})
}

// TestRules_CatchWhatTheyForbid keeps the rules honest: each must complain about a made-up offence.
func TestRules_CatchWhatTheyForbid(t *testing.T) {
	for name, got := range map[string][]string{
		"internal/wire may not import internal/gateway": forbidden("internal/wire", []string{"fmt", module + "/internal/mcpmux", module + "/internal/gateway"}),
		"package internal/newcomer has no row":          forbidden("internal/newcomer", nil),
		"internal/daemon may not import internal/cli":   forbidden("internal/daemon", []string{module + "/internal/cli", module + "/internal/store"}),
		"internal/cli may not import modernc.org":       misplaced("internal/cli", []string{"modernc.org/sqlite/lib", "github.com/spf13/cobra"}, nil),
		"has no home": misplaced("internal/cli", []string{"example.com/x"}, nil),
		"may not import github.com/modelcontextpro": misplaced("internal/gateway", []string{"github.com/modelcontextprotocol/go-sdk/mcp"}, nil),
	} {
		if len(got) != 1 || !strings.Contains(got[0], name) {
			t.Errorf("complaints %q, want one with %q", got, name)
		}
	}
	if got := misplaced("internal/gateway", []string{"github.com/modelcontextprotocol/go-sdk/mcp"}, testHomes); len(got) > 0 {
		t.Errorf("a test may import the SDK: %q", got)
	}
}
