package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// The files of a run.
const (
	ResultFile   = "result.jsonl"
	ResponseFile = "response.hlog"
	ServiceFile  = "service.hlog"
)

// The types of lines in a result file. The manifest says format and version instead as well.
const (
	lineManifest = "manifest"
	lineInterval = "interval"
	lineEvent    = "event"
	lineSummary  = "summary"
)

// A Writer appends to the files of a run. Each line goes to the kernel as it is written, so that
// a run that is killed leaves everything up to its last interval; Close brings it to the disk.
// Not for concurrent use.
type Writer struct {
	run                       Run
	result, response, service *os.File
	err                       error // The first; nothing is written after it.
}

// Create makes the folder dir and writes the manifest, which is copied. It fails if dir already
// holds a result: a result is never overwritten.
func Create(dir string, m *Manifest) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	w := &Writer{run: Run{Dir: dir, Manifest: *m, Response: new(Histogram), Service: new(Histogram)}}
	for _, f := range []struct {
		to   **os.File
		name string
	}{{&w.result, ResultFile}, {&w.response, ResponseFile}, {&w.service, ServiceFile}} {
		const fresh = os.O_CREATE | os.O_EXCL | os.O_RDWR | os.O_APPEND
		if *f.to, w.err = os.OpenFile(filepath.Join(dir, f.name), fresh, 0o644); w.err != nil {
			return nil, errors.Join(w.err, w.closeFiles())
		}
	}
	w.line(struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
		Type    string `json:"type"`
		*Manifest
	}{Format, Version, lineManifest, &w.run.Manifest})
	w.write(w.response, hlogHeader("Response time: from the instant a message was due. Nanoseconds.", m.Start))
	w.write(w.service, hlogHeader("Service time: from the instant a message was sent. Nanoseconds.", m.Start))
	if w.err != nil {
		return nil, errors.Join(w.err, w.closeFiles())
	}
	return w, nil
}

// Interval appends iv, and the histograms (nanoseconds, lent, nil if nothing was recorded) to the
// logs. If histograms are given, iv.Response and iv.Service are computed from them.
func (w *Writer) Interval(iv *Interval, response, service *hdr.Histogram) error {
	if response != nil {
		iv.Response = QuantilesOf(response)
	}
	if service != nil {
		iv.Service = QuantilesOf(service)
	}
	w.histogram(w.response, iv, response, w.run.Response)
	w.histogram(w.service, iv, service, w.run.Service)
	w.line(struct {
		Type string `json:"type"`
		*Interval
	}{lineInterval, iv})
	w.run.Intervals = append(w.run.Intervals, *iv)
	return w.err
}

// histogram appends h to a log and, if what it holds was due in the measure phase, to sum.
func (w *Writer) histogram(log *os.File, iv *Interval, h *hdr.Histogram, sum *Histogram) {
	if h == nil || h.TotalCount() == 0 {
		return
	}
	line, err := hlogLine(iv.Phase, iv.T0, iv.T1, h)
	if err != nil {
		w.fail(fmt.Errorf("histogram of %g s: %w", iv.T0, err))
		return
	}
	w.write(log, line)
	if iv.Phase == PhaseMeasure || iv.Phase == PhaseDrain {
		sum.Merge(wrap(h))
	}
}

// Settled appends to the logs what counts of the measured part (nanoseconds, lent) where its beginning was warm-up still, and makes it what
// Run has: from now on the intervals' histograms are for the course of the run alone.
func (w *Writer) Settled(response, service *hdr.Histogram) {
	from, to := w.measured()
	for _, log := range []struct {
		file *os.File
		h    *hdr.Histogram
		sum  **Histogram
	}{{w.response, response, &w.run.Response}, {w.service, service, &w.run.Service}} {
		line, err := hlogLine(tagSettled, from, to, log.h)
		if err != nil {
			w.fail(err)
			continue
		}
		w.write(log.file, line)
		*log.sum = new(Histogram)
		(*log.sum).Merge(wrap(log.h))
	}
}

// measured is from when to when the measure phase lasted.
func (w *Writer) measured() (from, to float64) {
	for i := range w.run.Intervals {
		if iv := &w.run.Intervals[i]; iv.Phase == PhaseMeasure {
			if to == 0 {
				from = iv.T0
			}
			to = iv.T1
		}
	}
	return from, to
}

// Event appends e.
func (w *Writer) Event(e *Event) error {
	w.line(struct {
		Type string `json:"type"`
		*Event
	}{lineEvent, e})
	w.run.Events = append(w.run.Events, *e)
	return w.err
}

// Run is what has been written so far, as Read would return it: live figures and the final report
// come from the same data as a report made years later. It is the Writer's own, and grows with it.
func (w *Writer) Run() *Run { return &w.run }

// Close appends s (nil: the run did not come so far), syncs and closes the files. It returns the
// first error of the Writer's life, so that nobody trusts a file with a hole.
func (w *Writer) Close(s *Summary) error {
	if s != nil {
		w.line(struct {
			Type string `json:"type"`
			*Summary
		}{lineSummary, s})
		w.run.Summary, w.run.Complete = *s, true
	} else {
		w.run.reconstruct()
	}
	for _, f := range []*os.File{w.result, w.response, w.service} {
		w.fail(f.Sync())
		w.fail(restore(f))
	}
	w.fail(w.closeFiles())
	return w.err
}

func (w *Writer) closeFiles() error {
	var errs []error
	for _, f := range []*os.File{w.result, w.response, w.service} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// line writes v as one line of JSON, in one write: a line is there or it is not, except at the
// very end of a killed run.
func (w *Writer) line(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		w.fail(err)
		return
	}
	w.write(w.result, append(b, '\n'))
}

func (w *Writer) write(f *os.File, b []byte) {
	if w.err != nil {
		return
	}
	_, err := f.Write(b)
	w.fail(err)
}

// fail keeps the first error.
func (w *Writer) fail(err error) {
	if w.err == nil && err != nil {
		w.err = fmt.Errorf("writing the result in %s: %w", w.run.Dir, err)
	}
}

// WriteFile writes data to a file that appears complete or not at all.
func WriteFile(name string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
