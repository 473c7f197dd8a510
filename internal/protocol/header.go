package protocol

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/textproto"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mcpmux/mcpmux/internal/wire"
)

const (
	encodedPrefix = "=?base64?"
	encodedSuffix = "?="

	// paramPrefix begins the header of a mirrored argument.
	paramPrefix = "Mcp-Param-"
)

// EncodeHeader writes a value as a header may carry it: verbatim where that is safe, else in base64 between
// markers (MCP 2026-07-28 basic/transports §Value Encoding).
func EncodeHeader(v string) string {
	if safeHeader(v) {
		return v
	}
	return encodedPrefix + base64.StdEncoding.EncodeToString([]byte(v)) + encodedSuffix
}

// safeHeader: visible ASCII and inner blanks, and nothing that looks encoded already.
func safeHeader(v string) bool {
	if strings.HasPrefix(strings.ToLower(v), encodedPrefix) && strings.HasSuffix(v, encodedSuffix) {
		return false
	}
	if strings.Trim(v, " \t") != v {
		return false
	}
	for i := range len(v) {
		if c := v[i]; (c < 0x20 && c != '\t') || c >= 0x7f {
			return false
		}
	}
	return true
}

// DecodeHeader reads a value that EncodeHeader wrote.
func DecodeHeader(v string) (string, error) {
	v = strings.Trim(v, " \t")
	if len(v) < len(encodedPrefix)+len(encodedSuffix) || !strings.EqualFold(v[:len(encodedPrefix)], encodedPrefix) || !strings.HasSuffix(v, encodedSuffix) {
		return v, nil
	}
	b, err := base64.StdEncoding.DecodeString(v[len(encodedPrefix) : len(v)-len(encodedSuffix)])
	if err != nil {
		return "", errors.New("the value is marked as base64 and is none")
	}
	if !utf8.Valid(b) {
		return "", errors.New("the value is not UTF-8")
	}
	return string(b), nil
}

// SameHeader says whether a header that was sent carries the value that the body gives. Numbers are compared
// as numbers.
func SameHeader(sent, want string) bool {
	a, err := DecodeHeader(sent)
	if err != nil {
		return false
	}
	b, err := DecodeHeader(want)
	if err != nil {
		return false
	}
	if a == b {
		return true
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y && math.Abs(x) <= 1<<53
}

// ParamHeader is one argument of a tool that is repeated in a header.
type ParamHeader struct {
	Header string   // canonical, with its prefix
	Path   []string // of property names, from the arguments inwards
}

// ParamHeaders reads the x-mcp-header annotations of a tool's inputSchema. An error means that the tool's
// definition is invalid and that clients must not use it.
func ParamHeaders(inputSchema []byte) ([]ParamHeader, error) {
	if !strings.Contains(string(inputSchema), "x-mcp-header") {
		return nil, nil
	}
	var found []ParamHeader
	err := walkSchema(inputSchema, wire.Span{Start: 0, End: len(inputSchema)}, nil, &found)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(found))
	for _, h := range found {
		if seen[h.Header] {
			return nil, fmt.Errorf("two properties are mirrored in header %s", h.Header)
		}
		seen[h.Header] = true
	}
	return found, nil
}

// walkSchema collects annotations along properties. Elsewhere an annotation could not be resolved to one
// argument and is invalid.
func walkSchema(raw []byte, schema wire.Span, path []string, found *[]ParamHeader) error {
	for name, value := range wire.Members(raw, schema) {
		switch {
		case name == "x-mcp-header":
			h, err := annotation(raw, schema, value, path)
			if err != nil {
				return err
			}
			*found = append(*found, h)
		case name == "properties" && raw[value.Start] == '{':
			for prop, sub := range wire.Members(raw, value) {
				next := append(append(make([]string, 0, len(path)+1), path...), prop)
				if err := walkSchema(raw, sub, next, found); err != nil {
					return err
				}
			}
		case strings.Contains(string(raw[value.Start:value.End]), `"x-mcp-header"`):
			if subschema(name) {
				return fmt.Errorf("x-mcp-header under %q cannot be resolved to one argument", name)
			}
		}
	}
	return nil
}

// subschema says whether a keyword holds schemas, as opposed to data that may look like one.
func subschema(keyword string) bool {
	switch keyword {
	case "items", "prefixItems", "anyOf", "oneOf", "allOf", "not", "if", "then", "else", "additionalProperties",
		"patternProperties", "$defs", "definitions", "dependentSchemas", "contains", "propertyNames":
		return true
	}
	return false
}

func annotation(raw []byte, schema, value wire.Span, path []string) (ParamHeader, error) {
	name, ok := wire.String(raw, value)
	if !ok || name == "" {
		return ParamHeader{}, errors.New("x-mcp-header must be a non-empty string")
	}
	for i := range len(name) {
		if !tokenChar(name[i]) {
			return ParamHeader{}, fmt.Errorf("x-mcp-header %q is not a header name", name)
		}
	}
	if len(path) == 0 {
		return ParamHeader{}, errors.New("x-mcp-header belongs to a property")
	}
	var kind [1]wire.Span
	if err := wire.Find(raw, schema, []string{"type"}, kind[:]); err != nil {
		return ParamHeader{}, err
	}
	switch t, _ := wire.String(raw, kind[0]); t {
	case "string", "integer", "boolean":
	default:
		return ParamHeader{}, fmt.Errorf("x-mcp-header %q is on a property that is not of type string, integer or boolean", name)
	}
	return ParamHeader{Header: textproto.CanonicalMIMEHeaderKey(paramPrefix + name), Path: path}, nil
}

func tokenChar(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// Value is the header's text for these arguments. False: the argument is absent or null and so is the header.
func (h ParamHeader) Value(args []byte) (string, bool) {
	at := wire.Span{Start: 0, End: len(args)}
	for _, name := range h.Path {
		var found [1]wire.Span
		if err := wire.Find(args, at, []string{name}, found[:]); err != nil || !found[0].OK() {
			return "", false
		}
		at = found[0]
	}
	if !at.OK() {
		return "", false
	}
	switch args[at.Start] {
	case '"':
		s, ok := wire.String(args, at)
		return EncodeHeader(s), ok
	case 'n', '{', '[':
		return "", false
	}
	return string(args[at.Start:at.End]), true
}

// ValidToolHeaders checks the x-mcp-header annotations of a tool as it was listed.
func ValidToolHeaders(tool []byte) error {
	_, err := ToolHeaders(tool)
	return err
}

// ToolHeaders is ParamHeaders of a tool as it was listed.
func ToolHeaders(tool []byte) ([]ParamHeader, error) {
	var schema [1]wire.Span
	if err := wire.Find(tool, wire.Span{Start: 0, End: len(tool)}, []string{"inputSchema"}, schema[:]); err != nil {
		return nil, err
	}
	if !schema[0].OK() {
		return nil, nil
	}
	return ParamHeaders(tool[schema[0].Start:schema[0].End])
}
