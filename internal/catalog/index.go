package catalog

import (
	"regexp"
	"strings"
	"sync"

	"github.com/yosida95/uritemplate/v3"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// index finds positions by what a Client says: a qualified name, a URI, a uriTemplate. It knows nothing of
// who may see them.
type index struct {
	routes    []*Route // by position; nil where the index does not cover it
	tools     map[string]int
	prompts   map[string]int
	resources map[string][]int
	templates map[string][]int
	patterns  []*pattern
}

// pattern is a resource template with its compiled form, made when the first URI comes that it may match.
type pattern struct {
	position int
	template string
	literal  string // what every match starts with
	compile  func() *regexp.Regexp
}

func newIndex(routes []*Route) *index {
	x := &index{
		routes:    routes,
		tools:     map[string]int{},
		prompts:   map[string]int{},
		resources: map[string][]int{},
		templates: map[string][]int{},
	}
	for i, r := range routes {
		if r == nil {
			continue
		}
		switch r.Kind {
		case mcpmux.KindTool:
			x.tools[r.Qualified] = i
		case mcpmux.KindPrompt:
			x.prompts[r.Qualified] = i
		case mcpmux.KindResource:
			x.resources[r.Name] = append(x.resources[r.Name], i)
		case mcpmux.KindTemplate:
			x.templates[r.Name] = append(x.templates[r.Name], i)
			x.patterns = append(x.patterns, newPattern(i, r.Name))
		}
	}
	return x
}

func newPattern(position int, template string) *pattern {
	literal, _, _ := strings.Cut(template, "{")
	return &pattern{
		position: position,
		template: template,
		literal:  literal,
		compile:  sync.OnceValue(func() *regexp.Regexp { return compile(template) }),
	}
}

// compile is the expression of the URIs that an expansion of template can give, nil for a template that is
// not one of RFC 6570. Go's expressions run in linear time, so a template cannot be made to hang us.
func compile(template string) (re *regexp.Regexp) {
	defer func() {
		if recover() != nil { // the library panics where a prefix length, as in {x:9999}, is beyond regexp's
			re = nil
		}
	}()
	t, err := uritemplate.New(template)
	if err != nil {
		return nil
	}
	return t.Regexp()
}

// matches says whether uri can come from the template by RFC 6570. Characters that a URI may not have as
// they are count as their percent-encoded form.
func (p *pattern) matches(uri, encoded string) bool {
	if !strings.HasPrefix(uri, p.literal) && !strings.HasPrefix(encoded, p.literal) {
		return false
	}
	re := p.compile()
	return re != nil && re.MatchString(encoded)
}

// encode percent-encodes what is not ASCII, not printable, or a space.
func encode(uri string) string {
	const digits = "0123456789ABCDEF"
	for i := 0; i < len(uri); i++ {
		if c := uri[i]; c <= ' ' || c >= 0x7f {
			var b strings.Builder
			for j := 0; j < len(uri); j++ {
				if c := uri[j]; c <= ' ' || c >= 0x7f {
					b.Write([]byte{'%', digits[c>>4], digits[c&15]})
				} else {
					b.WriteByte(c)
				}
			}
			return b.String()
		}
	}
	return uri
}
