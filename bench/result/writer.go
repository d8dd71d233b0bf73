package result

import hdr "github.com/HdrHistogram/hdrhistogram-go"

// The files of a run.
const (
	ResultFile   = "result.jsonl"
	ResponseFile = "response.hlog"
	ServiceFile  = "service.hlog"
)

// A Writer appends to the files of a run. Each line goes to the kernel as it is written, so that
// a run that is killed leaves everything up to its last interval; Close brings it to the disk.
// Not for concurrent use.
type Writer struct{}

// Create makes the folder dir and writes the manifest. It fails if dir already holds a result:
// a result is never overwritten.
func Create(dir string, m *Manifest) (*Writer, error) { panic("todo") }

// Interval appends iv, and the histograms (nanoseconds, lent, nil if nothing was recorded) to the
// logs. If histograms are given, iv.Response and iv.Service are computed from them.
func (w *Writer) Interval(iv *Interval, response, service *hdr.Histogram) error { panic("todo") }

// Event appends e.
func (w *Writer) Event(e *Event) error { panic("todo") }

// Run is what has been written so far, as Read would return it: live figures and the final report
// come from the same data as a report made years later. The result shares memory with the Writer.
func (w *Writer) Run() *Run { panic("todo") }

// Close appends s (nil: the run did not come so far), syncs and closes the files. It returns the
// first error of the Writer's life, so that nobody trusts a file with a hole.
func (w *Writer) Close(s *Summary) error { panic("todo") }

// WriteFile writes data to a file that appears complete or not at all.
func WriteFile(name string, data []byte) error { panic("todo") }
