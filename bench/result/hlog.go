package result

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// An interval log is the text format of the HdrHistogram project, version 1.3: a header of comments, and for each
// interval
//
//	Tag=measure,12.000,1.000,3.407,HISTFAAAA...
//
// which is the tag, start and length in seconds, the largest value in milliseconds (by convention, and
// only for people: no reader uses it), and the histogram, deflated, in base64.
//
// The library has a writer too. It keeps times in whole milliseconds inside the histogram, which would
// mean writing into one that is lent, and it drops the milliseconds of the start time.
const hlogVersion = "1.3"

// hlogHeader is what stands before the first interval. Start and base time are the same: interval
// times count from the start, and a reader adds the base time to have them absolute.
func hlogHeader(what string, start time.Time) []byte {
	seconds := float64(start.UnixMilli()) / 1e3
	var b bytes.Buffer
	fmt.Fprintf(&b, "#[%s]\n", what)
	fmt.Fprintf(&b, "#[Histogram log format version %s]\n", hlogVersion)
	fmt.Fprintf(&b, "#[StartTime: %.3f (seconds since epoch), %s]\n", seconds, start.UTC().Format(time.RFC3339))
	fmt.Fprintf(&b, "#[BaseTime: %.3f (seconds since epoch)]\n", seconds)
	b.WriteString(`"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"` + "\n")
	return b.Bytes()
}

// hlogLine is one interval of h, which is lent.
func hlogLine(tag Phase, t0, t1 float64, h *hdr.Histogram) ([]byte, error) {
	payload, err := h.EncodeV2()
	if err != nil {
		return nil, err
	}
	const nsPerMs = 1e6
	return fmt.Appendf(nil, "Tag=%s,%.3f,%.3f,%.3f,%s\n", tag, t0, t1-t0, float64(h.Max())/nsPerMs, payload), nil
}

// tagSettled is on the last line of the log of a run whose measured part began with warm-up: what counts of it, all intervals together and
// by when messages were due. It stands in place of the intervals, and is none.
const tagSettled Phase = "settled"

// readHlog merges the intervals of a log that carry one of the tags; if there is a settled one, that is it. A last line cut short is left
// out, and reported by truncated.
func readHlog(r io.Reader, tags ...Phase) (merged *Histogram, truncated bool, err error) {
	merged = new(Histogram)
	var settled *hdr.Histogram
	truncated, err = eachHlog(r, func(l *hlogEntry) {
		if l.tag == tagSettled {
			settled = l.histogram
		}
		for _, t := range tags {
			if t == l.tag {
				merged.Merge(wrap(l.histogram))
			}
		}
	})
	if err != nil {
		return nil, false, err
	}
	if settled != nil {
		merged = wrap(settled)
	}
	return merged, truncated, nil
}

// An hlogEntry is one interval of a log. Times are in seconds.
type hlogEntry struct {
	tag        Phase
	t0, length float64
	histogram  *hdr.Histogram
}

// eachHlog calls f for the intervals of a log; the entry is lent. A last line cut short is left out, and reported by truncated.
func eachHlog(r io.Reader, f func(*hlogEntry)) (truncated bool, err error) {
	in := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, err := in.ReadString('\n')
		cut := errors.Is(err, io.EOF)
		if err != nil && !cut {
			return false, err
		}
		if cut && line == "" {
			return false, nil
		}
		entry, err := parseHlogLine(strings.TrimSuffix(line, "\n"))
		if err != nil && cut {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("line %d: %w", n, err)
		}
		if entry.histogram != nil {
			f(&entry)
		}
	}
}

// parseHlogLine reads one line; its histogram is nil if it holds none.
func parseHlogLine(line string) (entry hlogEntry, err error) {
	if line == "" || line[0] == '#' || line[0] == '"' {
		return entry, nil
	}
	if rest, ok := strings.CutPrefix(line, "Tag="); ok {
		name, rest, ok := strings.Cut(rest, ",")
		if !ok {
			return entry, errors.New("a tag and no histogram")
		}
		entry.tag, line = Phase(name), rest
	}
	fields := strings.Split(line, ",")
	if len(fields) != 4 {
		return entry, fmt.Errorf("%d fields in place of 4", len(fields))
	}
	var largest float64
	for i, to := range []*float64{&entry.t0, &entry.length, &largest} {
		if *to, err = strconv.ParseFloat(fields[i], 64); err != nil || math.IsNaN(*to) || math.IsInf(*to, 0) {
			return entry, fmt.Errorf("%q is not a number", fields[i])
		}
	}
	entry.histogram, err = hdr.Decode([]byte(fields[3]))
	return entry, err
}
