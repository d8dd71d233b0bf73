//go:build !unix

package transport

import "time"

// cpuTime is unknown here.
func cpuTime() time.Duration { return 0 }
