package report

import (
	"io"

	"mqttbench/bench/result"
)

// Summary writes what a person wants to know of a run, in about 40 lines: the verdict first, then rates, latency, cost, and how
// far to believe it. width is that of the terminal in columns (0: 80); color allows ANSI sequences.
func Summary(w io.Writer, r *result.Run, width int, color bool) error { panic("todo") }

// Progress is one line of plain text on an interval, without a line feed: phase, time, clients, rates, p99.
// total is the planned length of the run in seconds; 0: unknown.
func Progress(iv *result.Interval, total float64) string { panic("todo") }
