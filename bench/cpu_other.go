//go:build !linux

package main

import "time"

// cpuTime is not told by this system in a way that needs no further rights.
func cpuTime(int) time.Duration { return 0 }
