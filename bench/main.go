// Command bench tells what the gateway costs: it drives the built mcpmux and a bare reverse proxy, each in
// front of the same MCP server, with the same calls, and prints the ratios of calls per second and of CPU
// time per call.
//
// Absolute figures of a machine mean little, so gateway and proxy are measured in turns, one right after the
// other, a ratio is taken within each round, and the median of the rounds is told with the least and the
// most. Every answer is checked: its id, and a text that no two calls share.
//
// Server, proxy and gateway are processes of their own, so that CPU time can be told apart (on Linux). All
// traffic stays on loopback; the run ends by itself.
//
//	go run ./bench [-rounds 5] [-time 2s] [-callers 1,16,64] [-era legacy|modern] [-bin mcpmux] [-json]
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"
)

// roleFlag makes the program the server (of an era) or the proxy (of an address) of a run instead.
const roleFlag = "-as="

// The eras that a run may speak.
const (
	eraLegacy = "legacy"
	eraModern = "modern"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 2 && strings.HasPrefix(args[0], roleFlag) {
		switch strings.TrimPrefix(args[0], roleFlag) {
		case "server":
			return serveBackend(ctx, out, args[1] == eraModern)
		case "proxy":
			return serveProxy(ctx, out, args[1])
		}
		return fmt.Errorf("unknown role %s", args[0])
	}
	p, err := parsePlan(args)
	if err != nil {
		return err
	}
	rounds, err := p.measure(ctx)
	if err != nil {
		return err
	}
	if p.json {
		return json.NewEncoder(out).Encode(rounds)
	}
	return report(out, rounds)
}

// plan is what is to be measured.
type plan struct {
	rounds  int
	time    time.Duration
	callers []int
	modern  bool
	program string // the built mcpmux; "" builds it
	json    bool
}

func parsePlan(args []string) (*plan, error) {
	p := new(plan)
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&p.rounds, "rounds", 5, "how often each is measured")
	f.DurationVar(&p.time, "time", 2*time.Second, "how long each is measured in a round")
	callers := f.String("callers", "1,16,64", "numbers of callers, each with one call in flight")
	era := f.String("era", eraLegacy, "legacy (2025-11-25, with sessions) or modern (2026-07-28, stateless)")
	f.StringVar(&p.program, "bin", "", "measure this mcpmux (default: build it)")
	f.BoolVar(&p.json, "json", false, "print every measurement as JSON")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	switch *era {
	case eraLegacy, eraModern:
		p.modern = *era == eraModern
	default:
		return nil, fmt.Errorf("-era %s: it is legacy or modern", *era)
	}
	for text := range strings.SplitSeq(*callers, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			return nil, fmt.Errorf("-callers %s: numbers from 1 to 1000 are expected", *callers)
		}
		p.callers = append(p.callers, n)
	}
	if p.rounds < 1 || p.time <= 0 {
		return nil, errors.New("-rounds and -time must be positive")
	}
	return p, nil
}

// sample is one measurement.
type sample struct {
	Calls   int     `json:"calls"`
	Seconds float64 `json:"seconds"`
	// CPU is the time that the process in the middle used, in seconds; 0 where the system does not tell.
	CPU float64 `json:"cpu_seconds"`
	// P50 is the median time of a call in microseconds.
	P50 float64 `json:"p50_us"`
}

func (s sample) perSecond() float64  { return float64(s.Calls) / s.Seconds }
func (s sample) cpuPerCall() float64 { return s.CPU / float64(s.Calls) * 1e6 } // microseconds

// round is both measurements of one round.
type round struct {
	Callers int    `json:"callers"`
	Proxy   sample `json:"proxy"`
	Gateway sample `json:"gateway"`
}

// measure starts everything, and measures gateway and proxy in turns, another one first in each round.
func (p *plan) measure(ctx context.Context) (rounds []round, err error) {
	s, err := p.build(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for _, n := range p.callers {
		proxy, err := s.proxy.dial(ctx, n, p.modern)
		if err != nil {
			return nil, fmt.Errorf("through the proxy: %w", err)
		}
		defer proxy.Close()
		gateway, err := s.gateway.dial(ctx, n, p.modern)
		if err != nil {
			return nil, fmt.Errorf("through the gateway: %w", err)
		}
		defer gateway.Close()
		for i := range p.rounds {
			r := round{Callers: n}
			steps := []func() error{
				func() (err error) { r.Proxy, err = proxy.measure(ctx, p.time); return err },
				func() (err error) { r.Gateway, err = gateway.measure(ctx, p.time); return err },
			}
			if i%2 == 1 {
				slices.Reverse(steps)
			}
			for _, step := range steps {
				if err := step(); err != nil {
					return nil, err
				}
			}
			rounds = append(rounds, r)
		}
	}
	return rounds, nil
}
