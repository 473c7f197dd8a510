package protocol

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/textproto"
	"slices"
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

// DecodeHeader reads a value that EncodeHeader wrote. Only the exact markers count; what merely resembles
// them is the value itself.
func DecodeHeader(v string) (string, error) {
	v = strings.Trim(v, " \t")
	inner, ok := strings.CutPrefix(v, encodedPrefix)
	if !ok {
		return v, nil
	}
	if inner, ok = strings.CutSuffix(inner, encodedSuffix); !ok {
		return v, nil
	}
	b, err := base64.StdEncoding.Strict().DecodeString(inner)
	if err != nil || strings.ContainsAny(inner, "\r\n") {
		return "", errors.New("the value is marked as base64 and is none")
	}
	if !utf8.Valid(b) {
		return "", errors.New("the value is not UTF-8")
	}
	return string(b), nil
}

func sameText(sent, want string) bool {
	a, errA := DecodeHeader(sent)
	b, errB := DecodeHeader(want)
	return errA == nil && errB == nil && a == b
}

// sameNumber compares the numbers that a double holds exactly.
func sameNumber(sent, want string) bool {
	a, err := DecodeHeader(sent)
	if err != nil || !jsonNumber(a) || !jsonNumber(want) {
		return false
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(want, 64)
	return errX == nil && errY == nil && x == y && math.Abs(x) <= maxSafeInteger
}

func jsonNumber(s string) bool {
	return s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && wire.Valid([]byte(s)) == nil
}

// maxSafeInteger is the largest integer below which a double holds every one.
const maxSafeInteger = 1<<53 - 1

// ParamHeader is one argument of a tool that is repeated in a header.
type ParamHeader struct {
	Header string   // canonical, with its prefix
	Path   []string // of property names, from the arguments inwards
	Type   string   // of the property: string, integer, number or boolean
}

// Same says whether the header that was sent carries want, which Value gave. Numbers are compared as numbers:
// 42 and 42.0 agree. Text is compared as text: "1" and "1.0" are different names of things.
func (h ParamHeader) Same(sent, want string) bool {
	if sameText(sent, want) {
		return true
	}
	return (h.Type == "integer" || h.Type == "number") && sameNumber(sent, want)
}

// Equal says whether two schemas want the same.
func (h ParamHeader) Equal(o ParamHeader) bool {
	return h.Header == o.Header && h.Type == o.Type && slices.Equal(h.Path, o.Path)
}

// ParamHeaders reads the x-mcp-header annotations of a tool's inputSchema. An error means that the tool's
// definition is invalid and that clients must not use it.
func ParamHeaders(inputSchema []byte) ([]ParamHeader, error) {
	if !strings.Contains(string(inputSchema), "x-mcp-header") {
		return nil, nil
	}
	var found []ParamHeader
	err := walkSchema(inputSchema, whole(inputSchema), nil, &found)
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
	case "items", "prefixItems", "additionalItems", "unevaluatedItems", "contains", "additionalProperties",
		"unevaluatedProperties", "patternProperties", "propertyNames", "dependentSchemas", "dependencies",
		"anyOf", "oneOf", "allOf", "not", "if", "then", "else", "$defs", "definitions":
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
	t, _ := wire.String(raw, kind[0])
	switch t {
	case "string", "integer", "boolean":
	case "number": // beyond the specification's list; the conformance suite and the TypeScript SDK mirror it
	default:
		return ParamHeader{}, fmt.Errorf("x-mcp-header %q is on a property that is not of type string, integer, number or boolean", name)
	}
	return ParamHeader{Header: textproto.CanonicalMIMEHeaderKey(paramPrefix + name), Path: path, Type: t}, nil
}

func tokenChar(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// Value is the header's text for these arguments, which are valid JSON. False: there is no header, since the
// argument is absent, null, given twice, or no plain value. An empty text is a value like any other.
func (h ParamHeader) Value(args []byte) (string, bool) {
	at := whole(args)
	for _, name := range h.Path {
		var ok bool
		if at, ok = single(args, at, name); !ok {
			return "", false
		}
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
	case 't', 'f':
		return string(args[at.Start:at.End]), true
	}
	return number(string(args[at.Start:at.End])), true
}

// number writes integers as decimal digits, whichever way JSON wrote them (4.2e1), and leaves the rest.
func number(s string) string {
	if !strings.ContainsAny(s, ".eE") {
		return s
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > maxSafeInteger {
		return s
	}
	return strconv.FormatInt(int64(f), 10)
}

// single is the value of the only member of this name. Unlike wire.Find it lets others differ by case alone:
// a tool may well have the arguments n and N.
func single(raw []byte, obj wire.Span, name string) (at wire.Span, ok bool) {
	for n, v := range wire.Members(raw, obj) {
		if n != name {
			continue
		}
		if ok {
			return wire.Span{}, false
		}
		at, ok = v, true
	}
	return at, ok
}

// whole is the span of a value that may have blanks before it.
func whole(raw []byte) wire.Span {
	return wire.Span{Start: len(raw) - len(bytes.TrimLeft(raw, " \t\r\n")), End: len(raw)}
}

// ValidToolHeaders checks the x-mcp-header annotations of a tool as it was listed.
func ValidToolHeaders(tool []byte) error {
	_, err := ToolHeaders(tool)
	return err
}

// ToolHeaders is ParamHeaders of a tool as it was listed.
func ToolHeaders(tool []byte) ([]ParamHeader, error) {
	var schema [1]wire.Span
	if err := wire.Find(tool, whole(tool), []string{"inputSchema"}, schema[:]); err != nil {
		return nil, err
	}
	if !schema[0].OK() {
		return nil, nil
	}
	return ParamHeaders(tool[schema[0].Start:schema[0].End])
}
