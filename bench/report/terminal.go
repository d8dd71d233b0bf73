package report

import (
	"io"
	"strings"
	"unicode/utf8"
)

// A terminal lays out text of a given width. Its first write error is kept; later writes do nothing.
type terminal struct {
	w     io.Writer
	width int
	color bool
	err   error
}

const (
	defaultWidth = 80
	leastWidth   = 76 // Below it tables would not fit; the terminal may wrap them.
	labelWidth   = 16 // Of the left margin that names a line: "PUBREL-PUBCOMP" fits.
)

func newTerminal(w io.Writer, width int, color bool) *terminal {
	if width == 0 {
		width = defaultWidth
	}
	return &terminal{w: w, width: max(width, leastWidth), color: color}
}

// Colours say what words say already: a pipe, a log file and a colour-blind reader lose nothing.
type style string

const (
	none   style = ""
	bold   style = "\x1b[1m"
	dim    style = "\x1b[2m"
	green  style = "\x1b[1;32m"
	yellow style = "\x1b[1;33m"
	red    style = "\x1b[1;31m"
)

func (t *terminal) paint(s style, text string) string {
	if !t.color || s == none || text == "" {
		return text
	}
	return string(s) + text + "\x1b[0m"
}

func (t *terminal) line(text string) {
	if t.err == nil {
		_, t.err = io.WriteString(t.w, strings.TrimRight(text, " ")+"\n")
	}
}

// paragraph writes text in words, the first line indented by so much and later ones by two more.
func (t *terminal) paragraph(s style, indent int, text string) {
	margin := strings.Repeat(" ", indent)
	for _, l := range wrap(text, t.width-indent, 2) {
		t.line(margin + t.paint(s, l))
		margin = strings.Repeat(" ", indent+2)
	}
}

// labelled writes a line with a name in the margin.
func (t *terminal) labelled(label string, s style, text string) {
	for i, l := range wrap(text, t.width-labelWidth, 0) {
		if i > 0 {
			label = ""
		}
		t.line(t.paint(dim, pad(label, labelWidth)) + t.paint(s, l))
	}
}

// wrap breaks text between words so that the first line has at most width columns and the others at
// most width-indent.
func wrap(text string, width, indent int) (lines []string) {
	line := ""
	for _, word := range words(text) {
		limit := width
		if len(lines) > 0 {
			limit -= indent
		}
		if line != "" && columns(line)+1+columns(word) > limit {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// words splits text at blanks, but not between a figure and its unit.
func words(text string) (all []string) {
	for _, w := range strings.Fields(text) {
		if n := len(all); n > 0 && isUnit(strings.TrimRight(w, ",;:)")) {
			all[n-1] += " " + w
		} else {
			all = append(all, w)
		}
	}
	return all
}

func isUnit(w string) bool {
	switch w {
	case "ns", "µs", "ms", "s", "B", "kB", "MB", "GB", "%", "k", "M", "k/s", "M/s":
		return true
	}
	return false
}

func columns(s string) int { return utf8.RuneCountInString(s) }

// pad fills s up with blanks on the right; padLeft on the left.
func pad(s string, width int) string { return s + strings.Repeat(" ", max(0, width-columns(s))) }

func padLeft(s string, width int) string { return strings.Repeat(" ", max(0, width-columns(s))) + s }
