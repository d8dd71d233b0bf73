package report

import (
	"io"

	"mqttbench/bench/result"
)

// Compare writes a comparison as a table: a line per group, figures with their spread, ratios to the first group.
func Compare(w io.Writer, c *result.Comparison, width int, color bool) error { panic("todo") }

// CompareJSON writes it for programs, in base units.
func CompareJSON(w io.Writer, c *result.Comparison) error { panic("todo") }

// CompareCSV likewise: one line per group and metric.
func CompareCSV(w io.Writer, c *result.Comparison) error { panic("todo") }
