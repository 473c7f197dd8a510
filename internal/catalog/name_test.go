package catalog

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

var (
	legalName    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	verbatimName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)
)

func TestQualify_PlainNamesAreAliasAndName(t *testing.T) {
	for _, c := range []struct{ prefix, name, want string }{
		{"github", "create_issue", "github_create_issue"},
		{"a_b", "c", "a_b_c"},
		{"x", strings.Repeat("n", 62), "x_" + strings.Repeat("n", 62)},
		{"", "admin.tools.list", "admin.tools.list"},
		{"", strings.Repeat("n", 128), strings.Repeat("n", 128)},
	} {
		if got := Qualify(c.prefix, c.name); got != c.want {
			t.Errorf("Qualify(%q, %q) = %q, want %q", c.prefix, c.name, got, c.want)
		}
	}
}

func TestQualify_LongAndOddNamesEndWithAHash(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"a.b", "a/b", "a b", "a:b", "ä", "", strings.Repeat("n", 70), strings.Repeat("n", 71), strings.Repeat("ü", 70)} {
		for _, prefix := range []string{"", "srv", strings.Repeat("p", 90)} {
			q := Qualify(prefix, name)
			if !legalName.MatchString(q) && (prefix != "" || !verbatimName.MatchString(q)) {
				t.Errorf("Qualify(%q, %q) = %q is not a legal name", prefix, name, q)
			}
			if q != Qualify(prefix, name) {
				t.Errorf("Qualify(%q, %q) differs from call to call", prefix, name)
			}
			if other, ok := seen[q]; ok {
				t.Errorf("%q and %q are both %q", prefix+"|"+name, other, q)
			}
			seen[q] = prefix + "|" + name
		}
	}
}

func TestAssign_TheFirstKeepsTheName(t *testing.T) {
	got := assign([]claim{{"a", "a", "b_c"}, {"a_b", "a_b", "c"}, {"z", "", "a_b_c"}})
	if got[0] != "a_b_c" {
		t.Errorf("the first is %q", got[0])
	}
	if !strings.HasPrefix(got[1], "a_b_c_") || !strings.HasPrefix(got[2], "a_b_c_") || got[1] == got[2] {
		t.Errorf("the others are %q and %q", got[1], got[2])
	}
}

// TestAssign_ALoserTakesNobodysName: a Server that offers exactly the name a loser would get keeps it,
// wherever it stands.
func TestAssign_ALoserTakesNobodysName(t *testing.T) {
	pair := []claim{{"a", "a", "b_c"}, {"a_b", "a_b", "c"}}
	second := assign(pair)[1]
	got := assign(append(pair, claim{"evil", "", second}))
	if got[2] != second || got[1] == second {
		t.Errorf("assigned %q", got)
	}
}

func TestAssign_IsStableAndAppendingRenamesNobody(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var claims []claim
	for range 300 {
		claims = append(claims, claim{[]string{"a", "a_b", "b"}[r.IntN(3)], []string{"a", "a_b", ""}[r.IntN(3)], fmt.Sprintf("%s%d", []string{"", "b_", "b.", "a_b_"}[r.IntN(4)], r.IntN(60))})
	}
	full := assign(claims)
	unique := map[string]bool{}
	for i, q := range full {
		if unique[q] || !verbatimName.MatchString(q) {
			t.Fatalf("claim %d: %q is taken or illegal", i, q)
		}
		unique[q] = true
	}
	for i, q := range assign(claims) {
		if q != full[i] {
			t.Fatalf("claim %d is %q and then %q", i, full[i], q)
		}
	}
}

func TestAssign_TwoThousandGeneratedNamesAreLegalAndUnique(t *testing.T) {
	var claims []claim
	for i := range 2000 {
		name := fmt.Sprintf("%s tool/%d.%s", strings.Repeat("x", i%80), i/7, "é")
		claims = append(claims, claim{fmt.Sprint("srv", i%13), fmt.Sprint("srv", i%13), name})
	}
	seen := map[string]bool{}
	for _, q := range assign(claims) {
		if seen[q] || !legalName.MatchString(q) {
			t.Fatalf("%q is taken or illegal", q)
		}
		seen[q] = true
	}
}

func FuzzAssign_NamesAreLegalUniqueAndStable(f *testing.F) {
	f.Add("a", "b_c", "a_b", "c", "", "a_b_c")
	f.Add("", "x y", "", "x.y", "", "x_y")
	f.Add("ü", strings.Repeat("n", 99), "p", "", "\x00", "\xff")
	f.Fuzz(func(t *testing.T, p1, n1, p2, n2, p3, n3 string) {
		claims := []claim{{"a1", p1, n1}, {"a2", p2, n2}, {"a3", p3, n3}, {"a4", p1, n2}, {"a5", p1, n1}}
		got := assign(claims)
		seen := map[string]bool{}
		for i, q := range got {
			legal := legalName
			if claims[i].prefix == "" {
				legal = verbatimName
			}
			if !legal.MatchString(q) {
				t.Errorf("%q of %+v is not legal", q, claims[i])
			}
			if seen[q] {
				t.Errorf("%q is given twice", q)
			}
			seen[q] = true
		}
		for i, q := range assign(claims) {
			if q != got[i] {
				t.Errorf("%q and then %q", got[i], q)
			}
		}
		if short := assign(claims[:2]); short[0] != got[0] {
			t.Errorf("a later claim renamed the first from %q to %q", short[0], got[0])
		}
	})
}
