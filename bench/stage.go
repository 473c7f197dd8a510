package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// startTime is how long a process may take to be ready.
const startTime = 60 * time.Second

// stage is everything that runs during a measurement.
type stage struct {
	dir            string
	processes      []*exec.Cmd
	log            bytes.Buffer // of the gateway
	proxy, gateway *target
}

// build starts the server, the proxy and the gateway, in a folder that is gone afterwards.
func (p *plan) build(ctx context.Context) (s *stage, err error) {
	dir, err := os.MkdirTemp("", "mmbench")
	if err != nil {
		return nil, err
	}
	s = &stage{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
			if s.log.Len() > 0 {
				err = fmt.Errorf("%w\nlog of the gateway:\n%s", err, s.log.Bytes())
			}
		}
	}()
	program := p.program
	if program == "" {
		program = filepath.Join(dir, "mcpmux.exe") // The suffix is for Windows and does no harm elsewhere.
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/mcpmux").CombinedOutput(); err != nil {
			return s, fmt.Errorf("build mcpmux: %w\n%s", err, out)
		}
	}
	era := eraLegacy
	if p.modern {
		era = eraModern
	}
	server, _, err := s.startRole(ctx, "server", era)
	if err != nil {
		return s, err
	}
	proxy, pid, err := s.startRole(ctx, "proxy", "http://"+server)
	if err != nil {
		return s, err
	}
	s.proxy = &target{pid: pid, addr: proxy, path: "/mcp", tool: "echo"}
	s.gateway, err = s.startGateway(ctx, program, "http://"+server+"/mcp")
	return s, err
}

// startRole starts this program as the server or the proxy, and reads the address that it prints.
func (s *stage) startRole(ctx context.Context, role string, args ...string) (addr string, pid int, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", 0, err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{roleFlag + role}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", 0, err
	}
	if err := cmd.Start(); err != nil {
		return "", 0, err
	}
	s.processes = append(s.processes, cmd)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", 0, fmt.Errorf("%s ended at its start: %w", role, err)
	}
	return strings.TrimSpace(line), cmd.Process.Pid, nil
}

// startGateway starts mcpmux with the server behind it and a client that may use all of it.
func (s *stage) startGateway(ctx context.Context, program, server string) (*target, error) {
	// A master key in a file, so that the keychain of whoever runs this is left alone.
	key := filepath.Join(s.dir, "master.key")
	if err := os.WriteFile(key, []byte(base64.StdEncoding.EncodeToString(make([]byte, 32))), 0o600); err != nil {
		return nil, err
	}
	env := append(os.Environ(), "MCPMUX_DATA_DIR="+filepath.Join(s.dir, "data"), "MCPMUX_MASTER_KEY_FILE="+key)
	cmd := exec.CommandContext(ctx, program, "serve", "--gateway-addr", "localhost:0", "--dashboard-addr", "localhost:0", "--no-browser")
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &s.log, &s.log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.processes = append(s.processes, cmd)

	cli := func(v any, args ...string) error {
		c := exec.CommandContext(ctx, program, append([]string{"--json"}, args...)...)
		c.Env = env
		out, err := c.Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return fmt.Errorf("mcpmux %s: %w: %s", strings.Join(args, " "), err, exit.Stderr)
		}
		if err != nil {
			return err
		}
		return json.Unmarshal(out, v)
	}
	var status struct {
		Gateway string `json:"gateway"`
		Addr    string `json:"gateway_addr"`
	}
	if err := await(ctx, func() (bool, error) {
		err := cli(&status, "status")
		return err == nil && status.Gateway == "running", err
	}); err != nil {
		return nil, fmt.Errorf("the gateway did not start: %w", err)
	}
	var client struct {
		AccessKey string `json:"access_key"`
	}
	var added struct {
		Status struct{ State, Reason string }
	}
	if err := cli(&client, "client", "create", "bench"); err != nil {
		return nil, err
	}
	if err := cli(&added, "server", "add", "bench", server); err != nil {
		return nil, err
	}
	if err := await(ctx, func() (bool, error) {
		err := cli(&added, "server", "show", "bench")
		return added.Status.State == "connected", err
	}); err != nil {
		return nil, fmt.Errorf("the server is %s (%s): %w", added.Status.State, added.Status.Reason, err)
	}
	return &target{pid: cmd.Process.Pid, addr: status.Addr, path: "/mcp", key: client.AccessKey, tool: "bench_echo"}, nil
}

// await asks now and then until ok, for at most startTime.
func await(ctx context.Context, ok func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := ok()
		if done {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// Close ends every process and removes the folder.
func (s *stage) Close() error {
	for _, cmd := range s.processes {
		_ = cmd.Process.Kill() // Nothing of it is kept.
		_ = cmd.Wait()
	}
	return os.RemoveAll(s.dir)
}
