package transport

import "time"

var origin = time.Now()

// Clock is a monotonic clock in nanoseconds since this process started. All loops share it.
func Clock() int64 { return int64(time.Since(origin)) }
