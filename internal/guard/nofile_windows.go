package guard

import "math"

// openFiles has no bound here.
func openFiles() uint64 { return math.MaxUint64 }
