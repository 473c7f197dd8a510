package mcpmux

import (
	"strings"
	"testing"
)

func TestInput_TakesValuesOfItsTypeAlone(t *testing.T) {
	one := []InputOption{{Value: "eu"}, {Value: "us"}}
	for _, c := range []struct {
		in   Input
		good []string
		bad  []string
	}{
		{Input{}, []string{"", "anything at all", "${input:other}"}, nil},
		{Input{Type: InputNumber}, []string{"", "1", "-2.5", "1e9"}, []string{"one", "0x10", "1_000", "NaN", "inf", " 1"}},
		{Input{Type: InputBoolean}, []string{"", "true", "false"}, []string{"yes", "TRUE", "1"}},
		{Input{Type: InputURL}, []string{"https://example.com/a?b", "file:///tmp", "postgres://u@h/db"}, []string{"server.invalid", "/tmp", "ftp:"}},
		{Input{Type: InputSelect, Options: one}, []string{"", "eu", "us"}, []string{"EU", "asia"}},
		{Input{Type: InputFile}, []string{"/a b", `C:\x`}, nil},
		{Input{Type: InputPassword}, []string{"hush"}, nil},
	} {
		c.in.ID = "X"
		for _, text := range c.good {
			if err := c.in.CheckValue(text); err != nil {
				t.Errorf("%s refuses %q: %v", c.in.Type, text, err)
			}
		}
		for _, text := range c.bad {
			err := c.in.CheckValue(text)
			if err == nil || CodeOf(err) != CodeInvalid {
				t.Errorf("%s takes %q: %v", c.in.Type, text, err)
			} else if c.in.Type != InputSelect && len(text) > 3 && strings.Contains(err.Error(), text) {
				t.Errorf("the error quotes the value: %v", err)
			}
		}
	}
}

func TestDefinition_InputsAreCheckedWhenWritten(t *testing.T) {
	for _, c := range []struct {
		d    Definition
		want string // in the error; "" is none
	}{
		{Definition{}, ""},
		{Definition{Args: []string{"${input:FREE}"}}, ""},
		{Definition{Args: []string{"--key=${input:A}"}, URL: "https://${input:B}/", Inputs: []Input{{ID: "A"}, {ID: "B", Type: InputURL}}}, ""},
		{Definition{Args: []string{"${input:C}"}, Inputs: []Input{{ID: "A"}}}, "${input:C}"},
		{Definition{Inputs: []Input{{ID: "A"}, {ID: "A"}}}, "two inputs"},
		{Definition{Inputs: []Input{{ID: "a b"}}}, "letters, digits"},
		{Definition{Inputs: []Input{{ID: "A", Type: "date"}}}, "types are"},
		{Definition{Inputs: []Input{{ID: "A", Type: InputSelect}}}, "no options"},
		{Definition{Inputs: []Input{{ID: "A", Options: []InputOption{{Value: "x"}}}}}, "type select"},
		{Definition{Inputs: []Input{{ID: "A", Type: InputNumber, Default: "many"}}}, "does not take"},
		{Definition{Inputs: []Input{{ID: "A", Type: InputPassword, Default: "hush"}}}, "everybody could read"},
	} {
		err := c.d.CheckInputs()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", c.d, err, c.want)
		}
	}
}
