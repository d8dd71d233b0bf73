package report

import (
	"math"
	"strconv"
	"strings"
)

// Files hold base units; people read these. Every figure carries its unit and no more digits than it
// deserves: three.

// seconds formats a duration: "812 ns", "3.4 µs", "1.27 ms", "12.3 s".
func seconds(v float64) string { return durationWith(v, digits) }

// fixedSeconds is seconds with trailing zeros, for columns: "3.40 µs".
func fixedSeconds(v float64) string { return durationWith(v, fixedDigits) }

func durationWith(v float64, digits func(float64) string) string {
	switch a := math.Abs(v); {
	case v == 0:
		return "0 s"
	case a < 999.5e-9:
		return digits(v*1e9) + " ns"
	case a < 999.5e-6:
		return digits(v*1e6) + " µs"
	case a < 999.5e-3:
		return digits(v*1e3) + " ms"
	default:
		return digits(v) + " s"
	}
}

// rate formats a number per second: "2.5/s", "9,850/s", "12.3 k/s", "1.25 M/s".
func rate(v float64) string { return scaled(v, "/s") }

// number formats a large number: "9,850", "12.3 k".
func number(v float64) string { return strings.TrimRight(scaled(v, ""), " ") }

func scaled(v float64, unit string) string {
	switch a := math.Abs(v); {
	case a < 9999.5:
		if a < 999.5 {
			return digits(v) + unit
		}
		return count(int64(math.Round(v))) + unit
	case a < 999.5e3:
		return digits(v/1e3) + " k" + unit
	case a < 999.5e6:
		return digits(v/1e6) + " M" + unit
	default:
		return digits(v/1e9) + " G" + unit
	}
}

// bytes formats a size, in powers of 1000: "732 B", "4.42 MB".
func bytes(v float64) string {
	switch a := math.Abs(v); {
	case a < 999.5:
		return digits(v) + " B"
	case a < 999.5e3:
		return digits(v/1e3) + " kB"
	case a < 999.5e6:
		return digits(v/1e6) + " MB"
	default:
		return digits(v/1e9) + " GB"
	}
}

// percent formats a fraction. It never rounds a loss away: 99.9996 % is not 100 %, nor is a trace nothing.
func percent(v float64) string {
	switch {
	case v > 0.9995 && v < 1:
		return strconv.FormatFloat(math.Floor(v*1e6)/1e4, 'f', -1, 64) + " %"
	case v > 0 && v < 0.0005:
		return "< 0.1 %"
	}
	return digits(100*v) + " %"
}

// count formats a whole number with thousands separated: "50,000".
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// digits formats v with three significant digits and no trailing zeros.
func digits(v float64) string {
	s := fixedDigits(v)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// fixedDigits formats v with three significant digits; whole numbers have all of theirs.
func fixedDigits(v float64) string {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	// Rounding first: 9.996 has one digit before the point, and 10.0 has two.
	exponent := math.Floor(math.Log10(math.Abs(v)) + 2.17e-4)
	return strconv.FormatFloat(v, 'f', min(max(2-int(exponent), 0), 9), 64)
}

// quantity formats v by the unit of a gate or a metric, as result names units.
func quantity(v float64, unit string) string {
	switch unit {
	case "s":
		return seconds(v)
	case "bytes":
		return bytes(v)
	case "1/s":
		return rate(v)
	case "1":
		return percent(v)
	case "":
		return number(v)
	}
	return number(v) + " " + unit
}

// plural is a count with its noun: "1 publisher", "200 publishers".
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}
