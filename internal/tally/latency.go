package tally

import (
	"math/bits"
	"slices"
	"time"
)

// latencies counts durations by classes, whose width is a sixteenth of what they begin with: a median or a percentile
// is within 3 % of the true one. Classes without any take no room, and one tool's calls are in few.
type latencies []class

type class struct {
	index uint16
	n     uint32
}

// fine is how many bits of a duration's beginning tell its class, after the first.
const fine = 4

// classOf is the index of the class of a duration, counted in microseconds.
func classOf(d time.Duration) uint16 {
	us := uint64(max(d.Microseconds(), 0))
	if us < 1<<fine {
		return uint16(us)
	}
	shift := bits.Len64(us) - 1 - fine
	return uint16((shift+1)<<fine + int(us>>shift) - 1<<fine)
}

// middle is the duration in the middle of a class.
func middle(index uint16) time.Duration {
	if index < 1<<fine {
		return time.Duration(index) * time.Microsecond
	}
	shift := index>>fine - 1
	low := (uint64(index)&(1<<fine-1) + 1<<fine) << shift
	return time.Duration(low+(1<<shift)/2) * time.Microsecond
}

// add counts n durations of a class.
func (l *latencies) add(index uint16, n uint32) {
	i, there := slices.BinarySearchFunc(*l, index, func(c class, index uint16) int { return int(c.index) - int(index) })
	if there {
		(*l)[i].n += n
		return
	}
	*l = slices.Insert(*l, i, class{index, n})
}

// addAll counts all that others has.
func (l *latencies) addAll(others latencies) {
	for _, c := range others {
		l.add(c.index, c.n)
	}
}

// at is the duration that a share of all is at most: 0.5 asks for the median. Without any it is 0.
func (l latencies) at(share float64) time.Duration {
	total := uint64(0)
	for _, c := range l {
		total += uint64(c.n)
	}
	rank := uint64(share * float64(total)) // as many are before it
	for _, c := range l {
		if rank < uint64(c.n) {
			return middle(c.index)
		}
		rank -= uint64(c.n)
	}
	return 0
}
