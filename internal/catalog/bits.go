package catalog

import "math/bits"

// bitset is a set of small integers: positions in an atlas. All sets of one atlas have the same length.
type bitset []uint64

func newBits(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i int) bool { return i>>6 < len(b) && b[i>>6]&(1<<(i&63)) != 0 }
func (b bitset) add(i int)      { b[i>>6] |= 1 << (i & 63) }

// addRange adds [from,to).
func (b bitset) addRange(from, to int) {
	for i := from; i < to; i++ {
		b.add(i)
	}
}

func (b bitset) or(o bitset) {
	for i, w := range o {
		b[i] |= w
	}
}

func (b bitset) and(o bitset) {
	for i, w := range o {
		b[i] &= w
	}
}

func (b bitset) andNot(o bitset) {
	for i, w := range o {
		b[i] &^= w
	}
}

func (b bitset) empty() bool {
	for _, w := range b {
		if w != 0 {
			return false
		}
	}
	return true
}

func (b bitset) clone() bitset { return append(bitset(nil), b...) }

// each calls f with the members in ascending order.
func (b bitset) each(f func(i int)) {
	for w, word := range b {
		for ; word != 0; word &= word - 1 {
			f(w<<6 + bits.TrailingZeros64(word))
		}
	}
}

// text is b as a map key.
func (b bitset) text() string {
	out := make([]byte, 0, 8*len(b))
	for _, w := range b {
		out = append(out, byte(w), byte(w>>8), byte(w>>16), byte(w>>24), byte(w>>32), byte(w>>40), byte(w>>48), byte(w>>56))
	}
	return string(out)
}
