package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// report prints one line for each number of callers.
func report(out io.Writer, rounds []round) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "callers\tcalls/s proxy\tgateway\tgateway÷proxy\tCPU µs/call proxy\tgateway\tgateway÷proxy\tp50 µs proxy\tgateway\t")
	for len(rounds) > 0 {
		n := rounds[0].Callers
		end := slices.IndexFunc(rounds, func(r round) bool { return r.Callers != n })
		if end < 0 {
			end = len(rounds)
		}
		line(w, n, rounds[:end])
		rounds = rounds[end:]
	}
	return w.Flush()
}

func line(w io.Writer, callers int, rounds []round) {
	of := func(f func(round) float64) []float64 {
		all := make([]float64, len(rounds))
		for i, r := range rounds {
			all[i] = f(r)
		}
		slices.Sort(all)
		return all
	}
	fmt.Fprintf(w, "%d\t%.0f\t%.0f\t%s\t%.1f\t%.1f\t%s\t%.0f\t%.0f\t\n", callers,
		median(of(func(r round) float64 { return r.Proxy.perSecond() })),
		median(of(func(r round) float64 { return r.Gateway.perSecond() })),
		spread(of(func(r round) float64 { return r.Gateway.perSecond() / r.Proxy.perSecond() })),
		median(of(func(r round) float64 { return r.Proxy.cpuPerCall() })),
		median(of(func(r round) float64 { return r.Gateway.cpuPerCall() })),
		spread(of(func(r round) float64 { return r.Gateway.cpuPerCall() / r.Proxy.cpuPerCall() })),
		median(of(func(r round) float64 { return r.Proxy.P50 })),
		median(of(func(r round) float64 { return r.Gateway.P50 })))
}

// median is the middle of sorted values.
func median(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// spread is the median of sorted values with the least and the most.
func spread(sorted []float64) string {
	return fmt.Sprintf("%.2f (%.2f–%.2f)", median(sorted), sorted[0], sorted[len(sorted)-1])
}
