package mcpmux

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// InputType says how a person is asked for the value of an Input, and which values it takes.
type InputType string

// The types of Inputs. A password is secret whatever else is said. Paths are not looked at: the Server may run before
// they exist.
const (
	InputText      InputType = "text"
	InputPassword  InputType = "password"
	InputNumber    InputType = "number"
	InputBoolean   InputType = "boolean"
	InputURL       InputType = "url"
	InputSelect    InputType = "select"
	InputFile      InputType = "file_path"
	InputDirectory InputType = "directory_path"
)

// Input is a named value that a Definition asks for: ${input:ID} in its texts.
type Input struct {
	ID          string    `json:"id"`
	Label       string    `json:"label,omitempty"`
	Description string    `json:"description,omitempty"`
	Type        InputType `json:"type,omitempty"` // "" is text
	Required    bool      `json:"required,omitempty"`
	Secret      bool      `json:"secret,omitempty"`
	// Default is the value where none was given; "" is none.
	Default     string        `json:"default,omitempty"`
	Placeholder string        `json:"placeholder,omitempty"`
	Options     []InputOption `json:"options,omitempty"` // of a select
	// Obtain says where people get the value.
	Obtain *Obtain `json:"obtain,omitempty"`
}

// InputOption is one value of an Input of type select.
type InputOption struct {
	Value       string `json:"value"`
	Label       string `json:"label,omitempty"`
	Description string `json:"description,omitempty"`
}

// Obtain says where people get the value of an Input.
type Obtain struct {
	URL          string `json:"url,omitempty"`
	Instructions string `json:"instructions,omitempty"`
}

// Hidden says whether the value is kept from everybody's eyes.
func (in *Input) Hidden() bool { return in.Secret || in.Type == InputPassword }

// Named is what people know the Input by.
func (in *Input) Named() string {
	if in.Label != "" {
		return fmt.Sprintf("%s (%s)", in.Label, in.ID)
	}
	return in.ID
}

// Input finds an Input of the Definition.
func (d *Definition) Input(id string) (*Input, bool) {
	for i := range d.Inputs {
		if d.Inputs[i].ID == id {
			return &d.Inputs[i], true
		}
	}
	return nil, false
}

var (
	inputID = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	// inputName is ${input:ID} in a text.
	inputName = regexp.MustCompile(`\$\{input:([^}]*)\}`)
)

// CheckInputs says what is wrong with the Inputs of a Definition: their ids, types, options and defaults, and texts that
// name one which is not there. A Definition without Inputs is not checked: its texts may name what is given as a value.
func (d *Definition) CheckInputs() error {
	seen := map[string]bool{}
	for i := range d.Inputs {
		in := &d.Inputs[i]
		if !inputID.MatchString(in.ID) {
			return Errorf(CodeInvalid, "the input %d has the id %q; it is 1 to 64 letters, digits, _, . and -", i+1, in.ID)
		}
		if seen[in.ID] {
			return Errorf(CodeInvalid, "there are two inputs %q", in.ID)
		}
		seen[in.ID] = true
		if err := in.check(); err != nil {
			return err
		}
	}
	for _, text := range slices.Concat([]string{d.Command, d.Cwd, d.URL}, d.Args) {
		for _, m := range inputName.FindAllStringSubmatch(text, -1) {
			if len(d.Inputs) > 0 && !seen[m[1]] {
				return Errorf(CodeInvalid, "${input:%s} names an input that is not among \"inputs\"", m[1])
			}
		}
	}
	return nil
}

func (in *Input) check() error {
	bad := func(format string, args ...any) error {
		return Errorf(CodeInvalid, "the input %q %s", in.ID, fmt.Sprintf(format, args...))
	}
	switch in.Type {
	case "", InputText, InputPassword, InputNumber, InputBoolean, InputURL, InputFile, InputDirectory:
		if len(in.Options) > 0 {
			return bad("has options, which only one of type select has")
		}
	case InputSelect:
		if len(in.Options) == 0 {
			return bad("is of type select and has no options")
		}
	default:
		return bad("is of the type %q; types are text, password, number, boolean, url, select, file_path and directory_path", string(in.Type))
	}
	if in.Default == "" {
		return nil
	}
	if in.Hidden() {
		return bad("is secret and has a default, which everybody could read")
	}
	if err := in.CheckValue(in.Default); err != nil {
		return bad("has a default that it does not take: %v", err)
	}
	return nil
}

// CheckValue says why text is no value of the Input. The error quotes nothing of it: it may be a secret.
func (in *Input) CheckValue(text string) error {
	bad := func(want string) error { return Errorf(CodeInvalid, "the input %s takes %s", in.Named(), want) }
	if text == "" {
		return nil // as if there was none
	}
	switch in.Type {
	case InputNumber:
		if _, err := strconv.ParseFloat(text, 64); err != nil || strings.ContainsAny(text, "xXpPnN_") {
			return bad("a number")
		}
	case InputBoolean:
		if text != "true" && text != "false" {
			return bad("true or false")
		}
	case InputURL:
		if u, err := url.Parse(text); err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "" && u.Path == "" {
			return bad("an address with its scheme, like https://example.com")
		}
	case InputSelect:
		if !slices.ContainsFunc(in.Options, func(o InputOption) bool { return o.Value == text }) {
			var values []string
			for _, o := range in.Options {
				values = append(values, o.Value)
			}
			return bad("one of " + strings.Join(values, ", "))
		}
	default: // a text, or a path
	}
	return nil
}
