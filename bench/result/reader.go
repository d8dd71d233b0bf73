package result

import "errors"

// A Run is one result, read.
type Run struct {
	Dir       string // Where it was read from.
	Manifest  Manifest
	Intervals []Interval
	Events    []Event
	Summary   Summary

	// Complete: the file ended in a summary. Otherwise the run was killed, Summary was computed
	// from the intervals as far as they reach, and Summary.Interrupted is set.
	Complete bool

	// Response and Service hold what was due in the measure phase. Empty if the logs are missing.
	Response, Service *Histogram

	// Warnings are what a reader of the figures should know about the file.
	Warnings []string
}

// ErrNotResult: the file is something else.
var ErrNotResult = errors.New("not an mqttbench result")

// A VersionError: the file was written by a later mqttbench.
type VersionError struct {
	File string
	Got  int
}

func (e *VersionError) Error() string { panic("todo") }

// Read reads a run from its folder, or from the path of its result.jsonl.
//
// A file cut short is read as far as it goes. Anything else that is wrong is an error that names
// the file and the line: half a result must not look like a whole one.
func Read(path string) (*Run, error) { panic("todo") }
