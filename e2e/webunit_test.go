package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The dashboard's parts that draw nothing have tests of their own, which Node runs.
func TestWeb_PartsThatDrawNothing(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "web", "tests", "*.test.ts"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests: %v", err)
	}
	out, err := exec.Command(node(t), append([]string{"--test", "--no-warnings"}, files...)...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "# fail 0") && !strings.Contains(string(out), "fail 0") {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
