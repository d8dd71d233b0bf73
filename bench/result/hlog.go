package result

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
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

// readHlog merges the intervals of a log that carry one of the tags. A last line cut short is left
// out, and reported by truncated.
func readHlog(r io.Reader, tags ...Phase) (merged *Histogram, truncated bool, err error) {
	merged = new(Histogram)
	in := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, err := in.ReadString('\n')
		cut := errors.Is(err, io.EOF)
		if err != nil && !cut {
			return nil, false, err
		}
		if cut && line == "" {
			return merged, false, nil
		}
		tag, h, err := parseHlogLine(strings.TrimSuffix(line, "\n"))
		if err != nil && cut {
			return merged, true, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("line %d: %w", n, err)
		}
		for _, t := range tags {
			if h != nil && t == tag {
				merged.Merge(Wrap(h))
			}
		}
	}
}

// parseHlogLine reads one line; h is nil if it holds none.
func parseHlogLine(line string) (tag Phase, h *hdr.Histogram, err error) {
	if line == "" || line[0] == '#' || line[0] == '"' {
		return "", nil, nil
	}
	if rest, ok := strings.CutPrefix(line, "Tag="); ok {
		name, rest, ok := strings.Cut(rest, ",")
		if !ok {
			return "", nil, errors.New("a tag and no histogram")
		}
		tag, line = Phase(name), rest
	}
	fields := strings.Split(line, ",")
	if len(fields) != 4 {
		return "", nil, fmt.Errorf("%d fields in place of 4", len(fields))
	}
	for _, f := range fields[:3] {
		if _, err := strconv.ParseFloat(f, 64); err != nil {
			return "", nil, fmt.Errorf("%q is not a number", f)
		}
	}
	h, err = hdr.Decode([]byte(fields[3]))
	return tag, h, err
}
