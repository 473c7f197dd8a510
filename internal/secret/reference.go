package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// What a reference begins with. literalPrefix stands before a secret that only looks like one.
const (
	envPrefix      = "env:"
	filePrefix     = "file:"
	keychainPrefix = "keychain:"
	opPrefix       = "op://"
	literalPrefix  = "literal:"
)

const (
	// maxReferenced bounds a secret that is kept elsewhere, as the store bounds its own.
	maxReferenced = 128<<10 - 1

	// opLimit is how long the op command may take: its person may have to touch a sensor.
	opLimit = 60 * time.Second
)

// Reference names a secret that is kept elsewhere.
type Reference struct{ prefix, rest string }

// String is the reference itself, which is no secret.
func (r Reference) String() string { return r.prefix + r.rest }

var (
	envForm      = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	keychainForm = regexp.MustCompile(`^[^/\x00-\x1f]+/[^\x00-\x1f]+$`)
	opForm       = regexp.MustCompile(`^[^/\x00-\x1f]+(/[^/\x00-\x1f]+){2,3}$`)
)

// ParseReference reads the text of a secret: is says whether it is a reference; otherwise literal is the secret. Its
// errors are references of no use, and quote them.
func ParseReference(text string) (r Reference, literal string, is bool, err error) {
	if rest, ok := strings.CutPrefix(text, literalPrefix); ok {
		return r, rest, false, nil
	}
	for _, form := range []struct {
		prefix string
		fits   func(string) bool
		want   string
	}{
		{envPrefix, envForm.MatchString, "env:NAME"},
		{filePrefix, filepath.IsAbs, "file:/whole/path"},
		{keychainPrefix, keychainForm.MatchString, "keychain:SERVICE/ACCOUNT"},
		{opPrefix, opForm.MatchString, "op://vault/item/field"},
	} {
		rest, ok := strings.CutPrefix(text, form.prefix)
		if !ok {
			continue
		}
		if strings.ContainsRune(rest, 0) || !form.fits(rest) {
			return r, "", false, fmt.Errorf("it begins like a reference and is not of the form %s; write %s before a secret that begins so", form.want, literalPrefix)
		}
		return Reference{form.prefix, rest}, "", true, nil
	}
	return r, text, false, nil
}

// Resolver finds what references name. Its zero value asks this machine.
type Resolver struct {
	Getenv   func(string) (string, bool)
	Keychain Keychain
	// Run runs a program without a shell and answers what it printed.
	Run func(ctx context.Context, program string, args ...string) ([]byte, error)
}

// Resolve answers the secret. Its errors name the reference and never what was found.
func (v Resolver) Resolve(ctx context.Context, r Reference) (Value, error) {
	text, err := v.resolve(ctx, r)
	if err == nil && text == "" {
		err = errors.New("it is empty")
	}
	if err == nil && len(text) > maxReferenced {
		err = fmt.Errorf("it is longer than %d bytes", maxReferenced)
	}
	if err != nil {
		return Value{}, fmt.Errorf("%s: %w", r, err)
	}
	return NewValue(text), nil
}

func (v Resolver) resolve(ctx context.Context, r Reference) (string, error) {
	switch r.prefix {
	case envPrefix:
		getenv := v.Getenv
		if getenv == nil {
			getenv = os.LookupEnv
		}
		text, ok := getenv(r.rest)
		if !ok {
			return "", errors.New("McpMux was started without this environment variable")
		}
		return text, nil
	case filePrefix:
		return readSecretFile(r.rest)
	case keychainPrefix:
		return v.fromKeychain(ctx, r.rest)
	case opPrefix:
		return v.fromOP(ctx, r)
	}
	return "", errors.New("it is no reference")
}

// readSecretFile reads a file that is its owner's alone, without its last line end.
func readSecretFile(path string) (string, error) {
	// Looked at before it is opened: a pipe would be waited for.
	if info, err := os.Stat(path); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() {
		return "", errors.New("it is not a file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	// A group may read what containers and service managers mount, but nobody may read what everybody may.
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o027 != 0 {
		return "", fmt.Errorf("it has mode %04o, other users may read or change it; run chmod 600", mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxReferenced+3))
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
}

func (v Resolver) fromKeychain(ctx context.Context, name string) (string, error) {
	chain := v.Keychain
	if chain == nil {
		chain = System{}
	}
	service, account, _ := strings.Cut(name, "/")
	return within(ctx, keychainLimit, func() (string, error) { return chain.Get(service, account) })
}

// fromOP asks the command of 1Password, where there is one.
func (v Resolver) fromOP(ctx context.Context, r Reference) (string, error) {
	run := v.Run
	if run == nil {
		run = runProgram
	}
	ctx, cancel := context.WithTimeout(ctx, opLimit)
	defer cancel()
	text, err := run(ctx, "op", "read", "--no-newline", r.String())
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", errors.New("the command op of 1Password is not installed, or not in the PATH of McpMux")
	case ctx.Err() != nil:
		return "", errors.New("the command op did not answer in time; is it signed in?")
	case err != nil: // What op says may quote what it was asked for, and more.
		return "", errors.New("the command op could not read it; try `op read` with it in a terminal")
	}
	return string(text), nil
}

// runProgram runs a program and answers what it printed; what it said beside that is nobody's business.
func runProgram(ctx context.Context, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout = &limitedWriter{&out, maxReferenced + 1}
	err := cmd.Run()
	return out.Bytes(), err
}

// limitedWriter takes what fits.
type limitedWriter struct {
	to   *bytes.Buffer
	left int
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.to.Write(p[:n]) // it never fails
	w.left -= n
	return len(p), nil
}
